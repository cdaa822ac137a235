//! One JSON object per line.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, BufRead, Read, Write};

/// Why a line could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side closed before the end of a line.
    #[error("connection closed in the middle of a message")]
    Truncated,
    /// The line is longer than agreed.
    #[error("message longer than {0} octets")]
    TooLong(usize),
    /// The line is not what was expected.
    #[error("message not understood: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads one line of at most `max` octets (newline included). `None`: the other side closed between two lines.
pub fn read_line<T: DeserializeOwned>(
    reader: &mut impl BufRead,
    max: usize,
) -> Result<Option<T>, CodecError> {
    let mut line = Vec::new();
    reader.by_ref().take(max as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) if line.len() >= max => Err(CodecError::TooLong(max)),
        Some(_) => Err(CodecError::Truncated),
    }
}

/// Writes one line.
pub fn write_line(writer: &mut impl Write, message: &impl Serialize) -> Result<(), CodecError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line)?;
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, PeerFilter, Request, Response};
    use std::net::Ipv4Addr;

    fn round_trip(request: &Request, text: &str) {
        let mut line = Vec::new();
        write_line(&mut line, request).unwrap();
        assert_eq!(std::str::from_utf8(&line).unwrap().trim_end(), text);
        assert_eq!(read_line::<Request>(&mut &line[..], 4096).unwrap().as_ref(), Some(request));
    }

    #[test]
    fn requests_on_the_wire() {
        round_trip(&Request::Status, r#"{"command":"status"}"#);
        round_trip(
            &Request::ClearDmvpn {
                filter: PeerFilter { nbma: Some(Ipv4Addr::new(192, 0, 2, 7)), ..Default::default() },
                include_static: true,
            },
            r#"{"command":"clear-dmvpn","filter":{"interface":null,"nbma":"192.0.2.7","tunnel":null},"static":true}"#,
        );
    }

    #[test]
    fn defaults_may_be_left_out() {
        let line = b"{\"command\":\"dmvpn\"}\n";
        let request = read_line::<Request>(&mut &line[..], 4096).unwrap();
        assert_eq!(request, Some(Request::Dmvpn { filter: PeerFilter::default(), crypto: false }));
    }

    #[test]
    fn unknown_field_is_refused() {
        for line in [
            "{\"command\":\"clear-dmvpn\",\"filter\":{\"vrf\":\"red\"}}\n",
            "{\"command\":\"clear-dmvpn\",\"vrf\":\"red\"}\n",
            "{\"command\":\"format-disk\"}\n",
            "[]\n",
            "\n",
        ] {
            let result = read_line::<Request>(&mut line.as_bytes(), 4096);
            assert!(matches!(result, Err(CodecError::Json(_))), "{line}");
        }
    }

    #[test]
    fn ends_of_a_stream() {
        assert!(matches!(read_line::<Request>(&mut &b""[..], 4096), Ok(None)));
        assert!(matches!(read_line::<Request>(&mut &b"{\"com"[..], 4096), Err(CodecError::Truncated)));
        let long = vec![b' '; 5000];
        assert!(matches!(read_line::<Request>(&mut &long[..], 4096), Err(CodecError::TooLong(4096))));
    }

    #[test]
    fn a_response_carries_its_kind() {
        let mut line = Vec::new();
        let error = Response::Error { code: ErrorCode::NoDataplane, message: "not attached".into() };
        write_line(&mut line, &error).unwrap();
        let text = std::str::from_utf8(&line).unwrap().trim_end();
        assert_eq!(text, r#"{"kind":"error","data":{"code":"no-dataplane","message":"not attached"}}"#);
        assert_eq!(read_line::<Response>(&mut &line[..], 4096).unwrap(), Some(error));
    }
}
