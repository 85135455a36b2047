use super::positions::MAX_PARTS;
use super::*;
use crate::model::{ProtocolKind, ProviderData, ToolCall};

fn streaming() -> Turn {
    let mut turn = connecting();
    assert_eq!(turn.handle(Event::Opened), None);
    turn
}

fn connecting() -> Turn {
    let mut turn = waiting();
    assert!(turn.admit());
    turn
}

fn waiting() -> Turn {
    let mut turn = Turn::new();
    assert_eq!(turn.handle(Event::Start), Some(Effect::Acquire));
    turn
}

fn finish(turn: &mut Turn, reason: FinishReason) {
    let event = Event::Stream(StreamEvent::Finish(reason));
    assert_eq!(turn.handle(event), Some(Effect::AwaitUsage));
}

fn appended(part: usize, delta: PartDelta) -> Effect {
    Effect::Append { part, delta }
}

fn data(signature: &str) -> ProviderData {
    ProviderData {
        protocol: ProtocolKind::Anthropic,
        data: serde_json::json!({"signature": signature}),
    }
}

fn call() -> StreamEvent {
    StreamEvent::Content(Content::ToolCall(ToolCall {
        id: "c".to_owned(),
        name: "weather".to_owned(),
        input: "{}".to_owned(),
    }))
}

fn reasoning(text: &str) -> PartDelta {
    PartDelta::Reasoning(text.to_owned())
}

fn text(turn: &mut Turn, text: &str) {
    let event = Event::Stream(StreamEvent::text(text));
    assert_eq!(
        turn.handle(event),
        Some(appended(0, PartDelta::Text(text.to_owned())))
    );
}

fn status(effect: Option<Effect>) -> MessageStatus {
    match effect {
        Some(Effect::Finish(ending)) => ending.status,
        other => panic!("expected an end, got {other:?}"),
    }
}

fn busy(retry: Retry) -> Failure {
    Failure::new(FailureKind::RateLimited, "slow down").retrying(retry)
}

#[test]
fn an_end_mark_completes_the_answer() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    assert_eq!(
        status(turn.handle(Event::Stream(StreamEvent::Done))),
        MessageStatus::Complete
    );
}

#[test]
fn a_finish_reason_completes_it_too_and_usage_may_follow() {
    let usage = Usage {
        prompt_tokens: Some(3),
        completion_tokens: Some(1),
        ..Usage::default()
    };
    let mut turn = streaming();
    text(&mut turn, "Hi");
    finish(&mut turn, FinishReason::Length);
    assert_eq!(turn.handle(Event::Stream(StreamEvent::Usage(usage))), None);
    let end = turn.handle(Event::Stream(StreamEvent::Closed));
    assert!(
        matches!(end, Some(Effect::Finish(Ending { status: MessageStatus::Complete, usage: u, finish_reason: Some(FinishReason::Length), .. })) if u == usage)
    );
}

#[test]
fn a_length_that_fills_the_context_is_a_full_context() {
    for (context, expected) in [
        (None, FinishReason::Length),
        (Some(513), FinishReason::Length),
        (Some(512), FinishReason::ContextFull),
    ] {
        let mut turn = streaming();
        turn.knows_context(context);
        text(&mut turn, "Hi");
        finish(&mut turn, FinishReason::Length);
        let usage = Usage {
            prompt_tokens: Some(400),
            completion_tokens: Some(112),
            ..Usage::default()
        };
        turn.handle(Event::Stream(StreamEvent::Usage(usage)));
        let end = turn.handle(Event::Stream(StreamEvent::Closed));
        let Some(Effect::Finish(ending)) = end else {
            panic!("{end:?}");
        };
        assert_eq!(ending.status, MessageStatus::Complete);
        assert_eq!(ending.finish_reason, Some(expected), "{context:?}");
    }
}

