//! The UNIX socket that `hubctl` talks to: one JSON object per line, both ways.
//!
//! Clients are served from the loop's thread out of live state. None can hold it up: reading and writing never
//! wait, a request has a greatest length, an answer is written as the client takes it, and one request is answered
//! before the next of the same client is read. A long listing is made piece by piece, one piece in a turn of the loop,
//! and the next one only when the client has taken that.

use crate::event_loop::FIRST_API_TOKEN;
use crate::hub::Hub;
use crate::show::{self, Answer, Listing};
use api::{ErrorCode, MAX_REQUEST, Request, Response};
use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Registry, Token};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Bound::{Excluded, Unbounded};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Most clients at a time; a further one is turned away.
const MAX_CLIENTS: usize = 64;
/// A client that neither asks nor takes its answer for so long is let go, in milliseconds.
const PATIENCE_MS: u64 = 60_000;
/// Most octets written to one client in one turn.
const WRITE_TURN: usize = 1 << 20;
const LISTENER: Token = Token(FIRST_API_TOKEN);

struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    /// What else belongs to the answer.
    listing: Option<Listing>,
    seen_ms: u64,
}

/// The socket and its clients.
pub struct ApiServer {
    path: PathBuf,
    listener: UnixListener,
    clients: BTreeMap<Token, Client>,
    next: usize,
    /// The client whose listing went on last.
    listed: Token,
}

impl ApiServer {
    /// Listens in the run directory. The socket of a dead predecessor is removed.
    pub fn listen(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(api::SOCKET_NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // Who may clear sessions is who may write here.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { path, listener, clients: BTreeMap::new(), next: FIRST_API_TOKEN + 1, listed: LISTENER })
    }

    /// Registers with the loop.
    pub fn register(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut self.listener, LISTENER, Interest::READABLE)
    }

    /// Accepts, reads, answers and writes what is ready; `true`: a listing goes on.
    pub fn serve(&mut self, registry: &Registry, events: &Events, hub: &mut Hub, now_ms: u64) -> bool {
        let mut ready: Vec<Token> = Vec::new();
        for event in events {
            match event.token() {
                LISTENER => ready.extend(self.accept(registry, now_ms)),
                token if self.clients.contains_key(&token) => ready.push(token),
                _ => {}
            }
        }
        // Those with more to write than a turn allows.
        ready
            .extend(self.clients.iter().filter(|(_, c)| c.written < c.output.len()).map(|(token, _)| *token));
        ready.extend(self.go_on(hub));
        for token in ready {
            let Some(client) = self.clients.get_mut(&token) else { continue };
            let keep = client.turn(hub, now_ms);
            if !keep {
                self.drop_client(registry, token);
            }
        }
        let late: Vec<Token> = self
            .clients
            .iter()
            .filter(|(_, client)| now_ms.saturating_sub(client.seen_ms) > PATIENCE_MS)
            .map(|(token, _)| *token)
            .collect();
        late.into_iter().for_each(|token| self.drop_client(registry, token));
        self.clients.values().any(Client::wants_more)
    }

    /// The next piece for one of the clients whose listings are under way, each in its turn.
    fn go_on(&mut self, hub: &Hub) -> Option<Token> {
        let waiting = |(token, client): (&Token, &Client)| client.wants_more().then_some(*token);
        let later = self.clients.range((Excluded(self.listed), Unbounded)).find_map(waiting);
        let token = later.or_else(|| self.clients.iter().find_map(waiting))?;
        self.listed = token;
        let client = self.clients.get_mut(&token)?;
        if client.listing.as_mut()?.go_on(hub, &mut client.output) {
            client.listing = None;
        }
        Some(token)
    }

    fn accept(&mut self, registry: &Registry, now_ms: u64) -> Vec<Token> {
        let mut new = Vec::new();
        // Ends with an error: none waits, or no descriptor is left and the rest has to wait.
        while let Ok((mut stream, _)) = self.listener.accept() {
            if self.clients.len() >= MAX_CLIENTS {
                let _ = stream.write_all(b"{\"kind\":\"error\",\"data\":{\"code\":\"internal\",\"message\":\"too many clients\"}}\n");
                continue;
            }
            let token = Token(self.next);
            self.next = self.next.wrapping_add(1).max(FIRST_API_TOKEN + 1);
            if registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).is_ok() {
                let client = Client {
                    stream,
                    input: Vec::new(),
                    output: Vec::new(),
                    written: 0,
                    listing: None,
                    seen_ms: now_ms,
                };
                self.clients.insert(token, client);
                new.push(token);
            }
        }
        new
    }

    fn drop_client(&mut self, registry: &Registry, token: Token) {
        if let Some(mut client) = self.clients.remove(&token) {
            let _ = registry.deregister(&mut client.stream);
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Client {
    /// Whether it has taken what there was of a listing that is not at its end.
    fn wants_more(&self) -> bool {
        self.listing.is_some() && self.written >= self.output.len()
    }

    /// Goes on with this client; `false`: done with it.
    fn turn(&mut self, hub: &mut Hub, now_ms: u64) -> bool {
        loop {
            match self.write(now_ms) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
            if self.listing.is_some() {
                return true;
            }
            if let Some(end) = self.input.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                self.answer(&line, hub, now_ms);
                continue;
            }
            if self.input.len() >= MAX_REQUEST {
                return false;
            }
            match self.read(now_ms) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }

    fn answer(&mut self, line: &[u8], hub: &mut Hub, now_ms: u64) {
        let answer = match serde_json::from_slice::<Request>(line) {
            Ok(request) => show::answer(hub, &request, now_ms),
            Err(error) => {
                let (code, message) = (ErrorCode::BadRequest, error.to_string());
                Answer::Whole(Box::new(Response::Error { code, message }))
            }
        };
        self.output.clear();
        self.written = 0;
        let response = match answer {
            Answer::Whole(response) => response,
            Answer::Listing(listing) => return self.listing = Some(listing),
        };
        if serde_json::to_writer(&mut self.output, &response).is_err() {
            self.output.clear();
        }
        self.output.push(b'\n');
    }

    /// `true`: all is written.
    fn write(&mut self, now_ms: u64) -> io::Result<bool> {
        let mut room = WRITE_TURN;
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            if room == 0 {
                return Ok(false);
            }
            match self.stream.write(rest.get(..room).unwrap_or(rest)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    room = room.saturating_sub(count);
                    self.seen_ms = now_ms;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        self.written = 0;
        Ok(true)
    }

    /// `true`: something was read.
    fn read(&mut self, now_ms: u64) -> io::Result<bool> {
        let mut chunk = [0; 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.input.extend(chunk.get(..count).unwrap_or_default());
                    self.seen_ms = now_ms;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
