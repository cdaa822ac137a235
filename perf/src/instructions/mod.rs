//! `hub-perf instructions`: how many instructions each pass of the packet path takes, counted by callgrind.
//!
//! A count depends on no clock and on nobody else's load, so that it can be held against a recorded one on any machine.
//! It says nothing of caches. The crypto engine is left out, what the path does around it is not.

mod case;
mod profile;
mod record;

use crate::path;
use case::{CASES, Case};
use profile::{Profile, ProfileError};
use record::{Figures, Record, Verdict};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Packets that are counted, the same in every run.
const PACKETS: u32 = 4_096;
/// Functions that are one pass each over a burst, with the name of the pass.
const PASSES: [(&str, &str); 6] = [
    ("parse", "parse_pass"),
    ("open", "esp_burst"),
    ("sender", "sender_pass"),
    ("route", "route_pass"),
    ("send", "send_pass"),
    ("seal", "seal_all"),
];
/// All passes.
const PATH: &str = "port_burst";
/// Functions of the crypto engine, by the pass that calls them.
const ENGINE: [(&str, &str); 2] = [("open", "Crypto::open"), ("seal", "Crypto::seal")];

/// Options of `hub-perf instructions`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Record to compare with.
    #[arg(long, default_value = "perf/instructions.toml")]
    record: PathBuf,
    /// Write the record instead of comparing.
    #[arg(long)]
    update: bool,
    /// What compiled this program, as `rustc --version` says. Figures of another compiler are shown, and not judged.
    #[arg(long)]
    compiler: String,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Options of the process that callgrind watches.
#[derive(clap::Args, Clone, Debug)]
pub struct CountedArgs {
    /// Case to forward packets of.
    case: String,
}

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such case.
    #[error("no case is called `{0}`")]
    Case(String),
    /// The packets were not forwarded.
    #[error(transparent)]
    Forward(#[from] path::Error),
    /// Valgrind did not run.
    #[error("valgrind: {0} (`scripts/setup` installs it)")]
    Valgrind(std::io::Error),
    /// What it ran did not end well.
    #[error("valgrind ended with {status}: {text}")]
    Ended {
        /// Exit status.
        status: std::process::ExitStatus,
        /// The end of what it said.
        text: String,
    },
    /// Its file was not understood.
    #[error("profile of `{case}`: {error}")]
    Profile {
        /// Case.
        case: &'static str,
        /// Why.
        error: ProfileError,
    },
    /// A pass is not in the profile: renamed, or inlined again.
    #[error("profile of `{case}`: no function called `{function}`")]
    Missing {
        /// Case.
        case: &'static str,
        /// Function.
        function: &'static str,
    },
    /// A file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The record has another form.
    #[error("{}: {text}", path.display())]
    Record {
        /// Its file.
        path: PathBuf,
        /// Why.
        text: String,
    },
}

/// Counts, and compares or records.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut counted = Record { compiler: args.compiler.clone(), ..Record::default() };
    for case in &CASES {
        counted.cases.insert(case.name.to_owned(), count(case)?);
    }
    let record = |text: String| Error::Record { path: args.record.clone(), text };
    let file = |error| Error::File { path: args.record.clone(), error };
    if args.update {
        let text = counted.to_text().map_err(|error| record(error.to_string()))?;
        std::fs::write(&args.record, text).map_err(file)?;
        println!("instructions: recorded in {}", args.record.display());
        return Ok(ExitCode::SUCCESS);
    }
    let text = std::fs::read_to_string(&args.record).map_err(file)?;
    let recorded = Record::parse(&text).map_err(|error| record(error.to_string()))?;
    let lines = recorded.compare(&counted);
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "compiler": args.compiler, "recorded": recorded.compiler, "figures": lines })
        );
    } else {
        print_table(&lines);
    }
    if recorded.compiler != args.compiler {
        eprintln!(
            "instructions: recorded with {}, this is {}: nothing is judged; record anew",
            recorded.compiler, args.compiler
        );
        return Ok(ExitCode::SUCCESS);
    }
    let failed = lines.iter().filter(|line| line.verdict.fails()).count();
    if failed > 0 {
        eprintln!("instructions: {failed} figures have grown by more than 3 % or are not in the record");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The process that callgrind watches: forwards the packets of a case.
pub fn run_counted(args: &CountedArgs) -> Result<ExitCode, Error> {
    let case = Case::named(&args.case).ok_or_else(|| Error::Case(args.case.clone()))?;
    path::forward(case.scenario(), case.size, case.esp, PACKETS)?;
    Ok(ExitCode::SUCCESS)
}

fn print_table(lines: &[record::Line]) {
    println!("{:<10} {:<8} {:>9} {:>9}", "case", "pass", "recorded", "counted");
    let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}"));
    for line in lines {
        let remark = match line.verdict {
            Verdict::Same => "",
            Verdict::Less => "  less: worth recording",
            Verdict::More => "  MORE",
            Verdict::Changed => "  NOT IN BOTH",
        };
        let (recorded, counted) = (figure(line.recorded), figure(line.counted));
        println!("{:<10} {:<8} {recorded:>9} {counted:>9}{remark}", line.case, line.pass);
    }
}

