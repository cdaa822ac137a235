//! Keys of an IKE SA and of its child SAs (RFC 7296 2.14, 2.17, 2.18; RFC 9370 2.2).

use crate::crypto::{Encryption, Integrity, Opener, Prf, Sealer, Secret, Suite};

/// Which side of the IKE SA is ours. The initiator of a rekey is the new SA's initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We began it.
    Initiator,
    /// The peer began it.
    Responder,
}

/// The nonces of an exchange, without payload headers.
#[derive(Clone, Copy, Debug)]
pub struct Nonces<'a> {
    /// Ni: of that exchange's initiator.
    pub initiator: &'a [u8],
    /// Nr.
    pub responder: &'a [u8],
}

/// The SPIs of an IKE SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spis {
    /// SPIi.
    pub initiator: [u8; 8],
    /// SPIr.
    pub responder: [u8; 8],
}

/// SK_d, SK_a*, SK_e*, SK_p* of one IKE SA.
#[derive(Clone, Debug)]
pub struct Keys {
    suite: Suite,
    derive: Secret,
    integrity: [Secret; 2],
    encryption: [Secret; 2],
    payload: [Secret; 2],
}

/// Key material of a child SA, per direction in the order in which RFC 7296 2.17 cuts it: encryption key, salt,
/// integrity key.
#[derive(Clone, Debug)]
pub struct ChildKeys {
    /// Protects what the exchange's initiator sends.
    pub initiator: Secret,
    /// Protects what the exchange's responder sends.
    pub responder: Secret,
}

const INITIATOR: usize = 0;
const RESPONDER: usize = 1;

