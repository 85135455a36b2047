//! The path of a generation to its provider: resolves the model, acquires a permit at its gate, and sends the
//! request with the conversation's parameters.

use std::sync::Arc;
use std::time::Duration;

use conch_provider::slots;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::attached::{Recipient, with_attachments};
use super::context::{Budget, Fitted};
use super::driver::{STORE_RETRY_DELAY, TurnContext};
use crate::live::{LiveAnswer, Phase};
use crate::model::{Lease, Omitted, Parameters};
use crate::provider::{
    AnswerStream, ChatMessage, ChatRequest, Endpoint, Failure, FailureKind, Gate, Locality,
    ModelRef, Permit, Providers, Refusal, RequestBudget, Response, StreamEvent,
};
use crate::store::StoreError;

/// The outcome of a request: the answer's stream, or why there is none.
pub(super) type OpenResult = Result<(AnswerStream, Option<RequestBudget>), Failure>;

/// The right to send a request to a model.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) endpoint: Endpoint,
    pub(super) permit: Permit,
}

impl Admission {
    /// Passes the outcome of a request to the gate, and returns it without the key.
    pub(super) fn note(&mut self, opened: OpenResult) -> Result<AnswerStream, Failure> {
        match opened {
            Ok((stream, budget)) => {
                self.permit.note(&Response::Accepted(budget));
                Ok(stream)
            }
            Err(failure) => {
                self.permit.note(&Response::Failed(&failure));
                Err(self.without_key(failure))
            }
        }
    }

    /// Passes a failure within the stream to the gate, because some providers report their rate limit there, and
    /// returns it without the key.
    pub(super) fn inspect(&mut self, event: StreamEvent) -> StreamEvent {
        let StreamEvent::Failed(failure) = event else {
            return event;
        };
        let failure = self.without_key(failure);
        self.permit.note_in_stream(&failure);
        StreamEvent::Failed(failure)
    }

    fn without_key(&self, failure: Failure) -> Failure {
        self.endpoint.provider.without_key(failure)
    }
}

/// Resolves the model, and waits for a permit at its provider; meanwhile the answer's phase shows what it
/// waits for. An admission from `before` keeps its permit, and waits only for the moment to retry.
pub(super) async fn acquire_admission(
    ctx: TurnContext,
    model_id: Option<String>,
    before: Option<Box<Admission>>,
    answer: watch::Sender<LiveAnswer>,
) -> Result<Box<Admission>, Failure> {
    let providers = &ctx.providers;
    let model_id = model_id.as_deref();
    let model_ref = stored(&ctx, &answer, || providers.resolve_model(model_id)).await??;
    if matches!(model_ref, ModelRef::Embedded) {
        answer.send_modify(|answer| answer.phase = Phase::StartingModel);
    }
    let endpoint = providers.endpoint(model_ref, ctx.clock.now()).await?;
    let provider = endpoint.provider.name.clone();
    let clock = &ctx.clock;
    let waiting = |until: Option<Instant>| {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let until = until.map(left).filter(|left| *left > Duration::ZERO);
        let phase = Phase::WaitingForSlot {
            provider: provider.clone(),
            until: until.map(|left| clock.now() + left),
        };
        answer.send_modify(|answer| answer.phase = phase);
    };
    let permit = if let Some(before) = before {
        before.permit.reacquire(waiting).await
    } else {
        let place = providers.gate(&endpoint.provider).queue_up();
        slots::learn_slots(providers.network(), &place, &endpoint).await;
        place.acquire(waiting).await
    };
    Ok(Box::new(Admission { endpoint, permit }))
}

/// How long a self-hosted server may be silent before it counts as busy with another answer.
const BUSY_AFTER: Duration = Duration::from_secs(2);

/// A request that waits for its response, and the answer whose phase shows it.
struct Waiting {
    gate: Arc<Gate>,
    provider: String,
    locality: Locality,
    answer: watch::Sender<LiveAnswer>,
}

