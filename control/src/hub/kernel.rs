//! What the kernel says, and what it is asked for.

use super::Hub;
use crate::fpm;
use crate::kernel::{Change, Interface};
use crate::netlink::{Command, Notice};
use crate::{twins, words};
use shm::message::PortId;
use std::io;
use std::net::Ipv4Addr;

/// How long the kernel's facts are taken in before spokes and sessions have their turn, in milliseconds: a table of
/// a million routes takes many turns.
const SLICE_MS: u64 = 3;

impl Hub {
    /// Reads the kernel's socket; `true`: there is more.
    pub fn read_kernel(&mut self, now_ms: u64) -> io::Result<bool> {
        self.state.tick(now_ms);
        let mut complete = false;
        let state = &mut self.state;
        let until_ms = now_ms + SLICE_MS;
        let more = self.netlink.read(now_ms, until_ms, &mut |notice| match notice {
            Notice::Begin => state.kernel.begin(),
            Notice::Fact(fact) => state.fact(fact),
            Notice::End(class) => {
                let mut changes: Vec<Change> = Vec::new();
                state.kernel.end(class, &mut changes);
                state.changed(&changes);
            }
            Notice::Complete => complete = true,
            Notice::Broken => tracing::warn!("the kernel refused to list what it has; asking again"),
        })?;
        let (failed, check, plain) = (&mut self.failed, &mut self.check_twins, &mut self.plain_tables);
        self.netlink.results(&mut |command, result| {
            *check |= !more;
            if let (Command::Vrf { name, .. }, Err(error)) = (&command, &result) {
                match error.raw_os_error() {
                    // Asked for twice, before the kernel told of it.
                    Some(libc::EEXIST) => return,
                    Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => {
                        if !*plain {
                            words::no_vrf_devices(name, error);
                        }
                        *plain = true;
                        return;
                    }
                    _ => {}
                }
            }
            // A twin that vanished meanwhile is seen as gone soon enough.
            if let Err(error) = result
                && error.raw_os_error() != Some(libc::ENODEV)
                && failed.pass(now_ms, command.clone()).is_some()
            {
                tracing::warn!("the kernel refused {command:?}: {error}");
            }
        })?;
        // What is missing is known when all has been read.
        self.check_twins |= !more;
        while self.state.work() && shm::clock::now_ms() < until_ms {}
        self.complete |= complete;
        // Only now do spokes have their turn, although a table of half a million routes takes two seconds: what they send
        // meanwhile waits in the rings. By a part of the routes a spoke would be reached another way than by all, and who
        // is told so in the data plane has traffic; links and entries of ways have numbers of this life, which routes of
        // the last one would take for theirs; and who asks for an address would hear that nothing leads there.
        if self.complete && self.state.is_settled() && !self.ready {
            self.restore(now_ms);
            self.ready = true;
        }
        Ok(more || !self.state.is_settled())
    }

    /// Takes in what zebra tells; `true`: there is more.
    pub(super) fn read_fpm(&mut self, now_ms: u64) -> bool {
        let Some(fpm) = &mut self.fpm else { return false };
        let state = &mut self.state;
        let mut changes = Vec::new();
        let more = fpm.read(now_ms, now_ms + SLICE_MS, &mut |notice| {
            match notice {
                fpm::Notice::Begin => state.kernel.fpm_begin(),
                fpm::Notice::Fact(fact) => state.kernel.fpm_apply(fact, &mut changes),
                fpm::Notice::Sweep => state.kernel.fpm_sweep(&mut changes),
            }
            state.changed(&changes);
            changes.clear();
        });
        more || state.work()
    }

    pub(super) fn resolve(&mut self, now_ms: u64, port: PortId, address: Ipv4Addr) {
        let (twin, kernel) = (Interface::Port(port), &self.state.kernel);
        // `NTF_USE` would take the permanence, and with it the MAC address, from an entry that an operator set.
        if kernel.neighbour(twin, address).is_some_and(|neighbour| neighbour.permanent) {
            return;
        }
        let Some(link) = kernel.link(twin) else { return };
        if link.up && self.resolving.pass(now_ms, (port, address)).is_some() {
            self.netlink.resolve(link.index, address);
        }
    }

    pub(super) fn set_up_twins(&mut self, now_ms: u64) {
        if self.netlink.is_busy() {
            return;
        }
        self.check_twins = false;
        self.no_ipv6();
        for command in twins::missing(&self.config, &self.state.kernel, self.plain_tables) {
            if !self.failed.holds(now_ms, &command) {
                self.netlink.send(command);
            }
        }
    }

    /// The overlay and the underlay are IPv4: router solicitations and the like of a twin would only be dropped.
    fn no_ipv6(&mut self) {
        let links = self.state.kernel.twins().map(|link| (link.index, link.name.clone()));
        for (index, name) in links.collect::<Vec<_>>() {
            if self.quiet.insert(index) {
                // Without IPv6 in the kernel there is nothing to switch off.
                let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
            }
        }
    }
}
