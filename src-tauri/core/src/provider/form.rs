//! The form to add or change a provider, and its validation.

use conch_provider::base_url;
use conch_provider::endpoint::Provider;
use conch_provider::presets::{Preset, preset};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use specta::Type;

use super::last_errors::ProviderError;
use crate::error::Error;
use crate::model::{Consent, Fingerprint, KeyPlace, ProtocolKind};

/// Maximum number of concurrent answers that can be set.
const MAX_PARALLEL: u32 = 64;

/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 80;

/// Maximum length of a key, in bytes: a token with signed claims has a few thousand.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// The form of a provider.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct ProviderForm {
    /// The provider to change; null for a new one.
    pub id: Option<String>,
    /// The preset's id.
    pub preset: String,
    /// The display name.
    pub name: String,
    pub base_url: String,
    /// Maximum number of concurrent answers.
    pub max_parallel: u32,
    /// What happens to its key.
    pub key: KeyChange,
    /// What the user consented to about the server at the base URL.
    pub consent: Option<Consent>,
}

/// What happens to a key.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub enum KeyChange {
    /// Keep the stored key.
    Keep,
    /// Delete the key.
    Remove,
    /// Replace the key.
    Set {
        #[specta(type = String)]
        key: SecretString,
        /// Where to store it.
        place: KeyPlace,
    },
}

/// A provider as it is listed. Its key is not included, and no command returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct ProviderInfo {
    /// The prefix of its models' ids.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The preset's id.
    pub preset: String,
    pub protocol: ProtocolKind,
    /// Empty for the embedded model.
    pub base_url: String,
    /// Where its configuration comes from.
    pub source: ProviderSource,
    pub has_key: bool,
    /// The last four characters of the key, to recognise it by.
    pub key_last_four: Option<String>,
    /// Null if it has no key.
    pub key_place: Option<KeyPlace>,
    /// Maximum number of concurrent answers.
    pub max_parallel: u32,
    /// What the user consented to about its server.
    pub consent: Option<Consent>,
    /// Why it did not answer last time; null after a success.
    pub last_error: Option<ProviderError>,
}

/// Where a provider's configuration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ProviderSource {
    /// The user, in the settings.
    Settings,
    /// The environment of the application at its start.
    Environment,
    /// It is shipped with Conch.
    BuiltIn,
}

/// The outcome of a connection test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTest {
    /// How many models it lists, if it was reached.
    pub models: Option<u32>,
    /// The base URL at which it was reached, if it is not the one in the form.
    pub found_at: Option<String>,
    /// It lists its models without authentication, so only the first message shows whether the key is valid.
    pub key_untried: bool,
    /// Why it was not reached, otherwise.
    pub problem: Option<crate::model::MessageError>,
    /// What the user may consent to, so that it is reached.
    pub question: Option<ConsentQuestion>,
}

/// A question to the user, whose consent goes into the form as it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct ConsentQuestion {
    /// What is asked for.
    pub consent: Consent,
    /// The fingerprint of the certificate that the user trusted before.
    #[specta(type = Option<String>)]
    pub before: Option<Fingerprint>,
}

/// A model server that was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct FoundServer {
    /// The preset's id.
    pub preset: String,
    /// The display name.
    pub name: String,
    pub base_url: String,
    /// How many models it lists.
    pub models: u32,
}

/// A validated form.
#[derive(Debug)]
pub(super) struct ValidatedForm {
    pub(super) preset: Preset,
    pub(super) name: String,
    pub(super) base_url: String,
    pub(super) max_parallel: u32,
    pub(super) consent: Option<Consent>,
}

impl ValidatedForm {
    /// Returns the provider that the form describes.
    pub(super) fn provider(&self, id: String, key: Option<SecretString>) -> Provider {
        Provider {
            id,
            name: self.name.clone(),
            protocol: self.preset.protocol,
            base_url: self.base_url.clone(),
            key,
            max_parallel: self.max_parallel,
            local: self.preset.local,
            consent: self.consent.clone(),
        }
    }
}

