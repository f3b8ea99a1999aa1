//! One address, every level.
//!
//! In: the tables of both halves of an address space, an engine built with the queries of
//! [`Wanted::ALL`](crate::engine::Wanted::ALL), an address. Out: a [`Translation`]: where it leads, or where and why it
//! stops, with the entries passed. Guaranteed: of two roots for one half none is picked silently.

use ptwalk_abi::{Geometry, Half, Helper, Level, PhysAddr, VaRange, VirtAddr};
use thiserror::Error;

use super::{Event, Mapping, Passed, Problem, ProblemKind, Root, TableSet, WalkError, walk_map};
use crate::engine::{Engine, EngineError};
use crate::image::Image;

/// The tables of an address space: of either half, or both.
#[derive(Clone, Copy)]
pub struct Space<'a> {
    /// The memory that holds them.
    pub image: &'a Image,
    /// Their shape.
    pub geometry: &'a Geometry,
    /// Where they begin.
    pub roots: &'a [Root],
}

/// What became of one address.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The address.
    pub va: VirtAddr,
    /// The entries looked at, root first; the last is the leaf or where the walk stopped.
    pub trail: Vec<Passed>,
    /// Where it leads.
    pub end: End,
}

/// Where an address leads.
#[derive(Clone, Debug)]
pub enum End {
    /// Memory is mapped there.
    Mapped(Mapping),
    /// Nothing is.
    Stopped {
        /// Why, as the JSON interface names it.
        reason: &'static str,
        /// Level of the entry, where one was read.
        level: Option<Level>,
        /// The entry.
        raw: Option<u64>,
        /// Type and offset of a swap entry.
        swap: Option<(u64, u64)>,
    },
}

/// Why an address cannot be looked up.
#[derive(Debug, Error)]
pub enum TranslateError {
    /// The plugin failed.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Nobody says where the tables of its half are.
    #[error("no root table for the {half} half, where {va} lies")]
    NoRoot {
        /// The half.
        half: Half,
        /// The address.
        va: VirtAddr,
    },
    /// Two tables are said to translate it.
    #[error("two roots for the {half} half, {first} and {second}")]
    TwoRoots {
        /// The half.
        half: Half,
        /// One table.
        first: PhysAddr,
        /// The other.
        second: PhysAddr,
    },
}

impl From<EngineError> for TranslateError {
    fn from(error: EngineError) -> TranslateError {
        TranslateError::Walk(error.into())
    }
}

impl<'a> Space<'a> {
    /// The tables under a root.
    pub fn tables(&self, root: Root) -> TableSet<'a> {
        TableSet { image: self.image, geometry: self.geometry, root }
    }

    /// The one root that translates a half, if there is one.
    ///
    /// # Errors
    /// [`TranslateError::TwoRoots`].
    pub fn root_of(&self, half: Half) -> Result<Option<Root>, TranslateError> {
        let mut roots = self.roots.iter().copied().filter(|root| root.half == half);
        let first = roots.next();
        match (first, roots.find(|root| Some(*root) != first)) {
            (Some(first), Some(second)) => Err(TranslateError::TwoRoots { half, first: first.pa, second: second.pa }),
            _ => Ok(first),
        }
    }

    /// Walks to one address.
    ///
    /// # Errors
    /// [`TranslateError`]. What the image holds is never an error.
    ///
    /// # Cost
    /// One entry a level.
    pub fn translate(&self, engine: &mut impl Engine, va: VirtAddr) -> Result<Translation, TranslateError> {
        let stopped = |reason| End::Stopped { reason, level: None, raw: None, swap: None };
        // A tagged user address is not canonical until the tag is taken off.
        let plain = match self.geometry.half_of(va) {
            Some(_) => va,
            None => VirtAddr(engine.call(Helper::untagged_addr, [va.0, 0])?),
        };
        let Some(half) = self.geometry.half_of(plain) else {
            return Ok(Translation { va, trail: Vec::new(), end: stopped("not_canonical") });
        };
        let root = self.root_of(half)?.ok_or(TranslateError::NoRoot { half, va })?;
        let range = VaRange { first: plain, last: plain };
        let mut last: Option<(Event, Vec<Passed>)> = None;
        walk_map(engine, &self.tables(root), range, &mut |event, trail| {
            if !matches!(event, Event::Table { .. }) {
                last = Some((*event, trail.to_vec()));
            }
            Ok(())
        })?;
        let (mut trail, end) = match last {
            Some((event, mut trail)) => {
                let (at, end) = end_of(&event, engine)?;
                trail.extend(at);
                (trail, end)
            }
            None => (Vec::new(), stopped("outside_image")),
        };
        trail.truncate(self.geometry.slots().len());
        Ok(Translation { va, trail, end })
    }
}

/// The entry at which the walk ended, if one was read, and what it meant.
fn end_of(event: &Event, engine: &mut impl Engine) -> Result<(Option<Passed>, End), EngineError> {
    let stop = |reason, at: &Passed| End::Stopped { reason, level: Some(at.level), raw: Some(at.raw), swap: None };
    Ok(match event {
        Event::Mapping(mapping) => (Some(mapping.at), End::Mapped(*mapping)),
        Event::Hole { at, .. } => (Some(*at), stop("none", at)),
        Event::NotPresent { at, .. } if at.level == Level::Pte && engine.has(Helper::swp_type) => {
            let kind = engine.call(Helper::swp_type, [at.raw, 0])?;
            let offset = engine.call(Helper::swp_offset, [at.raw, 0])?;
            let swap = Some((kind, offset));
            (Some(*at), End::Stopped { reason: "swap", level: Some(at.level), raw: Some(at.raw), swap })
        }
        Event::NotPresent { at, .. } => (Some(*at), stop("not_present", at)),
        Event::Problem(Problem { kind: ProblemKind::OutsideImage, at, .. }) => {
            let reason = ProblemKind::OutsideImage.reason();
            (None, End::Stopped { reason, level: Some(at.level), raw: None, swap: None })
        }
        Event::Problem(Problem { kind, at, .. }) => (Some(*at), stop(kind.reason(), at)),
        Event::Table { at, .. } => (Some(*at), stop("bad", at)),
    })
}
