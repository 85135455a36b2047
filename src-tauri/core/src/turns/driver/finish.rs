//! The end of a generation. It is stored in one transaction, which is retried for as long as the error may be
//! transient; meanwhile the lock is renewed, Stop is answered and the reason is shown. A permanent error ends
//! the answer in the windows immediately: with the text that the database accepts, and if it rejects even the
//! end, by setting the row aside.

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::storing::{STORE_RETRY_DELAY, StoreTask};
use super::{Driver, TurnContext};
use crate::events::CoreEvent;
use crate::live::aside::{Aside, publish_aside};
use crate::live::{Control, LiveAnswer, Registration, Successor};
use crate::model::{
    AnswerEnd, Ending, FencedWrite, Lease, LockReason, MessageError, MessageStatus, text_of,
};
use crate::provider::{Failure, FailureKind};
use crate::store::{BeginOutcome, Piece, StartedTurn, StoreError, Succession, Transient};
use crate::turns::turn::Event;

/// How much of an answer's Markdown is passed to the notification, in characters.
const EXCERPT: usize = 1000;

/// Runs the generation of a started turn and ends it on every path, a panic included.
pub(crate) async fn supervise(ctx: TurnContext, started: StartedTurn, registration: Registration) {
    let lease = started.lease.clone();
    let driver = Driver::new(ctx.clone(), started, registration);
    let Err(error) = tokio::spawn(driver.run()).await else {
        return;
    };
    tracing::error!(%error, generation = %lease.generation_id, "a generation task failed");
    let fault = Failure::new(
        FailureKind::Internal,
        "Internal error while this answer was being written",
    );
    let ending = Ending::new(MessageStatus::Failed, Some(fault.to_error()));
    let now = ctx.clock.now();
    match ctx.store.finish(&lease, None, &ending, now).await {
        Ok(FencedWrite::Written) => publish_end(&ctx, &lease, &ending, String::new()),
        Ok(FencedWrite::Lost) => {}
        Err(error) => {
            ctx.store.report_damage(&error);
            tracing::error!(%error, "the end of a failed generation could not be stored");
            set_aside(&ctx, Aside::new(lease.clone(), ending.clone(), None));
            publish_end(&ctx, &lease, &ending, String::new());
        }
    }
}

/// The next turn, which has begun, and who waits for it.
type Begun = (
    oneshot::Sender<Result<BeginOutcome, StoreError>>,
    BeginOutcome,
);

/// Another process owns the answer.
struct LeaseLost;

/// How a turn has ended.
enum End {
    /// It is stored.
    Stored(Ending),
    /// It cannot be stored, now or later.
    Refused(Ending),
    /// Another process owns the answer, or the next start recovers it.
    Left,
}

impl Driver {
    pub(super) async fn finish(mut self, ending: Ending) {
        // The connection is closed before anything is stored, so the next generation may use the provider.
        drop(self.activity.end());
        self.answer_probes();
        let mut requests = ControlRequests {
            is_stop: ending.status == MessageStatus::Stopped,
            quits: false,
        };
        if !requests.is_stop {
            self.stops.clear();
        }
        let mut succession = None;
        let end = self.store_end(ending, &mut requests, &mut succession).await;
        let (ending, aside) = match end {
            End::Stored(ending) => (ending, None),
            End::Refused(ending) => {
                let parts = self.answer.borrow().parts.clone();
                let aside = Aside::new(self.lease.clone(), ending.clone(), Some(parts));
                (ending, Some(aside))
            }
            End::Left => return,
        };
        let is_stored = aside.is_none();
        if let Some(aside) = aside {
            set_aside(&self.ctx, aside);
        }
        for done in self.stops {
            let _ = done.send(());
        }
        let excerpt = excerpt(&self.answer);
        publish_end(&self.ctx, &self.lease, &ending, excerpt);
        drop((self.registration, self.answer));
        // Its task begins when this answer has ended for its followers.
        if let Some((done, begun)) = succession {
            let _ = done.send(Ok(begun));
        }
        self.ctx.indexer.wake();
        if is_stored && let Err(error) = self.ctx.store.checkpoint_wal().await {
            tracing::warn!(%error, "the WAL was not checkpointed; retrying after the next answer");
        }
    }

    /// Stores the end, and with it the beginning of the turn that takes over, which it returns in `succession`.
    async fn store_end(
        &mut self,
        mut ending: Ending,
        requests: &mut ControlRequests,
        succession: &mut Option<Begun>,
    ) -> End {
        if let Some(saving) = self.saving.take() {
            let saved = self.meanwhile(saving, requests).await;
            if self.saved(saved) == Some(Event::LeaseLost) {
                return End::Left;
            }
        }
        if let Some(successor) = self.successor.take() {
            match self.succeed(*successor, &ending, requests).await {
                Ok(Some(begun)) => {
                    *succession = Some(begun);
                    return End::Stored(ending);
                }
                Ok(None) => {}
                Err(LeaseLost) => return End::Left,
            }
        }
        loop {
            let rest = (!self.unsaved.is_empty()).then(|| (self.next_chunk, self.unsaved.clone()));
            let storing = self.storing(rest, ending.clone());
            let error = match self.meanwhile(storing, requests).await {
                Ok(FencedWrite::Written) => return End::Stored(ending),
                Ok(FencedWrite::Lost) => return End::Left,
                Err(error) => error,
            };
            self.ctx.store.report_damage(&error);
            if let Some(condition) = error.transient() {
                self.cannot_store(condition);
                // The next start finds that the lock's holder is dead and keeps the saved text.
                if requests.quits || !self.renewed_meanwhile(requests).await {
                    return End::Left;
                }
                self.pause(requests).await;
                continue;
            }
            tracing::error!(%error, "the end of an answer cannot be stored");
            ending = ending.unstored(&error.to_string());
            if self.unsaved.is_empty() {
                return End::Refused(ending);
            }
            // Perhaps only the last piece is rejected: retry without it.
            self.unsaved = Piece::default();
        }
    }

