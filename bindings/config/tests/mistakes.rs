//! Each mistake an operator can make, and what is said about it.
#![cfg(test)]

use config::Config;

const GOOD: &str = r#"
[hub]
name = "hub1"

[[port]]
name = "wan0"
device = "net_af_packet0,iface=veth0"
role = "underlay"
address = ["192.0.2.1/24"]
gateway = "192.0.2.254"

[[port]]
name = "lan0"
device = "net_af_packet1,iface=veth1"
role = "lan"
address = ["10.1.0.1/24"]

[[tunnel]]
name = "Tunnel0"
interface = "tun0"
source = "192.0.2.1"
key = 1
address = "10.0.0.1/24"

[tunnel.nhrp]
network-id = 1
authentication = "secret"

[[tunnel.nhrp.map]]
protocol = "10.0.0.9"
nbma = "203.0.113.9"

[[tunnel]]
name = "Tunnel1"
interface = "tun1"
source = "192.0.2.1"
key = 2
address = "10.0.8.1/22"

[tunnel.nhrp]
network-id = 2

[[route]]
prefix = "10.20.0.0/16"
via = "10.0.0.2"
"#;

/// What is said about `text`, one line per mistake: place, key, message.
fn said(text: &str) -> Vec<String> {
    let Err(error) = Config::parse("hub.toml", text) else { return Vec::new() };
    let line = |m: &config::Mistake| format!("{}:{} {}: {}", m.line, m.column, m.key, m.message);
    error.mistakes().iter().map(line).collect()
}

/// `GOOD` with `from` replaced by `to` must give exactly one mistake, and it contains each of `words`.
fn one(from: &str, to: &str, words: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    let said = said(&GOOD.replacen(from, to, 1));
    assert_eq!(said.len(), 1, "{to}: {said:#?}");
    for word in words {
        assert!(said[0].contains(word), "{to}: `{word}` is not in {said:#?}");
    }
}

#[test]
fn good_is_good() {
    assert_eq!(said(GOOD), Vec::<String>::new());
}

#[test]
fn unknown_keys() {
    one(
        "network-id = 1\n",
        "network-id = 1\nholdtme = 600\n",
        &["27:1", "tunnel[0].nhrp.holdtme", "`holdtime`?"],
    );
    one("network-id = 1\n", "network-id = 1\nredirect = true\n", &["did you mean `phase`?"]);
    one("key = 1\n", "key = 1\nmtu = 1400\n", &["did you mean `ip-mtu`?"]);
    one("key = 1\n", "key = 1\nnetwork-id = 7\n", &["it belongs in [tunnel.nhrp]"]);
    one("key = 1\n", "key = 1\ncolour = \"red\"\n", &["valid keys are name, interface, source"]);
    one("[[route]]", "[[routes]]", &["no key of the top of the file; did you mean `route`?"]);
}

#[test]
fn absent_keys() {
    one(
        "source = \"192.0.2.1\"\nkey = 1\n",
        "key = 1\n",
        &["18:1", "tunnel[0]", "`source` is missing in [[tunnel]]"],
    );
    one("[hub]\nname = \"hub1\"\n", "", &["1:1", "[hub] is missing"]);
    one("[hub]\nname = \"hub1\"\n", "[hub]\n", &["`name` is missing in [hub]"]);
    one("[tunnel.nhrp]\nnetwork-id = 2\n", "", &["tunnel[1]", "[tunnel.nhrp] is missing"]);
    assert_eq!(said("").len(), 3);
    let both = said(&GOOD.replace("name = \"lan0\"\ndevice = \"net_af_packet1,iface=veth1\"\n", ""));
    assert_eq!(both.len(), 2, "{both:#?}");
}

