//! Runs one scenario, and records its outcome.

use std::time::Duration;

use conch_core::model::{Conversation, FinishReason, Message, MessageStatus, Part, PartContent};
use conch_fault_server::{FaultServer, Protocol, Request, Script};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::fixture::{Fixture, KEY, OTHER, model};
use crate::scenario::{Expected, HELLO, Scenario, User};

/// A timeout well above the duration of any scenario.
const PATIENCE: Duration = Duration::from_secs(40);

/// Words of a parser's error message, which are of no use to the user.
const JARGON: [&str; 4] = [" column ", "enum ", "struct ", "EOF while"];

/// The outcome of a scenario in one protocol.
pub(crate) struct End {
    pub(crate) scenario: String,
    pub(crate) protocol: Protocol,
    pub(crate) status: Option<MessageStatus>,
    pub(crate) requests: usize,
    pub(crate) millis: u128,
    /// The message shown to the user.
    pub(crate) message: String,
    /// The deviations from the expected outcome.
    pub(crate) wrong: Vec<String>,
}

/// Runs the scenario in each of its protocols, concurrently in one application.
pub(crate) async fn run(scenario: &Scenario) -> Vec<End> {
    let mut servers = Vec::new();
    for protocol in scenario.protocols {
        servers.push((*protocol, FaultServer::start().await));
    }
    let address = |protocol: Protocol| {
        let server = servers.iter().find(|(of, _)| *of == protocol);
        server.map(|(_, server)| server.base_url_of(protocol))
    };
    let fixture = Fixture::with(address).await;
    let runs = servers.into_iter().map(async |(protocol, server)| {
        let mut end = End {
            scenario: scenario.name.to_string(),
            protocol,
            status: None,
            requests: 0,
            millis: 0,
            message: String::new(),
            wrong: Vec::new(),
        };
        let all = end.all(&fixture, server, scenario);
        // Boxed, or the test's own future would be as large.
        if timeout(PATIENCE, Box::pin(all)).await.is_err() {
            end.wrong.push("it does not end".to_owned());
        }
        end
    });
    let ends = join_all(runs).await;
    fixture.app.quit().await;
    ends
}

