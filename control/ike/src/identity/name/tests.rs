use super::*;

fn name(text: &str) -> DistinguishedName {
    DistinguishedName::from_text(text).unwrap()
}

/// Made by `openssl req -subj /C=DE/O=Example/CN=spoke1 -new ... | openssl req -subject`, its subject in DER.
const OPENSSL: &str = "3030310b3009060355040613024445\
                       3110300e060355040a0c074578616d706c65\
                       310f300d06035504030c0673706f6b6531";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn text_gives_the_der_that_openssl_gives() {
    assert_eq!(name("C=DE, O=Example, CN=spoke1").der(), hex(OPENSSL));
    let parsed = DistinguishedName::from_der(&hex(OPENSSL)).unwrap();
    assert_eq!(parsed, name("C=DE,O=Example,CN=spoke1"));
    assert_eq!(parsed.to_string(), "C=DE, O=Example, CN=spoke1");
}

#[test]
fn comparison_overlooks_case_and_spaces_and_nothing_else() {
    let one = name("C=DE, O=Example Corp, CN=spoke1");
    for same in ["c=de,o=EXAMPLE corp,cn=Spoke1", "C=DE, 2.5.4.10=Example   Corp , CN=spoke1"] {
        assert_eq!(one, name(same));
    }
    for other in [
        "C=DE, O=Example Corp",
        "C=DE, O=Example Corp, CN=spoke1, CN=spoke1",
        "C=DE, CN=spoke1, O=Example Corp",
        "C=DE, O=Example Corp+CN=spoke1",
        "C=DE, O=ExampleCorp, CN=spoke1",
        "C=DE, O=Example Corp, OU=spoke1",
        "C=DE, O=Example Corp, CN=spoke10",
    ] {
        assert_ne!(one, name(other), "{other}");
    }
}

#[test]
fn escapes_are_read_and_written() {
    for text in [
        r"O=Example\, Inc., CN=a\+b",
        r"O=back\\slash",
        "O=a+OU=b, CN=Müller",
        "1.2.3.4=x",
        "DC=net, E=a@b.c",
    ] {
        assert_eq!(name(text).to_string(), text);
        assert_eq!(name(&name(text).to_string()), name(text));
    }
    assert_eq!(name("EMAILADDRESS=a@b.c").to_string(), "E=a@b.c");
    assert_eq!(name("UnstructuredName=spoke1").to_string(), "unstructuredName=spoke1");
}

#[test]
fn text_that_is_no_name_is_refused() {
    for text in [
        "",
        "spoke1",
        "CN=",
        "CN=a,",
        ",CN=a",
        "CN=a,,O=b",
        "=a",
        "XX=a",
        "CN=a+",
        r"CN=a\",
        "C=\u{e4}",
        "CN=a\0b",
    ] {
        assert!(DistinguishedName::from_text(text).is_none(), "{text:?}");
    }
    let many = vec!["CN=a"; MAX_ATTRIBUTES + 1].join(",");
    assert!(DistinguishedName::from_text(&many).is_none());
}

#[test]
fn der_that_is_cut_or_longer_or_empty_is_refused() {
    let der = hex(OPENSSL);
    for length in 0..der.len() {
        assert!(DistinguishedName::from_der(&der[..length]).is_none(), "{length}");
    }
    assert!(DistinguishedName::from_der(&[&der[..], &[0]].concat()).is_none());
    assert!(DistinguishedName::from_der(&[0x30, 0]).is_none());
    // An embedded NUL, line feed, escape.
    for octet in [0, b'\n', 0x1B] {
        let mut bad = der.clone();
        let last = bad.len() - 2;
        bad[last] = octet;
        assert!(DistinguishedName::from_der(&bad).is_none(), "{octet}");
    }
    // No octet makes it panic.
    for at in 0..der.len() {
        for octet in 0..=255 {
            let mut altered = der.clone();
            altered[at] = octet;
            let _ = DistinguishedName::from_der(&altered).map(|name| name.to_string());
        }
    }
}

#[test]
fn what_would_turn_a_terminals_text_is_escaped() {
    assert_eq!(name("CN=a\u{202e}b").to_string(), r"CN=a\u{202e}b");
}