impl Role {
    const fn index(self) -> usize {
        match self {
            Self::Initiator => INITIATOR,
            Self::Responder => RESPONDER,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

impl Keys {
    /// Keys of IKE_SA_INIT: `SKEYSEED = prf(Ni | Nr, g^ir)`.
    #[must_use]
    pub fn initial(suite: Suite, shared: &Secret, nonces: Nonces<'_>, spis: Spis) -> Self {
        let mut key = Secret::zeroed(nonces.initiator.len() + nonces.responder.len());
        let (first, second) = key.as_mut().split_at_mut(nonces.initiator.len());
        first.copy_from_slice(nonces.initiator);
        second.copy_from_slice(nonces.responder);
        let seed = suite.prf().compute(key.expose(), &[shared.expose()]);
        Self::expand(suite, &seed, nonces, spis)
    }

    /// Keys after an additional key exchange in IKE_INTERMEDIATE: `SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr)`
    /// with nonces and SPIs of IKE_SA_INIT (RFC 9370 2.2.2).
    #[must_use]
    pub fn additional(&self, shared: &Secret, nonces: Nonces<'_>, spis: Spis) -> Self {
        let data = [shared.expose(), nonces.initiator, nonces.responder];
        let seed = self.suite.prf().compute(self.derive.expose(), &data);
        Self::expand(self.suite, &seed, nonces, spis)
    }

    /// Keys of the IKE SA that replaces this one: `SKEYSEED = prf(SK_d (old), SK(0) | Ni | Nr | SK(1) | ...)`
    /// (RFC 7296 2.18, RFC 9370 2.2.4), with the prf of this SA; then prf+ with that of the new one and its SPIs.
    /// `shared` is the secrets of all key exchanges in their order, at least one.
    #[must_use]
    pub fn rekeyed(&self, suite: Suite, shared: &[Secret], nonces: Nonces<'_>, spis: Spis) -> Self {
        let seed = self.suite.prf().compute(self.derive.expose(), &mixed(shared, nonces));
        Self::expand(suite, &seed, nonces, spis)
    }

    /// Keys of a child SA: `KEYMAT = prf+(SK_d, [SK(0) |] Ni | Nr [| SK(1) ...])` with the nonces of the exchange that
    /// makes it; no secret without PFS.
    #[must_use]
    pub fn child(
        &self,
        encryption: Encryption,
        integrity: Option<Integrity>,
        shared: &[Secret],
        nonces: Nonces<'_>,
    ) -> ChildKeys {
        let length = encryption.material_len() + integrity.map_or(0, Integrity::key_len);
        // 2 x (36 + 64) octets at most: far under the 255 outputs of prf+.
        let material = self
            .suite
            .prf()
            .expand(self.derive.expose(), &mixed(shared, nonces), 2 * length)
            .unwrap_or_else(|| Secret::zeroed(0));
        let mut cut = Cut(material.expose());
        ChildKeys { initiator: cut.take(length), responder: cut.take(length) }
    }

    /// `{SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)`.
    fn expand(suite: Suite, seed: &Secret, nonces: Nonces<'_>, spis: Spis) -> Self {
        let prf = suite.prf();
        let data = [nonces.initiator, nonces.responder, &spis.initiator, &spis.responder];
        // At most 3 x 64 + 2 x 64 + 2 x 36 octets: far under the 255 outputs of prf+.
        let material =
            prf.expand(seed.expose(), &data, Self::material_len(suite)).unwrap_or_else(|| Secret::zeroed(0));
        Self::cut(suite, material.expose())
    }

    const fn material_len(suite: Suite) -> usize {
        3 * suite.prf().output_len() + 2 * suite.integrity_key_len() + 2 * suite.encryption().material_len()
    }

    fn cut(suite: Suite, material: &[u8]) -> Self {
        let (prf, integrity) = (suite.prf().output_len(), suite.integrity_key_len());
        let encryption = suite.encryption().material_len();
        let mut cut = Cut(material);
        Self {
            suite,
            derive: cut.take(prf),
            integrity: [cut.take(integrity), cut.take(integrity)],
            encryption: [cut.take(encryption), cut.take(encryption)],
            payload: [cut.take(prf), cut.take(prf)],
        }
    }

    /// What the keys are for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The prf of the SA.
    #[must_use]
    pub const fn prf(&self) -> Prf {
        self.suite.prf()
    }

    /// SK_pi or SK_pr: for AUTH (RFC 7296 2.15) and IntAuth (RFC 9242 3.3.2).
    #[must_use]
    pub fn payload_key(&self, whose: Role) -> &Secret {
        &self.payload[whose.index()]
    }

    /// Protects what `ours` sends.
    #[must_use]
    pub fn sealer(&self, ours: Role) -> Sealer {
        let side = ours.index();
        Sealer::new(self.suite, &self.encryption[side], &self.integrity[side])
    }

    /// Opens what the peer of `ours` sends.
    #[must_use]
    pub fn opener(&self, ours: Role) -> Opener {
        let side = ours.peer().index();
        Opener::new(self.suite, &self.encryption[side], &self.integrity[side])
    }

    /// All keys one after the other, for a file that only this process can read. [`Keys::import`] reads it.
    #[must_use]
    pub fn export(&self) -> Secret {
        let mut material = Secret::zeroed(Self::material_len(self.suite));
        let mut rest = material.as_mut();
        let [ai, ar] = &self.integrity;
        let [ei, er] = &self.encryption;
        let [pi, pr] = &self.payload;
        for key in [&self.derive, ai, ar, ei, er, pi, pr] {
            let (head, tail) = rest.split_at_mut(key.len());
            head.copy_from_slice(key.expose());
            rest = tail;
        }
        material
    }

    /// Keys of an SA that was exported; `None` unless the length is the suite's.
    #[must_use]
    pub fn import(suite: Suite, material: &[u8]) -> Option<Self> {
        (material.len() == Self::material_len(suite)).then(|| Self::cut(suite, material))
    }
}

/// `SK(0) | Ni | Nr | SK(1) | ... | SK(n)` (RFC 9370 2.2.4); with one secret that is RFC 7296's.
fn mixed<'a>(shared: &'a [Secret], nonces: Nonces<'a>) -> Vec<&'a [u8]> {
    let mut data = Vec::with_capacity(shared.len() + 2);
    data.extend(shared.first().map(Secret::expose));
    data.extend([nonces.initiator, nonces.responder]);
    data.extend(shared.iter().skip(1).map(Secret::expose));
    data
}

/// Key material that is cut from the front.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    fn take(&mut self, length: usize) -> Secret {
        let (head, tail) = self.0.split_at(length.min(self.0.len()));
        self.0 = tail;
        Secret::copy_of(head)
    }
}
