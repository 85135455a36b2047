//! The last error of each provider, for its row in the settings. It is kept for the run: the next start reads the
//! lists again, and finds what is still wrong.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use conch_provider::failure::{Failure, FailureKind};
use serde::Serialize;
use specta::Type;

use crate::model::Timestamp;

/// Why a provider did not answer last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ProviderError {
    /// The stable code of the failure.
    pub code: String,
    /// What happened and what helps.
    pub message: String,
    /// When it was seen last, epoch ms.
    pub at: Timestamp,
}

/// What was requested of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requested {
    Models,
    Answer,
}

#[derive(Debug)]
struct Seen {
    kind: FailureKind,
    by: Requested,
    error: ProviderError,
}

/// The last errors, by provider.
#[derive(Debug, Default)]
pub(super) struct LastErrors(Mutex<HashMap<String, Seen>>);

impl LastErrors {
    /// Returns the provider's last error, unless a later request succeeded.
    pub(super) fn of(&self, provider_id: &str) -> Option<ProviderError> {
        self.all().get(provider_id).map(|seen| seen.error.clone())
    }

    /// Takes note of a failure, if it is about the provider and not about one request. Returns whether that is news.
    pub(super) fn failed(
        &self,
        provider_id: &str,
        by: Requested,
        failure: &Failure,
        now: Timestamp,
    ) -> bool {
        if !is_about_provider(failure.kind) {
            return false;
        }
        let error = failure.to_error();
        let seen = Seen {
            kind: failure.kind,
            by,
            error: ProviderError {
                code: error.code,
                message: error.message,
                at: now,
            },
        };
        let before = self.all().insert(provider_id.to_owned(), seen);
        before.is_none_or(|before| before.kind != failure.kind)
    }

    /// Takes note of a success. A list that arrives says that the server is reached, but some send it without a valid
    /// key. Returns whether there was an error.
    pub(super) fn succeeded(&self, provider_id: &str, by: Requested) -> bool {
        let mut all = self.all();
        let is_over = all.get(provider_id).is_some_and(|seen| {
            by == Requested::Answer || seen.by == by || is_about_connection(seen.kind)
        });
        is_over && all.remove(provider_id).is_some()
    }

    /// Forgets a provider that was changed or deleted.
    pub(super) fn forget(&self, provider_id: &str) {
        self.all().remove(provider_id);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_about_connection(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Unreachable
            | FailureKind::Timeout
            | FailureKind::UntrustedCertificate
            | FailureKind::ChangedCertificate
            | FailureKind::InsecureUrl
    )
}

fn is_about_provider(kind: FailureKind) -> bool {
    is_about_connection(kind)
        || matches!(
            kind,
            FailureKind::WrongKey
                | FailureKind::UnknownPath
                | FailureKind::OutOfCredit
                | FailureKind::ProviderFault
                | FailureKind::UnexpectedResponse
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(7);
    const LATER: Timestamp = Timestamp::from_millis(8);

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, kind.name())
    }

    #[test]
    fn an_error_is_kept_with_its_time_until_a_success() {
        let errors = LastErrors::default();
        let down = failure(FailureKind::Unreachable);
        assert!(errors.failed("a", Requested::Models, &down, NOW));
        assert!(
            !errors.failed("a", Requested::Models, &down, LATER),
            "it is known"
        );
        let last = errors.of("a").unwrap();
        assert_eq!((&*last.code, last.at), ("provider_unreachable", LATER));
        assert_eq!(errors.of("b"), None);
        assert!(errors.succeeded("a", Requested::Models));
        assert!(
            !errors.succeeded("a", Requested::Models),
            "it is over already"
        );
        assert_eq!(errors.of("a"), None);
    }

    #[test]
    fn a_list_does_not_prove_a_key_that_an_answer_was_refused_for() {
        let errors = LastErrors::default();
        errors.failed("a", Requested::Answer, &failure(FailureKind::WrongKey), NOW);
        assert!(!errors.succeeded("a", Requested::Models));
        assert!(errors.of("a").is_some());
        assert!(errors.succeeded("a", Requested::Answer));
        errors.failed(
            "a",
            Requested::Answer,
            &failure(FailureKind::Unreachable),
            NOW,
        );
        assert!(errors.succeeded("a", Requested::Models), "it was reached");
    }

    #[test]
    fn what_is_about_one_request_is_no_error_of_the_provider() {
        let errors = LastErrors::default();
        for kind in [
            FailureKind::ContextTooLong,
            FailureKind::UnknownModel,
            FailureKind::RateLimited,
        ] {
            assert!(!errors.failed("a", Requested::Answer, &failure(kind), NOW));
        }
        assert_eq!(errors.of("a"), None);
    }
}
