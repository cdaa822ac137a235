//! From words to what is asked and how the answer is shown.

mod crypto;

use crate::args::{Clear, ClearCrypto, ClearDmvpn, ClearIp, Command, Show, ShowIp, ShowPolicyMap};
use crate::words::Words;
use api::{CacheFilter, Kind, PeerFilter, Prefix, Request};
use std::net::Ipv4Addr;
use std::time::Duration;

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// In the one way there is.
    Plain,
    /// `detail`
    Detail,
    /// `brief`
    Brief,
    /// `show workers`, over an interval.
    Workers {
        /// Between two readings.
        interval: Duration,
    },
    /// `show version`
    Version,
    /// `show crypto ikev2 sa`
    IkeSa {
        /// `detail`
        detail: bool,
    },
    /// `show crypto ipsec sa`
    IpsecSa,
}

/// What is asked by a command, and how its answer is shown.
pub fn command(command: &Command) -> Result<(Request, View), String> {
    match command {
        Command::Show(Show::Dmvpn { words }) => show_dmvpn(words),
        Command::Show(Show::Crypto(show)) => crypto::show(show),
        Command::Clear(Clear::Crypto(ClearCrypto::Session { words })) => crypto::clear(words),
        Command::Show(Show::Ip(ShowIp::Nhrp { words })) => show_nhrp(words),
        Command::Show(Show::Ip(ShowIp::Route { words })) => show_route(words),
        Command::Show(Show::Ip(ShowIp::Mroute { words })) => show_mroute(words),
        Command::Show(Show::Interfaces { words }) => show_interfaces(words),
        Command::Show(Show::Drops) => Ok((Request::Drops, View::Plain)),
        Command::Show(Show::PolicyMap(ShowPolicyMap::ControlPlane)) => {
            Ok((Request::ControlPlane, View::Plain))
        }
        Command::Show(Show::Workers { interval }) => {
            Ok((Request::Workers, View::Workers { interval: Duration::from_secs(*interval) }))
        }
        Command::Show(Show::Status) => Ok((Request::Status, View::Plain)),
        Command::Show(Show::Version) => Ok((Request::Status, View::Version)),
        Command::Clear(Clear::Dmvpn(ClearDmvpn::Session { words })) => clear_dmvpn(words),
        Command::Clear(Clear::Ip(ClearIp::Nhrp { words })) => clear_nhrp(words),
        Command::CheckConfig { .. } => Err("check-config asks no hub".into()),
    }
}

fn show_dmvpn(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "detail, interface, peer, why or failures");
    let (mut filter, mut view) = (PeerFilter::default(), View::Plain);
    while !words.is_empty() {
        match words.keyword(&["detail", "failures", "interface", "peer", "why"])? {
            "detail" => view = View::Detail,
            "interface" => filter.interface = Some(words.interface()?),
            "peer" => peer(&mut words, &mut filter)?,
            "failures" => return words.end().map(|()| (Request::Failures, View::Plain)),
            _ => {
                let address = words.address()?;
                return words.end().map(|()| (Request::Why { address }, View::Plain));
            }
        }
    }
    let crypto = view == View::Detail;
    Ok((Request::Dmvpn { filter, crypto }, view))
}

/// `peer {nbma | tunnel} ADDRESS`
fn peer(words: &mut Words, filter: &mut PeerFilter) -> Result<(), String> {
    match words.keyword(&["nbma", "tunnel"])? {
        "nbma" => filter.nbma = Some(words.address()?),
        _ => filter.tunnel = Some(words.address()?),
    }
    Ok(())
}

fn show_nhrp(words: &[String]) -> Result<(Request, View), String> {
    let usage = "an address, static, dynamic, incomplete, interface, detail, brief, summary or traffic";
    let mut words = Words::new(words, usage);
    let (mut filter, mut view, mut traffic) = (CacheFilter::default(), View::Plain, false);
    let keywords = ["brief", "detail", "dynamic", "incomplete", "interface", "static", "summary", "traffic"];
    while !words.is_empty() {
        if let Some(address) = words.parse::<Ipv4Addr>() {
            filter.address = Some(address);
            continue;
        }
        match words.keyword(&keywords)? {
            "brief" => view = View::Brief,
            "detail" => view = View::Detail,
            "dynamic" => filter.kind = Some(Kind::Dynamic),
            "incomplete" => filter.kind = Some(Kind::Incomplete),
            "static" => filter.kind = Some(Kind::Static),
            "interface" => filter.interface = Some(words.interface()?),
            "traffic" => traffic = true,
            _ => return words.end().map(|()| (Request::NhrpSummary, View::Plain)),
        }
    }
    if traffic {
        return Ok((Request::NhrpTraffic { interface: filter.interface }, view));
    }
    Ok((Request::NhrpCache { filter }, view))
}

fn show_route(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "`vrf NAME` or an IPv4 address");
    let mut vrf = None;
    let mut address = words.parse::<Ipv4Addr>();
    if address.is_none() && words.begins("vrf") {
        words.keyword(&["vrf"])?;
        vrf = Some(words.any("the name of a VRF")?.to_string());
        address = words.parse();
    }
    if address.is_none() && !words.is_empty() {
        address = Some(words.address()?);
    }
    words.end()?;
    Ok((Request::Routes { vrf, address }, View::Plain))
}

fn show_mroute(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "a group's IPv4 address");
    let group = if words.is_empty() { None } else { Some(words.address()?) };
    words.end()?;
    Ok((Request::Mroutes { group }, View::Plain))
}

