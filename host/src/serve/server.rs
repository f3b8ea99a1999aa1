//! Many clients over a Unix-domain socket.
//!
//! In: a [`Service`] and a path. Out: nothing, until it is [stopped](Stop). Guaranteed: a thread a client, and so many
//! clients; who finds no place is told so; when the service ends, what is being answered is answered, within a time.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::json;

use super::connection::{talk, write_all};
use super::registry::{Registry, Seat, Seating};
use super::service::Service;
use super::socket::{BindError, Listening};
use crate::show::SCHEMA;

/// Time to tell a client that there is no place for it: it is told while others wait to be let in.
const TURN_AWAY: Duration = Duration::from_millis(50);

/// Time to wait where the process has no file descriptor left for a client.
const EXHAUSTED: Duration = Duration::from_millis(20);

/// A service at its socket.
#[derive(Debug)]
pub struct Server {
    listening: Listening,
    wake: UnixStream,
    stop: Stop,
}

/// Ends a server, from any thread.
#[derive(Clone, Debug)]
pub struct Stop(Arc<UnixStream>);

impl Stop {
    /// Lets the server end: nobody is let in any more, and what is being answered is answered.
    pub fn stop(&self) {
        // Where the pipe is full or closed the server has been told already.
        let _ = (&*self.0).write(b"!");
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Clients that were cut off, because they did not take their answers in time.
    pub cut: usize,
}

impl Server {
    /// Binds the socket.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(path: &Path) -> Result<Server, BindError> {
        let listening = Listening::bind(path)?;
        let failed = |cause| BindError::Io { path: path.to_owned(), operation: "poll", cause };
        let (wake, stop) = UnixStream::pair().map_err(failed)?;
        stop.set_nonblocking(true).map_err(failed)?;
        listening.listener.set_nonblocking(true).map_err(failed)?;
        Ok(Server { listening, wake, stop: Stop(Arc::new(stop)) })
    }

    /// What ends this server.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until it is stopped, then takes the socket away and waits for those who are being answered.
    ///
    /// # Errors
    /// Where the system can no longer say whether somebody wants to connect.
    pub fn run(self, service: &Service) -> io::Result<Drained> {
        let registry = Registry::default();
        std::thread::scope(|scope| {
            let accepted = self.accept_all(service, &registry, |seat, stream| {
                let serve = move || {
                    // A fault of this program costs the client that met it, and nobody else.
                    match catch_unwind(AssertUnwindSafe(|| talk(service, &seat, &stream))) {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => service.metrics.lost(&error),
                        Err(_) => service.metrics.panicked.add(1),
                    }
                    service.metrics.closed.add(1);
                };
                // Where there is no thread the seat is free again at once.
                std::thread::Builder::new().spawn_scoped(scope, serve).is_ok()
            });
            drop(self.listening);
            registry.end();
            let cut = registry.wait(service.limits.drain);
            accepted.map(|()| Drained { cut })
        })
    }

    /// Lets clients in until the server is stopped.
    fn accept_all<'r>(
        &self,
        service: &Service,
        registry: &'r Registry,
        mut serve: impl FnMut(Seat<'r>, Arc<UnixStream>) -> bool,
    ) -> io::Result<()> {
        loop {
            let mut events =
                [PollFd::new(&self.listening.listener, PollFlags::IN), PollFd::new(&self.wake, PollFlags::IN)];
            match poll(&mut events, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !events[1].revents().is_empty() {
                let mut byte = [0];
                return (&self.wake).read(&mut byte).map(|_| ());
            }
            let stream = match self.listening.listener.accept() {
                Ok((stream, _)) => Arc::new(stream),
                Err(error) if is_passing(&error) => continue,
                Err(_) => {
                    service.metrics.turned_away.add(1);
                    std::thread::sleep(EXHAUSTED);
                    continue;
                }
            };
            let limits = &service.limits;
            let seat = match registry.seat(&stream, limits.connections, limits.grace) {
                Seating::Free(seat) => seat,
                Seating::Displacing(seat) => {
                    service.metrics.displaced.add(1);
                    seat
                }
                Seating::Full => {
                    turn_away(service, &stream);
                    continue;
                }
            };
            service.metrics.accepted.add(1);
            if !serve(seat, stream.clone()) {
                turn_away(service, &stream);
            }
        }
    }
}

/// Whether the client, or a signal, is to blame, and the next one may fare better.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}

fn turn_away(service: &Service, stream: &UnixStream) {
    service.metrics.turned_away.add(1);
    let message = format!("{} clients are connected already", service.limits.connections);
    let answer =
        json!({ "schema": SCHEMA, "id": null, "error": { "code": "too_many_connections", "message": message } });
    // It may have gone already.
    let _ = write_all(stream, format!("{answer}\n").as_bytes(), TURN_AWAY);
}
