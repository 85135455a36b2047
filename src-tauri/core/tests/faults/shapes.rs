//! Answers in shapes that no protocol describes and real servers send. The comments name the reports.

use conch_core::model::FinishReason;
use conch_fault_server::{Protocol, Step};
use serde_json::Value;

use crate::bodies::{body, changed, delta, finish, head, ok_head, raw, text_of};
use crate::scenario::{EVENTS, HELLO, Scenario, complete, cut, failed, once};
use crate::wires::whole;

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        framing(),
        content_types(),
        whole_answers(),
        halves(),
        think_tags(),
        odd_fields(),
        errors(),
        refusals(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns an answer in these pieces, in which one text of the JSON stands for another.
fn spelled(protocol: Protocol, pieces: &[&str], spelling: &[(&str, &str)]) -> Vec<Step> {
    let steps: Vec<_> = pieces
        .iter()
        .map(|piece| delta(piece))
        .chain([finish("stop"), Step::Done])
        .collect();
    let mut body = text_of(protocol, &steps);
    for (from, to) in spelling {
        body = body.replace(from, to);
    }
    vec![Step::Head, raw(body)]
}

/// Returns the JSON values of an ordinary answer.
fn values(protocol: Protocol) -> Vec<String> {
    let body = body(protocol);
    let lines = body.lines().filter(|line| !line.starts_with("event:"));
    let values = lines.map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let values = values.filter(|value| !value.is_empty() && *value != "[DONE]");
    values.map(str::to_owned).collect()
}

/// From rexxars/eventsource-parser#31 and others.
fn framing() -> Vec<Scenario> {
    let answer = || complete(HELLO);
    vec![
        once("one line end between events", answer(), |protocol| {
            changed(protocol, |body| body.replace("\n\n", "\n"))
        })
        .only(EVENTS),
        once("one CRLF between events", answer(), |protocol| {
            changed(protocol, |body| body.replace("\n\n", "\r\n"))
        })
        .only(EVENTS),
        once("no blank line after the last event", answer(), |protocol| {
            changed(protocol, |body| body.trim_end().to_owned())
        })
        .only(EVENTS),
        once("two events in one line", answer(), |protocol| {
            vec![Step::Head, raw(values(protocol).concat())]
        }),
        once(
            "events where lines are usual, and lines where events are",
            answer(),
            |protocol| {
                let line = |value: String| match protocol {
                    Protocol::Ollama => format!("data: {value}\n\n"),
                    _ => format!("{value}\n"),
                };
                let body: String = values(protocol).into_iter().map(line).collect();
                vec![Step::Head, raw(body)]
            },
        ),
        once("all events in a list", answer(), |protocol| {
            vec![
                Step::Head,
                raw(format!("[{}]", values(protocol).join(",\n"))),
            ]
        }),
        once(
            "an end mark that the protocol does not have",
            answer(),
            |protocol| changed(protocol, |body| body + "data: [DONE]\n\n"),
        ),
    ]
}

/// From containers/ramalama#2837 and vllm-project/vllm-ascend#5033.
fn content_types() -> Vec<Scenario> {
    let types = [
        "text/plain; charset=utf-8",
        "application/json",
        "application/octet-stream",
        "text/html",
        "text/event-stream",
        "application/x-ndjson",
    ];
    let of_type = |content_type: &'static str| {
        once(
            format!("a stream as {content_type}"),
            complete(HELLO),
            move |protocol| {
                let head = head(&["HTTP/1.1 200 OK", &format!("content-type: {content_type}")]);
                vec![raw(head), raw(body(protocol))]
            },
        )
    };
    types.map(of_type).into()
}

/// From decolua/9router#3492, SillyTavern/SillyTavern#4351 and CherryHQ/cherry-studio#8153.
fn whole_answers() -> Vec<Scenario> {
    let answer = || complete("Hi");
    vec![
        once("one object as a stream", answer(), |protocol| {
            vec![Step::Head, raw(whole(protocol))]
        }),
        once("one object over several lines", answer(), |protocol| {
            let value: Value = serde_json::from_str(whole(protocol)).unwrap();
            vec![Step::Head, raw(format!("{value:#}\n"))]
        }),
        once("one object and an end mark", answer(), |protocol| {
            vec![
                Step::Head,
                raw(format!("{}data: [DONE]\n\n", whole(protocol))),
            ]
        }),
        once("one object behind empty lines", answer(), |protocol| {
            vec![Step::status(
                200,
                &[],
                &format!("\n\n\n{}", whole(protocol)),
            )]
        }),
        once(
            "one object without a finish reason",
            complete("Hi").finish(None),
            |protocol| {
                let whole = whole(protocol);
                let reasons = [
                    "\"finish_reason\":\"stop\"",
                    "\"stop_reason\":\"end_turn\"",
                    "\"finishReason\":\"STOP\"",
                    "\"object\":\"response\",\"status\":\"completed\"",
                ];
                let without = reasons.iter().fold(whole.to_owned(), |body, reason| {
                    body.replace(reason, "\"new\":1")
                });
                vec![Step::status(200, &[], &without)]
            },
        )
        .only(EVENTS),
    ]
}

