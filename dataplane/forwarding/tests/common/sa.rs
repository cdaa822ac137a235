//! A spoke's end of an SA, made without any code of the hub's: ring for GCM, the hash and cipher crates for CBC.

use super::{HUB, ip, underlay};
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use hmac::{Hmac, KeyInit, Mac};
use ring::aead;
use shm::message::{Direction, Encap, Keys, Mode, SaInbound, SaOutbound, SessionId, Transform, Update, spi};
use std::net::Ipv4Addr;
use std::num::{NonZeroU8, NonZeroU64};

/// One direction of an SA.
#[derive(Clone, Debug)]
pub struct Half {
    pub transform: Transform,
    pub material: Vec<u8>,
    pub spi: u32,
    pub esn: bool,
}

/// Both directions, as the spoke and the hub have them.
#[derive(Clone, Debug)]
pub struct Sa {
    pub id: u32,
    pub tag: NonZeroU64,
    pub session: SessionId,
    pub nbma: Ipv4Addr,
    pub udp: Option<u16>,
    pub encap: Encap,
    pub mode: Mode,
    pub window: u16,
    pub hard_packets: u64,
    /// From the spoke to the hub.
    pub to_hub: Half,
    /// From the hub to the spoke.
    pub to_spoke: Half,
}

impl Sa {
    /// Keys that no other number gives.
    pub fn new(id: u32, number: u64, session: u32, nbma: Ipv4Addr, transform: Transform) -> Self {
        let half = |spi, salt: u8| Half {
            transform,
            material: (0..transform.encryption_len() + transform.integrity_len())
                .map(|at| (number as u8).wrapping_mul(31).wrapping_add((at as u8).wrapping_mul(7)) ^ salt)
                .collect(),
            spi,
            esn: false,
        };
        let generation = NonZeroU8::new((number % 255 + 1) as u8).expect("not 0");
        Self {
            id,
            tag: NonZeroU64::new(0xdead_0000 + number).expect("not 0"),
            session: SessionId::new(session).expect("not 0"),
            nbma,
            udp: None,
            encap: Encap::Plain,
            mode: Mode::Transport,
            window: 1024,
            hard_packets: u64::MAX,
            to_hub: half(spi(generation, id), 0x55),
            to_spoke: half(0xc000_0000 + id, 0xaa),
        }
    }

    pub fn with_esn(mut self) -> Self {
        (self.to_hub.esn, self.to_spoke.esn) = (true, true);
        self
    }

    /// Behind a translator.
    pub fn behind_nat(mut self, port: u16) -> Self {
        (self.udp, self.encap) = (Some(port), Encap::Udp);
        self
    }

    pub fn tunnel_mode(mut self) -> Self {
        self.mode = Mode::Tunnel { local: HUB, remote: self.nbma };
        self
    }

    pub fn inbound(&self) -> Update {
        Update::SaInbound(SaInbound {
            id: self.id,
            spi: self.to_hub.spi,
            tag: self.tag,
            session: self.session,
            local: HUB,
            nbma: self.nbma,
            udp: self.udp,
            encap: self.encap,
            mode: self.mode,
            esn: self.to_hub.esn,
            window: self.window,
            keys: Keys::new(self.to_hub.transform, &self.to_hub.material).expect("length"),
        })
    }

    pub fn outbound(&self) -> Update {
        Update::SaOutbound(SaOutbound {
            id: self.id,
            spi: self.to_spoke.spi,
            tag: self.tag,
            mode: self.mode,
            esn: self.to_spoke.esn,
            hard_packets: self.hard_packets,
            keys: Keys::new(self.to_spoke.transform, &self.to_spoke.material).expect("length"),
        })
    }

    pub fn delete(&self, direction: Direction) -> Update {
        Update::SaDelete { id: self.id, direction }
    }

    /// A GRE packet from the spoke, sealed, as a frame.
    pub fn frame(&self, sequence: u64, gre: &[u8]) -> Vec<u8> {
        let (payload, next) = match self.mode {
            Mode::Transport => (gre.to_vec(), 47),
            Mode::Tunnel { local, remote } => (ip(remote, local, 47, gre), 4),
        };
        self.carry(&self.to_hub.seal(sequence, &payload, next))
    }

    /// An ESP packet of the spoke's as a frame.
    pub fn carry(&self, esp: &[u8]) -> Vec<u8> {
        self.carry_from(self.nbma, self.udp, esp)
    }

