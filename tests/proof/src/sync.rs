//! Replaces the core's module of that name: [shuttle](https://docs.rs/shuttle)'s locks, with an additional preemption
//! point after each unlock. Shuttle has one before each of its own operations, but what follows an unlock here is
//! often a tokio channel, which shuttle does not instrument.
//!
//! Time is the schedule's, too: it is frozen, or jumps to any pending deadline, so that a wait may end at any moment.

use std::cell::Cell;
use std::ops::{Add, Deref, DerefMut};
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use futures_util::future::{Either, select};
use shuttle::rand::Rng;
use shuttle::{future, rand, sync};

pub(crate) use shuttle::thread;

#[derive(Debug)]
pub(crate) struct Mutex<T: ?Sized>(sync::Mutex<T>);

/// Holds the lock until it is dropped.
pub(crate) struct MutexGuard<'a, T: ?Sized>(Option<sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> {
        match self.0.lock() {
            Ok(guard) => Ok(MutexGuard(Some(guard))),
            Err(poisoned) => Err(PoisonError::new(MutexGuard(Some(poisoned.into_inner())))),
        }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.0 = None;
        if !std::thread::panicking() {
            thread::yield_now();
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("locked")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("locked")
    }
}

thread_local! {
    /// Time since the schedule began, and whether time advances. All tasks of a schedule run on one thread.
    static NOW: Cell<(Duration, bool)> = const { Cell::new((Duration::ZERO, true)) };
}

/// Begins a schedule in which time advances or is frozen.
pub(crate) fn begin(time_goes_on: bool) {
    NOW.set((Duration::ZERO, time_goes_on));
}

/// A moment of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get().0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// Waits until then: for some yields, or until another task's wait ends.
pub(crate) async fn sleep_until(until: Instant) {
    while Instant::now() < until {
        future::yield_now().await;
        let (now, goes_on) = NOW.get();
        if !goes_on {
            std::future::pending::<()>().await;
        }
        if rand::thread_rng().gen_ratio(1, 4) {
            NOW.set((now.max(until.0), goes_on));
        }
    }
}

/// Returns the output of a future; `None` on a timeout.
pub(crate) async fn within<T>(patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    let over = pin!(sleep_until(Instant::now() + patience));
    match select(pin!(future), over).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
