//! Cookies: proof that an initiator can receive at its address, kept by the initiator (RFC 7296 2.6).

use crate::Host;
use crate::crypto::{Prf, Secret};
use std::net::Ipv4Addr;
use subtle::ConstantTimeEq;

/// A secret makes cookies for so long, and takes them for as long again.
const ROTATION_MS: u64 = 60_000;
/// Octets of a cookie: one to find the secret, then as many of the HMAC.
const LENGTH: usize = 1 + 24;

/// What cookies are made with.
pub(crate) struct Cookies {
    /// The current secret and the one before.
    secrets: [Option<(u8, Secret)>; 2],
    next: u8,
    since_ms: u64,
}

impl Cookies {
    pub(crate) fn new() -> Self {
        Self { secrets: [None, None], next: 0, since_ms: 0 }
    }

    /// A cookie for an initiator. It covers nonce, SPI and address; not the KE payload, which changes after
    /// INVALID_KE_PAYLOAD (RFC 7296 2.6.1), and not the port, which a NAT may change.
    pub(crate) fn make(
        &mut self,
        now_ms: u64,
        host: &mut dyn Host,
        spi: u64,
        source: Ipv4Addr,
        nonce: &[u8],
    ) -> Vec<u8> {
        self.rotate(now_ms, host);
        match &self.secrets[0] {
            Some((number, secret)) => compute(*number, secret, spi, source, nonce),
            None => Vec::new(),
        }
    }

    /// Whether a cookie is one of ours, not too old, for this initiator.
    pub(crate) fn check(
        &mut self,
        now_ms: u64,
        host: &mut dyn Host,
        spi: u64,
        source: Ipv4Addr,
        nonce: &[u8],
        cookie: &[u8],
    ) -> bool {
        self.rotate(now_ms, host);
        let Some(number) = cookie.first() else { return false };
        let mut secrets = self.secrets.iter().flatten();
        let Some((number, secret)) = secrets.find(|(known, _)| known == number) else { return false };
        compute(*number, secret, spi, source, nonce).ct_eq(cookie).into()
    }

    fn rotate(&mut self, now_ms: u64, host: &mut dyn Host) {
        let age = now_ms.saturating_sub(self.since_ms);
        if self.secrets[0].is_some() && age < ROTATION_MS {
            return;
        }
        let mut secret = Secret::zeroed(32);
        host.random(secret.as_mut());
        let previous = self.secrets[0].take();
        self.secrets = [Some((self.next, secret)), previous.filter(|_| age < 2 * ROTATION_MS)];
        self.next = self.next.wrapping_add(1);
        self.since_ms = now_ms;
    }
}

fn compute(number: u8, secret: &Secret, spi: u64, source: Ipv4Addr, nonce: &[u8]) -> Vec<u8> {
    let parts = [nonce, &source.octets(), &spi.to_be_bytes()];
    let tag = Prf::Sha256.compute(secret.expose(), &parts);
    let mut cookie = Vec::with_capacity(LENGTH);
    cookie.push(number);
    cookie.extend_from_slice(tag.expose().get(..LENGTH - 1).unwrap_or_default());
    cookie
}
