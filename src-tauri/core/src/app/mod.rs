//! The application without a window: what the commands call, as thin functions over the modules that implement
//! them.

mod attaching;
mod bounds;
mod config;
mod configure;
mod daily;
mod deleting;
mod opening;
mod reading;
mod versions;

pub use config::Config;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::deleting::Purger;
use crate::attachments::AttachmentError;
use crate::chat::driver::{TurnContext, supervise};
use crate::clock::Clock;
use crate::error::{Error, MESSAGE_LIMIT, Result};
use crate::events::{CoreEvent, Events};
use crate::folder;
use crate::indexing::Indexer;
use crate::keeper::keep;
use crate::keys::Keys;
use crate::live::aside::Aside;
use crate::live::{LiveAnswers, Registration};
use crate::lock::instance::Instance;
use crate::lock::sweeper::Sweeper;
use crate::lock::watch::Watch;
use crate::model::{
    AttachmentId, AttemptSource, BranchId, CleanupOutcome, Conversation, ConversationId, Entity,
    FencedWrite, GenerationId, LockChange, LockReason, LockStatus, MessageId, RequestId,
    SendOutcome, StopOutcome,
};
use crate::network::Network;
use crate::provider::{EmbeddedModel, Providers};
use crate::start::ProgressReporter;
use crate::store::{BeginOutcome, Holder, NewAnswer, NewTurn, StoreError};
use crate::web::Images;

/// Maximum number of characters of the title derived from a conversation's first message.
const TITLE: usize = 60;

/// How long a quit waits for answers to be stored.
const QUIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a quit purges deleted conversations; the next start purges the rest.
const PURGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a quit then waits for the search index, which the next start can update too.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a quit then waits for the database to close; the end of the process closes it anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the generations of this process have to renew a lease that looks expired.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The application.
#[derive(Debug)]
pub struct App {
    pub(crate) ctx: TurnContext,
    pub(crate) live: Arc<LiveAnswers>,
    /// Loader of the web images in messages.
    pub(crate) images: Images,
    /// This executable, started as a child process to read PDFs.
    pub(crate) reader: PathBuf,
    pub(crate) purger: Arc<Purger>,
    sweeper: Arc<Sweeper>,
    instance: Instance,
    tasks: TaskTracker,
    pub(crate) quitting: CancellationToken,
}