impl ProviderForm {
    /// # Errors
    /// What the user has to correct.
    pub(super) fn validate(&self) -> Result<ValidatedForm, Error> {
        let preset = preset(&self.preset).ok_or(Error::InvalidArgument(
            "This kind of provider does not exist",
        ))?;
        let name = match self.name.trim() {
            "" => preset.name,
            name if name.chars().count() > MAX_NAME_CHARS => {
                return Err(Error::InvalidArgument(
                    "The provider's name is longer than 80 characters. Shorten it",
                ));
            }
            name => name,
        };
        if !(1..=MAX_PARALLEL).contains(&self.max_parallel) {
            return Err(Error::InvalidArgument(
                "Concurrent requests must be from 1 to 64",
            ));
        }
        let base_url = validate_address(&self.base_url, preset.protocol)?;
        if let KeyChange::Set { key, place } = &self.key {
            check_key(key, *place)?;
        }
        Ok(ValidatedForm {
            name: name.to_owned(),
            // Another origin is another server.
            consent: self
                .consent
                .clone()
                .filter(|consent| consent.covers(&base_url)),
            base_url,
            max_parallel: self.max_parallel,
            preset,
        })
    }
}

/// Returns the base URL in a user's input, see [`base_url`].
pub(super) fn validate_address(typed: &str, protocol: ProtocolKind) -> Result<String, Error> {
    base_url::parse(typed, protocol).map_err(|error| Error::InvalidArgument(error.message()))
}

fn check_key(key: &SecretString, place: KeyPlace) -> Result<(), Error> {
    use secrecy::ExposeSecret;

    let text = key.expose_secret();
    if text.trim().is_empty() {
        return Err(Error::InvalidArgument(
            "The API key is empty. Enter it, or choose to use none",
        ));
    }
    if text.len() > MAX_KEY_BYTES {
        return Err(Error::InvalidArgument(
            "The API key is longer than 16 KiB. Copy it again",
        ));
    }
    if !text.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::InvalidArgument(
            "The API key contains invalid characters. Copy it again",
        ));
    }
    if place == KeyPlace::Environment {
        return Err(Error::InvalidArgument(
            "An API key cannot be saved in the environment. Choose another place",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorCode;

    fn form(change: fn(&mut ProviderForm)) -> Result<ValidatedForm, Error> {
        let mut form = ProviderForm {
            id: None,
            preset: "openai".to_owned(),
            name: "Work".to_owned(),
            base_url: "https://api.openai.com/v1/".to_owned(),
            max_parallel: 4,
            key: KeyChange::Keep,
            consent: None,
        };
        change(&mut form);
        form.validate()
    }

    #[test]
    fn a_form_that_makes_sense_is_tidied() {
        let checked = form(|form| form.name = " ".to_owned()).unwrap();
        assert_eq!(checked.name, "OpenAI", "the preset's name stands in");
        assert_eq!(checked.base_url, "https://api.openai.com/v1");
    }

    #[test]
    fn a_consent_for_another_server_is_dropped() {
        let consent = Consent::from_parts("http://box:8000", None);
        let kept = |base_url: &str| {
            let form = ProviderForm {
                id: None,
                preset: "custom".to_owned(),
                name: String::new(),
                base_url: base_url.to_owned(),
                max_parallel: 4,
                key: KeyChange::Keep,
                consent: consent.clone(),
            };
            form.validate().unwrap().consent
        };
        assert_eq!(kept("http://box:8000/v1"), consent);
        assert_eq!(kept("box:8000"), consent, "the scheme is added");
        assert_eq!(kept("http://box:8001/v1"), None);
        assert_eq!(kept("https://box:8000/v1"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused: [fn(&mut ProviderForm); 13] = [
            |form| form.preset = "nobody".to_owned(),
            |form| form.name = "x".repeat(81),
            |form| form.max_parallel = 0,
            |form| form.max_parallel = 65,
            |form| form.base_url = String::new(),
            |form| form.base_url = format!("https://{}.com/v1", "x".repeat(2048)),
            |form| {
                form.key = KeyChange::Set {
                    key: "k".repeat(MAX_KEY_BYTES + 1).into(),
                    place: KeyPlace::Session,
                }
            },
            |form| form.base_url = "two words".to_owned(),
            |form| form.base_url = "file:///etc/passwd".to_owned(),
            |form| form.base_url = "https://me:secret@example.com/v1".to_owned(),
            |form| form.base_url = "https://example.com/v1?key=1".to_owned(),
            |form| {
                form.key = KeyChange::Set {
                    key: " ".into(),
                    place: KeyPlace::Session,
                }
            },
            |form| {
                form.key = KeyChange::Set {
                    key: "two words".into(),
                    place: KeyPlace::Session,
                }
            },
        ];
        for (index, change) in refused.into_iter().enumerate() {
            let error = form(change).expect_err(&format!("case {index}"));
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
        }
    }
}
