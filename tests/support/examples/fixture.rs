//! Writes the database of a migration test: `fixture PATH`, with the build whose schema the test migrates.
//!
//! Each state of an answer, files of each kind, drafts, providers and settings occur once, beside 10,000 messages
//! of ordinary conversations.

use std::path::PathBuf;

use conch_core::model::{
    AttachmentContent, AttachmentId, AttachmentKind, AttachmentSummary, AttemptSource, Composer,
    ConversationId, Ending, FinishReason, InstanceId, KeyPlace, MessageError, MessageStatus,
    NewAttachment, NewMessage, Omitted, Parameters, PartDelta, ProtocolKind, Settings, Timestamp,
    TurnRequest, Usage,
};
use conch_core::store::{BeginOutcome, BeginTurn, Piece, StartedTurn, Store, StoredProvider};
use conch_support::seed::{self, Conversations};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("usage: fixture PATH")?
        .into();
    let ordinary = Conversations {
        first: 1,
        count: 100,
        messages: 100,
        content: "'Message ' || k || ' of conversation ' || n || ': ' || substr('the quick brown fox jumps over the lazy dog, äöü 你好', 1 + k % 20, 20 + n % 25)",
    };
    seed::make(&path, &[ordinary]).await?;
    let store = Store::open(&path, false, NOW).await?;
    answers(&store).await?;
    other(&store).await?;
    // A killed process leaves an answer with its lock, in pieces.
    let started = turn(&store, None, "and one that was killed").await?;
    for (seq, piece) in [(0, "Cut "), (1, "off")] {
        let _ = store.append(&started.lease, seq, &piece.into()).await?;
    }
    store.close().await;
    Ok(())
}

async fn turn(
    store: &Store,
    conversation_id: Option<ConversationId>,
    content: &str,
) -> Result<StartedTurn, Box<dyn std::error::Error>> {
    let conversation_id = match conversation_id {
        Some(id) => id,
        None => store.create_conversation(None, None, NOW).await?.id,
    };
    let attachments = store
        .draft_attachments(&Composer::main(&conversation_id))
        .await?;
    let message = NewMessage {
        attachments: attachments.into_iter().map(|file| file.id).collect(),
        ..NewMessage::new(&conversation_id, content)
    };
    let request = TurnRequest {
        source: AttemptSource::Enter,
        ..message.into()
    };
    let turn = BeginTurn {
        title: Some(content.to_owned()),
        ..BeginTurn::new(request, InstanceId::fresh())
    };
    match store.begin(&turn, NOW).await? {
        BeginOutcome::Started(started) => Ok(*started),
        other => Err(format!("{other:?}").into()),
    }
}

/// Answers of each status, with and without reasoning, error, usage and finish reason, and other versions of them.
async fn answers(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let error = |code: &str| {
        Some(MessageError {
            code: code.to_owned(),
            message: "It failed".to_owned(),
        })
    };
    let endings = [
        Ending {
            usage: Usage {
                prompt_tokens: Some(10),
                completion_tokens: Some(20),
                cached_tokens: Some(5),
                ..Default::default()
            },
            finish_reason: Some(FinishReason::Stop),
            omitted: Omitted {
                messages: 3,
                tokens: 300,
            },
            ..Ending::new(MessageStatus::Complete, None)
        },
        Ending {
            finish_reason: Some(FinishReason::Length),
            ..Ending::new(MessageStatus::Complete, None)
        },
        Ending::new(MessageStatus::Stopped, None),
        Ending::new(MessageStatus::Failed, error("provider_unreachable")),
        Ending::new(MessageStatus::Interrupted, error("stream_cut")),
    ];
    for (number, ending) in endings.iter().enumerate() {
        for (text, reasoning) in [
            ("", ""),
            ("Text", ""),
            ("", "Hm"),
            ("Text **bold**", "Let me think"),
        ] {
            let question = format!("question {number}");
            let started = turn(store, None, &question).await?;
            let _ = store.set_model(&started.lease, "openai/gpt").await?;
            store.record_first_token(&started.lease, 1, NOW).await?;
            let piece = |text: &str, reasoning: &str| {
                let mut piece = Piece::default();
                if !reasoning.is_empty() {
                    piece.push(0, PartDelta::Reasoning(reasoning.to_owned()));
                }
                if !text.is_empty() {
                    piece.push(1, PartDelta::Text(text.to_owned()));
                }
                piece
            };
            let _ = store
                .append(&started.lease, 0, &piece("", reasoning))
                .await?;
            let rest = piece(text, "");
            let _ = store
                .finish(&started.lease, Some((1, &rest)), ending, NOW)
                .await?;
            let request = TurnRequest {
                model_id: Some("anthropic/claude".to_owned()),
                source: AttemptSource::Regenerate,
                ..TurnRequest::answer(&started.accepted.assistant_message_id)
            };
            let again = BeginTurn::new(request, InstanceId::fresh());
            let BeginOutcome::Started(again) = store.begin(&again, NOW).await? else {
                return Err("not started".into());
            };
            let rest = piece("another", reasoning);
            let _ = store
                .finish(&again.lease, Some((0, &rest)), ending, NOW)
                .await?;
        }
    }
    Ok(())
}