#[test]
fn messages_omitted_by_conch_and_the_engine_are_added_up() {
    let mut turn = streaming();
    for messages in [2, 3] {
        let event = Event::Stream(StreamEvent::Omitted(Omitted {
            messages,
            tokens: 100,
        }));
        assert_eq!(turn.handle(event), None);
    }
    text(&mut turn, "Hi");
    let end = turn.handle(Event::Stream(StreamEvent::Done));
    assert!(
        matches!(
            end,
            Some(Effect::Finish(Ending {
                omitted: Omitted {
                    messages: 5,
                    tokens: 200
                },
                ..
            }))
        ),
        "{end:?}"
    );
}

fn error(effect: Option<Effect>) -> MessageError {
    match effect {
        Some(Effect::Finish(Ending {
            status: MessageStatus::Failed,
            error: Some(error),
            ..
        })) => error,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn an_end_without_text_is_a_failure_that_says_what_came() {
    let thought = || StreamEvent::reasoning("hm");
    let call = || StreamEvent::Unshown(Unshown::ToolCall);
    let image = || StreamEvent::Unshown(Unshown::Media);
    for (came, reason, code, says) in [
        (vec![], FinishReason::Stop, "empty_answer", "empty answer"),
        (
            vec![],
            FinishReason::Length,
            "empty_answer",
            "before the first word",
        ),
        (
            vec![],
            FinishReason::ContentFilter,
            "content_filtered",
            "filter",
        ),
        (vec![], FinishReason::Refusal, "empty_answer", "declined"),
        (
            vec![thought()],
            FinishReason::Stop,
            "empty_answer",
            "reasoned but",
        ),
        (
            vec![thought()],
            FinishReason::Length,
            "empty_answer",
            "while reasoning",
        ),
        (
            vec![call()],
            FinishReason::Stop,
            "empty_answer",
            "call a tool",
        ),
        (
            vec![thought(), call()],
            FinishReason::Stop,
            "empty_answer",
            "call a tool",
        ),
        (
            vec![image()],
            FinishReason::Stop,
            "empty_answer",
            "an image",
        ),
    ] {
        for end in [StreamEvent::Done, StreamEvent::Closed] {
            let mut turn = streaming();
            for event in came.clone() {
                turn.handle(Event::Stream(event));
            }
            finish(&mut turn, reason);
            let error = error(turn.handle(Event::Stream(end)));
            assert_eq!(error.code, code, "{came:?} {reason:?}");
            assert!(error.message.contains(says), "{error:?}");
        }
        // Also when the protocol's end mark comes alone.
        let mut turn = streaming();
        for event in came.clone() {
            turn.handle(Event::Stream(event));
        }
        if !came.is_empty() {
            error(turn.handle(Event::Stream(StreamEvent::Done)));
        }
    }
}

#[test]
fn text_beside_a_tool_call_is_an_answer() {
    let mut turn = streaming();
    turn.handle(Event::Stream(StreamEvent::Unshown(Unshown::ToolCall)));
    text(&mut turn, "Hi");
    finish(&mut turn, FinishReason::Stop);
    let end = turn.handle(Event::Stream(StreamEvent::Done));
    assert_eq!(status(end), MessageStatus::Complete);
}

#[test]
fn what_comes_after_a_reason_is_kept_and_the_last_reason_is_the_answers() {
    let mut turn = streaming();
    text(&mut turn, "First half, ");
    finish(&mut turn, FinishReason::Length);
    assert!(turn.is_whole());
    text(&mut turn, "second half.");
    assert!(!turn.is_whole(), "more may come");
    let thought = Event::Stream(StreamEvent::reasoning("hm"));
    assert_eq!(turn.handle(thought), Some(appended(1, reasoning("hm"))));
    let again = Event::Stream(StreamEvent::Finish(FinishReason::Stop));
    assert_eq!(turn.handle(again), Some(Effect::AwaitUsage));
    assert!(!turn.is_whole());
    let end = turn.handle(Event::Stream(StreamEvent::Closed));
    assert!(
        matches!(
            end,
            Some(Effect::Finish(Ending {
                status: MessageStatus::Complete,
                finish_reason: Some(FinishReason::Stop),
                ..
            }))
        ),
        "{end:?}"
    );
}

#[test]
fn after_a_reason_that_was_no_end_the_answer_ends_as_any_other() {
    let resumed = || {
        let mut turn = streaming();
        text(&mut turn, "First half, ");
        finish(&mut turn, FinishReason::Stop);
        text(&mut turn, "second");
        turn
    };
    let end = |event| status(resumed().handle(event));
    assert_eq!(end(Event::Stop), MessageStatus::Stopped);
    assert_eq!(end(Event::Quit), MessageStatus::Interrupted);
    assert_eq!(end(Event::RanTooLong), MessageStatus::Interrupted);
    let cut = Failure::new(FailureKind::StreamCut, "cut");
    let cut = Event::Stream(StreamEvent::Failed(cut));
    assert_eq!(end(cut), MessageStatus::Interrupted);
    let failed = Event::Stream(StreamEvent::Failed(busy(Retry::Backoff)));
    assert_eq!(end(failed), MessageStatus::Failed, "and is not asked again");
    for whole in [
        Event::Stream(StreamEvent::Done),
        Event::Stream(StreamEvent::Closed),
        Event::Silence,
    ] {
        assert_eq!(end(whole), MessageStatus::Complete);
    }
}

#[test]
fn counts_of_what_was_left_out_do_not_overflow() {
    let mut turn = streaming();
    for messages in [u32::MAX, 7] {
        turn.handle(Event::Stream(StreamEvent::Omitted(Omitted {
            messages,
            tokens: u32::MAX,
        })));
    }
    text(&mut turn, "Hi");
    let end = turn.handle(Event::Stream(StreamEvent::Done));
    assert!(matches!(
        end,
        Some(Effect::Finish(Ending {
            omitted: Omitted {
                messages: u32::MAX,
                tokens: u32::MAX
            },
            ..
        }))
    ));
}

#[test]
fn an_answer_that_runs_for_too_long_is_interrupted_and_says_so() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    let Some(Effect::Finish(ending)) = turn.handle(Event::RanTooLong) else {
        panic!("it ends");
    };
    assert_eq!(ending.status, MessageStatus::Interrupted);
    assert_eq!(ending.error.unwrap().code, "ran_too_long");
}

#[test]
fn what_was_overtaken_changes_nothing() {
    let mut streams = streaming();
    assert!(!streams.admit());
    assert_eq!(streams.handle(Event::Refused(busy(Retry::Backoff))), None);
    assert_eq!(streams.handle(Event::PauseOver), None);
    text(&mut streams, "Hi");

    let mut connects = connecting();
    assert_eq!(connects.handle(Event::PauseOver), None);
    assert_eq!(connects.handle(Event::Stream(StreamEvent::Done)), None);
    assert_eq!(connects.handle(Event::Opened), None);
    text(&mut connects, "Hi");
}

#[test]
fn the_end_of_the_stream_alone_is_an_interruption() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    assert_eq!(
        status(turn.handle(Event::Stream(StreamEvent::Closed))),
        MessageStatus::Interrupted
    );
}

