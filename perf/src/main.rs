//! `hub-perf`: benchmarks of the hub and the emulator of spokes that tests and the demo use.
#![forbid(unsafe_code)]

mod crypto;
mod files;
mod ike;
mod instructions;
mod machine;
mod output;
mod path;
mod plot;
mod port;
mod probe;
mod progress;
mod replicate;
mod scenario;
mod sent;
mod spokes;
mod spread;
mod tables;
mod wired;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tables and SAs in huge pages.
#[global_allocator]
static HEAP: heap::Heap = heap::HEAP;

/// Benchmarks of the DMVPN hub, and a spoke emulator.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Emulates DMVPN spokes in user space: registration, resolution, shortcuts, traffic.
    Spokes(Box<spokes::Args>),
    /// Measures the hub's packet path in this process, in the clear and with ESP: cycles per packet, no devices.
    Path(path::Args),
    /// Counts the instructions of each pass of the packet path, and compares them with recorded ones.
    Instructions(instructions::Args),
    /// Forwards the packets whose instructions are counted.
    #[command(hide = true)]
    Counted(instructions::CountedArgs),
    /// Measures the crypto engines by themselves: cycles per packet by transform, size and number of SAs.
    Crypto(crypto::Args),
    /// Measures what routes cost: to load, to keep, to change, to look up, and what workers notice of it.
    Tables(tables::Args),
    /// Measures multicast to all spokes: what a copy costs, and how evenly copies leave.
    Replicate(replicate::Args),
    /// Measures latency and loss through a running hub, and through dpdk-testpmd beside it.
    Port(port::Args),
    /// Measures throughput and latency of a hub process that it starts, over software wires.
    Wire(Box<wired::Args>),
    /// Measures the hub and a DPDK program in turn on the same wire: dpdk-testpmd, or with ESP ipsec-secgw.
    Peers(Box<wired::PeersArgs>),
    /// Writes configuration and tables of a hub that knows the benchmark's spokes, and a capture of their frames.
    HubFiles(files::Args),
}

/// What any command may fail with.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let done: Result<ExitCode, Failure> = match Cli::parse().command {
        Command::Spokes(args) => spokes::run(*args).map_err(Into::into),
        Command::Path(args) => path::run(&args).map_err(Into::into),
        Command::Instructions(args) => instructions::run(&args).map_err(Into::into),
        Command::Counted(args) => instructions::run_counted(&args).map_err(Into::into),
        Command::Crypto(args) => crypto::run(&args).map_err(Into::into),
        Command::Tables(args) => tables::run(&args).map_err(Into::into),
        Command::Replicate(args) => replicate::run(&args).map_err(Into::into),
        Command::Port(args) => port::run(&args).map_err(Into::into),
        Command::Wire(args) => wired::run(&args).map_err(Into::into),
        Command::Peers(args) => wired::run_peers(&args).map_err(Into::into),
        Command::HubFiles(args) => files::run(&args).map_err(Into::into),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hub-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
