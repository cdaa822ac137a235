//! Sessions over a restart of the process: as octets and back.
//!
//! What was under way and cannot go on without what only the earlier process knew (private values, nonces) is undone:
//! a child SA that the peer has made with us is deleted again, and rekeyed anew.

use crate::ask::{Pending, Purpose, Want};
use crate::child::{Child, ChildState, Terms, Volume};
use crate::counters::Count;
use crate::crypto::{Encryption, Group, Integrity, Keys, Prf, Role, Suite};
use crate::cx::Cx;
use crate::identity::Identity;
use crate::ike_sa::{Clocks, IkeSa, Peer, Phase, Secured};
use crate::nat::Nat;
use crate::octets::{Reader, Writer};
use crate::proposal::ADDITIONAL;
use crate::selectors::Ends;
use crate::venture::What;
use crate::{Action, EspKeys, Host, Path, Responder, SessionId, SessionUp, Slot};
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use zeroize::Zeroizing;

/// Begins every export, and says how the rest is to be read.
const MAGIC: &[u8; 4] = b"IKE2";
/// Room for all but what is counted.
const ROOM: usize = 2048;
/// And for a child SA.
const CHILD_ROOM: usize = 512;
/// What was to be rekeyed, and was not, is so long after the restart.
const REKEY_MS: u64 = 5_000;
/// Lists in an export are no longer than this.
const MAX_LIST: u16 = 64;

impl Responder {
    /// A session with its keys, for a file that only this process reads; `None` if there is none such. What
    /// [`Self::restore`] takes.
    pub fn export(&self, session: SessionId) -> Option<Zeroizing<Vec<u8>>> {
        let sa = self.sas.get(&self.sessions.spi(session)?)?;
        let (peer, secured) = (sa.peer.as_ref()?, sa.secured.as_ref()?);
        let messages =
            sa.serve.response.iter().chain(sa.ask.pending.iter().flat_map(|pending| &pending.datagrams));
        let room =
            messages.map(Vec::len).sum::<usize>() + sa.children.len() * CHILD_ROOM + peer.key.len() + ROOM;
        let mut out = Writer::with_room(room);
        MAGIC.iter().for_each(|octet| {
            out.u8(*octet);
        });
        write_sa(&mut out, sa);
        write_secured(&mut out, secured);
        write_peer(&mut out, peer);
        write_messages(&mut out, sa);
        out.u16(sa.children.len() as u16);
        sa.children.iter().for_each(|child| write_child(&mut out, child));
        out.u32(sa.current.unwrap_or(u32::MAX));
        Some(out.finish())
    }

    /// Takes a session back that an earlier process exported on the same machine since it was booted (times are in the
    /// same clock). Emits all the actions that make it: `SessionUp`, its child SAs, `Use`. `None`: unreadable, or its
    /// slots are taken.
    pub fn restore(
        &mut self,
        now_ms: u64,
        exported: &[u8],
        host: &mut impl Host,
        actions: &mut Vec<Action>,
    ) -> Option<SessionId> {
        let cx = &mut Cx { now: now_ms, host, actions };
        let mut sa = Box::new(read(exported, cx)?);
        let peer = sa.peer.as_ref()?;
        let (session, key) = (peer.session, peer.key.clone());
        if self.sas.contains_key(&sa.ours()) || self.protection(sa.path.local.0).is_none() {
            return None;
        }
        for (index, child) in sa.children.iter().enumerate() {
            if !cx.host.adopt(child.slot) {
                sa.children.iter().take(index).for_each(|child| cx.host.release(child.slot.sa));
                return None;
            }
        }
        if !self.sessions.restore(&key, session, sa.ours()) {
            sa.children.iter().for_each(|child| cx.host.release(child.slot.sa));
            return None;
        }
        self.counters.add(Count::SessionRestored);
        self.wind(&mut sa, cx);
        cx.actions.push(Action::SessionUp(SessionUp {
            session,
            identity: sa.identity().unwrap_or_default(),
            path: sa.path,
            encapsulation: sa.encapsulation(),
            replaces: false,
            restored: true,
        }));
        sa.children.iter().for_each(|child| sa.emit_child(cx, session, child, true));
        cx.actions.push(Action::Use { session, sa: sa.current });
        sa.dirty = true;
        self.put(sa, cx);
        Some(session)
    }

