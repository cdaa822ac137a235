//! `hub-perf`: benchmarks of the hub and the emulator of spokes that tests and the demo use.
#![forbid(unsafe_code)]

mod spokes;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

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
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Spokes(args) => spokes::run(*args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hub-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