#[test]
fn kinds_and_ranges() {
    one("key = 1\n", "key = -1\n", &["22:7", "a whole number from 0 to 4294967295, found -1"]);
    one("key = 1\n", "key = \"1\"\n", &["a whole number from 0 to 4294967295, found \"1\""]);
    one("key = 1\n", "key = 0x1_0000_0000\n", &["a whole number from 0 to 4294967295"]);
    one("\"underlay\"", "\"wan\"", &["expected \"underlay\" or \"lan\", found \"wan\""]);
    one("\"192.0.2.254\"", "\"192.0.2.256\"", &["an IPv4 address", "found \"192.0.2.256\""]);
    one("\"192.0.2.1/24\"", "\"192.0.2.1\"", &["9:12", "port[0].address[0]", "with a prefix length"]);
    one("[\"192.0.2.1/24\"]", "\"192.0.2.1/24\"", &["expected a list"]);
    one("\"192.0.2.1/24\"", "\"192.0.2.0/24\"", &["not the network's"]);
    one("\"10.20.0.0/16\"", "\"10.20.1.0/16\"", &["\"10.20.0.0/16\" (host bits are zero"]);
    one("role = \"lan\"\n", "role = \"lan\"\nmtu = 500\n", &["from 576 to 9216, found 500"]);
    one("role = \"lan\"\n", "role = \"lan\"\nvlan = 4095\n", &["from 1 to 4094"]);
    one("role = \"lan\"\n", "role = \"lan\"\nmac = \"01:00:00:00:00:01\"\n", &["unicast MAC"]);
    one("\"wan0\"", "\"wan-with-a-long-name\"", &["1 to 15 characters"]);
    one("\"wan0\"", "\"wan/0\"", &["1 to 15 characters"]);
    one("[hub]\n", "[hub]\nmax-peers = 0\n", &["from 1 to 1000000, found 0"]);
    one("network-id = 1\n", "network-id = 1\nphase = 4\n", &["from 1 to 3, found 4"]);
    one("[hub]\n", "[dataplane]\nring-size = 1000\n[hub]\n", &["a power of two"]);
    one("[hub]\n", "[dataplane]\ncores = []\n[hub]\n", &["1 to 64 cores"]);
    one("[hub]\n", "[metrics]\nlisten = \"9470\"\n[hub]\n", &["\"127.0.0.1:9470\""]);
    one("[[route]]", "[route]", &["write [[route]], in double brackets"]);
}

#[test]
fn passwords_are_not_repeated() {
    one("\"secret\"", "\"muchtoolong\"", &["1 to 8", "found 11 octets"]);
    one("\"secret\"", "\"\"", &["leave the key out"]);
    one("\"secret\"", "\"a b\"", &["without blanks"]);
    let error = Config::parse("f", &GOOD.replace("\"secret\"", "\"muchtoolong\"")).unwrap_err();
    assert!(!error.mistakes()[0].message.contains("muchtoolong"));
}

#[test]
fn values_against_each_other() {
    one(
        "source = \"192.0.2.1\"\nkey = 1",
        "source = \"192.0.2.9\"\nkey = 1",
        &["21:10", "is no port's address; underlay ports have 192.0.2.1"],
    );
    one("source = \"192.0.2.1\"\nkey = 1", "source = \"10.1.0.1\"\nkey = 1", &["whose role is \"lan\""]);
    one("key = 2", "key = 1", &["tunnel[1].key", "Tunnel0 has the same source 192.0.2.1 with key 1"]);
    one("\"tun1\"", "\"tun0\"", &["tunnel[1].interface", "taken by tunnel[0].interface"]);
    one("\"tun1\"", "\"wan0\"", &["taken by port[0].name"]);
    one("\"lan0\"", "\"wan0\"", &["port[1].name", "taken by port[0].name"]);
    one("\"Tunnel1\"", "\"wan0\"", &["tunnel[1].name", "a port is called wan0"]);
    one("\"Tunnel1\"", "\"Tunnel0\"", &["tunnel[1].name", "taken by tunnel[0].name"]);
    one("net_af_packet1,iface=veth1", "net_af_packet0,iface=veth0", &["port[1].device"]);
    one(
        "\"10.0.8.1/22\"",
        "\"10.0.1.1/22\"",
        &["tunnel[1].address", "10.0.0.0/22 overlaps 10.0.0.0/24 of tunnel[0]"],
    );
    one("\"10.1.0.1/24\"", "\"192.0.2.200/25\"", &["port[1].address[0]", "overlaps 192.0.2.0/24 of port[0]"]);
    one("\"192.0.2.254\"", "\"192.0.3.254\"", &["in no subnet of the port (192.0.2.0/24)"]);
    one(
        "\"10.0.0.9\"",
        "\"10.0.1.9\"",
        &["tunnel[0].nhrp.map[0].protocol", "outside the tunnel's subnet 10.0.0.0/24"],
    );
    one("\"10.0.0.9\"", "\"10.0.0.1\"", &["hub's own address"]);
    one("\"203.0.113.9\"", "\"192.0.2.1\"", &["an address of the hub"]);
    one("\"10.0.0.2\"", "\"192.0.2.7\"", &["route[0].via", "(10.0.0.0/24, 10.0.8.0/22, 10.1.0.0/24)"]);
    one("\"10.0.0.2\"", "\"10.0.0.1\"", &["hub's own address"]);
    one("\"10.20.0.0/16\"", "\"10.0.0.0/24\"", &["connected already"]);
    one("key = 1\n", "key = 1\nip-mtu = 1473\n", &["1473 is too much", "which leaves 1472 inside"]);
    one("key = 1\n", "key = 1\ntcp-adjust-mss = 1361\n", &["at most 1360"]);
    one("\"10.0.8.1/22\"", "\"10.0.8.1/32\"", &["no room for a spoke", "`host-prefix = true`"]);
    one("[hub]\n", "[dataplane]\ncores = [1, 1]\n[hub]\n", &["dataplane.cores[1]", "named twice"]);
}