    /// Sets the clocks of what goes on, and asks again what the earlier process did not get to.
    fn wind(&self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let interval = self.config.dpd_s.saturating_mul(1000);
        sa.clocks.dpd = (interval > 0).then(|| cx.now + interval + cx.below(interval / 10 + 1));
        sa.clocks.sample = sa.needs_sampling().then_some(cx.now);
        if self.config.lifetime_s > 0 && sa.clocks.rekey.is_none() {
            sa.clocks.rekey = Some(cx.now + REKEY_MS);
        }
        let mut deletes = Vec::new();
        for child in &mut sa.children {
            match child.state {
                ChildState::Live if child.end_ms.is_some() && child.rekey_ms.is_none() => {
                    child.rekey_ms = Some(cx.now + REKEY_MS);
                }
                ChildState::Deleting => deletes.push(child.slot.spi),
                _ => {}
            }
        }
        let asked = sa.ask.pending.as_ref().map(|pending| pending.purpose);
        for spi in deletes.into_iter().filter(|spi| asked != Some(Purpose::DeleteChild(*spi))) {
            sa.ask.want(Want::DeleteChild(spi));
        }
    }
}

fn write_path(out: &mut Writer, path: &Path) {
    for (address, port) in [path.local, path.remote] {
        out.u32(address.to_bits()).u16(port);
    }
}

fn write_sa(out: &mut Writer, sa: &IkeSa) {
    out.u64(sa.spis.0).u64(sa.spis.1).u8(u8::from(sa.role == Role::Initiator));
    write_path(out, &sa.path);
    out.u8(u8::from(sa.nat.local)).u8(u8::from(sa.nat.remote)).u8(u8::from(sa.fragmentation)).u32(sa.rekeys);
    let clocks = &sa.clocks;
    out.u64(clocks.up).u64(clocks.keyed).u64(clocks.heard).time(clocks.rekey).time(clocks.end);
}

fn write_secured(out: &mut Writer, secured: &Secured) {
    let suite = secured.suite;
    write_cipher(out, suite.encryption(), suite.integrity());
    out.u16(suite.prf().id()).u16(secured.group.id());
    write_additional(out, &secured.additional);
    out.list(secured.keys.export().expose()).u64(secured.sealer.position());
}

fn write_additional(out: &mut Writer, additional: &[(u8, Group)]) {
    out.u8(additional.len() as u8);
    additional.iter().for_each(|(kind, group)| {
        out.u8(*kind).u16(group.id());
    });
}

fn write_cipher(out: &mut Writer, encryption: Encryption, integrity: Option<Integrity>) {
    out.u16(encryption.id()).u16(encryption.key_bits()).u16(integrity.map_or(0, Integrity::id));
}

fn write_peer(out: &mut Writer, peer: &Peer) {
    out.u32(peer.session.get()).list(&peer.identity.body()).list(&peer.local_identity.body()).list(&peer.key);
    out.list(peer.auth_remote.as_bytes()).list(peer.auth_local.as_bytes());
}

/// Message ids, the last response, and our request if one is outstanding.
fn write_messages(out: &mut Writer, sa: &IkeSa) {
    out.u32(sa.serve.expected).u16(sa.serve.response.len() as u16);
    sa.serve.response.iter().for_each(|datagram| {
        out.list(datagram);
    });
    out.u32(sa.ask.next);
    // A venture that the peer has agreed to is undone, one that it has not answered when it does.
    let venture = sa.ask.venture.as_ref();
    let agreed = venture.filter(|venture| venture.is_agreed());
    let undo = |what: &What| match what {
        What::Child { slot, .. } => (1, slot.spi),
        What::Ike { .. } => (2, 0),
    };
    let (kind, spi) = agreed.map_or((0, 0), |venture| undo(&venture.what));
    out.u8(kind).u32(spi);
    let Some(pending) = &sa.ask.pending else {
        out.u16(0);
        return;
    };
    out.u16(pending.datagrams.len() as u16);
    pending.datagrams.iter().for_each(|datagram| {
        out.list(datagram);
    });
    let (kind, spi) = match pending.purpose {
        Purpose::Alive => (0, 0),
        Purpose::DeleteChild(spi) => (1, spi),
        Purpose::DeleteIke => (2, 0),
        Purpose::Venture => match venture.map(|venture| &venture.what) {
            Some(What::Child { slot, .. }) => (3, slot.spi),
            _ => (4, 0),
        },
        Purpose::LostChild(spi) => (3, spi),
        Purpose::LostIke => (4, 0),
    };
    out.u32(pending.id).u8(kind).u32(spi);
}

