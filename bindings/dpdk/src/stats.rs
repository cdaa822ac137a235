//! What a device counts.

use crate::{Errno, port::Shared};
use dpdk_sys as sys;

/// A device's counters since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Packets the device discarded because its receive queues were full: the workers are too slow.
    pub rx_missed: u64,
    /// Erroneous packets received.
    pub rx_errors: u64,
    /// Packets discarded because the pool was empty.
    pub rx_no_buffer: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
}

pub(crate) fn read(port: &Shared) -> Result<PortStats, Errno> {
    let mut raw = sys::rte_eth_stats::default();
    // SAFETY: the port is open and `raw` is valid.
    Errno::check(unsafe { sys::rte_eth_stats_get(port.id(), &mut raw) })?;
    Ok(PortStats {
        rx_packets: raw.ipackets,
        rx_bytes: raw.ibytes,
        rx_missed: raw.imissed,
        rx_errors: raw.ierrors,
        rx_no_buffer: raw.rx_nombuf,
        tx_packets: raw.opackets,
        tx_bytes: raw.obytes,
        tx_errors: raw.oerrors,
    })
}

/// All counters of the driver by their names.
pub(crate) fn extended(port: &Shared) -> Result<Vec<(String, u64)>, Errno> {
    // SAFETY: with no room the function only counts.
    let count =
        Errno::check(unsafe { sys::rte_eth_xstats_get(port.id(), std::ptr::null_mut(), 0) })? as usize;
    let mut names = vec![sys::rte_eth_xstat_name::default(); count];
    let mut values = vec![sys::rte_eth_xstat::default(); count];
    // SAFETY: `names` has `count` elements.
    let got = unsafe { sys::rte_eth_xstats_get_names(port.id(), names.as_mut_ptr(), count as u32) };
    names.truncate(Errno::check(got)? as usize);
    // SAFETY: `values` has `count` elements.
    let got = unsafe { sys::rte_eth_xstats_get(port.id(), values.as_mut_ptr(), count as u32) };
    values.truncate(Errno::check(got)? as usize);
    let named = |value: &sys::rte_eth_xstat| {
        let name = names.get(value.id as usize)?;
        let octets: Vec<u8> = name.name.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect();
        Some((String::from_utf8_lossy(&octets).into_owned(), value.value))
    };
    Ok(values.iter().filter_map(named).collect())
}
