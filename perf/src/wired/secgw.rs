//! Arguments and configuration of DPDK's `ipsec-secgw` for the work of a hub: open what a spoke sent, look up, seal for
//! another spoke, all on one core.
//!
//! Port 0 is the wire. What was opened leaves by port 1, a ring that leads back to itself, and comes in there as what is
//! to be sealed. Outbound policies stand for the look-up. The inbound ones, which compare the inner source with the SA
//! once more, it demands: an SA without one it does not take.

use crate::path::protected::Protected;
use crate::scenario::{HUB, ROUTER_MAC, Scenario, host, nbma};
use std::fmt::Write;
use std::path::Path;

/// The spokes' hosts, all behind the port that leads back.
const LANS: &str = "32.0.0.0/3";
/// The spokes' NBMA addresses.
const NBMA: &str = "198.18.0.0/15";
/// Replay window of each SA, the hub's default.
const WINDOW: u16 = 1_024;
/// Octets of the salt behind GCM's key.
const SALT: usize = 4;
/// Megabytes of memory without an SA, and SA pairs for each further one.
const MEMORY: u32 = 512;
const PAIRS: u32 = 20;
/// Least entries of its cache of SAs, its own default. It is given one for each spoke, which is its best case.
const CACHE: u32 = 128;

/// Its arguments.
pub fn arguments(device: &str, core: usize, hugepages: bool, spokes: u32, file: &Path) -> Vec<String> {
    let core = core.to_string();
    let config = format!("(0,0,{core}),(1,0,{core})");
    let prefix = format!("hub-perf-peer-{}", std::process::id());
    let (window, cache) = (WINDOW.to_string(), spokes.max(CACHE).to_string());
    let memory = (MEMORY + spokes / PAIRS).to_string();
    let file = file.to_string_lossy();
    // It is killed, and would leave files behind that keep the pages.
    let pages = if hugepages { "--huge-unlink" } else { "--no-huge" };
    let eal = ["--lcores", &core, "--no-pci", "-m", &memory, "--file-prefix", &prefix];
    let devices = ["--vdev", device, "--vdev", "net_ring0", "--vdev", "crypto_aesni_gcm0"];
    // Ports, promiscuous; the wire is what is not protected; librte_ipsec.
    let own = ["--", "-p", "0x3", "-P", "-u", "0x1", "-l", "-w", &window, "-c", &cache];
    let more = ["--config", &config, "-f", &file];
    let all = eal.iter().chain([&pages]).chain(&devices).chain(&own).chain(&more);
    all.map(|argument| (*argument).to_owned()).collect()
}

/// Its configuration with the spokes and their keys.
pub fn configuration(scenario: &Scenario, protected: &Protected) -> String {
    let mac = hex(&ROUTER_MAC.0);
    let mut text = format!(
        "neigh port 0 {mac}\nneigh port 1 {mac}\nrt ipv4 dst {LANS} port 1\nrt ipv4 dst {NBMA} port 0\n"
    );
    for id in 0..scenario.spokes {
        let [(to_hub, key_in), (from_hub, key_out)] = protected.material(id);
        let (host, nbma) = (host(id), nbma(id));
        let (inbound, outbound) = (algorithm(key_in), algorithm(key_out));
        let ports = "sport 0:65535 dport 0:65535";
        // Writing to a string does not fail.
        let _ = writeln!(text, "sp ipv4 in esp protect {to_hub} pri 1 src {host}/32 {ports}");
        let _ = writeln!(text, "sp ipv4 out esp protect {from_hub} pri 1 dst {host}/32 {ports}");
        let _ = writeln!(text, "sa in {to_hub} {inbound} mode ipv4-tunnel src {nbma} dst {HUB}");
        let _ = writeln!(text, "sa out {from_hub} {outbound} mode ipv4-tunnel src {HUB} dst {nbma}");
    }
    text
}

/// GCM, which it names by the length of the key.
fn algorithm(key: &[u8]) -> String {
    format!("aead_algo aes-{}-gcm aead_key {}", key.len().saturating_sub(SALT) * 8, hex(key))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}
