//! One client: lines in, lines out.
//!
//! Guaranteed: no more than a line and a read's worth is kept of what a client sends; it has so much time for a line, so
//! much to take an answer, and so much to be silent. A client that sends faster than it is answered is not read from.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::{AnswerError, RequestError};
use super::limits::Limits;
use super::registry::Seat;
use super::request::Request;
use super::service::Service;

/// Bytes read at a time.
const CHUNK: usize = 16 << 10;

/// Talks to a client until it leaves, misbehaves, or the service ends.
///
/// # Errors
/// Where the connection broke, or (`TimedOut`) the client was silent or slow.
pub(super) fn talk(service: &Service, seat: &Seat<'_>, stream: &UnixStream) -> io::Result<()> {
    let mut lines = Lines::new(stream, &service.limits);
    loop {
        let (answer, last) = match lines.next()? {
            Line::End => return Ok(()),
            Line::Whole(line) if line.iter().all(u8::is_ascii_whitespace) => continue,
            Line::Whole(_) if seat.is_ending() => (service.failure(&Value::Null, None, &AnswerError::Ending), true),
            Line::Whole(line) => match Request::parse(line) {
                Ok(request) => {
                    seat.is_known();
                    (service.answer(&request), false)
                }
                Err((id, error)) => (service.failure(&id, None, &error.into()), false),
            },
            Line::TooLong => {
                let error = RequestError::TooLong { max: service.limits.line_bytes };
                (service.failure(&Value::Null, None, &error.into()), true)
            }
        };
        write_all(stream, &answer, service.limits.write_time)?;
        if last {
            return Ok(());
        }
    }
}

/// What comes next.
#[derive(Debug)]
enum Line<'a> {
    /// A line, without its end.
    Whole(&'a [u8]),
    /// One that does not end within its limit. What follows cannot be told from it.
    TooLong,
    /// Nothing.
    End,
}

/// The lines of a stream.
struct Lines<'a> {
    stream: &'a UnixStream,
    limits: &'a Limits,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out as a line.
    taken: usize,
    /// Bytes of `buffer` that hold no end of a line.
    searched: usize,
}

impl<'a> Lines<'a> {
    fn new(stream: &'a UnixStream, limits: &'a Limits) -> Lines<'a> {
        Lines { stream, limits, buffer: Vec::new(), taken: 0, searched: 0 }
    }

    /// The next line. At the end of the stream an unfinished one is dropped.
    fn next(&mut self) -> io::Result<Line<'_>> {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.searched = 0;
        let mut until = Instant::now() + if self.buffer.is_empty() { self.limits.idle } else { self.limits.line_time };
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(at) = found.map(|at| self.searched + at).filter(|at| *at <= self.limits.line_bytes) {
                self.taken = at + 1;
                return Ok(Line::Whole(&self.buffer[..at]));
            }
            self.searched = self.buffer.len();
            if self.searched > self.limits.line_bytes {
                return Ok(Line::TooLong);
            }
            if self.read(until)? == 0 {
                return Ok(Line::End);
            }
            if self.searched == 0 {
                until = Instant::now() + self.limits.line_time;
            }
        }
    }

    fn read(&mut self, until: Instant) -> io::Result<usize> {
        let mut chunk = [0; CHUNK];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Err(ErrorKind::TimedOut.into()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes all of `bytes` within `time`, however small the pieces are that the client takes.
pub(super) fn write_all(mut stream: &UnixStream, mut bytes: &[u8], time: Duration) -> io::Result<()> {
    let until = Instant::now() + time;
    while !bytes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Linux says EAGAIN when a timeout of a socket expires (socket(7), SO_RCVTIMEO).
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let time = Duration::from_millis(50);
        Limits { line_bytes: 8, line_time: time, idle: 4 * time, write_time: time, ..Limits::new(1) }
    }

    fn all(sent: &[u8]) -> (Vec<String>, bool) {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        theirs.write_all(sent).expect("there is room");
        drop(theirs);
        let limits = limits();
        let mut lines = Lines::new(&ours, &limits);
        let mut found = Vec::new();
        loop {
            match lines.next().expect("the stream does not break") {
                Line::Whole(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                Line::TooLong => return (found, true),
                Line::End => return (found, false),
            }
        }
    }

    #[test]
    fn lines_end_where_they_end() {
        let found = |lines: &[&str], too_long| (lines.iter().map(|line| (*line).to_owned()).collect(), too_long);
        assert_eq!(all(b"a\n\nbc\nunfinished"), found(&["a", "", "bc"], true));
        assert_eq!(all(b"a\nhalf"), found(&["a"], false));
        assert_eq!(all(b"12345678\n1"), found(&["12345678"], false));
        assert_eq!(all(b"123456789\n"), found(&[], true));
        assert_eq!(all(b""), found(&[], false));
    }

    #[test]
    fn silence_and_slowness_have_an_end() {
        let limits = limits();
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let start = Instant::now();
        let error = Lines::new(&ours, &limits).next().expect_err("nothing comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= limits.idle, "{:?}", start.elapsed());

        // A byte now and then does not help.
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let trickle = std::thread::spawn(move || {
            while theirs.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let error = Lines::new(&ours, &limits).next().expect_err("it does not end");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(ours);
        trickle.join().expect("the client ends");
    }

    #[test]
    fn an_answer_that_nobody_takes_has_an_end() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let answer = vec![b'x'; 8 << 20];
        let error = write_all(&ours, &answer, limits().write_time).expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let taker = std::thread::spawn(move || {
            let mut taken = 0;
            let mut chunk = [0; 100];
            while let Ok(count @ 1..) = theirs.read(&mut chunk) {
                taken += count;
                std::thread::sleep(Duration::from_millis(5));
            }
            taken
        });
        let error = write_all(&ours, &answer, limits().write_time).expect_err("it is taken too slowly");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(ours);
        assert!(taker.join().expect("the client ends") > 0);
    }
}
