//! Calls of tools, assembled from the fragments in which some protocols send them.

use std::collections::{BTreeMap, HashSet};

use conch_model::ToolCall;
use uuid::Uuid;

use super::{Content, StreamEvent, Unshown};

/// How long an id is that Conch makes: Mistral accepts only nine letters and digits.
const ID_LENGTH: usize = 9;

/// How many calls can be open, for a stream that begins ever more of them.
const MAX_OPEN: usize = 128;

/// The calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Those that may go on, by the order in which they began.
    open: BTreeMap<usize, OpenCall>,
    begun: usize,
    ids: HashSet<String>,
}

/// A call of which more may come.
#[derive(Debug, Default)]
struct OpenCall {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    input: String,
}

/// A piece of a call, or all of it.
#[derive(Debug, Default)]
pub(super) struct Fragment {
    /// Which of the calls it belongs to, if the server says so.
    pub(super) index: Option<u64>,
    /// Only in the first fragment of a call, usually.
    pub(super) id: Option<String>,
    /// Only in the first fragment of a call, usually.
    pub(super) name: Option<String>,
    /// Appended to the arguments so far.
    pub(super) input: Option<String>,
}

impl Calls {
    /// Adds a fragment to the call that it belongs to, or begins the next.
    pub(super) fn add(&mut self, fragment: Fragment) {
        let id = fragment.id.filter(|id| !id.is_empty());
        let name = fragment.name.filter(|name| !name.is_empty());
        let is_full = self.open.len() >= MAX_OPEN;
        let known = self.open.iter_mut().rev().find(|(_, call)| {
            fragment.index.is_none() || call.index.is_none() || call.index == fragment.index
        });
        // Some servers number every call 0, and some none, and send each whole.
        let goes_on = |call: &OpenCall| match (&id, &name) {
            (Some(id), _) if call.id.is_some() => call.id.as_ref() == Some(id),
            (_, Some(name)) => {
                let is_same = call.name.as_ref().is_none_or(|known| known == name);
                is_same && !is_whole(&call.input)
            }
            _ => true,
        };
        let call = match known {
            Some((_, call)) if goes_on(call) => call,
            _ if is_full => return,
            _ => {
                self.begun += 1;
                self.open.entry(self.begun).or_default()
            }
        };
        call.index = call.index.or(fragment.index);
        call.id = call.id.take().or(id);
        call.name = call.name.take().or(name);
        call.input.push_str(&fragment.input.unwrap_or_default());
    }

    /// Returns the calls, now that they are complete.
    pub(super) fn finish(&mut self) -> Vec<StreamEvent> {
        let open = std::mem::take(&mut self.open).into_values();
        open.map(|call| self.event(call.id, call.name, call.input))
            .collect()
    }

    /// Returns the calls that are complete although the stream broke off.
    pub(super) fn whole_ones(&mut self) -> Vec<StreamEvent> {
        self.open.retain(|_, call| is_whole(&call.input));
        self.finish()
    }

    /// Returns the event of a call that came whole. Where its id is missing or was used before, one is made; without
    /// a name it cannot be shown.
    pub(super) fn event(
        &mut self,
        id: Option<String>,
        name: Option<String>,
        input: String,
    ) -> StreamEvent {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return StreamEvent::Unshown(Unshown::ToolCall);
        };
        let is_new = |id: &String| !id.is_empty() && !self.ids.contains(id);
        let id = id.filter(is_new).unwrap_or_else(new_id);
        self.ids.insert(id.clone());
        Content::ToolCall(ToolCall { id, name, input }).into()
    }
}

fn new_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(ID_LENGTH);
    id
}

fn is_whole(input: &str) -> bool {
    // First what costs nothing: this is asked about each fragment with a name.
    input.trim_end().ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(input).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(index: Option<u64>, id: &str, name: &str, input: &str) -> Fragment {
        let set = |text: &str| Some(text.to_owned());
        Fragment {
            index,
            id: set(id),
            name: set(name),
            input: set(input),
        }
    }

    /// Returns the name and the arguments of each call.
    fn assembled(fragments: Vec<Fragment>) -> Vec<(String, String)> {
        let mut calls = Calls::default();
        for fragment in fragments {
            calls.add(fragment);
        }
        named(calls.finish())
    }

    fn named(events: Vec<StreamEvent>) -> Vec<(String, String)> {
        let call = |event| match event {
            StreamEvent::Content(Content::ToolCall(call)) => (call.name, call.input),
            other => panic!("expected a call, got {other:?}"),
        };
        events.into_iter().map(call).collect()
    }

    fn pair(name: &str, input: &str) -> (String, String) {
        (name.to_owned(), input.to_owned())
    }

    #[test]
    fn the_fragments_of_each_call_are_joined() {
        let two = vec![
            fragment(Some(0), "a", "one", ""),
            fragment(Some(0), "", "", "{\"x\":"),
            fragment(Some(1), "b", "two", ""),
            fragment(Some(0), "", "", "1}"),
            fragment(Some(1), "", "", "{}"),
        ];
        let expected = [pair("one", "{\"x\":1}"), pair("two", "{}")];
        assert_eq!(assembled(two), expected);
        // The id and the name in every fragment, or the name alone.
        for id in ["a", ""] {
            let repeated = vec![
                fragment(Some(0), id, "one", "{\"x\":"),
                fragment(Some(0), id, "one", "1}"),
            ];
            assert_eq!(assembled(repeated), expected[..1], "{id:?}");
        }
    }

    #[test]
    fn calls_that_come_whole_are_calls_of_their_own_whatever_their_index() {
        for index in [Some(0), None] {
            for (first, second) in [("a", "b"), ("", "")] {
                for input in ["{}", ""] {
                    let two = vec![
                        fragment(index, first, "one", input),
                        fragment(index, second, "two", input),
                    ];
                    assert_eq!(
                        assembled(two),
                        [pair("one", input), pair("two", input)],
                        "{index:?} {first:?}"
                    );
                }
            }
        }
        let twice = vec![
            fragment(None, "", "one", "{}"),
            fragment(None, "", "one", "{}"),
        ];
        assert_eq!(assembled(twice).len(), 2);
    }

    #[test]
    fn an_id_is_made_where_it_is_missing_or_was_used_before() {
        let mut calls = Calls::default();
        let mut id = |id: Option<&str>| {
            let event = calls.event(id.map(str::to_owned), Some("x".to_owned()), String::new());
            match event {
                StreamEvent::Content(Content::ToolCall(call)) => call.id,
                other => panic!("expected a call, got {other:?}"),
            }
        };
        assert_eq!(id(Some("a")), "a");
        let made = [id(Some("a")), id(None), id(Some(""))];
        for (at, id) in made.iter().enumerate() {
            assert_eq!(id.len(), ID_LENGTH);
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
            assert!(!made[..at].contains(id), "each is another");
        }
    }

    #[test]
    fn a_call_without_a_name_is_reported_and_half_a_call_is_none() {
        let mut calls = Calls::default();
        calls.add(fragment(Some(0), "a", "", "{}"));
        assert_eq!(calls.finish(), [StreamEvent::Unshown(Unshown::ToolCall)]);
        calls.add(fragment(Some(0), "b", "whole", "{}"));
        calls.add(fragment(Some(1), "c", "half", "{\"x\""));
        assert_eq!(named(calls.whole_ones()), [pair("whole", "{}")]);
        assert_eq!(calls.finish(), []);
    }
}
