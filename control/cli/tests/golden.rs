//! Every show command over a recorded answer, compared with the text that was judged right.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hubctl` writes the texts anew.

#[cfg(test)]
mod golden {
    use api::{Response, Workers};
    use hubctl::command::View;
    use hubctl::render::{json, text};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    fn at(folder: &str, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
    }

    fn fixture(name: &str) -> Response {
        let text = std::fs::read(at("fixtures", &format!("{name}.json"))).unwrap();
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn compare(name: &str, found: &str) {
        let path = at("golden", &format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{name} differs from {}:\n{found}", path.display());
    }

    #[test]
    fn texts() {
        let workers = View::Workers { interval: Duration::ZERO };
        for (name, from, view) in [
            ("show-dmvpn", "dmvpn", View::Plain),
            ("show-dmvpn-detail", "dmvpn", View::Detail),
            ("show-dmvpn-empty", "dmvpn-empty", View::Plain),
            ("show-dmvpn-why-refused", "why-refused", View::Plain),
            ("show-dmvpn-why-up", "why-up", View::Plain),
            ("show-dmvpn-why-interface", "why-interface", View::Plain),
            ("show-dmvpn-why-unheard", "why-unheard", View::Plain),
            ("show-dmvpn-failures", "failures", View::Plain),
            ("show-dmvpn-protected", "dmvpn-protected", View::Plain),
            ("show-dmvpn-protected-detail", "dmvpn-protected", View::Detail),
            ("show-dmvpn-failures-ike", "failures-ike", View::Plain),
            ("show-crypto-session", "crypto-sessions", View::Plain),
            ("show-crypto-session-detail", "crypto-sessions", View::Detail),
            ("show-crypto-session-none", "crypto-none", View::Plain),
            ("show-crypto-ikev2-sa", "crypto-sessions", View::IkeSa { detail: false }),
            ("show-crypto-ikev2-sa-detail", "crypto-sessions", View::IkeSa { detail: true }),
            ("show-crypto-ikev2-stats", "ike-stats", View::Plain),
            ("show-crypto-ipsec-sa", "crypto-sessions", View::IpsecSa),
            ("show-crypto-ipsec-sa-none", "crypto-none", View::IpsecSa),
            ("show-ip-nhrp", "nhrp", View::Plain),
            ("show-ip-nhrp-brief", "nhrp", View::Brief),
            ("show-ip-nhrp-detail", "nhrp", View::Detail),
            ("show-ip-nhrp-summary", "nhrp-summary", View::Plain),
            ("show-ip-nhrp-traffic", "nhrp-traffic", View::Plain),
            ("show-ip-nhrp-traffic-detail", "nhrp-traffic", View::Detail),
            ("show-ip-route", "routes", View::Plain),
            ("show-ip-mroute", "mroutes", View::Plain),
            ("show-interfaces", "interfaces", View::Plain),
            ("show-drops", "drops", View::Plain),
            ("show-policy-map-control-plane", "control-plane", View::Plain),
            ("show-workers", "workers", workers),
            ("show-status", "status", View::Plain),
            ("show-status-alone", "status-alone", View::Plain),
            ("show-version", "status", View::Version),
            ("clear", "cleared", View::Plain),
        ] {
            compare(name, &text(&view, None, &fixture(from)).unwrap());
        }
    }

    #[test]
    fn every_fixture_survives_json() {
        for entry in std::fs::read_dir(at("fixtures", "")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let response = fixture(name);
            let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            // Nothing in the file that the types do not know, and nothing lost.
            assert_eq!(serde_json::to_value(&response).unwrap(), file, "{name}");
            let data: serde_json::Value = serde_json::from_str(&json(&response).unwrap()).unwrap();
            assert_eq!(data, file["data"], "{name}");
        }
    }

    #[test]
    fn refusals_are_errors() {
        assert!(text(&View::Plain, None, &fixture("error")).unwrap_err().contains("Tunnel9"));
    }

    #[test]
    fn no_text_controls_the_terminal() {
        let sessions = ["crypto-sessions", "dmvpn-protected", "failures-ike"];
        let views = [View::Plain, View::Detail, View::IkeSa { detail: true }, View::IpsecSa];
        for name in ["dmvpn", "nhrp"].into_iter().chain(sessions) {
            for view in views {
                let text = text(&view, None, &fixture(name)).unwrap();
                assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{name}");
            }
        }
    }

    #[test]
    fn rates_over_an_interval() {
        let Response::Workers(earlier) = fixture("workers") else { panic!() };
        let mut later = earlier.clone();
        later.read_at_ms += 2500;
        let worker = &mut later.workers[0];
        worker.polls += 100;
        worker.empty_polls += 50;
        worker.packets += 5000;
        worker.busy_cycles += 750_000;
        worker.idle_cycles += 250_000;
        let show = |earlier: &Workers, later: &Workers| {
            let (earlier, later) = (Response::Workers(earlier.clone()), Response::Workers(later.clone()));
            text(&View::Plain, Some(&earlier), &later).unwrap()
        };
        let shown = show(&earlier, &later);
        let line: Vec<&str> = shown.lines().nth(3).unwrap().split_whitespace().collect();
        assert!(shown.starts_with("Over 2.5 seconds:"));
        assert_eq!(line, ["0", "1", "75.0", "5000", "2000", "150.0", "71.4", "100.0", "0"]);
        // A data plane that did not tell the counter's frequency.
        later.tsc_hz = None;
        let shown = show(&earlier, &later);
        assert_eq!(shown.lines().nth(3).unwrap().split_whitespace().nth(6), Some("-"));
        // Counters of another start are not subtracted.
        assert!(show(&later, &earlier).starts_with("Since the dataplane started:"));
    }

    #[test]
    fn bounds_agree_with_the_segment() {
        assert_eq!(config::MAX_PORTS, shm::counters::MAX_PORTS);
        assert_eq!(config::MAX_TUNNELS, shm::counters::MAX_TUNNELS);
        assert_eq!(config::MAX_VRFS, shm::message::MAX_VRFS);
    }
}
