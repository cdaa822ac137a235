//! `hub-perf hub-files`: the configuration of a hub that knows the spokes of the benchmarks, and, for generators such
//! as Pktgen-DPDK or tcpreplay, a capture of the frames that these spokes send.

use crate::scenario::{HUB, HUB_MAC, HUB_TUNNEL, MAX_SPOKES, Pairs, ROUTER_MAC, Scenario, Size, host, nbma};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::pcap;

/// Options of `hub-perf hub-files`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Directory to write `hub.toml`, `tables.toml` and `frames.pcap` to.
    #[arg(long)]
    directory: PathBuf,
    /// The hub's DPDK device.
    #[arg(long)]
    device: String,
    /// Spokes.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=MAX_SPOKES as i64))]
    spokes: u32,
    /// GRE key.
    #[arg(long)]
    key: Option<u32>,
    /// Size of the inner IP packet in octets, or `imix`.
    #[arg(long, default_value = "64")]
    size: Size,
    /// Frames in the capture.
    #[arg(long, default_value_t = 10_000)]
    frames: u32,
    /// The hub's core.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// The hub uses hugepages.
    #[arg(long)]
    hugepages: bool,
}

impl Args {
    fn hub(&self) -> Hub<'_> {
        let Self { ref device, spokes, key, core, hugepages, .. } = *self;
        Hub { device, spokes, key, core, hugepages, idle_sleep: 0, protected: false }
    }
}

/// Writes the files.
pub fn run(args: &Args) -> std::io::Result<ExitCode> {
    std::fs::create_dir_all(&args.directory)?;
    let write = |name: &str, content: &[u8]| std::fs::write(args.directory.join(name), content);
    write("hub.toml", args.hub().configuration(&std::path::absolute(&args.directory)?).as_bytes())?;
    write("tables.toml", tables(args).as_bytes())?;
    write("frames.pcap", &capture(args))?;
    println!("hub-dataplane --config {0}/hub.toml --static {0}/tables.toml", args.directory.display());
    Ok(ExitCode::SUCCESS)
}

fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

/// A hub for the spokes of the benchmarks.
#[derive(Clone, Debug)]
pub struct Hub<'a> {
    /// DPDK device of its port.
    pub device: &'a str,
    /// Most spokes.
    pub spokes: u32,
    /// GRE key.
    pub key: Option<u32>,
    /// Core of its worker.
    pub core: usize,
    /// Whether it uses hugepages.
    pub hugepages: bool,
    /// Microseconds that its worker sleeps when idle; 0: never.
    pub idle_sleep: u32,
    /// Whether its tunnel is protected.
    pub protected: bool,
}

impl Hub<'_> {
    /// `hub.toml` of it, with all that it makes in that directory.
    pub fn configuration(&self, directory: &Path) -> String {
        let Self { device, spokes, core, hugepages, idle_sleep, .. } = self;
        let key = self.key.map_or(String::new(), |key| format!("key = {key}\n"));
        let (protection, profile) = if self.protected { (PROTECTED, PROFILE) } else { ("", "") };
        let mac = mac(HUB_MAC.0);
        let directory = directory.display();
        format!(
            r#"[hub]
name = "benchmark"
run-dir = "{directory}"
state-dir = "{directory}"
max-peers = {spokes}

[dataplane]
cores = [{core}]
hugepages = {hugepages}
memory = 512
idle-sleep = {idle_sleep}

[[port]]
name = "wan0"
device = "{device}"
role = "underlay"
address = ["{HUB}/24"]
mtu = 1600
mac = "{mac}"

[[tunnel]]
name = "Tunnel0"
interface = "tunnel0"
source = "{HUB}"
{key}address = "{HUB_TUNNEL}/16"
ip-mtu = 1476
{protection}
[tunnel.nhrp]
network-id = 1
phase = 2
{profile}"#
        )
    }
}

/// Line of a tunnel that is protected.
const PROTECTED: &str = "protection = \"esp\"\n";
/// What it is protected with. Nobody negotiates: the SAs are brought ready-made.
const PROFILE: &str = r#"
[[protection]]
name = "esp"

[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "nobody asks for it"
"#;

fn tables(args: &Args) -> String {
    let gateway = mac(ROUTER_MAC.0);
    let mut text = format!("[[link]]\nname = \"router\"\nport = \"wan0\"\nmac = \"{gateway}\"\n");
    for spoke in 0..args.spokes {
        let (nbma, host) = (nbma(spoke), host(spoke));
        let network = std::net::Ipv4Addr::from_bits(host.to_bits() & 0xffff_ff00);
        let _ = write!(
            text,
            "\n[[peer]]\nname = \"spoke{spoke}\"\ntunnel = \"Tunnel0\"\nnbma = \"{nbma}\"\nlink = \"router\"\n\
             \n[[route]]\nprefix = \"{network}/24\"\npeer = \"spoke{spoke}\"\n"
        );
    }
    text
}

fn capture(args: &Args) -> Vec<u8> {
    let scenario = Scenario { spokes: args.spokes, key: args.key, redirect: false, multicast_rate: None };
    let mut pairs = Pairs::new(args.spokes);
    // Pktgen-DPDK ends at the sight of nanoseconds.
    let mut writer = pcap::Writer::microseconds(pcap::LINK_ETHERNET);
    let mut frame = [0; 1_600];
    for number in 0..args.frames {
        let (from, to) = pairs.pair();
        if let Some(octets) = scenario
            .frame(from, to, args.size.of(number as usize), &mut frame)
            .and_then(|length| frame.get(..length))
        {
            writer.packet(u64::from(number) * 1_000, octets);
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_accepts_its_configuration() {
        let args = Args {
            directory: "/tmp".into(),
            device: "net_null0".into(),
            spokes: 3,
            key: Some(42),
            size: Size::Imix,
            frames: 24,
            core: 0,
            hugepages: false,
        };
        for protected in [false, true] {
            let text = Hub { protected, ..args.hub() }.configuration(Path::new("/tmp"));
            let config = text.parse::<toml::Table>().unwrap();
            assert_eq!(config["tunnel"][0]["key"].as_integer(), Some(42));
            assert_eq!(config.contains_key("protection"), protected);
        }
        let tables = tables(&args).parse::<toml::Table>().unwrap();
        assert_eq!(tables["peer"].as_array().unwrap().len(), 3);
        let file = capture(&args);
        assert_eq!(pcap::Reader::new(&file).unwrap().packets().count(), 24);
    }
}
