//! From data to text. Pure functions, one file per show command; layouts are Cisco's wherever Cisco has one, since
//! people and parsers know them.

pub mod cache;
pub mod cache_summary;
pub mod cache_traffic;
pub mod columns;
pub mod config;
pub mod control_plane;
pub mod crypto;
pub mod dmvpn;
pub mod dmvpn_detail;
pub mod drops;
pub mod failures;
pub mod interfaces;
pub mod mroutes;
pub mod routes;
pub mod status;
pub mod uptime;
pub mod workers;

use crate::command::View;
use api::Response;

/// The answer's data as JSON.
pub fn json(response: &Response) -> Result<String, String> {
    let mut value = serde_json::to_value(response).map_err(|error| error.to_string())?;
    let data = value.get_mut("data").map(serde_json::Value::take).unwrap_or_default();
    serde_json::to_string_pretty(&data).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// The answer as text; `earlier` is a reading some time before, for rates.
pub fn text(view: &View, earlier: Option<&Response>, response: &Response) -> Result<String, String> {
    Ok(match (response, view) {
        (Response::Dmvpn(interfaces), View::Detail) => dmvpn_detail::detail(interfaces),
        (Response::Dmvpn(interfaces), _) => dmvpn::brief(interfaces),
        (Response::Why(why), _) => failures::why(why),
        (Response::Failures(failures), _) => failures::list(failures),
        (Response::CryptoSessions(sessions), View::Detail) => crypto::session::detail(sessions),
        (Response::CryptoSessions(sessions), View::IkeSa { detail: false }) => {
            crypto::ike_sa::plain(sessions)
        }
        (Response::CryptoSessions(sessions), View::IkeSa { detail: true }) => {
            crypto::ike_sa::detail(sessions)
        }
        (Response::CryptoSessions(sessions), View::IpsecSa) => crypto::ipsec_sa::plain(sessions),
        (Response::CryptoSessions(sessions), _) => crypto::session::plain(sessions),
        (Response::IkeStats(stats), _) => crypto::ike_stats::stats(stats),
        (Response::NhrpCache(entries), View::Detail) => cache::detail(entries),
        (Response::NhrpCache(entries), View::Brief) => cache::brief(entries),
        (Response::NhrpCache(entries), _) => cache::plain(entries),
        (Response::NhrpSummary(summary), _) => cache_summary::summary(summary),
        (Response::NhrpTraffic(traffic), View::Detail) => cache_traffic::detail(traffic),
        (Response::NhrpTraffic(traffic), _) => cache_traffic::plain(traffic),
        (Response::Interfaces(interfaces), _) => interfaces::interfaces(interfaces),
        (Response::Mroutes(routes), _) => mroutes::mroutes(routes),
        (Response::Routes(routes), _) => routes::routes(routes),
        (Response::Drops(drops), _) => drops::drops(drops),
        (Response::ControlPlane(classes), _) => control_plane::classes(classes),
        (Response::Workers(workers), _) => {
            let earlier = match earlier {
                Some(Response::Workers(earlier)) => Some(earlier),
                _ => None,
            };
            workers::workers(earlier, workers)
        }
        (Response::Status(status), View::Version) => status::version(status),
        (Response::Status(status), _) => status::status(status),
        (Response::Cleared { count }, _) => format!("{count} cleared\n"),
        (Response::Error { message, .. }, _) => return Err(message.clone()),
    })
}

/// Lines with their ends.
pub(crate) fn lines(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Text that came from the network, harmless to a terminal.
pub(crate) fn foreign(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// "1 peer", "2 peers".
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
