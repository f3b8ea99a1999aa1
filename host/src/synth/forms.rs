//! Entries as functions of the frame that they map, learned from a plugin.
//!
//! In: an engine that runs the plugin's makers (`pfn_pte`, `pte_mkdevmap`, `pmd_mkhuge` and so on). Out: a [`Form`],
//! which makes the same entries in a nanosecond. Guaranteed: every form was compared with the plugin for each bit of
//! the frame number and for [`SAMPLES`] random numbers; and the plugin reads what it makes as what it was made for. Not
//! handled: makers that compute more than they move bits, which are refused.
//!
//! In every architecture each bit of a frame number goes to one bit of the entry, or two (arm64 with 64K pages and 52-bit
//! addresses since v6.9, which leaves bits 49:48 where they were besides), upright or (x86, where the page is not
//! present) inverted. So an entry is the one for frame 0, with the bits of the frame number moved and added modulo 2.

use ptwalk_abi::{Config, Helper, Level, Op, Slot};

use super::SynthError;
use super::place::mix;
use super::prots::{Perm, Prots};
use crate::engine::{Engine, EngineError};

/// Random numbers for which a form is compared with the plugin.
pub const SAMPLES: u64 = 256;

/// An entry as a function of an address or frame number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    base: u64,
    moves: Vec<Move>,
}

/// Bits that go to the entry together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Move {
    mask: u64,
    rotate: u32,
}

impl Form {
    /// Learns what `make` does with bits `low..high` of its argument.
    ///
    /// # Errors
    /// `NotLinear`, or what `make` returned.
    fn learn(
        low: u32,
        high: u32,
        what: &str,
        mut make: impl FnMut(u64) -> Result<u64, EngineError>,
    ) -> Result<Form, SynthError> {
        let base = make(0)?;
        let mut form = Form { base, moves: Vec::new() };
        for bit in low..high {
            let mut delta = make(1 << bit)? ^ base;
            if delta == 0 {
                return Err(SynthError::NotLinear { what: what.to_owned(), argument: 1 << bit });
            }
            while delta != 0 {
                let rotate = (64 + delta.trailing_zeros() - bit) % 64;
                match form.moves.iter_mut().find(|group| group.rotate == rotate) {
                    Some(group) => group.mask |= 1 << bit,
                    None => form.moves.push(Move { mask: 1 << bit, rotate }),
                }
                delta &= delta - 1;
            }
        }
        let mask = form.moves.iter().fold(0, |mask, group| mask | group.mask);
        for argument in (0..SAMPLES).map(|sample| mix(sample) & mask) {
            if make(argument)? != form.entry(argument) {
                return Err(SynthError::NotLinear { what: what.to_owned(), argument });
            }
        }
        Ok(form)
    }

    /// The entry for an address or frame number.
    #[inline]
    pub fn entry(&self, argument: u64) -> u64 {
        let moved = |entry, group: &Move| entry ^ (argument & group.mask).rotate_left(group.rotate);
        self.moves.iter().fold(self.base, moved)
    }
}

/// Learns the forms of one plugin under one configuration.
pub struct Teacher<'a, E> {
    /// The engine that runs the plugin.
    pub engine: &'a mut E,
    /// The configuration that it was built for.
    pub config: &'a Config,
    /// The protections of the architecture.
    pub prots: &'a Prots,
    /// log2 of the granule.
    pub page_shift: u32,
    /// Bits of a physical address.
    pub pa_bits: u32,
}

