//! Finite-field Diffie-Hellman over the MODP groups of RFC 3526, by AWS-LC.
//!
//! AWS-LC's safe interface has no finite-field Diffie-Hellman; this is the smallest possible way to its constant-time
//! modular exponentiation. Prime fields of 2048, 3072 and 4096 bits, generator 2.
//!
//! | file | what it is about |
//! |---|---|
//! | `group` | sizes, and the primes |
//! | `number` | the library's big numbers, owned; all `unsafe` is there |

mod group;
mod number;

use zeroize::Zeroizing;

pub use group::Group;
use number::{Modulus, Number};

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The value is not of the group's length, or it is 0, 1, p-1, or not under p: its powers say the exponent's parity
    /// at most, or nothing (RFC 6989 2.1).
    Value,
    /// The exponent is 0 or of another length than [`Group::exponent_len`].
    Exponent,
    /// The library has no memory.
    Library,
}

/// `2^exponent mod p`, as long as p: what is sent to the peer.
pub fn public(group: Group, exponent: &[u8]) -> Result<Vec<u8>, Error> {
    check_exponent(group, exponent)?;
    let modulus = Modulus::new(group)?;
    let result = modulus.power(&Number::from_bytes(&[2])?, &Number::from_bytes(exponent)?)?;
    let mut bytes = vec![0; group.value_len()];
    result.write(&mut bytes)?;
    Ok(bytes)
}

/// `peer^exponent mod p`, as long as p (RFC 7296 2.14: zeros in front are kept).
///
/// The primes are safe ones: a value other than 0, 1 and p-1 has the order of the whole group or half of it, so no
/// small subgroup gives the exponent away.
pub fn agree(group: Group, exponent: &[u8], peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    check_exponent(group, exponent)?;
    if peer.len() != group.value_len() {
        return Err(Error::Value);
    }
    let modulus = Modulus::new(group)?;
    let peer = Number::from_bytes(peer)?;
    if !modulus.is_fit(&peer) {
        return Err(Error::Value);
    }
    let result = modulus.power(&peer, &Number::from_bytes(exponent)?)?;
    let mut bytes = Zeroizing::new(vec![0; group.value_len()]);
    result.write(&mut bytes)?;
    Ok(bytes)
}

fn check_exponent(group: Group, exponent: &[u8]) -> Result<(), Error> {
    // No early exit over the octets: their values stay secret.
    let any = exponent.iter().fold(0, |any, octet| any | octet);
    if exponent.len() != group.exponent_len() || any == 0 {
        return Err(Error::Exponent);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
