//! The kernel's TAP and TUN devices: the other half of a port or tunnel.
//!
//! They need three ioctls, and `unsafe` for them, so they live here and not in the program that uses them. The
//! devices are persistent: their index, addresses, routes and what routing daemons know of them survive a program
//! that was killed; without a reader the kernel takes their carrier away, and gives it back when one attaches again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// `TUNSETCARRIER`, since Linux 5.0: `_IOW('T', 226, int)`.
const TUNSETCARRIER: libc::c_ulong = 0x4004_54e2;
/// `SIOCSIFTXQLEN`, as in the kernel's `sockios.h`.
const SIOCSIFTXQLEN: libc::c_ulong = 0x8943;
/// How long to wait for a killed predecessor to let go of the device.
const ATTACH_PATIENCE: Duration = Duration::from_secs(3);

/// What kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet frames.
    Tap,
    /// IP packets.
    Tun,
}

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum TunTapError {
    /// Empty, too long, or with a character that the kernel refuses.
    #[error("`{0}` is not an interface name")]
    Name(String),
    /// `/dev/net/tun` does not open.
    #[error("/dev/net/tun: {0}")]
    Open(io::Error),
    /// The kernel refused to create or attach it.
    #[error("interface {name}: {what}: {error}")]
    Refused {
        /// Interface.
        name: String,
        /// What was tried.
        what: &'static str,
        /// Reason.
        error: io::Error,
    },
}

/// An attached device. Reads and writes do not block.
#[derive(Debug)]
pub struct TunTap {
    file: File,
    name: String,
}

impl TunTap {
    /// Attaches to the device called `name`, which is made when it does not exist.
    pub fn open(kind: Kind, name: &str) -> Result<Self, TunTapError> {
        let mut request = request(name)?;
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")
            .map_err(TunTapError::Open)?;
        let mode = match kind {
            Kind::Tap => libc::IFF_TAP,
            Kind::Tun => libc::IFF_TUN,
        };
        request.ifr_ifru.ifru_flags = (mode | libc::IFF_NO_PI) as libc::c_short;
        let device = Self { file, name: name.into() };
        let deadline = Instant::now() + ATTACH_PATIENCE;
        loop {
            // SAFETY: the request is valid and carries a name and flags, as this ioctl wants.
            let ret = unsafe { libc::ioctl(device.file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
            match device.check("attach", ret) {
                Ok(()) => break,
                Err(TunTapError::Refused { error, .. })
                    if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error),
            }
        }
        // SAFETY: this ioctl takes a number.
        let ret = unsafe { libc::ioctl(device.file.as_raw_fd(), libc::TUNSETPERSIST, 1) };
        device.check("make persistent", ret)?;
        Ok(device)
    }

    /// Name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the MAC address of a TAP device, also while it is up.
    pub fn set_mac(&self, mac: [u8; 6]) -> Result<(), TunTapError> {
        let mut request = request(&self.name)?;
        let mut address = libc::sockaddr { sa_family: libc::ARPHRD_ETHER, sa_data: [0; 14] };
        for (to, from) in address.sa_data.iter_mut().zip(mac) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_hwaddr = address;
        self.configure("MAC address", libc::SIOCSIFHWADDR, request)
    }

    /// Sets the MTU.
    pub fn set_mtu(&self, mtu: u16) -> Result<(), TunTapError> {
        let mut request = request(&self.name)?;
        request.ifr_ifru.ifru_mtu = i32::from(mtu);
        self.configure("MTU", libc::SIOCSIFMTU, request)
    }

    /// Sets how many packets may wait to be read; the kernel drops what comes beyond.
    pub fn set_queue(&self, packets: u16) -> Result<(), TunTapError> {
        let mut request = request(&self.name)?;
        // The kernel reads the length of the queue where the MTU is: both are numbers.
        request.ifr_ifru.ifru_mtu = i32::from(packets);
        self.configure("length of the queue", SIOCSIFTXQLEN, request)
    }

    /// Shows or takes away the carrier, so that the kernel sees the state of the port's link.
    pub fn set_carrier(&self, up: bool) -> Result<(), TunTapError> {
        let value = libc::c_int::from(up);
        // SAFETY: this ioctl reads an int.
        let ret = unsafe { libc::ioctl(self.file.as_raw_fd(), TUNSETCARRIER, &raw const value) };
        self.check("carrier", ret)
    }

    /// Takes one frame or packet that the kernel sent. `None`: there is none.
    pub fn read(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        retry((&self.file).read(into))
    }

    /// Gives the kernel one frame or packet. `None`: the interface is down or its queue full, and the packet lost.
    pub fn write(&self, packet: &[u8]) -> io::Result<Option<usize>> {
        match (&self.file).write(packet) {
            // The interface is down.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(None),
            other => retry(other),
        }
    }

    fn configure(
        &self,
        what: &'static str,
        ioctl: libc::c_ulong,
        request: libc::ifreq,
    ) -> Result<(), TunTapError> {
        let refused = |error| TunTapError::Refused { name: self.name.clone(), what, error };
        // Any socket of the name space will do.
        let socket = UnixDatagram::unbound().map_err(refused)?;
        // SAFETY: the request is valid and holds what this ioctl reads.
        let ret = unsafe { libc::ioctl(socket.as_raw_fd(), ioctl, &raw const request) };
        self.check(what, ret)
    }

    fn check(&self, what: &'static str, ret: libc::c_int) -> Result<(), TunTapError> {
        if ret >= 0 {
            return Ok(());
        }
        Err(TunTapError::Refused { name: self.name.clone(), what, error: io::Error::last_os_error() })
    }
}

impl AsFd for TunTap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn retry(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An interface request with the name filled in and everything else zero.
fn request(name: &str) -> Result<libc::ifreq, TunTapError> {
    // A `%` would make the kernel number the device.
    let valid = !name.is_empty()
        && name.len() < libc::IFNAMSIZ
        && name.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'/' | b'%' | b':'))
        && !matches!(name, "." | "..");
    if !valid {
        return Err(TunTapError::Name(name.into()));
    }
    // SAFETY: the struct is plain data, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// Raises an interface's MTU to `mtu` if it is lower: of one whose frames a port takes through packet sockets.
pub fn raise_mtu(name: &str, mtu: u16) -> Result<(), TunTapError> {
    let refused = |error| TunTapError::Refused { name: name.into(), what: "MTU", error };
    let mut request = request(name)?;
    let socket = UnixDatagram::unbound().map_err(refused)?;
    // SAFETY: the request is valid, holds a name, and has room for the answer.
    let ret = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) };
    if ret < 0 {
        return Err(refused(io::Error::last_os_error()));
    }
    // SAFETY: the kernel filled this member in.
    let present = unsafe { request.ifr_ifru.ifru_mtu };
    if present >= i32::from(mtu) {
        return Ok(());
    }
    request.ifr_ifru.ifru_mtu = i32::from(mtu);
    // SAFETY: the request is valid and holds what this ioctl reads.
    let ret = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU, &raw const request) };
    if ret < 0 { Err(refused(io::Error::last_os_error())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_kernel_would_refuse_or_change_are_refused() {
        for name in ["", "a/b", "tap%d", "sixteen-letters-", "a b", "..", "é"] {
            assert!(matches!(request(name), Err(TunTapError::Name(_))), "{name}");
        }
        assert!(request("wan0").is_ok());
        assert!(request("fifteen-letters").is_ok());
    }
}
