//! `[ike]` and `[[protection]]`.

use crate::kind::{integer, name, security as kind};
use crate::model::{
    Claim, ClaimPolicy, Ike, IkeKey, KeyPeer, KeySource, ModePolicy, OwnCertificate, Protection,
};
use crate::reader::Reader;

/// `[ike]`. `tunnels`: names, in order.
pub(super) fn ike(table: &mut Reader, tunnels: &[String]) -> Option<Ike> {
    let default = Ike::default();
    let identity = table.optional("identity", kind::identity);
    let certificate = table.optional("certificate", kind::file);
    let private_key = table.optional("private-key", kind::file);
    let own = match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => Some(OwnCertificate { certificate, private_key }),
        _ => None,
    };
    for (there, other) in [("certificate", "private-key"), ("private-key", "certificate")] {
        if table.has(there) && !table.has(other) {
            table.wrong(there, format!("it is of no use alone: add `{other}`"));
        }
    }
    Some(Ike {
        identity,
        own,
        authority: table.list("authority", kind::file).unwrap_or_default(),
        crl: table.list("crl", kind::file).unwrap_or_default(),
        proposals: table.list("proposals", kind::ike_proposal).unwrap_or_default(),
        lifetime: table.optional("lifetime", integer(5..=31_536_000_u32)).unwrap_or(default.lifetime),
        dpd: table.optional("dpd", integer(0..=86_400_u32)).unwrap_or(default.dpd),
        half_open: table.optional("half-open", integer(16..=1_000_000_u32)).unwrap_or(default.half_open),
        cookie_threshold: table
            .optional("cookie-threshold", integer(0..=1_000_000_u32))
            .unwrap_or(default.cookie_threshold),
        unique: table.optional("unique", kind::unique).unwrap_or(default.unique),
        fragment_size: table
            .optional("fragment-size", integer(576..=1500_u16))
            .unwrap_or(default.fragment_size),
        persist_sessions: table
            .optional("persist-sessions", kind::persist)
            .unwrap_or(default.persist_sessions),
        key: table.tables("key", "[[ike.key]]", key),
        claim: table.tables("claim", "[[ike.claim]]", |table| claim(table, tunnels)),
    })
}

fn key(table: &mut Reader) -> Option<IkeKey> {
    let address = table.optional("address", kind::key_address);
    let identity = table.optional("identity", kind::key_identity);
    let inline = table.optional("pre-shared-key", kind::pre_shared_key);
    let file = table.optional("pre-shared-key-file", kind::file);
    either(table, "address", "identity", "whom the key is for");
    either(table, "pre-shared-key", "pre-shared-key-file", "the key itself");
    let peer = address.map(KeyPeer::Address).or(identity.map(KeyPeer::Identity));
    let source = inline.map(KeySource::Inline).or(file.map(KeySource::File));
    Some(IkeKey { peer: peer?, source: source? })
}

/// Exactly one of two keys is there.
fn either(table: &mut Reader, one: &'static str, other: &'static str, what: &str) {
    match (table.has(one), table.has(other)) {
        (true, true) => table.wrong(other, format!("`{one}` says {what} already: keep one of the two")),
        (false, false) => table.missing(format!("`{one}` or `{other}` is missing: {what}")),
        _ => {}
    }
}

fn claim(table: &mut Reader, tunnels: &[String]) -> Option<Claim> {
    let identity = table.required("identity", kind::claim_identity);
    let address = table.required("address", kind::claim_address);
    let tunnel = table.optional("tunnel", name);
    let index = tunnel.as_ref().and_then(|name| tunnels.iter().position(|tunnel| tunnel == name));
    if let (Some(name), None) = (&tunnel, index) {
        table.wrong("tunnel", format!("no tunnel is called {name}; there are {}", tunnels.join(", ")));
    }
    let (identity, address) = (identity?, address?);
    if let Some(letter) = address.unknown(&identity) {
        table.wrong("address", format!("`{{{letter}}}` is not in the identity \"{identity}\""));
        return None;
    }
    Some(Claim { identity, address, tunnel: index })
}

/// `[[protection]]`
pub(super) fn protection(table: &mut Reader) -> Option<Protection> {
    let name = table.required("name", name);
    let proposals = table.list("proposals", kind::esp_proposal);
    let mode = table.optional("mode", kind::mode);
    let lifetime_seconds = table.optional("lifetime-seconds", integer(5..=2_592_000_u32));
    let lifetime_kilobytes = table.optional("lifetime-kilobytes", integer(0..=4_294_967_295_u32));
    let lifetime_packets = table.optional("lifetime-packets", integer(1_000..=4_294_967_295_u32));
    let replay_window = table.optional("replay-window", kind::replay_window);
    let claims = table.optional("claims", kind::claims);
    Some(Protection {
        name: name?,
        proposals: proposals.unwrap_or_default(),
        mode: mode.unwrap_or(ModePolicy::Any),
        lifetime_seconds: lifetime_seconds.unwrap_or(3600),
        lifetime_kilobytes: lifetime_kilobytes.unwrap_or(4_608_000).into(),
        lifetime_packets: lifetime_packets.map(Into::into),
        replay_window: replay_window.unwrap_or(1024),
        claims: claims.unwrap_or(ClaimPolicy::FirstCome),
    })
}
