//! `show crypto …`, `clear crypto …`.

use super::View;
use crate::args::{ShowCrypto, ShowIkev2, ShowIpsec};
use crate::words::Words;
use api::{CryptoFilter, Request};
use std::net::Ipv4Addr;

/// What is asked by a `show crypto`.
pub(super) fn show(show: &ShowCrypto) -> Result<(Request, View), String> {
    let (words, view) = match show {
        ShowCrypto::Ikev2(ShowIkev2::Stats) => return Ok((Request::IkeStats, View::Plain)),
        ShowCrypto::Session { words } => (words, View::Plain),
        ShowCrypto::Ikev2(ShowIkev2::Sa { words }) => (words, View::IkeSa { detail: false }),
        ShowCrypto::Ipsec(ShowIpsec::Sa { words }) => (words, View::IpsecSa),
    };
    let (filter, detail) = filter(words, true)?;
    let view = match (view, detail) {
        (View::Plain, true) => View::Detail,
        (View::IkeSa { .. }, detail) => View::IkeSa { detail },
        (view, _) => view,
    };
    Ok((Request::CryptoSessions { filter }, view))
}

/// What is asked by `clear crypto session`.
pub(super) fn clear(words: &[String]) -> Result<(Request, View), String> {
    let (filter, _) = filter(words, false)?;
    Ok((Request::ClearCrypto { filter }, View::Plain))
}

/// Which sessions, and whether in detail.
fn filter(words: &[String], shown: bool) -> Result<(CryptoFilter, bool), String> {
    let usage = match shown {
        true => "detail, interface, remote, tunnel, identity or id",
        false => "an address, interface, remote, tunnel, identity or id",
    };
    let mut keywords = vec!["id", "identity", "interface", "peer", "remote", "tunnel"];
    if shown {
        keywords.push("detail");
    }
    // IOS says `detail` here and `detailed` there.
    let words: Vec<String> =
        words.iter().map(|word| if word == "detailed" { "detail".into() } else { word.clone() }).collect();
    let mut words = Words::new(&words, usage);
    let (mut filter, mut detail) = (CryptoFilter::default(), false);
    while !words.is_empty() {
        if let Some(address) = words.parse::<Ipv4Addr>() {
            filter.remote = Some(address);
            continue;
        }
        match words.keyword(&keywords)? {
            "detail" => detail = true,
            "interface" => filter.interface = Some(words.interface()?),
            "tunnel" => filter.tunnel = Some(words.address()?),
            "identity" => filter.identity = Some(words.any("an identity")?.to_string()),
            "id" => {
                let number = words.any("a session's number")?;
                filter.session =
                    Some(number.parse().map_err(|_| format!("`{number}` is no session's number"))?);
            }
            _ => filter.remote = Some(words.address()?),
        }
    }
    Ok((filter, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    fn asked(line: &str) -> Result<(Request, View), String> {
        let words = std::iter::once("hubctl").chain(line.split_whitespace());
        super::super::command(&Args::try_parse_from(words).map_err(|error| error.to_string())?.command)
    }

    #[test]
    fn abbreviated_like_a_router() {
        let remote = Some(Ipv4Addr::new(203, 0, 113, 9));
        let all = CryptoFilter::default;
        let show = |filter| Request::CryptoSessions { filter };
        for (line, request, view) in [
            ("show crypto session", show(all()), View::Plain),
            ("sh cry ses det", show(all()), View::Detail),
            ("sh cr s remote 203.0.113.9 d", show(CryptoFilter { remote, ..all() }), View::Detail),
            ("sh cry ses 203.0.113.9", show(CryptoFilter { remote, ..all() }), View::Plain),
            (
                "sh cry ses int tu 0 identity spoke1.example.net",
                show(CryptoFilter {
                    interface: Some("Tunnel0".into()),
                    identity: Some("spoke1.example.net".into()),
                    ..all()
                }),
                View::Plain,
            ),
            ("sh cry ikev2 sa", show(all()), View::IkeSa { detail: false }),
            ("sh cry ik sa detailed", show(all()), View::IkeSa { detail: true }),
            ("sh cry ik st", Request::IkeStats, View::Plain),
            ("sh cry ips sa peer 203.0.113.9", show(CryptoFilter { remote, ..all() }), View::IpsecSa),
            ("clear crypto session", Request::ClearCrypto { filter: all() }, View::Plain),
            (
                "cl cry ses 203.0.113.9",
                Request::ClearCrypto { filter: CryptoFilter { remote, ..all() } },
                View::Plain,
            ),
            (
                "cl cry ses id 7 tunnel 203.0.113.9",
                Request::ClearCrypto { filter: CryptoFilter { session: Some(7), tunnel: remote, ..all() } },
                View::Plain,
            ),
        ] {
            assert_eq!(asked(line), Ok((request, view)), "{line}");
        }
    }

    #[test]
    fn refusals_say_what_was_expected() {
        for (line, words) in [
            ("show crypto session colour", "expected detail, interface, remote, tunnel, identity or id"),
            ("show crypto session remote x", "`x` is no IPv4 address"),
            ("show crypto session id x", "`x` is no session's number"),
            ("show crypto session identity", "expected an identity"),
            // What is misspelt must not clear everything.
            ("clear crypto session detail", "expected an address"),
            ("clear crypto session peer", "expected an IPv4 address"),
        ] {
            let message = asked(line).err().unwrap_or_default();
            assert!(message.contains(words), "{line}: {message}");
        }
    }
}