#[test]
fn an_end_mark_without_anything_before_it_is_no_answer() {
    let mut turn = streaming();
    assert_eq!(
        status(turn.handle(Event::Stream(StreamEvent::Done))),
        MessageStatus::Interrupted
    );
}

#[test]
fn comments_are_no_answer() {
    let mut turn = streaming();
    assert_eq!(turn.handle(Event::Stream(StreamEvent::KeptAlive)), None);
    assert_eq!(
        status(turn.handle(Event::Stream(StreamEvent::Done))),
        MessageStatus::Interrupted
    );
}

#[test]
fn an_answer_is_whole_from_its_finish_reason_on() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    assert!(!turn.is_whole());
    finish(&mut turn, FinishReason::Stop);
    assert!(turn.is_whole());
}

#[test]
fn a_sign_of_life_is_no_answer() {
    let mut turn = streaming();
    assert_eq!(turn.handle(Event::Stream(StreamEvent::Alive)), None);
    let error = error(turn.handle(Event::Stream(StreamEvent::Done)));
    assert_eq!(error.code, "empty_answer");
}

#[test]
fn stop_works_in_every_state_and_only_once() {
    let waiting = waiting();
    let mut retrying = connecting();
    retrying.handle(Event::Refused(busy(Retry::Backoff)));
    for mut turn in [waiting, connecting(), retrying, streaming()] {
        assert_eq!(status(turn.handle(Event::Stop)), MessageStatus::Stopped);
        assert_eq!(turn.handle(Event::Stop), None, "the second finds it ended");
        assert_eq!(
            turn.handle(Event::PauseOver),
            None,
            "and nothing asks again"
        );
    }
}

