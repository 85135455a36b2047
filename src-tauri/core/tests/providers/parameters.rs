//! What a conversation asks of its model.

use conch_core::ErrorCode;
use conch_core::chat::{FinishReason, MessageStatus, Parameters};
use conch_fault_server::{Script, Step};
use serde_json::json;

use crate::Scene;

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    scene
}

#[tokio::test]
async fn a_conversations_parameters_go_before_the_defaults_and_what_is_not_set_is_not_sent() {
    let scene = scene().await;
    let mut settings = scene.app.settings().await.unwrap();
    settings.parameters = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        temperature: Some(1.0),
        ..Parameters::default()
    };
    scene.app.save_settings(settings).await.unwrap();
    let id = scene.conversation().await;
    let own = Parameters {
        temperature: Some(0.0),
        ..Parameters::default()
    };
    scene
        .app
        .set_conversation_parameters(&id, own.clone())
        .await
        .unwrap();
    let view = scene.app.get_conversation(&id, None).await.unwrap();
    assert_eq!(view.parameters, own);

    scene.answer(&id, "hello").await;
    let body = &scene.server.completions()[0].body;
    assert_eq!(body["temperature"], json!(0.0));
    assert_eq!(
        body["messages"][0],
        json!({"role": "system", "content": "Be brief"})
    );
    for unset in [
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "reasoning_effort",
    ] {
        assert!(body.get(unset).is_none(), "{unset} was sent");
    }
}

#[tokio::test]
async fn a_bad_value_is_refused_and_changes_nothing() {
    let scene = scene().await;
    let id = scene.conversation().await;
    let bad = Parameters {
        temperature: Some(3.0),
        ..Parameters::default()
    };
    let refused = scene
        .app
        .set_conversation_parameters(&id, bad.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    let mut settings = scene.app.settings().await.unwrap();
    let before = settings.clone();
    settings.parameters = bad;
    assert!(scene.app.save_settings(settings).await.is_err());
    assert_eq!(scene.app.settings().await.unwrap(), before);
}

#[tokio::test]
async fn reasoning_and_the_reason_of_the_end_are_kept_apart_from_the_answer() {
    let scene = scene().await;
    let reasoning = r#"data: {"choices":[{"delta":{"reasoning_content":"Let me think. "}}]}"#;
    scene.server.push(Script::new([
        Step::Head,
        Step::Raw(format!("{reasoning}\n\n{reasoning}\n\n").into_bytes()),
        Step::Delta("42".to_owned()),
        Step::Finish("length".to_owned()),
        Step::Usage(10, 5),
        Step::Done,
    ]));
    let id = scene.conversation().await;
    let answer = scene.answer(&id, "what is it?").await;
    assert_eq!(answer.status, MessageStatus::Complete);
    assert_eq!(answer.content, "42");
    assert_eq!(answer.reasoning, "Let me think. Let me think. ");
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.unwrap().completion_tokens, Some(5));

    scene.answer(&id, "why?").await;
    let second = scene.server.completions()[1].body.to_string();
    assert!(
        !second.contains("Let me think"),
        "reasoning is not sent back"
    );
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_is_cut_at_its_oldest_and_says_so() {
    let scene = scene().await;
    scene.server.list_context(400);
    scene.app.list_models(true).await.unwrap();
    let id = scene.conversation().await;
    for turn in 0..3 {
        let text = format!("turn {turn} {}", "word ".repeat(60));
        let answer = scene.answer(&id, &text).await;
        if turn == 0 {
            assert_eq!(answer.left_out, 0);
        }
    }
    let view = scene.app.get_conversation(&id, None).await.unwrap();
    let last = view.messages.last().unwrap();
    assert!(last.left_out > 0, "{last:?}");
    let sent = scene.server.completions()[2].body["messages"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(
        sent + last.left_out as usize,
        5,
        "all but what was left out was sent"
    );
}
