//! The data for the scenes. The application itself creates it, with its clock set to the displayed
//! times, so that no table is named here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conch_core::clock::{Clock, ManualClock, SystemClock};
use conch_core::model::{Consent, KeyPlace, Parameters, Settings, Timestamp};
use conch_core::provider::{EngineCommand, KeyChange, ProviderForm};
use conch_core::{App, Config};
use conch_fault_server::{Protocol, Script, Step};
use conch_gguf::testing::{Sample, Value};
use conch_support::application::{send, wait_for_end};

use crate::Error;
use crate::servers::Servers;

/// The models of the server that gives most answers.
pub(crate) const CLUSTER_MODELS: [&str; 6] = [
    "coral-70b-instruct",
    "coral-8b-instruct",
    "harbour-32b-reasoning",
    "lagoon-coder-14b",
    "lagoon-coder-3b",
    "tidewater-vision-11b",
];

/// The models of the local server.
pub(crate) const LOCAL_MODELS: [&str; 3] = ["driftwood:7b", "gull:1b", "sandbar:13b"];

/// A model of the server that gives most answers, and one of the local server.
pub(crate) const CLUSTER_MODEL: &str = "custom/coral-70b-instruct";
pub(crate) const LOCAL_MODEL: &str = "ollama/driftwood:7b";

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// 2026-01-14, 09:12 UTC: the only date that scenes display.
const SHOWN_DATE: i64 = 1_768_381_920_000;

/// The conversation whose answer uses all of Markdown.
pub(crate) const RICH: &str = "Blowing a conch";
/// A conversation whose answer has reasoning.
pub(crate) const REASONED: &str = "Two tides a day";
/// A long conversation, in which `tide` is found.
pub(crate) const LONG: &str = "Tide tables, explained";
/// A conversation with fixed times.
pub(crate) const DATED: &str = "A chowder for six";
/// Short conversations, in which scenes send further messages.
pub(crate) const SHORT: [&str; 3] = [
    "Letter to the harbour office",
    "Names for a small boat",
    "Weekend in Brittany",
];
/// A title and a conversation that overflow any space.
pub(crate) const LONG_TITLE: &str = "Everything that I have always wanted to know about the Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch lifeboat, in one very long conversation with a name to match";

/// The data when a window opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fixture {
    /// No data: the first start. The built-in model is installed.
    Fresh,
    /// Two providers and a handful of conversations.
    Everyday,
    /// Many conversations, and one that is too long in every respect.
    Crowded,
    /// A conversation with 200 branches.
    Branched,
    /// A file that is not a database.
    Foreign,
    /// The same as `Everyday`, with a damaged database and a backup of it.
    Damaged,
    /// The same as `Everyday`, with further providers, each of which fails in another way.
    Troubled,
}

impl Fixture {
    /// Creates the data in this folder.
    pub(crate) async fn fill(self, folder: &Path, servers: &Servers) -> Result<(), Error> {
        match self {
            Self::Fresh => make_built_in_model(folder),
            Self::Foreign => {
                let text = "Shopping list\n\n- rope\n- varnish\n- a conch\n".repeat(200);
                Ok(std::fs::write(folder.join("conch.db"), text)?)
            }
            Self::Everyday => {
                let builder = FixtureBuilder::start(folder, servers).await?;
                builder.everyday().await?;
                builder.app.quit().await;
                Ok(())
            }
            Self::Damaged => {
                let builder = FixtureBuilder::start(folder, servers).await?;
                builder.everyday().await?;
                builder.app.quit().await;
                Ok(damage(folder)?)
            }
            Self::Troubled => {
                let builder = FixtureBuilder::start(folder, servers).await?;
                builder.troubled().await?;
                builder.app.quit().await;
                Ok(())
            }
            Self::Crowded => {
                let builder = FixtureBuilder::start(folder, servers).await?;
                builder.crowded().await?;
                builder.app.quit().await;
                Ok(())
            }
            Self::Branched => {
                let builder = FixtureBuilder::start(folder, servers).await?;
                builder.branched().await?;
                builder.app.quit().await;
                Ok(())
            }
        }
    }
}

