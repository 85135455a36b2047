//! The model parameters of a conversation.

use conch_core::ErrorCode;
use conch_core::model::{FinishReason, MessageStatus, Parameters, Part, ReasoningEffort};
use conch_core::provider::Parameter;
use conch_fault_server::{Script, Step};
use serde_json::json;

use crate::Fixture;

async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    fixture
}

#[tokio::test]
async fn a_conversations_parameters_go_before_the_defaults_and_what_is_not_set_is_not_sent() {
    let fixture = fixture().await;
    let mut settings = fixture.app.settings.get().await.unwrap();
    settings.parameters = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        temperature: Some(1.0),
        ..Parameters::default()
    };
    fixture.app.settings.save(settings).await.unwrap();
    let id = fixture.conversation().await;
    let own = Parameters {
        temperature: Some(0.0),
        ..Parameters::default()
    };
    fixture
        .app
        .conversations
        .set_parameters(&id, own.clone())
        .await
        .unwrap();
    let view = fixture.app.conversations.get(&id, None).await.unwrap();
    assert_eq!(view.parameters, own);

    fixture.answer(&id, "hello").await;
    let body = &fixture.server.completions()[0].body;
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
    let fixture = fixture().await;
    let id = fixture.conversation().await;
    let bad = Parameters {
        temperature: Some(3.0),
        ..Parameters::default()
    };
    let refused = fixture
        .app
        .conversations
        .set_parameters(&id, bad.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    let mut settings = fixture.app.settings.get().await.unwrap();
    let before = settings.clone();
    settings.parameters = bad;
    assert!(fixture.app.settings.save(settings).await.is_err());
    assert_eq!(fixture.app.settings.get().await.unwrap(), before);
}

/// A refusal in OpenAI's words.
fn refusal(status: u16, message: &str) -> Script {
    Script::status(status, &json!({"error": {"message": message}}).to_string())
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_at_once_and_for_the_rest_of_the_run() {
    let fixture = fixture().await;
    let id = fixture.conversation().await;
    let parameters = Parameters {
        temperature: Some(0.5),
        max_tokens: Some(100),
        reasoning_effort: Some(ReasoningEffort::Max),
        ..Parameters::default()
    };
    let conversations = &fixture.app.conversations;
    conversations.set_parameters(&id, parameters).await.unwrap();
    for (status, message) in [
        (
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
        (
            422,
            "Unsupported value: 'temperature' does not support 0.5 with this model.",
        ),
        (
            400,
            "Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are: 'low' and 'high'.",
        ),
    ] {
        fixture.server.push(refusal(status, message));
    }
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(
        answer.not_sent,
        [Parameter::Temperature],
        "its details say so"
    );

    let answer = fixture.answer(&id, "again").await;
    assert_eq!(answer.not_sent, [Parameter::Temperature]);
    let bodies: Vec<_> = fixture.server.completions();
    assert_eq!(bodies.len(), 5, "three were refused, none of them twice");
    let sent = |body: &serde_json::Value| {
        [
            "temperature",
            "max_tokens",
            "max_completion_tokens",
            "reasoning_effort",
        ]
        .map(|name| body.get(name).cloned().unwrap_or_default())
    };
    let none = json!(null);
    assert_eq!(
        sent(&bodies[0].body),
        [json!(0.5), json!(100), none.clone(), json!("max")]
    );
    for request in &bodies[3..] {
        let accepted = [none.clone(), none.clone(), json!(100), json!("high")];
        assert_eq!(sent(&request.body), accepted);
    }

    let models = fixture.app.providers.models(true).await.unwrap();
    let model = models.iter().find(|model| model.is_default).unwrap();
    assert_eq!(model.refused, [Parameter::Temperature]);
    let efforts = vec![ReasoningEffort::Low, ReasoningEffort::High];
    assert_eq!(model.efforts, Some(efforts));
}

#[tokio::test]
async fn a_refusal_that_does_not_help_is_not_remembered() {
    let fixture = fixture().await;
    let id = fixture.conversation().await;
    let parameters = Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    };
    let conversations = &fixture.app.conversations;
    conversations.set_parameters(&id, parameters).await.unwrap();
    fixture.server.push(refusal(400, "temperature is bad"));
    fixture.server.push(refusal(400, "and so is the rest"));
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    let said = answer.error.unwrap().message;
    assert!(said.ends_with("and so is the rest"), "{said}");
    fixture.answer(&id, "again").await;
    let bodies = fixture.server.completions();
    let sent: Vec<_> = bodies
        .iter()
        .map(|request| request.body.get("temperature").is_some())
        .collect();
    assert_eq!(sent, [true, false, true]);
}

#[tokio::test]
async fn an_error_that_names_no_parameter_is_told_and_not_asked_again() {
    let fixture = fixture().await;
    let id = fixture.conversation().await;
    let parameters = Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    };
    let conversations = &fixture.app.conversations;
    conversations.set_parameters(&id, parameters).await.unwrap();
    fixture
        .server
        .push(refusal(400, "messages: roles must alternate"));
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(fixture.server.completions().len(), 1);
}

