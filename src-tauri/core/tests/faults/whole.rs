//! Streams that are unusual, yet complete.

use std::time::Duration;

use conch_core::model::FinishReason;
use conch_fault_server::{Protocol, Step};

use crate::bodies::{body, changed, cut_in_character, delta, error, finish, hello, raw, text_of};
use crate::scenario::{EVENTS, HELLO, MARKED, Scenario, User, complete, cut, empty, failed, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [framing(), contents(), unfinished(), late()]
        .into_iter()
        .flatten()
        .collect()
}

/// The same events with different framing.
fn framing() -> Vec<Scenario> {
    let answer = || complete(HELLO);
    vec![
        once("a plain answer", answer(), |_| {
            [vec![Step::Head], hello()].concat()
        }),
        once("drip: one byte at a time", answer(), |protocol| {
            let body = body(protocol);
            let bytes = body.as_bytes().chunks(1).map(raw);
            [Step::Head].into_iter().chain(bytes).collect()
        }),
        once("lines end with CRLF", answer(), |protocol| {
            changed(protocol, |body| body.replace('\n', "\r\n"))
        }),
        once("lines end with CR alone", answer(), |protocol| {
            changed(protocol, |body| body.replace('\n', "\r"))
        })
        .only(EVENTS),
        once("a byte order mark first", answer(), |protocol| {
            changed(protocol, |body| format!("\u{feff}{body}"))
        })
        .only(EVENTS),
        once("comments between events", answer(), |protocol| {
            changed(protocol, |body| {
                format!(": OK\n\n{}", body.replace("\n\n", "\n\n: PROCESSING\n\n"))
            })
        })
        .only(EVENTS),
        once("empty lines between events", answer(), |protocol| {
            changed(protocol, |body| body.replace('\n', "\n\n\n"))
        })
        .only(&[Protocol::Ollama]),
        once("data over several lines", answer(), |protocol| {
            changed(protocol, |body| {
                body.replace("data: {", "data: {\ndata:\ndata: ")
            })
        })
        .only(EVENTS),
        once("unknown fields of events", answer(), |protocol| {
            changed(protocol, |body| {
                body.replace("data: ", "id: 7\nretry: 3000\nnew: thing\nnew\ndata: ")
            })
        })
        .only(EVENTS),
        once("events without data", answer(), |protocol| {
            changed(protocol, |body| {
                body.replace("\n\n", "\n\nevent: idle\n\nid: 3\n\n")
            })
        })
        .only(EVENTS),
        once("events with empty data", answer(), |protocol| {
            changed(protocol, |body| body.replace("\n\n", "\n\ndata:\n\n"))
        })
        .only(EVENTS),
        once("no blank after the colon", answer(), |protocol| {
            changed(protocol, |body| body.replace("data: ", "data:"))
        })
        .only(EVENTS),
        once("UTF-8 split in mid-character", answer(), |protocol| {
            let body = body(protocol);
            let (before, after) = cut_in_character(body.as_bytes());
            let pause = Step::Pause(Duration::from_millis(5));
            vec![Step::Head, raw(before), pause, raw(after)]
        }),
        once("no end of the last line", answer(), |protocol| {
            changed(protocol, |body| body.trim_end().to_owned())
        })
        .only(&[Protocol::Ollama]),
    ]
}

/// Events with additional fields, or with much text.
fn contents() -> Vec<Scenario> {
    let long = || "0123456789abcdef".repeat(256 * 1024);
    vec![
        once("a line of 4 MiB", complete(long()), move |_| {
            vec![Step::Head, delta(&long()), finish("stop"), Step::Done]
        }),
        once(
            "1,000 events at once",
            complete("x ".repeat(1000)),
            |protocol| {
                let words = vec![delta("x "); 1000];
                let steps = [words, vec![finish("stop"), Step::Done]].concat();
                vec![Step::Head, raw(protocol.stream(&steps))]
            },
        ),
        once("unknown fields of objects", complete(HELLO), |protocol| {
            changed(protocol, |body| {
                let first = |line: &str| match line.split_once('{') {
                    Some((before, after)) => {
                        format!("{before}{{\"new\":{{\"deep\":[1,null]}},{after}\n")
                    }
                    None => format!("{line}\n"),
                };
                body.lines().map(first).collect()
            })
        }),
        once("unknown events", complete(HELLO), |protocol| {
            changed(protocol, |body| {
                let new = match protocol {
                    Protocol::OpenAi => "data: {\"object\":\"new\",\"choices\":[]}\n\n",
                    Protocol::Responses => {
                        "event: response.new\ndata: {\"type\":\"response.new\",\"delta\":\"x\"}\n\n"
                    }
                    Protocol::Anthropic => "event: new\ndata: {\"type\":\"new\",\"index\":9}\n\n",
                    Protocol::Gemini => "data: {\"newThing\":{\"a\":1}}\n\n",
                    Protocol::Ollama => "{\"model\":\"stand-in-1\",\"new\":true,\"done\":false}\n",
                };
                format!("{new}{body}")
            })
        }),
        once(
            "reasoning before the answer",
            complete("Yes").thinking("Hm, so"),
            |_| {
                let thought = |text: &str| Step::Reasoning(text.to_owned());
                let start = vec![Step::Head, thought("Hm"), thought(", so"), delta("Yes")];
                [start, vec![finish("stop"), Step::Usage(7, 3), Step::Done]].concat()
            },
        ),
        once(
            "the longest answer is reached",
            complete("Once").finish(Some(FinishReason::Length)),
            |_| vec![Step::Head, delta("Once"), finish("length"), Step::Done],
        ),
        once(
            "a filter cuts the answer",
            complete("Once").finish(Some(FinishReason::ContentFilter)),
            |_| {
                vec![
                    Step::Head,
                    delta("Once"),
                    finish("content_filter"),
                    Step::Done,
                ]
            },
        )
        .only(&[Protocol::OpenAi, Protocol::Responses, Protocol::Gemini]),
        once(
            "a filter leaves nothing",
            failed("content_filtered", "filter").finish(Some(FinishReason::ContentFilter)),
            |_| vec![Step::Head, finish("content_filter"), Step::Done],
        )
        .only(&[Protocol::OpenAi, Protocol::Responses, Protocol::Gemini]),
    ]
}

