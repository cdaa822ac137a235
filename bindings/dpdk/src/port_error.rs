//! Why a port is not usable.

use crate::Errno;

/// Why a port is not usable.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The device string holds a zero octet.
    #[error("device {0:?} is not a device name")]
    Name(String),
    /// No driver took the device.
    #[error("device `{device}` cannot be opened: {errno}. {hint}")]
    Probe {
        /// As configured.
        device: String,
        /// Reason.
        errno: Errno,
        /// What usually is wrong.
        hint: &'static str,
    },
    /// Each worker needs a transmit queue of its own.
    #[error(
        "device `{device}` ({driver}) has {max} transmit queues, {workers} workers need one each: lower `cores`"
    )]
    Queues {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// Queues it has.
        max: u16,
        /// Workers.
        workers: u16,
    },
    /// Larger than the device can take.
    #[error("device `{device}` ({driver}) takes an MTU of at most {max}, not {mtu}")]
    Mtu {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// Wanted.
        mtu: u16,
        /// Possible.
        max: u16,
    },
    /// A step of the set-up failed.
    #[error("device `{device}` ({driver}) refuses {step}: {errno}")]
    Setup {
        /// As configured.
        device: String,
        /// Its driver.
        driver: String,
        /// What it refused.
        step: &'static str,
        /// Reason.
        errno: Errno,
    },
}