#[test]
fn bounds() {
    let mut ports = GOOD.to_string();
    for n in 0..15 {
        ports += &format!("[[port]]\nname = \"x{n}\"\ndevice = \"d{n}\"\nrole = \"lan\"\n");
    }
    assert!(said(&ports)[0].contains("port[16]: a hub has at most 16 ports"), "{:?}", said(&ports));
    let mut tunnels = GOOD.to_string();
    for n in 2..65 {
        tunnels += &format!(
            "[[tunnel]]\nname = \"T{n}\"\ninterface = \"t{n}\"\nsource = \"192.0.2.1\"\nkey = {n}00\n\
             address = \"10.99.{n}.1/24\"\nnhrp.network-id = {n}\n"
        );
    }
    assert_eq!(said(&tunnels).len(), 1, "{:?}", said(&tunnels));
    assert!(said(&tunnels)[0].contains("tunnel[64]: a hub has at most 64 tunnels"));
}

#[test]
fn several_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("\"underlay\"", "\"wan\"")
        .replace("key = 1\n", "key = -1\n")
        .replace("network-id = 2\n", "netwrok-id = 2\n");
    let said = said(&text);
    let lines: Vec<&str> = said.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["8", "22", "41"], "{said:#?}");
}

#[test]
fn what_toml_refuses() {
    let said = said(&GOOD.replace("key = 1\n", "key = \n"));
    assert!(said[0].starts_with("22:") && said[0].contains("not TOML"), "{said:#?}");
    assert!(!Config::parse("f", "[hub\n").unwrap_err().mistakes().is_empty());
    assert!(Config::parse("f", &GOOD.replace("key = 1", "key = 1\nkey = 2")).is_err());
}

#[test]
fn shows_the_line() {
    let error = Config::parse("hub.toml", &GOOD.replace("key = 1\n", "key = true\n")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "hub.toml:22:7: error: tunnel[0].key: expected a whole number from 0 to 4294967295, found true\n\
         22 | key = true\n   |       ^^^^"
    );
}

#[test]
fn a_file_that_is_not_there() {
    let error = Config::load("/nonexistent/hub.toml").unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/hub.toml: "), "{error}");
}

/// What is said of `buffers` in `dataplane`, the table's lines.
fn of_buffers(dataplane: &str) -> Vec<String> {
    let name = format!("hub-config-{}-{}.toml", std::process::id(), dataplane.len());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, format!("{GOOD}\n[dataplane]\n{dataplane}")).unwrap();
    let checked = Config::check(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let ours = checked.warnings.iter().filter(|warning| warning.key == "dataplane.buffers");
    ours.map(|warning| warning.message.clone()).collect()
}