impl App {
    /// Opens the data folder, releases the locks of dead processes, and starts the background tasks. Must be
    /// called in a tokio runtime.
    ///
    /// # Errors
    /// When the folder or its database cannot be used; nothing in it is changed then.
    pub async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        Self::open_with_progress(config, clock, &ProgressReporter::default()).await
    }

    /// Like [`open`](Self::open), with progress reports. The future may be dropped at any time.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_progress(
        config: Config,
        clock: Arc<dyn Clock>,
        reporter: &ProgressReporter,
    ) -> Result<Arc<Self>> {
        let opened = opening::open_when_free(&config.data_folder, clock.as_ref(), reporter).await?;
        let folder = config.data_folder.clone();
        let reader = config.engine.program.clone();
        let (embedded, keys) = (EmbeddedModel::new(config.engine), Keys::new(&folder));
        let network = Arc::new(Network::new(config.proxies));
        let images = Images::new(Arc::clone(&network));
        let store = opened.store.clone();
        let providers = Providers::new(config.providers, network, embedded, store, keys);
        let ctx = TurnContext {
            indexer: Arc::new(Indexer::new(opened.store.clone())),
            store: opened.store,
            clock,
            providers: Arc::new(providers),
            events: Arc::new(Events::default()),
            aside: Arc::new(opened.aside),
        };
        let instances = opening::instances_of(&folder);
        let app = Self::start(ctx, images, reader, opened.instance, &instances);
        // Files of older versions and of the web view. The folder itself is private already, so no caller waits
        // for this.
        app.tasks
            .spawn_blocking(move || folder::restrict_all(&folder));
        Ok(Arc::new(app))
    }

    fn start(
        ctx: TurnContext,
        images: Images,
        reader: PathBuf,
        instance: Instance,
        instances: &Path,
    ) -> Self {
        let live = Arc::new(LiveAnswers::default());
        let sweeper = Arc::new(Sweeper {
            store: ctx.store.clone(),
            clock: Arc::clone(&ctx.clock),
            events: Arc::clone(&ctx.events),
            live: Arc::clone(&live),
            aside: Arc::clone(&ctx.aside),
            instances: instances.to_owned(),
            instance_id: instance.id().clone(),
            memory: tokio::sync::Mutex::default(),
        });
        let (tasks, quitting) = (TaskTracker::new(), CancellationToken::new());
        let inspect_damage = |ctx: &TurnContext| {
            let ctx = ctx.clone();
            move |done: Result<(), StoreError>| done.inspect_err(|error| ctx.report_damage(error))
        };
        tasks.spawn(keep("sweeper", quitting.clone(), {
            let (sweeper, inspect_damage) = (Arc::clone(&sweeper), inspect_damage(&ctx));
            move || {
                let (sweeper, inspect_damage) = (Arc::clone(&sweeper), inspect_damage.clone());
                async move { inspect_damage(sweeper.run().await) }
            }
        }));
        let (store, events) = (ctx.store.clone(), Arc::clone(&ctx.events));
        let watch = Watch::new(store, events, Arc::clone(&live), instance.id().clone());
        tasks.spawn(keep("watch", quitting.clone(), {
            let watch = Arc::new(tokio::sync::Mutex::new(watch));
            let inspect_damage = inspect_damage(&ctx);
            move || {
                let (watch, inspect_damage) = (Arc::clone(&watch), inspect_damage.clone());
                async move { inspect_damage(watch.lock().await.run().await) }
            }
        }));
        tasks.spawn(keep("search index", quitting.clone(), {
            let (indexer, inspect_damage) = (Arc::clone(&ctx.indexer), inspect_damage(&ctx));
            move || {
                let (indexer, inspect_damage) = (Arc::clone(&indexer), inspect_damage.clone());
                async move { inspect_damage(indexer.run().await) }
            }
        }));
        let (store, events) = (ctx.store.clone(), Arc::clone(&ctx.events));
        let purger = Arc::new(Purger::new(store, Arc::clone(&ctx.clock), events));
        tasks.spawn(keep("purge", quitting.clone(), {
            let (purger, quitting) = (Arc::clone(&purger), quitting.clone());
            move || {
                let (purger, quitting) = (Arc::clone(&purger), quitting.clone());
                async move {
                    purger.run(quitting).await;
                    Ok::<(), StoreError>(())
                }
            }
        }));
        tasks.spawn(keep("daily backup", quitting.clone(), {
            let (store, clock) = (ctx.store.clone(), Arc::clone(&ctx.clock));
            let quitting = quitting.clone();
            move || {
                let backing_up = daily::run(store.clone(), Arc::clone(&clock), quitting.clone());
                async move {
                    backing_up.await;
                    Ok::<(), StoreError>(())
                }
            }
        }));
        Self {
            ctx,
            live,
            images,
            reader,
            purger,
            sweeper,
            instance,
            tasks,
            quitting,
        }
    }

    /// Stops running answers, keeping their partial text, and closes the database. Later commands are refused.
    /// Every wait is bounded.
    pub async fn quit(&self) {
        self.quitting.cancel();
        self.live.quit_all();
        self.tasks.close();
        if timeout(QUIT_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some answers were not stored in time; the next start recovers them");
        }
        let store = &self.ctx.store;
        match timeout(INDEX_TIMEOUT, store.index_answers()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the search index is not up to date"),
            Err(_) => tracing::info!("the search index will be updated at the next start"),
        }
        match timeout(PURGE_TIMEOUT, self.purger.finish()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "deleted conversations will be purged at the next start");
            }
            Err(_) => tracing::info!(
                "the remaining deleted conversations will be purged at the next start"
            ),
        }
        if timeout(CLOSE_TIMEOUT, store.close()).await.is_err() {
            tracing::warn!("the database was not closed in time; the next start recovers it");
        }
        // The process may exit without running destructors.
        self.instance.end();
    }

    /// Returns whether this process is writing an answer.
    pub fn is_answering(&self) -> bool {
        self.live.count() > 0
    }

    /// Waits until this process writes no answer, including those queued for a provider.
    pub async fn answers_ended(&self) {
        self.live.all_ended().await;
    }

    /// Returns true once damage was found in the database: nothing is written after that.
    pub fn is_damaged(&self) -> bool {
        self.ctx.store.is_damaged()
    }

    /// Subscribes to events.
    pub fn subscribe(&self) -> broadcast::Receiver<CoreEvent> {
        self.ctx.events.subscribe()
    }

    /// Creates an empty conversation.
    pub async fn create_conversation(
        &self,
        title: Option<&str>,
        model_id: Option<&str>,
    ) -> Result<Conversation> {
        let title = title.map(str::trim).filter(|title| !title.is_empty());
        bounds::TITLE.check_any(title)?;
        bounds::MODEL.check_any(model_id)?;
        let now = self.ctx.clock.now();
        let created = self
            .ctx
            .store
            .create_conversation(title, model_id, now)
            .await?;
        self.changed(&created.id);
        Ok(created)
    }

    /// Renames a conversation.
    pub async fn rename_conversation(&self, id: &ConversationId, title: &str) -> Result<()> {
        let title = title.trim();
        if title.is_empty() {
            return Err(Error::InvalidArgument(
                "The conversation needs a name. Enter one",
            ));
        }
        bounds::TITLE.check(title)?;
        let renamed = self.ctx.store.rename_conversation(id, title).await;
        found(self.ctx.inspect_damage(renamed)?)?;
        self.changed(id);
        Ok(())
    }

    /// Sets the model for a conversation's future answers.
    pub async fn set_conversation_model(&self, id: &ConversationId, model_id: &str) -> Result<()> {
        bounds::MODEL.check(model_id)?;
        let set = self.ctx.store.set_conversation_model(id, model_id).await;
        found(self.ctx.inspect_damage(set)?)?;
        self.changed(id);
        Ok(())
    }

    /// Saves the draft of a conversation; `None` is the draft of a conversation that does not exist yet.
    pub async fn save_draft(&self, id: Option<&ConversationId>, content: &str) -> Result<()> {
        check_length(content)?;
        if content.is_empty() {
            self.purger.schedule_wal_truncation();
        }
        let (now, store) = (self.ctx.clock.now(), &self.ctx.store);
        match id {
            Some(id) => found(
                self.ctx
                    .inspect_damage(store.save_draft(id, content, now).await)?,
            ),
            None => Ok(self
                .ctx
                .inspect_damage(store.save_new_draft(content, now).await)?),
        }
    }

    /// Stores a message with its files and starts its answer. Both are durable when it returns `Accepted`.
    ///
    /// # Errors
    /// Nothing but the attempt is stored then.
    pub async fn send_message(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        content: &str,
        attachments: &[AttachmentId],
        request_id: &RequestId,
        source: AttemptSource,
    ) -> Result<SendOutcome> {
        if content.trim().is_empty() && attachments.is_empty() {
            return Err(Error::EmptyMessage);
        }
        check_length(content)?;
        bounds::REQUEST.check(request_id.as_str())?;
        let file_name = self.check_attachments(conversation_id, attachments).await?;
        self.take_back(conversation_id).await?;
        self.renew_own(conversation_id).await?;
        let generation_id = GenerationId::fresh();
        let turn = NewTurn {
            conversation_id: conversation_id.clone(),
            branch_id: branch_id.cloned(),
            content: content.to_owned(),
            title: title_of(content, file_name.as_deref()),
            attachments: attachments.to_vec(),
            request_id: request_id.clone(),
            source,
            generation_id: generation_id.clone(),
            instance_id: self.instance.id().clone(),
        };
        let registration = self.live.register(generation_id, conversation_id.clone());
        self.refuse_while_quitting()?;
        let begun = self
            .ctx
            .store
            .begin_turn(&turn, self.ctx.clock.now())
            .await
            .inspect_err(|error| self.ctx.report_damage(error))?;
        self.begin(begun, registration, || Error::SendWhileGenerating)
    }

    /// Answers a user message, or generates a new version of an answer. If other messages follow, the answer
    /// gets its own branch.
    pub async fn generate_response(
        &self,
        message_id: &MessageId,
        model_id: Option<&str>,
        request_id: &RequestId,
        source: AttemptSource,
    ) -> Result<SendOutcome> {
        bounds::MODEL.check_any(model_id)?;
        bounds::REQUEST.check(request_id.as_str())?;
        let conversation_id = self.ctx.store.conversation_of(message_id).await;
        let conversation_id = self.ctx.inspect_damage(conversation_id)?;
        let conversation_id = conversation_id.ok_or(Error::NotFound(Entity::Message))?;
        self.take_back(&conversation_id).await?;
        self.renew_own(&conversation_id).await?;
        let generation_id = GenerationId::fresh();
        let answer = NewAnswer {
            message_id: message_id.clone(),
            model_id: model_id.map(str::to_owned),
            request_id: request_id.clone(),
            source,
            generation_id: generation_id.clone(),
            instance_id: self.instance.id().clone(),
        };
        let registration = self.live.register(generation_id, conversation_id);
        self.refuse_while_quitting()?;
        let begun = self
            .ctx
            .store
            .begin_answer(&answer, self.ctx.clock.now())
            .await
            .inspect_err(|error| self.ctx.report_damage(error))?;
        self.begin(begun, registration, || Error::GenerateWhileGenerating)
    }

    fn begin(
        &self,
        begun: BeginOutcome,
        registration: Registration,
        busy: fn() -> Error,
    ) -> Result<SendOutcome> {
        match begun {
            BeginOutcome::Started(started) => {
                let accepted = started.accepted.clone();
                let events = &self.ctx.events;
                for freed in &started.freed {
                    events.lock_changed(LockChange::of(freed, LockReason::Expired));
                }
                events.lock_changed(LockChange::of(&started.lease, LockReason::Acquired));
                self.changed(&started.lease.conversation_id);
                self.tasks
                    .spawn(supervise(self.ctx.clone(), *started, registration));
                Ok(SendOutcome::Accepted(accepted))
            }
            BeginOutcome::Duplicate(accepted) => Ok(SendOutcome::Accepted(accepted)),
            BeginOutcome::Busy => Err(busy()),
            BeginOutcome::NotFound(entity) => Err(Error::NotFound(entity)),
            BeginOutcome::AttachmentGone => Err(AttachmentError::Gone.into()),
        }
    }

    /// Stops a generation and waits less than a second for its end to be stored; it is stopped even if the wait
    /// times out. Does nothing if it has ended, even if another generation has started since.
    pub async fn stop_generation(&self, id: &GenerationId) -> StopOutcome {
        StopOutcome {
            stopped: self.live.stop(id).await,
        }
    }

    /// Returns the lock status of a branch.
    pub async fn is_locked(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<LockStatus> {
        let now = self.ctx.clock.now();
        let status = self
            .ctx
            .store
            .lock_status(conversation_id, branch_id, now)
            .await?;
        let status = status.map(|status| self.ctx.aside.show_lock(status));
        status.ok_or(Error::NotFound(match branch_id {
            Some(_) => Entity::Branch,
            None => Entity::Conversation,
        }))
    }

    /// Releases expired locks immediately.
    pub async fn cleanup_expired_locks(&self) -> Result<CleanupOutcome> {
        let sweep = self.sweeper.sweep().await?;
        Ok(CleanupOutcome {
            released: sweep.freed,
        })
    }

    /// Records a send that the page refused without calling the core.
    pub async fn record_refused_attempt(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        source: AttemptSource,
    ) -> Result<()> {
        let now = self.ctx.clock.now();
        let store = &self.ctx.store;
        found(
            store
                .record_refused_by_page(conversation_id, branch_id, source, now)
                .await?,
        )
    }

    /// Stores the endings that were set aside for a conversation, before a new turn starts in it.
    async fn take_back(&self, id: &ConversationId) -> Result<()> {
        let ctx = &self.ctx;
        for Aside { lease, ending, .. } in ctx.aside.of(id) {
            let stored = ctx.store.finish(&lease, None, &ending, ctx.clock.now());
            let _: FencedWrite = stored.await.inspect_err(|error| ctx.report_damage(error))?;
            ctx.aside.take_back(&lease.message_id);
            let freed = LockChange::of(&lease, LockReason::Released);
            ctx.events.lock_changed(freed);
        }
        Ok(())
    }

    /// Renews the conversation's leases that this process holds and that look expired because the clock jumped
    /// (resume, stepped clock), before another process can take the lock.
    async fn renew_own(&self, conversation_id: &ConversationId) -> Result<()> {
        let now = self.ctx.clock.now();
        let expired = self.ctx.store.expired_holders(conversation_id, now).await?;
        let lives = |holder: &Holder| self.live.contains(&holder.lease.generation_id);
        if expired.iter().any(lives) {
            self.live.heartbeat_all(RENEWAL_TIMEOUT).await;
        }
        Ok(())
    }

    fn refuse_while_quitting(&self) -> Result<()> {
        if self.quitting.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        Ok(())
    }

    pub(crate) fn changed(&self, id: &ConversationId) {
        self.ctx.events.conversation_changed(id, false);
    }
}

