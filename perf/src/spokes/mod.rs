//! Spokes in user space: any number of them behind one raw socket, each an NHRP client of its own.
//!
//! The network name space must own their NBMA addresses, most simply by `ip route add local PREFIX dev lo`. A spoke
//! answers pings to its tunnel address and to every address of its LAN, or hands its packets to a TUN device, behind
//! which a real LAN may be. With a pre-shared key its tunnel is protected: IKEv2 with the hub first, and with another
//! spoke before it takes the direct way. Everything it does is told as one JSON object per line on standard output.

mod bfd;
mod client;
mod cost;
mod guard;
mod message;
mod plan;
mod report;
mod responder;
mod runner;
mod secure_sockets;
mod shortcuts;
mod traffic;
mod underlay;

use ::ike::crypto::Group;
use plan::Lan;
use std::net::Ipv4Addr;
use std::process::ExitCode;

/// A key exchange method by strongSwan's word for it.
#[derive(Clone, Copy, Debug)]
pub struct KeyExchange(Group);

impl std::str::FromStr for KeyExchange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Group::ALL.into_iter().find(|group| group.name() == text && !group.is_kem());
        found.map(Self).ok_or_else(|| format!("`{text}` is no key exchange method for IKE_SA_INIT"))
    }
}

/// Options of `hub-perf spokes`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// NBMA address of the hub.
    #[arg(long)]
    pub hub: Ipv4Addr,
    /// Tunnel address of the hub.
    #[arg(long)]
    pub hub_tunnel: Ipv4Addr,
    /// How many spokes.
    #[arg(long, default_value_t = 1)]
    pub count: u32,
    /// NBMA address of the first spoke; the others follow.
    #[arg(long)]
    pub nbma: Ipv4Addr,
    /// Tunnel address of the first spoke; the others follow.
    #[arg(long)]
    pub tunnel: Ipv4Addr,
    /// LAN behind the first spoke, such as 10.100.1.0/24; the others' follow. Absent: none.
    #[arg(long)]
    pub lan: Option<Lan>,
    /// NBMA address that the first spoke claims in NHRP, as behind NAT; the others follow. Absent: the real one.
    #[arg(long)]
    pub claim: Option<Ipv4Addr>,
    /// GRE key.
    #[arg(long)]
    pub key: Option<u32>,
    /// Cleartext NHRP password, 1 to 8 octets.
    #[arg(long)]
    pub authentication: Option<String>,
    /// Pre-shared key: tunnels are protected, with IKEv2 and ESP in transport mode (AES-GCM-128).
    #[arg(long)]
    pub psk: Option<String>,
    /// Identity in IKE, such as spoke{n}.example.net; {n} is the spoke's number. Absent: the NBMA address.
    #[arg(long, requires = "psk")]
    pub identity: Option<String>,
    /// Number of the first spoke in --identity.
    #[arg(long, default_value_t = 1)]
    pub identity_from: u32,
    /// Key exchange method that is tried first (x25519, ecp256, ecp384, modp2048 ...); x25519 is offered as well.
    #[arg(long, default_value = "x25519")]
    pub group: KeyExchange,
    /// Claim to be behind a NAT: ESP travels in UDP.
    #[arg(long, requires = "psk")]
    pub udp: bool,
    /// Process id of the hub's control: what a set-up costs it is told.
    #[arg(long)]
    pub control_pid: Option<u32>,
    /// End as soon as every spoke is registered.
    #[arg(long)]
    pub until_registered: bool,
    /// Register with the unique flag.
    #[arg(long)]
    pub unique: bool,
    /// Holding time in seconds; registrations are refreshed at a third of it.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(3..))]
    pub holdtime: u16,
    /// First registrations per second at most.
    #[arg(long, default_value_t = 2_000)]
    pub register_rate: u32,
    /// Ignore traffic indications: all traffic stays on the way through the hub.
    #[arg(long)]
    pub no_shortcut: bool,
    /// Phase 2: resolve tunnel addresses before sending to them, without waiting for an indication.
    #[arg(long)]
    pub resolve: bool,
    /// TUN device for the packets of the spoke (with several spokes: NAME0, NAME1, …) instead of the responder.
    #[arg(long)]
    pub tun: Option<String>,
    /// Answer BFD of the hub (RFC 5881): one session a spoke, at the hub's pace.
    #[arg(long, conflicts_with = "tun")]
    pub bfd: bool,
    /// Traffic: numbered packets per second, in all, from each spoke to another. 0: none.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Traffic: octets of the inner IP packet.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(52..=9000))]
    pub size: u16,
    /// End after so many seconds of traffic, or of running when there is none. 0: never.
    #[arg(long, default_value_t = 0)]
    pub duration: u64,
    /// Seconds between status lines.
    #[arg(long, default_value_t = 1)]
    pub status: u64,
    /// Report no single registration or shortcut, only status lines.
    #[arg(long)]
    pub quiet: bool,
}

/// Why the emulator does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Options that make no sense together.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Reason.
        error: std::io::Error,
    },
    /// No TUN device.
    #[error(transparent)]
    Tun(#[from] dpdk::tuntap::TunTapError),
}

/// Runs until the duration is over or a signal comes. Success: with traffic, that every packet sent was received
/// once; without, that every spoke is registered.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let good = runner::Runner::new(args)?.run()?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
