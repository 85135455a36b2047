//! The protocol of the lock, searched exhaustively: every interleaving of three owners, a sweeper, crashes, restarts
//! and clock steps, up to the bounds in [`protocol`]; and that of a queue that two processes drain, in [`drainer`].
//!
//! A search that finds nothing proves little unless it also detects a wrong protocol. So the naive variants that most
//! applications ship are searched too, and must be found broken.

mod drainer;
mod protocol;
mod state;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

use crate::campaign::{Finding, Run};
use drainer::Drainer;
use protocol::Protocol;

/// The naive variants, and the invariant that the search must find each to break.
const NAIVE_LOCKS: [(protocol::Variant, &str); 4] = [
    (protocol::Variant::CheckThenInsert, protocol::I1),
    (protocol::Variant::ReleaseWithoutOwner, protocol::I4),
    (protocol::Variant::UnfencedWrite, protocol::I3),
    (protocol::Variant::LeaveExpired, protocol::I11),
];

/// The same of the drainer.
const NAIVE_DRAINERS: [(drainer::Variant, &str); 4] = [
    (drainer::Variant::SendThenRemove, drainer::ONCE),
    (drainer::Variant::RemoveThenSend, drainer::KEPT),
    (drainer::Variant::SendUnchecked, drainer::ONCE),
    (drainer::Variant::OnEventsOnly, drainer::DRAINED),
];

/// Searches the lock at capacity 1 and 2, the drainers, and the naive variants of both.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let mut search = Search {
        run,
        threads: std::thread::available_parallelism()?.get(),
        states: 0,
        shortest: Vec::new(),
        violations: Vec::new(),
    };
    run.expect(3 + (NAIVE_LOCKS.len() + NAIVE_DRAINERS.len()) as u64);
    for capacity in [1, 2] {
        let protocol = Protocol {
            variant: protocol::Variant::Conch,
            capacity,
            bounds: run.choose(protocol::WIDE, protocol::NARROW),
        };
        search.exhaust(protocol, &format!("the lock at capacity {capacity}"));
    }
    let drainer = Drainer {
        variant: drainer::Variant::Conch,
        bounds: run.choose(drainer::WIDE, drainer::NARROW),
    };
    search.exhaust(drainer, "the drainers");
    for (variant, must_break) in NAIVE_LOCKS {
        let protocol = Protocol {
            variant,
            capacity: 1,
            bounds: protocol::NARROW,
        };
        search.find(protocol, must_break, &variant);
    }
    for (variant, must_break) in NAIVE_DRAINERS {
        let drainer = Drainer {
            variant,
            bounds: drainer::NARROW,
        };
        search.find(drainer, must_break, &variant);
    }
    Ok(Finding {
        amount: format!(
            "{} states, exhaustive",
            crate::report::grouped(search.states as u64)
        ),
        violations: search.violations,
        figures: format!(
            "naive variants found broken in {} steps",
            search.shortest.join(", ")
        ),
    })
}

/// What the searches found.
struct Search<'a> {
    run: &'a Run,
    threads: usize,
    states: usize,
    /// How many steps broke each naive variant.
    shortest: Vec<String>,
    violations: Vec<String>,
}

impl Search<'_> {
    /// Searches every state, in which every invariant must hold.
    fn exhaust<M>(&mut self, model: M, name: &str)
    where
        M: Model<
                State: Clone + Debug + Hash + PartialEq + Send + Sync,
                Action: Clone + Debug + PartialEq,
            > + Send
            + Sync
            + 'static,
    {
        let checker = model.checker().threads(self.threads).spawn_bfs().join();
        self.states += checker.unique_state_count();
        for (broken, path) in checker.discoveries() {
            let actions = path.into_actions();
            self.violations
                .push(format!("{broken}, {name}: {actions:?}"));
        }
        self.run.advance(1);
    }

    /// Searches for a state in which this invariant is broken, which there must be.
    fn find<M>(&mut self, model: M, must_break: &'static str, variant: &dyn Debug)
    where
        M: Model<
                State: Clone + Debug + Hash + PartialEq + Send + Sync,
                Action: Clone + Debug + PartialEq,
            > + Send
            + Sync
            + 'static,
    {
        let checker = model
            .checker()
            .threads(self.threads)
            .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([must_break])))
            .spawn_bfs()
            .join();
        match checker.discovery(must_break) {
            Some(path) => self.shortest.push(path.into_actions().len().to_string()),
            None => self.violations.push(format!(
                "the search did not find that {variant:?} breaks {must_break}"
            )),
        }
        self.run.advance(1);
    }
}
