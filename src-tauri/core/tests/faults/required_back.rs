//! What a provider sends with an answer and requires back with the next request.

use conch_fault_server::{FaultServer, Protocol, Script, Step};
use serde_json::json;

use crate::bodies::{delta, finish, raw};
use crate::fixture::{Fixture, USUAL};

/// Sends two messages, the first answered by these steps, and returns what the second request says of that answer.
async fn sent_back(protocol: Protocol, steps: Vec<Step>, place: &str) -> serde_json::Value {
    let server = FaultServer::start().await;
    let fixture = Fixture::with(|of| (of == protocol).then(|| server.base_url_of(of))).await;
    server.push(Script::new(steps));
    let conversation = fixture.conversation(USUAL, protocol).await;
    for text in ["hello", "and again"] {
        fixture.send(&conversation, text).await;
        fixture.answer(&conversation).await;
    }
    fixture.app.quit().await;
    let requests = server.completions();
    requests[1].body[place].clone()
}

#[tokio::test]
async fn the_reasoning_and_the_phase_of_an_answer_go_back_to_openai_responses() {
    let thought = Step::Reasoning("Hm".to_owned());
    let end = [finish("stop"), Step::Usage(7, 3), Step::Done];
    let steps = [vec![Step::Head, thought, delta("Yes")], end.into()].concat();
    assert_eq!(
        sent_back(Protocol::Responses, steps, "input").await,
        json!([
            {"type": "message", "role": "user", "content": "hello"},
            {"type": "reasoning", "id": "rs_0", "encrypted_content": "c2VhbGVk",
                "summary": [{"type": "summary_text", "text": "Hm"}]},
            {"type": "message", "role": "assistant", "content": "Yes", "phase": "final_answer"},
            {"type": "message", "role": "user", "content": "and again"},
        ])
    );
}

#[tokio::test]
async fn the_signature_of_a_text_goes_back_to_gemini() {
    let answer = concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hm\",\"thought\":true}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Yes\",\"thoughtSignature\":\"a\"}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"b\"}]},\"finishReason\":\"STOP\"}]}\r\n\r\n",
    );
    let contents = sent_back(Protocol::Gemini, vec![Step::Head, raw(answer)], "contents").await;
    assert_eq!(
        contents[1],
        json!({"role": "model", "parts": [
            {"text": "Yes", "thoughtSignature": "a"},
            {"text": "", "thoughtSignature": "b"},
        ]})
    );
}
