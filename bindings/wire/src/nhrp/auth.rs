//! The authentication extension's value (RFC 2332 5.3.4, as Cisco and FRR use it): a reserved half and a security
//! parameter index of 1, then the password in clear. The RFC's source address field is left out by everybody.

/// Octets before the password.
const HEAD: [u8; 4] = [0, 0, 0, 1];

/// A received value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authentication<'a> {
    value: &'a [u8],
}

/// Never shows the password.
impl std::fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authentication({} octets)", self.value.len())
    }
}

impl<'a> Authentication<'a> {
    /// Takes a value with at least one octet of password.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        (value.len() > HEAD.len()).then_some(Self { value })
    }

    /// Whether index and password are ours. Takes as long for a wrong password as for a right one, and as long for
    /// one of another length as for one of ours.
    pub fn matches(&self, password: &[u8]) -> bool {
        let mut differs = u8::from(self.value.len() != HEAD.len() + password.len());
        for (i, ours) in HEAD.iter().chain(password).enumerate() {
            differs |= ours ^ self.value.get(i).copied().unwrap_or(!ours);
        }
        // black_box: the loop must not be turned into an early exit.
        std::hint::black_box(differs) == 0
    }

    /// Writes our own value.
    pub fn emit(password: &[u8]) -> Vec<u8> {
        [&HEAD[..], password].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_value_matches() {
        let value = Authentication::emit(b"secret");
        assert_eq!(value, b"\0\0\0\x01secret");
        let matches = |value: &[u8], password: &[u8]| Authentication::parse(value).unwrap().matches(password);
        assert!(matches(&value, b"secret"));
        assert!(!matches(&value, b"secre"));
        assert!(!matches(&value, b"secret1"));
        assert!(!matches(&value, b"Secret"));
        assert!(!matches(b"\0\0\0\x02secret", b"secret"));
        assert!(!matches(b"\0\0\0\x01s", b"secret"));
        assert!(!matches(b"\0\0\0\x01secret\0", b"secret"));
    }

    #[test]
    fn no_password_is_no_authentication() {
        for n in 0..=4 {
            assert!(Authentication::parse(&b"\0\0\0\x01"[..n]).is_none());
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let value = Authentication::emit(b"hunter2");
        assert!(!format!("{:?}", Authentication::parse(&value).unwrap()).contains("hunter2"));
    }
}
