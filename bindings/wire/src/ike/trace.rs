//! A message in a line, for logs: exchange, payloads, names of notifies, algorithms, identities. No key exchange data,
//! nonce, cookie or authentication data.

use super::chain::{Payload, Payloads};
use super::header::Header;
use super::message::Message;
use super::number::PayloadType;
use super::{Authentication, Delete, Identity, KeyExchange, Notify, Selectors, TrafficSelector};
use std::fmt::{Display, Formatter, Result};

/// What to show: a header, and payloads in the clear or decrypted.
#[derive(Clone, Copy)]
pub struct Trace<'a> {
    header: Header,
    payloads: Payloads<'a>,
}

impl<'a> Trace<'a> {
    /// Of a message with the payloads that were in its Encrypted payload.
    pub fn new(header: Header, payloads: Payloads<'a>) -> Self {
        Self { header, payloads }
    }
}

impl<'a> From<&Message<'a>> for Trace<'a> {
    fn from(message: &Message<'a>) -> Self {
        Self::new(message.header(), message.payloads())
    }
}

/// `IKE_SA_INIT request 0 [ SA KE(CURVE_25519) No N(COOKIE) ]`.
impl Display for Trace<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = if self.header.flags.is_response() { "response" } else { "request" };
        write!(f, "{} {kind} {} [ ", self.header.exchange, self.header.message_id)?;
        for payload in self.payloads {
            show(f, &payload)?;
            f.write_str(" ")?;
        }
        f.write_str("]")
    }
}

/// A payload that cannot be read is shown as its name with a question mark.
fn show(f: &mut Formatter<'_>, payload: &Payload<'_>) -> Result {
    let (kind, body) = (payload.kind, payload.body);
    let detail = match kind {
        PayloadType::KeyExchange => KeyExchange::parse(body).map(|exchange| exchange.method.to_string()),
        PayloadType::IdInitiator | PayloadType::IdResponder => {
            Identity::parse(kind, body).map(|identity| identity.to_string())
        }
        PayloadType::Authentication => Authentication::parse(body).map(|auth| auth.method.to_string()),
        PayloadType::Notify => Notify::parse(body).map(|notify| notify.kind.to_string()),
        PayloadType::Delete => {
            Delete::parse(body).map(|delete| format!("{} {}", delete.protocol, delete.count))
        }
        PayloadType::SelectorsInitiator | PayloadType::SelectorsResponder => {
            Selectors::parse(kind, body).map(|selectors| list(&selectors))
        }
        _ => return kind.fmt(f),
    };
    match detail {
        Ok(detail) => write!(f, "{kind}({detail})"),
        Err(_) => write!(f, "{kind}?"),
    }
}

/// Selectors that are shown of a payload.
const SHOWN: usize = 4;

fn list(selectors: &Selectors<'_>) -> String {
    let one = |selector: Option<TrafficSelector>| selector.map_or("?".to_owned(), |known| known.to_string());
    let mut shown: Vec<String> = selectors.iter().take(SHOWN).map(one).collect();
    if selectors.count() > SHOWN {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}