/// Runs this program under callgrind.
fn count(case: &'static Case) -> Result<Figures, Error> {
    let out = std::env::temp_dir().join(format!("hub-perf-{}-{}.callgrind", std::process::id(), case.name));
    let counted = count_into(case, &out);
    // Nobody reads it any more; that it is not there is as well.
    let _ = std::fs::remove_file(&out);
    counted
}

fn count_into(case: &'static Case, out: &Path) -> Result<Figures, Error> {
    let program = std::env::current_exe().map_err(Error::Valgrind)?;
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", &format!("--toggle-collect=*{PATH}*")])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["counted", case.name])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::Valgrind)?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let text = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
        return Err(Error::Ended { status: done.status, text });
    }
    let text = std::fs::read_to_string(out).map_err(|error| Error::File { path: out.to_owned(), error })?;
    let profile = Profile::parse(&text).map_err(|error| Error::Profile { case: case.name, error })?;
    figures(case, &profile)
}

/// Instructions per packet of each pass, and of all without the engine.
fn figures(case: &'static Case, profile: &Profile) -> Result<Figures, Error> {
    let of = |function| profile.of(function).ok_or(Error::Missing { case: case.name, function });
    // To a tenth: the record is for people.
    let per_packet = |count: u64| (count as f64 / f64::from(PACKETS) * 10.0).round() / 10.0;
    let mut figures = Figures::new();
    let mut engine = 0;
    for (pass, function) in PASSES {
        let is_crypto = ENGINE.iter().find(|(calls, _)| *calls == pass);
        if is_crypto.is_some() && case.esp.is_none() {
            continue;
        }
        let inside = is_crypto.map(|(_, function)| of(*function)).transpose()?.unwrap_or(0);
        engine += inside;
        figures.insert(pass.to_owned(), per_packet(of(function)?.saturating_sub(inside)));
    }
    figures.insert("path".to_owned(), per_packet(of(PATH)?.saturating_sub(engine)));
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_left_out_and_a_pass_that_is_missing_is_named() {
        let text = "events: Ir\nfn=port_burst\n1 409600\nfn=parse_pass\n1 40960\nfn=esp_burst\n1 81920\nfn=sender_pass\n1 4096\n\
                    fn=route_pass\n1 8192\nfn=send_pass\n1 8192\nfn=seal_all\n1 81920\nfn=a::Crypto::open\n1 40960\n\
                    fn=a::Crypto::seal\n1 61440\n";
        let profile = Profile::parse(text).unwrap();
        let [clear, _, gcm, _] = &CASES;
        let figures_of = |case| figures(case, &profile).unwrap();
        let expected =
            [("open", 10.0), ("parse", 10.0), ("path", 75.0), ("route", 2.0), ("seal", 5.0), ("send", 2.0)];
        for (pass, figure) in expected {
            assert_eq!(figures_of(gcm).get(pass), Some(&figure), "{pass}");
        }
        assert_eq!(figures_of(clear).get("open"), None);
        let profile = Profile::parse("events: Ir\nfn=port_burst\n1 2\n").unwrap();
        assert!(matches!(figures(clear, &profile), Err(Error::Missing { function: "parse_pass", .. })));
    }

    /// What callgrind is to watch does forward packets.
    #[test]
    fn every_case_is_forwarded() {
        for case in &CASES {
            path::forward(case.scenario(), case.size, case.esp, 256).unwrap();
        }
    }
}
