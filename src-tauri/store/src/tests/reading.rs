//! Reads: pages, versions, drafts, the full-text index.

use std::time::Duration;

use conch_model::{
    Composer, Ending, FencedWrite, Message, MessageId, MessagePage, MessageStatus, PageQuery, Part,
    PartContent, PartDelta, ProtocolKind, ProviderData, Timestamp, ToolCall, Usage, text_of,
};

use super::answering;
use super::{Fixture, NOW, complete};
use crate::{BeginOutcome, Piece};

async fn answered(fixture: &Fixture, question: &str, answer: &str, now: Timestamp) {
    let started = fixture.begin(question, now).await;
    let done = fixture
        .store
        .finish(&started.lease, Some((0, &answer.into())), &complete(), now)
        .await;
    assert_eq!(done.unwrap(), FencedWrite::Written);
}

impl Fixture {
    async fn page(&self, part: &PageQuery) -> MessagePage {
        let page = self.store.messages(&self.conversation.id, None, part);
        page.await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn pages_join_to_the_whole_conversation() {
    let fixture = Fixture::new().await;
    for n in 0..60 {
        answered(&fixture, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let (mut read, mut part) = (Vec::new(), PageQuery::Latest);
    loop {
        let page = fixture.page(&part).await;
        assert!(page.messages.len() <= 50);
        part = PageQuery::Before(page.messages[0].id.clone());
        read.splice(
            0..0,
            page.messages.into_iter().map(|message| message.content()),
        );
        if !page.has_earlier {
            break;
        }
    }
    let expected: Vec<_> = (0..60)
        .flat_map(|n| [format!("q{n}"), format!("a{n}")])
        .collect();
    assert_eq!(read, expected);

    // And in the other direction.
    let PageQuery::Before(first) = &part else {
        panic!("it was read");
    };
    let mut again = vec!["q0".to_owned()];
    let mut part = PageQuery::After(first.clone());
    loop {
        let page = fixture.page(&part).await;
        assert!(page.messages.len() <= 50);
        assert!(page.has_earlier);
        part = PageQuery::After(page.messages.last().unwrap().id.clone());
        again.extend(page.messages.into_iter().map(|message| message.content()));
        if !page.has_later {
            break;
        }
    }
    assert_eq!(again, expected);
}

#[tokio::test]
async fn a_message_is_found_with_what_stands_around_it() {
    let fixture = Fixture::new().await;
    for n in 0..60 {
        answered(&fixture, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let latest = fixture.page(&PageQuery::Latest).await;
    let q40 = latest
        .messages
        .iter()
        .find(|message| message.content() == "q40");
    let page = fixture
        .page(&PageQuery::Around(q40.unwrap().id.clone()))
        .await;
    let contents: Vec<_> = page.messages.iter().map(Message::content).collect();
    assert_eq!(
        (contents.len(), &*contents[0], &*contents[24]),
        (50, "q28", "q40")
    );
    assert!(page.has_earlier && page.has_later);

    let found = fixture.store.find(&fixture.conversation.id, None, "Q4");
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.len(), 11, "q4 and q40 to q49");

    let nowhere = fixture.page(&PageQuery::After(MessageId::fresh())).await;
    assert!(nowhere.messages.is_empty(), "no such message");
}

#[tokio::test]
async fn a_page_that_is_just_full_has_nothing_before_it() {
    let fixture = Fixture::new().await;
    for n in 0..25 {
        answered(&fixture, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let id = &fixture.conversation.id;
    let view = fixture.store.get_conversation(id, None, NOW).await;
    let view = view.unwrap().unwrap();
    assert_eq!((view.messages.len(), view.has_earlier), (50, false));
}

#[tokio::test]
async fn a_new_version_takes_the_old_ones_place_and_sees_only_what_came_before() {
    let fixture = Fixture::new().await;
    answered(&fixture, "question", "first answer", NOW).await;
    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
        .await;
    let first = view.unwrap().unwrap().messages.remove(1);
    let answer = answering(&first.id);
    let BeginOutcome::Started(started) = fixture.store.begin(&answer, NOW).await.unwrap() else {
        panic!("the branch is free");
    };
    let prior = fixture
        .store
        .history(&started.lease.message_id)
        .await
        .unwrap();
    assert_eq!(
        prior.len(),
        1,
        "the model is not shown the version it replaces"
    );
    assert_eq!(text_of(&prior[0].parts), "question");

    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert_eq!(view.messages.len(), 2);
    assert_ne!(view.messages[1].id, first.id);
    assert_eq!(view.messages[1].parent_id, first.parent_id);
}

#[tokio::test]
async fn tokens_are_read_back_where_they_were_counted() {
    let fixture = Fixture::new().await;
    let counted = Usage {
        prompt_tokens: Some(3),
        completion_tokens: Some(1),
        cached_tokens: None,
        cache_written_tokens: Some(2),
        reasoning_tokens: Some(0),
    };
    for (usage, expected) in [(Usage::default(), None), (counted, Some(counted))] {
        let started = fixture.begin("question", NOW).await;
        let ending = Ending {
            usage,
            ..complete()
        };
        let done = fixture
            .store
            .finish(&started.lease, None, &ending, NOW)
            .await;
        assert_eq!(done.unwrap(), FencedWrite::Written);
        let id = &fixture.conversation.id;
        let view = fixture.store.get_conversation(id, None, NOW).await;
        let last = view.unwrap().unwrap().messages.pop().unwrap();
        assert_eq!(last.usage, expected);
    }
}

#[tokio::test]
async fn a_failed_answer_without_text_is_not_shown_to_the_model() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("one", NOW).await;
    let failed = Ending::new(MessageStatus::Failed, None);
    assert_eq!(
        fixture
            .store
            .finish(&started.lease, None, &failed, NOW)
            .await
            .unwrap(),
        FencedWrite::Written
    );
    let started = fixture.begin("two", NOW).await;

    let prior = fixture
        .store
        .history(&started.lease.message_id)
        .await
        .unwrap();
    let prior: Vec<_> = prior
        .into_iter()
        .map(|message| text_of(&message.parts))
        .collect();
    assert_eq!(prior, ["one", "two"]);
}

#[tokio::test]
async fn a_send_takes_its_own_text_out_of_the_draft_and_no_other() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let draft = async || {
        let view = fixture.store.get_conversation(id, None, NOW).await;
        view.unwrap().unwrap().draft
    };
    fixture
        .store
        .profile()
        .save_draft(&Composer::main(id), "half a thought", NOW)
        .await
        .unwrap();
    answered(&fixture, "sent by a program", "ok", NOW).await;
    assert_eq!(draft().await, "half a thought");

    fixture
        .store
        .profile()
        .save_draft(&Composer::main(id), "typed and sent", NOW)
        .await
        .unwrap();
    answered(&fixture, "typed and sent", "ok", NOW).await;
    assert_eq!(draft().await, "");
}

#[tokio::test]
async fn the_draft_of_a_new_conversation_is_kept_until_it_is_sent_in_one() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.profile().new_draft().await.unwrap(), "");
    for text in ["half a", "half a thought"] {
        fixture
            .store
            .profile()
            .save_draft(&Composer::NewConversation, text, NOW)
            .await
            .unwrap();
    }
    answered(&fixture, "sent by a program", "ok", NOW).await;
    let fixture = fixture.reopen().await;
    let draft = async |fixture: &Fixture| fixture.store.profile().new_draft().await.unwrap();
    assert_eq!(
        draft(&fixture).await,
        "half a thought",
        "it outlives a restart"
    );

    answered(&fixture, "half a thought", "ok", NOW).await;
    assert_eq!(
        draft(&fixture).await,
        "half a thought",
        "a later message was typed in its own conversation"
    );
    let conversation = fixture.store.create_conversation(None, None, NOW).await;
    let fixture = Fixture {
        conversation: conversation.unwrap(),
        ..fixture
    };
    answered(&fixture, "half a thought", "ok", NOW).await;
    assert_eq!(
        draft(&fixture).await,
        "",
        "the first message takes it along"
    );
}

#[tokio::test]
async fn the_list_is_newest_first_and_pages_without_gaps() {
    let fixture = Fixture::new().await;
    for n in 1..=7 {
        let now = NOW + Duration::from_secs(n);
        fixture
            .store
            .create_conversation(Some(&format!("c{n}")), None, now)
            .await
            .unwrap();
    }
    answered(
        &fixture,
        "woke the oldest",
        "ok",
        NOW + Duration::from_mins(1),
    )
    .await;
    let mut titles = Vec::new();
    let mut after = None;
    loop {
        let page = fixture
            .store
            .list_conversations(after.as_ref(), 3, NOW)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        titles.extend(page.into_iter().filter_map(|summary| summary.title));
    }
    assert_eq!(
        titles,
        ["woke the oldest", "c7", "c6", "c5", "c4", "c3", "c2", "c1"]
    );
}

#[tokio::test]
async fn the_first_token_of_an_answer_is_timed_while_it_is_written() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("question", NOW).await;
    let later = NOW + Duration::from_secs(2);
    let timing = async || -> (Option<i64>, i64) {
        sqlx::query_as("SELECT first_token_at, retries FROM generations")
            .fetch_one(&fixture.store.writer)
            .await
            .unwrap()
    };
    assert_eq!(timing().await, (None, 0));

    let record = async |retries, now| {
        let recorded = fixture
            .store
            .record_first_token(&started.lease, retries, now);
        recorded.await.unwrap();
    };
    record(3, later).await;
    let first = (Some(later.as_millis()), 3);
    assert_eq!(timing().await, first);

    let done = fixture
        .store
        .finish(&started.lease, None, &complete(), later)
        .await;
    assert_eq!(done.unwrap(), FencedWrite::Written);
    record(9, later + Duration::from_secs(1)).await;
    assert_eq!(timing().await, first, "it has ended");
}

#[tokio::test]
async fn the_parts_of_an_answer_are_read_as_they_were_written() {
    let fixture = Fixture::new().await;
    let data = ProviderData {
        protocol: ProtocolKind::Anthropic,
        data: serde_json::json!({"signature": "s"}),
    };
    let call = ToolCall {
        id: "c".to_owned(),
        name: "weather".to_owned(),
        input: "{\"city\": \"Bern\"}".to_owned(),
    };
    let written = [
        (0, PartDelta::Reasoning("Let me ".to_owned())),
        (0, PartDelta::Reasoning("see.".to_owned())),
        (0, PartDelta::ProviderData(data.clone())),
        (1, PartDelta::Text("I lo".to_owned())),
        (1, PartDelta::Text("ök".to_owned())),
        (2, PartDelta::ToolCall(call.clone())),
        (3, PartDelta::Reasoning("It rains.".to_owned())),
        (4, PartDelta::ProviderData(data.clone())),
        (5, PartDelta::Text("Rain.".to_owned())),
    ];
    let expected = [
        Part {
            provider_data: Some(data.clone()),
            ..Part::reasoning("Let me see.")
        },
        Part::text("I loök"),
        PartContent::ToolCall(call).into(),
        Part::reasoning("It rains."),
        Part {
            provider_data: Some(data),
            ..Part::reasoning("")
        },
        Part::text("Rain."),
    ];
    for at_once in [1, 2, written.len()] {
        let started = fixture.begin("what about the weather?", NOW).await;
        for (seq, deltas) in (0..).zip(written.chunks(at_once)) {
            let mut piece = Piece::default();
            for (position, delta) in deltas {
                piece.push(*position, delta.clone());
            }
            let done = fixture.store.append(&started.lease, seq, &piece).await;
            assert_eq!(done.unwrap(), FencedWrite::Written);
        }
        let read = async || {
            fixture
                .page(&PageQuery::Latest)
                .await
                .messages
                .pop()
                .unwrap()
        };
        assert_eq!(read().await.parts, expected, "while it is written");
        let ending = complete();
        let done = fixture.store.finish(&started.lease, None, &ending, NOW);
        assert_eq!(done.await.unwrap(), FencedWrite::Written);
        let answer = read().await;
        assert_eq!(answer.parts, expected, "when it has ended");
        assert_eq!(answer.content(), "I loökRain.");
    }

    // The model gets all of an answer that called tools, and only the text of any other.
    let other = fixture.begin("and now?", NOW).await;
    let mut piece = Piece::default();
    piece.push(0, PartDelta::Reasoning("Hm".to_owned()));
    piece.push(1, PartDelta::Text("Sun.".to_owned()));
    let ending = complete();
    let done = fixture
        .store
        .finish(&other.lease, Some((0, &piece)), &ending, NOW);
    assert_eq!(done.await.unwrap(), FencedWrite::Written);
    let last = fixture.begin("thanks", NOW).await;
    let history = fixture.store.history(&last.lease.message_id).await.unwrap();
    let answers: Vec<_> = history.iter().skip(1).step_by(2).collect();
    assert_eq!(answers[0].parts, expected);
    assert_eq!(answers[3].parts, [Part::text("Sun.")]);
}
