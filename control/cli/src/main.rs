//! hubctl, the command line of the hub.
#![forbid(unsafe_code)]

use clap::Parser;
use hubctl::args::{Args, Command};
use hubctl::client::{Source, answer};
use hubctl::command::{View, command};
use hubctl::render::{json, text};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.command {
        Command::CheckConfig { file } => check_config(file),
        _ => run(&args),
    };
    done.unwrap_or_else(|message| {
        eprintln!("hubctl: {message}");
        ExitCode::FAILURE
    })
}

fn run(args: &Args) -> Result<ExitCode, String> {
    let (request, view) = command(&args.command)?;
    let mut source = Source::new(args.from.as_deref(), &args.socket)?;
    let first = answer(&mut source, &request)?;
    // Load and rates are differences: the counters have run since the dataplane started.
    let earlier = match &view {
        View::Workers { interval } if !args.json && !interval.is_zero() && args.from.is_none() => {
            std::thread::sleep(*interval);
            Some(first.clone())
        }
        _ => None,
    };
    let last = if earlier.is_some() { answer(&mut source, &request)? } else { first };
    print(&if args.json { json(&last)? } else { text(&view, earlier.as_ref(), &last)? })
}

/// `check-config`: what is wrong, what is unwise, or what the file says in short.
fn check_config(file: &Path) -> Result<ExitCode, String> {
    match config::Config::check(file) {
        Ok(checked) => {
            for warning in &checked.warnings {
                eprintln!("{warning}");
            }
            print(&hubctl::render::config::summary(file, &checked.config))
        }
        Err(error) => {
            eprintln!("{error}");
            if let count @ 1.. = error.mistakes().len() {
                eprintln!("{}: {count} mistake{}", file.display(), if count == 1 { "" } else { "s" });
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<ExitCode, String> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}
