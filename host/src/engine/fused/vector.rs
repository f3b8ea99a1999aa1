//! Vector kernels: eight or four entries at a time, driven by the masks of a [`Reduction`].
//!
//! In: a reduction, proved, and a run of entries. Out: the packed words of those kept. One kernel for AVX-512, one for
//! AVX2; both are compiled for a few numbers of tests, shifts and terms, with the masks in registers, and chosen when a
//! query is built. Guaranteed: the words of [`Reduction::word`] with the index in its place, for the entries of
//! [`Reduction::keeps`], in order. Not handled: what the masks mean, which the verifier proved; other processors, for which
//! Cranelift's scalar code serves.
#![expect(unsafe_code, reason = "the processor's vector instructions are reached through intrinsics and pointers")]

use std::arch::x86_64::*;

use ptwalk_verifier::bits::cover::Cube;
use ptwalk_verifier::reduce::{KEEP_MAX, MOVES_MAX, Reduction, TERMS_MAX, Term};

use super::super::Run;
use super::isa::Isa;

/// A test that no entry passes: stands in where a kernel has more places than there are tests.
const NEVER: Cube = Cube { mask: 0, value: 1 };

/// The masks of a reduction in the places of a kernel.
#[derive(Clone, Debug)]
struct Masks {
    keep: [Cube; KEEP_MAX],
    /// All ones where the tests say which entries are dropped.
    inverted: bool,
    /// Shift to the right, shift to the left (one of them 64 or 0), mask.
    moves: [(u64, u64, u64); MOVES_MAX],
    terms: [Term; TERMS_MAX],
    constant: u64,
    index_shift: u32,
    until: bool,
    big_endian: bool,
}

/// A scan by masks.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    isa: Isa,
    masks: Masks,
    scan: ScanFn,
}

/// Reads `count` entries from the first pointer, writes words from the second on, returns how many. At most `count`, but
/// up to a vector's length beyond those that count may be written.
type ScanFn = unsafe fn(&Masks, *const u8, usize, u32, *mut u64) -> usize;

/// Words that a kernel may write beyond those that it returns.
const SLACK: usize = 8;

