//! Length limits for texts from outside that nothing else limits. The page never exceeds them; a longer text is
//! refused before anything is stored or requested.

use crate::error::{Error, MESSAGE_LIMIT, Result};

/// A length limit and the error message for exceeding it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// Bytes of UTF-8.
    most: usize,
    says: &'static str,
}

/// The name of a conversation.
pub(crate) const TITLE: Bound = Bound {
    most: 1000,
    says: "The conversation's name is longer than 1,000 bytes. Shorten it",
};

/// The name of a branch.
pub(crate) const BRANCH: Bound = Bound {
    most: 200,
    says: "The branch's name is longer than 200 bytes. Shorten it",
};

/// A model id, `provider/model`.
pub(crate) const MODEL: Bound = Bound {
    most: 1024,
    says: "The model's id is longer than 1,024 bytes. Choose a model from the list",
};

/// A client's id for one press of Send.
pub(crate) const REQUEST: Bound = Bound {
    most: 200,
    says: "The request's id is longer than 200 bytes. Use a UUID",
};

/// The text to find in a conversation.
pub(crate) const SEARCH: Bound = Bound {
    most: 4096,
    says: "The search text is longer than 4,096 bytes. Shorten it",
};

impl Bound {
    /// # Errors
    /// When the text is too long.
    pub(crate) fn check(self, text: &str) -> Result<()> {
        if text.len() <= self.most {
            Ok(())
        } else {
            Err(Error::InvalidArgument(self.says))
        }
    }

    /// Like [`check`](Self::check), for an optional text.
    pub(crate) fn check_any(self, text: Option<&str>) -> Result<()> {
        text.map_or(Ok(()), |text| self.check(text))
    }
}

/// Refuses a message's text over [`MESSAGE_LIMIT`].
pub(crate) fn check_message(content: &str) -> Result<()> {
    if content.len() > MESSAGE_LIMIT {
        return Err(Error::MessageTooLong {
            bytes: content.len(),
        });
    }
    Ok(())
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
        assert!(MODEL.check_any(Some(&"x".repeat(1025))).is_err());
    }
}
