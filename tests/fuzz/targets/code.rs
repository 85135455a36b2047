//! The program of the target.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| conch_fuzz::code(data));
