//! The inner loop as one would write it by hand with AVX-512 for this one layout: the second native baseline.
#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;

use ptwalk::engine::Run;

/// Whether the processor has what it takes.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("bmi2")
}

/// Ptes of v5.3: kept where bit 0 or bit 58 is set; frame from bits 47:12, devmap from bit 57.
pub fn present(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    assert!(is_available() && run.bytes.len() <= 4096 && run.bytes.len().is_multiple_of(64));
    // SAFETY: the processor has the instructions, and a table has 512 entries, for which `words` has room.
    unsafe { ptes(run.bytes.as_ptr(), run.bytes.len() / 8, words.as_mut_ptr()) }
}

/// # Safety
/// `count` entries, a multiple of 8, at `entries`; room for as many words at `words`.
#[target_feature(enable = "avx512f,bmi2,popcnt")]
unsafe fn ptes(entries: *const u8, count: usize, words: *mut u64) -> usize {
    let here = _mm512_set1_epi64(1 | 1 << 58);
    let (frame, devmap) = (_mm512_set1_epi64((1 << 36) - 1), _mm512_set1_epi64(1 << 51));
    let mut index = _mm512_set_epi64(7 << 40, 6 << 40, 5 << 40, 4 << 40, 3 << 40, 2 << 40, 1 << 40, 0);
    index = _mm512_or_si512(index, _mm512_set1_epi64(1 << 49));
    let step = _mm512_set1_epi64(8 << 40);
    let mut kept = 0;
    for i in (0..count).step_by(8) {
        // SAFETY: eight entries from `i` on are there.
        let x = unsafe { _mm512_loadu_epi64(entries.add(i * 8).cast()) };
        let keep = _mm512_test_epi64_mask(x, here);
        let word = _mm512_ternarylogic_epi64::<0xf8>(index, _mm512_srli_epi64::<12>(x), frame);
        let word = _mm512_ternarylogic_epi64::<0xf8>(word, _mm512_srli_epi64::<6>(x), devmap);
        index = _mm512_add_epi64(index, step);
        // SAFETY: at most `i` words are there already, and eight more are within `count`.
        unsafe { _mm512_storeu_epi64(words.add(kept).cast(), _mm512_maskz_compress_epi64(keep, word)) };
        kept += keep.count_ones() as usize;
    }
    kept
}
