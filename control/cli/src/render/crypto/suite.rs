//! IKE's algorithms in Cisco's words.

/// An agreed suite.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suite {
    /// `AES-GCM`
    pub(super) encryption: &'static str,
    /// Bits.
    pub(super) key: u16,
    /// `SHA384`
    pub(super) prf: &'static str,
    /// `SHA384`, `None` of a cipher that authenticates by itself.
    pub(super) hash: &'static str,
    /// Number of the group (RFC 7296 3.3.2), 0: not agreed yet.
    pub(super) group: u16,
    /// `ML-KEM-768`, several joined by a comma.
    pub(super) additional: String,
}

impl Suite {
    /// Of strongSwan's words; those that are not known change nothing.
    pub(super) fn new(words: &str) -> Self {
        let mut suite = Self {
            encryption: "Unknown",
            key: 0,
            prf: "Unknown",
            hash: "None",
            group: 0,
            additional: String::new(),
        };
        let mut additional = Vec::new();
        for word in words.split('-') {
            if let Some((_, name)) = word.strip_prefix("ke").and_then(|rest| rest.split_once('_')) {
                additional.push(kem(name));
            } else if let Some(hash) = word.strip_prefix("prf").and_then(hash) {
                // The PRF is not cut to 96 bits.
                suite.prf = if hash == "SHA96" { "SHA1" } else { hash };
            } else if let Some(hash) = hash(word) {
                suite.hash = hash;
            } else if let Some(key) = word.strip_prefix("aes") {
                suite.encryption = if key.contains("gcm") { "AES-GCM" } else { "AES-CBC" };
                suite.key = key.get(..3).and_then(|bits| bits.parse().ok()).unwrap_or(0);
            } else if let Some(number) = group(word) {
                suite.group = number;
            }
        }
        suite.additional = additional.join(", ");
        suite
    }
}

fn hash(word: &str) -> Option<&'static str> {
    Some(match word {
        "sha1" => "SHA96",
        "sha256" => "SHA256",
        "sha384" => "SHA384",
        "sha512" => "SHA512",
        _ => return None,
    })
}

/// Numbers that IANA has given.
pub(super) fn group(word: &str) -> Option<u16> {
    Some(match word {
        "modp2048" => 14,
        "modp3072" => 15,
        "modp4096" => 16,
        "ecp256" => 19,
        "ecp384" => 20,
        "ecp521" => 21,
        "x25519" => 31,
        _ => return None,
    })
}

/// `mlkem768` as NIST writes it.
fn kem(word: &str) -> String {
    word.strip_prefix("mlkem").map_or_else(|| word.to_uppercase(), |bits| format!("ML-KEM-{bits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let suite = Suite::new("aes256gcm16-prfsha384-x25519-ke1_mlkem768");
        assert_eq!((suite.encryption, suite.key, suite.prf, suite.hash), ("AES-GCM", 256, "SHA384", "None"));
        assert_eq!((suite.group, suite.additional.as_str()), (31, "ML-KEM-768"));
        let suite = Suite::new("aes128-sha256-prfsha512-modp2048");
        assert_eq!(
            (suite.encryption, suite.key, suite.prf, suite.hash),
            ("AES-CBC", 128, "SHA512", "SHA256")
        );
        assert_eq!((suite.group, suite.additional.as_str()), (14, ""));
        assert_eq!(Suite::new("").encryption, "Unknown");
        assert_eq!(Suite::new("aes").key, 0);
    }
}
