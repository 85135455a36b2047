//! Attachments on their way to a model: read, kept with the draft, sent, and sent again with the next
//! message.

use conch_core::model::{
    AttachmentId, AttachmentKind, Composer, ConversationId, MessageStatus, NewMessage, SendOutcome,
};
use conch_core::{Error, ErrorCode};
use serde_json::json;

use crate::{Fixture, answered};

/// A PNG of one red pixel.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0xd, 0xa, 0x1a, 0xa, 0, 0, 0, 0xd, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1,
    0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0xc, 0x49, 0x44, 0x41, 0x54, 0x78,
    0xda, 0x63, 0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0xf7, 3, 0x41, 0x43, 0, 0, 0, 0, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

impl Fixture {
    async fn attach(&self, id: &ConversationId, name: &str, bytes: &[u8]) -> AttachmentId {
        let attached = self
            .app
            .attachments
            .attach(&Composer::main(id), name, bytes.to_vec())
            .await;
        attached.unwrap().id
    }

    async fn send_with(
        &self,
        id: &ConversationId,
        text: &str,
        files: &[AttachmentId],
    ) -> Result<SendOutcome, Error> {
        let message = NewMessage {
            attachments: files.to_vec(),
            ..NewMessage::new(id, text)
        };
        self.app.turns.start(message.into()).await
    }
}

#[tokio::test]
async fn files_go_with_their_message_each_time_it_is_shown() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    let id = fixture.conversation().await;
    let files = [
        fixture.attach(&id, "main.rs", b"fn main() {}").await,
        fixture.attach(&id, "pixel.png", PIXEL).await,
    ];
    fixture
        .send_with(&id, "What are these?", &files)
        .await
        .unwrap();
    answered(&fixture.app, &id).await;
    fixture.answer(&id, "And now?").await;

    let asked = fixture.server.completions();
    let first = &asked[0].body["messages"][0];
    assert_eq!(
        first["content"][0]["text"],
        "Attached file “main.rs”:\n\n```rs\nfn main() {}\n```\n\nWhat are these?"
    );
    let url = first["content"][1]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBOR"), "{url}");
    assert_eq!(
        &asked[1].body["messages"][0], first,
        "as it was, with the next question"
    );
    assert_eq!(asked[1].body["messages"][2]["content"], "And now?");
    let view = fixture.app.conversations.get(&id, None).await.unwrap();
    let kinds: Vec<_> = view.messages[0]
        .attachments
        .iter()
        .map(|file| file.kind)
        .collect();
    assert_eq!(kinds, [AttachmentKind::Text, AttachmentKind::Image]);
    assert!(view.attachments.is_empty());
}

/// I8: a model that is known to lack vision is refused, and nothing is stored.
#[tokio::test]
async fn an_image_is_not_sent_to_a_model_without_vision() {
    let fixture = Fixture::new().await;
    let id = fixture.conversation().await;
    let image = [fixture.attach(&id, "pixel.png", PIXEL).await];
    let refused = fixture.send_with(&id, "Look", &image).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ImagesNotSeen);
    assert!(refused.to_string().contains("“pixel.png”"), "{refused}");
    let view = fixture.app.conversations.get(&id, None).await.unwrap();
    assert!(view.messages.is_empty() && !view.lock.locked);
    assert_eq!(view.attachments.len(), 1, "and it waits");

    // A model whose capabilities are unknown gets the request.
    fixture.add("key-abcd1234").await;
    fixture.send_with(&id, "", &image).await.unwrap();
    assert_eq!(
        answered(&fixture.app, &id).await.status,
        MessageStatus::Complete
    );
    let view = fixture.app.conversations.get(&id, None).await.unwrap();
    assert_eq!(view.title.as_deref(), Some("pixel.png"));
}

#[tokio::test]
async fn what_is_not_read_is_named_and_not_kept() {
    let fixture = Fixture::new().await;
    let id = fixture.conversation().await;
    let refused = async |name: &str, bytes: Vec<u8>| {
        let refused = fixture
            .app
            .attachments
            .attach(&Composer::main(&id), name, bytes)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains(&format!("“{name}”")),
            "{refused}"
        );
        refused.code()
    };
    let long = vec![b'x'; 1_000_001];
    assert_eq!(
        refused("long.txt", long).await,
        ErrorCode::AttachmentTooLarge
    );
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    assert_eq!(
        refused("a.zip", zip).await,
        ErrorCode::AttachmentKindUnsupported
    );
    assert_eq!(
        refused("cut.png", PIXEL[..40].to_vec()).await,
        ErrorCode::AttachmentUnreadable
    );
    assert_eq!(
        refused("empty", Vec::new()).await,
        ErrorCode::AttachmentUnreadable
    );
    // The PDF reader does not exist in a test of the core.
    assert_eq!(
        refused("a.pdf", b"%PDF-1.7\n".to_vec()).await,
        ErrorCode::AttachmentUnreadable
    );
    assert!(
        fixture
            .app
            .attachments
            .of_draft(&Composer::main(&id))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_kept_can_be_looked_at() {
    let fixture = Fixture::new().await;
    let text = fixture
        .app
        .attachments
        .attach(
            &Composer::NewConversation,
            "/home/me/a.md",
            b"# Hi".to_vec(),
        )
        .await
        .unwrap();
    assert_eq!(
        (text.name.as_str(), text.bytes, text.tokens),
        ("a.md", 4, 3)
    );
    assert_eq!(
        fixture.app.attachments.load(&text.id).await.unwrap(),
        "# Hi"
    );
    let image = fixture
        .app
        .attachments
        .attach(&Composer::NewConversation, "p.png", PIXEL.to_vec())
        .await
        .unwrap();
    let shown = fixture.app.attachments.load(&image.id).await.unwrap();
    assert!(shown.starts_with("data:image/png;base64,"), "{shown}");
    fixture.app.attachments.detach(&image.id).await.unwrap();
    let gone = fixture.app.attachments.load(&image.id).await.unwrap_err();
    assert_eq!(json!(gone.code()), "not_found");
}
