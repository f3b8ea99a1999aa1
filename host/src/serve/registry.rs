//! Who is connected.
//!
//! In: streams. Out: places, at most as many as there are. Guaranteed: a client that has asked something keeps its place; one
//! that has not loses it to others after a time of grace, so that connections that say nothing cannot keep clients out.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Registry {
    clients: Mutex<Clients>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Clients {
    next: u64,
    open: BTreeMap<u64, Client>,
    ending: bool,
}

#[derive(Debug)]
struct Client {
    stream: Arc<UnixStream>,
    since: Instant,
    /// It has asked something.
    known: bool,
}

/// A place in the registry. It is free again when this is dropped.
pub(super) struct Seat<'a> {
    registry: &'a Registry,
    number: u64,
}

/// How a connection got its place, or did not.
pub(super) enum Seating<'a> {
    /// There was one.
    Free(Seat<'a>),
    /// Another lost it.
    Displacing(Seat<'a>),
    /// There is none.
    Full,
}

impl Registry {
    /// A place for a connection, of `places`.
    pub fn seat(&self, stream: &Arc<UnixStream>, places: usize, grace: Duration) -> Seating<'_> {
        let mut clients = self.lock();
        let full = clients.open.len() >= places;
        if full {
            let mute = clients.open.iter().filter(|(_, client)| !client.known && client.since.elapsed() >= grace);
            let Some(number) = mute.map(|(number, _)| *number).next() else { return Seating::Full };
            if let Some(client) = clients.open.remove(&number) {
                // Its thread sees the end of the stream and goes.
                let _ = client.stream.shutdown(Shutdown::Both);
            }
        }
        let number = clients.next;
        clients.next += 1;
        clients.open.insert(number, Client { stream: stream.clone(), since: Instant::now(), known: false });
        let seat = Seat { registry: self, number };
        if full { Seating::Displacing(seat) } else { Seating::Free(seat) }
    }

    /// Lets nobody ask anything any more. What is being answered is answered.
    pub fn end(&self) {
        let mut clients = self.lock();
        clients.ending = true;
        for client in clients.open.values() {
            // A stream that is closed already needs no end.
            let _ = client.stream.shutdown(Shutdown::Read);
        }
    }

    /// Whether nobody may ask anything any more.
    pub fn is_ending(&self) -> bool {
        self.lock().ending
    }

    /// Waits until everybody has left; then cuts off who has not, and says how many those were.
    pub fn wait(&self, time: Duration) -> usize {
        let clients = self.lock();
        let waited = self.left.wait_timeout_while(clients, time, |clients| !clients.open.is_empty());
        let clients = waited.unwrap_or_else(PoisonError::into_inner).0;
        for client in clients.open.values() {
            let _ = client.stream.shutdown(Shutdown::Both);
        }
        clients.open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// The client has asked something that makes sense.
    pub fn is_known(&self) {
        if let Some(client) = self.registry.lock().open.get_mut(&self.number) {
            client.known = true;
        }
    }

    /// Whether nobody may ask anything any more.
    pub fn is_ending(&self) -> bool {
        self.registry.is_ending()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.registry.lock().open.remove(&self.number);
        self.registry.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn stream() -> (Arc<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        (Arc::new(ours), theirs)
    }

    #[test]
    fn who_asks_stays_and_who_is_mute_goes() {
        let registry = Registry::default();
        let pairs = [stream(), stream(), stream()];
        let seat = |i: usize, grace| registry.seat(&pairs[i].0, 2, grace);
        let Seating::Free(first) = seat(0, Duration::ZERO) else { panic!("there is room") };
        first.is_known();
        let Seating::Free(_second) = seat(1, Duration::ZERO) else { panic!("there is room") };
        assert!(matches!(seat(2, Duration::from_secs(60)), Seating::Full), "the grace is not over");
        let Seating::Displacing(third) = seat(2, Duration::ZERO) else { panic!("the second is mute") };
        third.is_known();
        let mut end = [0];
        assert_eq!((&pairs[1].1).read(&mut end).expect("shut down"), 0);
        assert!(matches!(registry.seat(&stream().0, 2, Duration::ZERO), Seating::Full));
        drop(first);
        assert!(matches!(registry.seat(&stream().0, 2, Duration::ZERO), Seating::Free(_)));
    }

    #[test]
    fn the_end_waits_for_those_who_are_answered() {
        let registry = Registry::default();
        let (ours, _theirs) = stream();
        let Seating::Free(seat) = registry.seat(&ours, 2, Duration::ZERO) else { panic!("there is room") };
        registry.end();
        assert!(seat.is_ending());
        assert_eq!(registry.wait(Duration::from_millis(10)), 1);
        drop(seat);
        assert_eq!(registry.wait(Duration::from_secs(10)), 0);
    }
}
