//! Timeouts of an answer. Pure: the caller passes the time.
//!
//! A remote provider that is silent for minutes has lost the request. A self-hosted server may take any time
//! to process a long prompt on slow hardware, because the user can press Stop; a process that died closes its
//! connection, and TCP keep-alive detects a machine that is gone.

use std::time::Duration;

use tokio::time::Instant;

use crate::provider::Locality;

/// Maximum run time of a remote answer, even one that still streams. A self-hosted server may be slow, so its
/// answers are limited by their length only.
const MAX_RUN: Duration = Duration::from_hours(1);

/// How long a provider may take to send the first content.
const FIRST_CONTENT_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a stream may be silent.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a stream may be silent after the machine slept: the other end has most likely given up.
const POST_SLEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for usage after a finish reason.
const USAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for more after a finish reason, when an earlier one turned out not to be the end.
const REPEATED_FINISH_TIMEOUT: Duration = Duration::from_mins(1);

/// The deadlines of one answer.
#[derive(Debug)]
pub(super) struct Timeouts {
    locality: Locality,
    begun: bool,
    ended: bool,
    idle_deadline: Option<Instant>,
    run_deadline: Option<Instant>,
}

impl Timeouts {
    /// Deadlines before any request: the waits before it are shown, and have their own timeouts.
    pub(super) fn new() -> Self {
        Self {
            locality: Locality::Remote,
            begun: false,
            ended: false,
            idle_deadline: None,
            run_deadline: None,
        }
    }

    /// Returns when silence becomes a timeout.
    pub(super) fn idle_deadline(&self) -> Option<Instant> {
        self.idle_deadline
    }

    /// Returns when the answer has run for too long.
    pub(super) fn run_deadline(&self) -> Option<Instant> {
        self.run_deadline
    }

    /// Called when a request is sent.
    pub(super) fn on_request(&mut self, locality: Locality, now: Instant) {
        self.locality = locality;
        self.run_deadline = (locality == Locality::Remote).then(|| now + MAX_RUN);
        self.on_data(now);
    }

    /// Called when data arrives, even if it is only a keep-alive.
    pub(super) fn on_data(&mut self, now: Instant) {
        let timeout = if self.begun {
            IDLE_TIMEOUT
        } else {
            FIRST_CONTENT_TIMEOUT
        };
        self.idle_deadline = (self.locality == Locality::Remote).then(|| now + timeout);
    }

    /// Called at the first content. Response headers may precede it by far: the model processes its prompt
    /// meanwhile.
    pub(super) fn on_first_content(&mut self, now: Instant) {
        self.begun = true;
        self.on_data(now);
    }

    /// Called at a finish reason. A second one shows that the first was not the end, and one before any text
    /// is unlikely to be.
    pub(super) fn on_finish_reason(&mut self, now: Instant) {
        let timeout = if self.ended || !self.begun {
            REPEATED_FINISH_TIMEOUT
        } else {
            USAGE_TIMEOUT
        };
        self.ended = true;
        self.idle_deadline = Some(now + timeout);
    }

