//! Which part of a line may be shown: all of it, but for keys and passwords.

/// Keys whose values nobody is shown.
const SECRETS: &[&str] = &["pre-shared-key", "authentication"];

/// What of `line` may be shown when `start..end`, in octets of it, is what is wrong with the key at `path`; with an empty
/// `path` the file is no TOML, and what is value and what is key is anybody's guess.
pub(crate) fn shown(line: &str, mark: std::ops::Range<usize>, path: &str, keeps_secrets: bool) -> String {
    let equals = line.find('=');
    let mut cuts = Vec::new();
    cuts.extend(SECRETS.iter().filter_map(|word| after_secret(line, word)));
    if path.is_empty() && keeps_secrets && !line.trim_start().starts_with('[') {
        cuts.push(equals.unwrap_or(0));
    }
    // A key that nobody knows may be a misspelt one of those: its value does not matter anyway.
    cuts.extend(equals.filter(|equals| mark.end <= *equals));
    if path.starts_with("ike.key") {
        let plain = [".address", ".identity", "-file"].iter().any(|end| path.ends_with(end));
        cuts.push(if plain { mark.end } else { equals.unwrap_or(line.len()) });
    }
    let cut = cuts.into_iter().min().unwrap_or(line.len());
    match line.get(..cut) {
        Some(part) if cut < line.trim_end().len() => format!("{} …", part.trim_end()),
        _ => line.to_string(),
    }
}

/// Where the first `word` ends that is a key.
fn after_secret(line: &str, word: &str) -> Option<usize> {
    let mut ends = line.match_indices(word).map(|(at, word)| at + word.len());
    ends.find(|end| !line.get(*end..).is_some_and(|rest| rest.starts_with("-file")))
}

/// Whether a file has secrets in it.
pub(crate) fn keeps_secrets(text: &str) -> bool {
    SECRETS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, marked: &str, path: &str) -> String {
        let start = line.find(marked).unwrap();
        shown(line, start..start + marked.len(), path, true)
    }

    #[test]
    fn secrets_are_cut_off() {
        let key = "pre-shared-key = \"hunter2\"";
        assert_eq!(of(key, "\"hunter2\"", "ike.key[0].pre-shared-key"), "pre-shared-key …");
        assert_eq!(of(key, "pre", ""), "pre-shared-key …");
        let typo = "pre-shard-key = \"hunter2\"";
        assert_eq!(of(typo, "pre-shard-key", "ike.key[0].pre-shard-key"), "pre-shard-key …");
        assert_eq!(of(typo, "pre-shard-key", "tunnel[0].pre-shard-key"), "pre-shard-key …");
        let inline = "key = [{ identity = \"*.*\", pre-shard-key = \"hunter2\" }]";
        assert_eq!(of(inline, "\"*.*\"", "ike.key[0].identity"), "key = [{ identity = \"*.*\" …");
        assert_eq!(of(inline, "{", "ike.key[0]"), "key …");
        assert_eq!(of("key = \"hunter2\"", "\"hunter2\"", "ike.key"), "key …");
        assert_eq!(of("hunter2\"\"\"", "hunter2", ""), " …");
        assert_eq!(of("authentication = 5", "5", "tunnel[0].nhrp.authentication"), "authentication …");
    }

    #[test]
    fn others_are_shown() {
        for (line, marked, path) in [
            ("key = true", "true", "tunnel[0].key"),
            ("pre-shared-key-file = \"x\"", "\"x\"", "ike.key[0].pre-shared-key-file"),
            ("[tunnel.nhrp", "[", ""),
            ("address = \"10.0.0.0/33\"", "\"10.0.0.0/33\"", "ike.key[0].address"),
        ] {
            assert_eq!(of(line, marked, path), line);
        }
        assert_eq!(shown("key = ", 6..6, "", false), "key = ");
    }
}