    pub fn carry_from(&self, nbma: Ipv4Addr, udp: Option<u16>, esp: &[u8]) -> Vec<u8> {
        match udp {
            None => underlay(&ip(nbma, HUB, 50, esp)),
            Some(port) => underlay(&ip(nbma, HUB, 17, &datagram(port, 4500, esp))),
        }
    }

    /// The GRE packet in a frame that the hub sent, with its sequence number.
    pub fn receive(&self, frame: &[u8]) -> (u64, Vec<u8>) {
        self.receive_at(frame, 0)
    }

    /// With the high half of the sequence number.
    pub fn receive_at(&self, frame: &[u8], high: u32) -> (u64, Vec<u8>) {
        let outer = wire::ip4::parse(&frame[14..]).expect("outer");
        assert_eq!((outer.source(), outer.destination()), (HUB, self.nbma));
        assert_eq!(outer.total_len(), frame.len() - 14, "nothing behind");
        let esp = match self.udp {
            None => {
                assert_eq!(outer.protocol(), 50);
                outer.payload()
            }
            Some(port) => {
                assert_eq!(outer.protocol(), 17);
                let udp = outer.payload();
                assert_eq!(udp[..4], [&4500_u16.to_be_bytes()[..], &port.to_be_bytes()].concat());
                assert_eq!(udp[4..8], [&(udp.len() as u16).to_be_bytes()[..], &[0, 0]].concat());
                &udp[8..]
            }
        };
        let (sequence, payload, next) = self.to_spoke.open(esp, high).expect("authentic");
        match self.mode {
            Mode::Transport => {
                assert_eq!(next, 47);
                (sequence, payload)
            }
            Mode::Tunnel { local, remote } => {
                assert_eq!(next, 4);
                let inner = wire::ip4::parse(&payload).expect("inner header");
                assert_eq!((inner.source(), inner.destination(), inner.protocol()), (local, remote, 47));
                assert_eq!((inner.total_len(), inner.tos()), (payload.len(), outer.tos()));
                (sequence, inner.payload().to_vec())
            }
        }
    }
}

/// A UDP datagram without checksum.
pub fn datagram(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() + 8) as u16;
    let header = [source, destination, len, 0].map(u16::to_be_bytes).concat();
    [&header[..], payload].concat()
}

impl Half {
    /// An ESP packet with minimal padding.
    pub fn seal(&self, sequence: u64, payload: &[u8], next: u8) -> Vec<u8> {
        let align = self.transform.block_len();
        let padding = (align - (payload.len() + 2) % align) % align;
        let mut text = payload.to_vec();
        text.extend(1..=padding as u8);
        text.extend([padding as u8, next]);
        self.seal_text(sequence, text)
    }

    /// An ESP packet of any plaintext.
    pub fn seal_text(&self, sequence: u64, mut text: Vec<u8>) -> Vec<u8> {
        let mut packet = self.spi.to_be_bytes().to_vec();
        packet.extend((sequence as u32).to_be_bytes());
        if self.transform.is_gcm() {
            // Any number that does not come twice: not the hub's choice.
            let iv = (sequence ^ 0x5a5a_0000_0000_0000).to_be_bytes();
            self.gcm()
                .seal_in_place_append_tag(self.nonce(&iv), self.aad(sequence), &mut text)
                .expect("seal");
            packet.extend(iv);
            packet.extend(text);
        } else {
            let iv: [u8; 16] = std::array::from_fn(|at| (sequence as u8) ^ (at as u8 * 11));
            assert_eq!(text.len() % 16, 0, "whole blocks");
            self.encrypt(&iv, &mut text);
            packet.extend(iv);
            packet.extend(text);
            let icv = self.hmac(&packet, sequence);
            packet.extend(icv);
        }
        packet
    }

    /// Sequence number, payload and next header. `high` is the high half of the sequence number.
    pub fn open(&self, packet: &[u8], high: u32) -> Option<(u64, Vec<u8>, u8)> {
        let (header, rest) = packet.split_first_chunk::<8>()?;
        if header[..4] != self.spi.to_be_bytes() {
            return None;
        }
        let sequence =
            u64::from(high) << 32 | u64::from(u32::from_be_bytes(header[4..].try_into().expect("4")));
        let text = if self.transform.is_gcm() {
            let (iv, sealed) = rest.split_first_chunk::<8>()?;
            let mut sealed = sealed.to_vec();
            self.gcm().open_in_place(self.nonce(iv), self.aad(sequence), &mut sealed).ok()?;
            sealed.truncate(sealed.len() - 16);
            sealed
        } else {
            let (covered, icv) =
                packet.split_at_checked(packet.len().checked_sub(self.transform.icv_len())?)?;
            if self.hmac(covered, sequence) != icv {
                return None;
            }
            let mut text = covered[24..].to_vec();
            self.decrypt(covered[8..24].try_into().expect("16"), &mut text);
            text
        };
        let [padding, next] = *text.last_chunk::<2>()?;
        let len = text.len() - 2 - usize::from(padding);
        assert!(text[len..text.len() - 2].iter().zip(1..).all(|(octet, value)| *octet == value));
        assert_eq!(text.len() % self.transform.block_len(), 0);
        assert!(usize::from(padding) < self.transform.block_len(), "no more padding than needed");
        Some((sequence, text[..len].to_vec(), next))
    }