/// Valid ends with a part missing.
fn unfinished() -> Vec<Scenario> {
    vec![
        once("end mark missing", complete("whole"), |_| {
            vec![Step::Head, delta("whole"), finish("stop"), Step::Close]
        }),
        once(
            "finish reason missing",
            complete("whole").finish(None),
            |_| vec![Step::Head, delta("whole"), Step::Done],
        )
        .only(MARKED)
        .but(Protocol::Ollama, complete("whole")),
        once("usage missing", complete("whole"), |_| {
            vec![Step::Head, delta("whole"), finish("stop"), Step::Done]
        }),
        once("usage before the text", complete("whole"), |_| {
            let usage = Step::Usage(7, 1);
            vec![
                Step::Head,
                usage,
                delta("whole"),
                finish("stop"),
                Step::Done,
            ]
        }),
        once(
            "usage long after the finish reason",
            complete("whole"),
            |_| {
                let pause = Step::Pause(Duration::from_millis(50));
                let end = vec![pause, Step::Usage(7, 3), Step::Done];
                [vec![Step::Head, delta("whole"), finish("stop")], end].concat()
            },
        ),
        once(
            "reasoning and no text",
            empty("The model reasoned").thinking("Hm"),
            |_| {
                let thought = Step::Reasoning("Hm".into());
                vec![Step::Head, thought, finish("stop"), Step::Done]
            },
        ),
        once(
            "reasoning up to the longest answer",
            failed("empty_answer", "Raise Max tokens")
                .thinking("Hm")
                .finish(Some(FinishReason::Length)),
            |_| {
                let thought = Step::Reasoning("Hm".into());
                vec![Step::Head, thought, finish("length"), Step::Done]
            },
        ),
    ]
}

/// What follows a finish reason.
fn late() -> Vec<Scenario> {
    vec![
        once("silence after the finish reason", complete("whole"), |_| {
            vec![Step::Head, delta("whole"), finish("stop"), Step::Hang]
        }),
        once("reset after the finish reason", complete("whole"), |_| {
            let end = vec![finish("stop"), Step::Wait("go".into()), Step::Reset];
            [vec![Step::Head, delta("whole")], end].concat()
        })
        .user(User::Reads("whole")),
        once(
            "an error after the finish reason",
            complete("whole"),
            |_| {
                let late = error("too late");
                vec![Step::Head, delta("whole"), finish("stop"), late]
            },
        ),
        once(
            "text after the finish reason",
            complete("First half, second half."),
            |_| {
                let first = vec![Step::Head, delta("First half, "), finish("stop")];
                let second = vec![delta("second half."), finish("stop"), Step::Done];
                [first, second].concat()
            },
        )
        .only(EVENTS),
        once(
            "text after the finish reason, and no other",
            complete("First half, second half."),
            |_| {
                let pause = Step::Pause(Duration::from_millis(50));
                let first = vec![Step::Head, delta("First half, "), finish("stop"), pause];
                [first, vec![delta("second half."), Step::Close]].concat()
            },
        )
        .only(EVENTS),
        once(
            "reasoning after the finish reason",
            complete("Yes").thinking("Hm"),
            |_| {
                let late = vec![Step::Reasoning("Hm".into()), finish("stop"), Step::Done];
                [vec![Step::Head, delta("Yes"), finish("stop")], late].concat()
            },
        )
        .only(EVENTS),
        once(
            "a cut after text that came after the finish reason",
            cut()
                .with("First half, second")
                .finish(Some(FinishReason::Stop)),
            |_| {
                let first = vec![Step::Head, delta("First half, "), finish("stop")];
                let gate = Step::Wait("go".into());
                [first, vec![delta("second"), gate, Step::Reset]].concat()
            },
        )
        .only(EVENTS)
        .user(User::Reads("First half, second")),
        once("text after the end", complete(HELLO), |protocol| {
            let ghost = text_of(protocol, &[delta("ghost")]);
            changed(protocol, move |body| body + &ghost)
        })
        .only(MARKED),
    ]
}
