//! Behaviour that is specific to OpenAI Responses.

use conch_core::model::FinishReason;
use conch_fault_server::{Protocol, Script, Step};

use crate::bodies::raw;
use crate::protocol_specific::{calls, one, says};
use crate::scenario::{HELLO, Scenario, complete, failed, once, scenario};

const RESPONSES: &[Protocol] = &[Protocol::Responses];

pub(crate) fn scenarios() -> Vec<Scenario> {
    [forms(), tool_calls(), ends()]
        .into_iter()
        .flatten()
        .collect()
}

/// What servers leave out or send in another form.
fn forms() -> Vec<Scenario> {
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
    ]
}

/// Calls of tools, and no text.
fn tool_calls() -> Vec<Scenario> {
    vec![
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

/// How a response ends, apart from the usual end.
fn ends() -> Vec<Scenario> {
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