impl Kernel {
    /// The kernel for a reduction. `index_shift` is where the index begins in a word.
    ///
    /// # Panics
    /// Where the processor does not have `isa`.
    pub fn new(isa: Isa, reduction: &Reduction, index_shift: u32, until: bool, big_endian: bool) -> Kernel {
        assert!(isa.is_available(), "{} is not there", isa.name());
        let mut masks = Masks {
            keep: [NEVER; KEEP_MAX],
            inverted: reduction.inverted,
            moves: [(0, 64, 0); MOVES_MAX],
            terms: [Term { cube: NEVER, toggles: 0 }; TERMS_MAX],
            constant: reduction.constant,
            index_shift,
            until,
            big_endian,
        };
        masks.keep[..reduction.keep.len()].copy_from_slice(&reduction.keep);
        masks.terms[..reduction.terms.len()].copy_from_slice(&reduction.terms);
        for (place, one) in masks.moves.iter_mut().zip(&reduction.moves) {
            let distance = u64::from(one.right.unsigned_abs());
            *place = if one.right >= 0 { (distance, 64, one.mask) } else { (64, distance, one.mask) };
        }
        let shape = (reduction.keep.len(), reduction.moves.len(), reduction.terms.len());
        let scan = match isa {
            Isa::Avx512 => avx512_for(shape),
            Isa::Avx2 => avx2_for(shape),
        };
        Kernel { isa, masks, scan }
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Appends the packed words of the entries kept to `out`. `first` is the index of the first entry.
    #[inline]
    pub fn scan(&self, run: Run<'_>, out: &mut Vec<u64>) {
        let count = run.bytes.len() / 8;
        out.reserve(count + SLACK);
        let room = out.spare_capacity_mut();
        assert!(room.len() >= count + SLACK);
        // SAFETY:
        // 1. `scan` reads `count` words from `run.bytes`, which has them, at any alignment.
        // 2. It writes at most `count + SLACK` words to `room`, which has them (asserted above).
        // 3. The processor has the instructions: asserted in `Kernel::new`, which chose the function.
        let kept = unsafe { (self.scan)(&self.masks, run.bytes.as_ptr(), count, run.first, room.as_mut_ptr().cast()) };
        let len = out.len() + kept.min(count);
        // SAFETY: the first `kept` words of the spare room were written by the call.
        unsafe { out.set_len(len) };
    }
}

/// A kernel compiled for at least these numbers of tests, shifts and terms.
macro_rules! for_shape {
    ($kernel:ident, $shape:expr) => {{
        let (keep, moves, terms) = $shape;
        for_shape!(@keep $kernel, keep, moves, terms: 1 2 8)
    }};
    (@keep $kernel:ident, $keep:ident, $moves:ident, $terms:ident: $($k:literal)*) => {
        match $keep { $(0..=$k => for_shape!(@moves $kernel, $k, $moves, $terms: 1 2 4),)* _ => $kernel::<8, 4, 16> }
    };
    (@moves $kernel:ident, $k:literal, $moves:ident, $terms:ident: $($m:literal)*) => {
        match $moves { $(0..=$m => for_shape!(@terms $kernel, $k, $m, $terms: 0 2 8 16),)* _ => $kernel::<$k, 4, 16> }
    };
    (@terms $kernel:ident, $k:literal, $m:literal, $terms:ident: $($t:literal)*) => {
        match $terms { $(0..=$t => $kernel::<$k, $m, $t> as ScanFn,)* _ => $kernel::<$k, $m, 16> }
    };
}

fn avx512_for(shape: (usize, usize, usize)) -> ScanFn {
    for_shape!(avx512, shape)
}

fn avx2_for(shape: (usize, usize, usize)) -> ScanFn {
    for_shape!(avx2, shape)
}

/// `(a ^ b) & c` as the truth table of a ternary operation.
const XOR_AND: i32 = 0x28;
/// `a ^ (b & c)`.
const XOR_OF_AND: i32 = 0x78;

#[target_feature(enable = "avx512f,avx512bw")]
fn broadcast8(value: u64) -> __m512i {
    _mm512_set1_epi64(value.cast_signed())
}

/// # Safety
/// As [`ScanFn`], on a processor with AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw,popcnt,bmi1")]
unsafe fn avx512<const KEEP: usize, const MOVES: usize, const TERMS: usize>(
    masks: &Masks,
    entries: *const u8,
    count: usize,
    first: u32,
    words: *mut u64,
) -> usize {
    let keep: [_; KEEP] = std::array::from_fn(|i| [masks.keep[i].mask, masks.keep[i].value].map(|v| broadcast8(v)));
    let moves: [_; MOVES] = std::array::from_fn(|i| {
        let (right, left, mask) = masks.moves[i];
        [right, left, mask].map(|v| broadcast8(v))
    });
    let leftward: [bool; MOVES] = std::array::from_fn(|i| masks.moves[i].1 < 64);
    let terms: [_; TERMS] = std::array::from_fn(|i| {
        let Term { cube, toggles } = masks.terms[i];
        [cube.mask, cube.value, toggles].map(|v| broadcast8(v))
    });
    let lanes = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    let place = _mm_cvtsi32_si128(masks.index_shift.cast_signed());
    let start = _mm512_add_epi64(lanes, broadcast8(first.into()));
    // The index lies where the constant is 0, so that toggling it in is putting it in, and counting it on changes nothing
    // else.
    let mut offset = _mm512_xor_si512(_mm512_sll_epi64(start, place), broadcast8(masks.constant));
    let step = broadcast8(8 << masks.index_shift);
    let reversed = _mm512_set_epi64(
        0x08090a0b0c0d0e0f,
        0x0001020304050607,
        0x08090a0b0c0d0e0f,
        0x0001020304050607,
        0x08090a0b0c0d0e0f,
        0x0001020304050607,
        0x08090a0b0c0d0e0f,
        0x0001020304050607,
    );
    let mut out = words;
    let mut done = 0;
    while done < count {
        let valid: u8 = if count - done >= 8 { 0xff } else { (1 << (count - done)) - 1 };
        // SAFETY: lanes that are not valid are not read, and those that are lie within `count` entries.
        let x = unsafe { _mm512_maskz_loadu_epi64(valid, entries.add(done * 8).cast()) };
        let x = if masks.big_endian { _mm512_shuffle_epi8(x, reversed) } else { x };
        let mut kept = 0;
        // Not by the bits that differ, as below: of a test that no entry passes none would.
        for [mask, value] in keep {
            kept |= _mm512_cmpeq_epi64_mask(_mm512_and_si512(x, mask), value);
        }
        let kept = valid & if masks.inverted { !kept } else { kept };
        let mut word = offset;
        for ([right, left, mask], leftward) in moves.into_iter().zip(leftward) {
            let shifted = if leftward { _mm512_sllv_epi64(x, left) } else { _mm512_srlv_epi64(x, right) };
            word = _mm512_ternarylogic_epi64::<XOR_OF_AND>(word, shifted, mask);
        }
        for [mask, value, toggles] in terms {
            let differs = _mm512_ternarylogic_epi64::<XOR_AND>(x, value, mask);
            let holds = _mm512_testn_epi64_mask(differs, differs);
            word = _mm512_mask_xor_epi64(word, holds, word, toggles);
        }
        offset = _mm512_add_epi64(offset, step);
        let packed = _mm512_maskz_compress_epi64(kept, word);
        // SAFETY: `out` is at most `done` words behind the first, and eight more are within `count + SLACK`.
        unsafe { _mm512_storeu_epi64(out.cast(), packed) };
        let stays = if masks.until { kept.trailing_ones() } else { kept.count_ones() };
        // SAFETY: at most eight words on, within what was written.
        out = unsafe { out.add(stays as usize) };
        if masks.until && kept != valid {
            break;
        }
        done += 8;
    }
    // SAFETY: both point into the room for words, `out` behind `words`.
    unsafe { out.offset_from_unsigned(words) }
}

/// For each set of lanes kept, the halves of lanes in the order that brings those to the front.
const COMPRESS: [[i32; 8]; 16] = {
    let mut table = [[0; 8]; 16];
    let mut kept = 0;
    while kept < 16 {
        let (mut lane, mut to) = (0, 0);
        while lane < 4 {
            if kept >> lane & 1 == 1 {
                table[kept][to] = 2 * lane;
                table[kept][to + 1] = 2 * lane + 1;
                to += 2;
            }
            lane += 1;
        }
        kept += 1;
    }
    table
};

#[target_feature(enable = "avx2")]
fn broadcast4(value: u64) -> __m256i {
    _mm256_set1_epi64x(value.cast_signed())
}

/// # Safety
/// As [`ScanFn`], on a processor with AVX2.
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2<const KEEP: usize, const MOVES: usize, const TERMS: usize>(
    masks: &Masks,
    entries: *const u8,
    count: usize,
    first: u32,
    words: *mut u64,
) -> usize {
    let keep: [_; KEEP] = std::array::from_fn(|i| [masks.keep[i].mask, masks.keep[i].value].map(|v| broadcast4(v)));
    let moves: [_; MOVES] = std::array::from_fn(|i| {
        let (right, left, mask) = masks.moves[i];
        [right, left, mask].map(|v| broadcast4(v))
    });
    let leftward: [bool; MOVES] = std::array::from_fn(|i| masks.moves[i].1 < 64);
    let terms: [_; TERMS] = std::array::from_fn(|i| {
        let Term { cube, toggles } = masks.terms[i];
        [cube.mask, cube.value, toggles].map(|v| broadcast4(v))
    });
    let lanes = _mm256_set_epi64x(3, 2, 1, 0);
    let place = _mm_cvtsi32_si128(masks.index_shift.cast_signed());
    let mut index = _mm256_sll_epi64(_mm256_add_epi64(lanes, broadcast4(first.into())), place);
    let step = broadcast4(4 << masks.index_shift);
    let constant = broadcast4(masks.constant);
    let reversed = _mm256_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607);
    let mut out = words;
    let mut done = 0;
    while done < count {
        let left = count - done;
        let valid = if left >= 4 { 0xf } else { (1 << left) - 1 };
        let x = if left >= 4 {
            // SAFETY: four entries are left.
            unsafe { _mm256_loadu_si256(entries.add(done * 8).cast()) }
        } else {
            let mut rest = [0_u64; 4];
            // SAFETY: `left` entries are left, and the array has room for them.
            unsafe { std::ptr::copy_nonoverlapping(entries.add(done * 8), rest.as_mut_ptr().cast::<u8>(), left * 8) };
            // SAFETY: the array has four words.
            unsafe { _mm256_loadu_si256(rest.as_ptr().cast()) }
        };
        let x = if masks.big_endian { _mm256_shuffle_epi8(x, reversed) } else { x };
        let mut any = _mm256_setzero_si256();
        for [mask, value] in keep {
            any = _mm256_or_si256(any, _mm256_cmpeq_epi64(_mm256_and_si256(x, mask), value));
        }
        let kept = _mm256_movemask_pd(_mm256_castsi256_pd(any)).cast_unsigned();
        let kept = valid & if masks.inverted { !kept } else { kept };
        let mut word = _mm256_xor_si256(index, constant);
        for ([right, left, mask], leftward) in moves.into_iter().zip(leftward) {
            let shifted = if leftward { _mm256_sllv_epi64(x, left) } else { _mm256_srlv_epi64(x, right) };
            word = _mm256_xor_si256(word, _mm256_and_si256(shifted, mask));
        }
        for [mask, value, toggles] in terms {
            let holds = _mm256_cmpeq_epi64(_mm256_and_si256(x, mask), value);
            word = _mm256_xor_si256(word, _mm256_and_si256(holds, toggles));
        }
        index = _mm256_add_epi64(index, step);
        // SAFETY: the row of the table has eight halves, and `kept` is below 16.
        let order = unsafe { _mm256_loadu_si256(COMPRESS[(kept & 0xf) as usize].as_ptr().cast()) };
        let packed = _mm256_permutevar8x32_epi32(word, order);
        // SAFETY: `out` is at most `done` words behind the first, and four more are within `count + SLACK`.
        unsafe { _mm256_storeu_si256(out.cast(), packed) };
        let stays = if masks.until { kept.trailing_ones() } else { kept.count_ones() };
        // SAFETY: at most four words on, within what was written.
        out = unsafe { out.add(stays as usize) };
        if masks.until && kept != valid {
            break;
        }
        done += 4;
    }
    // SAFETY: both point into the room for words, `out` behind `words`.
    unsafe { out.offset_from_unsigned(words) }
}
