//! How long the texts may be that come in from outside and that nothing else bounds. A page never sends one
//! that is longer; whatever does is refused before anything is stored or asked for.

use secrecy::ExposeSecret;

use crate::error::{Error, Result};
use crate::provider::{KeyChange, ProviderForm};

/// A kind of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// Bytes of UTF-8.
    most: usize,
    says: &'static str,
}

/// The name of a conversation.
pub(crate) const TITLE: Bound = Bound {
    most: 1000,
    says: "A conversation's name has at most 1,000 bytes: shorten it",
};

/// `provider/model`.
pub(crate) const MODEL: Bound = Bound {
    most: 500,
    says: "A model's id has at most 500 bytes: choose a model of the list",
};

/// What a client calls one press of Send.
pub(crate) const REQUEST: Bound = Bound {
    most: 200,
    says: "A request's id has at most 200 bytes: use a UUID",
};

/// What is looked for in a conversation.
pub(crate) const SEARCH: Bound = Bound {
    most: 4096,
    says: "What is looked for has at most 4,096 bytes: shorten it",
};

const ADDRESS: Bound = Bound {
    most: 8192,
    says: "An address has at most 8,192 bytes: shorten it",
};

const KEY: Bound = Bound {
    most: 16 * 1024,
    says: "A key has at most 16 KiB: paste the key alone",
};

const FIELD: Bound = Bound {
    most: 1000,
    says: "A field of this form has at most 1,000 bytes: shorten it",
};

impl Bound {
    /// # Errors
    /// When the text is longer.
    pub(crate) fn check(self, text: &str) -> Result<()> {
        if text.len() <= self.most {
            Ok(())
        } else {
            Err(Error::InvalidArgument(self.says))
        }
    }

    /// The same of a text that may be left out.
    pub(crate) fn check_any(self, text: Option<&str>) -> Result<()> {
        text.map_or(Ok(()), |text| self.check(text))
    }
}

/// # Errors
/// When a field of the form is longer than any that makes sense.
pub(crate) fn check_form(form: &ProviderForm) -> Result<()> {
    FIELD.check_any(form.id.as_deref())?;
    FIELD.check(&form.preset)?;
    FIELD.check(&form.name)?;
    ADDRESS.check(&form.base_url)?;
    match &form.key {
        KeyChange::Set { key, .. } => KEY.check(key.expose_secret()),
        KeyChange::Keep | KeyChange::Remove => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_in_bytes() {
        assert!(TITLE.check(&"é".repeat(500)).is_ok());
        let refused = TITLE.check(&"é".repeat(501)).unwrap_err();
        assert!(refused.to_string().contains("1,000 bytes"), "{refused}");
        assert!(MODEL.check_any(None).is_ok());
        assert!(MODEL.check_any(Some(&"x".repeat(501))).is_err());
    }

    #[test]
    fn every_field_of_a_form_is_bounded() {
        let form = |change: fn(&mut ProviderForm, String)| {
            let mut form = ProviderForm {
                id: None,
                preset: "custom".to_owned(),
                name: "name".to_owned(),
                base_url: "http://127.0.0.1/".to_owned(),
                max_parallel: 1,
                key: KeyChange::Keep,
            };
            change(&mut form, "x".repeat(20_000));
            check_form(&form)
        };
        assert!(form(|_, _| {}).is_ok());
        assert!(form(|form, long| form.id = Some(long)).is_err());
        assert!(form(|form, long| form.preset = long).is_err());
        assert!(form(|form, long| form.name = long).is_err());
        assert!(form(|form, long| form.base_url = long).is_err());
        let key = |form: &mut ProviderForm, long: String| {
            form.key = KeyChange::Set {
                key: long.into(),
                place: crate::keys::KeyPlace::Session,
            };
        };
        assert!(form(key).is_err());
    }
}