#[test]
fn too_few_buffers_for_all_queues() {
    assert_eq!(of_buffers(""), Vec::<String>::new(), "the defaults");
    let said = of_buffers("buffers = 8192\n");
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("2 ports, ring-size 1024"), "{said:?}");
    // (2 rings of 1,024 of two ports, and 8,192) and a seventh of it for fragments.
    assert!(said[0].contains("raise it to 14336"), "{said:?}");
    assert_eq!(of_buffers("buffers = 14336\n"), Vec::<String>::new(), "the remedy is one");
    assert_eq!(of_buffers("buffers = 12288\nring-size = 512\n"), Vec::<String>::new(), "the other too");
    let many = "cores = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]\n";
    assert!(of_buffers(many)[0].contains("16 workers"));
}

#[test]
fn a_burst_that_does_not_last_for_the_rate() {
    let path = std::env::temp_dir().join(format!("hub-config-{}-burst.toml", std::process::id()));
    let table = |burst: u32| format!("{GOOD}\n[control-plane.icmp]\nrate = 20000\nburst = {burst}\n");
    let warnings = |burst| {
        std::fs::write(&path, table(burst)).unwrap();
        let warnings = Config::check(&path).unwrap().warnings;
        let ours = warnings.into_iter().filter(|warning| warning.key.starts_with("control-plane"));
        ours.map(|warning| format!("{}: {}", warning.key, warning.message)).collect::<Vec<_>>()
    };
    assert_eq!(warnings(20), Vec::<String>::new());
    let said = warnings(19);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("control-plane.icmp.burst: ") && said[0].contains("at least 20"), "{said:?}");
}

#[test]
fn vlan_sub_interfaces() {
    let with = |ports: &str| said(&GOOD.replacen("[[tunnel]]", &format!("{ports}\n[[tunnel]]"), 1));
    let sub = |name: &str, vlan: u16, more: &str| {
        format!("[[port]]\nname = \"{name}\"\nparent = \"lan0\"\nvlan = {vlan}\nrole = \"lan\"\n{more}\n")
    };
    let text = GOOD.replacen(
        "[[tunnel]]",
        &[
            &sub("lan0.20", 20, "address = [\"10.1.20.1/24\"]"),
            &sub("lan0.30", 30, "mtu = 1400"),
            "[[tunnel]]",
        ]
        .concat(),
        1,
    );
    let config = Config::parse(
        "hub.toml",
        &text.replace("role = \"lan\"\naddress", "role = \"lan\"\nmtu = 9000\naddress"),
    );
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let ports: Vec<_> = config.port.iter().map(|p| (p.device.as_str(), p.vlan, p.mtu)).collect();
    let lan = "net_af_packet1,iface=veth1";
    assert_eq!(ports[1..], [(lan, None, 9000), (lan, Some(20), 9000), (lan, Some(30), 1400)]);
    assert_eq!([0, 1, 2, 3, 9].map(|port| config.owner(port)), [0, 1, 1, 1, 9]);
    assert_eq!(config.devices().count(), 2);

    let cases: [(String, &[&str]); 8] = [
        (
            sub("lan0.20", 20, "").replace("lan0\"", "lan7\""),
            &["port[2].parent", "no port \"lan7\"", "wan0, lan0"],
        ),
        (sub("lan0.20", 20, "mtu = 1501"), &["port[2].mtu", "1501", "lan0", "1500"]),
        (sub("lan0.20", 20, "device = \"net_null0\""), &["port[2].device", "has its parent's"]),
        (sub("lan0.20", 20, "mac = \"02:00:00:00:00:01\""), &["port[2].mac", "has its parent's"]),
        (sub("lan0.20", 20, "").replace("vlan = 20\n", ""), &["`vlan` is missing"]),
        (sub("lan0.20", 20, "") + &sub("lan0.21", 20, ""), &["port[3].vlan", "VLAN 20 is port lan0.20's"]),
        (
            sub("lan0.20", 20, "") + &sub("lan0.21", 21, "").replace("\"lan0\"", "\"lan0.20\""),
            &["port[3].parent", "lan0.20 has a parent itself"],
        ),
        (sub("lan0", 20, ""), &["port[2].name", "taken by port[1].name"]),
    ];
    for (ports, words) in cases {
        let said = with(&ports);
        assert_eq!(said.len(), 1, "{ports}: {said:#?}");
        assert!(words.iter().all(|word| said[0].contains(word)), "{words:?}: {said:#?}");
    }
    // The parent's own tag is taken as well.
    let tagged = GOOD.replacen("role = \"lan\"\n", "role = \"lan\"\nvlan = 20\n", 1);
    let twice = said(&tagged.replacen("[[tunnel]]", &(sub("lan0.20", 20, "") + "[[tunnel]]"), 1));
    assert!(twice.len() == 1 && twice[0].contains("VLAN 20 is port lan0's already"), "{twice:#?}");
}

