//! How an answer starts: at once, in place of the one that runs on its branch, or later, from the queue.

use super::Turns;
use super::driver::supervise;
use super::request::title_of;
use crate::attachments::AttachmentError;
use crate::error::{Error, Result};
use crate::live::Registration;
use crate::model::{
    AttemptSource, BranchId, ConversationId, Entity, GenerationId, QueuedMessageId, QueuedTurn,
    SendOutcome, TurnRequest, TurnTarget,
};
use crate::store::{BeginOutcome, BeginTurn, NextQueued, NextTurn, StoreError};

/// How often a send tries to stop what runs on its branch: each time, another answer may have begun meanwhile.
const TAKEOVERS: usize = 5;

impl Turns {
    /// Starts an answer: stores a new message with its files, and an empty answer under the lock. All of it is
    /// durable when it returns `Accepted`. While an answer is running, the policy of the send decides.
    ///
    /// # Errors
    /// While an answer is running that the policy does not stop, and when the request is invalid or names what does
    /// not exist. Nothing but the attempt is stored then.
    pub async fn start(&self, request: TurnRequest) -> Result<SendOutcome> {
        let checked = self.check(&request).await?;
        let is_answer = matches!(request.target, TurnTarget::Answer(_));
        let begun = self.begin(request, &checked.conversation_id, checked.title);
        outcome(begun.await?, is_answer)
    }

    /// Sends a queued message at once, also from a paused queue. A running answer of its branch is stopped, its text is
    /// kept, and the queue is not paused.
    ///
    /// # Errors
    /// When the message does not wait any more, its model or a file is gone, or other branches use up the
    /// conversation's capacity. It keeps waiting then.
    pub async fn send_now(&self, id: QueuedMessageId) -> Result<SendOutcome> {
        let store = &self.ctx.store;
        let queued = store.inspect_damage(store.queued_message(&id).await)?;
        let Some(queued) = queued else {
            let sent = store.inspect_damage(store.sent_from_queue(&id).await)?;
            return sent
                .map(SendOutcome::Accepted)
                .ok_or(Error::NotFound(Entity::QueuedMessage));
        };
        self.check_queued(&queued).await?;
        let request = TurnRequest::queued(QueuedTurn::Now(id));
        let title = title_of_queued(&queued);
        let begun = self.begin(request, &queued.conversation_id, Some(title));
        outcome(begun.await?, false)
    }

    /// Starts the answer to the next message of a queue. Returns false if something has changed since it was read.
    ///
    /// # Errors
    /// When the message cannot be sent: its model or a file is gone.
    pub(super) async fn start_next(&self, next: &NextQueued) -> Result<bool> {
        self.check_queued(next).await?;
        let request = TurnRequest::queued(QueuedTurn::Next(next.id.clone()));
        let title = title_of_queued(next);
        match self
            .begin(request, &next.conversation_id, Some(title))
            .await?
        {
            BeginOutcome::AttachmentGone => Err(AttachmentError::Gone.into()),
            begun => Ok(matches!(begun, BeginOutcome::Started(_))),
        }
    }

    /// Begins a turn, and starts the task that writes its answer.
    async fn begin(
        &self,
        request: TurnRequest,
        conversation_id: &ConversationId,
        title: Option<String>,
    ) -> Result<BeginOutcome> {
        let mut taken = 0;
        loop {
            self.take_back(conversation_id).await?;
            self.renew_own(conversation_id).await?;
            let generation_id = GenerationId::fresh();
            let registration = self
                .live
                .register(generation_id.clone(), conversation_id.clone());
            if self.quitting.is_cancelled() {
                return Err(Error::ShuttingDown);
            }
            let turn = BeginTurn {
                request: request.clone(),
                title: title.clone(),
                generation_id,
                instance_id: self.instance_id.clone(),
            };
            let store = &self.ctx.store;
            let begun = store.begin(&turn, self.ctx.clock.now()).await;
            let (branch_id, running, takeover) = match store.inspect_damage(begun)? {
                BeginOutcome::StopFirst {
                    branch_id,
                    generation_id,
                    takeover,
                } => (branch_id, generation_id, takeover),
                begun => {
                    self.run(&begun, registration);
                    return Ok(begun);
                }
            };
            let busy = Busy {
                conversation_id,
                branch_id,
                source: request.source,
            };
            taken += 1;
            let next = NextTurn { turn, takeover };
            // An answer of another process cannot be stopped from here.
            let Some(begun) = self.live.take_over(&running, next) else {
                return self.refused(busy).await;
            };
            // A caller that goes away must not leave a turn behind without a task.
            let turns = self.clone();
            let beginning = self.tasks.spawn(async move {
                let begun = begun.await.ok()?;
                if let Ok(begun) = &begun {
                    turns.run(begun, registration);
                }
                Some(begun)
            });
            match beginning.await {
                Ok(Some(Ok(BeginOutcome::Busy { branch_id }))) => {
                    return self.refused(Busy { branch_id, ..busy }).await;
                }
                Ok(Some(begun)) => return Ok(store.inspect_damage(begun)?),
                // It ended by itself before it could be stopped.
                Ok(None) if taken < TAKEOVERS => self.live.ended(&running).await,
                Ok(None) | Err(_) => return self.refused(busy).await,
            }
        }
    }

    /// Starts the task of a turn, if one has begun.
    fn run(&self, begun: &BeginOutcome, registration: Registration) {
        if let BeginOutcome::Started(started) = begun {
            let started = (**started).clone();
            self.tasks
                .spawn(supervise(self.ctx.clone(), started, registration));
        }
    }

    async fn refused(&self, busy: Busy<'_>) -> Result<BeginOutcome> {
        let (store, now) = (&self.ctx.store, self.ctx.clock.now());
        let refused: Result<(), StoreError> = store
            .record_refused(busy.conversation_id, &busy.branch_id, busy.source, now)
            .await;
        store.inspect_damage(refused)?;
        Ok(BeginOutcome::Busy {
            branch_id: busy.branch_id,
        })
    }
}

/// A send that could not stop what runs.
struct Busy<'a> {
    conversation_id: &'a ConversationId,
    /// It holds the lock.
    branch_id: BranchId,
    source: AttemptSource,
}

fn title_of_queued(queued: &NextQueued) -> String {
    let first = queued.attachments.first();
    title_of(&queued.content, first.map(|file| file.name.as_str()))
}

/// Returns what a client gets.
fn outcome(begun: BeginOutcome, is_answer: bool) -> Result<SendOutcome> {
    match begun {
        BeginOutcome::Started(started) => Ok(SendOutcome::Accepted(started.accepted)),
        BeginOutcome::Duplicate(accepted) => Ok(SendOutcome::Accepted(accepted)),
        BeginOutcome::Queued(queued) => Ok(SendOutcome::Queued(queued)),
        BeginOutcome::QueueFull => Err(Error::QueueFull),
        BeginOutcome::Busy { branch_id } | BeginOutcome::StopFirst { branch_id, .. } => {
            Err(if is_answer {
                Error::GenerateWhileGenerating { branch_id }
            } else {
                Error::SendWhileGenerating { branch_id }
            })
        }
        BeginOutcome::NotEditable => Err(Error::InvalidArgument(
            "Only your own messages can be edited",
        )),
        BeginOutcome::NotFound(entity) => Err(Error::NotFound(entity)),
        BeginOutcome::NotNext => Err(Error::NotFound(Entity::QueuedMessage)),
        BeginOutcome::AttachmentGone => Err(AttachmentError::Gone.into()),
    }
}
