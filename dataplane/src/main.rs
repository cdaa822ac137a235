//! The dataplane process of the hub.
//!
//! ```text
//! worker 0..n   one per core: polls its queue of every port, forwards, touches no file descriptor
//! service       the main thread: kernel twins, tables, control's rings, link states, sign of life
//! ```
#![forbid(unsafe_code)]

mod backlog;
mod classed;
mod clock;
mod feed;
mod hardening;
mod health;
mod hub;
mod lane;
mod netdev;
mod ports;
mod service;
mod settings;
mod silence;
mod sink;
mod static_tables;
mod trunk;
mod twin;
mod worker;

use clap::Parser;
use config::Config;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Tables and SAs in huge pages.
#[global_allocator]
static HEAP: heap::Heap = heap::HEAP;

/// Forwards packets of a DMVPN hub.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Configuration of the hub.
    #[arg(long, default_value = "/etc/dmvpn-hub/hub.toml")]
    config: PathBuf,
    /// Fill the tables from this file and do not listen to hub-control.
    #[arg(long = "static", value_name = "TABLES")]
    tables: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let config = match Config::check(&arguments.config) {
        Ok(checked) => {
            checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            // Pre-shared keys are control's: they are wiped here.
            Config { ike: config::model::Ike::default(), ..checked.config }
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    hardening::no_core_dumps();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let registered = signal_hook::flag::register(signal, stop.clone());
        if let Err(error) = registered {
            tracing::error!("signal handler: {error}");
            return ExitCode::FAILURE;
        }
    }
    match hub::run(&config, arguments.tables.as_deref(), &stop) {
        Ok(()) => {
            tracing::info!("ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Level by `RUST_LOG`, `info` unless it is set; colours only for a person.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