fn found(found: bool) -> Result<()> {
    if found {
        Ok(())
    } else {
        Err(Error::NotFound(Entity::Conversation))
    }
}

fn check_length(content: &str) -> Result<()> {
    if content.len() > MESSAGE_LIMIT {
        return Err(Error::MessageTooLong {
            bytes: content.len(),
        });
    }
    Ok(())
}

/// Returns the title of a conversation that starts with this message: its first line, or the name of its first
/// file if it has no text, cut between words.
fn title_of(content: &str, file_name: Option<&str>) -> String {
    let first_line = content.trim().lines().next();
    let line = first_line.or(file_name).unwrap_or_default().trim();
    if line.chars().count() <= TITLE {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE).collect();
    let cut = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(words, _)| words);
    format!("{}…", cut.trim_end_matches([',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_between_words() {
        assert_eq!(title_of("  Hello\nthere ", Some("a.txt")), "Hello");
        assert_eq!(title_of(" ", Some("a.txt")), "a.txt");
        let long = title_of(
            "Write me a very long story about a conch, a crab and the deep blue sea",
            None,
        );
        assert_eq!(
            long,
            "Write me a very long story about a conch, a crab and the…"
        );
        assert_eq!(title_of(&"x".repeat(100), None).chars().count(), TITLE + 1);
    }
}
