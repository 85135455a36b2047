use std::io;

use futures_util::stream;

use super::*;

const DATA: FrameKind = FrameKind::Data { is_error: false };
const JSON: FrameKind = FrameKind::Json;

fn pieces(pieces: Vec<Vec<u8>>) -> impl Stream<Item = io::Result<bytes::Bytes>> + Send + 'static {
    let pieces = pieces.into_iter().map(bytes::Bytes::from);
    stream::iter(pieces.map(Ok))
}

/// Small, to reach it soon.
const LIMIT: usize = 256 * 1024;

fn endless(bytes: &'static [u8]) -> Frames {
    let bytes = bytes::Bytes::from(bytes.repeat(64 * 1024 / bytes.len()));
    let endless = stream::repeat_with(move || Ok::<_, io::Error>(bytes.clone()));
    Frames::new(endless, LIMIT)
}

/// Returns the frames but for the keep-alives, each with whether it is whole; the same for every split.
async fn frames(bytes: &[u8]) -> Vec<(FrameKind, String, bool)> {
    let mut first = None;
    for split in 0..=bytes.len() {
        let halves = vec![bytes[..split].to_vec(), bytes[split..].to_vec()];
        let frames = Frames::new(pieces(halves), EVENT_LIMIT).0;
        let frames: Vec<_> = frames
            .map(|frame| frame.unwrap())
            .map(|frame| (frame.kind, frame.text, frame.whole))
            .collect()
            .await;
        let known = first.get_or_insert_with(|| frames.clone());
        assert_eq!(frames, *known, "split at {split}");
    }
    let mut frames = first.unwrap_or_default();
    frames.retain(|(kind, ..)| *kind != FrameKind::KeepAlive);
    frames
}

async fn assert_frames(bytes: impl AsRef<[u8]>, expected: &[(FrameKind, &str)]) {
    let bytes = bytes.as_ref();
    let frames = frames(bytes).await;
    let texts: Vec<_> = frames
        .iter()
        .map(|(kind, text, whole)| {
            assert!(whole, "{text}");
            (*kind, text.as_str())
        })
        .collect();
    assert_eq!(texts, expected, "{}", String::from_utf8_lossy(bytes));
}

#[tokio::test]
async fn server_sent_events_have_every_form_that_the_standard_allows() {
    let text = "\u{feff}: comment\r\nid: 7\r\ndata: {\"a\":\"é\"}\r\n\r\nretry: 1\n\n\
                data:one\ndata: two\n\ndata:\n\ndata\n\nevent: x\n\ndata: {\"b\":\rdata: 1}\r\r";
    let expected = [
        (DATA, "{\"a\":\"é\"}"),
        (DATA, "one\ntwo"),
        (DATA, "{\"b\":\n1}"),
    ];
    assert_frames(text, &expected).await;
}

#[tokio::test]
async fn an_event_needs_no_blank_line_after_it() {
    let events = [
        (DATA, "{\"a\":1}"),
        (DATA, "{\"b\":\"}\"}"),
        (DATA, "[DONE]"),
    ];
    for text in [
        "data: {\"a\":1}\ndata: {\"b\":\"}\"}\ndata: [DONE]\n",
        "data: {\"a\":1}\r\ndata: {\"b\":\"}\"}\r\ndata: [DONE]",
        "data: {\"a\":1}\n\ndata: {\"b\":\"}\"}\n\ndata: [DONE]",
        "data: {\"a\":1} {\"b\":\"}\"}\ndata: [DONE]",
        "data: {\"a\":1}data: {\"b\":\"}\"}data: [DONE]",
    ] {
        assert_frames(text, &events).await;
    }
    let quoted = r#"{"a":"\"}\\","b":"]"}"#;
    let two = format!("data: {quoted}\ndata: {quoted}\n");
    assert_frames(two, &[(DATA, quoted), (DATA, quoted)]).await;
    // A text that is no JSON is complete with the stream, at least.
    let frames = frames(b"data: one\ndata: two").await;
    assert_eq!(frames, [(DATA, "one\ntwo".to_owned(), false)]);
}

#[tokio::test]
async fn an_error_is_known_by_the_name_of_its_event() {
    let error = FrameKind::Data { is_error: true };
    let text = "event: error\ndata: {}\n\nevent: message\ndata: {}\n\nevent: error\ndata: no\n\ndata: {}\n\n";
    let expected = [(error, "{}"), (DATA, "{}"), (error, "no"), (DATA, "{}")];
    assert_frames(text, &expected).await;
}

#[tokio::test]
async fn json_is_read_by_the_line_over_several_lines_and_glued() {
    for text in [
        "{\"a\":\"é\"}\r\n\n{\"b\":[1]}",
        "{\"a\":\"é\"}{\"b\":[1]}\n",
        "\n  {\"a\":\"é\"} \n {\"b\":[1]}\n\n",
    ] {
        let events = [(JSON, "{\"a\":\"é\"}"), (JSON, "{\"b\":[1]}")];
        assert_frames(text, &events).await;
    }
    let pretty = "{\n  \"data\": [\n\n    1\n  ]\n}\n";
    assert_frames(pretty, &[(JSON, pretty.trim())]).await;
    let glued = "{\"a\":1}data: [DONE]\n\n";
    assert_frames(glued, &[(JSON, "{\"a\":1}"), (DATA, "[DONE]")]).await;
}

#[tokio::test]
async fn what_the_end_of_the_connection_cut_is_not_whole() {
    for (text, kind) in [
        ("data: {\"a\":", DATA),
        ("{\"a\":", JSON),
        ("data: half", DATA),
    ] {
        let frames = frames(text.as_bytes()).await;
        assert!(
            matches!(&frames[..], [(of, _, false)] if *of == kind),
            "{frames:?}"
        );
    }
}

#[tokio::test]
async fn other_lines_are_stray_and_bad_bytes_are_replaced() {
    let stray = FrameKind::Stray;
    assert_frames(
        "Bad gateway\n<p>\n",
        &[(stray, "Bad gateway"), (stray, "<p>")],
    )
    .await;
    assert_frames(
        b"data: {\"a\":\"\xFF\"}\n\n",
        &[(DATA, "{\"a\":\"\u{fffd}\"}")],
    )
    .await;
    assert_frames(b"{\"a\":\"\xF0\x9F\"}\n", &[(JSON, "{\"a\":\"\u{fffd}\"}")]).await;
}

#[tokio::test]
async fn what_never_ends_is_cut_at_the_limit() {
    for bytes in [&b"x"[..], b"x\n", b"data: {\n", b"{\n", b"event: x\n"] {
        let mut frames = endless(bytes);
        let end = loop {
            match frames.next().await {
                Some(Ok(frame)) => assert_eq!(frame.kind, FrameKind::Stray),
                end => break end,
            }
        };
        assert!(matches!(end, Some(Err(FrameError::TooLarge))), "{bytes:?}");
    }
}
