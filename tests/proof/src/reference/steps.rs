//! The steps of a sequence, and how they are drawn: everything that processes, users and clocks do to a conversation.

use proptest::prelude::*;

use conch_core::model::{MessageStatus, SendPolicy};
use conch_core::store::Takeover;

use super::expected::{Expected, lease};

/// Branches of the conversation at the start.
pub(super) const BRANCHES: usize = 3;

/// Forks are drawn up to so many branches.
const MOST_BRANCHES: usize = 8;

/// Processes that send.
pub(super) const INSTANCES: usize = 2;

const HOUR: i64 = 3_600_000;

/// An action of a process or a user, or an event. Messages, branches, generations and queued messages are numbered in
/// the order in which they came to be.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send {
        branch: usize,
        instance: usize,
        policy: Option<SendPolicy>,
    },
    /// The request of that generation arrives again.
    SendAgain {
        generation: usize,
    },
    /// The process that owns this generation ends it for a new message, as late as may be.
    TakeOver {
        generation: usize,
        takeover: Takeover,
    },
    Renew {
        generation: usize,
    },
    Append {
        generation: usize,
        text: String,
    },
    Finish {
        generation: usize,
        rest: String,
        status: MessageStatus,
    },
    /// A message is edited.
    Edit {
        message: usize,
        instance: usize,
    },
    /// A message is answered, or answered again.
    Answer {
        message: usize,
        instance: usize,
    },
    /// A version is selected.
    Select {
        message: usize,
    },
    Fork {
        message: usize,
    },
    DeleteBranch {
        branch: usize,
        /// Also while an answer is being written there.
        is_lost: bool,
    },
    /// Every deleted branch is deleted for good.
    PurgeBranches,
    /// A queued message is changed or sent.
    Item {
        item: usize,
        action: ItemAction,
    },
    /// The queue of a branch is changed.
    Queue {
        branch: usize,
        action: QueueAction,
    },
    /// Every queue in which messages wait is paused, as at a start.
    PauseQueues,
    /// A drainer reads what is ready, and begins all of it.
    Drain {
        instance: usize,
    },
    /// What was removed from queues longer than [`UNDO`] ago is deleted for good.
    PurgeRemoved,
    /// Frees every expired lock.
    Sweep,
    /// A sweeper that read this generation's row right after the grant acts on it now.
    LateSweep {
        generation: usize,
    },
    /// Wall time moves, in either direction, ms.
    Clock {
        by: i64,
    },
    Capacity {
        max_parallel: usize,
    },
    Policy {
        policy: Option<SendPolicy>,
    },
    /// All processes shut down cleanly and start again.
    Reopen,
    /// The process crashes mid-operation; another start recovers what it held.
    Crash {
        instance: usize,
    },
}

/// What happens to a queued message.
#[derive(Debug, Clone)]
pub(super) enum ItemAction {
    Edit,
    Hold(bool),
    Move(u32),
    Remove,
    Restore,
    SendNow(usize),
    /// A drainer that read it as ready before begins it now.
    BeginNext(usize),
    /// Its send arrives again.
    SendAgain,
    /// The drainer finds that it cannot be sent.
    PauseAt,
}

/// What happens to the queue of a branch.
#[derive(Debug, Clone, Copy)]
pub(super) enum QueueAction {
    Clear,
    Pause(bool),
}

/// How long what was removed from a queue can be restored, ms.
pub(super) const UNDO: i64 = 10_000;

/// Returns the steps that may follow.
pub(super) fn after(state: &Expected) -> BoxedStrategy<Step> {
    let mut kinds = vec![(16, sends(state)), (20, events())];
    let generations = state.generations.len();
    if generations > 0 {
        kinds.push((34, of_generations(generations)));
        kinds.push((14, of_messages(state.messages.len())));
        kinds.push((3, of_branches(state.branches.len())));
        kinds.push((1, Just(Step::Reopen).boxed()));
    }
    kinds.push((8, of_queues(state.branches.len())));
    if !state.items.is_empty() {
        kinds.push((24, of_items(state.items.len())));
    }
    proptest::strategy::Union::new_weighted(kinds).boxed()
}

/// Returns whether a step of a shrunk sequence still names what exists.
pub(super) fn is_possible(state: &Expected, step: &Step) -> bool {
    match step {
        Step::SendAgain { generation } => state
            .generations
            .get(*generation)
            // The request of an answer that was deleted for good is a new one.
            .is_some_and(|generation| state.messages[generation.message].exists),
        Step::TakeOver { generation, .. }
        | Step::Renew { generation }
        | Step::Append { generation, .. }
        | Step::Finish { generation, .. }
        | Step::LateSweep { generation } => *generation < state.generations.len(),
        Step::Edit { message, .. } | Step::Answer { message, .. } | Step::Select { message } => {
            *message < state.messages.len()
        }
        Step::Fork { message } => {
            *message < state.messages.len() && state.branches.len() < MOST_BRANCHES
        }
        Step::Item { item, action } => state.items.get(*item).is_some_and(|item| {
            // A repeated send of what was deleted for good is a new one.
            !(matches!(action, ItemAction::SendAgain) && item.is_forgotten(state))
        }),
        Step::Send { branch, .. }
        | Step::DeleteBranch { branch, .. }
        | Step::Queue { branch, .. } => *branch < state.branches.len(),
        _ => true,
    }
}

