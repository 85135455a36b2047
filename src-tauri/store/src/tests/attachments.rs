//! Attachments of drafts and of the messages they are sent with: all or nothing.

use conch_model::{
    AttachmentContent, AttachmentId, AttachmentKind, AttachmentSummary, Composer, ConversationId,
    FencedWrite, MAX_ATTACHMENTS, NewAttachment, NewMessage, PageQuery,
};

use super::answering;
use super::turn_with;
use super::{Fixture, NOW, complete};
use crate::{AttachOutcome, BeginOutcome, StartedTurn};

/// Returns a file of text that waits in a composer.
pub(super) fn text(name: &str, composer: Composer) -> NewAttachment {
    NewAttachment {
        summary: AttachmentSummary {
            id: AttachmentId::fresh(),
            name: name.to_owned(),
            kind: AttachmentKind::Text,
            bytes: 5,
            tokens: 2,
            width: None,
            height: None,
            pages: None,
        },
        composer,
        content: AttachmentContent::Text(format!("in {name}")),
    }
}

fn image(name: &str, conversation_id: &ConversationId) -> NewAttachment {
    let mut image = text(name, Composer::main(conversation_id));
    image.summary.kind = AttachmentKind::Image;
    image.summary.width = Some(4);
    image.summary.height = Some(3);
    image.content = AttachmentContent::Image {
        media_type: "image/png".to_owned(),
        data: b"png".to_vec(),
    };
    image
}

impl Fixture {
    async fn attach(&self, attachment: &NewAttachment) -> AttachmentId {
        let done = self.store.attach(attachment, NOW).await.unwrap();
        assert_eq!(done, AttachOutcome::Attached);
        attachment.summary.id.clone()
    }

    pub(super) async fn attach_text(&self, name: &str) -> AttachmentId {
        self.attach(&text(name, Composer::main(&self.conversation.id)))
            .await
    }

    async fn begin_with(&self, attachments: &[&AttachmentId]) -> BeginOutcome {
        let turn = turn_with(NewMessage {
            attachments: attachments.iter().map(|id| (*id).clone()).collect(),
            ..self.message("with files")
        });
        self.store.begin(&turn, NOW).await.unwrap()
    }

    async fn finish(&self, started: &StartedTurn) {
        let ending = complete();
        let done = self.store.finish(&started.lease, None, &ending, NOW);
        assert_eq!(done.await.unwrap(), FencedWrite::Written);
    }

    async fn typed(&self) -> Vec<String> {
        let composer = Composer::main(&self.conversation.id);
        let files = self.store.draft_attachments(&composer).await.unwrap();
        files.into_iter().map(|file| file.name).collect()
    }

    async fn messages(&self) -> Vec<(String, Vec<String>)> {
        let page = self
            .store
            .messages(&self.conversation.id, None, &PageQuery::Latest);
        let messages = page.await.unwrap().unwrap().messages;
        let of = |message: conch_model::Message| {
            let content = message.content();
            let names = message.attachments.into_iter().map(|file| file.name);
            (content, names.collect())
        };
        messages.into_iter().map(of).collect()
    }

    async fn rows(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM attachments")
            .fetch_one(&self.store.readers)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn files_wait_with_what_is_typed_through_a_restart() {
    let fixture = Fixture::new().await;
    fixture.attach_text("a.txt").await;
    fixture
        .attach(&image("b.png", &fixture.conversation.id))
        .await;
    fixture
        .attach(&text("new.txt", Composer::NewConversation))
        .await;

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.typed().await, ["a.txt", "b.png"]);
    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW);
    let attachments = view.await.unwrap().unwrap().attachments;
    assert_eq!(
        (attachments[1].width, attachments[1].height),
        (Some(4), Some(3))
    );
    let new = fixture
        .store
        .draft_attachments(&Composer::NewConversation)
        .await
        .unwrap();
    assert_eq!(new[0].name, "new.txt");
    let content = fixture.store.attachment(&attachments[1].id).await.unwrap();
    let expected = image("b.png", &fixture.conversation.id).content;
    assert_eq!(content, Some(expected));
}

#[tokio::test]
async fn a_send_takes_its_files_along_in_its_order() {
    let fixture = Fixture::new().await;
    let (one, two) = (
        fixture.attach_text("1.txt").await,
        fixture.attach_text("2.txt").await,
    );
    fixture.attach_text("later.txt").await;
    let BeginOutcome::Started(started) = fixture.begin_with(&[&two, &one]).await else {
        panic!("it was refused");
    };
    assert_eq!(
        fixture.typed().await,
        ["later.txt"],
        "what was not named stays"
    );
    let names = ["2.txt".to_owned(), "1.txt".to_owned()].to_vec();
    assert_eq!(
        fixture.messages().await[0],
        ("with files".to_owned(), names)
    );
    let shown = fixture
        .store
        .history(&started.lease.message_id)
        .await
        .unwrap();
    let texts = shown[0].attachments.iter().map(|file| file.content.clone());
    let in_file = |name: &str| AttachmentContent::Text(format!("in {name}"));
    assert_eq!(
        texts.collect::<Vec<_>>(),
        [in_file("2.txt"), in_file("1.txt")]
    );
}

