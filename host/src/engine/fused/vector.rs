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
use ptwalk_verifier::fault::{Fault, seeded};
use ptwalk_verifier::reduce::{KEEP_MAX, MOVES_MAX, Move, Reduction, TERMS_MAX, Term};

use super::super::{Run, Words};
use super::isa::Isa;
use crate::image::prefetch_line;

/// A test that every entry passes. (One that none passes is no cube: a kernel looks at `(x ^ value) & mask`.)
const ALWAYS: Cube = Cube { mask: 0, value: 0 };

/// The masks of a reduction in the places of a kernel.
#[derive(Clone, Debug)]
struct Masks {
    /// Of which one must hold; where a kernel has more places than there are tests, the first is there again.
    keep: [Cube; KEEP_MAX],
    /// The tests say which entries are dropped.
    inverted: bool,
    /// Shift to the right, shift to the left (one of them 64 or 0), mask.
    moves: [(u64, u64, u64); MOVES_MAX],
    /// All moves as one.
    gather: Option<Gather>,
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

/// Reads entries, writes the words of those kept from the beginning of the room on, returns how many. The room must have
/// as many places as there are entries, and [`SLACK`] more. Unsafe on a processor without the instructions.
type ScanFn = unsafe fn(&Masks, Run<'_>, &mut [u64]) -> usize;

impl Masks {
    /// Whether every entry is kept that has any of some bits, and entries are stored as the processor stores words.
    fn are_plain(&self) -> bool {
        self.inverted && self.keep[0].value == 0 && !self.until && !self.big_endian
    }
}

/// In place of a number of tests: the masks are plain, as most walks' are.
const PLAIN: usize = 0;

/// In place of a number of moves: they are made as one.
const GATHER: usize = 0;

/// Bits of the word that a move fills: those that nothing is shifted into are 0, whatever its mask says.
fn reached(one: &Move) -> u64 {
    let distance = one.right.unsigned_abs();
    one.mask & if one.right >= 0 { u64::MAX >> distance } else { u64::MAX << distance }
}

/// Several moves as one instruction: every byte of the word is eight bits of the entry, from any bit on and around its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gather {
    /// For each byte of the word, the first of its bits in the entry.
    from: u64,
    /// The bits of the word that are meant.
    mask: u64,
}

impl Gather {
    /// `None` where two moves meet in a byte.
    fn of(moves: &[Move]) -> Option<Gather> {
        let mut gather = Gather { from: 0, mask: 0 };
        let mut taken = 0_u64;
        for one in moves {
            let mask = reached(one);
            for byte in (0..64).step_by(8).filter(|byte| mask >> byte & 0xff != 0) {
                if taken >> byte & 1 == 1 && !seeded(Fault::VectorByteShared) {
                    return None;
                }
                taken |= 1 << byte;
                let first = (i64::from(byte) + i64::from(one.right)) & 63;
                gather.from |= first.cast_unsigned() << byte;
            }
            gather.mask |= mask;
        }
        Some(gather)
    }
}

/// Words that a kernel may write beyond those that it returns.
const SLACK: usize = 8;

impl Kernel {
    /// The kernel for a reduction. `index_shift` is where the index begins in a word.
    ///
    /// # Panics
    /// Where the processor does not have `isa`.
    pub fn new(isa: Isa, reduction: &Reduction, index_shift: u32, until: bool, big_endian: bool) -> Kernel {
        assert!(isa.is_available(), "{} is not there", isa.name());
        // Without a test, what no entry passes is the opposite of what every entry passes.
        let first = reduction.keep.first().copied();
        let mut masks = Masks {
            keep: [first.unwrap_or(ALWAYS); KEEP_MAX],
            inverted: reduction.inverted != first.is_none() && !seeded(Fault::VectorInversionLost),
            moves: [(0, 64, 0); MOVES_MAX],
            gather: Gather::of(&reduction.moves),
            terms: [Term { cube: ALWAYS, toggles: 0 }; TERMS_MAX],
            constant: reduction.constant,
            index_shift,
            until: until && !seeded(Fault::VectorUntilLost),
            big_endian: big_endian && !seeded(Fault::VectorOrderIgnored),
        };
        masks.keep[..reduction.keep.len()].copy_from_slice(&reduction.keep);
        masks.terms[..reduction.terms.len()].copy_from_slice(&reduction.terms);
        if seeded(Fault::VectorTermLost)
            && let Some(last) = reduction.terms.len().checked_sub(1)
        {
            masks.terms[last].toggles = 0;
        }
        for (place, one) in masks.moves.iter_mut().zip(&reduction.moves) {
            let distance = u64::from(one.right.unsigned_abs());
            *place = if one.right >= 0 { (distance, 64, reached(one)) } else { (64, distance, reached(one)) };
        }
        let shape = (reduction.keep.len().max(1), reduction.moves.len().max(1), reduction.terms.len());
        let scan = match isa {
            Isa::Avx512 => {
                let gathers = masks.gather.is_some() && is_x86_feature_detected!("avx512vbmi");
                let keep = if masks.are_plain() && reduction.keep.len() == 1 { PLAIN } else { shape.0 };
                avx512_for((keep, if gathers { GATHER } else { shape.1 }, shape.2))
            }
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
    pub fn scan(&self, run: Run<'_>, out: &mut Words) {
        let run = Run {
            bytes: if seeded(Fault::VectorTailLost) { &run.bytes[..run.bytes.len() & !63] } else { run.bytes },
            first: if seeded(Fault::VectorIndexFromZero) { 0 } else { run.first },
            ..run
        };
        let count = run.bytes.len() / 8;
        // SAFETY: the processor has the instructions: asserted in `Kernel::new`, which chose the function.
        let kept = unsafe { (self.scan)(&self.masks, run, out.room(count + SLACK)) };
        out.keep(kept.min(count));
    }
}

/// A kernel compiled for at least these numbers of tests, shifts and terms, of those numbers that there are kernels for.
macro_rules! for_shape {
    ($kernel:ident, $shape:expr, [$($keep:literal)*], $moves:tt) => {{
        let (keep, moves, terms) = $shape;
        match keep {
            $(0..=$keep => for_shape!(@moves $kernel, $keep, moves, terms, $moves),)*
            _ => $kernel::<8, 4, 16>,
        }
    }};
    (@moves $kernel:ident, $keep:literal, $have:ident, $terms:ident, [$($moves:literal)*]) => {
        match $have {
            $(0..=$moves => for_shape!(@terms $kernel, $keep, $moves, $terms, [0 2 8 16]),)*
            _ => $kernel::<$keep, 4, 16>,
        }
    };
    (@terms $kernel:ident, $keep:literal, $moves:literal, $have:ident, [$($terms:literal)*]) => {
        match $have { $(0..=$terms => $kernel::<$keep, $moves, $terms> as ScanFn,)* _ => $kernel::<$keep, $moves, 16> }
    };
}

fn avx512_for(shape: (usize, usize, usize)) -> ScanFn {
    for_shape!(avx512, shape, [0 1 2 8], [0 1 2 4])
}

fn avx2_for(shape: (usize, usize, usize)) -> ScanFn {
    for_shape!(avx2, shape, [1 2 8], [1 2 4])
}

/// The order of bytes that turns two entries around: the first one's, the second one's.
const REVERSED: [i64; 2] = [0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f];

/// `(a ^ b) & c` as the truth table of a ternary operation.
const XOR_AND: i32 = 0x28;
/// `a ^ (b & c)`.
const XOR_OF_AND: i32 = 0x78;

#[target_feature(enable = "avx512f,avx512bw")]
fn broadcast8(value: u64) -> __m512i {
    _mm512_set1_epi64(value.cast_signed())
}

/// `_mm512_multishift_epi64_epi8`, which AVX-512 VBMI has, by its name: a function for processors without may use it where
/// it finds itself on one with. Whoever calls it must.
#[target_feature(enable = "avx512f")]
fn multishift(from: __m512i, x: __m512i) -> __m512i {
    let bytes;
    // SAFETY: an operation of registers. That the processor has it is what `Kernel::new` asked before it chose `GATHER`.
    unsafe {
        std::arch::asm!(
            "vpmultishiftqb {bytes}, {from}, {x}",
            bytes = lateout(zmm_reg) bytes, from = in(zmm_reg) from, x = in(zmm_reg) x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    bytes
}

#[target_feature(enable = "avx512f,avx512bw,popcnt,bmi1")]
fn avx512<const KEEP: usize, const MOVES: usize, const TERMS: usize>(
    masks: &Masks,
    run: Run<'_>,
    room: &mut [u64],
) -> usize {
    // Plain loops over plain arrays: what goes through closures and iterators ends up in memory.
    let zero = _mm512_setzero_si512();
    let any_of = broadcast8(masks.keep[0].mask);
    let inverted = masks.inverted && KEEP != PLAIN;
    let big_endian = masks.big_endian && KEEP != PLAIN;
    let until = masks.until && KEEP != PLAIN;
    let (mut keep_mask, mut keep_value) = ([zero; KEEP], [zero; KEEP]);
    for i in 0..KEEP {
        keep_mask[i] = broadcast8(masks.keep[i].mask);
        keep_value[i] = broadcast8(masks.keep[i].value);
    }
    // A rotation is a shift either way: what comes around is masked.
    let (mut rotation, mut move_mask) = ([zero; MOVES], [zero; MOVES]);
    for i in 0..MOVES {
        let (right, left, mask) = masks.moves[i];
        rotation[i] = broadcast8(if left < 64 { 64 - left } else { right });
        move_mask[i] = broadcast8(mask);
    }
    let gather = masks.gather.unwrap_or(Gather { from: 0, mask: 0 });
    let (gather_from, gather_mask) = (broadcast8(gather.from), broadcast8(gather.mask));
    let (mut term_mask, mut term_value, mut toggles) = ([zero; TERMS], [zero; TERMS], [zero; TERMS]);
    for i in 0..TERMS {
        term_mask[i] = broadcast8(masks.terms[i].cube.mask);
        term_value[i] = broadcast8(masks.terms[i].cube.value);
        toggles[i] = broadcast8(masks.terms[i].toggles);
    }
    let lanes = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    let place = _mm_cvtsi32_si128(masks.index_shift.cast_signed());
    let start = _mm512_add_epi64(lanes, broadcast8(run.first.into()));
    // The index lies where the constant is 0, so that toggling it in is putting it in, and counting it on changes nothing
    // else.
    let mut offset = _mm512_xor_si512(_mm512_sll_epi64(start, place), broadcast8(masks.constant));
    let step = broadcast8(8 << masks.index_shift);
    let (low, high) = (REVERSED[0], REVERSED[1]);
    let reversed = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    assert!(room.len() >= run.bytes.len() / 8 + SLACK, "less room than entries");
    let mut kept_words = 0;
    // One line of entries, of which `valid` are some.
    macro_rules! scan_line {
        ($bytes:expr, $valid:expr) => {{
            // SAFETY: the array has the 64 bytes that are read, which need no alignment.
            let x = unsafe { _mm512_loadu_epi64($bytes.as_ptr().cast()) };
            let x = if big_endian { _mm512_shuffle_epi8(x, reversed) } else { x };
            // Either way of asking stays in mask registers; turning a mask around would not.
            let kept = if KEEP == PLAIN {
                $valid & _mm512_test_epi64_mask(x, any_of)
            } else if inverted {
                let mut kept = $valid;
                for i in 0..KEEP {
                    let differs = _mm512_ternarylogic_epi64::<XOR_AND>(x, keep_value[i], keep_mask[i]);
                    kept &= _mm512_test_epi64_mask(differs, differs);
                }
                kept
            } else {
                let mut kept = 0;
                for i in 0..KEEP {
                    let differs = _mm512_ternarylogic_epi64::<XOR_AND>(x, keep_value[i], keep_mask[i]);
                    kept |= _mm512_testn_epi64_mask(differs, differs);
                }
                kept & $valid
            };
            let mut word = offset;
            if MOVES == GATHER {
                word = _mm512_ternarylogic_epi64::<XOR_OF_AND>(word, multishift(gather_from, x), gather_mask);
            }
            for i in 0..MOVES {
                word = _mm512_ternarylogic_epi64::<XOR_OF_AND>(word, _mm512_rorv_epi64(x, rotation[i]), move_mask[i]);
            }
            for i in 0..TERMS {
                let differs = _mm512_ternarylogic_epi64::<XOR_AND>(x, term_value[i], term_mask[i]);
                let holds = _mm512_testn_epi64_mask(differs, differs);
                word = _mm512_mask_xor_epi64(word, holds, word, toggles[i]);
            }
            let packed = _mm512_maskz_compress_epi64(kept, word);
            let places = room.as_mut_ptr().wrapping_add(kept_words);
            // SAFETY: no line keeps more words than it has entries, so that at most those of the lines before are kept; the
            // room has as many places, and eight more (asserted above).
            unsafe { _mm512_storeu_epi64(places.cast(), packed) };
            kept_words += if until { kept.trailing_ones() } else { kept.count_ones() } as usize;
            if until && kept != $valid {
                return kept_words;
            }
        }};
    }
    let (lines, rest) = run.bytes.as_chunks::<64>();
    for (at, line) in lines.iter().enumerate() {
        prefetch_line(run.ahead, at * 64);
        scan_line!(line, 0xff);
        offset = _mm512_add_epi64(offset, step);
    }
    if rest.len() >= 8 {
        let last = padded::<64>(rest);
        scan_line!(last, (1_u8 << (rest.len() / 8)) - 1);
    }
    kept_words
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

#[target_feature(enable = "avx2,popcnt,bmi1")]
fn avx2<const KEEP: usize, const MOVES: usize, const TERMS: usize>(
    masks: &Masks,
    run: Run<'_>,
    room: &mut [u64],
) -> usize {
    let zero = _mm256_setzero_si256();
    let (mut keep_mask, mut keep_value) = ([zero; KEEP], [zero; KEEP]);
    for i in 0..KEEP {
        keep_mask[i] = broadcast4(masks.keep[i].mask);
        keep_value[i] = broadcast4(masks.keep[i].value);
    }
    let (mut right, mut left, mut move_mask) = ([zero; MOVES], [zero; MOVES], [zero; MOVES]);
    for i in 0..MOVES {
        right[i] = broadcast4(masks.moves[i].0);
        left[i] = broadcast4(masks.moves[i].1);
        move_mask[i] = broadcast4(masks.moves[i].2);
    }
    let (mut term_mask, mut term_value, mut toggles) = ([zero; TERMS], [zero; TERMS], [zero; TERMS]);
    for i in 0..TERMS {
        term_mask[i] = broadcast4(masks.terms[i].cube.mask);
        term_value[i] = broadcast4(masks.terms[i].cube.value);
        toggles[i] = broadcast4(masks.terms[i].toggles);
    }
    let lanes = _mm256_set_epi64x(3, 2, 1, 0);
    let place = _mm_cvtsi32_si128(masks.index_shift.cast_signed());
    let start = _mm256_sll_epi64(_mm256_add_epi64(lanes, broadcast4(run.first.into())), place);
    let mut offset = _mm256_xor_si256(start, broadcast4(masks.constant));
    let step = broadcast4(4 << masks.index_shift);
    let (low, high) = (REVERSED[0], REVERSED[1]);
    let reversed = _mm256_set_epi64x(high, low, high, low);
    let (chunks, rest) = run.bytes.as_chunks::<32>();
    let last = padded(rest);
    let mut kept_words = 0;
    for at in 0..chunks.len() + usize::from(rest.len() >= 8) {
        let (bytes, valid) = match chunks.get(at) {
            Some(chunk) => (chunk, 0xf),
            None => (&last, (1_u32 << (rest.len() / 8)) - 1),
        };
        if at % 2 == 0 {
            prefetch_line(run.ahead, at * 32);
        }
        // SAFETY: the array has the 32 bytes that are read, which need no alignment.
        let x = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let x = if masks.big_endian { _mm256_shuffle_epi8(x, reversed) } else { x };
        let mut any = _mm256_setzero_si256();
        for i in 0..KEEP {
            any = _mm256_or_si256(any, _mm256_cmpeq_epi64(_mm256_and_si256(x, keep_mask[i]), keep_value[i]));
        }
        let kept = _mm256_movemask_pd(_mm256_castsi256_pd(any)).cast_unsigned();
        let kept = valid & if masks.inverted { !kept } else { kept };
        let mut word = offset;
        for i in 0..MOVES {
            // One of the two distances is 64, which leaves nothing.
            let shifted = _mm256_or_si256(_mm256_srlv_epi64(x, right[i]), _mm256_sllv_epi64(x, left[i]));
            word = _mm256_xor_si256(word, _mm256_and_si256(shifted, move_mask[i]));
        }
        for i in 0..TERMS {
            let holds = _mm256_cmpeq_epi64(_mm256_and_si256(x, term_mask[i]), term_value[i]);
            word = _mm256_xor_si256(word, _mm256_and_si256(holds, toggles[i]));
        }
        offset = _mm256_add_epi64(offset, step);
        let order = &COMPRESS[(kept & 0xf) as usize];
        // SAFETY: the array has the eight halves that are read, which need no alignment.
        let order = unsafe { _mm256_loadu_si256(order.as_ptr().cast()) };
        let packed = _mm256_permutevar8x32_epi32(word, order);
        let places = &mut room[kept_words..kept_words + 4];
        // SAFETY: there are four places.
        unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), packed) };
        kept_words += if masks.until { kept.trailing_ones() } else { kept.count_ones() } as usize;
        if masks.until && kept != valid {
            break;
        }
    }
    kept_words
}

/// What is left of a run, filled up with entries that are not counted.
fn padded<const BYTES: usize>(rest: &[u8]) -> [u8; BYTES] {
    let mut padded = [0; BYTES];
    padded[..rest.len()].copy_from_slice(rest);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frames below bit 40, the index below bit 49.
    const INDEX_SHIFT: u32 = 40;
    const INDEX: u64 = 0x1ff << INDEX_SHIFT;

    fn cube() -> impl Strategy<Value = Cube> {
        // Few bits, so that tests hold now and then, and often none that must be set.
        (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), prop_oneof![Just(0), any::<u64>()])
            .prop_map(|(a, b, c, d, value)| Cube { mask: a & b & c & d, value: value & a & b & c & d })
    }

    /// Bits of some bytes, so that now and then no two moves meet in one.
    fn bytes() -> impl Strategy<Value = u64> {
        (any::<u64>(), any::<[bool; 8]>())
            .prop_map(|(bits, bytes)| bits & u64::from_le_bytes(bytes.map(|whole| if whole { 0xff } else { 0 })))
    }

    fn reduction() -> impl Strategy<Value = Reduction> {
        let moves = prop::collection::vec((-63..=63, bytes()), 0..=MOVES_MAX);
        let terms = prop::collection::vec((cube(), any::<u64>()), 0..=TERMS_MAX);
        let keep = prop_oneof![prop::collection::vec(cube(), 1), prop::collection::vec(cube(), 0..=KEEP_MAX)];
        (keep, any::<bool>(), moves, any::<u64>(), terms).prop_map(|(keep, inverted, moves, constant, terms)| {
            let mut free = !INDEX;
            let mut place = |mask: u64| {
                let mask = mask & free;
                free &= !mask;
                mask
            };
            let moves = moves.into_iter().map(|(right, mask)| Move { right, mask: place(mask) }).collect();
            let terms = terms.into_iter().map(|(cube, toggles)| Term { cube, toggles: toggles & !INDEX }).collect();
            Reduction { keep, inverted, moves, constant: constant & !INDEX, terms }
        })
    }

    #[test]
    fn moves_gathered_into_one_fill_what_they_fill_one_by_one() {
        // The frame, a flag beside it, the top bit from both sides; a frame and a flag of one byte.
        let moves =
            |list: &[(i32, u64)]| list.iter().map(|(right, mask)| Move { right: *right, mask: *mask }).collect();
        let apart: Vec<Move> = moves(&[(12, (1 << 36) - 1), (6, 1 << 51), (-1, 1 << 63)]);
        let gather = Gather::of(&apart).expect("no byte is of two");
        for x in [0, 1, 1 << 62, 1 << 63, u64::MAX, 0x0123_4567_89ab_cdef] {
            let bytes = gather.from.to_le_bytes().map(|from| x.rotate_right(from.into()).to_le_bytes()[0]);
            let word = u64::from_le_bytes(bytes) & gather.mask;
            assert_eq!(word, apart.iter().fold(0, |word, one| word ^ one.of(x)), "{x:#x}");
        }
        // Nothing is shifted into the top bit.
        assert_eq!(Gather::of(&moves(&[(1, 1 << 63)])), Gather::of(&[]));
        assert_eq!(Gather::of(&moves(&[(12, 0xf), (6, 1 << 7)])), None);
    }

    proptest! {
        #[test]
        fn kernels_say_what_the_reduction_says(
            reduction in reduction(),
            entries in prop::collection::vec(any::<u64>(), 0..70),
            first in 0..400_u32,
            until: bool,
            big_endian: bool,
        ) {
            let mut expected = Vec::new();
            for (index, x) in (u64::from(first)..).zip(&entries) {
                if reduction.keeps(*x) {
                    expected.push(reduction.word(*x) | index << INDEX_SHIFT);
                } else if until {
                    break;
                }
            }
            let bytes: Vec<u8> =
                entries.iter().flat_map(|x| if big_endian { x.to_be_bytes() } else { x.to_le_bytes() }).collect();
            for isa in [Isa::Avx512, Isa::Avx2].into_iter().filter(|isa| isa.is_available()) {
                let kernel = Kernel::new(isa, &reduction, INDEX_SHIFT, until, big_endian);
                // What is there already stays.
                let mut words = Words::new();
                words.push(7);
                kernel.scan(Run { bytes: &bytes, first, ahead: &bytes }, &mut words);
                prop_assert_eq!(&words[1..], &expected[..], "{:?}", isa);
            }
        }
    }
}
