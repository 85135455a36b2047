//! What one protocol does and the others do not.

use conch_core::chat::FinishReason;
use conch_fault_server::{Protocol, Step};

use crate::bodies::{delta, finish, raw};
use crate::scenario::{Scenario, complete, failed, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let one = |name, protocol: &'static [Protocol], body: &'static str| {
        once(name, complete("Hi"), move |_| vec![Step::Head, raw(body)]).only(protocol)
    };
    vec![
        one(
            "OpenAI: nulls, roles and other choices",
            &[Protocol::OpenAi],
            concat!(
                "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n",
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n",
                "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"No\"}}]}\n\n",
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null,\"error\":null}\n\n",
                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
                "data: [DONE]\n\n",
            ),
        ),
        one(
            "OpenAI: an end mark with blanks around it",
            &[Protocol::OpenAi],
            "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata:  [DONE] \n\n",
        ),
        once(
            "OpenAI: a refusal in a field of its own",
            complete("I cannot").finish(Some(FinishReason::Refusal)),
            |_| {
                vec![
                    Step::Head,
                    raw(concat!(
                        "data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot\"}}]}\n\n",
                        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
                    )),
                ]
            },
        )
        .only(&[Protocol::OpenAi]),
        one(
            "Anthropic: text in a block's start",
            &[Protocol::Anthropic],
            concat!(
                "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"H\"}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"i\"}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\"}}\n\n",
                "data: {\"type\":\"message_stop\"}\n\n",
            ),
        ),
        once(
            "Anthropic: a refusal",
            complete("I").finish(Some(FinishReason::Refusal)),
            |_| vec![Step::Head, delta("I"), finish("refusal"), Step::Done],
        )
        .only(&[Protocol::Anthropic]),
        one(
            "Gemini: several parts, and the finish reason with the last",
            &[Protocol::Gemini],
            concat!(
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"H\"},{\"text\":\"i\"}],\"role\":\"model\"},",
                "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\n\r\n",
            ),
        ),
        once(
            "Gemini: the prompt is blocked",
            failed("content_filtered", "filter").finish(Some(FinishReason::ContentFilter)),
            |_| {
                let blocked =
                    "data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}\r\n\r\n";
                vec![Step::Head, raw(blocked)]
            },
        )
        .only(&[Protocol::Gemini]),
        one(
            "Ollama: fields that older and newer versions lack",
            &[Protocol::Ollama],
            concat!(
                "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n",
                "{\"message\":{\"role\":\"assistant\"},\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2]}\n",
            ),
        ),
    ]
}