/// A header is enough: no scene generates an answer with it.
fn make_built_in_model(folder: &Path) -> Result<(), Error> {
    let file = folder.join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    std::fs::create_dir_all(folder.join("models"))?;
    let model = Sample::default()
        .with("general.name", Value::Text("SmolLM2 135M Instruct"))
        .with("tokenizer.chat_template", Value::Text("{{ messages }}"));
    Ok(std::fs::write(file, model.bytes())?)
}

/// Damages the database's first page, after a backup of the intact one.
fn damage(folder: &Path) -> std::io::Result<()> {
    let (database, backups) = (folder.join("conch.db"), folder.join("backups"));
    std::fs::create_dir_all(&backups)?;
    std::fs::copy(&database, backups.join("conch-2026-01-14T08-30-00Z.db"))?;
    let mut bytes = std::fs::read(&database)?;
    if let Some(schema) = bytes.get_mut(100..4096) {
        schema.fill(0x5a);
    }
    std::fs::write(database, bytes)
}

fn form(
    preset: &str,
    name: &str,
    base_url: String,
    max_parallel: u32,
    key: KeyChange,
) -> ProviderForm {
    ProviderForm {
        id: None,
        preset: preset.to_owned(),
        name: name.to_owned(),
        base_url,
        max_parallel,
        key,
        consent: None,
    }
}

fn key() -> KeyChange {
    KeyChange::Set {
        key: "sk-scene-0123456789ab4f2c".to_owned().into(),
        place: KeyPlace::File,
    }
}

/// Writes conversations with chosen times.
struct FixtureBuilder<'a> {
    app: Arc<App>,
    clock: Arc<ManualClock>,
    servers: &'a Servers,
    midnight: i64,
    now: i64,
}

