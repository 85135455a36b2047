//! The way of a generation to its provider: which model is meant, a slot at its gate, and the request
//! itself with what the conversation asks of the model.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::attached::with_attachments;
use super::context::fitted;
use super::driver::{STORE_AGAIN, Surroundings};
use super::live::{LiveAnswer, Phase};
use crate::lock::Lease;
use crate::provider::{
    AnswerStream, ChatRequest, Endpoint, Failure, FailureKind, Gate, Meant, RequestBudget, Slot,
    Whose,
};
use crate::store::StoreError;

/// What came of a request: the answer that begins, or why there is none.
pub(super) type Asked = Result<(AnswerStream, Option<RequestBudget>), Failure>;

/// The right to ask a model.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) endpoint: Endpoint,
    pub(super) slot: Slot,
}

/// Finds the model, and waits for a slot at its provider; what it waits for is told by the answer's
/// phase. Whoever was admitted `before` keeps the slot, and only waits for the moment to ask again.
pub(super) async fn admit(
    around: Surroundings,
    model_id: Option<String>,
    before: Option<Box<Admission>>,
    answer: watch::Sender<LiveAnswer>,
) -> Result<Box<Admission>, Failure> {
    let providers = &around.providers;
    let model_id = model_id.as_deref();
    let meant = stored(&around, &answer, || providers.meant(model_id)).await??;
    if matches!(meant, Meant::Embedded) {
        answer.send_modify(|answer| answer.phase = Phase::StartingModel);
    }
    let endpoint = providers.endpoint(meant, around.clock.now()).await?;
    let provider = endpoint.provider.name.clone();
    let clock = &around.clock;
    let waiting = |until: Option<Instant>| {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let until = until.map(left).filter(|left| *left > Duration::ZERO);
        let phase = Phase::WaitingForSlot {
            provider: provider.clone(),
            until: until.map(|left| clock.now() + left),
        };
        answer.send_modify(|answer| answer.phase = phase);
    };
    let slot = if let Some(before) = before {
        before.slot.enter_again(waiting).await
    } else {
        let place = providers.gate(&endpoint.provider).queue_up();
        providers.learn_slots(&place, &endpoint).await;
        place.enter(waiting).await
    };
    Ok(Box::new(Admission { endpoint, slot }))
}

/// How long a server of the user's own may say nothing before it is taken for busy with another answer.
const BUSY_AFTER: Duration = Duration::from_secs(2);

/// Who waits for a response, for those who watch.
pub(super) struct Waiting {
    gate: Arc<Gate>,
    provider: String,
    whose: Whose,
    answer: watch::Sender<LiveAnswer>,
}

impl Waiting {
    pub(super) fn new(admission: &Admission, answer: &watch::Sender<LiveAnswer>) -> Self {
        let provider = &admission.endpoint.provider;
        Self {
            gate: admission.slot.gate(),
            provider: provider.name.clone(),
            whose: provider.whose(),
            answer: answer.clone(),
        }
    }

    /// A server with one slot that does not say so gives a second request not even a head until the
    /// first has its answer. Never returns.
    async fn tell(&self) {
        if self.whose == Whose::Remote {
            return std::future::pending().await;
        }
        loop {
            sleep(BUSY_AFTER).await;
            if self.gate.is_shared() {
                self.becomes(&Phase::Connecting, self.slot());
            } else {
                self.ends();
            }
        }
    }

    fn slot(&self) -> Phase {
        Phase::WaitingForSlot {
            provider: self.provider.clone(),
            until: None,
        }
    }

    fn ends(&self) {
        self.becomes(&self.slot(), Phase::Connecting);
    }

    fn becomes(&self, from: &Phase, to: Phase) {
        self.answer.send_if_modified(|answer| {
            let changes = answer.phase == *from;
            if changes {
                answer.phase = to;
            }
            changes
        });
    }
}

/// Notes the model on the answer, and asks it.
pub(super) async fn ask(
    around: Surroundings,
    lease: Lease,
    endpoint: Endpoint,
    waiting: Waiting,
) -> Asked {
    let asked = tokio::select! {
        asked = noted(&around, &lease, &endpoint, &waiting.answer) => asked,
        () = waiting.tell() => std::future::pending().await,
    };
    waiting.ends();
    asked
}

