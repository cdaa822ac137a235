//! `hub-control`: decides everything about peers, and touches no packet that a worker could forward.
#![forbid(unsafe_code)]

mod api_server;
mod event_loop;
mod fpm;
mod hardening;
mod hostroutes;
mod hub;
mod ids;
mod ike;
mod joins;
mod journal;
mod kernel;
mod links;
mod metrics;
mod metrics_server;
mod neighbours;
mod netlink;
mod outbox;
mod peers;
mod plane;
mod prefix;
mod rib;
mod secrets;
mod settings;
mod show;
mod state;
mod sync;
mod table;
mod throttle;
mod twins;
mod words;

use api_server::ApiServer;
use clap::Parser;
use config::Config;
use hub::{Ending, Hub};
use metrics_server::MetricsServer;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tracing_subscriber::EnvFilter;

/// The control process of the hub: NHRP, the kernel's routes, and what the dataplane is told.
#[derive(Debug, Parser)]
#[command(name = "hub-control", version)]
struct Arguments {
    /// Configuration file.
    #[arg(long, default_value = "/etc/dmvpn-hub/hub.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_target(false).with_ansi(colours).init();
    hardening::harden();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    loop {
        match serve(arguments, &stop)? {
            None => break,
            Some(Ending::Reread) => {}
            Some(Ending::Failed(why)) => return Err(why.into()),
        }
    }
    tracing::info!("stopped; the dataplane goes on with what it was told");
    Ok(())
}

/// Serves with what the configuration file says now.
fn serve(
    arguments: &Arguments,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Ending>, Box<dyn std::error::Error>> {
    let checked = Config::check(&arguments.config)?;
    checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let config = checked.config;
    let (run_dir, metrics) = (config.hub.run_dir.clone(), config.metrics.clone());
    let hub = Hub::start(config, arguments.config.display().to_string(), shm::clock::now_ms())?;
    let socket = |what: String| move |error: std::io::Error| format!("{what}: {error}");
    let api =
        ApiServer::listen(&run_dir).map_err(socket(run_dir.join(api::SOCKET_NAME).display().to_string()))?;
    let metrics = match metrics {
        Some(at) => Some(
            MetricsServer::listen(at.listen, at.per_peer)
                .map_err(socket(format!("metrics on {}", at.listen)))?,
        ),
        None => None,
    };
    tracing::info!("hub-control {} runs with {}", env!("CARGO_PKG_VERSION"), arguments.config.display());
    Ok(event_loop::run(hub, api, metrics, stop)?)
}
