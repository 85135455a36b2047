//! llama.cpp's own server (PyPI `xllamacpp`), with the built-in model's file: chat completions, OpenAI's Responses and
//! Anthropic's messages, one slot and two.

use std::path::{Path, PathBuf};

use conch_core::model::{FinishReason, MessageStatus, Parameters, ProtocolKind, TurnRequest};
use serde_json::json;

use crate::{Conch, code};
use conch_support::peers::{Peer, installed, skip};

const PROGRAM: &str = "
import sys, time
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = int(sys.argv[2])
params.n_parallel = int(sys.argv[3])
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.hostnames = ['127.0.0.1']
params.port = int(sys.argv[4])
server = xllamacpp.Server(params)
while True:
    time.sleep(60)
";

/// The protocols that the server speaks, with the paths of their base addresses.
const PROTOCOLS: [(ProtocolKind, &str); 3] = [
    (ProtocolKind::OpenAi, "/v1"),
    (ProtocolKind::Responses, "/v1"),
    (ProtocolKind::Anthropic, ""),
];

/// Returns the built-in model's file; `None`, with a line for the user, if there is none.
fn model_file() -> Option<PathBuf> {
    let file = std::env::var_os("CONCH_MODEL_FILE").map(PathBuf::from);
    let file = file.filter(|file| file.is_file());
    if file.is_none() {
        skip("CONCH_MODEL_FILE names no model");
    }
    file
}

async fn server(folder: &Path, context: u32, slots: u32) -> Option<Peer> {
    let model = model_file()?;
    let (context, slots) = (context.to_string(), slots.to_string());
    let arguments = [model.to_str()?, &context, &slots];
    let server = Peer::python(folder, PROGRAM, &arguments).await.unwrap();
    server.wait_for("/health").await.unwrap();
    Some(server)
}

fn brief(max_tokens: u32) -> Parameters {
    Parameters {
        max_tokens: Some(max_tokens),
        temperature: Some(0.0),
        ..Parameters::default()
    }
}

#[tokio::test]
async fn each_protocol_answers_and_its_tokens_are_counted() {
    let Some(folder) = installed() else { return };
    let Some(server) = server(&folder, 1024, 1).await else {
        return;
    };
    for (protocol, path) in PROTOCOLS {
        let base_url = format!("{}{path}", server.address);
        let conch = Conch::speaking(protocol, base_url).await;
        let models = conch.app.providers.models(true).await.unwrap();
        assert!(models[0].available, "{protocol:?}: {models:?}");

        let id = conch.conversation(brief(24)).await;
        let answer = conch.ask(&id, "What is the capital of France?").await;
        assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
        assert!(!answer.content().is_empty(), "{answer:?}");
        let usage = answer.usage.unwrap();
        assert!(usage.prompt_tokens > Some(10), "{protocol:?}: {usage:?}");
        assert!(usage.completion_tokens > Some(1), "{protocol:?}: {usage:?}");
    }
}

/// The estimate is 2.5 times too high for this text, so by it alone most of the conversation would be left out.
#[tokio::test]
async fn its_own_count_decides_what_fits() {
    let Some(folder) = installed() else { return };
    let Some(server) = server(&folder, 1024, 1).await else {
        return;
    };
    let conch = Conch::with(&[("OPENAI_BASE_URL", &format!("{}/v1", server.address))]).await;
    conch.app.providers.models(true).await.unwrap();
    let id = conch.conversation(brief(4)).await;
    let words = "The people of the town went to the house of the doctor and the school. ".repeat(8);
    for _ in 0..4 {
        let answer = conch.ask(&id, &words).await;
        assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
        assert_eq!(answer.left_out, 0, "{:?}", answer.usage);
    }
    let mut answer = conch.ask(&id, &words).await;
    while answer.left_out == 0 {
        answer = conch.ask(&id, &words).await;
    }
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    let prompt = answer.usage.unwrap().prompt_tokens.unwrap();
    let whole = prompt + answer.left_out_tokens;
    // The count is exact, and what was left out is its share of it.
    assert!(whole > 1020, "{prompt} and {}", answer.left_out_tokens);
    assert!(whole < 1250, "{prompt} and {}", answer.left_out_tokens);
}

#[tokio::test]
async fn a_full_context_is_said_and_the_text_is_kept() {
    let Some(folder) = installed() else { return };
    let Some(server) = server(&folder, 256, 1).await else {
        return;
    };
    let conch = Conch::with(&[("OPENAI_BASE_URL", &format!("{}/v1", server.address))]).await;
    conch.app.providers.models(true).await.unwrap();
    let long = Parameters {
        temperature: Some(0.0),
        ..Parameters::default()
    };
    let id = conch.conversation(long).await;
    let ask = "Write a very long story about the sea, in many chapters. Never stop.";
    let answer = conch.ask(&id, ask).await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(
        answer.finish_reason,
        Some(FinishReason::ContextFull),
        "{answer:?}"
    );
    assert!(answer.content().len() > 200, "{answer:?}");

    let too_long = conch.conversation(brief(8)).await;
    let refused = conch.ask(&too_long, &"A fox. ".repeat(300)).await;
    assert_eq!(code(&refused), "context_too_long", "{refused:?}");
}

#[tokio::test]
async fn answers_share_two_slots_and_wait_for_one() {
    let Some(folder) = installed() else { return };
    for slots in [1, 2] {
        let Some(server) = server(&folder, 512 * slots, slots).await else {
            return;
        };
        let conch = Conch::with(&[("OPENAI_BASE_URL", &format!("{}/v1", server.address))]).await;
        let mut asked = Vec::new();
        for _ in 0..3 {
            let id = conch.conversation(brief(24)).await;
            conch
                .start(TurnRequest::message(&id, "Count from one to fifty."))
                .await;
            asked.push(id);
        }
        for id in asked {
            let answer = conch.answered(&id).await;
            assert_eq!(
                answer.status,
                MessageStatus::Complete,
                "{slots}: {answer:?}"
            );
            assert_eq!(answer.finish_reason, Some(FinishReason::Length));
        }
        let props = server.get("/props").await.unwrap();
        assert_eq!(props["total_slots"], json!(slots));
    }
}