impl<E: Engine> Teacher<'_, E> {
    /// Leaves of a level with a permission, of memory or of a device, by frame number.
    ///
    /// # Errors
    /// `NoMaker` and `NoHelper` where nothing can make them; `Misread` where it does not read them as made.
    pub fn leaf(&mut self, slot: Slot, perm: Perm, device: bool) -> Result<Form, SynthError> {
        let level = slot.level;
        let what = format!("{} {}leaf of level {level}", perm.name(), if device { "device " } else { "" });
        let from_pfn = helper(level, Op::FromPfn, &what)?;
        let huge = if level == Level::Pte { None } else { Some(helper(level, Op::Mkhuge, &what)?) };
        let devmap = if device { Some(helper(level, Op::Mkdevmap, &what)?) } else { None };
        let prot = (self.prots.page)(self.config, perm);
        if let Some(absent) =
            [Some(from_pfn), huge, devmap].into_iter().flatten().find(|maker| !self.engine.has(*maker))
        {
            return Err(SynthError::NoHelper { what, helper: absent.name() });
        }
        let (low, high) = (slot.shift - self.page_shift, self.pa_bits - self.page_shift);
        let form = Form::learn(low, high, &what, |pfn| {
            let entry = self.engine.call(from_pfn, [pfn, prot])?;
            [huge, devmap].into_iter().flatten().try_fold(entry, |entry, maker| self.engine.call(maker, [entry, 0]))
        })?;
        let mask = form.moves.iter().fold(0, |mask, group| mask | group.mask);
        for pfn in (0..SAMPLES).map(|sample| mix(sample) & mask) {
            let entry = form.entry(pfn);
            let is_leaf = level == Level::Pte || self.any(level, &[Op::Leaf, Op::Huge, Op::TransHuge], entry)?;
            let right = is_leaf
                && self.says(level, Op::Present, entry, |present| present != 0)?
                && self.says(level, Op::Pfn, entry, |found| found == pfn)?
                && self.says(level, Op::Write, entry, |write| (write != 0) == (perm == Perm::ReadWrite))?;
            if !right {
                return Err(SynthError::Misread { what, raw: entry });
            }
        }
        Ok(form)
    }

    /// Descriptors of a level that lead to tables of the level `below`, by physical address, which is a multiple of
    /// `frame_bytes`.
    ///
    /// # Errors
    /// `NoHelper` and `Misread`.
    pub fn table(&mut self, slot: Slot, below: Slot, frame_bytes: u64) -> Result<Form, SynthError> {
        let level = slot.level;
        let what = format!("table descriptor of level {level}");
        let bits = (self.prots.table)(self.config, below);
        // Where the plugin does not export it, addresses stand in entries as they are.
        let encode = Some(Helper::phys_to_pte).filter(|encode| self.engine.has(*encode));
        let form = Form::learn(frame_bytes.ilog2(), self.pa_bits, &what, |pa| {
            let address = encode.map_or(Ok(pa), |encode| self.engine.call(encode, [pa, 0]))?;
            Ok(address | bits)
        })?;
        let mask = form.moves.iter().fold(0, |mask, group| mask | group.mask);
        for pa in (0..SAMPLES).map(|sample| mix(sample) & mask) {
            let entry = form.entry(pa);
            let right = self.says(level, Op::Present, entry, |present| present != 0)?
                && !self.any(level, &[Op::Leaf, Op::Huge, Op::TransHuge, Op::Bad], entry)?
                && self.says(level, Op::PagePaddr, entry, |found| found == pa)?;
            if !right {
                return Err(SynthError::Misread { what, raw: entry });
            }
        }
        Ok(form)
    }

    /// Whether what the plugin says of an entry is right; it is where the plugin says nothing.
    fn says(&mut self, level: Level, op: Op, entry: u64, right: impl Fn(u64) -> bool) -> Result<bool, SynthError> {
        match Helper::find(level, op).filter(|asked| self.engine.has(*asked)) {
            Some(asked) => Ok(right(self.engine.call(asked, [entry, 0])?)),
            None => Ok(true),
        }
    }

    fn any(&mut self, level: Level, ops: &[Op], entry: u64) -> Result<bool, SynthError> {
        for asked in ops.iter().filter_map(|op| Helper::find(level, *op)) {
            if self.engine.call(asked, [entry, 0])? != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn helper(level: Level, op: Op, what: &str) -> Result<Helper, SynthError> {
    Helper::find(level, op).ok_or_else(|| SynthError::NoMaker { what: what.to_owned() })
}
