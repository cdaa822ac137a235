use super::*;

fn identity(text: &str) -> Identity {
    Identity::from_config(text).unwrap()
}

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

#[test]
fn every_kind_comes_back_from_its_payload() {
    for (text, kind) in [
        ("192.0.2.1", 1),
        ("spoke1.example.net", 2),
        ("spoke1@example.net", 3),
        ("C=DE, CN=spoke1", 9),
        ("keyid:spoke1", 11),
    ] {
        let identity = identity(text);
        assert_eq!((identity.kind(), identity.to_string().as_str()), (kind, text));
        assert_eq!(Identity::parse(&identity.body()), Ok(identity));
    }
    // Reserved octets are ignored (RFC 7296 3.5).
    assert_eq!(Identity::parse(&[1, 9, 9, 9, 192, 0, 2, 1]), Ok(identity("192.0.2.1")));
}

#[test]
fn names_are_equal_whatever_their_case() {
    let parse = |kind, data: &str| Identity::from_parts(kind, data.as_bytes()).unwrap();
    assert_eq!(parse(2, "Spoke1.EXAMPLE.net"), identity("spoke1.example.net"));
    assert_eq!(parse(2, "spoke1.example.net."), identity("spoke1.example.net"));
    assert_eq!(parse(3, "Bob@EXAMPLE.net"), identity("Bob@example.net"));
    assert_ne!(parse(3, "bob@example.net"), identity("Bob@example.net"));
}

#[test]
fn malformed_identities_are_refused() {
    use IdentityError::{AddressLength, Characters, Email, Empty, Name, TooLong, Type};
    for body in [&[][..], &[2], &[2, 0, 0], &[2, 0, 0, 0]] {
        assert_eq!(Identity::parse(body), Err(Empty));
    }
    for (kind, data, error) in [
        (1, &[192, 0, 2][..], AddressLength(3)),
        (1, &[192, 0, 2, 1, 0], AddressLength(5)),
        (5, &[0; 16], Type(5)),
        (0, b"x", Type(0)),
        (4, b"x", Type(4)),
        (12, b"x", Type(12)),
        (13, b"x", Type(13)),
        (255, b"x", Type(255)),
        (2, b"spoke1\0.example.net", Characters),
        (2, b"spoke1.example.net\0", Characters),
        (2, b"spoke 1", Characters),
        (2, b"spoke\n1", Characters),
        (2, b"\x1b[31m", Characters),
        (2, &[0xC3, 0xA4], Characters),
        (2, b".", Empty),
        (2, b"..", Characters),
        (2, b".example.net", Characters),
        (2, b"a..example.net", Characters),
        (2, b"*.example.net", Characters),
        (2, b"192.0.2.1", Characters),
        (2, b"192.0.2.1.", Characters),
        (2, b"CN=spoke1", Characters),
        (2, b"a@example.net", Characters),
        (2, b"keyid:a", Characters),
        (3, b"CN=a@example.net", Characters),
        (3, b"*@example.net", Characters),
        (3, b"keyid:a@example.net", Characters),
        (3, b"a@b@example.net", Characters),
        (3, b"a@192.0.2.1", Characters),
        (3, b"spoke1", Email),
        (3, b"@example.net", Email),
        (3, b"spoke1@", Email),
        (3, b"a\0b@example.net", Characters),
        (9, b"CN=spoke1", Name),
        (9, &[0x30], Name),
    ] {
        assert_eq!(Identity::from_parts(kind, data), Err(error), "{kind} {data:?}");
    }
    for kind in [2, 3, 9, 11] {
        assert_eq!(Identity::from_parts(kind, &[b'a'; 1025]), Err(TooLong(1025)));
    }
    assert!(Identity::from_parts(2, &[b'a'; 1024]).is_ok());
}

/// Whoever writes identities down, compares or configures them as text means the one that sent it.
#[test]
fn what_is_shown_is_read_as_the_same_identity() {
    let mut seen = std::collections::HashMap::new();
    let texts = [
        "192.0.2.1",
        "spoke1",
        "a@b",
        "CN=a",
        "keyid:a",
        "0x41",
        "*",
        "*.a",
        "*@a",
        "a=b",
        "a,b=c",
        "O=#0500",
        "",
    ];
    for kind in 0..=13 {
        for text in
            texts.map(str::as_bytes).into_iter().chain([&[192, 0, 2, 1][..], &[0x41], &[0, 1], &[0x1b, b'x']])
        {
            let Ok(identity) = Identity::from_parts(kind, text) else { continue };
            assert_eq!(Identity::from_config(&identity.to_string()), Ok(identity.clone()), "{identity}");
            if let Some(other) = seen.insert(identity.to_string(), identity.clone()) {
                assert_eq!(other, identity);
            }
        }
    }
    assert!(seen.len() >= 14, "{seen:?}");
}

#[test]
fn key_ids_show_nothing_that_a_terminal_obeys() {
    let shown = Identity::from_parts(11, b"\x1b[2J").unwrap().to_string();
    assert_eq!(shown, "keyid:0x1b5b324a");
}

#[test]
fn patterns_match_what_they_say() {
    for (text, yes, no) in [
        (
            "spoke1.example.net",
            vec!["SPOKE1.example.net"],
            vec!["spoke10.example.net", "example.net", "keyid:spoke1.example.net"],
        ),
        (
            "*.example.net",
            vec!["a.example.net", "a.b.example.net"],
            vec!["example.net", "aexample.net", "a.example.net.evil.org", "a@b.example.net", "192.0.2.1"],
        ),
        ("*@example.net", vec!["a@example.net"], vec!["a@b.example.net", "example.net"]),
        ("192.0.2.1", vec!["192.0.2.1"], vec!["192.0.2.2", "keyid:192.0.2.1"]),
        ("C=DE, CN=*", vec!["C=DE, CN=*"], vec!["C=DE, CN=a"]),
        ("keyid:*", vec!["keyid:*"], vec!["keyid:a"]),
        ("*", vec!["192.0.2.1", "a.b", "a@b", "CN=a", "keyid:a"], vec![]),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.to_string(), text);
        for yes in yes {
            assert!(pattern.matches(&identity(yes)), "{text} {yes}");
        }
        for no in no {
            assert!(!pattern.matches(&identity(no)), "{text} {no}");
        }
    }
}

#[test]
fn patterns_that_say_nothing_clear_are_refused() {
    for text in [
        "",
        "**",
        "*.",
        "*@",
        "a*.example.net",
        "spoke*.example.net",
        "*.*.net",
        "*example.net",
        "a.*",
        "*. b",
        "*.a@b",
    ] {
        assert!(text.parse::<Pattern>().is_err(), "{text}");
    }
}

#[test]
fn an_exact_pattern_weighs_more_than_a_longer_suffix_and_that_more_than_any() {
    let weights = ["*", "*.net", "*.example.net", "a.example.net"].map(|text| pattern(text).weight());
    assert!(weights.is_sorted() && weights.windows(2).all(|pair| pair[0] != pair[1]));
}
