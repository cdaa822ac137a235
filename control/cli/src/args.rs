//! The command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Shows and clears the state of a running DMVPN hub. Words may be abbreviated as on Cisco: `sh dm`, `sh ip nh sum`.
#[derive(Debug, Parser)]
#[command(name = "hubctl", version, infer_subcommands = true, infer_long_args = true)]
pub struct Args {
    /// Socket of hub-control: `control.sock` in the run-dir of hub.toml.
    #[arg(long, global = true, default_value = "/run/dmvpn-hub/control.sock")]
    pub socket: PathBuf,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Read the answer from a file instead of the socket: for tests.
    #[arg(long, global = true, hide = true)]
    pub from: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show state and counters
    #[command(subcommand)]
    Show(Show),
    /// Forget peers, cache entries or counters
    #[command(subcommand)]
    Clear(Clear),
    /// Check a configuration file
    CheckConfig {
        /// The file, `hub.toml`
        file: PathBuf,
    },
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// Peers of the tunnel interfaces; why a peer is not up
    Dmvpn {
        /// Words, see the help.
        #[arg(
            value_name = "WORDS",
            help = "[detail] [interface NAME] [peer {nbma | tunnel} ADDRESS] | why ADDRESS | failures"
        )]
        words: Vec<String>,
    },
    /// IKE and IPsec
    #[command(subcommand)]
    Crypto(ShowCrypto),
    /// NHRP cache, NHRP counters, routes
    #[command(subcommand)]
    Ip(ShowIp),
    /// Ports and tunnel interfaces
    Interfaces {
        /// One only
        #[arg(value_name = "NAME")]
        words: Vec<String>,
    },
    /// Packets dropped, by reason
    Drops,
    /// Policing of what goes to the hub itself, by class
    #[command(subcommand)]
    PolicyMap(ShowPolicyMap),
    /// Load of the workers, cycles per packet, bursts
    Workers {
        /// Seconds between the two readings that make a rate; 0 shows totals since the start
        #[arg(long, default_value_t = 1)]
        interval: u64,
    },
    /// Processes, rings and tables
    Status,
    /// Versions
    Version,
}

/// What to show of policing.
#[derive(Debug, Subcommand)]
pub enum ShowPolicyMap {
    /// Rates, bursts and counters of all classes
    ControlPlane,
}

/// What words choose sessions.
const SESSIONS: &str =
    "[detail] [interface NAME] [remote ADDRESS] [tunnel ADDRESS] [identity NAME] [id NUMBER]";

/// What to show of IPsec.
#[derive(Debug, Subcommand)]
pub enum ShowCrypto {
    /// Spokes with their IKE SA and IPsec flows
    Session {
        /// Words, see the help.
        #[arg(value_name = "WORDS", help = SESSIONS)]
        words: Vec<String>,
    },
    /// IKE SAs, what IKE has counted
    #[command(subcommand)]
    Ikev2(ShowIkev2),
    /// ESP SAs
    #[command(subcommand)]
    Ipsec(ShowIpsec),
}

/// What to show of IKE.
#[derive(Debug, Subcommand)]
pub enum ShowIkev2 {
    /// IKE SAs
    Sa {
        /// Words, see the help.
        #[arg(value_name = "WORDS", help = SESSIONS)]
        words: Vec<String>,
    },
    /// Exchanges, failures, bounds
    Stats,
}

/// What to show of ESP.
#[derive(Debug, Subcommand)]
pub enum ShowIpsec {
    /// ESP SAs
    Sa {
        /// Words, see the help.
        #[arg(
            value_name = "WORDS",
            help = "[peer ADDRESS] [interface NAME] [tunnel ADDRESS] [identity NAME] [id NUMBER]"
        )]
        words: Vec<String>,
    },
}

/// What to show of IP.
#[derive(Debug, Subcommand)]
pub enum ShowIp {
    /// NHRP cache and counters
    Nhrp {
        /// Words, see the help.
        #[arg(
            value_name = "WORDS",
            help = "[ADDRESS] [static | dynamic | incomplete] [interface NAME] [detail | brief] | summary | traffic [interface NAME]"
        )]
        words: Vec<String>,
    },
    /// Multicast routes, with the spokes that have joined
    Mroute {
        /// Only those of this group
        #[arg(value_name = "GROUP")]
        words: Vec<String>,
    },
    /// Overlay routes
    Route {
        /// Those of a VRF; only the route that a packet to this address takes
        #[arg(value_name = "vrf NAME | ADDRESS")]
        words: Vec<String>,
    },
}

/// What to clear.
#[derive(Debug, Subcommand)]
pub enum Clear {
    /// Peers
    #[command(subcommand)]
    Dmvpn(ClearDmvpn),
    /// IKE sessions
    #[command(subcommand)]
    Crypto(ClearCrypto),
    /// NHRP cache and counters
    #[command(subcommand)]
    Ip(ClearIp),
}

/// What to clear of DMVPN.
#[derive(Debug, Subcommand)]
pub enum ClearDmvpn {
    /// Forget peers; they come back with their next registration
    Session {
        /// Words, see the help.
        #[arg(value_name = "WORDS", help = "[interface NAME] [peer {nbma | tunnel} ADDRESS] [static]")]
        words: Vec<String>,
    },
}

/// What to clear of IPsec.
#[derive(Debug, Subcommand)]
pub enum ClearCrypto {
    /// Delete IKE SAs with their ESP SAs; spokes come back when they connect. Without words: all of them
    Session {
        /// Words, see the help.
        #[arg(
            value_name = "WORDS",
            help = "[[remote] ADDRESS] [interface NAME] [tunnel ADDRESS] [identity NAME] [id NUMBER]"
        )]
        words: Vec<String>,
    },
}

/// What to clear of IP.
#[derive(Debug, Subcommand)]
pub enum ClearIp {
    /// Forget dynamic entries, or set counters to zero
    Nhrp {
        /// Words, see the help.
        #[arg(value_name = "WORDS", help = "[ADDRESS [MASK] | PREFIX] | counters [interface NAME]")]
        words: Vec<String>,
    },
}
