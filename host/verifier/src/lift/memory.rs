//! Loads and stores.
//!
//! Stores go to constant addresses inside the shadow stack. Loads read, at constant addresses, what this call has
//! stored there, or read-only data; at computed addresses, read-only data alone, as a table. The effective address is
//! the 32-bit address plus the offset, which does not wrap. Memory that is neither stack nor data is never written, so
//! it reads as the zeros it was created with; a load must not run from data into it, though.

use std::ops::Range;
use std::rc::Rc;

use super::budget::{TABLE_ENTRIES_MAX, TABLE_ENTRIES_TOTAL_MAX};
use super::exec::Machine;
use super::finding::Problem;
use super::instr::Access;
use super::module::{Module, Region};
use super::obligation::Hazard;
use super::state::{Slot, State, byte_of};
use crate::expr::eval::signed;
use crate::expr::{BinaryOp, ExprId, Table, Width};
use crate::fault::{Fault, seeded};

/// Alignment of the stack that LLVM keeps for WebAssembly, by which the stack pointer is told from other globals.
const STACK_ALIGN: u64 = 16;

/// Where the shadow stack lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Position of the stack pointer among the mutable globals.
    pub pointer: Option<usize>,
    /// Addresses of the stack; it grows down from the end.
    pub stack: Range<u64>,
    pub memory_bytes: u64,
}

impl Layout {
    /// The first mutable 32-bit global whose initial value is an aligned address inside the memory is the stack
    /// pointer, whatever its name; from there down to the next data is the stack. Toolchains that know no shadow stack
    /// have no such global, and then every store is refused.
    pub(super) fn of(module: &Module<'_>) -> Layout {
        let memory_bytes = module.memory.map_or(0, |memory| memory.bytes);
        let mutable = module.globals.iter().filter(|global| global.mutable);
        let pointer = mutable.clone().position(|global| {
            let at = global.initial;
            global.width == Width::W32 && at > 0 && at <= memory_bytes && at % STACK_ALIGN == 0
        });
        let top = pointer.and_then(|at| mutable.clone().nth(at)).map_or(0, |global| global.initial);
        let below = module.regions.iter().map(Region::range).filter(|range| range.start < top);
        let bottom = below.map(|range| range.end.min(top)).max().unwrap_or(0);
        Layout { pointer, stack: bottom..top, memory_bytes }
    }

    fn has_stack(&self) -> bool {
        !self.stack.is_empty()
    }
}

impl Machine<'_, '_> {
    /// A load: the word it yields.
    pub(super) fn load(&mut self, state: &mut State, address: ExprId, access: Access) -> Result<ExprId, Problem> {
        let at = self.effective_address(address, access)?;
        let bytes = u64::from(access.bytes);
        let raw = match self.arena.as_const(at) {
            Some(at) => self.load_constant(state, at, bytes)?,
            None => return self.load_computed(state, at, access),
        };
        let word = match access.width {
            Width::W64 => raw,
            _ => self.arena.trunc(raw)?,
        };
        if access.signed { self.sign_extend(word, u32::from(access.bytes) * 8) } else { Ok(word) }
    }

    /// Address plus offset in 64 bits, so that it does not wrap.
    fn effective_address(&mut self, address: ExprId, access: Access) -> Result<ExprId, Problem> {
        let wide = self.arena.zext(address, Width::W64)?;
        let offset = self.arena.constant(Width::W64, access.offset)?;
        let at = self.arena.add(wide, offset)?;
        if seeded(Fault::AddressWraps) {
            let low = self.arena.trunc(at)?;
            return Ok(self.arena.zext(low, Width::W64)?);
        }
        Ok(at)
    }

    /// A word with bit `bits - 1` copied into the bits above.
    pub(super) fn sign_extend(&mut self, word: ExprId, bits: u32) -> Result<ExprId, Problem> {
        let width = self.arena.width(word);
        if bits >= width.bits() {
            return Ok(word);
        }
        let amount =
            self.arena.constant(width, u64::from(width.bits() - bits + u32::from(seeded(Fault::SignExtendOneLess))))?;
        let up = self.arena.shift(BinaryOp::Shl, word, amount)?;
        Ok(self.arena.shift(BinaryOp::ShrS, up, amount)?)
    }