#[test]
fn a_whole_answer_stays_whole_when_stop_comes_late() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    finish(&mut turn, FinishReason::Stop);
    assert_eq!(status(turn.handle(Event::Stop)), MessageStatus::Complete);
}

#[test]
fn a_lost_lock_writes_nothing() {
    let mut turn = streaming();
    text(&mut turn, "Hi");
    assert_eq!(turn.handle(Event::LeaseLost), Some(Effect::Abandon));
    assert_eq!(turn.handle(Event::Stop), None);
}

#[test]
fn before_text_a_refusal_is_retried_as_the_provider_asks() {
    let mut turn = connecting();
    let asked = Duration::from_secs(7);
    let effect = turn.handle(Event::Refused(busy(Retry::After(asked))));
    assert_eq!(
        effect,
        Some(Effect::Pause {
            pause: asked,
            attempt: 2,
            reason: "slow down".to_owned()
        })
    );
    assert_eq!(turn.handle(Event::PauseOver), Some(Effect::Acquire));
    assert!(turn.admit());
}

#[test]
fn a_pause_of_hours_is_a_failure_at_once() {
    let mut turn = waiting();
    let hours = Retry::After(Duration::from_mins(121));
    let Some(Effect::Finish(ending)) = turn.handle(Event::Refused(busy(hours))) else {
        panic!("it waits");
    };
    assert_eq!(ending.status, MessageStatus::Failed);
    let message = ending.error.unwrap().message;
    assert!(message.ends_with("Try again in 2h 1m"), "{message}");
}

#[test]
fn retries_end() {
    let mut turn = waiting();
    let fault = Failure::new(FailureKind::ProviderFault, "down").retrying(Retry::Backoff);
    for _ in 0..RETRIES {
        assert!(matches!(
            turn.handle(Event::Refused(fault.clone())),
            Some(Effect::Pause { .. })
        ));
        assert_eq!(turn.handle(Event::PauseOver), Some(Effect::Acquire));
    }
    assert_eq!(
        status(turn.handle(Event::Refused(fault))),
        MessageStatus::Failed
    );
}

#[test]
fn a_rate_limit_is_waited_for_longer_and_each_pause_doubles() {
    let mut turn = waiting();
    let pauses: Vec<u128> = std::iter::from_fn(|| {
        let effect = turn.handle(Event::Refused(busy(Retry::Backoff)));
        turn.handle(Event::PauseOver);
        match effect {
            Some(Effect::Pause { pause, .. }) => Some(pause.as_millis()),
            _ => None,
        }
    })
    .collect();
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000]);
}

#[test]
fn an_error_in_the_stream_is_retried_only_before_text() {
    let error = || Event::Stream(StreamEvent::Failed(busy(Retry::Backoff)));
    let mut silent = streaming();
    assert!(matches!(silent.handle(error()), Some(Effect::Pause { .. })));

    let mut speaking = streaming();
    text(&mut speaking, "Hi");
    speaking.handle(Event::Stream(StreamEvent::Alive));
    assert_eq!(status(speaking.handle(error())), MessageStatus::Failed);
}

#[test]
fn after_reasoning_nothing_is_asked_again() {
    let mut turn = streaming();
    let thought = Event::Stream(StreamEvent::reasoning("hm"));
    assert_eq!(turn.handle(thought), Some(appended(0, reasoning("hm"))));
    let failed = Event::Stream(StreamEvent::Failed(busy(Retry::Backoff)));
    assert_eq!(status(turn.handle(failed)), MessageStatus::Failed);
}

