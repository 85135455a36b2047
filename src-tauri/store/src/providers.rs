//! The providers that the user added, and the user's consents about those of the environment. Keys are never stored
//! here, only where each key is kept.

use std::collections::HashMap;

use conch_model::{Consent, Fingerprint, KeyPlace, ProtocolKind, Timestamp};

use super::Result;
use super::profile::Profile;
use super::write::Change;
use crate::events::CoreEvent;

/// A stored provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct StoredProvider {
    /// The first part of its models' ids.
    pub id: String,
    /// The preset that it was created from.
    pub preset: String,
    pub protocol: ProtocolKind,
    /// The display name.
    pub name: String,
    pub base_url: String,
    /// Maximum number of parallel answers.
    pub max_parallel: u32,
    /// Where its key is kept; `None` if it has none.
    pub key_place: Option<KeyPlace>,
    /// The last four characters of its key, to identify it.
    pub key_last_four: Option<String>,
    /// What the user consented to about its server.
    pub consent: Option<Consent>,
}

impl Profile {
    /// Returns the providers that the user added, oldest first.
    pub async fn providers(&self) -> Result<Vec<StoredProvider>> {
        Ok(sqlx::query!(
            r#"SELECT id, preset, protocol AS "protocol: ProtocolKind", name, base_url,
                 max_parallel AS "max_parallel: u32", key_place AS "key_place: KeyPlace", key_last_four,
                 consent_origin, consent_sha256 AS "consent_sha256: Fingerprint"
               FROM providers ORDER BY created_at, id"#
        )
        .map(|row| StoredProvider {
            id: row.id,
            preset: row.preset,
            protocol: row.protocol,
            name: row.name,
            base_url: row.base_url,
            max_parallel: row.max_parallel,
            key_place: row.key_place,
            key_last_four: row.key_last_four,
            consent: row
                .consent_origin
                .and_then(|origin| Consent::from_parts(&origin, row.consent_sha256)),
        })
        .fetch_all(&self.store.readers)
        .await?)
    }

    /// Adds a provider, or updates the one with the same id.
    pub async fn save_provider(&self, provider: &StoredProvider, now: Timestamp) -> Result<()> {
        let (origin, sha256) = provider.consent.as_ref().map(Consent::parts).unzip();
        let sha256 = sha256.flatten();
        let mut tx = self.store.write().await?;
        sqlx::query!(
            "INSERT INTO providers (id, preset, protocol, name, base_url, max_parallel, key_place, key_last_four,
               consent_origin, consent_sha256, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET preset = excluded.preset, protocol = excluded.protocol, name = excluded.name,
               base_url = excluded.base_url, max_parallel = excluded.max_parallel, key_place = excluded.key_place,
               key_last_four = excluded.key_last_four, consent_origin = excluded.consent_origin,
               consent_sha256 = excluded.consent_sha256",
            provider.id,
            provider.preset,
            provider.protocol,
            provider.name,
            provider.base_url,
            provider.max_parallel,
            provider.key_place,
            provider.key_last_four,
            origin,
            sha256,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.changed(Change::Other(CoreEvent::Models));
        tx.commit().await
    }

    /// Deletes a provider. Returns false if it does not exist.
    pub async fn delete_provider(&self, id: &str) -> Result<bool> {
        let mut tx = self.store.write().await?;
        let done = sqlx::query!("DELETE FROM providers WHERE id = ?", id)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.changed(Change::Other(CoreEvent::Models));
        tx.commit().await?;
        Ok(true)
    }

    /// Returns what the user consented to about the servers of the environment's providers, by their ids.
    pub async fn environment_consents(&self) -> Result<HashMap<String, Consent>> {
        let rows = sqlx::query!(
            r#"SELECT provider_id, consent_origin, consent_sha256 AS "consent_sha256: Fingerprint"
               FROM environment_consents"#
        )
        .fetch_all(&self.store.readers)
        .await?;
        let consents = rows.into_iter().filter_map(|row| {
            let consent = Consent::from_parts(&row.consent_origin, row.consent_sha256)?;
            Some((row.provider_id, consent))
        });
        Ok(consents.collect())
    }

    /// Stores the consent about the server of a provider of the environment, instead of an earlier one; `None` withdraws
    /// it.
    pub async fn save_environment_consent(
        &self,
        provider_id: &str,
        consent: Option<&Consent>,
    ) -> Result<()> {
        let mut tx = self.store.write().await?;
        if let Some((origin, sha256)) = consent.map(Consent::parts) {
            sqlx::query!(
                "INSERT INTO environment_consents (provider_id, consent_origin, consent_sha256) VALUES (?, ?, ?)
                 ON CONFLICT (provider_id) DO UPDATE SET consent_origin = excluded.consent_origin,
                   consent_sha256 = excluded.consent_sha256",
                provider_id,
                origin,
                sha256
            )
            .execute(&mut *tx)
            .await?;
        } else {
            sqlx::query!(
                "DELETE FROM environment_consents WHERE provider_id = ?",
                provider_id
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.changed(Change::Other(CoreEvent::Models));
        tx.commit().await
    }
}