    /// The bytes at a constant address, as a 64-bit word.
    fn load_constant(&mut self, state: &State, at: u64, bytes: u64) -> Result<ExprId, Problem> {
        let mut raw = self.arena.constant(Width::W64, 0)?;
        let always = self.arena.constant(Width::W1, 1)?;
        if at + bytes > self.layout.memory_bytes {
            self.oblige(state, Hazard::OutOfBounds, always)?;
            return Ok(raw);
        }
        let in_data = |byte: u64| self.module.regions.iter().any(|region| region.range().contains(&byte));
        let data_bytes = (at..at + bytes).filter(|byte| in_data(*byte)).count() as u64;
        if data_bytes > 0 && data_bytes < bytes {
            self.oblige(state, Hazard::BeyondData, always)?;
        }
        for (position, address) in (at..at + bytes).enumerate() {
            let byte = if self.layout.stack.contains(&address) {
                match state.memory.get(&address) {
                    Some(&slot) => {
                        let written = if seeded(Fault::SpillUnwritten) { always } else { slot.written };
                        let missing = self.arena.not(written)?;
                        self.oblige(state, Hazard::Uninitialised, missing)?;
                        byte_of(self.arena, slot)?
                    }
                    None => {
                        self.oblige(state, Hazard::Uninitialised, always)?;
                        self.arena.constant(Width::W64, 0)?
                    }
                }
            } else {
                let value = self.data_byte(address);
                self.arena.constant(Width::W64, value.into())?
            };
            let amount = self.arena.constant(Width::W64, 8 * position as u64)?;
            let moved = self.arena.shift(BinaryOp::Shl, byte, amount)?;
            raw = self.arena.or(raw, moved)?;
        }
        Ok(raw)
    }

    /// A byte of memory outside the stack: data, or the zero that memory starts with.
    fn data_byte(&self, address: u64) -> u8 {
        let region = self.module.regions.iter().find(|region| region.range().contains(&address));
        let byte = region.and_then(|region| region.bytes.get(usize::try_from(address - region.start).ok()?));
        byte.copied().unwrap_or(0)
    }

    /// A load at a computed address: an entry of the table that the data is.
    fn load_computed(&mut self, state: &State, at: ExprId, access: Access) -> Result<ExprId, Problem> {
        let bytes = u64::from(access.bytes);
        let beyond = match self.layout.memory_bytes.checked_sub(bytes) {
            Some(last) => {
                let last = self.arena.constant(Width::W64, last)?;
                self.arena.ult(last, at)?
            }
            None => self.arena.constant(Width::W1, 1)?,
        };
        self.oblige(state, Hazard::AddressOutOfBounds, beyond)?;
        let known = self.arena.facts(at);
        let reach = known.min..known.max.saturating_add(bytes);
        let meets = |range: &Range<u64>| range.start < reach.end && reach.start < range.end;
        if self.layout.has_stack() && meets(&self.layout.stack) {
            let inside = self.overlaps(at, bytes, self.layout.stack.clone())?;
            self.oblige(state, Hazard::AddressInStack, inside)?;
        }
        let candidates: Vec<&Region> = self.module.regions.iter().filter(|region| meets(&region.range())).collect();
        // With several pieces of data in reach, the load may be of any of them.
        let mut word = None;
        let mut outside = self.arena.constant(Width::W1, 1)?;
        for region in &candidates {
            let Some((inside, value)) = self.load_table(at, access, region)? else { continue };
            word = Some(match word {
                Some(word) => self.arena.select(inside, value, word)?,
                None => value,
            });
            let elsewhere = self.arena.not(inside)?;
            outside = self.arena.and(outside, elsewhere)?;
        }
        if !candidates.is_empty() && !seeded(Fault::BeyondDataUnchecked) {
            self.oblige(state, Hazard::BeyondData, outside)?;
        }
        match word {
            Some(word) => Ok(word),
            None => Ok(self.arena.constant(access.width, 0)?),
        }
    }