/// Late and foreign ones as often as current ones.
fn one_of(count: usize) -> BoxedStrategy<usize> {
    prop_oneof![count.saturating_sub(3)..count, 0..count].boxed()
}

fn policy() -> BoxedStrategy<Option<SendPolicy>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(SendPolicy::Reject)),
        5 => Just(Some(SendPolicy::Queue)),
        1 => Just(Some(SendPolicy::Interrupt)),
        1 => Just(Some(SendPolicy::Rollback)),
    ]
    .boxed()
}

fn sends(state: &Expected) -> BoxedStrategy<Step> {
    (one_of(state.branches.len()), 0..INSTANCES, policy())
        .prop_map(|(branch, instance, policy)| Step::Send {
            branch,
            instance,
            policy,
        })
        .boxed()
}

fn events() -> BoxedStrategy<Step> {
    let clock = prop_oneof![
        4 => 0..lease() / 2,
        2 => lease() - 1..=lease() + 1,
        1 => Just(HOUR),
        1 => Just(-HOUR),
        1 => -lease()..0,
    ]
    .prop_map(|by| Step::Clock { by });
    prop_oneof![
        16 => clock,
        8 => Just(Step::Sweep),
        4 => (1..=BRANCHES).prop_map(|max_parallel| Step::Capacity { max_parallel }),
        2 => (0..INSTANCES).prop_map(|instance| Step::Crash { instance }),
        1 => policy().prop_map(|policy| Step::Policy { policy }),
    ]
    .boxed()
}

fn of_generations(count: usize) -> BoxedStrategy<Step> {
    let ended = prop_oneof![
        4 => Just(MessageStatus::Complete),
        1 => Just(MessageStatus::Stopped),
        1 => Just(MessageStatus::Failed),
    ];
    (one_of(count), 0..14_u8, "[a-zé ]{0,12}", ended)
        .prop_map(|(generation, choice, text, status)| match choice {
            0 => Step::SendAgain { generation },
            1 => Step::LateSweep { generation },
            2..=4 => Step::Renew { generation },
            5..=7 => Step::Append { generation, text },
            8 => Step::TakeOver {
                generation,
                takeover: Takeover::Interrupt,
            },
            9 => Step::TakeOver {
                generation,
                takeover: Takeover::Rollback,
            },
            _ => Step::Finish {
                generation,
                rest: text,
                status,
            },
        })
        .boxed()
}

fn of_messages(count: usize) -> BoxedStrategy<Step> {
    (one_of(count), 0..INSTANCES, 0..10_u8)
        .prop_map(|(message, instance, choice)| match choice {
            0..=2 => Step::Edit { message, instance },
            3..=5 => Step::Answer { message, instance },
            6..=8 => Step::Select { message },
            _ => Step::Fork { message },
        })
        .boxed()
}

fn of_branches(count: usize) -> BoxedStrategy<Step> {
    let deleted = (0..count, any::<bool>())
        .prop_map(|(branch, is_lost)| Step::DeleteBranch { branch, is_lost });
    prop_oneof![2 => deleted, 1 => Just(Step::PurgeBranches)].boxed()
}

fn of_queues(branches: usize) -> BoxedStrategy<Step> {
    let action = prop_oneof![
        1 => Just(QueueAction::Clear),
        2 => Just(QueueAction::Pause(true)),
        4 => Just(QueueAction::Pause(false)),
    ];
    let queue =
        (one_of(branches), action).prop_map(|(branch, action)| Step::Queue { branch, action });
    prop_oneof![
        3 => queue,
        1 => Just(Step::PauseQueues),
        6 => (0..INSTANCES).prop_map(|instance| Step::Drain { instance }),
        1 => Just(Step::PurgeRemoved),
    ]
    .boxed()
}

fn of_items(count: usize) -> BoxedStrategy<Step> {
    let action = (0..14_u8, 0..INSTANCES, 0..12_u32, any::<bool>()).prop_map(
        |(choice, instance, position, held)| match choice {
            0 | 1 => ItemAction::Edit,
            2 | 3 => ItemAction::Hold(held),
            4 | 5 => ItemAction::Move(position),
            6 | 7 => ItemAction::Remove,
            8 | 9 => ItemAction::Restore,
            10 => ItemAction::SendNow(instance),
            11 => ItemAction::BeginNext(instance),
            12 => ItemAction::SendAgain,
            _ => ItemAction::PauseAt,
        },
    );
    (one_of(count), action)
        .prop_map(|(item, action)| Step::Item { item, action })
        .boxed()
}
