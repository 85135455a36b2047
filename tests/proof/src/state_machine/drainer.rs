//! The queue of a branch and the drainers of two processes as a state machine that `stateright` can search.
//!
//! A drainer reads which message may be sent, and begins it in a transaction that decides again: other transactions,
//! of the user, of the sweeper and of the other drainer, can run between the two. A crash can come at any point. The
//! lock's own rules are those of [`protocol`](super::protocol); time is left out, so an expiry may come at any moment.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers below four, in states that are hashed by the million"
)]

use stateright::{Model, Property};

/// Messages that are queued.
const ITEMS: usize = 3;

const PROCESSES: usize = 2;

pub(super) const ONCE: &str = "Q1 a queued message is sent at most once";
pub(super) const KEPT: &str = "Q2 a queued message waits, was removed by the user, or was sent";
const ORDER: &str = "Q3 what is sent is the first that waits";
const PAUSED: &str = "Q4 a paused queue sends nothing, and a removed message is not sent";
const ALONE: &str = "Q5 nothing is sent while an answer is being written";
pub(super) const DRAINED: &str = "Q6 what may be sent is noticed by a drainer";

/// How the drainer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// As in Conch.
    Conch,
    /// One transaction sends, another one takes the message out of the queue.
    SendThenRemove,
    /// One transaction takes the message out of the queue, another one sends it.
    RemoveThenSend,
    /// The transaction that sends relies on what the drainer read.
    SendUnchecked,
    /// A drainer reads only after an event of its own process.
    OnEventsOnly,
}

/// Bounds of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    /// Crashes, of both processes together.
    crashes: u8,
    /// Locks that expire while their holder lives.
    expiries: u8,
    /// Times that the user removes a message; each can be restored.
    removals: u8,
    /// Times that the user moves the last message to the front.
    moves: u8,
    /// Answers that the user stops, or that fail.
    stops: u8,
}

/// Bounds of a search that takes half a minute.
pub(super) const WIDE: Bounds = Bounds {
    crashes: 2,
    expiries: 1,
    removals: 2,
    moves: 1,
    stops: 1,
};

/// Bounds of a search that takes a second.
pub(super) const NARROW: Bounds = Bounds {
    crashes: 1,
    expiries: 1,
    removals: 1,
    moves: 1,
    stops: 1,
};

/// The protocol under search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drainer {
    pub(super) variant: Variant,
    pub(super) bounds: Bounds,
}

/// Where a queued message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    NotYet,
    Waiting,
    Removed,
    /// No row of it is left.
    Gone,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Process {
    is_dead: bool,
    /// A restarted process has another instance id.
    life: u8,
    /// An event came since its drainer last read.
    is_woken: bool,
    /// What its drainer read as ready.
    read: Option<u8>,
    /// What a drainer that works in two transactions has in hand between them.
    in_hand: Option<u8>,
    /// The fence of the answer that it writes.
    lease: Option<u8>,
}

/// The database and the processes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    items: [Item; ITEMS],
    /// How often each was sent.
    sent: [u8; ITEMS],
    /// The queue in its order, also what was removed.
    line: Vec<u8>,
    is_paused: bool,
    fence: u8,
    /// The process that holds the lock, and the number of its life.
    holder: Option<(u8, u8)>,
    processes: [Process; PROCESSES],
    remaining: Bounds,
    broken: Broken,
}

/// Invariants of transitions, which no single state shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Broken {
    overtaken: bool,
    sent_in_vain: bool,
    sent_over_live: bool,
}

/// A transaction, or an event in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// A message is queued, while another answer is being written or others wait.
    Enqueue {
        process: usize,
    },
    /// The drainer reads what may be sent.
    Read {
        process: usize,
    },
    /// It begins what it read.
    Begin {
        process: usize,
    },
    /// The second transaction of a drainer that needs two.
    Complete {
        process: usize,
    },
    Finish {
        process: usize,
        /// By the user, or by an error.
        is_stopped: bool,
    },
    Crash {
        process: usize,
    },
    /// The process starts again: it recovers what the dead left, and pauses the queue unless the other one serves it.
    Restart {
        process: usize,
    },
    /// The sweeper of another process frees the lock.
    Sweep,
    Remove {
        item: usize,
    },
    Restore {
        item: usize,
    },
    /// The last message of the line becomes the first.
    Move,
    Resume,
}

