//! How the application handles a faulty provider, in every protocol that it supports: the right end
//! state, the partial text kept, a reason that the user understands, and a conversation that still works.
//!
//! A scenario is data ([`scenario`]). All of them run through the core's public API against a stand-in
//! on a real socket ([`run`]), and the outcomes are printed as a table ([`table`]).

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bodies;
mod cuts;
mod errors;
mod faulty_frames;
mod fixture;
mod protocol_specific;
mod refusals;
mod required_back;
mod responses;
mod retries;
mod run;
mod scenario;
mod shapes;
mod splits;
mod stops;
mod table;
mod whole;
mod wires;

use std::collections::HashSet;

use futures_util::{StreamExt, stream};

use crate::scenario::Scenario;

/// The number of scenarios that run concurrently: most of them wait.
const AT_ONCE: usize = 8;

/// The number of scenarios that the project promises.
const AT_LEAST: usize = 45;

fn all() -> Vec<Scenario> {
    let parts = [
        whole::scenarios(),
        protocol_specific::scenarios(),
        responses::scenarios(),
        wires::scenarios(),
        cuts::scenarios(),
        errors::scenarios(),
        faulty_frames::scenarios(),
        shapes::scenarios(),
        refusals::scenarios(),
        retries::scenarios(),
        stops::scenarios(),
    ];
    parts.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_provider_ends_as_it_should() {
    let scenarios = all();
    assert!(scenarios.len() >= AT_LEAST);
    let names: HashSet<_> = scenarios.iter().map(|scenario| &scenario.name).collect();
    assert_eq!(names.len(), scenarios.len(), "each has a name of its own");

    let started = tokio::time::Instant::now();
    let runs = stream::iter(&scenarios).map(run::run);
    let ends: Vec<_> = runs.buffer_unordered(AT_ONCE).collect().await;
    let ends: Vec<_> = ends.into_iter().flatten().collect();
    table::print(&scenarios, &ends, started.elapsed());

    let wrong: Vec<_> = ends.iter().filter_map(table::complaint).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} ended otherwise:\n{}",
        wrong.len(),
        ends.len(),
        wrong.join("\n")
    );
}
