//! Words after a command, in any order and abbreviated, as a router's command line takes them.

use std::net::Ipv4Addr;
use std::str::FromStr;

/// The words not yet taken.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a [String],
    /// What may stand here, for error messages.
    usage: &'static str,
}

impl<'a> Words<'a> {
    /// Of a command that takes `usage`.
    pub fn new(rest: &'a [String], usage: &'static str) -> Self {
        Self { rest, usage }
    }

    /// Whether all are taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next word if it parses as a `T`.
    pub fn parse<T: FromStr>(&mut self) -> Option<T> {
        let (first, rest) = self.rest.split_first()?;
        let value = first.parse().ok()?;
        self.rest = rest;
        Some(value)
    }

    /// The next word, which must be one of `keywords` or the beginning of exactly one.
    pub fn keyword(&mut self, keywords: &[&'static str]) -> Result<&'static str, String> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Err(format!("incomplete command; expected {}", keywords.join(" or ")));
        };
        let word = first.to_ascii_lowercase();
        let fits: Vec<&'static str> =
            keywords.iter().copied().filter(|keyword| keyword.starts_with(&word)).collect();
        let found = match fits[..] {
            _ if word.is_empty() => None,
            [only] => Some(only),
            _ => fits.iter().copied().find(|keyword| *keyword == word),
        };
        self.rest = rest;
        match (found, fits.is_empty()) {
            (Some(keyword), _) => Ok(keyword),
            (None, true) => Err(format!("`{first}` is not understood here; expected {}", self.usage)),
            (None, false) => Err(format!("`{first}` is ambiguous: {}", fits.join(" or "))),
        }
    }

    /// Whether the next word is `keyword` or the beginning of it.
    pub fn begins(&self, keyword: &str) -> bool {
        let word = self.rest.first().map(|word| word.to_ascii_lowercase());
        word.is_some_and(|word| !word.is_empty() && keyword.starts_with(&word))
    }

    /// The next word, whatever it is; `what` says what it should be.
    pub fn any(&mut self, what: &str) -> Result<&'a str, String> {
        let (first, rest) = self.rest.split_first().ok_or(format!("incomplete command; expected {what}"))?;
        self.rest = rest;
        Ok(first)
    }

    /// The next word, which must be an IPv4 address.
    pub fn address(&mut self) -> Result<Ipv4Addr, String> {
        match self.rest.split_first() {
            None => Err("incomplete command; expected an IPv4 address".into()),
            Some((first, rest)) => {
                self.rest = rest;
                first.parse().map_err(|_| format!("`{first}` is no IPv4 address"))
            }
        }
    }

    /// The next word or two as the name of an interface. `Tu0`, `tunnel0` and `tunnel 0` mean `Tunnel0`.
    pub fn interface(&mut self) -> Result<String, String> {
        let (first, rest) =
            self.rest.split_first().ok_or("incomplete command; expected an interface name")?;
        self.rest = rest;
        let letters = first.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &first[letters.len()..];
        if letters.len() < 2 || !"tunnel".starts_with(&letters.to_ascii_lowercase()) {
            return Ok(first.clone());
        }
        let is_number = |word: &&String| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        match (digits, self.rest.first().filter(is_number)) {
            ("", Some(number)) => {
                self.rest = &self.rest[1..];
                Ok(format!("Tunnel{number}"))
            }
            ("", None) => Ok(first.clone()),
            // The kernel's names are lower case, and `tun0` is one of them.
            _ if letters == "tun" => Ok(first.clone()),
            _ => Ok(format!("Tunnel{digits}")),
        }
    }

    /// Refuses words that nobody took.
    pub fn end(&self) -> Result<(), String> {
        match self.rest.first() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is not understood here; expected {}", self.usage)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn abbreviations() {
        let words = split("det DYN d x");
        let mut words = Words::new(&words, "usage");
        let keywords = ["detail", "dynamic"];
        assert_eq!(words.keyword(&keywords), Ok("detail"));
        assert_eq!(words.keyword(&keywords), Ok("dynamic"));
        assert_eq!(words.keyword(&keywords), Err("`d` is ambiguous: detail or dynamic".into()));
        assert_eq!(words.keyword(&keywords), Err("`x` is not understood here; expected usage".into()));
        assert_eq!(words.keyword(&keywords), Err("incomplete command; expected detail or dynamic".into()));
        assert!(words.end().is_ok());
    }

    #[test]
    fn interfaces() {
        for (text, name, left) in [
            ("Tunnel0", "Tunnel0", 0),
            ("tunnel 0 detail", "Tunnel0", 1),
            ("Tu12", "Tunnel12", 0),
            ("tu 7", "Tunnel7", 0),
            ("tun0", "tun0", 0),
            ("wan0 detail", "wan0", 1),
            ("t0", "t0", 0),
            ("tunnel detail", "tunnel", 1),
        ] {
            let list = split(text);
            let mut words = Words::new(&list, "");
            assert_eq!(words.interface().as_deref(), Ok(name), "{text}");
            assert_eq!(words.rest.len(), left, "{text}");
        }
        assert!(Words::new(&[], "").interface().is_err());
    }
}
