//! Lock events are published in fence order, and the last one matches the database's state.

use std::sync::Arc;

use shuttle::thread;

use super::locked;
use crate::events::{CoreEvent, Events};
use crate::model::{BranchId, ConversationId, LockChange, LockReason};
use crate::sync::{self, Mutex};

/// Turns per writer.
const TURNS: usize = 2;

/// A branch's lock: the fence, and whether it is held.
type Row = (i64, bool);

/// Writers acquire and release the lock and publish each change after they have released the database, as commits do;
/// a watcher publishes what it read, as the one for other processes does.
pub(super) fn the_last_event_matches_the_database() {
    sync::begin(false);
    let (database, bus) = (
        Arc::new(Mutex::new((0, false))),
        Arc::new(Events::default()),
    );
    let mut listener = bus.subscribe();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (database, bus) = (Arc::clone(&database), Arc::clone(&bus));
        tasks.push(thread::spawn(move || {
            for _ in 0..TURNS {
                let Some(fence) = acquire(&database) else {
                    continue;
                };
                bus.publish(CoreEvent::Lock(change(fence, LockReason::Acquired)));
                release(&database, fence);
                bus.publish(CoreEvent::Lock(change(fence, LockReason::Released)));
            }
        }));
    }
    tasks.push(thread::spawn({
        let (database, bus) = (Arc::clone(&database), Arc::clone(&bus));
        move || {
            for _ in 0..TURNS {
                let (fence, held) = read(&database);
                let reason = if held {
                    LockReason::Acquired
                } else {
                    LockReason::Released
                };
                if fence > 0 {
                    bus.publish(CoreEvent::Lock(change(fence, reason)));
                }
            }
        }
    }));
    for task in tasks {
        assert!(task.join().is_ok(), "a task panicked");
    }

    let mut last = (0, false);
    while let Ok(CoreEvent::Lock(event)) = listener.try_recv() {
        let place = |row: Row| (row.0, !row.1);
        let event = (event.fence, event.locked);
        assert!(
            last == (0, false) || place(event) > place(last),
            "{event:?} was published after {last:?} (I9)"
        );
        last = event;
    }
    assert_eq!(
        last,
        read(&database),
        "the last event is not the database's state (I9)"
    );
}

fn read(database: &Mutex<Row>) -> Row {
    *locked(database)
}

fn acquire(database: &Mutex<Row>) -> Option<i64> {
    let mut row = locked(database);
    if row.1 {
        return None;
    }
    *row = (row.0 + 1, true);
    Some(row.0)
}

fn release(database: &Mutex<Row>, fence: i64) {
    let mut row = locked(database);
    if *row == (fence, true) {
        row.1 = false;
    }
}

fn change(fence: i64, reason: LockReason) -> LockChange {
    LockChange {
        conversation_id: ConversationId::from("conversation".to_owned()),
        branch_id: BranchId::from("branch".to_owned()),
        locked: reason == LockReason::Acquired,
        generation_id: None,
        message_id: None,
        fence,
        reason,
        conversation: None,
    }
}