async fn noted(
    around: &Surroundings,
    lease: &Lease,
    endpoint: &Endpoint,
    answer: &watch::Sender<LiveAnswer>,
) -> Asked {
    // A lost lock shows at the next heartbeat or save; here it only means that nothing was noted.
    let note = stored(around, answer, || {
        around.store.set_model(lease, &endpoint.model_id)
    });
    let (_, asked) = tokio::try_join!(note, send(around, lease, endpoint, answer))?;
    Ok(asked)
}

async fn send(
    around: &Surroundings,
    lease: &Lease,
    endpoint: &Endpoint,
    answer: &watch::Sender<LiveAnswer>,
) -> Asked {
    let store = &around.store;
    let (messages, own, settings) = tokio::try_join!(
        stored(around, answer, || store.messages_before(&lease.message_id)),
        stored(around, answer, || store.parameters(&lease.conversation_id)),
        stored(around, answer, || store.settings()),
    )?;
    let parameters = own.or(&settings.parameters);
    let messages = with_attachments(messages, endpoint.sees);
    let fitted = fitted(messages, &parameters, endpoint.context_tokens);
    let request = ChatRequest {
        model: &endpoint.model,
        messages: &fitted.messages,
        parameters: &parameters,
    };
    let (network, now) = (around.providers.network(), around.clock.now());
    let (mut answer, headers) = AnswerStream::open(network, endpoint, &request, now).await?;
    answer.left_out(fitted.left_out);
    Ok((answer, RequestBudget::read(&headers, now)))
}

/// Asks the store. What passes is tried again and said while it lasts; Stop is heard meanwhile.
async fn stored<T, F>(
    around: &Surroundings,
    answer: &watch::Sender<LiveAnswer>,
    call: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    until_stored(answer, |error| around.heed(error), call).await
}

async fn until_stored<T, F>(
    answer: &watch::Sender<LiveAnswer>,
    heed: impl Fn(&StoreError),
    call: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let says = |reason: Option<&'static str>| {
        answer.send_if_modified(|answer| std::mem::replace(&mut answer.unstored, reason) != reason)
    };
    let mut has_failed = false;
    loop {
        match call().await {
            Ok(done) => {
                if has_failed {
                    says(None);
                }
                return Ok(done);
            }
            Err(error) => {
                heed(&error);
                let Some(passing) = error.passing() else {
                    return Err(Failure::new(FailureKind::Internal, error.to_string()));
                };
                has_failed = true;
                if says(Some(passing.reason())) {
                    tracing::warn!(%error, "the store is asked again for an answer");
                }
                sleep(STORE_AGAIN).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ids::MessageId;
    use crate::store::Passing;

    fn busy() -> StoreError {
        StoreError::Passing {
            passing: Passing::Busy,
            source: sqlx::Error::PoolTimedOut,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_asked_again_and_said_while_it_lasts() {
        let (answer, seen) = watch::channel(LiveAnswer::new(MessageId::fresh()));
        let (calls, said) = (Cell::new(0), Cell::new(None));
        let stored = until_stored(
            &answer,
            |error| assert!(!error.is_damage()),
            async || {
                calls.set(calls.get() + 1);
                if calls.get() < 3 {
                    return Err(busy());
                }
                said.set(seen.borrow().unstored);
                Ok(7)
            },
        );
        assert_eq!(stored.await.unwrap(), 7);
        assert_eq!(said.get(), Some(Passing::Busy.reason()));
        assert_eq!(seen.borrow().unstored, None, "it is over");
    }

    #[tokio::test]
    async fn what_lasts_ends_it_and_damage_is_heeded() {
        let (answer, _seen) = watch::channel(LiveAnswer::new(MessageId::fresh()));
        let heeded = Cell::new(false);
        let stored = until_stored(
            &answer,
            |error| heeded.set(error.is_damage()),
            async || Err::<(), _>(StoreError::Damaged(sqlx::Error::RowNotFound)),
        );
        assert_eq!(stored.await.unwrap_err().kind, FailureKind::Internal);
        assert!(heeded.get());
    }
}
