//! Big numbers of AWS-LC, owned and wiped.

use std::ptr::NonNull;

use aws_lc_sys as sys;

use crate::{Error, Group};

/// A number that this value owns.
pub(crate) struct Number(NonNull<sys::BIGNUM>);

impl Number {
    fn new() -> Result<Self, Error> {
        // SAFETY: no arguments; null when there is no memory.
        NonNull::new(unsafe { sys::BN_new() }).map(Self).ok_or(Error::Library)
    }

    /// Big-endian octets.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        // SAFETY: reads `len` octets of a live slice; a null third argument makes a new number, null without memory.
        let number = unsafe { sys::BN_bin2bn(bytes.as_ptr(), bytes.len(), std::ptr::null_mut()) };
        NonNull::new(number).map(Self).ok_or(Error::Library)
    }

    fn prime(group: Group) -> Result<Self, Error> {
        let number = Self::new()?;
        let get = match group {
            Group::Modp2048 => sys::BN_get_rfc3526_prime_2048,
            Group::Modp3072 => sys::BN_get_rfc3526_prime_3072,
            Group::Modp4096 => sys::BN_get_rfc3526_prime_4096,
        };
        // SAFETY: a live number of ours, which the library fills; null when there is no memory.
        let filled = unsafe { get(number.0.as_ptr()) };
        if filled.is_null() { Err(Error::Library) } else { Ok(number) }
    }

    /// Big-endian, with zeros in front, in a time that depends on the length only.
    pub(crate) fn write(&self, bytes: &mut [u8]) -> Result<(), Error> {
        // SAFETY: writes exactly `len` octets of a live slice, or says that the number does not fit.
        let done = unsafe { sys::BN_bn2bin_padded(bytes.as_mut_ptr(), bytes.len(), self.0.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::Library) }
    }

    fn is_under(&self, other: &Self) -> bool {
        // SAFETY: two live numbers, only read.
        let order = unsafe { sys::BN_cmp(self.0.as_ptr(), other.0.as_ptr()) };
        order < 0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has it after this; the library wipes it.
        unsafe { sys::BN_clear_free(self.0.as_ptr()) }
    }
}

/// The octets of a group's prime.
pub(crate) fn prime(group: Group) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; group.value_len()];
    Number::prime(group)?.write(&mut bytes)?;
    Ok(bytes)
}

/// A prime with what its arithmetic needs.
pub(crate) struct Modulus {
    prime: Number,
    /// p - 1.
    last: Number,
    scratch: Scratch,
    montgomery: Montgomery,
}

struct Scratch(NonNull<sys::BN_CTX>);

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has it after this. Its numbers are wiped by the library's allocator.
        unsafe { sys::BN_CTX_free(self.0.as_ptr()) }
    }
}

struct Montgomery(NonNull<sys::BN_MONT_CTX>);

impl Drop for Montgomery {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody has it after this.
        unsafe { sys::BN_MONT_CTX_free(self.0.as_ptr()) }
    }
}

impl Modulus {
    pub(crate) fn new(group: Group) -> Result<Self, Error> {
        let prime = Number::prime(group)?;
        // An odd number: one less is its lowest bit taken away.
        let mut bytes = self::prime(group)?;
        if let Some(lowest) = bytes.last_mut() {
            *lowest &= !1;
        }
        let last = Number::from_bytes(&bytes)?;
        // SAFETY: no arguments; null when there is no memory.
        let scratch = NonNull::new(unsafe { sys::BN_CTX_new() }).map(Scratch).ok_or(Error::Library)?;
        // SAFETY: a live odd number and live scratch of ours; null when there is no memory.
        let montgomery = unsafe { sys::BN_MONT_CTX_new_for_modulus(prime.0.as_ptr(), scratch.0.as_ptr()) };
        let montgomery = NonNull::new(montgomery).map(Montgomery).ok_or(Error::Library)?;
        Ok(Self { prime, last, scratch, montgomery })
    }

    /// Whether it is over 1 and under p-1. Public values only: this takes the time that it takes.
    pub(crate) fn is_fit(&self, value: &Number) -> bool {
        Number::from_bytes(&[1]).is_ok_and(|one| one.is_under(value)) && value.is_under(&self.last)
    }

    /// `base^exponent mod p` in a time that does not depend on the exponent's value.
    pub(crate) fn power(&self, base: &Number, exponent: &Number) -> Result<Number, Error> {
        let result = Number::new()?;
        // SAFETY: six live values of ours, base under the odd prime, scratch used by nobody else (it is not Sync), the
        // Montgomery values made for this prime.
        let done = unsafe {
            sys::BN_mod_exp_mont_consttime(
                result.0.as_ptr(),
                base.0.as_ptr(),
                exponent.0.as_ptr(),
                self.prime.0.as_ptr(),
                self.scratch.0.as_ptr(),
                self.montgomery.0.as_ptr(),
            )
        };
        if done == 1 { Ok(result) } else { Err(Error::Library) }
    }
}