    /// Whether `bytes` bytes at `at` touch a range of addresses.
    fn overlaps(&mut self, at: ExprId, bytes: u64, range: Range<u64>) -> Result<ExprId, Problem> {
        let (end, before) = (range.end, range.start.checked_sub(bytes));
        let end = self.arena.constant(Width::W64, end)?;
        let below_end = self.arena.ult(at, end)?;
        match before {
            Some(before) => {
                let before = self.arena.constant(Width::W64, before)?;
                let above = self.arena.ult(before, at)?;
                Ok(self.arena.and(above, below_end)?)
            }
            None => Ok(below_end),
        }
    }

    /// A load from one piece of data: whether it lies within, and then the value. `None` where it cannot.
    fn load_table(&mut self, at: ExprId, access: Access, region: &Region) -> Result<Option<(ExprId, ExprId)>, Problem> {
        let bytes = u64::from(access.bytes);
        let known = self.arena.facts(at);
        let start = known.min.max(region.start);
        let base = self.arena.constant(Width::W64, start)?;
        let index = self.arena.sub(at, base)?;
        let Some(last) = (region.range().end - start).checked_sub(bytes) else { return Ok(None) };
        let limit = self.arena.constant(Width::W64, last)?;
        let beyond = self.arena.ult(limit, index)?;
        let inside = self.arena.not(beyond)?;
        // Low bits of the index that are always 0 need no entries.
        let stride_bits = self.arena.facts(index).zeros.trailing_ones().min(12) + u32::from(seeded(Fault::TableStride));
        let reachable = last.min(self.arena.facts(index).max) >> stride_bits;
        let entries = reachable + 1;
        if entries > TABLE_ENTRIES_MAX {
            return Err(Problem::TableEntries { entries, limit: TABLE_ENTRIES_MAX });
        }
        *self.table_entries = self.table_entries.saturating_add(entries);
        if *self.table_entries > TABLE_ENTRIES_TOTAL_MAX {
            return Err(Problem::TableEntries { entries: *self.table_entries, limit: TABLE_ENTRIES_TOTAL_MAX });
        }
        let entry = |entry: u64| {
            let from = start + (entry << stride_bits);
            let raw = (0..bytes).rev().fold(0u64, |raw, byte| raw << 8 | u64::from(self.data_byte(from + byte)));
            match (access.signed && !seeded(Fault::TableLoadUnsigned), access.bytes) {
                (true, 1) => i64::from(raw.to_le_bytes()[0].cast_signed()).cast_unsigned() & access.width.mask(),
                (true, 2) => {
                    let [low, high, ..] = raw.to_le_bytes();
                    i64::from(i16::from_le_bytes([low, high])).cast_unsigned() & access.width.mask()
                }
                (true, 4) => signed(Width::W32, raw).cast_unsigned() & access.width.mask(),
                _ => raw,
            }
        };
        let values = (0..entries).map(entry).collect();
        let table = self.arena.add_table(Table { width: access.width, values });
        let amount = self.arena.constant(Width::W64, stride_bits.into())?;
        let index = self.arena.shift(BinaryOp::ShrU, index, amount)?;
        Ok(Some((inside, self.arena.lookup(table, index)?)))
    }

    /// A store.
    pub(super) fn store(
        &mut self,
        state: &mut State,
        address: ExprId,
        word: ExprId,
        access: Access,
    ) -> Result<(), Problem> {
        let at = self.effective_address(address, access)?;
        let bytes = u64::from(access.bytes);
        let always = self.arena.constant(Width::W1, 1)?;
        let Some(at) = self.arena.as_const(at) else {
            return self.oblige(state, Hazard::AddressOfStore, always);
        };
        if at + bytes > self.layout.memory_bytes {
            return self.oblige(state, Hazard::OutOfBounds, always);
        }
        let whole = at..at + bytes;
        if self.module.regions.iter().any(|region| region.start < whole.end && whole.start < region.range().end) {
            return self.oblige(state, Hazard::StoreToData, always);
        }
        if at < self.layout.stack.start || whole.end > self.layout.stack.end {
            return self.oblige(state, Hazard::MemoryKept, always);
        }
        self.note_stack_address(at)?;
        let memory = Rc::make_mut(&mut state.memory);
        for (byte, address) in (0..access.bytes).zip(whole) {
            if seeded(Fault::StoreForgetsByte) && byte + 1 == access.bytes && memory.contains_key(&address) {
                continue;
            }
            memory.insert(address, Slot { word, byte, written: always });
        }
        Ok(())
    }
}
