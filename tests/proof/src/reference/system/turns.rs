//! How a turn begins in the store, and what it created, in the model's numbers.

use anyhow::{Context, bail, ensure};

use conch_core::model::{
    Accepted, BranchId, Ending, GenerationId, MessageId, MessageStatus, NewMessage, QueuedTurn,
    SendPolicy, Timestamp, TurnRequest,
};
use conch_core::store::{BeginOutcome, BeginTurn, Holder, NextTurn, Succession, Takeover};

use super::{Granted, Queued, System, instance_id};
use crate::reference::expected::{Outcome, Target};

impl System<'_> {
    /// Begins a turn; for one that wants the answer of its branch stopped, the owner of that answer does so.
    pub(super) async fn turn(
        &mut self,
        target: &Target,
        instance: usize,
        policy: Option<SendPolicy>,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let turn = self.begin_turn(target, instance, policy);
        match self.store.begin(&turn, now).await? {
            BeginOutcome::StopFirst {
                generation_id,
                takeover,
                ..
            } => {
                let stopped = self.generation(&generation_id)?;
                self.succeed(stopped, turn, takeover, now).await
            }
            begun => self.begun(turn, begun).await,
        }
    }

    pub(super) async fn begin_again(
        &mut self,
        turn: BeginTurn,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let again = BeginTurn {
            generation_id: GenerationId::fresh(),
            ..turn
        };
        let begun = self.store.begin(&again, now).await?;
        self.begun(again, begun).await
    }

    pub(super) async fn succeed(
        &mut self,
        stopped: usize,
        turn: BeginTurn,
        takeover: Takeover,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let lease = &self.granted[stopped].lease;
        let ending = Ending::new(MessageStatus::Stopped, None);
        let next = NextTurn {
            turn: turn.clone(),
            takeover,
        };
        let done = self
            .store
            .finish_and_begin(lease, None, &ending, &next, now);
        match done.await? {
            Succession::Lost => Ok(Outcome::Lost),
            Succession::Begun(begun) => self.begun(turn, begun).await,
            Succession::Refused(begun) => {
                ensure!(
                    !matches!(begun, BeginOutcome::Started(_) | BeginOutcome::Duplicate(_)),
                    "refused, with {begun:?}"
                );
                // What was queued was rolled back with the rest, so its id is of nothing.
                Ok(match begun {
                    BeginOutcome::Queued(queued) => Outcome::Queued {
                        item: self.items.len(),
                        position: queued.position,
                    },
                    begun => self.begun(turn, begun).await?,
                })
            }
        }
    }

    pub(super) fn begin_turn(
        &self,
        target: &Target,
        instance: usize,
        policy: Option<SendPolicy>,
    ) -> BeginTurn {
        let request = match target {
            Target::Message { branch, text } => NewMessage {
                branch_id: Some(self.branches[*branch].clone()),
                ..NewMessage::new(&self.template.conversation_id, text)
            }
            .into(),
            Target::Edit { message, text } => TurnRequest::edit(&self.messages[*message], text),
            Target::Answer(message) => TurnRequest::answer(&self.messages[*message]),
            Target::Queued { item, is_next } => {
                let id = self.items[*item].id.clone();
                TurnRequest::queued(if *is_next {
                    QueuedTurn::Next(id)
                } else {
                    QueuedTurn::Now(id)
                })
            }
        };
        let request = TurnRequest { policy, ..request };
        BeginTurn::new(request, instance_id(instance))
    }

    /// Records what a turn created, and returns its outcome in the model's numbers.
    async fn begun(&mut self, turn: BeginTurn, begun: BeginOutcome) -> anyhow::Result<Outcome> {
        Ok(match begun {
            BeginOutcome::Started(started) => {
                let fence = started.lease.fence;
                self.created(&started.accepted);
                let holders = self.store.holders().await?;
                let own = |holder: &Holder| holder.lease == started.lease;
                let observed_row = holders.into_iter().find(own);
                self.granted.push(Granted {
                    lease: started.lease,
                    turn,
                    chunks: 0,
                    observed_row: observed_row.context("granted, but not held")?,
                });
                Outcome::Granted { fence }
            }
            BeginOutcome::Duplicate(accepted) => Outcome::Duplicate {
                generation: self.generation(&accepted.generation_id)?,
            },
            BeginOutcome::Queued(queued) => {
                let known = |item: &Queued| item.id == queued.queued_message_id;
                let item = self.items.iter().position(known);
                let item = item.unwrap_or_else(|| {
                    let id = queued.queued_message_id.clone();
                    self.items.push(Queued { id, turn });
                    self.items.len() - 1
                });
                Outcome::Queued {
                    item,
                    position: queued.position,
                }
            }
            BeginOutcome::QueueFull => Outcome::QueueFull,
            BeginOutcome::Busy { branch_id } => Outcome::Busy {
                branch: self.branch(&branch_id)?,
            },
            BeginOutcome::NotNext => Outcome::NotNext,
            BeginOutcome::NotEditable => Outcome::NotEditable,
            BeginOutcome::NotFound(entity) => Outcome::NotFound(entity),
            BeginOutcome::StopFirst { .. } | BeginOutcome::AttachmentGone => {
                bail!("{begun:?} to a turn that nothing prevents")
            }
        })
    }

    fn created(&mut self, accepted: &Accepted) {
        for id in [&accepted.user_message_id, &accepted.assistant_message_id] {
            if !self.messages.contains(id) {
                self.messages.push(id.clone());
            }
        }
        if !self.branches.contains(&accepted.branch_id) {
            self.branches.push(accepted.branch_id.clone());
        }
    }

    pub(super) fn branch(&self, id: &BranchId) -> anyhow::Result<usize> {
        let branch = self.branches.iter().position(|known| known == id);
        branch.context("an unknown branch")
    }

    pub(super) fn message(&self, id: &MessageId) -> anyhow::Result<usize> {
        let message = self.messages.iter().position(|known| known == id);
        message.context("an unknown message")
    }

    fn generation(&self, id: &GenerationId) -> anyhow::Result<usize> {
        let own = |granted: &Granted| granted.lease.generation_id == *id;
        let generation = self.granted.iter().position(own);
        generation.context("an unknown answer")
    }

    pub(super) async fn drain(
        &mut self,
        instance: usize,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let ready = self.store.ready_in_queues(now).await?;
        let mut begun = Vec::new();
        for next in ready.next {
            let known = |item: &Queued| item.id == next.id;
            let item = self.items.iter().position(known);
            let item = item.context("a message is ready that was never queued")?;
            let target = Target::Queued {
                item,
                is_next: true,
            };
            let outcome = Box::pin(self.turn(&target, instance, None, now)).await?;
            begun.push((item, outcome));
        }
        Ok(Outcome::Drained {
            held_until: ready.held_until.map(Timestamp::as_millis),
            begun,
        })
    }
}
