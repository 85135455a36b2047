//! The shapes of rows, by which carved rows are assigned to tables.

use crate::carve::Value;

/// Returns the table that a row with these values belongs to, if its shape is known.
pub(super) fn table_of(values: &[Value]) -> Option<&'static str> {
    let shape = SHAPES.iter().find(|shape| (shape.fits)(values));
    shape.map(|shape| shape.table)
}

/// Returns the tables with a known shape.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.table)
}

struct Shape {
    table: &'static str,
    fits: fn(&[Value]) -> bool,
}

const SHAPES: &[Shape] = &[
    Shape {
        table: "messages",
        fits: |values| {
            let [
                Value::Null,
                id,
                conversation,
                branch,
                _,
                role,
                status,
                Value::Text(_),
                ..,
            ] = values
            else {
                return false;
            };
            values.len() >= 15
                && [id, conversation, branch].into_iter().all(is_id)
                && is_one_of(role, &["system", "user", "assistant"])
                && is_one_of(
                    status,
                    &["complete", "generating", "stopped", "failed", "interrupted"],
                )
        },
    },
    Shape {
        table: "conversations",
        fits: |values| {
            let [
                id,
                user,
                _,
                _,
                Value::Integer(_),
                policy,
                Value::Integer(_),
                Value::Integer(_),
                ..,
            ] = values
            else {
                return false;
            };
            is_id(id)
                && is_id(user)
                && (*policy == Value::Null
                    || is_one_of(policy, &["reject", "queue", "interrupt", "rollback"]))
        },
    },
    Shape {
        table: "branches",
        fits: |values| {
            let [
                id,
                conversation,
                Value::Text(_),
                head,
                _,
                Value::Integer(_),
                paused @ ..,
            ] = values
            else {
                return false;
            };
            let text_or_null = |value: &Value| *value == Value::Null || value.text().is_some();
            is_id(id)
                && is_id(conversation)
                && (is_id(head) || *head == Value::Null)
                // Of an older version, or with the pause of its queue.
                && matches!(paused.len(), 0 | 2)
                && paused.iter().all(text_or_null)
        },
    },
];

fn is_id(value: &Value) -> bool {
    value
        .text()
        .is_some_and(|text| uuid::Uuid::try_parse(text).is_ok())
}

fn is_one_of(value: &Value, known: &[&str]) -> bool {
    value.text().is_some_and(|text| known.contains(&text))
}