#[tokio::test]
async fn reasoning_and_the_reason_of_the_end_are_kept_apart_from_the_answer() {
    let fixture = fixture().await;
    let reasoning = r#"data: {"choices":[{"delta":{"reasoning_content":"Let me think. "}}]}"#;
    fixture.server.push(Script::new([
        Step::Head,
        Step::Raw(format!("{reasoning}\n\n{reasoning}\n\n").into_bytes()),
        Step::Delta("42".to_owned()),
        Step::Finish("length".to_owned()),
        Step::Usage(10, 5),
        Step::Done,
    ]));
    let id = fixture.conversation().await;
    let answer = fixture.answer(&id, "what is it?").await;
    assert_eq!(answer.status, MessageStatus::Complete);
    assert_eq!(answer.content(), "42");
    assert_eq!(
        answer.parts,
        [
            Part::reasoning("Let me think. Let me think. "),
            Part::text("42")
        ]
    );
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.unwrap().completion_tokens, Some(5));

    fixture.answer(&id, "why?").await;
    let second = fixture.server.completions()[1].body.to_string();
    assert!(
        !second.contains("Let me think"),
        "reasoning is not sent back"
    );
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_is_cut_at_its_oldest_and_says_so() {
    let fixture = fixture().await;
    fixture.server.set_context_tokens(400);
    fixture.app.providers.models(true).await.unwrap();
    let id = fixture.conversation().await;
    for turn in 0..3 {
        let text = format!("turn {turn} {}", "word ".repeat(60));
        let answer = fixture.answer(&id, &text).await;
        if turn == 0 {
            assert_eq!(answer.left_out, 0);
        }
    }
    let view = fixture.app.conversations.get(&id, None).await.unwrap();
    let last = view.messages.last().unwrap();
    assert!(last.left_out > 0, "{last:?}");
    let sent = fixture.server.completions()[2].body["messages"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(
        sent + last.left_out as usize,
        5,
        "all but what was left out was sent"
    );
}

/// Sends four questions in a context in which the estimate does not settle whether they fit, and returns how many
/// messages the last request had.
async fn sent_of_four_questions(fixture: &Fixture) -> usize {
    fixture.server.set_context_tokens(400);
    fixture.app.providers.models(true).await.unwrap();
    let id = fixture.conversation().await;
    for turn in 0..4 {
        let text = format!("turn {turn} {}", "word ".repeat(60));
        fixture.answer(&id, &text).await;
    }
    let last = &fixture.server.completions()[3].body;
    last["messages"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_server_that_counts_no_tokens_is_asked_for_them_once_in_a_run() {
    let fixture = fixture().await;
    let sent = sent_of_four_questions(&fixture).await;
    assert!(sent < 7, "the estimate stays");
    assert_eq!(fixture.server.requests_for("/apply-template"), 1);
    assert_eq!(fixture.server.requests_for("/tokenize"), 0);
}

#[tokio::test]
async fn a_server_that_counts_tokens_is_asked_each_time() {
    let fixture = fixture().await;
    let server = &fixture.server;
    server.reply("/apply-template", r#"{"prompt":"<user>"}"#);
    server.reply("/tokenize", r#"{"tokens":[1,2,3]}"#);
    assert_eq!(sent_of_four_questions(&fixture).await, 7, "all fits");
    assert_eq!(fixture.server.requests_for("/tokenize"), 2);
}

#[tokio::test]
async fn what_conch_adds_by_itself_is_left_out_once_it_is_refused() {
    let fixture = fixture().await;
    let id = fixture.conversation().await;
    let refused = "The encrypted content for item rs_1 could not be verified.";
    fixture.server.push(refusal(400, refused));
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(fixture.server.completions().len(), 2);

    // The same refusal again is not about that.
    fixture.server.push(refusal(400, refused));
    let answer = fixture.answer(&id, "again").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(fixture.server.completions().len(), 3);
}