#[test]
fn vrfs() {
    const HEAD: &str = "[[vrf]]\nname = \"RED\"\ntable = 1001\n\n[[port]]\nname = \"wan0\"\n";
    let with = GOOD.replacen("[[port]]\nname = \"wan0\"\n", HEAD, 1);
    let red = with.replacen("role = \"underlay\"\n", "role = \"underlay\"\nvrf = \"RED\"\n", 1);
    let config = Config::parse("hub.toml", &red).unwrap();
    assert_eq!((config.vrf_count(), config.vrf_name(1), config.vrf_named("default")), (2, "RED", Some(0)));
    let tunnels: Vec<_> = config.tunnel.iter().map(|t| (t.vrf, t.tunnel_vrf)).collect();
    assert_eq!(tunnels, [(0, 1), (0, 1)], "the underlay's follows from the port");
    assert_eq!(config.port[0].vrf, 1);
    // The same subnets in another VRF are other subnets.
    let second = "\n[[tunnel]]\nname = \"Tunnel2\"\ninterface = \"tun2\"\nsource = \"192.0.2.1\"\nkey = 3\nvrf = \"RED\"\n\
                  address = \"10.0.0.1/24\"\n[tunnel.nhrp]\nnetwork-id = 3\n";
    let config = Config::parse("hub.toml", &format!("{red}{second}")).unwrap();
    assert_eq!((config.tunnel[2].vrf, config.tunnel[2].tunnel_vrf), (1, 1));
    let wrong = |text: String, words: &[&str]| {
        let said = said(&text);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(words.iter().all(|word| said[0].contains(word)), "{words:?}: {said:#?}");
    };
    let key = |line: &str| red.replacen("key = 1\n", &format!("key = 1\n{line}\n"), 1);
    wrong(key("vrf = \"GREEN\""), &["tunnel[0].vrf", "no [[vrf]] is called GREEN; there are: RED"]);
    let apart = said(&key("tunnel-vrf = \"default\""));
    let has = |words: [&str; 2]| apart.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(["tunnel[0].tunnel-vrf", "is on a port in VRF RED: leave `tunnel-vrf` out"]), "{apart:#?}");
    assert!(has(["tunnel[1].source", "by address alone"]) && apart.len() == 2, "{apart:#?}");
    wrong(with.replacen("table = 1001", "table = 254", 1), &["vrf[0].table", "take another number"]);
    wrong(with.replacen("name = \"RED\"", "name = \"default\"", 1), &["vrf[0].name", "another name"]);
    wrong(
        with.replacen("name = \"RED\"", "name = \"tun1\"", 1),
        &["vrf[0].name", "taken by tunnel[1].interface"],
    );
    wrong(with.replacen("table = 1001\n", "", 1), &["`table` is missing in [[vrf]]"]);
    let twice = "table = 1001\n[[vrf]]\nname = \"BLUE\"\ntable = 1001\n";
    wrong(red.replacen("table = 1001\n", twice, 1), &["vrf[1].table", "table 1001 is VRF RED's"]);
    let shared = second.replace("network-id = 3", "network-id = 1");
    wrong(format!("{red}{shared}"), &["tunnel[2].nhrp.network-id", "an NHRP network is in one VRF"]);
    let apart = "\n[[route]]\nvrf = \"RED\"\nprefix = \"10.30.0.0/16\"\nvia = \"10.0.0.2\"\n";
    wrong(format!("{red}{apart}"), &["route[1].via", "in VRF RED"]);
}
