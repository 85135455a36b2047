//! Behaviour that is specific to one protocol.

use conch_core::model::FinishReason;
use conch_fault_server::{Protocol, Step};

use crate::bodies::{delta, finish, raw};
use crate::scenario::{Scenario, complete, empty, failed, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        early_reasons(),
        tool_calls(),
        openai(),
        anthropic(),
        gemini(),
        ollama(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An answer of one protocol, complete with this text.
pub(crate) fn says(
    name: &'static str,
    protocol: &'static [Protocol],
    text: &'static str,
    body: &'static str,
) -> Scenario {
    once(name, complete(text), move |_| vec![Step::Head, raw(body)]).only(protocol)
}

/// An answer of one protocol with the text "Hi".
pub(crate) fn one(
    name: &'static str,
    protocol: &'static [Protocol],
    body: &'static str,
) -> Scenario {
    says(name, protocol, "Hi", body)
}

/// An answer of one protocol with only these tool calls.
pub(crate) fn calls(
    name: &'static str,
    protocol: &'static [Protocol],
    calls: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Scenario {
    once(name, empty("call a tool").calling(calls), move |_| {
        vec![Step::Head, raw(body)]
    })
    .only(protocol)
}

/// Finish reasons that precede the end, or are empty.
fn early_reasons() -> Vec<Scenario> {
    vec![
        // From sglang#3912, ollama#4357.
        says(
            "OpenAI: an empty finish reason in every chunk",
            &[Protocol::OpenAi],
            "One two three four.",
            concat!(
                "data: {\"id\": \"c1\", \"object\": \"chat.completion.chunk\", \"created\": 1, \"model\": \"m\", \"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\", \"content\": \"One \"}, \"finish_reason\": \"\"}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\", \"content\": \"two \"}, \"finish_reason\": \"\"}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"three \"}, \"finish_reason\": \"null\"}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"four.\"}, \"finish_reason\": \"\"}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"\"}, \"finish_reason\": \"stop\"}]}\n\n",
                "data: [DONE]\n\n",
            ),
        ),
        says(
            "Gemini: an empty, an unspecified and an early finish reason",
            &[Protocol::Gemini],
            "One two three four.",
            concat!(
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"One \"}]},\"finishReason\":\"\"}]}\n\n",
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"two \"}]},\"finishReason\":\"FINISH_REASON_UNSPECIFIED\"}]}\n\n",
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"three \"}]},\"finishReason\":\"STOP\"}]}\n\n",
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"four.\"}]},\"finishReason\":\"STOP\"}]}\n\n",
            ),
        ),
        says(
            "Anthropic: an empty stop reason from the beginning",
            &[Protocol::Anthropic],
            "One two.",
            concat!(
                "data: {\"type\":\"message_start\",\"message\":{\"content\":[],\"stop_reason\":\"\",\"usage\":{\"input_tokens\":\"9\"}}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"One \"}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"\"}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"two.\"}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3.0}}\n\n",
                "data: {\"type\":\"message_stop\"}\n\n",
            ),
        ),
        says(
            "Ollama: a reason before the end, and an empty one at it",
            &[Protocol::Ollama],
            "One two.",
            concat!(
                "{\"message\":{\"content\":\"One \"},\"done\":false,\"done_reason\":\"stop\"}\n",
                "{\"message\":{\"content\":\"two.\"},\"done\":false,\"done_reason\":\"\"}\n",
                "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"\",\"eval_count\":\"2\"}\n",
            ),
        ),
    ]
}

/// Answers with only a tool call.
fn tool_calls() -> Vec<Scenario> {
    vec![
        // From vllm#27385.
        calls(
            "OpenAI: a tool call and no text",
            &[Protocol::OpenAi],
            &[("container.exec", "{\"cmd\":[\"ls\"]}")],
            concat!(
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"index\": 0, \"id\": \"call_1\", \"type\": \"function\", \"function\": {\"name\": \"container.exec\", \"arguments\": \"\"}}]}, \"finish_reason\": null}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"tool_calls\": [{\"index\": 0, \"function\": {\"arguments\": \"{\\\"cmd\\\":[\\\"ls\\\"]}\"}}]}, \"finish_reason\": null}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"tool_calls\"}]}\n\n",
                "data: [DONE]\n\n",
            ),
        ),
        calls(
            "Anthropic: a tool call and no text",
            &[Protocol::Anthropic],
            &[("x", "{}")],
            concat!(
                "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"x\",\"input\":{}}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n",
                "data: {\"type\":\"message_stop\"}\n\n",
            ),
        ),
        calls(
            "Gemini: a tool call and no text",
            &[Protocol::Gemini],
            &[("x", "{\"a\":1}")],
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"x\",\"args\":{\"a\":1}},\"thoughtSignature\":\"s\"}]},\"finishReason\":\"STOP\"}]}\n\n",
        ),
        calls(
            "Gemini: a tool call that is no good",
            &[Protocol::Gemini],
            &[],
            "data: {\"candidates\":[{\"content\":{},\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}\n\n",
        ),
        calls(
            "Ollama: a tool call and no text",
            &[Protocol::Ollama],
            &[("x", "")],
            concat!(
                "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"x\"}}]},\"done\":false}\n",
                "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n",
            ),
        ),
    ]
}

/// Only for OpenAI and compatible servers.
fn openai() -> Vec<Scenario> {
    vec![
        says(
            "OpenAI: counts as text",
            &[Protocol::OpenAi],
            "string usage.",
            concat!(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"string usage.\"},\"finish_reason\":null}]}\n\n",
                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":\"12\",\"completion_tokens\":8589934592}}\n\n",
                "data: [DONE]\n\n",
            ),
        ),
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
    ]
}

/// Only for Anthropic.
fn anthropic() -> Vec<Scenario> {
    vec![
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
    ]
}

/// Only for Gemini.
fn gemini() -> Vec<Scenario> {
    vec![
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
    ]
}

/// Only for Ollama.
fn ollama() -> Vec<Scenario> {
    vec![one(
        "Ollama: fields that older and newer versions lack",
        &[Protocol::Ollama],
        concat!(
            "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n",
            "{\"message\":{\"role\":\"assistant\"},\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2]}\n",
        ),
    )]
}