impl Waiting {
    fn new(admission: &Admission, answer: &watch::Sender<LiveAnswer>) -> Self {
        let provider = &admission.endpoint.provider;
        Self {
            gate: admission.permit.gate(),
            provider: provider.name.clone(),
            locality: provider.locality(),
            answer: answer.clone(),
        }
    }

    /// Updates the phase while the request waits. A server with one slot that does not report it sends a
    /// second request no response headers until the first is answered. Never returns.
    async fn run(&self) {
        if self.locality == Locality::Remote {
            return std::future::pending().await;
        }
        loop {
            sleep(BUSY_AFTER).await;
            if self.gate.is_shared() {
                self.becomes(&Phase::Connecting, self.waiting_phase());
            } else {
                self.ends();
            }
        }
    }

    fn waiting_phase(&self) -> Phase {
        Phase::WaitingForSlot {
            provider: self.provider.clone(),
            until: None,
        }
    }

    fn ends(&self) {
        self.becomes(&self.waiting_phase(), Phase::Connecting);
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

/// What a request is for.
pub(super) struct Request {
    pub(super) ctx: TurnContext,
    pub(super) lease: Lease,
    /// `None` for those of the conversation, with the defaults of all.
    pub(super) parameters: Option<Parameters>,
}

/// Stores the model with the answer, and sends the request.
pub(super) async fn open_stream(
    request: Request,
    admission: Box<Admission>,
    answer: watch::Sender<LiveAnswer>,
) -> (Box<Admission>, OpenResult) {
    let waiting = Waiting::new(&admission, &answer);
    let opened = tokio::select! {
        opened = noted(&request, &admission.endpoint, &answer) => opened,
        () = waiting.run() => std::future::pending().await,
    };
    waiting.ends();
    let (providers, now) = (&request.ctx.providers, request.ctx.clock.now());
    providers.note_request(&admission.endpoint, opened.as_ref().map(drop), now);
    (admission, opened)
}

async fn noted(
    request: &Request,
    endpoint: &Endpoint,
    answer: &watch::Sender<LiveAnswer>,
) -> OpenResult {
    let Request { ctx, lease, .. } = request;
    // A lost lock shows at the next heartbeat or save; here it only means that the model was not stored.
    let note = stored(ctx, answer, || {
        ctx.store.set_model(lease, &endpoint.model_id)
    });
    let (_, opened) = tokio::try_join!(note, send(request, endpoint, answer))?;
    Ok(opened)
}

async fn send(
    request: &Request,
    endpoint: &Endpoint,
    answer: &watch::Sender<LiveAnswer>,
) -> OpenResult {
    let Request { ctx, lease, .. } = request;
    let (messages, parameters) = tokio::try_join!(
        stored(ctx, answer, || ctx.store.history(&lease.message_id)),
        parameters(request, answer),
    )?;
    let recipient = Recipient {
        model_id: &endpoint.model_id,
        protocol: endpoint.provider.protocol,
        vision: endpoint.record.vision,
    };
    let messages = with_attachments(messages, recipient);
    let mut record = endpoint.record.clone();
    let (network, now) = (ctx.providers.network(), ctx.clock.now());
    let fitted = fitted(&ctx.providers, endpoint, messages, &parameters).await;
    // A refused request produced no answer, so it is sent again without the parameter that the refusal names. Each
    // refusal takes one away, and is remembered when the request without it is accepted.
    let mut refusals = Vec::new();
    let (mut opened, headers) = loop {
        let request = ChatRequest {
            model: &endpoint.model,
            messages: &fitted.messages,
            parameters: &parameters,
            record: &record,
        };
        let opening = AnswerStream::open(network, endpoint, &request, now).await;
        let failure = match opening {
            Ok(opened) => break opened,
            Err(failure) => failure,
        };
        let Some(refusal) = Refusal::in_failure(&failure, &parameters, &record) else {
            return Err(failure);
        };
        tracing::info!(
            model = endpoint.model_id,
            ?refusal,
            "a parameter was refused"
        );
        record.learn(refusal.clone());
        refusals.push(refusal);
    };
    ctx.providers.remember(endpoint, refusals);
    let not_sent = record.not_sent(&parameters);
    if !not_sent.is_empty() {
        let noted = stored(ctx, answer, || ctx.store.set_not_sent(lease, &not_sent)).await;
        if let Err(failure) = noted {
            // It is a detail, and the answer is here.
            tracing::warn!(
                message = failure.message,
                "the parameters that were not sent are not stored"
            );
        }
    }
    opened.prepend_omitted(fitted.omitted);
    Ok((opened, RequestBudget::read(&headers, now)))
}

/// Drops what does not fit the model's context, by the provider's count where the estimate leaves it open.
async fn fitted(
    providers: &Providers,
    endpoint: &Endpoint,
    messages: Vec<ChatMessage>,
    parameters: &Parameters,
) -> Fitted {
    let record = &endpoint.record;
    let Some(mut budget) = Budget::of(&messages, parameters, record.context_tokens) else {
        return Fitted {
            messages,
            omitted: Omitted::default(),
        };
    };
    if budget.is_close() {
        let request = ChatRequest {
            model: &endpoint.model,
            messages: &messages,
            parameters,
            record,
        };
        if let Some(tokens) = providers.count(endpoint, &request).await {
            budget.count(tokens);
        }
    }
    budget.cut(messages)
}

/// Returns the parameters of a request: those of its queued message, or of the conversation with the defaults.
async fn parameters(
    request: &Request,
    answer: &watch::Sender<LiveAnswer>,
) -> Result<Parameters, Failure> {
    if let Some(parameters) = &request.parameters {
        return Ok(parameters.clone());
    }
    let (ctx, profile) = (&request.ctx, request.ctx.store.profile());
    let conversation_id = &request.lease.conversation_id;
    let (own, settings) = tokio::try_join!(
        stored(ctx, answer, || ctx.store.parameters(conversation_id)),
        stored(ctx, answer, || profile.settings()),
    )?;
    Ok(own.or(&settings.parameters))
}

/// Calls the store, and retries transient errors, which are shown meanwhile. May be dropped, as on Stop.
async fn stored<T, F>(
    ctx: &TurnContext,
    answer: &watch::Sender<LiveAnswer>,
    call: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    until_stored(answer, |error| ctx.store.report_damage(error), call).await
}

async fn until_stored<T, F>(
    answer: &watch::Sender<LiveAnswer>,
    report_damage: impl Fn(&StoreError),
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
                report_damage(&error);
                let Some(condition) = error.transient() else {
                    return Err(Failure::new(FailureKind::Internal, error.to_string()));
                };
                has_failed = true;
                if says(Some(condition.reason())) {
                    tracing::warn!(%error, "a database query for an answer failed; retrying");
                }
                sleep(STORE_RETRY_DELAY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::MessageId;
    use crate::store::Transient;

    fn busy() -> StoreError {
        StoreError::Transient {
            condition: Transient::Busy,
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
        assert_eq!(said.get(), Some(Transient::Busy.reason()));
        assert_eq!(seen.borrow().unstored, None, "it is over");
    }

    #[tokio::test]
    async fn a_lasting_error_ends_the_call_and_damage_is_reported() {
        let (answer, _seen) = watch::channel(LiveAnswer::new(MessageId::fresh()));
        let inspect_damage = Cell::new(false);
        let stored = until_stored(
            &answer,
            |error| inspect_damage.set(error.is_damage()),
            async || Err::<(), _>(StoreError::Damaged(sqlx::Error::RowNotFound)),
        );
        assert_eq!(stored.await.unwrap_err().kind, FailureKind::Internal);
        assert!(inspect_damage.get());
    }
}
