//! How long an answer is waited for, and how long it may run. Pure: the caller brings the time.
//!
//! A remote provider that says nothing for minutes has lost the request. A server of the user's own may
//! read a long prompt on slow hardware for as long as the user waits, because Stop is there; a process
//! that died closes its connection, and a machine that is gone shows by TCP's keep-alive.

use std::time::Duration;

use tokio::time::Instant;

use crate::provider::Whose;

/// No remote answer runs for longer, however lively. One of a server of the user's own may write slowly, and is
/// bounded by its length.
const LONGEST_RUN: Duration = Duration::from_hours(1);

/// How long a provider may take to begin.
const BEFORE: Duration = Duration::from_mins(5);

/// How long a stream may be silent.
const WITHIN: Duration = Duration::from_mins(2);

/// How long a stream may be silent after the machine slept: the other end has most likely given up.
const AWAKE: Duration = Duration::from_secs(10);

/// How long usage may take to follow a finish reason.
const AFTER: Duration = Duration::from_secs(5);

/// How long more may take to follow a finish reason that came before, and was no end.
const AFTER_ANOTHER: Duration = Duration::from_mins(1);

/// The patience with one answer.
#[derive(Debug)]
pub(super) struct Patience {
    whose: Whose,
    begun: bool,
    ended: bool,
    silent_at: Option<Instant>,
    cut_at: Option<Instant>,
}

impl Patience {
    /// Before anybody is asked: what is waited for then is said, and bounds itself.
    pub(super) fn new() -> Self {
        Self {
            whose: Whose::Remote,
            begun: false,
            ended: false,
            silent_at: None,
            cut_at: None,
        }
    }

    /// When silence becomes too long.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        self.silent_at
    }

    /// When the answer has run for too long.
    pub(super) fn cut_at(&self) -> Option<Instant> {
        self.cut_at
    }

    /// A provider is asked.
    pub(super) fn asks(&mut self, whose: Whose, now: Instant) {
        self.whose = whose;
        self.cut_at = (whose == Whose::Remote).then(|| now + LONGEST_RUN);
        self.hears(now);
    }

    /// Something came, if only a sign of life.
    pub(super) fn hears(&mut self, now: Instant) {
        let patience = if self.begun { WITHIN } else { BEFORE };
        self.silent_at = (self.whose == Whose::Remote).then(|| now + patience);
    }

    /// Content comes. A head may come long before it: a model reads its prompt meanwhile.
    pub(super) fn begins(&mut self, now: Instant) {
        self.begun = true;
        self.hears(now);
    }

    /// A finish reason has come. After the second one it is known that the first was no end, and one before all
    /// text is hardly one.
    pub(super) fn ends(&mut self, now: Instant) {
        let patience = if self.ended || !self.begun {
            AFTER_ANOTHER
        } else {
            AFTER
        };
        self.ended = true;
        self.silent_at = Some(now + patience);
    }

    /// The machine slept while a stream was open. A connection within this machine slept with it; one to
    /// a server that is still reading is left to the keep-alive.
    pub(super) fn wakes(&mut self, now: Instant) {
        let doubts = match self.whose {
            Whose::ThisMachine => false,
            Whose::OwnNetwork => self.begun,
            Whose::Remote => true,
        };
        if doubts {
            let soon = now + AWAKE;
            self.silent_at = Some(self.silent_at.map_or(soon, |at| at.min(soon)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [Whose; 2] = [Whose::ThisMachine, Whose::OwnNetwork];

    fn asked(whose: Whose) -> (Patience, Instant) {
        let (mut patience, now) = (Patience::new(), Instant::now());
        patience.asks(whose, now);
        (patience, now)
    }

    #[test]
    fn a_server_of_ones_own_may_read_for_as_long_as_the_user_waits() {
        for whose in OWN {
            let (mut patience, now) = asked(whose);
            assert_eq!((patience.silent_at(), patience.cut_at()), (None, None));
            // A head, or a comment that keeps the connection alive.
            patience.hears(now + Duration::from_hours(2));
            assert_eq!((patience.silent_at(), patience.cut_at()), (None, None));

            let first = now + Duration::from_hours(3);
            patience.hears(first);
            patience.begins(first);
            assert_eq!(patience.silent_at(), None, "nor in the middle");
            assert_eq!(patience.cut_at(), None, "and write as slowly as it can");
        }
    }

    #[test]
    fn a_remote_provider_that_says_nothing_is_given_up() {
        let (mut patience, now) = asked(Whose::Remote);
        assert_eq!(patience.silent_at(), Some(now + BEFORE));
        assert_eq!(patience.cut_at(), Some(now + LONGEST_RUN));
        let head = now + Duration::from_secs(9);
        patience.hears(head);
        assert_eq!(patience.silent_at(), Some(head + BEFORE));
        patience.begins(head);
        patience.hears(head);
        assert_eq!(patience.silent_at(), Some(head + WITHIN));
        assert_eq!(patience.cut_at(), Some(now + LONGEST_RUN));
    }

    #[test]
    fn who_waits_for_others_is_not_timed() {
        let patience = Patience::new();
        assert_eq!((patience.silent_at(), patience.cut_at()), (None, None));
    }

    #[test]
    fn after_its_reason_no_answer_is_waited_for_long() {
        for whose in [Whose::ThisMachine, Whose::OwnNetwork, Whose::Remote] {
            let (mut patience, now) = asked(whose);
            patience.begins(now);
            patience.ends(now);
            assert_eq!(patience.silent_at(), Some(now + AFTER));
            // Text that came after it has all the time that text has.
            patience.hears(now);
            assert_ne!(patience.silent_at(), Some(now + AFTER));
            patience.ends(now);
            assert_eq!(patience.silent_at(), Some(now + AFTER_ANOTHER));
        }
    }

    #[test]
    fn a_reason_before_all_text_leaves_it_time() {
        for whose in [Whose::ThisMachine, Whose::OwnNetwork, Whose::Remote] {
            let (mut patience, now) = asked(whose);
            patience.ends(now);
            assert_eq!(patience.silent_at(), Some(now + AFTER_ANOTHER));
        }
    }

    #[test]
    fn after_a_sleep_a_connection_is_doubted_that_may_have_died() {
        let slept = |whose, begun: bool| {
            let (mut patience, now) = asked(whose);
            if begun {
                patience.begins(now);
            }
            patience.wakes(now);
            patience.silent_at().map(|at| at - now)
        };
        assert_eq!(slept(Whose::Remote, false), Some(AWAKE));
        assert_eq!(slept(Whose::Remote, true), Some(AWAKE));
        assert_eq!(slept(Whose::OwnNetwork, true), Some(AWAKE));
        assert_eq!(slept(Whose::OwnNetwork, false), None, "it may read on");
        assert_eq!(slept(Whose::ThisMachine, true), None, "it slept, too");
    }
}
