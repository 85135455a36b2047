//! The protocol of the lock, searched exhaustively: every interleaving of three owners, a sweeper, crashes, restarts
//! and clock steps, up to the bounds in [`protocol`].
//!
//! A search that finds nothing proves little unless it also detects a wrong protocol. So the naive variants that most
//! applications ship are searched too, and must be found broken.

mod protocol;
mod state;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::campaign::{Finding, Run};
use protocol::{Protocol, Variant};

/// The naive variants, and the invariant that the search must find each to break.
const NAIVE: [(Variant, &str); 4] = [
    (Variant::CheckThenInsert, protocol::I1),
    (Variant::ReleaseWithoutOwner, protocol::I4),
    (Variant::UnfencedWrite, protocol::I3),
    (Variant::LeaveExpired, protocol::I11),
];

/// Searches the protocol at capacity 1 and 2, and the naive variants.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let threads = std::thread::available_parallelism()?.get();
    let bounds = run.choose(protocol::WIDE, protocol::NARROW);
    run.expect(2 + NAIVE.len() as u64);
    let mut finding = Finding::default();
    let mut states = 0;
    for capacity in [1, 2] {
        let protocol = Protocol {
            variant: Variant::Conch,
            capacity,
            bounds,
        };
        let checker = protocol.checker().threads(threads).spawn_bfs().join();
        states += checker.unique_state_count();
        for (broken, path) in checker.discoveries() {
            finding.violations.push(format!(
                "{broken} at capacity {capacity}: {:?}",
                path.into_actions()
            ));
        }
        run.advance(1);
    }
    let mut shortest = Vec::new();
    for (variant, must_break) in NAIVE {
        let protocol = Protocol {
            variant,
            capacity: 1,
            bounds: protocol::NARROW,
        };
        let checker = protocol
            .checker()
            .threads(threads)
            .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([must_break])))
            .spawn_bfs()
            .join();
        match checker.discovery(must_break) {
            Some(path) => shortest.push(path.into_actions().len().to_string()),
            None => finding.violations.push(format!(
                "the search did not find that {variant:?} breaks {must_break}"
            )),
        }
        run.advance(1);
    }
    finding.amount = format!(
        "{} states, exhaustive",
        crate::report::grouped(states as u64)
    );
    finding.figures = format!(
        "naive variants found broken in {} steps",
        shortest.join(", ")
    );
    Ok(finding)
}
