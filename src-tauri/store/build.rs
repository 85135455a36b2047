//! Rebuilds the crate when a migration changes: they are embedded, and the queries are checked against them.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
    println!("cargo::rerun-if-env-changed=DATABASE_URL");
}
