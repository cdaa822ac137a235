//! Mistakes about IPsec, and what is said about them; secrets are in none of it.
#![cfg(test)]

use config::model::{ClaimPolicy, CryptoEngine, KeyPeer, ModePolicy, Unique};
use config::{Config, ConfigError};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const GOOD: &str = r#"
[hub]
name = "hub1"

[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["192.0.2.1/24", "192.0.2.2/24"]

[[tunnel]]
name = "Tunnel0"
interface = "tun0"
source = "192.0.2.1"
key = 1
address = "10.0.0.1/24"
protection = "DMVPN"
nhrp.network-id = 1

[[tunnel]]
name = "Tunnel1"
interface = "tun1"
source = "192.0.2.1"
key = 2
address = "10.0.8.1/24"
protection = "DMVPN"
nhrp.network-id = 2

[[tunnel]]
name = "Tunnel2"
interface = "tun2"
source = "192.0.2.2"
address = "10.0.9.1/24"
nhrp.network-id = 3

[[protection]]
name = "DMVPN"

[ike]
identity = "hub.example.net"

[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "correct horse battery"
"#;

/// What is said about `text`, one line per mistake: place, key, message.
fn said(text: &str) -> Vec<String> {
    let Err(error) = Config::parse("hub.toml", text) else { return Vec::new() };
    let line = |m: &config::Mistake| format!("{}:{} {}: {}", m.line, m.column, m.key, m.message);
    error.mistakes().iter().map(line).collect()
}

/// `GOOD` with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

/// `GOOD` with `from` replaced by `to` must give exactly one mistake, and it contains each of `words`.
fn one(from: &str, to: &str, words: &[&str]) {
    let said = said(&with(from, to));
    assert_eq!(said.len(), 1, "{to}: {said:#?}");
    for word in words {
        assert!(said[0].contains(word), "{to}: `{word}` is not in {said:#?}");
    }
}

#[test]
fn defaults() {
    let config = Config::parse("/etc/hub.toml", GOOD).unwrap_or_else(|error| panic!("{error}"));
    let ike = &config.ike;
    assert_eq!((ike.lifetime, ike.dpd, ike.half_open, ike.cookie_threshold), (86_400, 30, 65_536, 100));
    assert_eq!((ike.unique, ike.fragment_size, ike.proposals.len()), (Unique::Replace, 1280, 0));
    let profile = config.protection_of(&config.tunnel[1]).unwrap();
    assert_eq!((profile.mode, profile.claims), (ModePolicy::Any, ClaimPolicy::FirstCome));
    assert_eq!((profile.lifetime_seconds, profile.lifetime_kilobytes), (3_600, 4_608_000));
    assert_eq!((profile.lifetime_packets, profile.replay_window), (None, 1_024));
    assert!(config.protection_of(&config.tunnel[2]).is_none());
    assert_eq!(config.dataplane.crypto_engine, CryptoEngine::Auto);
    assert_eq!(ike.key[0].source.read().unwrap().octets(), b"correct horse battery");
}

#[test]
fn everything() {
    let text = with(
        "identity = \"hub.example.net\"\n",
        r#"certificate = "hub.pem"
private-key = "/keys/hub.key"
authority = ["ca.pem", "old.pem"]
crl = ["ca.crl"]
proposals = ["aes256gcm16-prfsha384-x25519-ke1_mlkem768"]
lifetime = 3600
dpd = 0
half-open = 100
cookie-threshold = 0
unique = "keep"
fragment-size = 1400

[[ike.key]]
identity = "*.example.net"
pre-shared-key-file = "spokes.psk"

[[ike.claim]]
identity = "spoke{n}.example.net"
address = "10.0.0.{n}"
tunnel = "Tunnel0"
"#,
    );
    let config = Config::parse("/etc/hub/hub.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let ike = &config.ike;
    let own = ike.own.as_ref().unwrap();
    assert_eq!(
        (own.certificate.as_path(), own.private_key.as_path()),
        (Path::new("/etc/hub/hub.pem"), Path::new("/keys/hub.key"))
    );
    assert_eq!(ike.authority, [PathBuf::from("/etc/hub/ca.pem"), "/etc/hub/old.pem".into()]);
    assert_eq!(ike.key[0].peer, KeyPeer::Identity("*.example.net".into()));
    assert_eq!(format!("{:?}", ike.key[0].source), "File(\"/etc/hub/spokes.psk\")");
    assert_eq!(ike.claim[0].address("spoke9.example.net", 0), Some(Ipv4Addr::new(10, 0, 0, 9)));
    assert_eq!(ike.claim[0].address("spoke9.example.net", 1), None);
    assert_eq!(ike.proposals[0].to_string(), "aes256gcm16-prfsha384-x25519-ke1_mlkem768");
}

#[test]
fn kinds() {
    let profile =
        |line: &str, words: &[&str]| one("name = \"DMVPN\"\n", &format!("name = \"DMVPN\"\n{line}\n"), words);
    profile(
        "proposals = [\"aes256-3des\"]",
        &["protection[0].proposals[0]", "`3des` is too weak", "aes128gcm16"],
    );
    profile("proposals = [\"aes256gcm\"]", &["in \"aes256gcm\"", "did you mean `aes256gcm16`?"]);
    profile("proposals = \"aes128gcm16\"", &["expected a list"]);
    profile("transform-set = [\"aes128gcm16\"]", &["did you mean `proposals`?"]);
    profile("mode = \"gre\"", &["expected \"transport\", \"tunnel\" or \"any\", found \"gre\""]);
    profile("replay-window = 1000", &["a power of two from 64 to 4096, found 1000"]);
    profile("replay-window = 32", &["a power of two"]);
    profile("lifetime-packets = 4294967296", &["from 1000 to 4294967295"]);
    profile("claims = \"all\"", &["\"first-come\" or \"listed\""]);
    profile("claims = \"listed\"", &["protection[0].claims", "without an [[ike.claim]]"]);
    let ike = |line: &str, words: &[&str]| one("[ike]\n", &format!("[ike]\n{line}\n"), words);
    ike(
        "proposals = [\"aes256-sha256-modp1024\"]",
        &["ike.proposals[0]", "`modp1024` is too weak", "x25519"],
    );
    ike("proposals = [\"aes128gcm16\"]", &["pseudo-random function"]);
    ike("unique = \"never\"", &["\"replace\" or \"keep\""]);
    ike("persist-sessions = \"never\"", &["\"tmpfs\" or \"always\""]);
    ike("fragment-size = 100", &["from 576 to 1500"]);
    ike("cookie-threshold = 70000", &["cookies would never be asked for: half-open is 65536"]);
    ike("certificate = \"hub.pem\"", &["ike.certificate", "of no use alone: add `private-key`"]);
    ike("private-key = \"hub.key\"", &["ike.private-key", "add `certificate`"]);
    ike("crl = [\"ca.crl\"]", &["ike.crl", "add `authority"]);
    ike("replay-window = 64", &["it belongs in [[protection]]"]);
    one(
        "[hub]\n",
        "[dataplane]\ncrypto-engine = \"gpu\"\n[hub]\n",
        &["\"auto\", \"portable\", \"ring\" or \"ipsec-mb\""],
    );
}

#[test]
fn tunnels_and_their_protection() {
    one(
        "protection = \"DMVPN\"\nnhrp.network-id = 2",
        "nhrp.network-id = 2",
        &["tunnel[1]", "the same source 192.0.2.1", "this one no protection"],
    );
    one(
        "protection = \"DMVPN\"\nnhrp.network-id = 2",
        "protection = \"OTHER\"\nnhrp.network-id = 2\n[[protection]]\nname = \"OTHER\"\n",
        &["tunnel[1].protection", "Tunnel0 has the same source", "protection \"OTHER\""],
    );
    let typo = said(&GOOD.replace("protection = \"DMVPN\"", "protection = \"DMVPM\""));
    assert_eq!(typo.len(), 2, "{typo:#?}");
    assert!(
        typo[0]
            .contains("tunnel[0].protection: no [[protection]] is called \"DMVPM\"; did you mean \"DMVPN\"?")
    );
    let none = said(&with("[[protection]]\nname = \"DMVPN\"\n", ""));
    assert!(none.iter().all(|line| line.contains("write one, with `name = \"DMVPN\"`")), "{none:#?}");
    one(
        "name = \"DMVPN\"\n",
        "name = \"DMVPN\"\n[[protection]]\nname = \"DMVPN\"\n",
        &["protection[1].name", "taken by protection[0].name"],
    );
    let nobody =
        said(&with("[[ike.key]]\naddress = \"0.0.0.0/0\"\npre-shared-key = \"correct horse battery\"\n", ""));
    assert_eq!(nobody.len(), 2, "{nobody:#?}");
    assert!(nobody[0].contains("tunnel[0].protection: spokes cannot be authenticated"), "{nobody:#?}");
    one(
        "nhrp.network-id = 1\n",
        "nhrp.network-id = 1\nnhrp.map = [{ protocol = \"10.0.0.9\", nbma = \"203.0.113.9\" }]\n",
        &["tunnel[0].nhrp.map[0]", "known by its IKE identity"],
    );
    one("key = 1\n", "key = 1\nmtu = 1400\n", &["did you mean `ip-mtu`?"]);
}

#[test]
fn ip_mtu_leaves_room_for_esp() {
    one(
        "key = 1\n",
        "key = 1\nip-mtu = 1439\n",
        &["tunnel[0].ip-mtu", "1439 is too much", "\"DMVPN\" leaves 1438 inside"],
    );
    one("key = 1\n", "key = 1\nip-mtu = 1473\n", &["which leaves 1472 inside"]);
    let profile = |lines: &str| with("name = \"DMVPN\"\n", &format!("name = \"DMVPN\"\n{lines}\n"));
    let tunnel = profile("mode = \"tunnel\"\nproposals = [\"aes256-sha256\"]")
        .replace("key = 1\n", "key = 1\nip-mtu = 1411\n");
    assert!(
        said(&tunnel)[0].contains("1411 is too much") && said(&tunnel)[0].contains("leaves 1410"),
        "{:?}",
        said(&tunnel)
    );
}

#[test]
fn keys_and_claims() {
    let key = |lines: &str, words: &[&str]| {
        one("address = \"0.0.0.0/0\"\npre-shared-key = \"correct horse battery\"\n", lines, words);
    };
    key("pre-shared-key = \"x\"\n", &["ike.key[0]", "`address` or `identity` is missing"]);
    key("address = \"0.0.0.0/0\"\n", &["`pre-shared-key` or `pre-shared-key-file` is missing"]);
    key(
        "address = \"0.0.0.0/0\"\nidentity = \"a\"\npre-shared-key = \"x\"\n",
        &["ike.key[0].identity", "keep one"],
    );
    key(
        "address = \"203.0.113.9/24\"\npre-shared-key = \"x\"\n",
        &["\"203.0.113.0/24\" (host bits are zero"],
    );
    key("identity = \"spoke*.example.net\"\npre-shared-key = \"x\"\n", &["\"*.example.net\""]);
    key("address = \"0.0.0.0/0\"\npre-shared-key = \"\"\n", &["found an empty text"]);
    key("address = \"0.0.0.0/0\"\npre-shared-key = 5\n", &["in quotes"]);
    for wrong in ["0x", "0x0", "0x0g", "0xabc", "0x+1"] {
        key(
            &format!("address = \"0.0.0.0/0\"\npre-shared-key = \"{wrong}\"\n"),
            &["pairs of hexadecimal digits"],
        );
    }
    let good = "address = \"0.0.0.0/0\"\npre-shared-key = \"correct horse battery\"\n";
    let hexadecimal = "address = \"0.0.0.0/0\"\npre-shared-key = \"0x00fF1122\"\n";
    assert_eq!(said(&with(good, hexadecimal)), Vec::<String>::new());
    key(
        "address = \"0.0.0.0/0\"\npsk = \"x\"\npre-shared-key = \"x\"\n",
        &["did you mean `pre-shared-key`?"],
    );
    one(
        "[[ike.key]]\n",
        "[[ike.key]]\naddress = \"0.0.0.0/0\"\npre-shared-key = \"x\"\n[[ike.key]]\n",
        &["ike.key[1].address", "ike.key[0] is for 0.0.0.0/0 already"],
    );
    let claim = |lines: &str, words: &[&str]| {
        one("[[ike.key]]\n", &format!("[[ike.claim]]\n{lines}\n[[ike.key]]\n"), words)
    };
    claim("identity = \"a\"", &["`address` is missing in [[ike.claim]]"]);
    claim("identity = \"a{n}\"\naddress = \"10.0.0.{m}\"", &["`{m}` is not in the identity \"a{n}\""]);
    claim("identity = \"a{x\"\naddress = \"10.0.0.1\"", &["ike.claim[0].identity", "no placeholder"]);
    claim("identity = \"a\"\naddress = \"10.0.0.1/32\"", &["found \"10.0.0.1/32\""]);
    claim("identity = \"a\"\naddress = \"10.0.0.1\"", &["the hub's own address"]);
    claim(
        "identity = \"a\"\naddress = \"10.7.0.1\"",
        &["outside the tunnel's subnet (10.0.0.0/24, 10.0.8.0/24)"],
    );
    claim(
        "identity = \"a\"\naddress = \"10.0.8.9\"\ntunnel = \"Tunnel0\"",
        &["outside the tunnel's subnet (10.0.0.0/24)"],
    );
    claim("identity = \"a\"\naddress = \"10.0.9.9\"\ntunnel = \"Tunnel2\"", &["Tunnel2 has no protection"]);
    claim(
        "identity = \"a\"\naddress = \"10.0.0.9\"\ntunnel = \"Tunnel7\"",
        &["no tunnel is called Tunnel7; there are Tunnel0"],
    );
}

/// No error shows a key, wherever the mistake is, nor does `Debug`.
#[test]
fn secrets_are_not_shown() {
    let long = "s3cr3t".repeat(200);
    let text = GOOD.replace("correct horse battery", "s3cr3t-s3cr3t-s3cr3t");
    let line = "pre-shared-key = \"s3cr3t-s3cr3t-s3cr3t\"";
    assert!(text.contains(line));
    for wrong in [
        "pre-shared-key = \"s3cr3t",
        "pre-shared-key = s3cr3t",
        "pre-shared-key = \"s3cr3t\" x",
        "pre-shared-key = \"\"\"\ns3cr3t\ns3cr3t",
        "pre-shard-key = \"s3cr3t\"",
        "secret = \"s3cr3t\"",
        "colour = \"s3cr3t\"",
        "pre-shared-key = [\"s3cr3t\"]",
        "pre-shared-key = { text = \"s3cr3t\" }",
        "pre-shared-key = \"s3cr3t\"\npre-shared-key = \"s3cr3t\"",
        "pre-shared-key = \"s3cr3t\"\npre-shared-key-file = \"x\"",
        &format!("pre-shared-key = \"{long}\""),
        "identity = \"x\"\npre-shared-key = \"s3cr3t\"",
        "[[ike.key]]\npre-shared-key = \"s3cr3t\"",
        "[[ike]]\nkey = \"s3cr3t\"",
    ] {
        let error = Config::parse("f", &text.replace(line, wrong)).map(|_| ()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cr3t"), "{wrong}: {shown}");
    }
    for wrong in [
        "key = \"s3cr3t\"",
        "key = [\"s3cr3t\"]",
        "key = [{ address = \"0.0.0.0/0\", pre-shard-key = \"s3cr3t\" }]",
        "key = [{ identity = \"*.*\", pre-shared-key = \"s3cr3t\" }]",
    ] {
        let (before, _) = text.split_once("[[ike.key]]").unwrap();
        let error = Config::parse("f", &format!("{before}{wrong}\n")).map(|_| ()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cr3t"), "{wrong}: {shown}");
    }
    let config = Config::parse("f", &text).unwrap();
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

/// A directory with a `hub.toml` that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hub-config-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What is said of a `hub.toml`: errors or warnings, as key and message.
    fn said(&self, text: &str, mode: u32) -> Vec<String> {
        self.write("hub.toml", text.as_bytes(), mode);
        let line = |m: &config::Mistake| format!("{:?} {}: {}", m.severity, m.key, m.message);
        match Config::check(self.0.join("hub.toml")) {
            Ok(checked) => checked.warnings.iter().map(line).filter(|line| line.contains("ike")).collect(),
            Err(error @ ConfigError::Mistakes(_)) => error.mistakes().iter().map(line).collect(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn key_files_are_there_and_kept() {
    let place = Place::new("psk");
    let text = with("pre-shared-key = \"correct horse battery\"", "pre-shared-key-file = \"spokes.psk\"");
    let missing = place.said(&text, 0o644);
    assert!(missing.len() == 1 && missing[0].contains("spokes.psk: No such file"), "{missing:?}");
    assert!(missing[0].starts_with("Error ike.key[0].pre-shared-key-file"), "{missing:?}");
    place.write("spokes.psk", b"correct horse battery\n", 0o644);
    let open = place.said(&text, 0o644);
    assert!(open.len() == 1 && open[0].contains("(mode 644): chmod 600 it"), "{open:?}");
    place.write("spokes.psk", b"correct horse battery\n", 0o640);
    assert_eq!(place.said(&text, 0o644), Vec::<String>::new());
    let config = Config::load(place.0.join("hub.toml")).unwrap();
    assert_eq!(config.ike.key[0].source.read().unwrap().octets(), b"correct horse battery");
    for (content, word) in [
        (&b"\n"[..], "is empty"),
        (b"", "is empty"),
        (&[b'x'; 1_026], "longer than 1024"),
        (b"0x0", "pairs of"),
    ] {
        place.write("spokes.psk", content, 0o600);
        let said = place.said(&text, 0o600);
        assert!(said.len() == 1 && said[0].contains(word), "{said:?}");
    }
    place.write("spokes.psk", &[&[b'x'; 1_024][..], b"\r\n"].concat(), 0o600);
    assert_eq!(place.said(&text, 0o600), Vec::<String>::new(), "the longest");
}

#[test]
fn keys_in_a_file_that_everybody_reads() {
    let place = Place::new("inline");
    assert_eq!(place.said(GOOD, 0o640), Vec::<String>::new());
    let open = place.said(GOOD, 0o644);
    assert!(open.len() == 1 && open[0].starts_with("Warning ike.key: everybody"), "{open:?}");
    let short = place.said(&with("correct horse battery", "cisco"), 0o600);
    assert!(short.len() == 1 && short[0].contains("can be found by trying"), "{short:?}");
}

#[test]
fn certificates_are_there_and_their_key_is_kept() {
    let place = Place::new("x509");
    let text = with(
        "[ike]\n",
        "[ike]\ncertificate = \"hub.pem\"\nprivate-key = \"hub.key\"\nauthority = [\"ca.pem\"]\ncrl = [\"x\"]\n",
    );
    let missing = place.said(&text, 0o600);
    assert_eq!(missing.len(), 4, "{missing:#?}");
    for name in ["hub.pem", "ca.pem"] {
        place.write(name, b"PEM", 0o644);
    }
    place.write("hub.key", b"PEM", 0o644);
    place.write("x", b"", 0o644);
    let said = place.said(&text, 0o600);
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("ike.private-key") && said[0].contains("open to everybody"), "{said:#?}");
    assert!(said[1].contains("ike.crl[0]") && said[1].contains("is empty"), "{said:#?}");
}

/// SHA-1 goes, when it is named, and it is said what that means.
#[test]
fn weak_but_served() {
    let place = Place::new("weak");
    let text = with("name = \"DMVPN\"\n", "name = \"DMVPN\"\nproposals = [\"aes128-sha1\"]\n").replace(
        "[ike]\n",
        "[ike]\nlifetime = 30\nproposals = [\"aes128-sha256-modp2048\", \"aes256-sha1-modp2048\"]\n",
    );
    place.write("hub.toml", text.as_bytes(), 0o600);
    let checked = Config::check(place.0.join("hub.toml")).unwrap();
    let keys: Vec<&str> = checked.warnings.iter().map(|warning| warning.key.as_str()).collect();
    for key in ["protection[0].proposals[0]", "ike.proposals[1]", "ike.lifetime"] {
        assert!(keys.contains(&key), "{keys:?}");
    }
    assert!(!keys.contains(&"ike.proposals[0]"), "{keys:?}");
}
