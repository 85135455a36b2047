//! The same answer, however the network splits its bytes.

use std::time::Duration;

use conch_core::model::{FinishReason, MessageStatus};
use conch_fault_server::{FaultServer, Protocol, Script, Step};

use crate::bodies::raw;
use crate::fixture::{Fixture, USUAL};

/// Usually long enough for the first part to be read separately.
const BETWEEN: Duration = Duration::from_millis(2);

/// Short streams, since each is sent once for every byte of it.
fn stream(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenAi => concat!(
            "\u{feff}: hi\r\n\r\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\r\n\r\n",
            "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"🐚\"},\"finish_reason\":\"stop\"}]}\n\n",
            "data: [DONE]\n\n",
        ),
        Protocol::Responses => concat!(
            "event: response.output_text.delta\r\n",
            "data: {\"type\":\"response.output_text.delta\",\"delta\":\"é\"}\r\n\r\n",
            "data:{\"type\":\"response.output_text.delta\",\ndata: \"delta\":\"🐚\"}\n\n",
            "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
        ),
        Protocol::Anthropic => concat!(
            "event: content_block_delta\r\n",
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"é🐚\"}}\r\n\r\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "data:{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
            "data: {\"type\":\"message_stop\"}\n\n",
        ),
        Protocol::Gemini => concat!(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"é\"}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"🐚\"}]},\"finishReason\":\"STOP\"}]}\r\n\r\n",
        ),
        Protocol::Ollama => concat!(
            "{\"message\":{\"content\":\"é\"},\"done\":false}\r\n\n",
            "{\"message\":{\"content\":\"🐚\"},\"done\":false}\n",
            "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n",
        ),
    }
}

async fn answers_the_same(protocol: Protocol) {
    let server = FaultServer::start().await;
    let fixture = Fixture::with(|of| (of == protocol).then(|| server.base_url_of(of))).await;
    let stream = stream(protocol).as_bytes();
    for split in 1..stream.len() {
        let (before, after) = stream.split_at(split);
        server.push(Script::new([
            Step::Head,
            raw(before),
            Step::Pause(BETWEEN),
            raw(after),
        ]));
        let conversation = fixture.conversation(USUAL, protocol).await;
        fixture.send(&conversation, "hello").await;
        let answer = fixture.answer(&conversation).await;
        assert_eq!(
            (
                answer.status,
                answer.content().as_str(),
                answer.finish_reason
            ),
            (MessageStatus::Complete, "é🐚", Some(FinishReason::Stop)),
            "split at {split} of {}: {:?}",
            protocol.name(),
            answer.error
        );
    }
    fixture.app.quit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_the_same_at_every_split_point_of_its_bytes() {
    let protocols = Protocol::ALL.map(|protocol| tokio::spawn(answers_the_same(protocol)));
    for protocol in protocols {
        protocol.await.unwrap();
    }
}
