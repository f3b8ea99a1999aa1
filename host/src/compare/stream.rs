//! A walk as a sequence of extents, from the thread that walks to the one that compares.
//!
//! In: a side. Out: its extents, ascending, part by part through a channel. Guaranteed: the end of a walk and a walk that
//! ended early are told apart. Not handled: order, which `walk_split` guarantees.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use super::Side;
use super::cell::{Cell, Extent, Leaf};
use crate::walk::{Event, Leaves, MapSink, Passed, Problem, WalkError, walk_split};

/// Extents that are allocated together: a few hundred kilobytes, so that memory goes back piece by piece and is used
/// again, where the whole of a part would be mapped anew each time.
const CHUNK: usize = 4096;

/// What goes through the channel.
pub enum Message {
    /// The next extents.
    Part(Vec<Vec<Extent>>),
    /// There are no more.
    End,
}

/// A sequence that ended before its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut;

/// The receiving end.
pub struct Incoming {
    from: Receiver<Message>,
    part: std::vec::IntoIter<Vec<Extent>>,
    chunk: std::vec::IntoIter<Extent>,
    ended: bool,
}

impl Incoming {
    pub fn new(from: Receiver<Message>) -> Incoming {
        Incoming { from, part: Vec::new().into_iter(), chunk: Vec::new().into_iter(), ended: false }
    }

    /// The next extent; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Extent>, Cut> {
        loop {
            if let Some(extent) = self.chunk.next() {
                return Ok(Some(extent));
            }
            if let Some(chunk) = self.part.next() {
                self.chunk = chunk.into_iter();
                continue;
            }
            if self.ended {
                return Ok(None);
            }
            match self.from.recv() {
                Ok(Message::Part(part)) => self.part = part.into_iter(),
                Ok(Message::End) => self.ended = true,
                Err(_) => return Err(Cut),
            }
        }
    }

    /// The next extents, as far as they are at hand.
    pub fn at_hand(&self) -> &[Extent] {
        self.chunk.as_slice()
    }

    /// Passes over extents that are at hand.
    pub fn skip(&mut self, count: usize) {
        if let Some(last) = count.checked_sub(1) {
            self.chunk.nth(last);
        }
    }
}

/// Walks a side and sends what it says.
pub fn send(side: &Side<'_>, threads: NonZeroUsize, to: &SyncSender<Message>) -> Result<(), WalkError> {
    let tell = |message| {
        if side.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(WalkError::Output(io::ErrorKind::Interrupted.into()));
        }
        match to.send(message) {
            Ok(()) => Ok(()),
            Err(_) => Err(WalkError::Output(io::ErrorKind::BrokenPipe.into())),
        }
    };
    for (tables, range) in &side.walks {
        let mut take = |part: Part| tell(Message::Part(part.0));
        walk_split(side.prepared, tables, *range, threads, &Part::default, &mut take)?;
    }
    tell(Message::End)
}

/// The extents of a part.
#[derive(Default)]
struct Part(Vec<Vec<Extent>>);

impl Part {
    fn push(&mut self, extent: Extent) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(extent),
            // Small parts take small chunks.
            Some(_) => self.0.push(new_chunk(CHUNK, extent)),
            None => self.0.push(new_chunk(0, extent)),
        }
    }
}

fn new_chunk(capacity: usize, first: Extent) -> Vec<Extent> {
    let mut chunk = Vec::with_capacity(capacity);
    chunk.push(first);
    chunk
}

impl MapSink for Part {
    fn event(&mut self, event: &Event, _: &[Passed]) -> Result<(), WalkError> {
        let (range, cell) = match event {
            Event::Mapping(mapping) => (mapping.range, Cell::Leaf(Leaf::new(mapping))),
            Event::NotPresent { range, at } => (*range, Cell::NotPresent { level: at.level, raw: at.raw }),
            Event::Problem(Problem { kind, range, at }) => {
                (*range, Cell::Problem { kind: *kind, level: at.level, raw: at.raw })
            }
            Event::Hole { .. } | Event::Table { .. } => return Ok(()),
        };
        self.push(Extent { range, cell });
        Ok(())
    }

    fn leaves(&mut self, leaves: &Leaves<'_>) -> Result<(), WalkError> {
        leaves.mappings().for_each(|m| self.push(Extent { range: m.range, cell: Cell::Leaf(Leaf::new(&m)) }));
        Ok(())
    }
}
