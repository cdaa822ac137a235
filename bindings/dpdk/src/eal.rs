//! The environment abstraction layer: memory, buses, drivers. Initialised once per process and never torn down.

use crate::Errno;
use std::ffi::CString;
use std::sync::Mutex;

/// How DPDK is to start.
#[derive(Clone, Debug)]
pub struct EalConfig {
    /// Prefix of DPDK's runtime directory; different for each program that runs at once.
    pub name: String,
    /// Use hugepages; otherwise ordinary memory, at about half the I/O rate and without PCI devices.
    pub hugepages: bool,
    /// Memory in MiB.
    pub memory: u32,
    /// CPUs that the calling thread may run on afterwards: EAL pins it.
    pub cpus: Vec<usize>,
    /// PCI devices it may touch, each with its arguments; with none the PCI bus is not looked at.
    pub pci: Vec<String>,
    /// More arguments, as on a DPDK command line.
    pub extra: Vec<String>,
}

/// Why DPDK did not start.
#[derive(Debug, thiserror::Error)]
pub enum EalError {
    /// It can only once in a process.
    #[error("DPDK was already initialised in this process")]
    Again,
    /// An argument holds a zero octet.
    #[error("EAL argument {0:?} holds a zero octet")]
    Argument(String),
    /// EAL refused; its own log says more.
    #[error("DPDK does not start: {errno}. {hint}")]
    Refused {
        /// Reason.
        errno: Errno,
        /// What usually is wrong.
        hint: &'static str,
    },
}

/// Proof that EAL is initialised.
#[derive(Clone, Copy, Debug)]
pub struct Eal(());

/// Whether EAL was started, or an attempt failed: after a failure it cannot be tried again either.
static STARTED: Mutex<bool> = Mutex::new(false);

impl Eal {
    /// Starts DPDK.
    pub fn init(config: &EalConfig) -> Result<Self, EalError> {
        let mut started = STARTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *started {
            return Err(EalError::Again);
        }
        let mut pointers = Vec::new();
        for argument in arguments(config) {
            // EAL and drivers keep pointers to the arguments, so they are never freed.
            let c = CString::new(argument).map_err(|e| EalError::Argument(lossy(e.into_vec())))?;
            pointers.push(c.into_raw());
        }
        let count = pointers.len() as i32;
        pointers.push(std::ptr::null_mut());
        *started = true;
        // SAFETY: `pointers` holds `count` valid strings and a null pointer; EAL may permute and keep it, so both
        // are leaked.
        let ret = unsafe { dpdk_sys::rte_eal_init(count, pointers.leak().as_mut_ptr()) };
        if ret < 0 {
            let errno = Errno::last();
            return Err(EalError::Refused { errno, hint: hint(config, errno) });
        }
        Ok(Self(()))
    }
}

fn lossy(octets: Vec<u8>) -> String {
    String::from_utf8_lossy(&octets).into_owned()
}

fn hint(config: &EalConfig, errno: Errno) -> &'static str {
    match errno.0 {
        libc::EACCES | libc::EPERM => "Start it as root.",
        libc::ENOMEM if config.hugepages => {
            "Reserve hugepages (`sysctl vm.nr_hugepages=512`) or set `hugepages = false`."
        }
        libc::ENOMEM => "Lower `memory`.",
        _ if config.hugepages => {
            "See the lines starting with EAL above; without hugepages on the machine set `hugepages = false`."
        }
        _ => "See the lines starting with EAL above.",
    }
}

fn arguments(config: &EalConfig) -> Vec<String> {
    let cpus: Vec<String> = config.cpus.iter().map(usize::to_string).collect();
    let mut arguments = vec![
        config.name.clone(),
        // One EAL thread, the caller; workers are threads of ours that register themselves.
        if cpus.is_empty() { "--lcores=0".into() } else { format!("--lcores=0@({})", cpus.join(",")) },
        // No file that a crash would leave behind, and no other DPDK process that could attach. EAL refuses the
        // first together with --no-huge, which has no file to begin with.
        if config.hugepages { "--in-memory".into() } else { "--no-shconf".into() },
        format!("--file-prefix={}", config.name),
        "--no-telemetry".into(),
        "-m".into(),
        config.memory.to_string(),
    ];
    if !config.hugepages {
        arguments.push("--no-huge".into());
    }
    if config.pci.is_empty() {
        arguments.push("--no-pci".into());
    }
    for device in &config.pci {
        arguments.extend(["-a".into(), device.clone()]);
    }
    arguments.extend(config.extra.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EalConfig {
        EalConfig {
            name: "hub".into(),
            hugepages: false,
            memory: 64,
            cpus: vec![0, 2],
            pci: vec![],
            extra: vec!["--log-level=8".into()],
        }
    }

    #[test]
    fn arguments_without_hugepages_and_pci() {
        let line = arguments(&config()).join(" ");
        assert_eq!(
            line,
            "hub --lcores=0@(0,2) --no-shconf --file-prefix=hub --no-telemetry -m 64 --no-huge --no-pci --log-level=8"
        );
    }

    #[test]
    fn only_named_pci_devices_are_touched() {
        let config = EalConfig { hugepages: true, pci: vec!["0000:03:00.0,x=1".into()], ..config() };
        let line = arguments(&config).join(" ");
        assert!(
            line.contains(" -a 0000:03:00.0,x=1")
                && !line.contains("--no-pci")
                && !line.contains("--no-huge")
        );
    }
}
