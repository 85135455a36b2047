//! Files with what is typed, and with the message that they are sent with: all or nothing.

use super::{NOW, Place, complete};
use crate::attachments::{
    AttachmentContent, AttachmentKind, AttachmentSummary, MOST_ATTACHMENTS, NewAttachment,
};
use crate::chat::{AttemptSource, Part};
use crate::ids::{AttachmentId, ConversationId, GenerationId, InstanceId, RequestId};
use crate::lock::Fenced;
use crate::store::{Attach, Begin, NewAnswer, NewTurn, Started};

fn text(name: &str, conversation_id: Option<&ConversationId>) -> NewAttachment {
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
        conversation_id: conversation_id.cloned(),
        content: AttachmentContent::Text(format!("in {name}")),
    }
}

fn image(name: &str, conversation_id: &ConversationId) -> NewAttachment {
    let mut image = text(name, Some(conversation_id));
    image.summary.kind = AttachmentKind::Image;
    image.summary.width = Some(4);
    image.summary.height = Some(3);
    image.content = AttachmentContent::Image {
        media_type: "image/png".to_owned(),
        data: b"png".to_vec(),
    };
    image
}

impl Place {
    async fn attach(&self, attachment: &NewAttachment) -> AttachmentId {
        let done = self.store.attach(attachment, NOW).await.unwrap();
        assert_eq!(done, Attach::Attached);
        attachment.summary.id.clone()
    }

    pub(super) async fn attach_text(&self, name: &str) -> AttachmentId {
        self.attach(&text(name, Some(&self.conversation.id))).await
    }

    async fn begin_with(&self, attachments: &[&AttachmentId]) -> Begin {
        let turn = NewTurn {
            attachments: attachments.iter().map(|id| (*id).clone()).collect(),
            ..self.turn("with files")
        };
        self.store.begin_turn(&turn, NOW).await.unwrap()
    }

    async fn finish(&self, started: &Started) {
        let ending = complete();
        let done = self.store.finish(&started.lease, None, &ending, NOW);
        assert_eq!(done.await.unwrap(), Fenced::Written);
    }

    async fn typed(&self) -> Vec<String> {
        let id = Some(&self.conversation.id);
        let files = self.store.draft_attachments(id).await.unwrap();
        files.into_iter().map(|file| file.name).collect()
    }

