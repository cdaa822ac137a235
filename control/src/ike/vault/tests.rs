//! What is written is found again, also when the writer was killed in the middle.

use super::*;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vault-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn vault(&self) -> Vault {
        Vault::new(self.0.join("ike.sessions"))
    }

    /// One that was read.
    fn opened(&self) -> Vault {
        let mut vault = self.vault();
        vault.read().unwrap();
        vault
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Sessions = RefCell<BTreeMap<SessionId, Vec<u8>>>;

fn id(number: u32) -> SessionId {
    SessionId::new(number).unwrap()
}

fn set(vault: &mut Vault, sessions: &Sessions, number: u32, body: Option<&[u8]>) {
    match body {
        Some(body) => sessions.borrow_mut().insert(id(number), body.to_vec()),
        None => sessions.borrow_mut().remove(&id(number)),
    };
    vault.changed(id(number));
}

fn flush(vault: &mut Vault, sessions: &Sessions) {
    let live = || sessions.borrow().keys().copied().collect();
    vault.flush(live, |id| sessions.borrow().get(&id).cloned().map(Zeroizing::new)).unwrap();
}

fn found(place: &Place) -> Vec<Vec<u8>> {
    place.vault().read().unwrap().sessions().map(<[u8]>::to_vec).collect()
}

#[test]
fn sessions_are_found_as_they_were_last() {
    let place = Place::new("last");
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    assert_eq!(found(&place), [[0u8; 0]; 0]);
    set(&mut vault, &sessions, 1, Some(b"one"));
    set(&mut vault, &sessions, 2, Some(b"two"));
    flush(&mut vault, &sessions);
    set(&mut vault, &sessions, 1, Some(b"another"));
    set(&mut vault, &sessions, 3, Some(b"three"));
    flush(&mut vault, &sessions);
    set(&mut vault, &sessions, 2, None);
    flush(&mut vault, &sessions);
    assert_eq!(found(&place), [&b"another"[..], b"three"]);
    let mode = std::fs::metadata(&vault.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn nothing_is_written_before_an_earlier_life_has_been_read() {
    let place = Place::new("unread");
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    set(&mut vault, &sessions, 1, Some(b"one"));
    flush(&mut vault, &sessions);
    let (mut vault, sessions) = (place.vault(), Sessions::default());
    flush(&mut vault, &sessions);
    assert_eq!(found(&place), [b"one"], "many turns may go by");
    // What was not taken over is gone then.
    vault.read().unwrap();
    flush(&mut vault, &sessions);
    assert_eq!(found(&place), [[0u8; 0]; 0]);
}

#[test]
fn a_torn_record_costs_itself_only_wherever_it_is_torn() {
    let place = Place::new("torn");
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    set(&mut vault, &sessions, 1, Some(b"one"));
    flush(&mut vault, &sessions);
    let whole = std::fs::metadata(&vault.path).unwrap().len() as usize;
    set(&mut vault, &sessions, 1, Some(b"one more"));
    flush(&mut vault, &sessions);
    let octets = std::fs::read(&vault.path).unwrap();
    for length in whole..octets.len() {
        std::fs::write(&vault.path, &octets[..length]).unwrap();
        assert_eq!(found(&place), [b"one"]);
        assert_eq!(place.vault().read().unwrap().lost, length - whole);
    }
    for at in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&vault.path, &damaged).unwrap();
        // Whatever is damaged: nothing is read that was not written.
        assert!(found(&place).iter().all(|body| body == b"one" || body == b"one more"));
    }
}

#[test]
fn the_file_is_written_anew_and_what_changes_meanwhile_is_in_it() {
    let place = Place::new("compact");
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    for number in 1..=1_000 {
        set(&mut vault, &sessions, number, Some(&[number as u8; 64]));
    }
    flush(&mut vault, &sessions);
    vault.compact_at = vault.size;
    let before = vault.size;
    // Some sessions each turn: during one of them some change, one comes, and one goes.
    set(&mut vault, &sessions, 1, Some(b"changed, and written already"));
    flush(&mut vault, &sessions);
    assert!(vault.compaction.is_some());
    set(&mut vault, &sessions, 2, Some(b"changed"));
    set(&mut vault, &sessions, 999, Some(b"changed, and not written yet"));
    set(&mut vault, &sessions, 3, None);
    set(&mut vault, &sessions, 998, None);
    set(&mut vault, &sessions, 2_000, Some(b"new"));
    let mut turns = 0;
    while vault.compaction.is_some() {
        flush(&mut vault, &sessions);
        turns += 1;
    }
    assert!((2..10).contains(&turns), "{turns}");
    assert!(vault.size < before * 2);
    let expected: Vec<Vec<u8>> = sessions.borrow().values().cloned().collect();
    assert_eq!(found(&place), expected);
    // And it goes on in the new one.
    set(&mut vault, &sessions, 4, None);
    flush(&mut vault, &sessions);
    assert_eq!(found(&place).len(), expected.len() - 1);
}

#[test]
fn a_closed_vault_keeps_nothing() {
    let place = Place::new("closed");
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    set(&mut vault, &sessions, 1, Some(b"one"));
    flush(&mut vault, &sessions);
    assert_eq!(found(&place), [b"one"]);
    // What an earlier life has left on a disk goes, and nothing takes its place.
    let mut vault = place.vault();
    vault.close().unwrap();
    set(&mut vault, &sessions, 2, Some(b"two"));
    flush(&mut vault, &sessions);
    assert_eq!((std::fs::read_dir(&place.0).unwrap().count(), vault.size(), vault.errors), (0, 0, 0));
    assert!(vault.close().is_ok());
}

#[test]
fn memory_is_told_from_disk() {
    let at = |directory: &str| Vault::new(PathBuf::from(directory).join("ike.sessions")).is_in_memory();
    assert!(!at("/proc") && !at("/nowhere/at/all"));
    if std::fs::read_to_string("/proc/mounts")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("tmpfs /dev/shm "))
    {
        assert!(at("/dev/shm"));
    }
}

#[test]
fn garbage_is_no_vault() {
    let place = Place::new("garbage");
    std::fs::write(place.0.join("ike.sessions"), b"not a vault at all").unwrap();
    assert_eq!(found(&place).len(), 0);
    let (mut vault, sessions) = (place.opened(), Sessions::default());
    set(&mut vault, &sessions, 1, Some(b"one"));
    flush(&mut vault, &sessions);
    assert_eq!(found(&place), [b"one"]);
}
