//! IKE and IPsec as the control process sees them. ESP packets and their drops are the workers'.

use super::exposition::Family;
use crate::hub::Hub;
use crate::ike::sessions::Esp;

/// A snapshot; how many series it makes depends on the program, not on the peers.
#[derive(Clone, Debug, Default)]
pub struct Crypto {
    established: u64,
    half_open: u64,
    /// Of the established ones, such from which no ESP was decrypted.
    blocked: u64,
    sas: u64,
    tasks_under_way: u64,
    tasks_waiting: u64,
    tasks_done: u64,
    tasks_busy_ns: u64,
    tasks_full: u64,
    threads: u64,
    messages: u64,
    strays: u64,
    vault_errors: u64,
    vault_octets: u64,
    /// Group, name, count.
    counters: Vec<(&'static str, &'static str, u64)>,
    /// Tunnel, registrations refused for the identity's sake.
    claims_refused: Vec<(String, u64)>,
}

impl Crypto {
    /// Takes it; `None`: no tunnel is protected.
    pub fn of(hub: &Hub) -> Option<Self> {
        let ike = hub.ike.as_ref()?;
        let load = ike.responder.load();
        let (done, busy_ns) = ike.pool.work_done();
        let tunnels = hub.config.tunnel.iter().enumerate();
        let claims = tunnels.filter(|(_, tunnel)| tunnel.protection.is_some()).filter_map(|(id, tunnel)| {
            Some((tunnel.name.clone(), hub.server.counters(id as u8)?.claims_refused))
        });
        Some(Self {
            established: load.sessions as u64,
            half_open: load.half_open as u64,
            blocked: ike.sessions.iter().filter(|(_, session)| session.esp == Esp::Blocked).count() as u64,
            sas: hub.state.sync.inbound.len() as u64,
            tasks_under_way: load.tasks as u64,
            tasks_waiting: ike.pool.waiting() as u64,
            tasks_done: done,
            tasks_busy_ns: busy_ns,
            tasks_full: ike.pool.full,
            threads: ike.pool.threads() as u64,
            messages: ike.received,
            strays: ike.strays,
            vault_errors: ike.vault.errors,
            vault_octets: ike.vault.size(),
            counters: ike.responder.counters().iter().collect(),
            claims_refused: claims.collect(),
        })
    }
}

/// All of them.
pub fn families(crypto: &Crypto) -> Vec<Family> {
    let c = crypto;
    vec![
        Family::gauge(
            "ike_sas",
            "IKE SAs by state: established, or half-open, which is not authenticated yet.",
        )
        .with(&[("state", "established")], c.established)
        .with(&[("state", "half_open")], c.half_open),
        Family::gauge(
            "ike_sessions_esp_blocked",
            "Established IKE SAs whose peer's ESP never arrived: something on the path drops it.",
        )
        .with(&[], c.blocked),
        Family::gauge("ipsec_child_sas", "Child SAs installed in the dataplane, pairs.").with(&[], c.sas),
        Family::counter("ike_messages_received_total", "IKE messages that the workers handed to control.")
            .with(&[], c.messages),
        Family::counter(
            "ike_events_total",
            "What the IKE responder counted, by group (dropped, failed, full, event; messages and notifies received and sent) and name.",
        )
        .each(&c.counters, |family, (group, name, count)| {
            family.add(&[("group", group), ("name", name)], *count as f64);
        }),
        Family::gauge("ike_threads", "Threads for public-key work.").with(&[], c.threads),
        Family::gauge("ike_tasks_under_way", "Public-key tasks handed out and not finished.")
            .with(&[], c.tasks_under_way),
        Family::gauge("ike_tasks_waiting", "Public-key tasks that wait for a thread.")
            .with(&[], c.tasks_waiting),
        Family::counter("ike_tasks_total", "Public-key tasks done.").with(&[], c.tasks_done),
        Family::counter("ike_task_seconds_total", "Time spent on public-key tasks, all threads together.")
            .each([c.tasks_busy_ns], |family, ns| family.add(&[], ns as f64 / 1e9)),
        Family::counter("ike_tasks_full_total", "Public-key tasks dropped because too many waited.")
            .with(&[], c.tasks_full),
        Family::counter(
            "ike_stray_packets_total",
            "Packets of NHRP from sessions that are gone, or in the clear on a protected tunnel.",
        )
        .with(&[], c.strays),
        Family::gauge(
            "ike_session_file_bytes",
            "Size of the file from which control takes its sessions back.",
        )
        .with(&[], c.vault_octets),
        Family::counter("ike_session_file_errors_total", "Writes to that file that failed.")
            .with(&[], c.vault_errors),
        Family::counter(
            "nhrp_claims_refused_total",
            "Registrations refused because the authenticated identity may not have the address.",
        )
        .each(&c.claims_refused, |family, (interface, count)| {
            family.add(&[("interface", interface)], *count as f64);
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition::text;

    #[test]
    fn names_follow_prometheus_conventions() {
        let crypto = Crypto {
            counters: vec![("failed", "psk_mismatch", 3)],
            claims_refused: vec![("Tunnel0".into(), 2)],
            tasks_busy_ns: 1_500_000_000,
            ..Crypto::default()
        };
        let text = text(families(&crypto));
        for line in [
            "dmvpn_ike_events_total{group=\"failed\",name=\"psk_mismatch\"} 3",
            "dmvpn_nhrp_claims_refused_total{interface=\"Tunnel0\"} 2",
            "dmvpn_ike_task_seconds_total 1.5",
            "dmvpn_ike_sas{state=\"half_open\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
        }
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        for (name, kind) in types.filter_map(|line| line.split_once(' ')) {
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        }
    }
}