    /// Stores the end and the beginning of the next turn in one transaction, once. If that fails, its caller gets the
    /// reason, and this answer still has to end.
    async fn succeed(
        &mut self,
        successor: Successor,
        ending: &Ending,
        requests: &mut ControlRequests,
    ) -> Result<Option<Begun>, LeaseLost> {
        let Successor { next, done } = successor;
        let rest = (!self.unsaved.is_empty()).then(|| (self.next_chunk, self.unsaved.clone()));
        let (store, lease, ending) = (self.ctx.store.clone(), self.lease.clone(), ending.clone());
        let (noting, now) = (self.note_first_token(), self.ctx.clock.now());
        let storing = StoreTask::begin(async move {
            noting.await;
            let rest = rest.as_ref().map(|(number, piece)| (*number, piece));
            store
                .finish_and_begin(&lease, rest, &ending, &next, now)
                .await
        });
        match self.meanwhile(storing, requests).await {
            Ok(Succession::Begun(begun)) => return Ok(Some((done, begun))),
            Ok(Succession::Lost) => return Err(LeaseLost),
            Ok(Succession::Refused(outcome)) => drop(done.send(Ok(outcome))),
            Err(error) => drop(done.send(Err(error))),
        }
        Ok(None)
    }

    fn storing(
        &mut self,
        rest: Option<(i64, Piece)>,
        ending: Ending,
    ) -> StoreTask<Result<FencedWrite, StoreError>> {
        let (store, lease) = (self.ctx.store.clone(), self.lease.clone());
        let (noting, now) = (self.note_first_token(), self.ctx.clock.now());
        StoreTask::begin(async move {
            noting.await;
            let rest = rest.as_ref().map(|(number, piece)| (*number, piece));
            store.finish(&lease, rest, &ending, now).await
        })
    }

    /// Renews the lock while the end waits. Returns false when another process owns the lock.
    async fn renewed_meanwhile(&mut self, requests: &mut ControlRequests) -> bool {
        self.renew();
        let Some(renewing) = self.renewing.take() else {
            return true;
        };
        !matches!(
            self.meanwhile(renewing, requests).await,
            Ok(FencedWrite::Lost)
        )
    }

    /// Waits for the database, and handles control messages meanwhile.
    async fn meanwhile<T: Send + 'static>(
        &mut self,
        work: StoreTask<T>,
        requests: &mut ControlRequests,
    ) -> T {
        let stuck_at = work.stuck_at();
        let mut work = Some(work);
        loop {
            let is_silent = self.answer.borrow().unstored.is_none();
            tokio::select! {
                biased;
                done = StoreTask::end(&mut work) => return done,
                control = self.registration.control.recv(), if !requests.quits => {
                    requests.record(control, &mut self.stops);
                }
                () = sleep_until(stuck_at), if is_silent => self.cannot_store(Transient::Silent),
            }
        }
    }

    /// Waits for the retry delay, or until the application quits.
    async fn pause(&mut self, requests: &mut ControlRequests) {
        let until = Instant::now() + STORE_RETRY_DELAY;
        while !requests.quits {
            tokio::select! {
                () = sleep_until(until) => return,
                control = self.registration.control.recv() => requests.record(control, &mut self.stops),
            }
        }
    }
}

/// Control messages received while a generation ends.
struct ControlRequests {
    /// The user stopped it, so callers of Stop are answered.
    is_stop: bool,
    quits: bool,
}

impl ControlRequests {
    fn record(&mut self, control: Option<Control>, stops: &mut Vec<oneshot::Sender<()>>) {
        match control {
            Some(Control::Stop(done)) if self.is_stop => stops.push(done),
            Some(Control::Heartbeat(done)) => {
                let _ = done.send(());
            }
            // One that takes over comes too late; its caller asks again when this answer has ended.
            Some(Control::Stop(_) | Control::TakeOver(_) | Control::Woke) => {}
            Some(Control::Quit) | None => self.quits = true,
        }
    }
}

fn excerpt(answer: &watch::Sender<LiveAnswer>) -> String {
    let text = text_of(&answer.borrow().parts);
    text.chars().take(EXCERPT).collect()
}

fn set_aside(ctx: &TurnContext, aside: Aside) {
    let lease = aside.lease.clone();
    ctx.aside.set(aside);
    publish_aside(ctx.store.events(), &lease, LockReason::Released);
}

fn publish_end(ctx: &TurnContext, lease: &Lease, ending: &Ending, excerpt: String) {
    let reason = |error: &MessageError| error.message.clone();
    let end = AnswerEnd {
        conversation_id: lease.conversation_id.clone(),
        status: ending.status,
        excerpt: ending.error.as_ref().map_or(excerpt, reason),
    };
    ctx.store.events().publish(CoreEvent::AnswerEnded(end));
}
