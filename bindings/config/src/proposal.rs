//! Proposals in strongSwan's words, joined by `-`: `aes256gcm16-prfsha384-ecp384`. A proposal may name several
//! transforms of a kind; any of them will do.

use std::fmt;

/// Ciphers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-GCM with a 16-octet ICV (RFC 4106).
    Gcm,
    /// AES-CBC (RFC 3602).
    Cbc,
}

/// HMACs of ESP and IKE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// HMAC-SHA1-96
    Sha1,
    /// HMAC-SHA-256-128
    Sha256,
    /// HMAC-SHA-384-192
    Sha384,
    /// HMAC-SHA-512-256
    Sha512,
}

/// One acceptable proposal, whose words are known and go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    text: String,
    /// The kind of cipher.
    pub cipher: Cipher,
    /// HMACs; none with [`Cipher::Gcm`].
    pub integrity: Vec<Integrity>,
    /// Whether SHA-1 is in it.
    pub weak: bool,
}

impl Proposal {
    /// What the IKE core likes best when nothing is configured.
    pub(crate) fn preferred() -> Self {
        Self { text: "aes128gcm16".into(), cipher: Cipher::Gcm, integrity: Vec::new(), weak: false }
    }

    /// As it is written, in lower case.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const CIPHERS: &[&str] = &["aes128gcm16", "aes192gcm16", "aes256gcm16", "aes128", "aes192", "aes256"];
const INTEGRITY: &[&str] = &["sha256", "sha384", "sha512", "sha1"];
const PRFS: &[&str] = &["prfsha256", "prfsha384", "prfsha512", "prfsha1"];
const GROUPS: &[&str] = &["x25519", "ecp256", "ecp384", "ecp521", "modp2048", "modp3072", "modp4096"];
const KEMS: &[&str] = &["mlkem512", "mlkem768", "mlkem1024"];
/// Other names of the same things.
const ALIASES: &[(&str, &str)] = &[
    ("aes", "aes128"),
    ("aes128gcm128", "aes128gcm16"),
    ("aes192gcm128", "aes192gcm16"),
    ("aes256gcm128", "aes256gcm16"),
    ("sha", "sha1"),
    ("sha1_96", "sha1"),
    ("sha2_256", "sha256"),
    ("sha2_384", "sha384"),
    ("sha2_512", "sha512"),
    ("curve25519", "x25519"),
];
/// What is known and not served, since it is broken or too weak (RFC 8247, RFC 8221).
const BROKEN: &[&str] = &[
    "des",
    "3des",
    "null",
    "blowfish",
    "cast128",
    "md5",
    "prfmd5",
    "modp768",
    "modp1024",
    "modp1536",
    "modp1024s160",
    "modp2048s224",
    "modp2048s256",
    "ecp192",
    "ecp224",
    "modpnull",
];

/// Whose proposal it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Ike,
    Esp,
}

/// Reads one, or says what is wrong with it and what is possible.
pub(crate) fn parse(text: &str, whose: For) -> Result<Proposal, String> {
    let text = text.trim().to_ascii_lowercase();
    let words: Vec<&str> = text.split('-').map(name).collect();
    words.iter().try_for_each(|word| known(word, whose))?;
    let of = |kind: &[&str]| words.iter().filter(|word| kind.contains(word)).count();
    let gcm = words.iter().filter(|word| CIPHERS.contains(word) && word.contains("gcm")).count();
    let cipher = match (gcm, of(CIPHERS)) {
        (_, 0) => return Err(format!("it has no cipher: begin with one of {}", list(ciphers(whose)))),
        (0, _) => Cipher::Cbc,
        (gcm, all) if gcm == all => Cipher::Gcm,
        _ => return Err("AES-GCM and AES-CBC do not go into one proposal: write two".into()),
    };
    match (whose, cipher, of(INTEGRITY), of(PRFS)) {
        (_, Cipher::Cbc, 0, _) => {
            return Err(format!("AES-CBC needs one of {} beside it", list(&INTEGRITY[..3])));
        }
        (For::Esp, Cipher::Gcm, 1.., _) => {
            return Err("AES-GCM authenticates by itself: leave the HMAC out".into());
        }
        (For::Ike, Cipher::Gcm, 1.., 1..) => {
            return Err("AES-GCM authenticates by itself: leave the HMAC out, the `prf...` stays".into());
        }
        (For::Ike, Cipher::Gcm, 0, 0) => {
            return Err(format!(
                "AES-GCM needs a pseudo-random function for IKE: one of {}",
                list(&PRFS[..3])
            ));
        }
        _ => {}
    }
    if whose == For::Esp && of(GROUPS) == 0 && words.iter().any(|word| additional(word)) {
        return Err("`ke1_...` comes on top of another key exchange: write `x25519-ke1_mlkem768`".into());
    }
    if whose == For::Ike && of(GROUPS) == 0 {
        return Err(format!("it has no key exchange: add one of {}", list(GROUPS)));
    }
    let integrity = words.iter().filter_map(|word| integrity(word)).filter(|_| cipher == Cipher::Cbc);
    let (integrity, weak) =
        (integrity.collect(), words.iter().any(|word| ["sha1", "prfsha1"].contains(word)));
    Ok(Proposal { text, cipher, integrity, weak })
}

/// By its first name.
fn name(word: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| name)
}

fn integrity(word: &str) -> Option<Integrity> {
    Some(match word {
        "sha1" => Integrity::Sha1,
        "sha256" => Integrity::Sha256,
        "sha384" => Integrity::Sha384,
        "sha512" => Integrity::Sha512,
        _ => return None,
    })
}