fn write_child(out: &mut Writer, child: &Child) {
    out.u32(child.slot.sa).u32(child.slot.spi).u32(child.spi_out).u64(child.tag.get());
    let terms = &child.terms;
    out.u32(terms.ends.local.to_bits()).u32(terms.ends.remote.to_bits());
    out.u8(u8::from(terms.transport)).u8(u8::from(terms.esn));
    write_cipher(out, terms.encryption, terms.integrity);
    out.u16(terms.group.map_or(0, Group::id));
    write_additional(out, &terms.additional);
    for keys in [&child.keys_in, &child.keys_out] {
        out.list(keys.encryption()).list(keys.integrity());
    }
    let (state, until) = match child.state {
        ChildState::Live => (0, 0),
        ChildState::Replaced => (1, 0),
        ChildState::Deleting => (2, 0),
        ChildState::Lingering { until_ms } => (3, until_ms),
    };
    out.u8(state).u64(until).u64(child.made_ms).time(child.rekey_ms).time(child.end_ms);
    for volume in [child.soft, child.hard] {
        out.u64(volume.octets).u64(volume.packets);
    }
    out.time(child.switch_ms);
}

fn read(exported: &[u8], cx: &mut Cx<'_>) -> Option<IkeSa> {
    let mut input = Reader::new(exported.strip_prefix(MAGIC)?);
    let mut sa = read_sa(&mut input)?;
    sa.secured = Some(Box::new(read_secured(&mut input, sa.role, cx)?));
    sa.peer = Some(Box::new(read_peer(&mut input)?));
    read_messages(&mut input, &mut sa, cx)?;
    let count = input.u16().filter(|count| *count <= MAX_LIST)?;
    sa.children = (0..count).map(|_| read_child(&mut input)).collect::<Option<_>>()?;
    let current = input.u32()?;
    sa.current = sa.children.iter().map(|child| child.slot.sa).find(|sa| *sa == current);
    input.is_empty().then_some(sa)
}

fn read_path(input: &mut Reader<'_>) -> Option<Path> {
    let local = (Ipv4Addr::from(input.u32()?), input.u16()?);
    let remote = (Ipv4Addr::from(input.u32()?), input.u16()?);
    Some(Path { local, remote })
}

fn read_sa(input: &mut Reader<'_>) -> Option<IkeSa> {
    let spis = (input.u64()?, input.u64()?);
    let role = if input.bool()? { Role::Initiator } else { Role::Responder };
    let path = read_path(input)?;
    let nat = Nat { local: input.bool()?, remote: input.bool()? };
    let mut sa = IkeSa::new(spis, role, path, nat, Phase::Established);
    (sa.fragmentation, sa.rekeys) = (input.bool()?, input.u32()?);
    let (up, keyed, heard) = (input.u64()?, input.u64()?, input.u64()?);
    sa.clocks = Clocks { up, keyed, heard, rekey: input.time()?, end: input.time()?, ..Default::default() };
    Some(sa)
}

fn read_cipher(input: &mut Reader<'_>) -> Option<(Encryption, Option<Integrity>)> {
    let encryption = Encryption::from_transform(input.u16()?, Some(input.u16()?))?;
    Some((encryption, Integrity::from_transform(input.u16()?)))
}

fn read_additional(input: &mut Reader<'_>) -> Option<Vec<(u8, Group)>> {
    let count = input.u8().filter(|count| usize::from(*count) <= ADDITIONAL)?;
    (0..count).map(|_| Some((input.u8()?, Group::from_transform(input.u16()?)?))).collect()
}

