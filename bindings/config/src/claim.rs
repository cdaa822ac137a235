//! Patterns of `[[ike.claim]]`: `spoke{n}.example.net` may have `10.0.0.{n}`.
//!
//! A placeholder is a lower-case letter in braces and stands for a decimal number without leading zeros, 0 to 255. What
//! it is in the identity it is in the address.

use std::fmt;
use std::net::Ipv4Addr;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number(char),
}

/// What numbers the placeholders stand for.
pub type Captured = Vec<(char, u8)>;

/// An identity, perhaps with placeholders. Letters are compared without regard to case, as DNS does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPattern(Vec<Part>);

/// An IPv4 address, each octet a number or a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern([Octet; 4]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Octet {
    Fixed(u8),
    Number(char),
}

/// The letter of `{n}`.
fn placeholder(text: &str) -> Option<char> {
    let mut letters = text.strip_prefix('{')?.strip_suffix('}')?.chars();
    letters.next().filter(|letter| letter.is_ascii_lowercase() && letters.next().is_none())
}

/// A number as it is written in names: no sign, no leading zero.
fn number(text: &str) -> Option<u8> {
    let plain = text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

impl IdentityPattern {
    /// Reads one, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) || text.contains('*') {
            return Err(
                "expected an identity such as \"spoke{n}.example.net\"; a `*` says nothing of its address"
                    .into(),
            );
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            let close = from.find('}').map_or(from.len(), |at| at + 1);
            let (word, after) = from.split_at(close);
            let letter = placeholder(word).ok_or_else(|| {
                format!("`{word}` is no placeholder: write one as {{n}}, a letter in braces")
            })?;
            if before.is_empty() && matches!(parts.last(), Some(Part::Number(_))) {
                return Err(format!(
                    "nothing tells where the number before `{word}` ends: put a text between them"
                ));
            }
            if parts.contains(&Part::Number(letter)) {
                return Err(format!("`{word}` stands twice in the identity"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_ascii_lowercase()));
            }
            parts.push(Part::Number(letter));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_ascii_lowercase()));
        }
        Ok(Self(parts))
    }

    /// What the placeholders stand for in this identity; `None`: the pattern does not fit it.
    pub fn capture(&self, identity: &str) -> Option<Captured> {
        let (lower, mut captured) = (identity.to_ascii_lowercase(), Vec::new());
        let mut rest = lower.as_str();
        for part in &self.0 {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Number(letter) => {
                    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                    let (digits, after) = rest.split_at(end);
                    captured.push((*letter, number(digits)?));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(captured)
    }

    fn has(&self, letter: char) -> bool {
        self.0.contains(&Part::Number(letter))
    }
}

impl AddressPattern {
    /// Reads one, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let octet =
            |text: &str| placeholder(text).map(Octet::Number).or_else(|| number(text).map(Octet::Fixed));
        let octets: Vec<Octet> = text.split('.').map_while(octet).collect();
        match octets.try_into() {
            Ok(octets) if text.split('.').count() == 4 => Ok(Self(octets)),
            _ => Err(format!(
                "expected an IPv4 address such as \"10.0.0.{{n}}\" or \"10.0.0.5\", found \"{text}\""
            )),
        }
    }

    /// The address with these numbers in the places of the placeholders.
    pub fn fill(&self, captured: &[(char, u8)]) -> Option<Ipv4Addr> {
        let number =
            |letter: char| captured.iter().find(|(name, _)| *name == letter).map(|(_, number)| *number);
        let mut octets = [0; 4];
        for (place, octet) in octets.iter_mut().zip(self.0) {
            *place = match octet {
                Octet::Fixed(octet) => octet,
                Octet::Number(letter) => number(letter)?,
            };
        }
        Some(octets.into())
    }

    /// Whether some numbers in the places of the placeholders give this address.
    pub fn covers(&self, address: Ipv4Addr) -> bool {
        let mut captured = Captured::new();
        for (number, octet) in address.octets().into_iter().zip(self.0) {
            match octet {
                Octet::Fixed(fixed) if fixed != number => return false,
                Octet::Fixed(_) => {}
                Octet::Number(letter) => captured.push((letter, number)),
            }
        }
        self.fill(&captured) == Some(address)
    }

    /// A placeholder that `identity` does not have.
    pub(crate) fn unknown(&self, identity: &IdentityPattern) -> Option<char> {
        self.0.iter().find_map(|octet| match octet {
            Octet::Number(letter) if !identity.has(*letter) => Some(*letter),
            _ => None,
        })
    }

    /// The address, if it has no placeholder.
    pub fn fixed(&self) -> Option<Ipv4Addr> {
        self.fill(&[])
    }
}

