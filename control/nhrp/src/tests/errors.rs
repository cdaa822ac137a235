//! Authentication, error indications, and what is answered with silence.

use super::support::*;
use crate::*;
use wire::nhrp::{ErrorCode, PacketType};

fn secret() -> TunnelConfig {
    TunnelConfig { authentication: Some(Authentication::new("secret").unwrap()), ..tunnel() }
}

/// A packet of each type, without authentication.
fn of_each_type() -> Vec<Vec<u8>> {
    let replies = [PacketType::ResolutionReply, PacketType::RegistrationReply, PacketType::PurgeReply];
    let mut all = vec![
        registration(nbma(2), spoke(2)).build(),
        resolution(2, spoke(3)).build(),
        purge(2, spoke(2)).build(),
        error_indication(nbma(2), spoke(2), HUB, &[]),
        indication(nbma(2), spoke(2), HUB, &ping(spoke(2), spoke(3))),
    ];
    all.extend(replies.map(|kind| reply(kind, nbma(3), spoke(3), spoke(2)).build()));
    all
}

#[test]
fn no_type_gets_by_without_authentication() {
    let packets = of_each_type();
    let kinds: std::collections::HashSet<u8> = packets.iter().map(|octets| octets[17]).collect();
    assert_eq!(kinds.len(), 8);
    for octets in packets {
        let mut hub = Hub::new(secret());
        for n in [2, 3] {
            hub.packet(nbma(n), &registration(nbma(n), spoke(n)).auth("secret").build());
        }
        hub.now_ms += 20_000;
        let before = *hub.server.counters(0).unwrap();
        let actions = hub.packet(nbma(2), &octets);
        assert_eq!(hub.dropped(DropReason::Authentication), 1);
        if octets[17] == 7 {
            assert_eq!(sent(&actions), []);
        } else {
            assert_eq!(error(&actions), ErrorCode::AuthenticationFailure);
            // Our password is not for who failed to give it.
            assert!(only(&actions).1.authentication().is_none());
        }
        assert_eq!(hub.server.counters(0).unwrap().forwarded, before.forwarded);
        assert_eq!(hub.server.len(), 2);
        let kind = LogKind::AuthenticationFailed { packet_type: octets[17], missing: true };
        assert_eq!(logs(&actions), [kind]);
    }
}

#[test]
fn wrong_passwords_of_any_length_are_refused_and_named() {
    let mut hub = Hub::new(secret());
    for wrong in ["Secret", "secre", "secret1", "#", "12345678"] {
        hub.now_ms += 60_000;
        let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).auth(wrong).build());
        assert_eq!(error(&actions), ErrorCode::AuthenticationFailure);
        let Some(Action::Log(event)) = actions.iter().find(|a| matches!(a, Action::Log(_))) else { panic!() };
        let line = event.to_string();
        assert!(
            line.contains("10.255.0.2") && line.contains("203.0.113.2") && line.contains("wrong"),
            "{line}"
        );
        assert!(!line.contains(wrong) && !line.contains("secret"), "{line}");
    }
    let record = *hub.server.absent().next().unwrap();
    assert_eq!(
        (record.failure, record.count, record.station.nbma),
        (Failure::AuthenticationWrong, 5, nbma(2))
    );
    assert!(hub.server.is_empty());
    assert_eq!(codes(&hub.packet(nbma(2), &registration(nbma(2), spoke(2)).auth("secret").build())), [0]);
    assert_eq!(hub.server.absent().count(), 0);
}

/// Neither as text nor as octets.
#[test]
fn no_debug_output_shows_the_password() {
    let mut hub = Hub::new(secret());
    let octets = registration(nbma(2), spoke(2)).auth("secret").build();
    let packet = parse(&octets);
    let actions = hub.packet(nbma(2), &octets);
    let extensions: Vec<_> = packet.extensions().collect();
    let outputs = [
        format!("{:?}", hub.server.config()),
        format!("{packet:?} {:?} {extensions:?}", packet.authentication()),
        format!("{actions:?}"),
    ];
    for output in outputs {
        for form in ["secret", "115, 101", "73, 65"] {
            assert!(!output.contains(form), "{output}");
        }
    }
}

#[test]
fn trouble_before_the_latest_registration_is_not_the_cause_of_what_comes_later() {
    let good = registration(nbma(2), spoke(2)).auth("secret").build();
    let bad = registration(nbma(2), spoke(2)).auth("wrong").build();
    let failure = |hub: &Hub| hub.server.absent().map(|record| record.failure).collect::<Vec<_>>();
    let mut hub = Hub::new(secret());
    hub.packet(nbma(2), &bad);
    hub.now_ms += 1000;
    hub.packet(nbma(2), &good);
    hub.pass(600_000);
    assert_eq!(failure(&hub), [Failure::Gone(UnbindReason::Expired)]);
    // The password changed while it was up: that is why it went.
    hub.packet(nbma(2), &good);
    hub.now_ms += 1000;
    hub.packet(nbma(2), &bad);
    hub.pass(600_000);
    assert_eq!(failure(&hub), [Failure::AuthenticationWrong]);
}