impl<'a> FixtureBuilder<'a> {
    async fn start(folder: &Path, servers: &'a Servers) -> Result<Self, Error> {
        make_built_in_model(folder)?;
        let now = SystemClock::default().now().as_millis();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(SHOWN_DATE)));
        let config = Config {
            data_folder: folder.to_owned(),
            providers: Vec::new(),
            proxies: conch_core::Proxies::default(),
            engine: EngineCommand {
                program: "none".into(),
                model_files: Vec::new(),
            },
        };
        let builder = Self {
            app: App::open(config, clock.clone()).await?,
            clock,
            servers,
            midnight: now - now % DAY,
            now,
        };
        builder.add_providers().await?;
        Ok(builder)
    }

    async fn add_providers(&self) -> Result<(), Error> {
        let Servers { cluster, local, .. } = self.servers;
        let forms = [
            form("custom", "Marine lab", cluster.base_url(), 8, key()),
            form(
                "ollama",
                "Ollama",
                local.base_url_of(Protocol::Ollama),
                1,
                KeyChange::Remove,
            ),
        ];
        for form in forms {
            self.app.providers.save(&form).await?;
        }
        let settings = Settings {
            default_model_id: Some(CLUSTER_MODEL.to_owned()),
            parameters: Parameters {
                temperature: Some(0.7),
                ..Parameters::default()
            },
            ..Settings::default()
        };
        self.app.settings.save(settings).await?;
        Ok(())
    }

    async fn troubled(&self) -> Result<(), Error> {
        let Servers { guarded, own, .. } = self.servers;
        let custom = |name, base_url, key| form("custom", name, base_url, 4, key);
        let elsewhere = format!("{}/chat", guarded.origin());
        let other = Consent::to_certificate(&own.base_url(), Servers::other_fingerprint());
        let forms = [
            custom("Harbour office", guarded.base_url(), key()),
            ProviderForm {
                consent: other,
                ..custom("Lighthouse", own.base_url(), KeyChange::Keep)
            },
            custom("Buoy", elsewhere, KeyChange::Keep),
            custom(
                "Old pier",
                "http://127.0.0.1:1/v1".to_owned(),
                KeyChange::Keep,
            ),
        ];
        for form in forms {
            self.app.providers.save(&form).await?;
        }
        self.everyday().await
    }

    async fn everyday(&self) -> Result<(), Error> {
        use answers::{BOATS, BRITTANY, CHOWDER, LETTER, MARKDOWN, MOON, REASONING, TABLES, TIDES};
        self.write(
            SHOWN_DATE,
            DATED,
            &[("A chowder for six, please.", "", CHOWDER)],
        )
        .await?;
        self.write(
            self.midnight - 40 * DAY,
            "Knots worth knowing",
            &[(
                "Which knots should I learn first?",
                "",
                "The bowline, the clove hitch and the figure eight.",
            )],
        )
        .await?;
        self.write(
            self.midnight - 5 * DAY,
            SHORT[2],
            &[("Two days in Brittany?", "", BRITTANY)],
        )
        .await?;
        self.write(self.midnight - 3 * DAY, "Why the sea is salty", &[("Why is the sea salty?", "", "Rivers carry dissolved minerals from rock to the sea, and only the water leaves it again.")])
            .await?;
        let turns = TABLES.map(|(question, answer)| (question, "", answer));
        self.write(self.midnight - 5 * 60 * MINUTE, LONG, &turns)
            .await?;
        self.write(
            self.midnight - 2 * 60 * MINUTE,
            SHORT[1],
            &[("Three names for a small sailing boat?", "", BOATS)],
        )
        .await?;
        self.write(
            self.today(1),
            SHORT[0],
            &[(
                "Draft a letter to the harbour office: may I keep my berth until May?",
                "",
                LETTER,
            )],
        )
        .await?;
        self.write(
            self.today(2),
            REASONED,
            &[
                (
                    "Why are there two tides a day, and not one?",
                    REASONING,
                    TIDES,
                ),
                ("And why is the moon not enough to explain them?", "", MOON),
            ],
        )
        .await?;
        self.write(
            self.today(3),
            RICH,
            &[(
                "How do I make a horn of a conch shell, and what does it sound like?",
                "",
                MARKDOWN,
            )],
        )
        .await
    }

    async fn crowded(&self) -> Result<(), Error> {
        for (number, topic) in (1..=70).rev().zip(TOPICS.into_iter().cycle()) {
            let at = self.midnight - number * 7 * 60 * MINUTE;
            self.clock.step_to(Timestamp::from_millis(at));
            self.app
                .conversations
                .create(Some(&format!("{topic}, part {number}")), None)
                .await?;
        }
        let word =
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
                .repeat(3);
        let question = format!("Does this fit? {word}");
        let answer = answers::overlong(&word);
        self.write(self.today(1), LONG_TITLE, &[(&question, "", &answer)])
            .await
    }

    /// Returns the `order`th of four times in the elapsed part of today.
    fn today(&self, order: i64) -> i64 {
        self.midnight + (self.now - self.midnight) * order / 4
    }

    /// Writes a conversation that ended at `at`, epoch ms; its turns are questions, reasoning and answers.
    async fn write(&self, at: i64, title: &str, turns: &[(&str, &str, &str)]) -> Result<(), Error> {
        // The duration of a realistic answer of this size.
        const TOOK: Duration = Duration::from_millis(8_400);
        self.clock.step_to(Timestamp::from_millis(at));
        let conversation = self.app.conversations.create(Some(title), None).await?;
        let mut events = self.app.subscribe();
        for (turn, (question, thoughts, answer)) in turns.iter().enumerate() {
            let gate = format!("{title} {turn}");
            let cluster = &self.servers.cluster;
            cluster.push(Script::new([
                Step::Head,
                Step::Reasoning((*thoughts).to_owned()),
                Step::Wait(gate.clone()),
                Step::Delta((*answer).to_owned()),
                Step::Finish("stop".to_owned()),
                Step::Usage(1_284, 436),
                Step::Done,
            ]));
            let asked = cluster.completions().len();
            let accepted = send(&self.app, &conversation.id, question).await?;
            cluster.wait_for_requests(asked + 1).await;
            self.clock.advance(TOOK);
            cluster.gate(&gate).open();
            let ended = wait_for_end(&mut events, &accepted).await;
            ended.map_err(|_| Error::Silent)?;
        }
        Ok(())
    }
}

const TOPICS: [&str; 7] = [
    "Sea shanties and where they come from",
    "Repairing a torn sail",
    "The lighthouse at the end of the pier",
    "Kelp",
    "How a sextant works, step by step, for somebody who has never held one",
    "Storm glass",
    "Fishing quotas of the north Atlantic",
];

mod answers;
mod branched;

pub(crate) use branched::BRANCHED;
