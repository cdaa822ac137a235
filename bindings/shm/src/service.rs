//! What the dataplane's service thread counts: devices, kernel twins, buffers, control's messages it could not serve.
//!
//! Written by that thread alone, read by anyone. Counters run on when the dataplane is started again, as the workers'
//! do; gauges are those of the dataplane that runs, or ran last.

use crate::counters::{Counter, MAX_PORTS, MAX_TUNNELS};
use crate::message::Transform;

macro_rules! losses {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $meaning] $variant),* }

        impl $name {
            /// All of them in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name in `show interfaces` and in the metric's `reason` label.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $word),* } }
            /// One sentence for operators.
            pub fn meaning(self) -> &'static str { match self { $(Self::$variant => $meaning),* } }
        }
    };
}

losses! {
    /// Why a device lost packets before a worker saw them, or after. The discriminant indexes [`Device::losses`].
    DeviceLoss {
        RxMissed = "rx_missed", "Receive queues full: the workers are too slow. Add `cores`, or raise `ring-size`.";
        RxNoBuffer = "rx_no_buffer", "No buffer for a received packet: raise `buffers`.";
        RxErrors = "rx_errors", "Damaged on the wire, or longer than the device takes.";
        TxErrors = "tx_errors", "The device could not send it.";
    }
}

losses! {
    /// Why a packet was lost between a worker and the kernel. The discriminant indexes [`Twin::losses`].
    TwinLoss {
        Undelivered = "to_kernel_undelivered", "To the kernel: its interface was down, or its queue full.";
        Refused = "to_kernel_refused", "To the kernel, which refused it: no frame or IP packet to its mind.";
        Gone = "to_kernel_gone", "To the kernel, while its interface was deleted; it is made again within a second.";
        QueueFull = "from_kernel_queue_full", "From the kernel: the twin's queue was full, or nobody read it: raise its `txqueuelen`.";
        WorkerBusy = "from_kernel_worker_busy", "From the kernel: the worker's queue was full.";
        NoFrame = "from_kernel_no_frame", "From the kernel: too short to be a frame that takes the port's VLAN tag.";
    }
}

/// Room kept, so that a new cause does not change the layout.
const MAX_LOSSES: usize = 16;
const _: () = assert!(DeviceLoss::ALL.len() <= MAX_LOSSES && TwinLoss::ALL.len() <= MAX_LOSSES);

const UNKNOWN: u64 = 0;
const DOWN: u64 = 1;
const UP: u64 = 2;

/// What a port's device says of itself.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Device {
    link: Counter,
    mbps: Counter,
    /// Packets lost, by [`DeviceLoss`].
    pub losses: [Counter; MAX_LOSSES],
}

impl Device {
    /// Whether the link is up; `None`: the device cannot tell.
    pub fn link_up(&self) -> Option<bool> {
        match self.link.get() {
            UP => Some(true),
            DOWN => Some(false),
            _ => None,
        }
    }

    /// Mbit/s of the link; `None`: not known.
    pub fn mbps(&self) -> Option<u32> {
        u32::try_from(self.mbps.get()).ok().filter(|mbps| *mbps > 0)
    }

    /// Overwrites the link's state.
    pub fn set_link(&self, up: Option<bool>, mbps: Option<u32>) {
        let up = up.map_or(UNKNOWN, |up| if up { UP } else { DOWN });
        self.link.set(up);
        self.mbps.set(mbps.unwrap_or(0).into());
    }

    /// Packets lost for one cause.
    pub fn lost(&self, cause: DeviceLoss) -> u64 {
        self.losses[cause as usize].get()
    }

    /// Adds to the packets lost for one cause.
    pub fn lose(&self, cause: DeviceLoss, packets: u64) {
        self.losses[cause as usize].add(packets);
    }
}

/// Packets and octets that passed a kernel twin: frames of a port's, IP packets of a tunnel's.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Twin {
    /// Packets the kernel got.
    pub to_kernel_packets: Counter,
    /// Octets the kernel got.
    pub to_kernel_bytes: Counter,
    /// Packets the kernel sent.
    pub from_kernel_packets: Counter,
    /// Octets the kernel sent.
    pub from_kernel_bytes: Counter,
    /// Packets lost, by [`TwinLoss`].
    pub losses: [Counter; MAX_LOSSES],
}

impl Twin {
    /// Packets lost for one cause.
    pub fn lost(&self, cause: TwinLoss) -> u64 {
        self.losses[cause as usize].get()
    }

    /// Counts one packet lost.
    pub fn lose(&self, cause: TwinLoss) {
        self.lose_many(cause, 1);
    }

    /// Counts packets lost for one cause.
    pub fn lose_many(&self, cause: TwinLoss, packets: u64) {
        self.losses[cause as usize].add(packets);
    }
}

/// ESP transforms that a crypto engine is chosen for apart: by what is authenticated. The discriminant indexes
/// [`ServiceCounters::engines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cipher {
    /// AES-GCM.
    Gcm,
    /// AES-CBC with HMAC-SHA1-96.
    CbcSha1,
    /// AES-CBC with HMAC-SHA-256-128.
    CbcSha256,
    /// AES-CBC with HMAC-SHA-384-192.
    CbcSha384,
    /// AES-CBC with HMAC-SHA-512-256.
    CbcSha512,
}

impl Cipher {
    /// All of them in the order of their discriminants.
    pub const ALL: [Self; 5] = [Self::Gcm, Self::CbcSha1, Self::CbcSha256, Self::CbcSha384, Self::CbcSha512];

