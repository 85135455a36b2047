//! What is read back: pages, versions, drafts, the full-text index.

use std::time::Duration;

use super::{NOW, Place, complete};
use crate::chat::{AttemptSource, MessagePage, MessageStatus, Part, Usage};
use crate::clock::Timestamp;
use crate::ids::{GenerationId, InstanceId, MessageId, RequestId};
use crate::lock::Fenced;
use crate::store::{Begin, Ending, NewAnswer};

async fn answered(place: &Place, question: &str, answer: &str, now: Timestamp) {
    let started = place.begin(question, now).await;
    let done = place
        .store
        .finish(&started.lease, Some((0, &answer.into())), &complete(), now)
        .await;
    assert_eq!(done.unwrap(), Fenced::Written);
}

impl Place {
    async fn page(&self, part: &Part) -> MessagePage {
        let page = self.store.messages(&self.conversation.id, None, part);
        page.await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn pages_join_to_the_whole_conversation() {
    let place = Place::new().await;
    for n in 0..60 {
        answered(&place, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let (mut read, mut part) = (Vec::new(), Part::Latest);
    loop {
        let page = place.page(&part).await;
        assert!(page.messages.len() <= 50);
        part = Part::Before(page.messages[0].id.clone());
        read.splice(
            0..0,
            page.messages.into_iter().map(|message| message.content),
        );
        if !page.has_earlier {
            break;
        }
    }
    let expected: Vec<_> = (0..60)
        .flat_map(|n| [format!("q{n}"), format!("a{n}")])
        .collect();
    assert_eq!(read, expected);

    // And the other way.
    let Part::Before(first) = &part else {
        panic!("it was read");
    };
    let mut again = vec!["q0".to_owned()];
    let mut part = Part::After(first.clone());
    loop {
        let page = place.page(&part).await;
        assert!(page.messages.len() <= 50);
        assert!(page.has_earlier);
        part = Part::After(page.messages.last().unwrap().id.clone());
        again.extend(page.messages.into_iter().map(|message| message.content));
        if !page.has_later {
            break;
        }
    }
    assert_eq!(again, expected);
}

#[tokio::test]
async fn a_message_is_found_with_what_stands_around_it() {
    let place = Place::new().await;
    for n in 0..60 {
        answered(&place, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let latest = place.page(&Part::Latest).await;
    let q40 = latest
        .messages
        .iter()
        .find(|message| message.content == "q40");
    let page = place.page(&Part::Around(q40.unwrap().id.clone())).await;
    let contents: Vec<_> = page
        .messages
        .iter()
        .map(|message| &*message.content)
        .collect();
    assert_eq!(
        (contents.len(), contents[0], contents[24]),
        (50, "q28", "q40")
    );
    assert!(page.has_earlier && page.has_later);

    let found = place.store.find(&place.conversation.id, None, "Q4");
    let found = found.await.unwrap().unwrap();
    assert_eq!(found.len(), 11, "q4 and q40 to q49");

    let nowhere = place.page(&Part::After(MessageId::fresh())).await;
    assert!(nowhere.messages.is_empty(), "no such message");
}

#[tokio::test]
async fn a_page_that_is_just_full_has_nothing_before_it() {
    let place = Place::new().await;
    for n in 0..25 {
        answered(&place, &format!("q{n}"), &format!("a{n}"), NOW).await;
    }
    let id = &place.conversation.id;
    let view = place.store.get_conversation(id, None, NOW).await;
    let view = view.unwrap().unwrap();
    assert_eq!((view.messages.len(), view.has_earlier), (50, false));
}

#[tokio::test]
async fn a_new_version_takes_the_old_ones_place_and_sees_only_what_came_before() {
    let place = Place::new().await;
    answered(&place, "question", "first answer", NOW).await;
    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await;
    let first = view.unwrap().unwrap().messages.remove(1);
    let answer = NewAnswer {
        message_id: first.id.clone(),
        model_id: None,
        request_id: RequestId::fresh(),
        source: AttemptSource::Retry,
        generation_id: GenerationId::fresh(),
        instance_id: InstanceId::fresh(),
    };
    let Begin::Started(started) = place.store.begin_answer(&answer, NOW).await.unwrap() else {
        panic!("the branch is free");
    };
    let prior = place
        .store
        .messages_before(&started.lease.message_id)
        .await
        .unwrap();
    assert_eq!(
        prior.len(),
        1,
        "the model is not shown the version it replaces"
    );
    assert_eq!(prior[0].content, "question");

    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert_eq!(view.messages.len(), 2);
    assert_ne!(view.messages[1].id, first.id);
    assert_eq!(view.messages[1].parent_id, first.parent_id);
}

#[tokio::test]
async fn tokens_are_read_back_where_they_were_counted() {
    let place = Place::new().await;
    let counted = Usage {
        prompt_tokens: Some(3),
        completion_tokens: Some(1),
        cached_tokens: None,
    };
    for (usage, expected) in [(Usage::default(), None), (counted, Some(counted))] {
        let started = place.begin("question", NOW).await;
        let ending = Ending {
            usage,
            ..complete()
        };
        let done = place.store.finish(&started.lease, None, &ending, NOW).await;
        assert_eq!(done.unwrap(), Fenced::Written);
        let id = &place.conversation.id;
        let view = place.store.get_conversation(id, None, NOW).await;
        let last = view.unwrap().unwrap().messages.pop().unwrap();
        assert_eq!(last.usage, expected);
    }
}

#[tokio::test]
async fn a_failed_answer_without_text_is_not_shown_to_the_model() {
    let place = Place::new().await;
    let started = place.begin("one", NOW).await;
    let failed = Ending::new(MessageStatus::Failed, None);
    assert_eq!(
        place
            .store
            .finish(&started.lease, None, &failed, NOW)
            .await
            .unwrap(),
        Fenced::Written
    );
    let started = place.begin("two", NOW).await;

    let prior = place
        .store
        .messages_before(&started.lease.message_id)
        .await
        .unwrap();
    let prior: Vec<_> = prior.into_iter().map(|message| message.content).collect();
    assert_eq!(prior, ["one", "two"]);
}

#[tokio::test]
async fn a_send_takes_its_own_text_out_of_the_draft_and_no_other() {
    let place = Place::new().await;
    let id = &place.conversation.id;
    let draft = async || {
        let view = place.store.get_conversation(id, None, NOW).await;
        view.unwrap().unwrap().draft
    };
    place
        .store
        .save_draft(id, "half a thought", NOW)
        .await
        .unwrap();
    answered(&place, "sent by a program", "ok", NOW).await;
    assert_eq!(draft().await, "half a thought");

    place
        .store
        .save_draft(id, "typed and sent", NOW)
        .await
        .unwrap();
    answered(&place, "typed and sent", "ok", NOW).await;
    assert_eq!(draft().await, "");
}

#[tokio::test]
async fn the_draft_of_a_new_conversation_is_kept_until_it_is_sent_in_one() {
    let place = Place::new().await;
    assert_eq!(place.store.new_draft().await.unwrap(), "");
    for text in ["half a", "half a thought"] {
        place.store.save_new_draft(text, NOW).await.unwrap();
    }
    answered(&place, "sent by a program", "ok", NOW).await;
    let place = place.reopen().await;
    let draft = async |place: &Place| place.store.new_draft().await.unwrap();
    assert_eq!(
        draft(&place).await,
        "half a thought",
        "it outlives a restart"
    );

    answered(&place, "half a thought", "ok", NOW).await;
    assert_eq!(
        draft(&place).await,
        "half a thought",
        "a later message was typed in its own conversation"
    );
    let conversation = place.store.create_conversation(None, None, NOW).await;
    let place = Place {
        conversation: conversation.unwrap(),
        ..place
    };
    answered(&place, "half a thought", "ok", NOW).await;
    assert_eq!(draft(&place).await, "", "the first message takes it along");
}

#[tokio::test]
async fn the_list_is_newest_first_and_pages_without_gaps() {
    let place = Place::new().await;
    for n in 1..=7 {
        let now = NOW + Duration::from_secs(n);
        place
            .store
            .create_conversation(Some(&format!("c{n}")), None, now)
            .await
            .unwrap();
    }
    answered(
        &place,
        "woke the oldest",
        "ok",
        NOW + Duration::from_mins(1),
    )
    .await;
    let mut titles = Vec::new();
    let mut after = None;
    loop {
        let page = place
            .store
            .list_conversations(after.as_ref(), 3)
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
async fn text_is_indexed_when_it_is_final_and_leaves_with_its_conversation() {
    let place = Place::new().await;
    let started = place.begin("Ünïcode question", NOW).await;
    let found = async |word: &str| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?")
            .bind(word)
            .fetch_one(&place.store.writer)
            .await
            .unwrap()
    };
    assert_eq!(
        place
            .store
            .append(&started.lease, 0, &"a conch".into())
            .await
            .unwrap(),
        Fenced::Written
    );
    assert_eq!((found("unicode").await, found("conch").await), (1, 0));

    place
        .store
        .finish(&started.lease, None, &complete(), NOW)
        .await
        .map(|_| ())
        .unwrap();
    assert_eq!(found("conch").await, 0, "its lock is free before that");
    for _ in 0..2 {
        place.store.index_answers().await.unwrap();
        assert_eq!(found("conch").await, 1);
    }

    let unindexed = place.begin("another question", NOW).await;
    let ended = place
        .store
        .finish(&unindexed.lease, None, &complete(), NOW)
        .await;
    assert_eq!(ended.unwrap(), Fenced::Written);
    place.purge().await;
    assert_eq!((found("unicode").await, found("conch").await), (0, 0));
    let index =
        sqlx::query("INSERT INTO messages_fts(messages_fts, rank) VALUES ('integrity-check', 1)");
    index.execute(&place.store.writer).await.unwrap();
}

#[tokio::test]
async fn the_first_token_of_an_answer_is_timed_while_it_is_written() {
    let place = Place::new().await;
    let started = place.begin("question", NOW).await;
    let later = NOW + Duration::from_secs(2);
    let timing = async || -> (Option<i64>, i64) {
        sqlx::query_as("SELECT first_token_at, retries FROM generations")
            .fetch_one(&place.store.writer)
            .await
            .unwrap()
    };
    assert_eq!(timing().await, (None, 0));

    let record = async |retries, now| {
        let recorded = place.store.record_first_token(&started.lease, retries, now);
        recorded.await.unwrap();
    };
    record(3, later).await;
    let first = (Some(later.as_millis()), 3);
    assert_eq!(timing().await, first);

    let done = place
        .store
        .finish(&started.lease, None, &complete(), later)
        .await;
    assert_eq!(done.unwrap(), Fenced::Written);
    record(9, later + Duration::from_secs(1)).await;
    assert_eq!(timing().await, first, "it has ended");
}
