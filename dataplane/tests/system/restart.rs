//! A dataplane that is killed and comes back.

use crate::frames::{SPOKE1, SPOKE2, echo, ip, through_tunnel};
use crate::hub::{Hub, Setup};
use crate::namespace::{isolated, run, wait_for};
use crate::wire_end::WireEnd;
use shm::Side;

#[test]
fn twins_and_what_the_kernel_knows_of_them_survive_a_kill() {
    isolated("restart::twins_and_what_the_kernel_knows_of_them_survive_a_kill", || {
        let wire = WireEnd::lay();
        let mut hub = Hub::start("restart", Setup::default());
        Hub::address_twins();
        run("ip", &["route", "add", "198.51.100.0/24", "via", "192.0.2.11", "dev", "wan0"]);
        let segment = hub.segment();
        let first = segment.life(Side::Dataplane);
        let before = state();
        for _ in 0..3 {
            hub.kill_and_restart();
            assert_eq!(state(), before);
            wire.send(&SPOKE1.gre(None, &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1))));
            wire.wait("the packet at spoke 2", |frame| through_tunnel(frame, SPOKE2, None));
        }
        // Control sees that what it told the dataplane is forgotten, and that the new one lives.
        let now = segment.life(Side::Dataplane);
        assert_ne!(now.boot_id, first.boot_id);
        assert_eq!(now.pid, hub.pid());
        wait_for("a heartbeat", || {
            (segment.life(Side::Dataplane).heartbeat_ms > now.heartbeat_ms).then_some(())
        });
    });
}

/// Whatever it was doing when it was killed, nothing it leaves behind keeps the next one from working.
#[test]
fn a_kill_at_any_moment_of_the_start_does_no_harm() {
    isolated("restart::a_kill_at_any_moment_of_the_start_does_no_harm", || {
        let wire = WireEnd::lay();
        let mut hub = Hub::start("moments", Setup::default());
        for moment in (0..400).step_by(25) {
            hub.kill_and_restart_for(std::time::Duration::from_millis(moment));
        }
        hub.kill_and_restart();
        wire.send(&SPOKE1.gre(None, &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1))));
        wire.wait("the packet at spoke 2", |frame| through_tunnel(frame, SPOKE2, None));
    });
}

/// Index, addresses and routes of the twins.
fn state() -> (String, String, String) {
    let links = run("ip", &["-oneline", "link"]);
    let numbers: Vec<&str> = links.lines().filter_map(|line| line.split(": ").next()).collect();
    let addresses = run("ip", &["-4", "-oneline", "address"]);
    let routes: Vec<String> = run("ip", &["-4", "route"])
        .lines()
        .map(|line| line.replace(" linkdown", "").trim_end().to_owned())
        .collect();
    (numbers.join(","), addresses, routes.join("\n"))
}

#[test]
fn a_deleted_twin_is_made_again() {
    isolated("restart::a_deleted_twin_is_made_again", || {
        let _wire = WireEnd::lay();
        let hub = Hub::start("deleted", Setup::default());
        run("ip", &["link", "delete", "dmvpn0"]);
        wait_for("the twin", || run("ip", &["-oneline", "link"]).contains("dmvpn0").then_some(()));
        wait_for("a line in the log", || hub.log().contains("made again").then_some(()));
    });
}

/// Keys of SAs are in its memory.
#[test]
fn no_core_file_is_made_of_it() {
    isolated("restart::no_core_file_is_made_of_it", || {
        let _wire = WireEnd::lay();
        let hub = Hub::start("core", Setup::default());
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", hub.pid())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    });
}
