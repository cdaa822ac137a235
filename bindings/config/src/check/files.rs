//! The files that `hub.toml` names: are they there, and are secrets kept?

use crate::model::{Config, KeySource};
use crate::reader::Findings;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Permission bits of those who are neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// `file` is `hub.toml` itself.
pub(crate) fn check(file: &Path, config: &Config, findings: &mut Findings) {
    let ike = &config.ike;
    if let Some(own) = &ike.own {
        public(&own.certificate, "ike.certificate", findings);
        secret(&own.private_key, "ike.private-key", findings);
    }
    for (name, files) in [("authority", &ike.authority), ("crl", &ike.crl)] {
        for (index, path) in files.iter().enumerate() {
            public(path, &format!("ike.{name}[{index}]"), findings);
        }
    }
    let mut inline = false;
    for (index, key) in ike.key.iter().enumerate() {
        match &key.source {
            KeySource::Inline(_) => inline = true,
            KeySource::File(path) => {
                let place = format!("ike.key[{index}].pre-shared-key-file");
                if secret(path, &place, findings)
                    && let Err(error) = key.source.read()
                {
                    findings.error(&place, format!("{}: {error}", path.display()));
                }
            }
        }
    }
    let open = std::fs::metadata(file).is_ok_and(|found| found.mode() & OTHERS != 0);
    if inline && open {
        let message = format!(
            "everybody on this machine may read {}: chmod o= it, or put the keys into a `pre-shared-key-file`",
            file.display()
        );
        findings.warning("ike.key", message);
    }
}

fn metadata(path: &Path, place: &str, findings: &mut Findings) -> Option<std::fs::Metadata> {
    let wrong = match std::fs::metadata(path) {
        Ok(found) if found.is_file() => return Some(found),
        Ok(_) => "is no file".to_string(),
        Err(error) => error.to_string(),
    };
    findings.error(place, format!("{}: {wrong}", path.display()));
    None
}

fn public(path: &Path, place: &str, findings: &mut Findings) {
    if metadata(path, place, findings).is_some_and(|found| found.len() == 0) {
        findings.error(place, format!("{}: the file is empty", path.display()));
    }
}

/// Whether it is worth reading.
fn secret(path: &Path, place: &str, findings: &mut Findings) -> bool {
    let Some(found) = metadata(path, place, findings) else { return false };
    let mode = found.mode() & 0o777;
    if mode & OTHERS != 0 {
        let message = format!(
            "{} is open to everybody on this machine (mode {mode:03o}): chmod 600 it, and take a new key if others had \
             access",
            path.display()
        );
        findings.error(place, message);
    }
    mode & OTHERS == 0
}