/// ESP is served with keys of 128 and 256 bits, as CPUs have no advantage from those between.
fn ciphers(whose: For) -> &'static [&'static str] {
    const ESP: &[&str] = &["aes128gcm16", "aes256gcm16", "aes128", "aes256"];
    if whose == For::Esp { ESP } else { CIPHERS }
}

fn known(word: &str, whose: For) -> Result<(), String> {
    let ike = whose == For::Ike;
    let common = [ciphers(whose), INTEGRITY, GROUPS].concat();
    if common.contains(&word)
        || additional(word)
        || (ike && PRFS.contains(&word))
        || (!ike && ["esn", "noesn", "none"].contains(&word))
    {
        return Ok(());
    }
    let possible = if ike {
        [&common, PRFS, &["ke1_mlkem768"]].concat()
    } else {
        [&common, &["ke1_mlkem768", "esn", "noesn", "none"][..]].concat()
    };
    Err(match word {
        _ if BROKEN.contains(&word) => {
            format!("`{word}` is too weak and not served; possible are {}", list(&possible))
        }
        _ if KEMS.contains(&word) => {
            format!("`{word}` comes on top of another key exchange: write `x25519-ke1_{word}`")
        }
        _ if PRFS.contains(&word) => {
            format!("`{word}` is for the proposals of [ike]; possible here are {}", list(&possible))
        }
        "esn" | "noesn" | "none" => format!("`{word}` is for the proposals of a [[protection]]"),
        "" => "it has an empty word: proposals are words joined by `-`, such as aes256gcm16-prfsha384-ecp384"
            .into(),
        _ => match crate::nearest::nearest(word, &possible) {
            Some(meant) => format!("`{word}` is no transform; did you mean `{meant}`?"),
            None => format!("`{word}` is no transform; possible are {}", list(&possible)),
        },
    })
}

/// `ke1_mlkem768`: an additional key exchange (RFC 9370), one of seven.
fn additional(word: &str) -> bool {
    let Some((number, name)) = word.strip_prefix("ke").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    let numbered = matches!(number.as_bytes(), [b'1'..=b'7']);
    numbered && (KEMS.contains(&name) || GROUPS.contains(&name) || name == "none")
}

fn list(words: &[&str]) -> String {
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_go_together() {
        for text in [
            "aes256gcm16-prfsha384-ecp384",
            "aes256gcm16-sha384-ecp384",
            "aes256-sha256-modp2048",
            "aes128-aes256-sha256-sha512-prfsha256-x25519-curve25519-ecp256",
            "aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke1_none",
            "aes128-sha1-prfsha1-modp2048",
        ] {
            assert_eq!(parse(text, For::Ike).unwrap().text(), text);
        }
        for text in [
            "aes128gcm16",
            "AES256GCM16-ecp384",
            "aes256-sha256",
            "aes128-aes256-sha256-sha512-none-x25519-esn-noesn",
            "aes256gcm16-none-x25519-ke1_mlkem768-ke1_none",
        ] {
            assert_eq!(parse(text, For::Esp).unwrap().text(), text.to_ascii_lowercase());
        }
        let cbc = parse("aes256-sha256-sha1", For::Esp).unwrap();
        assert_eq!((cbc.cipher, cbc.weak), (Cipher::Cbc, true));
        assert_eq!(cbc.integrity, [Integrity::Sha256, Integrity::Sha1]);
        let gcm = parse("aes256gcm16-sha384-ecp384", For::Ike).unwrap();
        assert_eq!((gcm.cipher, gcm.integrity.len(), gcm.weak), (Cipher::Gcm, 0, false));
    }

    #[test]
    fn what_is_said_of_others() {
        let said = |text, whose, words: &[&str]| {
            let said = parse(text, whose).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
        };
        said(
            "3des-sha256",
            For::Esp,
            &["`3des` is too weak", "possible are aes128gcm16, aes256gcm16, aes128"],
        );
        said("aes256-md5-modp2048", For::Ike, &["`md5` is too weak"]);
        said("aes256-sha256-modp1024", For::Ike, &["`modp1024` is too weak", "modp4096"]);
        said("aes192", For::Esp, &["did you mean `aes12"]);
        said("aes256gcm", For::Esp, &["did you mean `aes256gcm16`?"]);
        said("rot13", For::Esp, &["possible are"]);
        said("aes256", For::Esp, &["AES-CBC needs one of sha256, sha384, sha512"]);
        said("aes256gcm16-sha256", For::Esp, &["leave the HMAC out"]);
        said("aes256gcm16-aes256-sha256", For::Esp, &["write two"]);
        said("aes256gcm16-ecp384", For::Ike, &["pseudo-random function", "prfsha256"]);
        said("aes256gcm16-prfsha384", For::Ike, &["no key exchange", "x25519"]);
        said("sha256-modp2048", For::Ike, &["no cipher"]);
        said("aes256gcm16-prfsha384-mlkem768", For::Ike, &["x25519-ke1_mlkem768"]);
        said("aes256gcm16-mlkem768", For::Esp, &["x25519-ke1_mlkem768"]);
        said("aes256gcm16-ke1_mlkem768", For::Esp, &["on top of another key exchange"]);
        said("aes256gcm16-prfsha384", For::Esp, &["for the proposals of [ike]"]);
        said("aes256gcm16-prfsha384-ecp384-esn", For::Ike, &["[[protection]]"]);
        said("", For::Ike, &["empty word"]);
        said("aes256gcm16-", For::Esp, &["empty word"]);
        said("aes256gcm16-prfsha384-x25519-ke8_mlkem768", For::Ike, &["ke1_mlkem768"]);
    }
}