    /// The IV of a packet.
    pub fn iv<'p>(&self, packet: &'p [u8]) -> &'p [u8] {
        &packet[8..8 + self.transform.iv_len()]
    }

    fn gcm(&self) -> aead::LessSafeKey {
        let key = &self.material[..self.material.len() - 4];
        let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
        aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).expect("key"))
    }

    fn nonce(&self, iv: &[u8]) -> aead::Nonce {
        let salt = &self.material[self.material.len() - 4..];
        aead::Nonce::try_assume_unique_for_key(&[salt, iv].concat()).expect("12 octets")
    }

    fn aad(&self, sequence: u64) -> aead::Aad<Vec<u8>> {
        let mut aad = self.spi.to_be_bytes().to_vec();
        if self.esn {
            aad.extend(sequence.to_be_bytes());
        } else {
            aad.extend((sequence as u32).to_be_bytes());
        }
        aead::Aad::from(aad)
    }

    fn hmac(&self, covered: &[u8], sequence: u64) -> Vec<u8> {
        let key = &self.material[self.transform.encryption_len()..];
        let high = ((sequence >> 32) as u32).to_be_bytes();
        let upper: &[u8] = if self.esn { &high } else { &[] };
        let mut icv = match key.len() {
            20 => mac::<Hmac<sha1::Sha1>>(key, covered, upper),
            32 => mac::<Hmac<sha2::Sha256>>(key, covered, upper),
            48 => mac::<Hmac<sha2::Sha384>>(key, covered, upper),
            _ => mac::<Hmac<sha2::Sha512>>(key, covered, upper),
        };
        icv.truncate(self.transform.icv_len());
        icv
    }

    /// CBC as in NIST SP 800-38A 6.2.
    fn encrypt(&self, iv: &[u8; 16], text: &mut [u8]) {
        let mut chain = *iv;
        for block in text.as_chunks_mut::<16>().0 {
            for (octet, link) in block.iter_mut().zip(chain) {
                *octet ^= link;
            }
            self.block(|key| match key.len() {
                16 => aes::Aes128::new_from_slice(key).expect("key").encrypt_block(block.into()),
                _ => aes::Aes256::new_from_slice(key).expect("key").encrypt_block(block.into()),
            });
            chain = *block;
        }
    }

    fn decrypt(&self, iv: &[u8; 16], text: &mut [u8]) {
        let mut chain = *iv;
        for block in text.as_chunks_mut::<16>().0 {
            let link = std::mem::replace(&mut chain, *block);
            self.block(|key| match key.len() {
                16 => aes::Aes128::new_from_slice(key).expect("key").decrypt_block(block.into()),
                _ => aes::Aes256::new_from_slice(key).expect("key").decrypt_block(block.into()),
            });
            for (octet, link) in block.iter_mut().zip(link) {
                *octet ^= link;
            }
        }
    }

    fn block(&self, work: impl FnOnce(&[u8])) {
        work(&self.material[..self.transform.encryption_len()]);
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], covered: &[u8], upper: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length");
    mac.update(covered);
    mac.update(upper);
    mac.finalize().into_bytes().to_vec()
}

/// An IKE-like message of `len` octets.
pub fn ike_message(len: usize) -> Vec<u8> {
    (0..len).map(|at| at as u8 ^ 0x77).collect()
}

/// A UDP datagram to the hub in a frame.
pub fn udp_frame(nbma: Ipv4Addr, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    underlay(&ip(nbma, HUB, 17, &datagram(source, destination, payload)))
}

/// What a frame must not be: GRE in the clear.
pub fn is_clear_gre(frame: &[u8]) -> bool {
    wire::ip4::parse(&frame[14..]).is_ok_and(|packet| packet.protocol() == 47)
}
