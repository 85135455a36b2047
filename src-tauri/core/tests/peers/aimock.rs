//! `@copilotkit/aimock` (npm): Ollama's protocol. Its counts are all zero, and it lists models that it does not have.

use conch_core::model::{MessageStatus, Parameters};
use serde_json::json;

use crate::Conch;
use conch_support::peers::{Peer, installed};

/// The server's program.
const PROGRAM: &str = "@copilotkit/aimock/dist/cli.js";

#[tokio::test]
async fn ollamas_protocol_is_spoken_and_its_faults_are_no_answers() {
    let Some(folder) = installed() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let fixtures = scratch.path().join("fixtures.json");
    let fixture = json!({"fixtures": [
        {"match": {"userMessage": "shells"}, "response": {"content": "Shells are houses of snails."}}
    ]});
    std::fs::write(&fixtures, fixture.to_string()).unwrap();
    let arguments = ["-f", fixtures.to_str().unwrap(), "-p"];
    let server = Peer::node(&folder, PROGRAM, &arguments).await.unwrap();

    let conch = Conch::with(&[("OLLAMA_HOST", &server.address)]).await;
    let models = conch.app.providers.models(true).await.unwrap();
    assert!(models[0].available, "{models:?}");
    let id = conch.conversation(Parameters::default()).await;
    let answer = conch.ask(&id, "Tell me about shells.").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(answer.content(), "Shells are houses of snails.");

    let unknown = conch.ask(&id, "Something else").await;
    assert_eq!(unknown.status, MessageStatus::Failed, "{unknown:?}");
    let error = unknown.error.unwrap().message;
    assert!(error.contains("No fixture matched"), "{error}");

    for rate in ["disconnectRate", "malformedRate", "dropRate"] {
        server
            .post("/__aimock/chaos", &json!({ rate: 1.0 }))
            .await
            .unwrap();
        let broken = conch.ask(&id, "More about shells.").await;
        assert_eq!(broken.status, MessageStatus::Failed, "{rate}: {broken:?}");
        assert!(broken.error.is_some(), "{rate}");
        server
            .post("/__aimock/chaos", &json!({ rate: 0.0 }))
            .await
            .unwrap();
        let answer = conch.retry(&id, &broken).await;
        assert_eq!(answer.status, MessageStatus::Complete, "{rate}: {answer:?}");
    }
}
