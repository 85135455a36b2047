//! The application without a window. [`App`] opens the data folder, starts the background tasks, hands out the
//! services that the commands call, and quits.

mod attachments;
mod background;
mod branches;
mod composers;
mod config;
mod conversations;
mod daily;
mod drafts;
mod opening;
mod providers;
mod purger;
mod queues;
mod settings;

pub use attachments::Attachments;
pub use composers::composer;
pub use config::Config;
pub use conversations::Conversations;
pub use drafts::Drafts;
pub use providers::ConfiguredProviders;
pub use queues::Queues;
pub use settings::SavedSettings;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::background::Background;
use self::opening::Opened;
use self::purger::Purger;
use crate::clock::Clock;
use crate::error::Result;
use crate::events::CoreEvent;
use crate::folder;
use crate::indexing::Indexer;
use crate::keys::Keys;
use crate::live::LiveAnswers;
use crate::lock::instance::Instance;
use crate::lock::sweeper::Sweeper;
use crate::network::Network;
use crate::provider::{EmbeddedModel, Providers};
use crate::start::ProgressReporter;
use crate::store::Store;
use crate::turns::Turns;
use crate::turns::driver::TurnContext;
use crate::web::Images;

/// How long a quit waits for answers to be stored.
const QUIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a quit purges deleted conversations; the next start purges the rest.
const PURGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a quit then waits for the search index, which the next start can update too.
const INDEX_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a quit then waits for the database to close; the end of the process closes it anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The application.
#[derive(Debug)]
#[expect(missing_docs, reason = "field names say it")]
pub struct App {
    pub conversations: Conversations,
    pub turns: Turns,
    pub queues: Queues,
    pub drafts: Drafts,
    pub attachments: Attachments,
    pub providers: ConfiguredProviders,
    pub settings: SavedSettings,
    /// Loader of the web images in messages.
    images: Images,
    store: Store,
    purger: Arc<Purger>,
    instance: Instance,
    tasks: TaskTracker,
    quitting: CancellationToken,
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
        let app = Self::start(config, clock, opened);
        // Files of older versions and of the web view. The folder itself is private already, so no caller waits
        // for this.
        app.tasks
            .spawn_blocking(move || folder::restrict_all(&folder));
        Ok(Arc::new(app))
    }

    fn start(config: Config, clock: Arc<dyn Clock>, opened: Opened) -> Self {
        let Opened {
            store,
            instance,
            aside,
        } = opened;
        let reader = config.engine.program.clone();
        let network = Arc::new(Network::new(config.proxies));
        let images = Images::new(Arc::clone(&network));
        let providers = Arc::new(Providers::new(
            config.providers,
            network,
            EmbeddedModel::new(config.engine),
            store.profile(),
            Keys::new(&config.data_folder),
        ));
        let (live, aside) = (Arc::new(LiveAnswers::default()), Arc::new(aside));
        let sweeper = Arc::new(Sweeper {
            store: store.clone(),
            clock: Arc::clone(&clock),
            live: Arc::clone(&live),
            aside: Arc::clone(&aside),
            instances: opening::instances_of(&config.data_folder),
            instance_id: instance.id().clone(),
            memory: tokio::sync::Mutex::default(),
        });
        let background = Background {
            store: store.clone(),
            clock: Arc::clone(&clock),
            indexer: Arc::new(Indexer::new(store.clone())),
            purger: Arc::new(Purger::new(store.clone(), Arc::clone(&clock))),
            tasks: TaskTracker::new(),
            quitting: CancellationToken::new(),
        };
        let turns = Turns {
            ctx: TurnContext {
                store: store.clone(),
                clock: Arc::clone(&clock),
                providers: Arc::clone(&providers),
                aside: Arc::clone(&aside),
                indexer: Arc::clone(&background.indexer),
            },
            live: Arc::clone(&live),
            sweeper,
            instance_id: instance.id().clone(),
            tasks: background.tasks.clone(),
            quitting: background.quitting.clone(),
        };
        background.start(&turns);
        let Background {
            purger,
            tasks,
            quitting,
            ..
        } = background;
        Self {
            conversations: Conversations {
                store: store.clone(),
                clock: Arc::clone(&clock),
                live,
                aside,
                purger: Arc::clone(&purger),
            },
            turns,
            queues: Queues {
                store: store.clone(),
                clock: Arc::clone(&clock),
                purger: Arc::clone(&purger),
                instances: opening::instances_of(&config.data_folder),
                instance_id: instance.id().clone(),
            },
            drafts: Drafts {
                store: store.clone(),
                clock: Arc::clone(&clock),
                purger: Arc::clone(&purger),
            },
            attachments: Attachments {
                store: store.clone(),
                clock: Arc::clone(&clock),
                reader,
                purger: Arc::clone(&purger),
            },
            providers: ConfiguredProviders { providers, clock },
            settings: SavedSettings {
                store: store.clone(),
            },
            images,
            store,
            purger,
            instance,
            tasks,
            quitting,
        }
    }

    /// Stops running answers, keeping their partial text, and closes the database. Later commands are refused.
    /// Every wait is bounded.
    pub async fn quit(&self) {
        self.quitting.cancel();
        self.turns.live.quit_all();
        self.tasks.close();
        if timeout(QUIT_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("some answers were not stored in time; the next start recovers them");
        }
        let store = &self.store;
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

    /// Returns true once damage was found in the database: nothing is written after that.
    pub fn is_damaged(&self) -> bool {
        self.store.is_damaged()
    }

    /// Subscribes to events.
    pub fn subscribe(&self) -> broadcast::Receiver<CoreEvent> {
        self.store.events().subscribe()
    }

    /// Loads an image that the user requested, as a `data:` URL with a PNG or a JPEG of at most 1568 pixels a
    /// side.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub async fn load_image(&self, destination: &str) -> Result<String> {
        Ok(self.images.load(destination).await?)
    }
}