impl End {
    async fn all(&mut self, fixture: &Fixture, mut server: FaultServer, scenario: &Scenario) {
        let conversation = fixture.conversation(scenario.provider, self.protocol).await;
        for script in (scenario.scripts)(self.protocol) {
            server.push(script);
        }
        if scenario.user == User::ProviderDown {
            let port = server.port();
            drop(server);
            while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                tokio::task::yield_now().await;
            }
            self.ask(fixture, &conversation, None, scenario).await;
            server = FaultServer::on_port(port).await;
        } else {
            self.ask(fixture, &conversation, Some(&server), scenario)
                .await;
            self.requests = server.completions().len();
        }
        let answer = fixture.answer(&conversation).await;
        self.compare(&answer, scenario.expected(self.protocol));
        self.goes_on(fixture, &conversation, &server, scenario)
            .await;
    }

    /// Sends, and acts as the scenario's user, until the answer has ended.
    async fn ask(
        &mut self,
        fixture: &Fixture,
        conversation: &Conversation,
        server: Option<&FaultServer>,
        scenario: &Scenario,
    ) {
        let began = Instant::now();
        let sent = fixture.send(conversation, "hello").await;
        match (scenario.user, server) {
            (User::StopsWhenAsked, Some(server)) => server.wait_for_requests(1).await,
            (User::StopsInPause, _) => fixture.wait_for_pause(conversation).await,
            (User::StopsAt(text), _) => fixture.wait_for_text(conversation, text).await,
            (User::Reads(text), Some(server)) => {
                fixture.wait_for_text(conversation, text).await;
                server.gate("go").open();
            }
            _ => {}
        }
        let stops = matches!(
            scenario.user,
            User::StopsWhenAsked | User::StopsAt(_) | User::StopsInPause
        );
        if stops {
            self.check(
                fixture.app.turns.stop(&sent.generation_id).await.stopped,
                || "Stop stopped nothing".to_owned(),
            );
        }
        fixture.answer(conversation).await;
        self.millis = began.elapsed().as_millis();
        if let (User::StopsWhenAsked | User::StopsAt(_), Some(server)) = (scenario.user, server) {
            let message = timeout(Duration::from_secs(2), server.wait_for_disconnects(1)).await;
            self.check(message.is_ok(), || "the connection stays open".to_owned());
        }
    }

    fn compare(&mut self, answer: &Message, expected: &Expected) {
        self.status = Some(answer.status);
        let error = answer.error.as_ref();
        let code = error.map(|error| error.code.as_str());
        self.message = error.map_or_else(String::new, |error| error.message.clone());
        self.same("status", &answer.status, &expected.status);
        self.same("code", &code, &expected.code);
        self.same("finish reason", &answer.finish_reason, &expected.finish);
        self.same("requests", &self.requests.clone(), &expected.requests);
        self.same("text", &short(&answer.content()), &short(&expected.text));
        self.check(answer.content() == expected.text, || {
            "the texts differ".to_owned()
        });
        self.same(
            "reasoning",
            &answer.reasoning().as_str(),
            &expected.reasoning,
        );
        let calls: Vec<_> = answer.parts.iter().filter_map(call).collect();
        self.same("calls", &calls.as_slice(), &expected.calls);
        let message = self.message.clone();
        self.check(message.contains(expected.says), || {
            format!("{:?} is not reported", expected.says)
        });
        self.check(!message.contains(KEY), || "the key is shown".to_owned());
        for word in JARGON {
            self.check(!message.contains(word), || format!("{word:?} is shown"));
        }
        self.check(message.len() < 1000, || {
            "the message is too long".to_owned()
        });
    }

    /// Checks that the lock is released and the next message is answered.
    async fn goes_on(
        &mut self,
        fixture: &Fixture,
        conversation: &Conversation,
        server: &FaultServer,
        scenario: &Scenario,
    ) {
        let lock = fixture
            .app
            .turns
            .lock_status(&conversation.id, None)
            .await
            .unwrap();
        self.check(lock.can_send && !lock.locked, || {
            format!("the lock is held: {lock:?}")
        });
        server.clear_scripts();
        server.set_default_script(Script::answer(HELLO));
        if scenario.closed {
            let model = model(OTHER, self.protocol);
            let moved = fixture
                .app
                .conversations
                .set_model(&conversation.id, &model);
            moved.await.unwrap();
        }
        fixture.send(conversation, "and again").await;
        let next = fixture.answer(conversation).await;
        self.check(
            next.content() == HELLO
                && next.status == MessageStatus::Complete
                && next.finish_reason == Some(FinishReason::Stop),
            || {
                format!(
                    "the next message is answered with {:?}",
                    short(&format!("{next:?}"))
                )
            },
        );
        let roles = server.completions().last().map(roles).unwrap_or_default();
        self.check(roles.is_sorted_by(|one, next| one != next), || {
            format!("the roles do not alternate: {roles:?}")
        });
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, should: &T) {
        self.check(is == should, || {
            format!("{what} is {is:?} instead of {should:?}")
        });
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }
}

fn call(part: &Part) -> Option<(&str, &str)> {
    match &part.content {
        PartContent::ToolCall(call) => Some((&call.name, &call.input)),
        _ => None,
    }
}

/// Returns the roles of the messages in a request. In OpenAI Responses, an answer may be several messages, each of which
/// goes back by itself.
fn roles(request: &Request) -> Vec<String> {
    let mut messages = ["messages", "contents", "input"].iter();
    let messages = messages.find_map(|name| request.body.get(name)?.as_array());
    let role = |message: &Value| message.get("role")?.as_str().map(str::to_owned);
    let mut roles: Vec<_> = messages.into_iter().flatten().filter_map(role).collect();
    if request.body.get("input").is_some() {
        roles.dedup_by(|one, before| one == before && one == "assistant");
    }
    roles
}

pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 300;
    let beginning: String = text.chars().take(MOST).collect();
    if beginning.len() < text.len() {
        format!("{beginning}… ({} bytes)", text.len())
    } else {
        beginning
    }
}
