//! The profiles for traffic generators and what `hub-perf hub-files` writes for them fit together.
#![cfg(test)]

use std::path::Path;
use std::process::Command;

/// hairpin.py, told of a capture, would send just that capture.
#[test]
fn trex_would_send_the_capture() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: needs python3");
        return;
    }
    let directory = std::env::temp_dir().join(format!("hub-perf-profiles-{}", std::process::id()));
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/check.py");
    for options in
        [&["--size", "imix", "--spokes", "500"][..], &["--size", "86", "--key", "7", "--frames", "1"]]
    {
        let written = Command::new(env!("CARGO_BIN_EXE_hub-perf"))
            .args(["hub-files", "--device", "0000:03:00.0", "--directory"])
            .arg(&directory)
            .args(options)
            .output()
            .unwrap();
        assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
        let capture = directory.join("frames.pcap");
        // Pktgen-DPDK reads captures with this magic only.
        assert_eq!(std::fs::read(&capture).unwrap()[..4], 0xa1b2_c3d4_u32.to_le_bytes());
        let checked = Command::new("python3").arg(&check).arg(&capture).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
