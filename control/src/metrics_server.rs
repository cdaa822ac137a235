//! `GET /metrics` over HTTP/1: a thread that takes connections, one at a time, and asks the loop for a snapshot.
//!
//! The thread may be held up by a slow client, the loop never: it answers with a snapshot when it comes by.

use crate::hub::Hub;
use crate::metrics::{self, View};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Longest request head, in octets.
const MAX_HEAD: usize = 8_192;
/// How long a client may take for its request, and for each piece of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The loop's end.
pub struct MetricsServer {
    requests: Receiver<SyncSender<View>>,
    per_peer: bool,
}

impl MetricsServer {
    /// Listens and starts the thread.
    pub fn listen(at: SocketAddr, per_peer: bool) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let (ask, requests) = sync_channel(1);
        std::thread::Builder::new().name("metrics".into()).spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    // A client that goes away has what it wanted.
                    Ok(stream) => drop(serve(stream, &ask)),
                    // Out of descriptors: leave the loop its own.
                    Err(_) => std::thread::sleep(PATIENCE / 10),
                }
            }
        })?;
        Ok(Self { requests, per_peer })
    }

    /// Gives a snapshot if the thread asked for one.
    pub fn serve(&mut self, hub: &Hub, now_ms: u64) {
        if let Ok(reply) = self.requests.try_recv() {
            let _ = reply.try_send(metrics::view(hub, self.per_peer, now_ms));
        }
    }
}

fn serve(mut stream: TcpStream, ask: &SyncSender<SyncSender<View>>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, kind, body) = match path(&mut stream)? {
        Some(path) if path == "/metrics" => match snapshot(ask) {
            Some(view) => ("200 OK", metrics::CONTENT_TYPE, metrics::render(&view)),
            None => ("503 Service Unavailable", "text/plain", "the event loop does not answer\n".into()),
        },
        Some(_) => ("404 Not Found", "text/plain", "see /metrics\n".into()),
        None => ("400 Bad Request", "text/plain", "GET only\n".into()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn snapshot(ask: &SyncSender<SyncSender<View>>) -> Option<View> {
    let (reply, answer) = sync_channel(1);
    ask.send(reply).ok()?;
    answer.recv_timeout(PATIENCE).ok()
}

/// The path of a GET request, without its query; `None`: it is none.
fn path(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let deadline = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = match stream.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        };
        head.extend(chunk.get(..count).unwrap_or_default());
        if let Some(result) = parse(&head) {
            return Ok(result);
        }
        if count == 0 || head.len() > MAX_HEAD || Instant::now() > deadline {
            return Ok(None);
        }
    }
}

/// `None`: more is needed. `Some(None)`: not a GET.
fn parse(head: &[u8]) -> Option<Option<String>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) if request.method == Some("GET") => {
            Some(request.path.and_then(|path| path.split('?').next()).map(str::to_string))
        }
        _ => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_complete_get_is_served() {
        assert_eq!(parse(b"GET /metrics HTTP/1.1\r\nHost: x\r\n"), None);
        let get = b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(parse(get), Some(Some("/metrics".to_string())));
        assert_eq!(parse(b"POST /metrics HTTP/1.1\r\n\r\n"), Some(None));
        assert_eq!(parse(b"\x16\x03\x01"), Some(None));
    }
}
