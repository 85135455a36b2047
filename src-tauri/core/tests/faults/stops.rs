//! Providers that stop sending, possibly for minutes: Stop works in every state, keeps the text, and
//! closes the connection.

use std::time::Duration;

use conch_fault_server::{Script, Step};

use crate::bodies::{chunks, delta, half, ok_head, raw};
use crate::scenario::{EVENTS, Scenario, User, once, scenario, stopped};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let half_kept = || stopped().with("half");
    vec![
        once("half-open: no response", stopped(), |_| vec![Step::Hang]).user(User::StopsWhenAsked),
        once("silence in the head", stopped(), |_| {
            vec![raw("HTTP/1.1 200 OK\r\ncontent-type:"), Step::Hang]
        })
        .user(User::StopsWhenAsked),
        once("silence after the head", stopped(), |_| {
            vec![Step::Head, Step::Hang]
        })
        .user(User::StopsWhenAsked),
        once("silence after comments", stopped(), |_| {
            vec![Step::Head, raw(": PROCESSING\n\n"), Step::Hang]
        })
        .only(EVENTS)
        .user(User::StopsWhenAsked),
        once("silence after text", half_kept(), |_| {
            vec![Step::Head, delta("half"), Step::Hang]
        })
        .user(User::StopsAt("half")),
        once("silence in mid-event", half_kept(), |protocol| {
            let begin = &half(protocol)[..9];
            vec![Step::Head, delta("half"), raw(begin), Step::Hang]
        })
        .user(User::StopsAt("half")),
        once("silence in mid-chunk", half_kept(), |protocol| {
            let head = ok_head(protocol, &["transfer-encoding: chunked"]);
            let chunk = chunks(half(protocol).as_bytes(), 4096);
            vec![raw(head), raw(chunk), raw("ff\r\ndata"), Step::Hang]
        })
        .user(User::StopsAt("half")),
        once("a drip that never ends", half_kept(), |_| {
            let drip = |_| [raw(" "), Step::Pause(Duration::from_millis(20))];
            let begin = vec![Step::Head, delta("half")];
            begin.into_iter().chain((0..500).flat_map(drip)).collect()
        })
        .user(User::StopsAt("half")),
        scenario("a long pause before the next try", stopped(), |_| {
            let busy = Step::refusal(503, &[("retry-after", "60")], "this is why");
            vec![Script::new([busy])]
        })
        .user(User::StopsInPause)
        .closed(),
        scenario("a long pause after 429", stopped(), |_| {
            let busy = Step::refusal(429, &[("retry-after", "60")], "this is why");
            vec![Script::new([busy])]
        })
        .user(User::StopsInPause)
        .closed(),
    ]
}
