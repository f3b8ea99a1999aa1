//! The inner loop as one would write it by hand with AVX-512 for this one layout: the second native baseline.
#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;

use ptwalk::engine::Run;

/// Whether the processor has what it takes.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("popcnt")
}

/// Ptes of v5.3: kept where bit 0 or bit 58 is set; frame from bits 47:12, devmap from bit 57.
pub fn present(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    present_ahead(Run { ahead: &[], ..run }, words)
}

/// The same, which asks for the table that comes next meanwhile.
pub fn present_ahead(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    assert!(is_available());
    // SAFETY: the processor has the instructions.
    unsafe { ptes(run, words) }
}

#[target_feature(enable = "avx512f,bmi2,popcnt")]
fn ptes(run: Run<'_>, words: &mut [u64; 512]) -> usize {
    let here = _mm512_set1_epi64(1 | 1 << 58);
    let (frame, devmap) = (_mm512_set1_epi64((1 << 36) - 1), _mm512_set1_epi64(1 << 51));
    let mut index = _mm512_set_epi64(7 << 40, 6 << 40, 5 << 40, 4 << 40, 3 << 40, 2 << 40, 1 << 40, 0);
    index = _mm512_or_si512(index, _mm512_set1_epi64(1 << 49));
    let step = _mm512_set1_epi64(8 << 40);
    let mut kept = 0;
    for (line, bytes) in run.bytes.as_chunks::<64>().0.iter().enumerate() {
        if let Some(ahead) = run.ahead.get(line * 64) {
            _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(ahead).cast());
        }
        // SAFETY: the array has the 64 bytes that are read.
        let x = unsafe { _mm512_loadu_epi64(bytes.as_ptr().cast()) };
        let keep = _mm512_test_epi64_mask(x, here);
        let word = _mm512_ternarylogic_epi64::<0xf8>(index, _mm512_srli_epi64::<12>(x), frame);
        let word = _mm512_ternarylogic_epi64::<0xf8>(word, _mm512_srli_epi64::<6>(x), devmap);
        index = _mm512_add_epi64(index, step);
        let packed = _mm512_maskz_compress_epi64(keep, word);
        let places = &mut words[kept..kept + 8];
        // SAFETY: there are eight places.
        unsafe { _mm512_storeu_epi64(places.as_mut_ptr().cast(), packed) };
        kept += keep.count_ones() as usize;
    }
    kept
}