/// Files, drafts, a deleted conversation, a provider, parameters, settings, refused attempts.
async fn other(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let with_files = store
        .create_conversation(Some("With files"), None, NOW)
        .await?
        .id;
    for number in 0..4 {
        // The last one stays in the draft.
        if number == 3 {
            let started = turn(store, Some(with_files.clone()), "look at these").await?;
            let ending = Ending::new(MessageStatus::Complete, None);
            let _ = store
                .finish(&started.lease, Some((0, &"I did".into())), &ending, NOW)
                .await?;
        }
        let kinds = [
            AttachmentKind::Text,
            AttachmentKind::Image,
            AttachmentKind::Pdf,
        ];
        let kind = kinds[number % 3];
        let is_image = kind == AttachmentKind::Image;
        let file = NewAttachment {
            summary: AttachmentSummary {
                id: AttachmentId::fresh(),
                name: format!("file {number}"),
                kind,
                bytes: 5,
                tokens: 2,
                width: is_image.then_some(4),
                height: is_image.then_some(3),
                pages: (kind == AttachmentKind::Pdf).then_some(2),
            },
            composer: Composer::main(&with_files),
            content: if is_image {
                AttachmentContent::Image {
                    media_type: "image/png".to_owned(),
                    data: b"png".to_vec(),
                }
            } else {
                AttachmentContent::Text(format!("text of file {number}"))
            },
        };
        store.attach(&file, NOW).await?;
    }
    store
        .profile()
        .save_draft(&Composer::main(&with_files), "a draft", NOW)
        .await?;
    let new = Composer::NewConversation;
    store.profile().save_draft(&new, "a new draft", NOW).await?;
    let parameters = Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    };
    store.set_parameters(&with_files, &parameters).await?;
    let deleted = turn(store, None, "to be deleted").await?;
    let ending = Ending::new(MessageStatus::Complete, None);
    let _ = store
        .finish(&deleted.lease, Some((0, &"soon gone".into())), &ending, NOW)
        .await?;
    store
        .delete_conversation(&deleted.lease.conversation_id, NOW)
        .await?;
    store
        .record_refused_by_page(&with_files, None, AttemptSource::Composer, NOW)
        .await?;
    store
        .profile()
        .save_provider(
            &StoredProvider {
                id: "mine".to_owned(),
                name: "Mine".to_owned(),
                preset: "custom".to_owned(),
                protocol: ProtocolKind::OpenAi,
                base_url: "https://example.com/v1".to_owned(),
                max_parallel: 2,
                key_place: Some(KeyPlace::File),
                key_last_four: Some("1234".to_owned()),
                consent: None,
            },
            NOW,
        )
        .await?;
    store
        .profile()
        .save_settings(&Settings {
            zoom: 110,
            ..Settings::default()
        })
        .await?;
    Ok(())
}
