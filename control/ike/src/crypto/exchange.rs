//! Key exchanges: values that are `Send`, made and used on any thread.
//!
//! Private values come from the library's generator and are used once: no two exchanges share one (RFC 7296 2.12 allows
//! it; what is gained by it is not worth the checks of RFC 6989).

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::kem::{self, Ciphertext, DecapsulationKey, EncapsulationKey};
use subtle::ConstantTimeEq;

use crate::crypto::{Group, Role, Secret};

/// Why there is no shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ExchangeError {
    /// The peer's value does not have the length that the method prescribes.
    #[error("a value of {have} octets where {group:?} has {need}")]
    Length {
        /// The method.
        group: Group,
        /// Octets received.
        have: usize,
        /// Octets needed.
        need: usize,
    },
    /// The peer's value is none that an honest peer sends: 0, 1, p-1, not under p, not on the curve, of small order, not
    /// an encapsulation key.
    #[error("an invalid value for {0:?}")]
    Value(Group),
    /// The library failed.
    #[error("the library failed")]
    Library,
}

/// The initiator's side: a private value that waits for the responder's.
pub struct Exchange {
    group: Group,
    public: Vec<u8>,
    private: Private,
}

enum Private {
    Curve(PrivateKey),
    Modp(ffdh::Group, Secret),
    Kem(DecapsulationKey),
}

/// The responder's side in one step: makes a value of its own and agrees with the initiator's. Returns what the KE
/// payload has to carry, and the shared secret.
pub fn respond(group: Group, peer: &[u8]) -> Result<(Vec<u8>, Secret), ExchangeError> {
    check_length(group, Role::Initiator, peer)?;
    if let Some(algorithm) = kem_algorithm(group) {
        let key = EncapsulationKey::new(algorithm, peer).map_err(|_| ExchangeError::Value(group))?;
        let (ciphertext, secret) = key.encapsulate().map_err(|_| ExchangeError::Value(group))?;
        return Ok((ciphertext.as_ref().to_vec(), Secret::copy_of(secret.as_ref())));
    }
    let exchange = Exchange::generate(group)?;
    let shared = exchange.shared(peer)?;
    Ok((exchange.public, shared))
}

/// The method, never the private value.
impl std::fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Exchange({:?})", self.group)
    }
}

impl Exchange {
    /// A fresh private value.
    pub fn generate(group: Group) -> Result<Self, ExchangeError> {
        if let Some(algorithm) = kem_algorithm(group) {
            let key = DecapsulationKey::generate(algorithm).map_err(|_| ExchangeError::Library)?;
            let public = key
                .encapsulation_key()
                .and_then(|key| key.key_bytes())
                .map_err(|_| ExchangeError::Library)?;
            return Ok(Self { group, public: public.as_ref().to_vec(), private: Private::Kem(key) });
        }
        if let Some(algorithm) = curve(group) {
            let key = PrivateKey::generate(algorithm).map_err(|_| ExchangeError::Library)?;
            return Self::on_curve(group, key);
        }
        let modp = modp(group).ok_or(ExchangeError::Library)?;
        let mut exponent = Secret::zeroed(modp.exponent_len());
        aws_lc_rs::rand::fill(exponent.as_mut()).map_err(|_| ExchangeError::Library)?;
        Self::in_field(group, modp, exponent)
    }

    fn on_curve(group: Group, key: PrivateKey) -> Result<Self, ExchangeError> {
        let point = key.compute_public_key().map_err(|_| ExchangeError::Library)?;
        let public = match group {
            Group::X25519 => point.as_ref().to_vec(),
            // Without the octet that says "uncompressed" (RFC 5903 7).
            _ => point.as_ref().get(1..).unwrap_or_default().to_vec(),
        };
        Ok(Self { group, public, private: Private::Curve(key) })
    }

    fn in_field(group: Group, modp: ffdh::Group, exponent: Secret) -> Result<Self, ExchangeError> {
        let public = ffdh::public(modp, exponent.expose()).map_err(|_| ExchangeError::Library)?;
        Ok(Self { group, public, private: Private::Modp(modp, exponent) })
    }

    /// The method.
    #[must_use]
    pub const fn group(&self) -> Group {
        self.group
    }

    /// What the KE payload has to carry.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The secret shared with the responder, whose value is `peer`.
    pub fn agree(self, peer: &[u8]) -> Result<Secret, ExchangeError> {
        check_length(self.group, Role::Responder, peer)?;
        self.shared(peer)
    }

    fn shared(&self, peer: &[u8]) -> Result<Secret, ExchangeError> {
        let refused = ExchangeError::Value(self.group);
        match &self.private {
            Private::Curve(key) => agree_on_curve(self.group, key, peer),
            Private::Modp(group, exponent) => match ffdh::agree(*group, exponent.expose(), peer) {
                Ok(shared) => Ok(Secret::copy_of(&shared)),
                Err(ffdh::Error::Value) => Err(refused),
                Err(ffdh::Error::Exponent | ffdh::Error::Library) => Err(ExchangeError::Library),
            },
            Private::Kem(key) => {
                let secret = key.decapsulate(Ciphertext::from(peer)).map_err(|_| refused)?;
                Ok(Secret::copy_of(secret.as_ref()))
            }
        }
    }
}

fn agree_on_curve(group: Group, key: &PrivateKey, peer: &[u8]) -> Result<Secret, ExchangeError> {
    let refused = ExchangeError::Value(group);
    // The library wants the octet that RFC 5903 leaves away, and checks that the point is on the curve.
    let mut point = Vec::with_capacity(peer.len() + 1);
    if group != Group::X25519 {
        point.push(4);
    }
    point.extend_from_slice(peer);
    let peer = UnparsedPublicKey::new(key.algorithm(), point);
    let shared = agreement::agree(key, peer, refused, |secret| Ok(Secret::copy_of(secret)))?;
    // Of small order (RFC 8031 2.2): every private value gives zero. The library refuses it too.
    let zero: bool = shared.expose().ct_eq(&[0; 32]).into();
    if zero { Err(refused) } else { Ok(shared) }
}

fn check_length(group: Group, sender: Role, value: &[u8]) -> Result<(), ExchangeError> {
    let need = group.public_len(sender);
    if value.len() == need { Ok(()) } else { Err(ExchangeError::Length { group, have: value.len(), need }) }
}

const fn kem_algorithm(group: Group) -> Option<&'static kem::Algorithm> {
    match group {
        Group::MlKem512 => Some(&kem::ML_KEM_512),
        Group::MlKem768 => Some(&kem::ML_KEM_768),
        Group::MlKem1024 => Some(&kem::ML_KEM_1024),
        _ => None,
    }
}

const fn curve(group: Group) -> Option<&'static agreement::Algorithm> {
    match group {
        Group::X25519 => Some(&agreement::X25519),
        Group::Ecp256 => Some(&agreement::ECDH_P256),
        Group::Ecp384 => Some(&agreement::ECDH_P384),
        Group::Ecp521 => Some(&agreement::ECDH_P521),
        _ => None,
    }
}

const fn modp(group: Group) -> Option<ffdh::Group> {
    match group {
        Group::Modp2048 => Some(ffdh::Group::Modp2048),
        Group::Modp3072 => Some(ffdh::Group::Modp3072),
        Group::Modp4096 => Some(ffdh::Group::Modp4096),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
