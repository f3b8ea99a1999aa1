//! What an execution does that a closed form cannot stand for, though it does not trap.
//!
//! In: the loads, stores and globals of one replay, as they happen. Out: which [`Hazard`]s were met, and where.
//! Guaranteed: what is noted did happen, by concrete addresses and values alone. It is noted generously: that an address
//! is computed cannot be seen in one execution, so any store is noted as one at a computed address. Whether a hazard is
//! forbidden at a place is what an obligation says; this confirms it. Not handled: traps, which end the replay.

use std::collections::BTreeSet;

use super::memory::Layout;
use super::module::{Module, Region};
use super::obligation::Hazard;

/// Position of an operator: its function, and its number there.
pub(super) type At = (u32, usize);

/// The hazards that one execution has met.
pub(super) struct Monitor {
    layout: Layout,
    met: BTreeSet<(Hazard, At)>,
    /// The lowest byte of the stack that was written.
    lowest: Option<u64>,
}

impl Monitor {
    pub(super) fn of(module: &Module<'_>) -> Monitor {
        Monitor { layout: Layout::of(module), met: BTreeSet::new(), lowest: None }
    }

    pub(super) fn note(&mut self, hazard: Hazard, at: At) {
        self.met.insert((hazard, at));
    }

    /// The hazards met since the last time, by operator.
    pub(super) fn take(&mut self) -> BTreeSet<(Hazard, At)> {
        std::mem::take(&mut self.met)
    }

    /// Bytes of stack that were written since the last time, from the top down to the lowest.
    pub(super) fn take_stack_bytes(&mut self) -> u64 {
        self.lowest.take().map_or(0, |lowest| self.layout.stack.end - lowest)
    }

    /// `bytes` bytes are read; `is_written` says whether this call has written one.
    pub(super) fn load(
        &mut self,
        at: At,
        regions: &[Region],
        address: u64,
        bytes: u8,
        is_written: impl Fn(u64) -> bool,
    ) {
        let end = address + u64::from(bytes);
        if !regions.iter().any(|region| region.start <= address && end <= region.range().end) {
            self.note(Hazard::BeyondData, at);
        }
        let stack = self.layout.stack.clone();
        let on_stack = address.max(stack.start)..end.min(stack.end);
        if !on_stack.is_empty() {
            self.note(Hazard::AddressInStack, at);
        }
        if on_stack.into_iter().any(|byte| !is_written(byte)) {
            self.note(Hazard::Uninitialised, at);
        }
    }

    /// `bytes` bytes are written.
    pub(super) fn store(&mut self, at: At, regions: &[Region], address: u64, bytes: u8) {
        let end = address + u64::from(bytes);
        self.note(Hazard::AddressOfStore, at);
        if regions.iter().any(|region| region.start < end && address < region.range().end) {
            self.note(Hazard::StoreToData, at);
        }
        if address < self.layout.stack.start || end > self.layout.stack.end {
            self.note(Hazard::MemoryKept, at);
        } else {
            self.lowest = Some(self.lowest.map_or(address, |lowest| lowest.min(address)));
        }
    }

    /// A global is set; `position` is its place among the mutable ones.
    pub(super) fn global(&mut self, at: At, position: usize, value: u64) {
        let stack = &self.layout.stack;
        if self.layout.pointer == Some(position) && !(stack.start..=stack.end).contains(&value) {
            self.note(Hazard::StackPointerRange, at);
        }
    }

    /// The call ends, and a mutable global has another value than before it.
    pub(super) fn changed(&mut self, at: At, position: usize) {
        let is_pointer = self.layout.pointer == Some(position);
        self.note(if is_pointer { Hazard::StackPointerLost } else { Hazard::GlobalChanged }, at);
    }
}