impl fmt::Display for IdentityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Number(letter) => write!(f, "{{{letter}}}"),
        })
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, octet)| {
            let dot = if index == 0 { "" } else { "." };
            match octet {
                Octet::Fixed(octet) => write!(f, "{dot}{octet}"),
                Octet::Number(letter) => write!(f, "{dot}{{{letter}}}"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(identity: &str, address: &str, who: &str) -> Option<String> {
        let identity = IdentityPattern::parse(identity).unwrap();
        let address = AddressPattern::parse(address).unwrap();
        Some(address.fill(&identity.capture(who)?)?.to_string())
    }

    #[test]
    fn a_number_goes_from_the_identity_to_the_address() {
        let ours = |who| claimed("spoke{n}.example.net", "10.0.0.{n}", who);
        assert_eq!(ours("spoke7.example.net"), Some("10.0.0.7".into()));
        assert_eq!(ours("SPOKE254.Example.NET"), Some("10.0.0.254".into()));
        for who in [
            "spoke.example.net",
            "spoke07.example.net",
            "spoke256.example.net",
            "spoke-1.example.net",
            "spoke+1.example.net",
            "spoke7.example.net.",
            "xspoke7.example.net",
            "spoke7xexample.net",
            "",
        ] {
            assert_eq!(ours(who), None, "{who}");
        }
        assert_eq!(claimed("b{a}-{b}@x", "10.{a}.0.{b}", "b3-4@x"), Some("10.3.0.4".into()));
        assert_eq!(claimed("branch", "10.0.0.9", "Branch"), Some("10.0.0.9".into()));
        assert_eq!(claimed("{n}", "10.0.0.{n}", "0"), Some("10.0.0.0".into()));
    }

    #[test]
    fn an_address_is_covered_if_one_number_fits_all_its_places() {
        let covers =
            |pattern: &str, address: [u8; 4]| AddressPattern::parse(pattern).unwrap().covers(address.into());
        assert!(covers("10.0.0.{n}", [10, 0, 0, 9]) && !covers("10.0.0.{n}", [10, 0, 1, 9]));
        assert!(covers("10.{n}.0.{n}", [10, 7, 0, 7]) && !covers("10.{n}.0.{n}", [10, 7, 0, 8]));
        assert!(covers("10.0.0.5", [10, 0, 0, 5]) && !covers("10.0.0.5", [10, 0, 0, 6]));
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["", "*", "*.example.net", "a{", "a{n", "a{}", "a{nn}", "a{N}", "a{a}{b}", "a{n}b{n}"] {
            assert!(IdentityPattern::parse(text).is_err(), "{text}");
        }
        for text in
            ["", "10.0.0", "10.0.0.0.1", "10.0.0.256", "10.0.0.x", "10.0.0.{n", "10.0.0.01", "10.0..1"]
        {
            assert!(AddressPattern::parse(text).is_err(), "{text}");
        }
        let (identity, address) = ("s{n}", "10.0.{m}.{n}");
        let unknown =
            AddressPattern::parse(address).unwrap().unknown(&IdentityPattern::parse(identity).unwrap());
        assert_eq!(unknown, Some('m'));
    }

    #[test]
    fn is_shown_as_written() {
        assert_eq!(IdentityPattern::parse("s{n}.x").unwrap().to_string(), "s{n}.x");
        assert_eq!(AddressPattern::parse("10.0.{n}.1").unwrap().to_string(), "10.0.{n}.1");
        assert_eq!(AddressPattern::parse("10.0.0.1").unwrap().fixed(), Some(Ipv4Addr::new(10, 0, 0, 1)));
    }
}
