//! Behaviour that is specific to one protocol.

use conch_core::model::FinishReason;
use conch_fault_server::{Protocol, Script, Step};

use crate::bodies::{delta, finish, raw};
use crate::scenario::{HELLO, Scenario, complete, empty, failed, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        early_reasons(),
        tool_calls(),
        openai(),
        responses(),
        responses_ends(),
        anthropic(),
        gemini(),
        ollama(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An answer of one protocol, complete with this text.
fn says(
    name: &'static str,
    protocol: &'static [Protocol],
    text: &'static str,
    body: &'static str,
) -> Scenario {
    once(name, complete(text), move |_| vec![Step::Head, raw(body)]).only(protocol)
}

/// An answer of one protocol with the text "Hi".
fn one(name: &'static str, protocol: &'static [Protocol], body: &'static str) -> Scenario {
    says(name, protocol, "Hi", body)
}

/// An answer of one protocol with only these tool calls.
fn calls(
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

/// Only for OpenAI Responses: what its servers leave out or send in another form.
fn responses() -> Vec<Scenario> {
    const RESPONSES: &[Protocol] = &[Protocol::Responses];
    vec![
        // As llama.cpp's server sends it.
        once(
            "Responses: no indexes, and reasoning that is done late",
            complete("Hi there").thinking("Hm"),
            |_| {
                vec![
                    Step::Head,
                    raw(concat!(
                        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\"}}\n\n",
                        "data: {\"type\":\"response.output_item.added\",\"item\":{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],\"content\":[],\"encrypted_content\":\"\",\"status\":\"in_progress\"}}\n\n",
                        "data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"Hm\",\"item_id\":\"rs_1\"}\n\n",
                        "data: {\"type\":\"response.output_item.added\",\"item\":{\"content\":[],\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"in_progress\",\"type\":\"message\"}}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"Hi \"}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"there\"}\n\n",
                        "data: {\"type\":\"response.output_item.done\",\"item\":{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"Hm\"}],\"encrypted_content\":\"\"}}\n\n",
                        "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"status\":\"completed\",\"id\":\"msg_1\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi there\"}],\"role\":\"assistant\"}}\n\n",
                        "data: {\"type\":\"response.completed\",\"response\":{\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n",
                    )),
                ]
            },
        )
        .only(RESPONSES),
        one(
            "Responses: text in the items alone",
            RESPONSES,
            concat!(
                "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"message\",\"content\":[{\"text\":\"Hi\"}]}]}}\n\n",
            ),
        ),
        one(
            "Responses: text in the last event alone",
            RESPONSES,
            "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":\"Hi\"}]}}\n\n",
        ),
        says(
            "Responses: two messages are two paragraphs",
            RESPONSES,
            "I look.\n\nHi",
            concat!(
                "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"phase\":\"commentary\",\"content\":[{\"type\":\"output_text\",\"text\":\"I look.\"}]}}\n\n",
                "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\",\"phase\":\"final_answer\",\"content\":[]}}\n\n",
                "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
            ),
        ),
        once(
            "Responses: fields of other types",
            complete("One two three").thinking("Hm"),
            |_| {
                vec![
                    Step::Head,
                    raw(concat!(
                        "data: {\"type\":\"response.created\",\"response\":7,\"sequence_number\":\"x\"}\n\n",
                        "data: {\"type\":\"response.output_item.added\",\"item\":[],\"output_index\":-1}\n\n",
                        "data: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":{\"text\":\"Hm\"},\"summary_index\":\"0\"}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"One \",\"item_id\":7,\"logprobs\":\"none\"}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"delta\":[{\"type\":\"output_text\",\"text\":\"two \"}]}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"delta\":7}\n\ndata: {\"type\":7}\n\n",
                        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"three\"}\n\n",
                        "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\",\"summary\":7,\"encrypted_content\":{}}}\n\n",
                        "data: {\"type\":\"response.completed\",\"response\":{\"status\":7,\"output\":{},\"usage\":\"none\",\"incomplete_details\":\"\",\"error\":{\"message\":\"\",\"code\":null}}}\n\n",
                    )),
                ]
            },
        )
        .only(RESPONSES),
        says(
            "Responses: counts as text",
            RESPONSES,
            "string usage.",
            concat!(
                "data: {\"type\":\"response.output_text.delta\",\"delta\":\"string usage.\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":\"12\",\"output_tokens\":8589934592}}}\n\n",
            ),
        ),
        says(
            "Responses: an empty status from the beginning",
            RESPONSES,
            "One two.",
            concat!(
                "data: {\"type\":\"response.created\",\"response\":{\"status\":\"\"}}\n\n",
                "data: {\"type\":\"response.output_text.delta\",\"delta\":\"One \"}\n\n",
                "data: {\"type\":\"response.in_progress\",\"response\":{\"status\":\"completed\"}}\n\n",
                "data: {\"type\":\"response.output_text.delta\",\"delta\":\"two.\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"\"}}\n\n",
            ),
        ),
        calls(
            "Responses: a tool call and no text",
            RESPONSES,
            &[("container.exec", "{\"cmd\":[\"ls\"]}")],
            concat!(
                "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_1\",\"name\":\"container.exec\",\"arguments\":\"\"}}\n\n",
                "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"item_id\":\"fc_1\",\"delta\":\"{\\\"cmd\\\":[\\\"ls\\\"]}\"}\n\n",
                "data: {\"type\":\"response.function_call_arguments.done\",\"output_index\":0,\"item_id\":\"fc_1\",\"arguments\":\"{\\\"cmd\\\":[\\\"ls\\\"]}\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
            ),
        ),
        calls(
            "Responses: a tool that the provider runs, and no text",
            RESPONSES,
            &[],
            concat!(
                "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"web_search_call\",\"status\":\"in_progress\"}}\n\n",
                "data: {\"type\":\"response.web_search_call.completed\"}\n\n",
                "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
            ),
        ),
    ]
}

/// How a response of OpenAI Responses ends, apart from the usual end.
fn responses_ends() -> Vec<Scenario> {
    const RESPONSES: &[Protocol] = &[Protocol::Responses];
    const HALF: &str = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"half\"}\n\n";
    let failed_with = |name: &'static str, kind, says, error: &'static str| {
        once(name, failed(kind, says).with("half"), move |_| {
            let end = format!(
                "event: response.failed\ndata: {{\"type\":\"response.failed\",\"response\":{{\"status\":\"failed\",\"error\":{error}}}}}\n\n"
            );
            vec![Step::Head, raw(HALF), raw(end)]
        })
        .only(RESPONSES)
    };
    vec![
        failed_with(
            "Responses: it failed",
            "provider_fault",
            "this is why",
            "{\"code\":\"server_error\",\"message\":\"this is why\"}",
        ),
        failed_with(
            "Responses: it failed by a limit",
            "rate_limited",
            "this is why",
            "{\"code\":\"rate_limit_exceeded\",\"message\":\"this is why\"}",
        ),
        failed_with(
            "Responses: it failed by the prompt",
            "request_rejected",
            "this is why",
            "{\"code\":\"invalid_prompt\",\"message\":\"this is why\"}",
        ),
        failed_with(
            "Responses: it failed without a reason",
            "provider_fault",
            "no reason given",
            "null",
        ),
        scenario("Responses: it failed before text, then an answer", complete(HELLO).after(2), |_| {
            let failed = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"this is why\"}}}\n\n";
            vec![Script::new([Step::Head, raw(failed)]), Script::answer(HELLO)]
        })
        .only(RESPONSES),
        once(
            "Responses: a refusal",
            complete("I cannot").finish(Some(FinishReason::Refusal)),
            |_| {
                vec![
                    Step::Head,
                    raw(concat!(
                        "data: {\"type\":\"response.refusal.delta\",\"delta\":\"I \"}\n\n",
                        "data: {\"type\":\"response.refusal.delta\",\"delta\":\"cannot\"}\n\n",
                        "data: {\"type\":\"response.refusal.done\",\"refusal\":\"I cannot\"}\n\n",
                        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
                    )),
                ]
            },
        )
        .only(RESPONSES),
        once(
            "Responses: incomplete for a reason that is new",
            complete("half").finish(Some(FinishReason::Length)),
            |_| {
                let end = "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_messages\"}}}\n\n";
                vec![Step::Head, raw(HALF), raw(end)]
            },
        )
        .only(RESPONSES),
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
