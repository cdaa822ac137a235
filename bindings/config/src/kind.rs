//! Kinds of values: each turns a TOML value into a typed one or says what was expected instead.

pub(crate) mod security;

use crate::model::{Prefix, Role};
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::DeValue;

/// What every kind answers: the value, or what was expected.
pub(crate) type Answer<T> = Result<T, String>;

/// "expected …, found …".
fn unlike<T>(expected: impl Display, found: &DeValue) -> Answer<T> {
    let found = match found {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    };
    Err(format!("expected {expected}, found {found}"))
}

/// An integer in `range`.
pub(crate) fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&DeValue) -> Answer<T>
where
    T: TryFrom<i64> + Into<i64> + Copy + Display,
{
    move |value| {
        let (low, high): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
        let expected = format!("a whole number from {low} to {high}");
        let DeValue::Integer(digits) = value else { return unlike(expected, value) };
        let number = i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok();
        match number
            .filter(|number| (low..=high).contains(number))
            .and_then(|number| T::try_from(number).ok())
        {
            Some(number) => Ok(number),
            None => unlike(expected, value),
        }
    }
}

/// `true` or `false`.
pub(crate) fn boolean(value: &DeValue) -> Answer<bool> {
    value.as_bool().map_or_else(|| unlike("true or false", value), Ok)
}

/// Text of which `accept` says whether it will do.
fn text_like<T>(value: &DeValue, expected: &str, accept: impl Fn(&str) -> Option<T>) -> Answer<T> {
    value.as_str().and_then(accept).map_or_else(|| unlike(expected, value), Ok)
}

/// Any text that is not empty.
pub(crate) fn text(value: &DeValue) -> Answer<String> {
    text_like(value, "a text that is not empty", |text| (!text.is_empty()).then(|| text.into()))
}

/// A name shown to operators: no blank, so that columns stay columns.
pub(crate) fn name(value: &DeValue) -> Answer<String> {
    text_like(value, "a name of 1 to 63 characters without blanks", |text| {
        ((1..=63).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())).then(|| text.into())
    })
}

/// A name that Linux accepts for a network interface.
pub(crate) fn interface(value: &DeValue) -> Answer<String> {
    let expected =
        "a network interface name: 1 to 15 characters, no blank, `/` or `:`, and not `.`, `..` or `lo`";
    text_like(value, expected, |text| {
        let fits = (1..=15).contains(&text.len()) && ![".", "..", "lo"].contains(&text);
        (fits && text.chars().all(|c| c.is_ascii_graphic() && !"/:%".contains(c))).then(|| text.into())
    })
}

/// An absolute path.
pub(crate) fn path(value: &DeValue) -> Answer<PathBuf> {
    text_like(value, "an absolute path", |text| text.starts_with('/').then(|| text.into()))
}

/// A unicast IPv4 address that a station can have.
pub(crate) fn address(value: &DeValue) -> Answer<Ipv4Addr> {
    text_like(value, "an IPv4 address such as \"192.0.2.1\"", |text| text.parse().ok().filter(is_station))
}

fn is_station(address: &Ipv4Addr) -> bool {
    !(address.octets()[0] == 0 || address.is_loopback() || address.octets()[0] >= 224)
}

/// A network: the host bits are zero.
pub(crate) fn network(value: &DeValue) -> Answer<Prefix> {
    let expected = "an IPv4 prefix such as \"10.1.0.0/16\"";
    let prefix: Prefix = text_like(value, expected, |text| text.parse().ok())?;
    match prefix.network() {
        network if network == prefix => Ok(prefix),
        network => unlike(format!("\"{network}\" (host bits are zero in a network)"), value),
    }
}

/// An address of our own with the length of its subnet.
pub(crate) fn interface_address(value: &DeValue) -> Answer<Prefix> {
    let expected = "an IPv4 address with a prefix length such as \"10.0.0.1/24\"";
    let prefix: Prefix = text_like(value, expected, |text| text.parse().ok())?;
    let edge = prefix.len < 31 && (prefix == prefix.network() || prefix.address == prefix.last());
    match prefix {
        _ if !is_station(&prefix.address) => unlike(expected, value),
        Prefix { len: 0, .. } => unlike("a prefix length from 1 to 32", value),
        _ if edge => unlike("a host's address, not the network's or the broadcast address", value),
        _ => Ok(prefix),
    }
}

/// NHRP authentication: what Cisco, FRR and OpenNHRP put on the wire, 1 to 8 octets.
pub(crate) fn authentication(value: &DeValue) -> Answer<String> {
    // The value found is not repeated: a password has no business in a log.
    let fits = |text: &&str| (1..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    let expected = "expected 1 to 8 printable ASCII characters without blanks, found";
    match value.as_str() {
        Some(text) if fits(&text) => Ok(text.into()),
        Some(text) if text.len() > 8 => Err(format!("{expected} {} octets", text.len())),
        Some("") => Err(format!("{expected} an empty text; leave the key out for no authentication")),
        Some(_) => Err(format!("{expected} a character that is none")),
        None => Err("expected a text of 1 to 8 characters in quotes".into()),
    }
}

/// A unicast MAC address.
pub(crate) fn mac(value: &DeValue) -> Answer<String> {
    text_like(value, "a unicast MAC address such as \"02:00:00:00:00:01\"", |text| {
        let parts: Vec<&str> = text.split(':').collect();
        let hex = |part: &&str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
        let octets: Vec<u8> = parts
            .iter()
            .filter(|part| hex(part))
            .filter_map(|part| u8::from_str_radix(part, 16).ok())
            .collect();
        let unicast =
            parts.len() == 6 && octets.len() == 6 && octets[0] & 1 == 0 && octets.iter().any(|o| *o != 0);
        unicast.then(|| text.to_ascii_lowercase())
    })
}

/// What a port is for.
pub(crate) fn role(value: &DeValue) -> Answer<Role> {
    text_like(value, "\"underlay\" or \"lan\"", |text| match text {
        "underlay" => Some(Role::Underlay),
        "lan" => Some(Role::Lan),
        _ => None,
    })
}

/// An address with a TCP port.
pub(crate) fn socket_address(value: &DeValue) -> Answer<SocketAddr> {
    text_like(value, "an address with a port such as \"127.0.0.1:9470\"", |text| text.parse().ok())
}

/// A descriptor ring's size, as DPDK drivers want it.
pub(crate) fn ring_size(value: &DeValue) -> Answer<u16> {
    match integer(64..=32_768_u16)(value) {
        Ok(size) if size.is_power_of_two() => Ok(size),
        _ => unlike("a power of two from 64 to 32768", value),
    }
}

/// Number of a CPU core.
pub(crate) fn core(value: &DeValue) -> Answer<usize> {
    integer(0..=4095_u16)(value).map(usize::from)
}
