//! What a measurement leaves behind: its JSON and its plots, in a directory.

use std::path::Path;

/// Writes the JSON under that name, and files by their names, into a directory that is made if need be.
pub fn save(
    directory: &Path,
    (name, json): (&str, &str),
    files: &[(&'static str, String)],
) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join(name), format!("{json}\n"))?;
    files.iter().try_for_each(|(name, content)| std::fs::write(directory.join(name), content))
}