    /// Called when the machine slept while a stream was open. A loopback connection slept with it; one to a
    /// server that is still processing the prompt is left to TCP keep-alive.
    pub(super) fn shorten_idle_timeout(&mut self, now: Instant) {
        let doubts = match self.locality {
            Locality::ThisMachine => false,
            Locality::OwnNetwork => self.begun,
            Locality::Remote => true,
        };
        if doubts {
            let soon = now + POST_SLEEP_TIMEOUT;
            self.idle_deadline = Some(self.idle_deadline.map_or(soon, |at| at.min(soon)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [Locality; 2] = [Locality::ThisMachine, Locality::OwnNetwork];

    fn asked(locality: Locality) -> (Timeouts, Instant) {
        let (mut timeout, now) = (Timeouts::new(), Instant::now());
        timeout.on_request(locality, now);
        (timeout, now)
    }

    #[test]
    fn a_local_server_may_read_for_as_long_as_the_user_waits() {
        for locality in OWN {
            let (mut timeout, now) = asked(locality);
            assert_eq!(
                (timeout.idle_deadline(), timeout.run_deadline()),
                (None, None)
            );
            // Response headers, or a keep-alive comment.
            timeout.on_data(now + Duration::from_hours(2));
            assert_eq!(
                (timeout.idle_deadline(), timeout.run_deadline()),
                (None, None)
            );

            let first = now + Duration::from_hours(3);
            timeout.on_data(first);
            timeout.on_first_content(first);
            assert_eq!(timeout.idle_deadline(), None, "nor in the middle");
            assert_eq!(
                timeout.run_deadline(),
                None,
                "and write as slowly as it can"
            );
        }
    }

    #[test]
    fn a_remote_provider_that_says_nothing_is_given_up() {
        let (mut timeout, now) = asked(Locality::Remote);
        assert_eq!(timeout.idle_deadline(), Some(now + FIRST_CONTENT_TIMEOUT));
        assert_eq!(timeout.run_deadline(), Some(now + MAX_RUN));
        let head = now + Duration::from_secs(9);
        timeout.on_data(head);
        assert_eq!(timeout.idle_deadline(), Some(head + FIRST_CONTENT_TIMEOUT));
        timeout.on_first_content(head);
        timeout.on_data(head);
        assert_eq!(timeout.idle_deadline(), Some(head + IDLE_TIMEOUT));
        assert_eq!(timeout.run_deadline(), Some(now + MAX_RUN));
    }

    #[test]
    fn who_waits_for_others_is_not_timed() {
        let timeout = Timeouts::new();
        assert_eq!(
            (timeout.idle_deadline(), timeout.run_deadline()),
            (None, None)
        );
    }

    #[test]
    fn after_its_reason_no_answer_is_waited_for_long() {
        for locality in [
            Locality::ThisMachine,
            Locality::OwnNetwork,
            Locality::Remote,
        ] {
            let (mut timeout, now) = asked(locality);
            timeout.on_first_content(now);
            timeout.on_finish_reason(now);
            assert_eq!(timeout.idle_deadline(), Some(now + USAGE_TIMEOUT));
            // Text after the finish reason gets the full idle timeout again.
            timeout.on_data(now);
            assert_ne!(timeout.idle_deadline(), Some(now + USAGE_TIMEOUT));
            timeout.on_finish_reason(now);
            assert_eq!(timeout.idle_deadline(), Some(now + REPEATED_FINISH_TIMEOUT));
        }
    }

    #[test]
    fn a_reason_before_all_text_leaves_it_time() {
        for locality in [
            Locality::ThisMachine,
            Locality::OwnNetwork,
            Locality::Remote,
        ] {
            let (mut timeout, now) = asked(locality);
            timeout.on_finish_reason(now);
            assert_eq!(timeout.idle_deadline(), Some(now + REPEATED_FINISH_TIMEOUT));
        }
    }

    #[test]
    fn after_a_sleep_a_connection_that_may_have_died_times_out_sooner() {
        let slept = |locality, begun: bool| {
            let (mut timeout, now) = asked(locality);
            if begun {
                timeout.on_first_content(now);
            }
            timeout.shorten_idle_timeout(now);
            timeout.idle_deadline().map(|at| at - now)
        };
        assert_eq!(slept(Locality::Remote, false), Some(POST_SLEEP_TIMEOUT));
        assert_eq!(slept(Locality::Remote, true), Some(POST_SLEEP_TIMEOUT));
        assert_eq!(slept(Locality::OwnNetwork, true), Some(POST_SLEEP_TIMEOUT));
        assert_eq!(slept(Locality::OwnNetwork, false), None, "it may read on");
        assert_eq!(slept(Locality::ThisMachine, true), None, "it slept, too");
    }
}
