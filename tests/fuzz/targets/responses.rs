//! The entry point of the fuzz target.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| conch_fuzz::responses(data));