#[test]
fn a_filter_that_leaves_nothing_is_a_failure_and_one_that_cuts_is_an_end() {
    let mut held_back = streaming();
    finish(&mut held_back, FinishReason::ContentFilter);
    let end = held_back.handle(Event::Stream(StreamEvent::Done));
    assert_eq!(status(end), MessageStatus::Failed);

    let mut cut = streaming();
    text(&mut cut, "Once upon");
    finish(&mut cut, FinishReason::ContentFilter);
    let end = cut.handle(Event::Stream(StreamEvent::Done));
    assert_eq!(status(end), MessageStatus::Complete);
}

#[test]
fn a_model_that_cannot_be_found_fails_while_it_is_waited_for() {
    let mut turn = waiting();
    let failure = Failure::new(FailureKind::UnknownModel, "who?");
    assert_eq!(
        status(turn.handle(Event::Refused(failure))),
        MessageStatus::Failed
    );
}

fn code(effect: Option<Effect>) -> (MessageStatus, String) {
    match effect {
        Some(Effect::Finish(Ending {
            status,
            error: Some(error),
            ..
        })) => (status, error.code),
        other => panic!("expected an end with a reason, got {other:?}"),
    }
}

#[test]
fn an_answer_ends_at_its_longest_with_all_that_fits() {
    type Say = fn(String) -> StreamEvent;
    type Kept = fn(Effect) -> Option<String>;
    let kinds: [(Say, Kept); 2] = [
        (StreamEvent::text, |effect| match effect {
            Effect::Append {
                delta: PartDelta::Text(text),
                ..
            } => Some(text),
            _ => None,
        }),
        (StreamEvent::reasoning, |effect| match effect {
            Effect::Append {
                delta: PartDelta::Reasoning(text),
                ..
            } => Some(text),
            _ => None,
        }),
    ];
    for (say, kept) in kinds {
        let mut turn = streaming();
        let mut say = |text: String| {
            let effect = turn.handle(Event::Stream(say(text))).unwrap();
            (kept(effect).unwrap(), turn.is_too_long())
        };
        let most = "x".repeat(MAX_ANSWER_BYTES - 1);
        assert_eq!(say(most.clone()), (most, false));
        // A character that does not fit completely is left out.
        assert_eq!(say("é".to_owned()), (String::new(), true));
        assert_eq!(
            code(turn.handle(Event::TooLong)),
            (MessageStatus::Interrupted, "too_long".to_owned())
        );
        assert!(!turn.is_too_long(), "it has ended");
    }
}

#[test]
fn an_answer_that_is_just_as_long_as_it_may_be_is_whole() {
    let mut turn = streaming();
    text(&mut turn, &"x".repeat(MAX_ANSWER_BYTES));
    assert!(!turn.is_too_long());
    finish(&mut turn, FinishReason::Stop);
    let end = turn.handle(Event::Stream(StreamEvent::Done));
    assert_eq!(status(end), MessageStatus::Complete);
}

#[test]
fn what_cannot_be_stored_ends_the_answer_with_the_reason() {
    let mut turn = streaming();
    text(&mut turn, "half");
    let end = turn.handle(Event::Unstorable("The page is damaged".to_owned()));
    let Some(Effect::Finish(ending)) = end else {
        panic!("{end:?}");
    };
    let error = ending.error.unwrap();
    assert_eq!(ending.status, MessageStatus::Failed);
    assert_eq!(error.code, "not_stored");
    assert!(error.message.contains("The page is damaged"));
}

/// Returns the positions of these additions.
fn positions(events: impl IntoIterator<Item = StreamEvent>) -> Vec<usize> {
    let mut turn = streaming();
    let mut position = |event| match turn.handle(Event::Stream(event)) {
        Some(Effect::Append { part, .. }) => part,
        other => panic!("expected an addition, got {other:?}"),
    };
    events.into_iter().map(&mut position).collect()
}

