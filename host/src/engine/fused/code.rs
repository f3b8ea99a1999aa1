//! Code memory: the functions of a fused engine, and the way into them.
//!
//! In: the bytes that Cranelift made of closed forms. Out: [`Code`], whose methods call them on slices. Guaranteed: the
//! memory is written before it is executable and never after; it is given back when the last engine that shares it is
//! gone; every slice is long enough for what the code reads and writes, checked before each entry.
#![expect(unsafe_code, reason = "calling code that was made at run time is what the proof is for")]

use std::io;

use memmap2::{Mmap, MmapMut};

use super::super::{Run, Words};

/// Bytes to which a function is aligned: a line of the cache.
const ALIGNMENT: usize = 64;

/// `extern "C"` as Cranelift's default calling convention of the host.
type ScanFn = unsafe extern "C" fn(*const u8, u64, u64, *mut u64) -> u64;
type RecordFn = unsafe extern "C" fn(u64, *mut [u64; 2]);

/// A function in a [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(usize);

/// Functions put together, before they can be run.
#[derive(Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
}

impl Assembly {
    /// Adds a function.
    pub fn add(&mut self, code: &[u8]) -> Entry {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let entry = Entry(self.bytes.len());
        self.bytes.extend_from_slice(code);
        entry
    }

    /// Bytes of code so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Makes the functions executable. `tables` are the words that they read.
    ///
    /// # Errors
    /// What the system said where it has no memory, or none that may be executed.
    pub fn finish(self, tables: Vec<Box<[u64]>>) -> io::Result<Code> {
        let mut memory = MmapMut::map_anon(self.bytes.len().max(1))?;
        memory[..self.bytes.len()].copy_from_slice(&self.bytes);
        // From here on the memory cannot be written: `make_exec` takes the writable mapping and gives back one that is
        // readable and executable only.
        let memory = memory.make_exec()?;
        make_visible(&memory)?;
        Ok(Code { memory, _tables: tables })
    }
}

/// Has every core see the code that was written, on processors whose instruction caches do not notice by themselves.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::unnecessary_wraps, reason = "other processors can fail")]
fn make_visible(_: &Mmap) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn make_visible(memory: &Mmap) -> io::Result<()> {
    // SAFETY: the range is that of a live mapping of ours.
    unsafe { wasmtime_internal_jit_icache_coherence::clear_cache(memory.as_ptr().cast(), memory.len()) }?;
    wasmtime_internal_jit_icache_coherence::pipeline_flush_mt()
}

/// Code that can be run, and the tables it reads.
pub(super) struct Code {
    memory: Mmap,
    _tables: Vec<Box<[u64]>>,
}

impl Code {
    /// Calls a scan function: a packed word for each entry kept, appended to `out`. `first` is the index of the run's
    /// first entry in the place that it has in a word.
    #[inline]
    pub fn scan(&self, entry: Entry, run: Run<'_>, first: u64, out: &mut Words) {
        let count = run.bytes.len() / 8;
        let room = out.room(count);
        let address = self.memory[entry.0..].as_ptr();
        // SAFETY: a function pointer from the address at which the function of this type begins:
        // 1. `entry` comes from `Assembly::add` of the assembly that became this code, and `Fused` keeps scan and record
        //    entries apart, so that the type is that of the function which `codegen::Function::Scan` describes.
        // 2. the memory is executable and lives as long as `self`.
        let scan = unsafe { std::mem::transmute::<*const u8, ScanFn>(address) };
        // SAFETY:
        // 1. The code reads `count` words from `run.bytes`, which has them, at any alignment.
        // 2. It writes at most one word an entry, in order, to `room`, which has `count`.
        // 3. It does nothing else: `codegen` emits no other access but to `_tables`, no call and no jump out, and the
        //    closed forms that it evaluates are total, which the verifier proved of the plugin.
        let kept = unsafe { scan(run.bytes.as_ptr(), count as u64, first, room.as_mut_ptr()) };
        out.keep(usize::try_from(kept).map_or(count, |kept| kept.min(count)));
    }

    /// Calls a record function: the facts and the target of one entry.
    #[inline]
    pub fn record(&self, entry: Entry, x: u64) -> [u64; 2] {
        let address = self.memory[entry.0..].as_ptr();
        // SAFETY: as in `scan`, for `codegen::Function::Record`.
        let record = unsafe { std::mem::transmute::<*const u8, RecordFn>(address) };
        let mut result = [0; 2];
        // SAFETY: the code writes the two words of `result` and does nothing else, as in `scan`.
        unsafe { record(x, &raw mut result) };
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rights of the mapping that holds an address, as the system tells them.
    #[cfg(target_os = "linux")]
    fn rights(address: usize) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap_or(0));
            (start..end).contains(&address).then(|| rest[..4].to_owned())
        })
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn code_is_executable_and_not_writable() {
        let mut assembly = Assembly::default();
        assembly.add(&[0xc3]);
        let code = assembly.finish(Vec::new()).expect("memory for one byte of code");
        assert_eq!(rights(code.memory.as_ptr().addr()).as_deref(), Some("r-xp"));
    }

    #[test]
    fn functions_begin_at_lines_of_the_cache() {
        let mut assembly = Assembly::default();
        let entries = [&[1_u8; 3][..], &[2; 65], &[3; 1]].map(|code| assembly.add(code));
        assert_eq!(entries, [Entry(0), Entry(64), Entry(192)]);
        assert_eq!(assembly.len(), 193);
    }
}
