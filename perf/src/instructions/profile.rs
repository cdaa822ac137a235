//! What callgrind writes: instructions by function, with what a function calls.
//!
//! Of its format (the "Callgrind Format Specification" of Valgrind's manual) this takes positions of one number (`line`)
//! and one event, as callgrind writes them unless told otherwise.

use std::collections::HashMap;

/// Instructions by function, each with all that it called.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    functions: HashMap<String, u64>,
}

/// Why a file is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Other events than instructions.
    #[error("line {0}: events other than `Ir`")]
    Events(usize),
    /// Neither a name, a call nor a cost.
    #[error("line {0}: not understood")]
    Line(usize),
    /// A cost before any function.
    #[error("line {0}: a cost of no function")]
    Nobody(usize),
}

impl Profile {
    /// Reads what callgrind wrote.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut by_name: HashMap<&str, u64> = HashMap::new();
        let mut function = None;
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            if let Some(events) = line.strip_prefix("events:") {
                if events.trim() != "Ir" {
                    return Err(ProfileError::Events(number));
                }
            } else if let Some(name) = line.strip_prefix("fn=") {
                function = Some(resolve(&mut names, name).ok_or(ProfileError::Line(number))?);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                resolve(&mut names, name).ok_or(ProfileError::Line(number))?;
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*'))
            {
                // Below a `calls=` line as well: that is the cost of the call, all of it.
                let cost = line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
                let function = function.ok_or(ProfileError::Nobody(number))?;
                *by_name.entry(function).or_default() += cost.ok_or(ProfileError::Line(number))?;
            } else if !line.is_empty() && !line.starts_with('#') && !line.contains(['=', ':']) {
                return Err(ProfileError::Line(number));
            }
        }
        Ok(Self { functions: by_name.into_iter().map(|(name, cost)| (name.to_owned(), cost)).collect() })
    }

    /// Instructions of the functions called `path`, the last segments of a Rust path such as `Crypto::open`, whatever the
    /// types it was made for; `None`: never called.
    pub fn of(&self, path: &str) -> Option<u64> {
        let ours = self.functions.iter().filter(|(name, _)| is_called(name, path));
        ours.map(|(_, cost)| *cost).reduce(u64::saturating_add)
    }
}

/// `(3) name` says a name and gives it a number, `(3)` alone stands for it; without a number a name stands for itself.
fn resolve<'t>(names: &mut HashMap<&'t str, &'t str>, text: &'t str) -> Option<&'t str> {
    let Some(rest) = text.strip_prefix('(') else { return Some(text) };
    let (number, name) = rest.split_once(')')?;
    match name.trim() {
        "" => names.get(number).copied(),
        // Of a function that calls itself each depth has a name of its own.
        name => {
            let name = name.split('\'').next()?;
            names.insert(number, name);
            Some(name)
        }
    }
}

/// Whether a symbol ends with that path. Symbols may have arguments of types inside and behind, and a hash at the end.
fn is_called(symbol: &str, path: &str) -> bool {
    let plain = without_types(symbol);
    let plain = match plain.rsplit_once("::") {
        Some((front, hash)) if is_hash(hash) => front,
        _ => &plain,
    };
    plain == path || plain.strip_suffix(path).is_some_and(|front| front.ends_with("::"))
}

fn is_hash(segment: &str) -> bool {
    segment.len() == 17
        && segment.starts_with('h')
        && segment.bytes().skip(1).all(|octet| octet.is_ascii_hexdigit())
}

/// The symbol without what stands in angle brackets, and without empty segments where that was all there was.
fn without_types(symbol: &str) -> String {
    let mut depth = 0usize;
    let mut plain = String::with_capacity(symbol.len());
    for letter in symbol.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain.split("::").filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir

ob=(1) /usr/bin/hub-perf
fl=(1) dataplane/forwarding/src/path.rs
fn=(1) forwarding::path::<impl forwarding::turn::Turn<P,S>>::port_burst
10 5
fi=(2) library/core/src/slice.rs
+2 3
cfn=(2) forwarding::path::<impl forwarding::turn::Turn<P,S>>::send_pass
calls=2 20
* 100
fe=(1)
-1 2

fn=(2)
20 60
cfn=(3) forwarding::crypto::worker::Crypto::open::h0123456789abcdef
calls=2 30
20 40

fn=(3)
30 40
totals: 110
";

    #[test]
    fn a_function_costs_what_it_does_and_what_it_calls() {
        let profile = Profile::parse(TEXT).unwrap();
        assert_eq!(profile.of("port_burst"), Some(110));
        assert_eq!(profile.of("send_pass"), Some(100));
        assert_eq!(profile.of("Crypto::open"), Some(40));
        assert_eq!((profile.of("burst"), profile.of("Crypto::seal")), (None, None));
    }

    #[test]
    fn what_is_no_profile_is_refused_by_line() {
        let parse = |text: &str| Profile::parse(text).err();
        assert_eq!(parse("events: Ir Dr\n"), Some(ProfileError::Events(1)));
        assert_eq!(parse("events: Ir\n1 2\n"), Some(ProfileError::Nobody(2)));
        assert_eq!(parse("fn=(1) a\n1 x\n"), Some(ProfileError::Line(2)));
        assert_eq!(parse("fn=(7)\n"), Some(ProfileError::Line(1)));
        assert_eq!(parse("hello\n"), Some(ProfileError::Line(1)));
    }

    #[test]
    fn names_are_told_apart_by_their_ends() {
        assert!(is_called("a::Crypto::open", "Crypto::open"));
        assert!(is_called("<a::Crypto<T> as b::C>::open", "open"));
        assert!(!is_called("a::MyCrypto::open", "Crypto::open"));
        assert!(!is_called("a::reopen", "open"));
    }
}