#[test]
fn reasoning_and_text_are_parts_in_the_order_in_which_they_arrive() {
    let text = || StreamEvent::text("Hi");
    let reasoning = || StreamEvent::reasoning("Hm");
    let signature = || StreamEvent::Content(Content::ProviderData(data("s")));
    let arrived = [
        reasoning(),
        reasoning(),
        text(),
        text(),
        reasoning(),
        text(),
    ];
    assert_eq!(positions(arrived), [0, 0, 1, 1, 2, 3]);
    // A signature ends its part.
    let arrived = [reasoning(), signature(), reasoning(), signature(), text()];
    assert_eq!(positions(arrived), [0, 0, 1, 1, 2]);
    // Reasoning that the provider hides is a part by itself.
    let hidden = || StreamEvent::Content(Content::HiddenReasoning(data("s")));
    assert_eq!(
        positions([text(), hidden(), hidden(), text()]),
        [0, 1, 2, 3]
    );
    // Data without a part of its own is a part by itself, and takes no other's data away.
    assert_eq!(positions([signature(), signature(), text()]), [0, 1, 2]);
    let arrived = [text(), signature(), signature(), reasoning(), signature()];
    assert_eq!(positions(arrived), [0, 0, 1, 2, 2]);
    // A call is a part by itself, and its data belongs to it.
    let arrived = [text(), call(), signature(), call(), call(), text()];
    assert_eq!(positions(arrived), [0, 1, 1, 2, 3, 4]);
}

#[test]
fn a_stream_that_alternates_for_ever_has_a_limited_number_of_parts() {
    let kinds = (0..10 * MAX_PARTS).map(|number| match number % 2 {
        0 => StreamEvent::reasoning("Hm"),
        _ => StreamEvent::text("Hi"),
    });
    let positions = positions(kinds);
    assert_eq!(positions.iter().max(), Some(&(MAX_PARTS - 1)));
    for (number, position) in positions.iter().enumerate() {
        assert_eq!(number % 2, position % 2, "text and reasoning stay apart");
    }
}

#[test]
fn an_answer_with_only_a_call_says_so_and_is_not_asked_again() {
    let mut turn = streaming();
    let Some(Effect::Append { part: 0, delta }) = turn.handle(Event::Stream(call())) else {
        panic!("the call is a part");
    };
    assert!(matches!(delta, PartDelta::ToolCall(_)), "{delta:?}");
    let mut fails = streaming();
    fails.handle(Event::Stream(call()));
    let failed = Event::Stream(StreamEvent::Failed(busy(Retry::Backoff)));
    assert_eq!(status(fails.handle(failed)), MessageStatus::Failed);
    finish(&mut turn, FinishReason::Stop);
    let error = error(turn.handle(Event::Stream(StreamEvent::Done)));
    assert!(error.message.contains("call a tool"), "{error:?}");
}

#[test]
fn beyond_the_limit_a_call_and_its_data_belong_to_no_other_part() {
    let mut turn = streaming();
    for _ in 0..MAX_PARTS {
        assert!(turn.handle(Event::Stream(call())).is_some());
    }
    let signature = StreamEvent::Content(Content::ProviderData(data("s")));
    let hidden = StreamEvent::Content(Content::HiddenReasoning(data("s")));
    for event in [call(), signature, hidden] {
        assert_eq!(turn.handle(Event::Stream(event)), None);
    }
    let text = turn.handle(Event::Stream(StreamEvent::text("Hi")));
    assert_eq!(
        text,
        Some(appended(MAX_PARTS, PartDelta::Text("Hi".to_owned()))),
        "text is never lost"
    );
}

#[test]
fn a_call_that_is_too_long_ends_the_answer() {
    let mut turn = streaming();
    let long = ToolCall {
        id: "c".to_owned(),
        name: "x".to_owned(),
        input: "x".repeat(MAX_ANSWER_BYTES),
    };
    let long = StreamEvent::Content(Content::ToolCall(long));
    assert_eq!(turn.handle(Event::Stream(long)), None);
    assert!(turn.is_too_long());
}
