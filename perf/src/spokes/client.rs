//! One spoke's NHRP client, without sockets and without a clock.

use super::message::{self, Common, accepted, ipv4, public_address};
use super::plan::{Identity, mask};
use super::report::Report;
use super::shortcuts::{Shortcut, Shortcuts};
use std::net::Ipv4Addr;
use wire::nhrp::{ChecksumRule, Flags, Packet, PacketType, TooLong};

/// First wait for an answer; doubled each time up to [`LAST_RETRY`], as Cisco and FRR do.
const FIRST_RETRY: u64 = 1_000;
/// Longest wait for an answer.
const LAST_RETRY: u64 = 64_000;
/// Requests for one resolution before it is given up.
const RESOLUTION_TRIES: u32 = 4;
/// Most resolutions under way.
const MAX_RESOLUTIONS: usize = 16;

/// What a client wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// An NHRP packet to send to an NBMA address.
    Send(Ipv4Addr, Vec<u8>),
    /// Something to tell.
    Tell(Report),
}

/// Registration requests of a spoke, refreshes included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    /// Sent.
    pub sent: u64,
    /// Among them those sent again for want of an answer.
    pub again: u64,
    /// Answers received, also belated ones.
    pub answers: u64,
}

/// A resolution under way.
#[derive(Clone, Copy, Debug)]
struct Resolution {
    id: u32,
    target: Ipv4Addr,
    tries: u32,
    again: u64,
}

/// State of one spoke. Times are monotonic milliseconds.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its addresses.
    pub me: Identity,
    /// Direct ways.
    pub shortcuts: Shortcuts,
    /// Its registration requests.
    pub requests: Requests,
    registered_until: u64,
    refused: bool,
    /// Public address, if the hub saw another than the claimed one.
    public: Option<Ipv4Addr>,
    request_id: u32,
    first_sent: u64,
    waiting: bool,
    wait: u64,
    next_registration: u64,
    next_id: u32,
    resolutions: Vec<Resolution>,
}

impl Client {
    /// A client that registers for the first time at `start`.
    pub fn new(me: Identity, start: u64) -> Self {
        Self {
            me,
            shortcuts: Shortcuts::default(),
            requests: Requests::default(),
            registered_until: 0,
            refused: false,
            public: None,
            request_id: 0,
            first_sent: start,
            waiting: false,
            wait: FIRST_RETRY,
            next_registration: start,
            next_id: 1,
            resolutions: Vec::new(),
        }
    }

    /// Registers anew at once: the way to the hub is there, or there again.
    pub fn begin(&mut self, now: u64) {
        (self.waiting, self.next_registration) = (false, now);
    }

    /// Sends no registration until [`Client::begin`]: there is no way to the hub.
    pub fn pause(&mut self) {
        (self.waiting, self.next_registration) = (false, u64::MAX);
    }

    /// Whether the hub has accepted a registration that still holds.
    pub fn registered(&self, now: u64) -> bool {
        now < self.registered_until
    }

    /// Whether the answer to its last registration request has not come yet.
    pub fn waiting(&self) -> bool {
        self.waiting
    }

    /// When [`Client::tick`] has something to do next.
    pub fn deadline(&self) -> u64 {
        self.resolutions.iter().map(|resolution| resolution.again).fold(self.next_registration, u64::min)
    }

    /// NBMA address to send a packet for `destination` to.
    pub fn next_hop(&self, common: &Common, destination: Ipv4Addr, now: u64) -> Ipv4Addr {
        self.shortcuts.find(destination, now).unwrap_or(common.hub)
    }

    /// Does what is due.
    pub fn tick(&mut self, common: &Common, now: u64, out: &mut Vec<Output>) {
        if now >= self.next_registration {
            self.register(common, now, out);
        }
        let mut due = Vec::new();
        self.resolutions.retain_mut(|resolution| {
            if now < resolution.again {
                return true;
            }
            if resolution.tries == RESOLUTION_TRIES {
                return false;
            }
            resolution.again = now + (FIRST_RETRY << resolution.tries);
            resolution.tries += 1;
            due.push((resolution.id, resolution.target));
            true
        });
        for (id, target) in due {
            let packet = message::resolution(common, &self.me, self.public, id, target);
            send(common.hub, packet, out);
        }
    }

    /// A refresh is a new request; a retry is the same one again (RFC 2332 5.2.3: the id ties reply to request).
    fn register(&mut self, common: &Common, now: u64, out: &mut Vec<Output>) {
        if self.waiting {
            self.requests.again += 1;
            self.wait = (self.wait * 2).min(LAST_RETRY);
        } else {
            (self.request_id, self.wait, self.first_sent, self.waiting) =
                (self.fresh_id(), FIRST_RETRY, now, true);
        }
        self.next_registration = now + self.wait;
        self.requests.sent += 1;
        send(common.hub, message::registration(common, &self.me, self.request_id), out);
    }

