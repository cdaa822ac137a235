//! Asking `hub-control`.

use api::{CodecError, MAX_RESPONSE, Request, Response, read_line, write_line};
use std::io::{BufReader, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where answers come from.
#[derive(Debug)]
pub enum Source {
    /// A running hub.
    Socket(BufReader<UnixStream>),
    /// A file that holds one response.
    File(Box<Response>),
}

impl Source {
    /// Opens `file` if there is one, else the socket.
    pub fn new(file: Option<&Path>, socket: &Path) -> Result<Self, String> {
        match file {
            Some(file) => {
                let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
                let response =
                    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
                Ok(Self::File(Box::new(response)))
            }
            None => connect(socket).map(Self::Socket),
        }
    }
}

fn connect(socket: &Path) -> Result<BufReader<UnixStream>, String> {
    let stream = UnixStream::connect(socket).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::NotFound => "is hub-control running? Another run-dir than the default needs --socket",
            ErrorKind::ConnectionRefused => {
                "hub-control is not running (the socket is left from the last run)"
            }
            ErrorKind::PermissionDenied => "run hubctl as root or as a member of the socket's group",
            _ => "cannot connect",
        };
        format!("{}: {error}: {advice}", socket.display())
    })?;
    let timeouts = stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
    timeouts.map_err(|error| format!("{}: {error}", socket.display()))?;
    Ok(BufReader::new(stream))
}

/// The answer to `request`; what the hub refuses is an error here.
pub fn answer(source: &mut Source, request: &Request) -> Result<Response, String> {
    let response = match source {
        Source::File(response) => (**response).clone(),
        Source::Socket(stream) => ask(stream, request).map_err(|error| match error {
            CodecError::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                format!("hub-control has not answered within {} seconds", PATIENCE.as_secs())
            }
            CodecError::Json(error) => {
                format!(
                    "the answer is not understood ({error}): are hubctl and hub-control of the same version?"
                )
            }
            error => format!("hub-control: {error}"),
        })?,
    };
    match response {
        Response::Error { message, .. } => Err(message),
        response => Ok(response),
    }
}

fn ask(stream: &mut BufReader<UnixStream>, request: &Request) -> Result<Response, CodecError> {
    write_line(stream.get_mut(), request)?;
    read_line(stream, MAX_RESPONSE)?.ok_or(CodecError::Truncated)
}
