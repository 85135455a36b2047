//! The user's settings: one row per setting, with its value as JSON. An unreadable value counts as not set: a
//! setting must never prevent the application from starting.

use conch_model::{SendPolicy, Settings, ZOOM};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sqlx::SqliteConnection;

use super::Result;
use super::profile::Profile;
use super::write::Change;
use crate::events::CoreEvent;

impl Profile {
    /// Returns the settings, with defaults for those not saved.
    pub async fn settings(&self) -> Result<Settings> {
        let mut reader = self.store.readers.acquire().await?;
        read(&mut reader).await
    }

    /// Sets what a send does by default while an answer is running, and leaves the other settings.
    pub async fn set_send_policy(&self, policy: SendPolicy) -> Result<()> {
        let mut tx = self.store.write().await?;
        let value = to_json(&policy);
        sqlx::query!(
            "INSERT INTO settings (name, value) VALUES ('sendPolicy', ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            value
        )
        .execute(&mut *tx)
        .await?;
        let saved = read(&mut tx).await?;
        tx.changed(Change::Other(CoreEvent::Settings(saved)));
        tx.commit().await
    }

    /// Saves all settings in one transaction.
    pub async fn save_settings(&self, settings: &Settings) -> Result<()> {
        let Ok(Value::Object(rows)) = serde_json::to_value(settings) else {
            return Ok(());
        };
        let mut tx = self.store.write().await?;
        for (name, value) in rows {
            let value = value.to_string();
            sqlx::query!(
                "INSERT INTO settings (name, value) VALUES (?, ?)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                value
            )
            .execute(&mut *tx)
            .await?;
        }
        let saved = CoreEvent::Settings(settings.clone());
        tx.changed(Change::Other(saved));
        tx.commit().await
    }
}

/// Returns the settings, with defaults for those not saved.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Settings> {
    let rows = sqlx::query!("SELECT name, value FROM settings")
        .fetch_all(connection)
        .await?;
    let mut stored = Map::new();
    for row in rows {
        match serde_json::from_str(&row.value) {
            Ok(value) => drop(stored.insert(row.name, value)),
            Err(error) => {
                tracing::warn!(%error, name = row.name, "a setting cannot be read");
            }
        }
    }
    let mut settings: Settings = over_defaults(stored);
    if !ZOOM.contains(&settings.zoom) {
        tracing::warn!(
            settings.zoom,
            "the stored zoom is out of range; using the default"
        );
        settings.zoom = Settings::default().zoom;
    }
    Ok(settings)
}

/// Parses a JSON column, with defaults for missing fields.
pub(super) fn from_json<T: Serialize + DeserializeOwned + Default>(text: &str) -> T {
    over_defaults(serde_json::from_str(text).unwrap_or_default())
}

/// Serializes a value for a JSON column.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// Returns the defaults, overridden by the stored fields that this version knows and can read.
fn over_defaults<T: Serialize + DeserializeOwned + Default>(stored: Map<String, Value>) -> T {
    let mut merged = serde_json::to_value(T::default()).unwrap_or_default();
    for (name, value) in stored {
        let mut with = merged.clone();
        lay_over(&mut with, Map::from_iter([(name.clone(), value)]));
        match serde_json::from_value::<T>(with.clone()) {
            Ok(_) => merged = with,
            Err(error) => {
                tracing::warn!(%error, name, "a stored value is invalid; using the default");
            }
        }
    }
    serde_json::from_value(merged).unwrap_or_default()
}

fn lay_over(base: &mut Value, stored: Map<String, Value>) {
    for (name, value) in stored {
        match (base.get_mut(&name), value) {
            (Some(known @ Value::Object(_)), Value::Object(fields)) => lay_over(known, fields),
            (Some(known), value) => *known = value,
            // A field of another version.
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conch_model::{Appearance, Parameters};

    #[test]
    fn what_cannot_be_read_counts_as_not_set_and_costs_nothing_else() {
        let stored = r#"{"appearance": "dark", "notifications": "perhaps", "ofTomorrow": 1,
            "parameters": {"temperature": 0.5, "ofTomorrow": 1}}"#;
        let settings: Settings = from_json(stored);
        assert_eq!(settings.appearance, Appearance::Dark);
        assert!(settings.notifications, "the default");
        assert_eq!(settings.parameters.temperature, Some(0.5));
        assert_eq!(from_json::<Parameters>("no JSON"), Parameters::default());
    }
}
