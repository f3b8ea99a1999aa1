#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ptwalk::fuzz::target(&["claims"], input));