/// From Kohaku-Lab/KohakuTerrarium#48 and elizaOS/eliza#30904.
fn halves() -> Vec<Scenario> {
    const HIGH: (&str, &str) = ("HIGH", "\\ud83d");
    const LOW: (&str, &str) = ("LOW", "\\udc1a");
    vec![
        once(
            "an emoji cut in two",
            complete("A shell 🐚 here."),
            |protocol| {
                spelled(
                    protocol,
                    &["A shell ", "HIGH", "LOW", " here."],
                    &[HIGH, LOW],
                )
            },
        ),
        once(
            "an emoji cut in two within texts",
            complete("A shell 🐚 here."),
            |protocol| spelled(protocol, &["A shell HIGH", "LOW here."], &[HIGH, LOW]),
        ),
        once(
            "the second half of an emoji",
            complete("A \u{fffd} here."),
            |protocol| spelled(protocol, &["A ", "LOW", " here."], &[LOW]),
        ),
        once(
            "the first half of an emoji, at the end",
            complete("A \u{fffd}"),
            |protocol| spelled(protocol, &["A ", "HIGH"], &[HIGH]),
        ),
    ]
}

/// From chatboxai/chatbox#2157 and danny-avila/LibreChat#6834.
fn think_tags() -> Vec<Scenario> {
    vec![
        once(
            "thoughts in tags",
            complete("The answer is **4**.").thinking("Okay, 2+2.\n\nThat is 4."),
            |protocol| {
                let pieces = [
                    "<think>",
                    "\n",
                    "Okay, 2+2. ",
                    "\n\nThat is 4.",
                    "\n</think>",
                    "\n\n",
                    "The answer is **4**.",
                ];
                spelled(protocol, &pieces, &[("2+2. ", "2+2.")])
            },
        ),
        once(
            "thoughts in tags that are cut",
            complete("Yes").thinking("Hm, <b>"),
            |protocol| {
                spelled(
                    protocol,
                    &["\n<th", "ink>Hm", ", <b></thi", "nk>", "Yes"],
                    &[],
                )
            },
        ),
        once("no thoughts in tags", complete("Yes"), |protocol| {
            spelled(protocol, &["<think>\n\n</think>\n\n", "Yes"], &[])
        }),
        once(
            "tags in an answer",
            complete("`<think>` is a tag: <think>so</think>"),
            |protocol| {
                spelled(
                    protocol,
                    &["`<think>`", " is a tag: ", "<think>so</think>"],
                    &[],
                )
            },
        ),
        once(
            "tags in code",
            complete("```\n<think>\n</think>\n```"),
            |protocol| spelled(protocol, &["```\n", "<think>\n</think>\n", "```"], &[]),
        ),
        once(
            "thoughts in tags without an answer",
            failed("empty_answer", "Raise Max tokens")
                .thinking("Hm, so")
                .finish(Some(FinishReason::Length)),
            |_| {
                vec![
                    Step::Head,
                    delta("<think>Hm"),
                    delta(", so"),
                    finish("length"),
                    Step::Done,
                ]
            },
        ),
        once("a cut in a tag", cut().with("<thi"), |_| {
            vec![Step::Head, delta("<thi"), Step::Close]
        }),
    ]
}

