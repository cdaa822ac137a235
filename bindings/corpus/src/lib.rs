//! Inputs of fuzz targets for plain tests: seeds, what failed once, and both damaged. For tests only; no program is
//! linked with it.
//!
//! A crate's folder `fuzz` has `corpus/TARGET/`, where `cargo fuzz` looks for seeds and puts what it finds, and
//! `regressions/TARGET/`, inputs that once failed, which are kept.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The folder `fuzz` of a crate.
#[derive(Clone, Debug)]
pub struct Corpus(PathBuf);

impl Corpus {
    /// Of the crate with that `CARGO_MANIFEST_DIR`.
    pub fn of(manifest_dir: &str) -> Self {
        Self(Path::new(manifest_dir).join("fuzz"))
    }

    /// The inputs that once failed in a target.
    pub fn regressions(&self, target: &str) -> Result<Vec<Vec<u8>>> {
        files(&self.0.join("regressions").join(target))
    }

    /// Writes seeds of a target, each with the name of its file.
    pub fn write(&self, target: &str, seeds: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<()> {
        let directory = self.0.join("corpus").join(target);
        fs::create_dir_all(&directory)?;
        seeds.into_iter().try_for_each(|(name, seed)| fs::write(directory.join(name), seed))
    }
}

/// Seeds with names in the order in which they come: `STEM-000` and so on.
pub fn numbered(stem: &str, seeds: Vec<Vec<u8>>) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..).zip(seeds).map(move |(number, seed): (u32, _)| (format!("{stem}-{number:03}"), seed))
}

/// The files of a directory, by name; none if there is no such directory. What is in it besides is left alone.
pub fn files(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.into_iter().map(fs::read).collect()
}

/// Octets from hexadecimal digits.
pub fn hex(text: &str) -> Result<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let octet = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let octets = pairs.iter().map(octet).collect::<Option<_>>().filter(|_| rest.is_empty());
    octets.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("not hexadecimal: {text}")))
}

/// Runs a target on an input cut short to each of the lengths below its own.
pub fn cut(input: &[u8], lengths: impl IntoIterator<Item = usize>, mut target: impl FnMut(&[u8])) {
    for length in lengths.into_iter().take_while(|length| *length < input.len()) {
        target(input.get(..length).unwrap_or_default());
    }
}

/// Runs a target on an input with one octet at a time made another: at the given places, as far as there are any, each
/// value that `values` gives for what is there.
pub fn change<V: IntoIterator<Item = u8>>(
    input: &[u8],
    places: impl IntoIterator<Item = usize>,
    mut values: impl FnMut(u8) -> V,
    mut target: impl FnMut(&[u8]),
) {
    let mut changed = input.to_vec();
    for (place, &before) in places.into_iter().map_while(|place| Some((place, input.get(place)?))) {
        for value in values(before) {
            if let Some(octet) = changed.get_mut(place) {
                *octet = value;
            }
            target(&changed);
        }
        if let Some(octet) = changed.get_mut(place) {
            *octet = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_cut_and_changed() {
        let mut seen = Vec::new();
        cut(&[1, 2, 3], 1..9, |input| seen.push(input.to_vec()));
        change(&[1, 2, 3], (0..9).step_by(2), |old| [old ^ 0x80, 0], |input| seen.push(input.to_vec()));
        let expected: [&[u8]; 6] = [&[1], &[1, 2], &[0x81, 2, 3], &[0, 2, 3], &[1, 2, 0x83], &[1, 2, 0]];
        assert_eq!(seen, expected);
    }

    #[test]
    fn digits() {
        assert_eq!(hex("00fF").unwrap(), [0, 255]);
        assert!(hex("0").is_err() && hex("0g").is_err());
    }

    #[test]
    fn seeds_are_files_by_name() {
        let root = std::env::temp_dir().join(format!("corpus-{}", std::process::id()));
        let corpus = Corpus::of(root.to_str().unwrap());
        assert_eq!(corpus.regressions("x").unwrap(), Vec::<Vec<u8>>::new());
        corpus.write("x", numbered("seed", vec![vec![7], vec![8]])).unwrap();
        assert_eq!(files(&root.join("fuzz/corpus/x")).unwrap(), [[7], [8]]);
        assert!(root.join("fuzz/corpus/x/seed-001").is_file());
        assert_eq!(files(&root.join("fuzz/corpus")).unwrap(), Vec::<Vec<u8>>::new());
        fs::remove_dir_all(root).unwrap();
    }
}
