//! Which CPU cores this machine has.

/// Numbers of the cores that are on line; `None` where the kernel does not tell.
pub(crate) fn online() -> Option<Vec<usize>> {
    parse(&std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?)
}

/// The kernel's list format: `0-3,8,10-11`.
fn parse(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse().ok()?..=last.parse::<usize>().ok()?.min(4095));
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(parse("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse("0\n"), Some(vec![0]));
        assert_eq!(parse("x"), None);
        assert_eq!(parse(""), None);
    }
}