    /// In strongSwan's words, without the key's length: the metric's `transform` label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gcm => "aes-gcm",
            Self::CbcSha1 => "aes-cbc-sha1",
            Self::CbcSha256 => "aes-cbc-sha256",
            Self::CbcSha384 => "aes-cbc-sha384",
            Self::CbcSha512 => "aes-cbc-sha512",
        }
    }

    /// Which one a transform is.
    pub fn of(transform: Transform) -> Self {
        match transform {
            Transform::Gcm128 | Transform::Gcm256 => Self::Gcm,
            Transform::Cbc128Sha1 | Transform::Cbc256Sha1 => Self::CbcSha1,
            Transform::Cbc128Sha256 | Transform::Cbc256Sha256 => Self::CbcSha256,
            Transform::Cbc128Sha384 | Transform::Cbc256Sha384 => Self::CbcSha384,
            Transform::Cbc128Sha512 | Transform::Cbc256Sha512 => Self::CbcSha512,
        }
    }
}

/// A few words: up to 24 octets of printable ASCII.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Label([Counter; 3]);

impl Label {
    /// Overwrites it; what is too long is cut off.
    pub fn set(&self, text: &str) {
        let mut octets = text.bytes().chain(std::iter::repeat(0));
        for word in &self.0 {
            word.set(u64::from_le_bytes(std::array::from_fn(|_| octets.next().unwrap_or(0))));
        }
    }

    /// What it says; what is not printable, as a stranger might write it, is left out.
    pub fn text(&self) -> String {
        let octets = self.0.iter().flat_map(|word| word.get().to_le_bytes());
        octets.map(char::from).filter(|letter| letter.is_ascii_graphic() || *letter == ' ').collect()
    }
}

/// What the service thread counts. Written by that thread alone.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct ServiceCounters {
    /// Gauge: cycles per second of the time stamp counter that the workers' cycles are given in; 0: not told yet.
    pub tsc_hz: Counter,
    /// Updates of control that the tables refused.
    pub updates_refused: Counter,
    /// NHRP packets of control's lost because buffers or a worker's queue were exhausted.
    pub injects_lost: Counter,
    /// Gauge: packet buffers in all pools.
    pub buffers: Counter,
    /// Gauge: those in use.
    pub buffers_used: Counter,
    /// Gauge: what the crypto engine is called that does each [`Cipher`]; empty: no tunnel is protected.
    pub engines: [Label; Cipher::ALL.len()],
    /// Devices by port index.
    pub devices: [Device; MAX_PORTS],
    /// Twins by port index.
    pub port_twins: [Twin; MAX_PORTS],
    /// Twins by tunnel index.
    pub tunnel_twins: [Twin; MAX_TUNNELS],
}

impl Default for ServiceCounters {
    fn default() -> Self {
        Self {
            tsc_hz: Counter::default(),
            updates_refused: Counter::default(),
            injects_lost: Counter::default(),
            buffers: Counter::default(),
            buffers_used: Counter::default(),
            engines: Default::default(),
            devices: Default::default(),
            port_twins: Default::default(),
            tunnel_twins: std::array::from_fn(|_| Twin::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_was_written_and_nothing_that_is_not_printable() {
        let label = Label::default();
        assert_eq!(label.text(), "");
        for text in ["ipsec-mb (avx512)", "", "ring", "exactly twenty-four ones"] {
            label.set(text);
            assert_eq!(label.text(), text);
        }
        label.set("longer than twenty-four octets");
        assert_eq!(label.text(), "longer than twenty-four ");
        label.0[1].set(u64::from_le_bytes(*b"\x1b[2J\n\xff\0a"));
        assert_eq!(label.text(), "longer t[2Jaty-four ");
        for transform in Transform::ALL {
            assert_eq!(Cipher::ALL[Cipher::of(*transform) as usize], Cipher::of(*transform));
        }
    }

    #[test]
    fn a_link_is_up_down_or_unknown() {
        let device = Device::default();
        assert_eq!((device.link_up(), device.mbps()), (None, None));
        device.set_link(Some(true), Some(25_000));
        assert_eq!((device.link_up(), device.mbps()), (Some(true), Some(25_000)));
        device.set_link(Some(false), None);
        assert_eq!((device.link_up(), device.mbps()), (Some(false), None));
        device.link.set(77);
        assert_eq!(device.link_up(), None, "what a stranger wrote");
        device.mbps.set(u64::MAX);
        assert_eq!(device.mbps(), None);
    }

    #[test]
    fn each_cause_has_its_own_counter_and_name() {
        let (device, twin) = (Device::default(), Twin::default());
        for (n, cause) in DeviceLoss::ALL.iter().enumerate() {
            device.lose(*cause, n as u64 + 1);
        }
        assert!(DeviceLoss::ALL.iter().zip(1..).all(|(cause, n)| device.lost(*cause) == n));
        twin.lose(TwinLoss::WorkerBusy);
        assert_eq!(TwinLoss::ALL.iter().map(|cause| twin.lost(*cause)).sum::<u64>(), 1);
        let names = DeviceLoss::ALL.iter().map(|cause| cause.name());
        let names: std::collections::BTreeSet<_> =
            names.chain(TwinLoss::ALL.iter().map(|cause| cause.name())).collect();
        assert_eq!(names.len(), DeviceLoss::ALL.len() + TwinLoss::ALL.len());
    }
}
