#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| ptwalk::fuzz::target(&["vmcoreinfo", "pgmap_files", "zone_files", "law_files", "requests"], input));
