//! `show ip nhrp traffic [detail]`.

use super::lines;
use api::{NhrpTraffic, TypeCounts};

/// What was sent and received, per interface.
pub fn plain(interfaces: &[NhrpTraffic]) -> String {
    lines(interfaces.iter().flat_map(block).collect())
}

/// The same with what was forwarded and refused.
pub fn detail(interfaces: &[NhrpTraffic]) -> String {
    let more = |traffic: &NhrpTraffic| {
        let mut out = block(traffic);
        out.extend(counts("Fwd", &traffic.forwarded));
        out.push(format!("   Not sent over the limit: {}", traffic.limited));
        let refused: Vec<_> = traffic.refused.iter().filter(|refused| refused.packets > 0).collect();
        if !refused.is_empty() {
            out.push("   Refused:".into());
        }
        out.extend(refused.iter().map(|refused| format!("          {} {}", refused.packets, refused.reason)));
        out
    };
    lines(interfaces.iter().flat_map(more).collect())
}

fn block(traffic: &NhrpTraffic) -> Vec<String> {
    let usage = u64::from(traffic.window_sent) * 100 / u64::from(traffic.max_send.max(1));
    let mut out = vec![format!(
        "{}: Max-send limit:{}Pkts/{}Sec, Usage:{usage}%",
        traffic.interface,
        traffic.max_send,
        NhrpTraffic::WINDOW
    )];
    out.extend(counts("Sent", &traffic.sent));
    out.extend(counts("Rcvd", &traffic.received));
    out
}

fn counts(title: &str, counts: &TypeCounts) -> Vec<String> {
    vec![
        format!("   {title}: Total {}", counts.total()),
        format!(
            "          {} Resolution Request  {} Resolution Reply  {} Registration Request ",
            counts.resolution_request, counts.resolution_reply, counts.registration_request
        ),
        format!(
            "          {} Registration Reply  {} Purge Request  {} Purge Reply ",
            counts.registration_reply, counts.purge_request, counts.purge_reply
        ),
        format!(
            "          {} Error Indication  {} Traffic Indication  {} Redirect Suppress ",
            counts.error_indication, counts.traffic_indication, counts.redirect_suppressed
        ),
    ]
}