impl State {
    fn first(&self) -> Option<usize> {
        let line = self.line.iter().map(|&item| item as usize);
        line.into_iter()
            .find(|&item| self.items[item] == Item::Waiting)
    }

    /// Returns the message that may be sent now.
    fn ready(&self) -> Option<usize> {
        let is_open = !self.is_paused && self.holder.is_none();
        self.first().filter(|_| is_open)
    }

    fn is_dead(&self, (process, life): (u8, u8)) -> bool {
        let process = self.processes[process as usize];
        process.is_dead || process.life != life
    }

    fn is_current(&self, process: usize) -> bool {
        let is = self.processes[process];
        is.lease == Some(self.fence) && self.holder == Some((process as u8, is.life))
    }

    fn leaves(&mut self, item: usize) {
        self.items[item] = Item::Gone;
        self.line.retain(|&other| other as usize != item);
    }

    /// Stores the turn of a message and grants its lock.
    fn send(&mut self, process: usize, item: usize) {
        self.broken.sent_in_vain |= self.is_paused || self.items[item] == Item::Removed;
        self.broken.overtaken |= self.first().is_some_and(|first| first != item);
        self.broken.sent_over_live |= self.holder.is_some();
        self.sent[item] += 1;
        self.fence += 1;
        let life = self.processes[process].life;
        self.holder = Some((process as u8, life));
        self.processes[process].lease = Some(self.fence);
    }

    fn pause(&mut self) {
        self.is_paused |= self.first().is_some();
    }
}

impl Drainer {
    fn begin(self, state: &mut State, process: usize) -> bool {
        let Some(item) = state.processes[process].read.take() else {
            return false;
        };
        let item = item as usize;
        let is_next = match self.variant {
            Variant::SendUnchecked => state.holder.is_none(),
            _ => state.ready() == Some(item),
        };
        if !is_next {
            // The transaction changes nothing.
            return true;
        }
        match self.variant {
            Variant::Conch | Variant::SendUnchecked | Variant::OnEventsOnly => {
                state.send(process, item);
                state.leaves(item);
            }
            Variant::SendThenRemove => {
                state.send(process, item);
                state.processes[process].in_hand = Some(item as u8);
            }
            Variant::RemoveThenSend => {
                state.leaves(item);
                state.processes[process].in_hand = Some(item as u8);
            }
        }
        true
    }

    fn complete(self, state: &mut State, process: usize) -> bool {
        let Some(item) = state.processes[process].in_hand.take() else {
            return false;
        };
        match self.variant {
            Variant::RemoveThenSend if state.holder.is_none() => {
                state.send(process, item as usize);
            }
            _ => state.leaves(item as usize),
        }
        true
    }

    fn act(self, state: &mut State, action: Action) -> bool {
        match action {
            Action::Enqueue { process } => {
                let Some(item) = state.items.iter().position(|item| *item == Item::NotYet) else {
                    return false;
                };
                if state.first().is_none() {
                    // What an empty queue was paused for is over.
                    state.is_paused = false;
                }
                state.items[item] = Item::Waiting;
                state.line.push(item as u8);
                state.processes[process].is_woken = true;
                true
            }
            Action::Read { process } => {
                let ready = state.ready();
                let is = &mut state.processes[process];
                is.read = ready.map(|item| item as u8);
                std::mem::replace(&mut is.is_woken, false) || ready.is_some()
            }
            Action::Begin { process } => self.begin(state, process),
            Action::Complete { process } => self.complete(state, process),
            Action::Finish {
                process,
                is_stopped,
            } => {
                let is_current = state.is_current(process);
                state.processes[process].lease = None;
                state.remaining.stops -= u8::from(is_stopped);
                if is_current {
                    state.holder = None;
                    state.processes[process].is_woken = true;
                    if is_stopped {
                        state.pause();
                    }
                }
                is_current || !is_stopped
            }
            Action::Crash { process } => {
                state.remaining.crashes -= 1;
                let is = &mut state.processes[process];
                *is = Process {
                    is_dead: true,
                    life: is.life,
                    ..Process::default()
                };
                true
            }
            Action::Restart { process } => {
                let is = &mut state.processes[process];
                is.is_dead = false;
                is.life += 1;
                is.is_woken = true;
                if state.holder.is_some_and(|holder| state.is_dead(holder)) {
                    state.holder = None;
                }
                let is_served =
                    (0..PROCESSES).any(|other| other != process && !state.processes[other].is_dead);
                if !is_served {
                    state.pause();
                }
                true
            }
            Action::Sweep => {
                let is_dead = state.holder.is_some_and(|holder| state.is_dead(holder));
                state.remaining.expiries -= u8::from(!is_dead);
                state.holder = None;
                true
            }
            Action::Remove { item } => {
                state.remaining.removals -= 1;
                state.items[item] = Item::Removed;
                true
            }
            Action::Restore { item } => {
                state.items[item] = Item::Waiting;
                true
            }
            Action::Move => {
                state.remaining.moves -= 1;
                state.line.rotate_right(1);
                true
            }
            Action::Resume => {
                state.is_paused = false;
                for process in &mut state.processes {
                    process.is_woken |= !process.is_dead;
                }
                true
            }
        }
    }
}