fn read_secured(input: &mut Reader<'_>, role: Role, cx: &mut Cx<'_>) -> Option<Secured> {
    let (encryption, integrity) = read_cipher(input)?;
    let suite = Suite::new(encryption, integrity, Prf::from_transform(input.u16()?)?)?;
    let group = Group::from_transform(input.u16()?)?;
    let additional = read_additional(input)?;
    let keys = Keys::import(suite, input.list()?)?;
    let position = input.u64()?;
    let mut secured = Secured::new(suite, keys, role, group, additional);
    // No IV of the earlier process is used again.
    secured.sealer = secured.keys.sealer(role).resume(position, &mut |octets| cx.host.random(octets));
    Some(secured)
}

fn read_peer(input: &mut Reader<'_>) -> Option<Peer> {
    Some(Peer {
        session: SessionId::new(input.u32()?)?,
        identity: Identity::parse(input.list()?).ok()?,
        local_identity: Identity::parse(input.list()?).ok()?,
        key: input.list()?.to_vec(),
        auth_remote: method(input.list()?),
        auth_local: method(input.list()?),
    })
}

/// How somebody proved himself, in words that last as long as the process.
fn method(name: &[u8]) -> &'static str {
    match name {
        b"PSK" => "PSK",
        b"" => "",
        _ => "certificate",
    }
}

fn read_datagrams(input: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let count = input.u16().filter(|count| *count <= MAX_LIST)?;
    (0..count).map(|_| input.list().map(<[u8]>::to_vec)).collect()
}

fn read_messages(input: &mut Reader<'_>, sa: &mut IkeSa, cx: &mut Cx<'_>) -> Option<()> {
    sa.serve.expected = input.u32()?;
    sa.serve.response = read_datagrams(input)?;
    sa.ask.next = input.u32()?;
    match (input.u8()?, input.u32()?) {
        (1, spi) => sa.ask.want(Want::DeleteChild(spi)),
        (2, _) => sa.ask.want(Want::DeleteIke),
        _ => {}
    }
    let datagrams = read_datagrams(input)?;
    if datagrams.is_empty() {
        return Some(());
    }
    let id = input.u32()?;
    let purpose = match (input.u8()?, input.u32()?) {
        (0, _) => Purpose::Alive,
        (1, spi) => Purpose::DeleteChild(spi),
        (2, _) => Purpose::DeleteIke,
        (3, spi) => Purpose::LostChild(spi),
        (4, _) => Purpose::LostIke,
        _ => return None,
    };
    sa.ask.pending = Some(Box::new(Pending::new(cx.now, id, datagrams, purpose)));
    Some(())
}

fn read_child(input: &mut Reader<'_>) -> Option<Child> {
    let slot = Slot { sa: input.u32()?, spi: input.u32()? };
    let (spi_out, tag) = (input.u32()?, NonZeroU64::new(input.u64()?)?);
    let ends = Ends { local: Ipv4Addr::from(input.u32()?), remote: Ipv4Addr::from(input.u32()?) };
    let (transport, esn) = (input.bool()?, input.bool()?);
    let (encryption, integrity) = read_cipher(input)?;
    let transform = crate::child::esp_transform(encryption, integrity)?;
    let (group, additional) = (Group::from_transform(input.u16()?), read_additional(input)?);
    let mut keys = || {
        let material = Zeroizing::new([input.list()?, input.list()?].concat());
        EspKeys::new(transform, &material)
    };
    let (keys_in, keys_out) = (keys()?, keys()?);
    let state = match (input.u8()?, input.u64()?) {
        (0, _) => ChildState::Live,
        (1, _) => ChildState::Replaced,
        (2, _) => ChildState::Deleting,
        (3, until_ms) => ChildState::Lingering { until_ms },
        _ => return None,
    };
    let made_ms = input.u64()?;
    let (rekey_ms, end_ms) = (input.time()?, input.time()?);
    let mut volume = || Some(Volume { octets: input.u64()?, packets: input.u64()? });
    let (soft, hard) = (volume()?, volume()?);
    let switch_ms = input.time()?;
    Some(Child {
        slot,
        spi_out,
        tag,
        terms: Terms { ends, transport, esn, encryption, integrity, group, additional },
        keys_in,
        keys_out,
        state,
        made_ms,
        rekey_ms,
        end_ms,
        soft,
        hard,
        switch_ms,
    })
}
