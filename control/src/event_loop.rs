//! One thread, one loop: the kernel's sockets, the clients of the CLI, results of the threads, and a tick.
//!
//! The workers ring no bell, so the rings are looked at every [`BUSY`], or up to [`IDLE`] when nothing happens: at
//! 100,000 spokes that is a handful of packets each time, and a quiet hub sleeps.

use crate::api_server::ApiServer;
use crate::hub::{Ending, Hub};
use crate::metrics_server::MetricsServer;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between looks at the rings while things happen.
const BUSY: Duration = Duration::from_millis(1);
/// Between looks after nothing happened for a while.
const IDLE: Duration = Duration::from_millis(10);
/// Tokens of the kernel's sockets; the API server's follow.
const KERNEL: [Token; 2] = [Token(0), Token(1)];
/// Token of the threads that compute for IKE.
const COMPUTED: Token = Token(2);
/// First token of the API server.
pub const FIRST_API_TOKEN: usize = 3;

/// Runs until `stop` is set, or the hub cannot go on as it is: then says why.
pub fn run(
    mut hub: Hub,
    mut api: ApiServer,
    mut metrics: Option<MetricsServer>,
    stop: &Arc<AtomicBool>,
) -> io::Result<Option<Ending>> {
    let mut poll = Poll::new()?;
    for (fd, token) in hub.netlink.descriptors().iter().zip(KERNEL) {
        poll.registry().register(&mut SourceFd(fd), token, Interest::READABLE)?;
    }
    if let Some(ike) = &hub.ike {
        ike.pool.wake(Waker::new(poll.registry(), COMPUTED)?);
    }
    api.register(poll.registry())?;
    let mut events = Events::with_capacity(256);
    let mut timeout = Duration::ZERO;
    let mut kernel = true;
    while !stop.load(Ordering::Relaxed) {
        match poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now_ms = shm::clock::now_ms();
        kernel |= events.iter().any(|event| KERNEL.contains(&event.token()));
        if kernel || hub.netlink.wants_dump(now_ms) {
            kernel = hub.read_kernel(now_ms)?;
        }
        let busy = hub.turn(now_ms);
        if let Some(ending) = hub.ending.take() {
            hub.stop();
            return Ok(Some(ending));
        }
        let listing = api.serve(poll.registry(), &events, &mut hub, now_ms);
        if let Some(metrics) = &mut metrics {
            metrics.serve(&hub, now_ms);
        }
        timeout = match () {
            () if kernel || listing => Duration::ZERO,
            () if busy => BUSY,
            () => (timeout + BUSY).min(IDLE),
        };
    }
    hub.stop();
    Ok(None)
}
