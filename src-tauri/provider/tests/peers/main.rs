//! Conch beside the official packages of the providers, without the packages: the requests and the samples in
//! `tests/peers` are files, so that these tests need no network. `cargo xtask peers-test --types` checks the files
//! against the packages themselves.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod requests;
mod samples;

use std::path::{Path, PathBuf};

use conch_model::ProtocolKind;

/// Returns the path of a file in `tests/peers`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/peers")
        .join(name)
}

/// Returns the protocol of this name.
fn protocol(name: &str) -> ProtocolKind {
    ProtocolKind::from_name(name).unwrap()
}
