//! Endings that the database refuses permanently: as much of them is stored as possible.

use conch_model::{FencedWrite, PageQuery, text_of};

use super::*;

impl Fixture {
    async fn last_message(&self) -> conch_model::Message {
        let page = self
            .store
            .messages(&self.conversation.id, None, &PageQuery::Latest);
        page.await.unwrap().unwrap().messages.pop().unwrap()
    }
}

#[tokio::test]
async fn an_answer_whose_text_cannot_be_joined_ends_with_its_text_in_pieces() {
    let fixture = Fixture::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF content ON messages
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    fixture.store.execute(refuse).await;
    for recovered in [false, true] {
        let lease = fixture.begin("question", NOW).await.lease;
        let appended = fixture.store.append(&lease, 0, &"first, ".into()).await;
        assert_eq!(appended.unwrap(), FencedWrite::Written);
        if recovered {
            let appended = fixture.store.append(&lease, 1, &"second".into()).await;
            assert_eq!(appended.unwrap(), FencedWrite::Written);
            let holder = fixture.store.holders().await.unwrap().pop().unwrap();
            let freed = fixture.store.recover(&holder, NOW).await;
            assert_eq!(freed.unwrap(), FencedWrite::Written);
        } else {
            let rest = Some((1, &"second".into()));
            let ended = fixture.store.finish(&lease, rest, &complete(), NOW).await;
            assert_eq!(ended.unwrap(), FencedWrite::Written);
        }
        let answer = fixture.last_message().await;
        let status = if recovered {
            MessageStatus::Interrupted
        } else {
            MessageStatus::Complete
        };
        assert_eq!(
            (answer.status, answer.content().as_str()),
            (status, "first, second")
        );
        assert!(fixture.store.holders().await.unwrap().is_empty());
    }
    let next = fixture.begin("and now", NOW).await;
    let prior = fixture.store.history(&next.lease.message_id).await;
    let shown: Vec<_> = prior
        .unwrap()
        .into_iter()
        .map(|said| text_of(&said.parts))
        .collect();
    assert_eq!(
        shown,
        [
            "question",
            "first, second",
            "question",
            "first, second",
            "and now"
        ]
    );
}

#[tokio::test]
async fn an_end_that_is_refused_as_a_whole_leaves_the_lock_held() {
    let fixture = Fixture::new().await;
    let lease = fixture.begin("question", NOW).await.lease;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF status ON messages
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    fixture.store.execute(refuse).await;
    let rest = Some((0, &"text".into()));
    let ended = fixture.store.finish(&lease, rest, &complete(), NOW).await;
    let error = ended.unwrap_err();
    assert!(!error.is_transient() && !error.is_damage(), "{error:?}");
    let holders = fixture.store.holders().await.unwrap();
    assert_eq!(
        holders.len(),
        1,
        "a lock without its answer's end is never freed (I6)"
    );
    assert_eq!(
        fixture.last_message().await.content(),
        "",
        "nothing of it was stored"
    );
}
