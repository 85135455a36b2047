//! The parts of messages: which bytes of a message's text and reasoning belong to which part, and the parts that are
//! neither.
//!
//! A message without rows is its reasoning followed by its text.

use std::collections::HashMap;

use conch_model::{MessageId, Part, PartContent, PartKind, ProviderData};
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::Result;

/// A row of a message's parts.
#[derive(Debug, Clone)]
pub(super) struct PartRow {
    kind: PartKind,
    bytes: usize,
    content: Option<String>,
    provider_data: Option<String>,
}

/// Returns the rows of these messages, given as a JSON array of ids, by message and in order.
pub(super) async fn of_messages(
    reader: &mut SqliteConnection,
    ids: &str,
) -> Result<HashMap<MessageId, Vec<PartRow>>> {
    let rows = sqlx::query!(
        r#"SELECT p.message_id AS "message_id: MessageId", p.kind AS "kind: PartKind", p.bytes AS "bytes: u32",
             p.content, p.provider_data
           FROM json_each(?) AS listed CROSS JOIN message_parts p ON p.message_id = listed.value
           ORDER BY listed.key, p.position"#,
        ids
    )
    .fetch_all(reader)
    .await?;
    let mut parts: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        parts.entry(row.message_id).or_default().push(PartRow {
            kind: row.kind,
            bytes: row.bytes as usize,
            content: row.content,
            provider_data: row.provider_data,
        });
    }
    Ok(parts)
}

/// Cuts a message's text and reasoning into its parts. If the rows do not fit them, which only damage explains, the
/// message is shown as one without rows: nothing of it may be lost.
pub(super) fn assemble(text: &str, reasoning: &str, rows: Option<Vec<PartRow>>) -> Vec<Part> {
    rows.and_then(|rows| cut(text, reasoning, rows))
        .unwrap_or_else(|| {
            let reasoning = Some(reasoning).filter(|reasoning| !reasoning.is_empty());
            let text = Some(text).filter(|text| !text.is_empty());
            let reasoning = reasoning.map(Part::reasoning);
            reasoning.into_iter().chain(text.map(Part::text)).collect()
        })
}

fn cut(mut text: &str, mut reasoning: &str, rows: Vec<PartRow>) -> Option<Vec<Part>> {
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        let content = match row.kind {
            PartKind::Text => PartContent::Text(take(&mut text, row.bytes)?),
            PartKind::Reasoning => PartContent::Reasoning(take(&mut reasoning, row.bytes)?),
            PartKind::ToolCall => PartContent::ToolCall(read(row.content.as_deref())?),
            PartKind::ToolResult => PartContent::ToolResult(read(row.content.as_deref())?),
            PartKind::Attachment => PartContent::Attachment(read(row.content.as_deref())?),
        };
        let provider_data = row.provider_data.as_deref();
        parts.push(Part {
            content,
            provider_data: provider_data
                .and_then(|data| serde_json::from_str::<ProviderData>(data).ok()),
        });
    }
    (text.is_empty() && reasoning.is_empty()).then_some(parts)
}

fn take(text: &mut &str, bytes: usize) -> Option<String> {
    let (part, rest) = text.split_at_checked(bytes)?;
    *text = rest;
    Some(part.to_owned())
}

fn read<T: DeserializeOwned>(json: Option<&str>) -> Option<T> {
    serde_json::from_str(json?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: PartKind, bytes: usize) -> PartRow {
        PartRow {
            kind,
            bytes,
            content: None,
            provider_data: None,
        }
    }

    #[test]
    fn a_message_without_rows_is_its_reasoning_and_its_text() {
        let both = [Part::reasoning("Hm"), Part::text("Hi")];
        assert_eq!(assemble("Hi", "Hm", None), both);
        assert_eq!(assemble("Hi", "", None), both[1..]);
        assert_eq!(assemble("", "Hm", None), both[..1]);
        assert_eq!(assemble("", "", None), []);
    }

    #[test]
    fn parts_stand_in_the_order_of_their_rows() {
        let rows = vec![
            row(PartKind::Text, 3),
            row(PartKind::Reasoning, 2),
            row(PartKind::Text, 2),
            row(PartKind::Reasoning, 0),
        ];
        assert_eq!(
            assemble("Hélo", "Hm", Some(rows)),
            [
                Part::text("Hé"),
                Part::reasoning("Hm"),
                Part::text("lo"),
                Part::reasoning("")
            ]
        );
    }

    #[test]
    fn rows_that_do_not_fit_lose_nothing() {
        let all = [Part::reasoning("Hm"), Part::text("Hé")];
        for rows in [
            vec![row(PartKind::Text, 3)],
            vec![row(PartKind::Text, 2), row(PartKind::Reasoning, 2)],
            vec![row(PartKind::Text, 9), row(PartKind::Reasoning, 2)],
            vec![
                row(PartKind::Text, 3),
                row(PartKind::Reasoning, 2),
                row(PartKind::ToolCall, 0),
            ],
        ] {
            assert_eq!(assemble("Hé", "Hm", Some(rows.clone())), all, "{rows:?}");
        }
    }
}