/// Fields of a form that the protocol does not have: each costs what it contains, not the answer.
fn odd_fields() -> Vec<Scenario> {
    let of = |name: &'static str, protocol: &'static [Protocol], expected, body: &'static str| {
        once(name, expected, move |_| vec![Step::Head, raw(body)]).only(protocol)
    };
    vec![
        // From perplexityai/api-discussion#209 and vercel/ai#16530.
        of(
            "OpenAI: all text so far beside the delta, and no end mark",
            &[Protocol::OpenAi],
            complete("The sky is blue[1]."),
            concat!(
                "data: {\"citations\": [\"https://example.com/a\"], \"choices\": [{\"index\": 0, \"finish_reason\": null, \"message\": {\"role\": \"assistant\", \"content\": \"The sky \"}, \"delta\": {\"role\": \"assistant\", \"content\": \"The sky \"}}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"finish_reason\": null, \"message\": {\"role\": \"assistant\", \"content\": \"The sky is blue[1].\"}, \"delta\": {\"content\": \"is blue[1].\"}}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"finish_reason\": \"stop\", \"message\": {\"role\": \"assistant\", \"content\": \"The sky is blue[1].\"}, \"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n",
            ),
        ),
        of(
            "OpenAI: deltas that are called messages",
            &[Protocol::OpenAi],
            complete("Hi there"),
            concat!(
                "data: {\"choices\":[{\"message\":{\"content\":\"Hi \"}}]}\n\n",
                "data: {\"choices\":[{\"message\":{\"content\":\"there\"},\"finish_reason\":\"stop\"}]}\n\n",
            ),
        ),
        // From symfony/ai#2422 and vercel/ai#8072.
        of(
            "OpenAI: content in parts",
            &[Protocol::OpenAi],
            complete("The answer is 4.").thinking("Let me think. 2+2 is 4."),
            concat!(
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": [{\"type\": \"thinking\", \"thinking\": [{\"type\": \"text\", \"text\": \"Let me think. \"}]}]}}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": [{\"type\": \"thinking\", \"thinking\": \"2+2 is 4.\"}, {\"type\": \"reference\", \"reference_ids\": [1]}]}}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": [{\"type\": \"text\", \"text\": \"The answer \"}]}}]}\n\n",
                "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"is 4.\"}, \"finish_reason\": \"stop\"}]}\n\n",
                "data: [DONE]\n\n",
            ),
        ),
        of(
            "OpenAI: fields of other types",
            &[Protocol::OpenAi],
            complete("One two"),
            concat!(
                "data: {\"choices\":[7,{\"index\":null,\"delta\":{\"content\":\"One \",\"reasoning\":{\"effort\":1},\"tool_calls\":\"none\",\"refusal\":false},\"finish_reason\":0}],\"usage\":\"none\"}\n\n",
                "data: {\"choices\":[{\"index\":\"0\",\"delta\":{\"content\":\"two\",\"function_call\":[],\"images\":\"\"},\"finish_reason\":\"stop\"}]}\n\n",
                "data: {\"choices\":{},\"usage\":[]}\n\ndata: [DONE]\n\n",
            ),
        ),
        of(
            "OpenAI: a completion of text",
            &[Protocol::OpenAi],
            complete("Hi there"),
            concat!(
                "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"Hi \",\"finish_reason\":null}]}\n\n",
                "data: {\"choices\":[{\"index\":0,\"text\":\"there\",\"finish_reason\":\"stop\"}]}\n\n",
            ),
        ),
        of(
            "Anthropic: fields of other types",
            &[Protocol::Anthropic],
            complete("One two three").thinking("Hm"),
            concat!(
                "data: {\"type\":\"message_start\",\"message\":{\"content\":\"\",\"usage\":7}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"index\":\"0\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm\",\"signature\":7}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"One \"}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":[{\"text\":\"two \"}]}}\n\n",
                "data: {\"type\":\"content_block_delta\",\"delta\":7}\n\ndata: {\"type\":7}\n\n",
                "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"three\",\"citations\":{}}}\n\n",
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":[]}\n\n",
                "data: {\"type\":\"message_stop\"}\n\n",
            ),
        ),
        of(
            "Gemini: fields of other types",
            &[Protocol::Gemini],
            complete("One two three four").thinking("Hm"),
            concat!(
                "data: {\"candidates\":[7,{\"content\":{\"parts\":[{\"text\":\"Hm\",\"thought\":\"true\"},7]},\"finishReason\":0}],\"promptFeedback\":\"\"}\n\n",
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"One \",\"thought\":null,\"functionCall\":\"\"},{\"text\":\"two \",\"thoughtSignature\":7}]}}]}\n\n",
                "data: {\"candidates\":[{\"content\":{\"parts\":{\"text\":\"three \"}}}]}\n\n",
                "data: {\"candidates\":[{\"content\":\"four\",\"finishReason\":\"STOP\"}],\"usageMetadata\":[]}\n\n",
            ),
        ),
        of(
            "Ollama: fields of other types",
            &[Protocol::Ollama],
            complete("One two three").thinking("Hm"),
            concat!(
                "{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"One \"}],\"thinking\":[\"Hm\"],\"tool_calls\":\"none\"},\"done\":\"false\"}\n",
                "{\"message\":7,\"done\":0}\n",
                "{\"message\":{\"content\":\"two \",\"thinking\":false},\"done\":null,\"done_reason\":7}\n",
                "{\"response\":\"three\",\"done\":\"true\",\"done_reason\":\"stop\",\"eval_count\":3.0}\n",
            ),
        ),
    ]
}

/// From zed-industries/zed#63825 and FuzzAnything/PromptFuzz#42, in every protocol.
fn errors() -> Vec<Scenario> {
    let bodies = [
        (
            "an error as detail",
            "provider_fault",
            "{\"detail\":\"this is why\"}",
        ),
        (
            "an error as detail, rejected",
            "request_rejected",
            "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"this is why\"}],\"status_code\":422}",
        ),
        (
            "an error of OpenAI",
            "request_rejected",
            "{\"error\":{\"message\":\"this is why\",\"type\":\"invalid_request_error\",\"code\":null}}",
        ),
        (
            "an error of Anthropic",
            "request_rejected",
            "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"this is why\"}}",
        ),
        (
            "an error of Gemini in a list",
            "request_rejected",
            "[{\"error\":{\"code\":400,\"message\":\"this is why\",\"status\":\"INVALID_ARGUMENT\"}}]",
        ),
        (
            "an error of Cloudflare",
            "request_rejected",
            "{\"success\":false,\"errors\":[{\"code\":7,\"message\":\"this is why\"}],\"status\":400}",
        ),
        ("an error as text", "unexpected_response", "this is why"),
        (
            "an error in JSON in JSON",
            "request_rejected",
            "{\"error\":{\"code\":400,\"message\":\"{\\\"error\\\":{\\\"message\\\":\\\"this is why\\\"}}\"}}",
        ),
    ];
    let of_body = |(name, code, body): (&str, &'static str, &'static str)| {
        once(
            format!("{name}, after text"),
            failed(code, "this is why").with("half"),
            move |_| vec![Step::Head, delta("half"), raw(format!("data: {body}\n\n"))],
        )
    };
    let mut scenarios: Vec<_> = bodies.into_iter().map(of_body).collect();
    scenarios.extend([
        once("an event that is named an error", failed("provider_fault", "Model overloaded").with("half"), |_| {
            let error = "event: error\ndata: {\"message\":\"Model overloaded\"}\n\n";
            vec![Step::Head, delta("half"), raw(error)]
        }),
        once("a limit as detail", failed("rate_limited", "for free tier").with("half"), |_| {
            let limit = "data: {\"detail\":\"Rate limit exceeded for free tier\",\"status_code\":429}\n\n";
            vec![Step::Head, delta("half"), raw(limit)]
        }),
        once("an error with empty fields in every event", complete(HELLO), |protocol| {
            changed(protocol, |body| {
                let empty = "{\"error\":{\"message\":\"\",\"type\":\"\",\"param\":\"\",\"code\":null},";
                let with = |line: &str| match line.find('{') {
                    Some(at) => format!("{}{empty}{}\n", &line[..at], &line[at + 1..]),
                    None => format!("{line}\n"),
                };
                body.lines().map(with).collect()
            })
        }),
        once("words of a proxy", failed("unexpected_response", "model is loading"), |protocol| {
            vec![raw(ok_head(protocol, &[])), raw("The model is loading, try later\n")]
        }),
    ]);
    scenarios
}

fn refusals() -> Vec<Scenario> {
    let refused = |name: &'static str, status: u16, code, says, body: &'static str| {
        once(name, failed(code, says), move |_| {
            vec![Step::status(
                status,
                &[("content-type", "text/plain")],
                body,
            )]
        })
    };
    vec![
        refused(
            "a refusal in plain text",
            400,
            "request_rejected",
            "call /load first",
            "model `foo` is not loaded; call /load first",
        ),
        refused(
            "a refusal of Cloudflare",
            400,
            "request_rejected",
            "this is why",
            "{\"success\":false,\"errors\":[{\"code\":7,\"message\":\"this is why\"}]}",
        ),
        refused(
            "403 for moderation",
            403,
            "content_filtered",
            "requires moderation",
            "{\"error\":{\"code\":403,\"message\":\"Your chosen model requires moderation and your input was flagged for \\\"violence\\\".\"}}",
        ),
        refused(
            "403 for the region",
            403,
            "request_rejected",
            "territory",
            "{\"error\":{\"code\":\"unsupported_country_region_territory\",\"message\":\"Country, region, or territory not supported\"}}",
        ),
        refused(
            "404 in plain text",
            404,
            "unknown_path",
            "base URL",
            "404 page not found",
        ),
        refused(
            "404 in plain text about the model",
            404,
            "unknown_model",
            "model foo",
            "no model foo here",
        ),
    ]
}