    fn fresh_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }

    /// Begins to resolve an address, unless that is under way or a shortcut is known.
    pub fn resolve(&mut self, target: Ipv4Addr, now: u64) {
        let known = self.shortcuts.find(target, now).is_some() || self.me.owns(target);
        let under_way = self.resolutions.iter().any(|resolution| resolution.target == target);
        if known || under_way || self.resolutions.len() >= MAX_RESOLUTIONS {
            return;
        }
        let id = self.fresh_id();
        self.resolutions.push(Resolution { id, target, tries: 0, again: now });
    }

    /// Takes an NHRP packet that came from `from`. Malformed ones and those with a wrong password are ignored.
    pub fn packet(
        &mut self,
        common: &Common,
        from: Ipv4Addr,
        octets: &[u8],
        now: u64,
        out: &mut Vec<Output>,
    ) {
        let Ok(packet) = Packet::parse(octets, ChecksumRule::Strict) else { return };
        if let Some(password) = &common.password
            && !packet.authentication().is_some_and(|given| given.matches(password))
        {
            return;
        }
        match packet.kind() {
            PacketType::RegistrationReply => self.registration_reply(common, &packet, now, out),
            PacketType::ResolutionRequest => self.resolution_request(common, &packet, out),
            PacketType::ResolutionReply => self.resolution_reply(&packet, now, out),
            PacketType::PurgeRequest => self.purge_request(common, from, &packet, out),
            PacketType::TrafficIndication if common.shortcut => self.indication(&packet, now),
            PacketType::ErrorIndication => {
                out.push(Output::Tell(Report::Error { spoke: self.me.index, code: packet.error_code().0 }));
            }
            PacketType::TrafficIndication | PacketType::RegistrationRequest | PacketType::PurgeReply => {}
        }
    }

    fn registration_reply(&mut self, common: &Common, packet: &Packet<'_>, now: u64, out: &mut Vec<Output>) {
        self.requests.answers += 1;
        if packet.request_id() != self.request_id || !self.waiting {
            return;
        }
        self.waiting = false;
        self.next_registration = now + u64::from(common.holdtime) * 1_000 / 3;
        let Identity { index: spoke, tunnel, nbma, .. } = self.me;
        if let Some(code) = packet.cies().find(|cie| !accepted(cie)).map(|cie| cie.code.0) {
            self.registered_until = 0;
            if !std::mem::replace(&mut self.refused, true) {
                out.push(Output::Tell(Report::Refused { spoke, tunnel, nbma, code }));
            }
            return;
        }
        let news = !self.registered(now) || self.refused;
        self.refused = false;
        self.registered_until = now + u64::from(common.holdtime) * 1_000;
        self.public = public_address(packet, tunnel).filter(|public| *public != self.me.claimed);
        if news {
            let took_ms = now - self.first_sent;
            out.push(Output::Tell(Report::Registered { spoke, tunnel, nbma, public: self.public, took_ms }));
        }
    }

    fn resolution_request(&mut self, common: &Common, packet: &Packet<'_>, out: &mut Vec<Output>) {
        let Some((_, _, target)) = packet.ipv4_addresses() else { return };
        if self.me.owns(target) {
            send(common.hub, message::resolution_reply(common, &self.me, self.public, packet, target), out);
        }
    }

    fn resolution_reply(&mut self, packet: &Packet<'_>, now: u64, out: &mut Vec<Output>) {
        let id = packet.request_id();
        let Some(at) = self.resolutions.iter().position(|resolution| resolution.id == id) else { return };
        let Resolution { target, .. } = self.resolutions.swap_remove(at);
        let Some(cie) = packet.cies().find(accepted) else { return };
        let (Some(claimed), Some(via)) = (ipv4(cie.nbma), ipv4(cie.protocol)) else { return };
        let nbma = public_address(packet, via).unwrap_or(claimed);
        let len = if cie.prefix_len == 0 { 32 } else { cie.prefix_len.min(32) };
        let network = Ipv4Addr::from_bits(target.to_bits() & mask(len));
        let expires = now + u64::from(cie.holding_time) * 1_000;
        if self.shortcuts.insert(Shortcut { network, len, via, nbma, expires }) {
            let prefix = format!("{network}/{len}");
            out.push(Output::Tell(Report::Shortcut { spoke: self.me.index, prefix, via, nbma }));
        }
    }

    fn purge_request(&mut self, common: &Common, from: Ipv4Addr, packet: &Packet<'_>, out: &mut Vec<Output>) {
        let mut removed = 0;
        for cie in packet.cies() {
            if let Some(protocol) = ipv4(cie.protocol) {
                let len = if cie.prefix_len == 0 { 32 } else { cie.prefix_len.min(32) };
                removed += self.shortcuts.purge(protocol, len);
            }
        }
        if removed > 0 {
            out.push(Output::Tell(Report::Purged { spoke: self.me.index, removed }));
        }
        if !packet.flags().has(Flags::NO_REPLY) {
            send(from, message::purge_reply(common, packet), out);
        }
    }

    /// The excerpt begins with the packet that took the long way: its destination is what to resolve.
    fn indication(&mut self, packet: &Packet<'_>, now: u64) {
        let Some(destination) = packet.body().get(16..20) else { return };
        let &[a, b, c, d] = destination else { return };
        self.resolve(Ipv4Addr::new(a, b, c, d), now);
    }
}

/// A packet that is too long is not sent: only a request with absurdly many entries makes one.
fn send(to: Ipv4Addr, packet: Result<Vec<u8>, TooLong>, out: &mut Vec<Output>) {
    if let Ok(packet) = packet {
        out.push(Output::Send(to, packet));
    }
}

#[cfg(test)]
mod tests;