#[tokio::test]
async fn a_message_of_files_alone_is_shown_to_the_model() {
    let fixture = Fixture::new().await;
    let one = fixture.attach_text("1.txt").await;
    let turn = turn_with(NewMessage {
        attachments: vec![one],
        ..fixture.message("")
    });
    let BeginOutcome::Started(started) = fixture.store.begin(&turn, NOW).await.unwrap() else {
        panic!("it was refused");
    };
    let shown = fixture
        .store
        .history(&started.lease.message_id)
        .await
        .unwrap();
    assert_eq!((shown.len(), shown[0].attachments.len()), (1, 1));
}

/// I8: a missing attachment refuses the send, and nothing of it is stored.
#[tokio::test]
async fn a_send_with_a_file_that_is_not_there_stores_nothing() {
    let fixture = Fixture::new().await;
    let other = fixture
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let mine = fixture.attach_text("mine.txt").await;
    let gone = fixture.attach_text("gone.txt").await;
    fixture.store.detach(&gone).await.unwrap();
    let others = fixture
        .attach(&text("theirs.txt", Composer::main(&other.id)))
        .await;
    let new = fixture
        .attach(&text("new.txt", Composer::NewConversation))
        .await;
    for ids in [
        [&mine, &gone],
        [&mine, &others],
        [&mine, &new],
        [&mine, &mine],
    ] {
        assert_eq!(
            fixture.begin_with(&ids).await,
            BeginOutcome::AttachmentGone,
            "{ids:?}"
        );
        assert_eq!(fixture.typed().await, ["mine.txt"]);
        assert!(fixture.messages().await.is_empty());
        let lock = fixture
            .store
            .lock_status(&fixture.conversation.id, None, NOW)
            .await
            .unwrap();
        assert!(!lock.unwrap().locked, "and the lock is not held");
    }
    assert!(matches!(
        fixture.begin_with(&[&mine]).await,
        BeginOutcome::Started(_)
    ));
}

#[tokio::test]
async fn a_file_is_sent_once() {
    let fixture = Fixture::new().await;
    let one = fixture.attach_text("1.txt").await;
    let BeginOutcome::Started(started) = fixture.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    fixture.finish(&started).await;
    assert_eq!(
        fixture.begin_with(&[&one]).await,
        BeginOutcome::AttachmentGone
    );
    fixture.store.detach(&one).await.unwrap();
    assert_eq!(fixture.rows().await, 1, "and stays with its message");
}

/// A send refused because an answer is being written leaves the attachments in the draft.
#[tokio::test]
async fn a_busy_conversation_takes_no_files() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    let one = fixture.attach_text("1.txt").await;
    let busy = fixture.begin_with(&[&one]).await;
    assert!(matches!(busy, BeginOutcome::Busy { .. }), "{busy:?}");
    assert_eq!(fixture.typed().await, ["1.txt"]);
}

#[tokio::test]
async fn another_answer_is_given_the_same_files() {
    let fixture = Fixture::new().await;
    let one = fixture.attach_text("1.txt").await;
    let BeginOutcome::Started(started) = fixture.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    fixture.finish(&started).await;
    let again = answering(&started.accepted.assistant_message_id);
    let BeginOutcome::Started(again) = fixture.store.begin(&again, NOW).await.unwrap() else {
        panic!("it was refused");
    };
    let shown = fixture
        .store
        .history(&again.lease.message_id)
        .await
        .unwrap();
    assert_eq!(shown[0].attachments[0].name, "1.txt");
}

#[tokio::test]
async fn what_was_attached_before_its_conversation_existed_moves_all_or_none() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let (one, two) = (
        fixture
            .attach(&text("1.txt", Composer::NewConversation))
            .await,
        fixture
            .attach(&text("2.txt", Composer::NewConversation))
            .await,
    );
    let three = fixture.attach_text("3.txt").await;
    let adopt = async |ids: &[&AttachmentId], id: &ConversationId| {
        let ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
        fixture.store.adopt_attachments(id, &ids).await.unwrap()
    };
    assert!(!adopt(&[&one, &three], id).await);
    assert!(!adopt(&[&one], &ConversationId::fresh()).await);
    assert_eq!(fixture.typed().await, ["3.txt"]);
    assert!(adopt(&[&one, &two], id).await);
    assert_eq!(fixture.typed().await, ["1.txt", "2.txt", "3.txt"]);
    assert!(
        fixture
            .store
            .draft_attachments(&Composer::NewConversation)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_message_has_a_most_of_files() {
    let fixture = Fixture::new().await;
    for n in 0..MAX_ATTACHMENTS {
        fixture.attach_text(&format!("{n}.txt")).await;
    }
    let one_more = text("more.txt", Composer::main(&fixture.conversation.id));
    assert_eq!(
        fixture.store.attach(&one_more, NOW).await.unwrap(),
        AttachOutcome::Full
    );
    // Another draft has its own limit.
    fixture
        .attach(&text("new.txt", Composer::NewConversation))
        .await;
    let nowhere = text("x.txt", Composer::main(&ConversationId::fresh()));
    assert_eq!(
        fixture.store.attach(&nowhere, NOW).await.unwrap(),
        AttachOutcome::NoBranch
    );
}

#[tokio::test]
async fn a_conversations_files_go_with_it() {
    let fixture = Fixture::new().await;
    let one = fixture.attach_text("1.txt").await;
    fixture.attach_text("typed.txt").await;
    let BeginOutcome::Started(_) = fixture.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    fixture
        .attach(&text("new.txt", Composer::NewConversation))
        .await;
    fixture.purge().await;
    assert_eq!(fixture.rows().await, 1, "only the one of no conversation");
}
