//! Finds the library, compiles the shim over its header and links the shared library.
//!
//! Where it is not installed, or the target is no x86-64, the crate is built without it and says so to who asks for a
//! manager. `HUB_IPSEC_MB=DIR` names a prefix with `include` and `lib`; `HUB_IPSEC_MB=no` leaves the library out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADER: &str = "intel-ipsec-mb.h";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ipsec_mb)");
    for file in ["build.rs", "csrc/shim.h", "csrc/shim.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for name in ["HUB_IPSEC_MB", "PKG_CONFIG_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let wish = env::var("HUB_IPSEC_MB").unwrap_or_default();
    if wish == "no" || env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch != "x86_64") {
        return;
    }
    let prefix = (!wish.is_empty()).then(|| PathBuf::from(&wish));
    let Some(include) = find_header(prefix.as_deref()) else {
        println!("cargo::warning={HEADER} not found: built without ipsec-mb (Debian: libipsec-mb-dev)");
        return;
    };
    println!("cargo::rerun-if-changed={}", include.join(HEADER).display());
    cc::Build::new().file("csrc/shim.c").include(&include).std("c11").compile("hub_ipsec_mb_shim");
    if let Some(prefix) = prefix {
        println!("cargo::rustc-link-search=native={}", prefix.join("lib").display());
    }
    println!("cargo::rustc-link-lib=dylib=IPSec_MB");
    println!("cargo::rustc-cfg=ipsec_mb");
}

/// The directory of the header: of the prefix named, of pkg-config (which knows releases from 2.0 on), or the usual.
fn find_header(prefix: Option<&Path>) -> Option<PathBuf> {
    if let Some(prefix) = prefix {
        return Some(prefix.join("include")).filter(|dir| dir.join(HEADER).is_file());
    }
    pkg_config()
        .into_iter()
        .chain(["/usr/include", "/usr/local/include"].map(PathBuf::from))
        .find(|dir| dir.join(HEADER).is_file())
}

fn pkg_config() -> Option<PathBuf> {
    let asked = Command::new("pkg-config").args(["--variable=includedir", "libipsec_mb"]).output().ok()?;
    let said = String::from_utf8(asked.stdout).ok()?;
    Some(PathBuf::from(said.trim())).filter(|dir| asked.status.success() && dir.is_dir())
}