fn show_interfaces(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "an interface name");
    let interface = if words.is_empty() { None } else { Some(words.interface()?) };
    words.end()?;
    Ok((Request::Interfaces { interface }, View::Plain))
}

fn clear_dmvpn(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "interface, peer or static");
    let (mut filter, mut include_static) = (PeerFilter::default(), false);
    while !words.is_empty() {
        match words.keyword(&["interface", "peer", "static"])? {
            "interface" => filter.interface = Some(words.interface()?),
            "peer" => peer(&mut words, &mut filter)?,
            _ => include_static = true,
        }
    }
    Ok((Request::ClearDmvpn { filter, include_static }, View::Plain))
}

fn clear_nhrp(words: &[String]) -> Result<(Request, View), String> {
    let mut words = Words::new(words, "an address, a prefix or counters");
    if let Some(mut prefix) = words.parse::<Prefix>() {
        if let Some(mask) = words.parse::<Ipv4Addr>() {
            prefix.len = u32::from(mask).leading_ones() as u8;
            if prefix.mask() != u32::from(mask) {
                return Err(format!("`{mask}` is no network mask"));
            }
        }
        words.end()?;
        return Ok((Request::ClearNhrp { prefix: Some(prefix) }, View::Plain));
    }
    if words.is_empty() {
        return Ok((Request::ClearNhrp { prefix: None }, View::Plain));
    }
    words.keyword(&["counters"])?;
    let mut interface = None;
    if !words.is_empty() {
        words.keyword(&["interface"])?;
        interface = Some(words.interface()?);
    }
    words.end()?;
    Ok((Request::ClearNhrpCounters { interface }, View::Plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::{CommandFactory, Parser};

    fn asked(line: &str) -> Result<(Request, View), String> {
        let words = std::iter::once("hubctl").chain(line.split_whitespace());
        command(&Args::try_parse_from(words).map_err(|error| error.to_string())?.command)
    }

    #[test]
    fn clap_agrees_with_itself() {
        Args::command().debug_assert();
    }

    #[test]
    fn abbreviated_like_a_router() {
        let address = Some(Ipv4Addr::new(10, 0, 0, 2));
        let red = Some("RED".to_string());
        for (line, request, view) in [
            ("show dmvpn", Request::Dmvpn { filter: PeerFilter::default(), crypto: false }, View::Plain),
            ("sh dm det", Request::Dmvpn { filter: PeerFilter::default(), crypto: true }, View::Detail),
            (
                "sh dm int tu 0 peer nb 10.0.0.2 d",
                Request::Dmvpn {
                    filter: PeerFilter { interface: Some("Tunnel0".into()), nbma: address, tunnel: None },
                    crypto: true,
                },
                View::Detail,
            ),
            ("sh dm why 10.0.0.2", Request::Why { address: Ipv4Addr::new(10, 0, 0, 2) }, View::Plain),
            ("sh ip nh sum", Request::NhrpSummary, View::Plain),
            ("sh ip nh traf", Request::NhrpTraffic { interface: None }, View::Plain),
            (
                "sh ip nhrp 10.0.0.2 dyn det",
                Request::NhrpCache {
                    filter: CacheFilter { address, kind: Some(Kind::Dynamic), interface: None },
                },
                View::Detail,
            ),
            ("sh ip ro 10.0.0.2", Request::Routes { vrf: None, address }, View::Plain),
            ("sh ip ro vrf RED 10.0.0.2", Request::Routes { vrf: red.clone(), address }, View::Plain),
            ("sh ip ro v RED", Request::Routes { vrf: red, address: None }, View::Plain),
            ("sh ip mr", Request::Mroutes { group: None }, View::Plain),
            ("sh int Tu0", Request::Interfaces { interface: Some("Tunnel0".into()) }, View::Plain),
            ("sh pol con", Request::ControlPlane, View::Plain),
            ("sh dr", Request::Drops, View::Plain),
            ("sh ver", Request::Status, View::Version),
            (
                "cl dm ses static peer tunnel 10.0.0.2",
                Request::ClearDmvpn {
                    filter: PeerFilter { tunnel: address, ..Default::default() },
                    include_static: true,
                },
                View::Plain,
            ),
            (
                "clear ip nhrp 10.0.0.2 255.255.255.0",
                Request::ClearNhrp { prefix: "10.0.0.2/24".parse().ok() },
                View::Plain,
            ),
            (
                "clear ip nhrp 10.0.0.0/24",
                Request::ClearNhrp { prefix: "10.0.0.0/24".parse().ok() },
                View::Plain,
            ),
            ("clear ip nhrp", Request::ClearNhrp { prefix: None }, View::Plain),
            ("cl ip nh cou", Request::ClearNhrpCounters { interface: None }, View::Plain),
        ] {
            assert_eq!(asked(line), Ok((request, view)), "{line}");
        }
    }

    #[test]
    fn refusals_say_what_was_expected() {
        for (line, words) in [
            ("show dmvpn colour", "expected detail, interface, peer, why or failures"),
            ("show dmvpn peer", "expected nbma or tunnel"),
            ("show dmvpn peer nbma x", "`x` is no IPv4 address"),
            ("show ip nhrp d", "ambiguous: detail or dynamic"),
            ("show ip route 1.2.3.4 x", "`x` is not understood"),
            ("clear dmvpn session all", "expected interface, peer or static"),
            ("clear ip nhrp 10.0.0.0 255.0.255.0", "no network mask"),
            ("show d", "d"),
            ("show colour", "colour"),
        ] {
            let message = asked(line).err().unwrap_or_default();
            assert!(message.contains(words), "{line}: {message}");
        }
    }
}