#[test]
fn without_a_password_one_received_is_ignored_and_not_given_back() {
    let mut hub = Hub::new(tunnel());
    let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).auth("whatever").build());
    assert_eq!(codes(&actions), [0]);
    assert!(only(&actions).1.authentication().is_none());
}

#[test]
fn everything_sent_bears_exactly_one_authentication() {
    let mut hub = Hub::new(secret());
    for n in [2, 3] {
        let actions = hub.packet(nbma(n), &registration(nbma(n), spoke(n)).auth("secret").build());
        assert!(only(&actions).1.authentication().unwrap().matches(b"secret"));
    }
    // Parsing refuses duplicates, so that one found is the only one.
    let actions = hub.packet(nbma(2), &resolution(2, spoke(3)).auth("secret").build());
    assert!(only(&actions).1.authentication().unwrap().matches(b"secret"));
    let actions = hub.redirect(nbma(2), &ping(spoke(2), spoke(3)));
    assert!(only(&actions).1.authentication().unwrap().matches(b"secret"));
}

#[test]
fn errors_are_few() {
    let mut hub = Hub::new(secret());
    let bad = registration(nbma(2), spoke(2)).build();
    let errors = (0..100).filter(|_| !sent(&hub.packet(nbma(2), &bad)).is_empty()).count();
    assert_eq!(errors, 1);
    assert_eq!(hub.server.counters(0).unwrap().errors_suppressed, 99);
    hub.now_ms += 1000;
    assert_eq!(sent(&hub.packet(nbma(2), &bad)).len(), 1);
    // Of many peers together 100 in a second.
    hub.now_ms += 10_000;
    let from = |n: u16| std::net::Ipv4Addr::from(0xc633_6400 + u32::from(n));
    let errors = (0..1000).filter(|n| !sent(&hub.packet(from(*n), &bad)).is_empty()).count();
    assert_eq!(errors, 100);
}

#[test]
fn logs_are_few_and_say_how_many_were_left_out() {
    let mut hub = Hub::new(secret());
    let bad = registration(nbma(2), spoke(2)).build();
    let count = (0..50).map(|_| logs(&hub.packet(nbma(2), &bad)).len()).sum::<usize>();
    assert_eq!((count, hub.server.counters(0).unwrap().logs_suppressed), (1, 49));
    hub.now_ms += 10_000;
    let actions = hub.packet(nbma(2), &bad);
    assert!(actions.iter().any(|action| matches!(action, Action::Log(event) if event.suppressed == 49)));
}

#[test]
fn an_error_about_an_error_is_never_sent() {
    let mut hub = Hub::new(secret());
    let inner = error_indication(nbma(2), spoke(2), HUB, &[]);
    for body in [&[][..], &[0x45], &inner] {
        let actions = hub.packet(nbma(2), &error_indication(nbma(2), spoke(2), HUB, body));
        assert_eq!(sent(&actions), []);
    }
    // Two hubs with different passwords do not play ping-pong.
    let mut other = Hub::with(config(vec![TunnelConfig {
        authentication: Some(Authentication::new("other").unwrap()),
        ..TunnelConfig::new(0, nbma(9), spoke(9), 24)
    }]));
    let first = hub.packet(nbma(9), &registration(nbma(9), spoke(9)).auth("other").build());
    let [(_, octets)] = sent(&first)[..] else { panic!() };
    assert_eq!(sent(&other.packet(HUB_NBMA, octets)), []);
}

#[test]
fn an_error_to_us_is_counted_told_and_remembered() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    let actions = hub.packet(nbma(2), &error_indication(nbma(2), spoke(2), HUB, &[1, 2, 3]));
    assert_eq!(logs(&actions), [LogKind::ErrorReceived { code: 7 }]);
    assert_eq!(hub.server.counters(0).unwrap().received.get(7), 1);
    assert_eq!(hub.server.failures().next().unwrap().failure, Failure::ErrorReceived(7));
    // The spoke is up all the same.
    assert_eq!(hub.server.absent().count(), 0);
}

#[test]
fn errors_for_others_pass_and_ours_do_not_come_round() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    hub.register(3);
    let actions = hub.packet(nbma(2), &error_indication(nbma(2), spoke(2), spoke(3), &[1, 2, 3]));
    assert_eq!((only(&actions).0, only(&actions).1.body()), (nbma(3), &[1, 2, 3][..]));
    assert_eq!(hub.packet(nbma(2), &error_indication(HUB_NBMA, HUB, spoke(3), &[])).len(), 1);
    assert_eq!(hub.dropped(DropReason::ErrorLoop), 1);
    hub.packet(nbma(2), &error_indication(nbma(2), spoke(2), spoke(99), &[]));
    assert_eq!(hub.dropped(DropReason::ErrorLoop), 2);
}