    async fn messages(&self) -> Vec<(String, Vec<String>)> {
        let page = self
            .store
            .messages(&self.conversation.id, None, &Part::Latest);
        let messages = page.await.unwrap().unwrap().messages;
        let of = |message: crate::chat::Message| {
            let names = message.attachments.into_iter().map(|file| file.name);
            (message.content, names.collect())
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
    let place = Place::new().await;
    place.attach_text("a.txt").await;
    place.attach(&image("b.png", &place.conversation.id)).await;
    place.attach(&text("new.txt", None)).await;

    let place = place.reopen().await;
    assert_eq!(place.typed().await, ["a.txt", "b.png"]);
    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW);
    let attachments = view.await.unwrap().unwrap().attachments;
    assert_eq!(
        (attachments[1].width, attachments[1].height),
        (Some(4), Some(3))
    );
    let new = place.store.draft_attachments(None).await.unwrap();
    assert_eq!(new[0].name, "new.txt");
    let content = place.store.attachment(&attachments[1].id).await.unwrap();
    let expected = image("b.png", &place.conversation.id).content;
    assert_eq!(content, Some(expected));
}

#[tokio::test]
async fn a_send_takes_its_files_along_in_its_order() {
    let place = Place::new().await;
    let (one, two) = (
        place.attach_text("1.txt").await,
        place.attach_text("2.txt").await,
    );
    place.attach_text("later.txt").await;
    let Begin::Started(started) = place.begin_with(&[&two, &one]).await else {
        panic!("it was refused");
    };
    assert_eq!(
        place.typed().await,
        ["later.txt"],
        "what was not named stays"
    );
    let names = ["2.txt".to_owned(), "1.txt".to_owned()].to_vec();
    assert_eq!(place.messages().await[0], ("with files".to_owned(), names));
    let shown = place
        .store
        .messages_before(&started.lease.message_id)
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
    let place = Place::new().await;
    let one = place.attach_text("1.txt").await;
    let turn = NewTurn {
        attachments: vec![one],
        ..place.turn("")
    };
    let Begin::Started(started) = place.store.begin_turn(&turn, NOW).await.unwrap() else {
        panic!("it was refused");
    };
    let shown = place
        .store
        .messages_before(&started.lease.message_id)
        .await
        .unwrap();
    assert_eq!((shown.len(), shown[0].attachments.len()), (1, 1));
}

/// I8: a file that is not there refuses the send, and nothing of it is stored.
#[tokio::test]
async fn a_send_with_a_file_that_is_not_there_stores_nothing() {
    let place = Place::new().await;
    let other = place
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let mine = place.attach_text("mine.txt").await;
    let gone = place.attach_text("gone.txt").await;
    place.store.detach(&gone).await.unwrap();
    let others = place.attach(&text("theirs.txt", Some(&other.id))).await;
    let new = place.attach(&text("new.txt", None)).await;
    for ids in [
        [&mine, &gone],
        [&mine, &others],
        [&mine, &new],
        [&mine, &mine],
    ] {
        assert_eq!(
            place.begin_with(&ids).await,
            Begin::AttachmentGone,
            "{ids:?}"
        );
        assert_eq!(place.typed().await, ["mine.txt"]);
        assert!(place.messages().await.is_empty());
        let lock = place
            .store
            .lock_status(&place.conversation.id, None, NOW)
            .await
            .unwrap();
        assert!(!lock.unwrap().locked, "and the lock is not held");
    }
    assert!(matches!(
        place.begin_with(&[&mine]).await,
        Begin::Started(_)
    ));
}

#[tokio::test]
async fn a_file_is_sent_once() {
    let place = Place::new().await;
    let one = place.attach_text("1.txt").await;
    let Begin::Started(started) = place.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    place.finish(&started).await;
    assert_eq!(place.begin_with(&[&one]).await, Begin::AttachmentGone);
    place.store.detach(&one).await.unwrap();
    assert_eq!(place.rows().await, 1, "and stays with its message");
}

/// A send that is refused because an answer is being written leaves the files where they are.
#[tokio::test]
async fn a_busy_conversation_takes_no_files() {
    let place = Place::new().await;
    place.begin("first", NOW).await;
    let one = place.attach_text("1.txt").await;
    assert_eq!(place.begin_with(&[&one]).await, Begin::Busy);
    assert_eq!(place.typed().await, ["1.txt"]);
}

#[tokio::test]
async fn another_answer_is_given_the_same_files() {
    let place = Place::new().await;
    let one = place.attach_text("1.txt").await;
    let Begin::Started(started) = place.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    place.finish(&started).await;
    let again = NewAnswer {
        message_id: started.accepted.assistant_message_id.clone(),
        model_id: None,
        request_id: RequestId::fresh(),
        source: AttemptSource::Program,
        generation_id: GenerationId::fresh(),
        instance_id: InstanceId::from("instance".to_owned()),
    };
    let Begin::Started(again) = place.store.begin_answer(&again, NOW).await.unwrap() else {
        panic!("it was refused");
    };
    let shown = place
        .store
        .messages_before(&again.lease.message_id)
        .await
        .unwrap();
    assert_eq!(shown[0].attachments[0].name, "1.txt");
}

#[tokio::test]
async fn what_was_attached_before_its_conversation_existed_moves_all_or_none() {
    let place = Place::new().await;
    let id = &place.conversation.id;
    let (one, two) = (
        place.attach(&text("1.txt", None)).await,
        place.attach(&text("2.txt", None)).await,
    );
    let three = place.attach_text("3.txt").await;
    let adopt = async |ids: &[&AttachmentId], id: &ConversationId| {
        let ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
        place.store.adopt_attachments(id, &ids).await.unwrap()
    };
    assert!(!adopt(&[&one, &three], id).await);
    assert!(!adopt(&[&one], &ConversationId::fresh()).await);
    assert_eq!(place.typed().await, ["3.txt"]);
    assert!(adopt(&[&one, &two], id).await);
    assert_eq!(place.typed().await, ["1.txt", "2.txt", "3.txt"]);
    assert!(
        place
            .store
            .draft_attachments(None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_message_has_a_most_of_files() {
    let place = Place::new().await;
    for n in 0..MOST_ATTACHMENTS {
        place.attach_text(&format!("{n}.txt")).await;
    }
    let one_more = text("more.txt", Some(&place.conversation.id));
    assert_eq!(
        place.store.attach(&one_more, NOW).await.unwrap(),
        Attach::Full
    );
    // Another composer has room of its own.
    place.attach(&text("new.txt", None)).await;
    let nowhere = text("x.txt", Some(&ConversationId::fresh()));
    assert_eq!(
        place.store.attach(&nowhere, NOW).await.unwrap(),
        Attach::NoConversation
    );
}

#[tokio::test]
async fn a_conversations_files_go_with_it() {
    let place = Place::new().await;
    let one = place.attach_text("1.txt").await;
    place.attach_text("typed.txt").await;
    let Begin::Started(_) = place.begin_with(&[&one]).await else {
        panic!("it was refused");
    };
    place.attach(&text("new.txt", None)).await;
    place.purge().await;
    assert_eq!(place.rows().await, 1, "only the one of no conversation");
}
