//! `show crypto ikev2 stats`: Cisco's figures, then everything counted.

use crate::render::columns::Columns;
use crate::render::lines;
use api::IkeStats;

const RULE: &str = "--------------------------------------------------------------------------------";

/// Groups of counters in the order in which they are shown, with a title.
const GROUPS: &[(&str, &str)] = &[
    ("event", "Events"),
    ("failed", "Peers that failed"),
    ("full", "Bounds reached"),
    ("dropped", "Messages dropped"),
];

/// Columns of the tables of messages: the ends of the groups' names, and titles.
const REQUESTS: [(&str, &str); 4] = [
    ("received_request", ">Requests rcvd"),
    ("sent_response", ">Responses sent"),
    ("sent_request", ">Requests sent"),
    ("received_response", ">Responses rcvd"),
];
const NOTIFIES: [(&str, &str); 2] = [("received_notify", ">Received"), ("sent_notify", ">Sent")];

/// All of it.
pub fn stats(stats: &IkeStats) -> String {
    let mut out = cisco(stats);
    for (group, title) in GROUPS {
        let counts = stats.counts.iter().filter(|count| count.group == *group && count.count > 0);
        let mut columns = Columns::new(&[title, ">Count"]);
        counts.for_each(|count| columns.row([count.name.clone(), count.count.to_string()]));
        section(&mut out, columns);
    }
    messages(&mut out, "Exchange", &REQUESTS, stats);
    messages(&mut out, "Notify", &NOTIFIES, stats);
    lines(out)
}

fn section(out: &mut Vec<String>, columns: Columns) {
    let table = columns.lines();
    if table.len() > 1 {
        out.push(String::new());
        out.extend(table);
    }
}

/// A row for each name that occurs in one of the groups.
fn messages(out: &mut Vec<String>, title: &'static str, groups: &[(&str, &'static str)], stats: &IkeStats) {
    let mut names: Vec<&str> = Vec::new();
    for count in stats.counts.iter().filter(|count| groups.iter().any(|(group, _)| *group == count.group)) {
        if !names.contains(&count.name.as_str()) {
            names.push(&count.name);
        }
    }
    let titles: Vec<&'static str> =
        std::iter::once(title).chain(groups.iter().map(|(_, title)| *title)).collect();
    let mut columns = Columns::new(&titles);
    for name in names {
        let counts = groups.iter().map(|(group, _)| stats.count(group, name).to_string());
        columns.row(std::iter::once(name.to_string()).chain(counts));
    }
    section(out, columns);
}

/// What Cisco prints, to its letter.
fn cisco(stats: &IkeStats) -> Vec<String> {
    let count = |group, name| stats.count(group, name);
    let incoming = stats.sessions.saturating_sub(stats.initiated);
    let limit = count("full", "sessions") + count("full", "children") + count("full", "half_open");
    let full = stats.total("full");
    let sent = count("event", "cookie_sent");
    let wrong = count("dropped", "cookie_wrong");
    vec![
        RULE.into(),
        "                          Crypto IKEv2 SA Statistics".into(),
        RULE.into(),
        format!(
            "System Resource Limit:   0        Max IKEv2 SAs: {}        Max in nego(in/out): {}/0",
            stats.max_sessions, stats.max_half_open
        ),
        format!(
            "Total incoming IKEv2 SA Count:    {}        active:        {incoming}        negotiating: {}",
            incoming + stats.half_open,
            stats.half_open
        ),
        format!(
            "Total outgoing IKEv2 SA Count:    {0}        active:        {0}        negotiating: 0",
            stats.initiated
        ),
        format!(
            "Incoming IKEv2 Requests: {}        accepted:      {}        rejected:    {}",
            count("received_request", "ike_sa_init"),
            count("event", "session_up"),
            stats.total("failed")
        ),
        format!(
            "Outgoing IKEv2 Requests: {}        accepted:      {}        rejected:    {}",
            count("sent_request", "create_child_sa"),
            count("received_response", "create_child_sa"),
            count("failed", "rejected")
        ),
        format!(
            "Rejected IKEv2 Requests: {full}        rsrc low:      {}        SA limit:    {limit} ",
            full.saturating_sub(limit)
        ),
        format!("IKEv2 packets dropped at dispatch: {} ", stats.total("dropped")),
        format!("Incoming Requests dropped as LOW Q limit reached : {}", count("full", "tasks")),
        format!("Incoming IKEV2 Cookie Challenged Requests: {sent}"),
        format!(
            "    accepted: {}        rejected: {wrong}        rejected no cookie: {}",
            count("event", "cookie_good"),
            sent.saturating_sub(wrong)
        ),
        "Total Deleted sessions of Cert Revoked Peers: 0".into(),
        format!("Sessions with Quantum Resistance: {0}        Manual: 0 Dynamic: {0}", stats.quantum_safe),
        String::new(),
        format!(
            "Half-open: {} of {}, a cookie is demanded from {} on",
            stats.half_open, stats.max_half_open, stats.cookie_threshold
        ),
        format!("Child SAs: {} of {}", stats.children, stats.max_children),
        format!("Computations under way: {} of {}", stats.tasks, stats.max_tasks),
    ]
}