impl Model for Drainer {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            items: [Item::NotYet; ITEMS],
            sent: [0; ITEMS],
            line: Vec::new(),
            is_paused: false,
            fence: 1,
            // An answer is being written, or nothing would be queued.
            holder: Some((0, 0)),
            processes: [Process::default(); PROCESSES],
            remaining: self.bounds,
            broken: Broken::default(),
        };
        state.processes[0].lease = Some(1);
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (process, is) in state.processes.iter().enumerate() {
            if is.is_dead {
                actions.push(Action::Restart { process });
                continue;
            }
            let is_busy = state.holder.is_some() || state.first().is_some();
            if is_busy && state.items.contains(&Item::NotYet) {
                actions.push(Action::Enqueue { process });
            }
            if is.in_hand.is_some() {
                actions.push(Action::Complete { process });
            } else if is.read.is_some() {
                actions.push(Action::Begin { process });
            } else if is.is_woken || self.variant != Variant::OnEventsOnly {
                // In Conch a timer wakes the drainer as well.
                actions.push(Action::Read { process });
            }
            if is.lease.is_some() {
                actions.push(Action::Finish {
                    process,
                    is_stopped: false,
                });
                if state.remaining.stops > 0 {
                    actions.push(Action::Finish {
                        process,
                        is_stopped: true,
                    });
                }
            }
            if state.remaining.crashes > 0 {
                actions.push(Action::Crash { process });
            }
        }
        if let Some(holder) = state.holder {
            let is_swept = state.processes.iter().any(|process| !process.is_dead);
            if is_swept && (state.is_dead(holder) || state.remaining.expiries > 0) {
                actions.push(Action::Sweep);
            }
        }
        for item in 0..ITEMS {
            match state.items[item] {
                Item::Waiting if state.remaining.removals > 0 => {
                    actions.push(Action::Remove { item });
                }
                Item::Removed => actions.push(Action::Restore { item }),
                _ => {}
            }
        }
        if state.remaining.moves > 0 && state.line.len() > 1 {
            actions.push(Action::Move);
        }
        if state.is_paused {
            actions.push(Action::Resume);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        self.act(&mut state, action).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, state: &State| {
                state.sent.iter().all(|&times| times <= 1)
            }),
            Property::always(KEPT, |_, state: &State| {
                (0..ITEMS).all(|item| {
                    let in_hand = |process: &Process| process.in_hand == Some(item as u8);
                    state.items[item] != Item::Gone
                        || state.sent[item] > 0
                        || state.processes.iter().any(in_hand)
                })
            }),
            Property::always(ORDER, |_, state: &State| !state.broken.overtaken),
            Property::always(PAUSED, |_, state: &State| !state.broken.sent_in_vain),
            Property::always(ALONE, |_, state: &State| !state.broken.sent_over_live),
            Property::always(DRAINED, |drainer: &Self, state: &State| {
                let notices = |process: &Process| {
                    process.read.is_some()
                        || process.is_woken
                        || drainer.variant != Variant::OnEventsOnly
                };
                let mut alive = state.processes.iter().filter(|process| !process.is_dead);
                state.ready().is_none() || alive.clone().count() == 0 || alive.any(notices)
            }),
        ]
    }
}
