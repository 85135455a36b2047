//! Malicious answers.
//!
//! This crate provides the texts, each with a name and a kind; the tests that use them check that they do no
//! harm. A script in them sets the global variable [`CANARY`], and a request goes to a server that the test
//! provides, so that both can be detected.

mod deception;
mod links;
mod math;
mod nesting;
mod requests;
mod scripts;
mod sizes;

/// The global variable that a script sets if it runs.
pub const CANARY: &str = "ran";

/// A malicious text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// A unique name.
    pub name: String,
    /// What it attempts.
    pub kind: Kind,
    /// The answer of the model.
    pub text: String,
}

/// What a text attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To run a script.
    Script,
    /// To open something that is not a web address, or to hide where a link leads.
    Link,
    /// To send a request that reveals that the answer is read, or exfiltrates the conversation.
    Request,
    /// One of these through a formula.
    Math,
    /// To exhaust the reader by nesting.
    Nesting,
    /// To exhaust the reader by length, width or number.
    Size,
    /// To imitate something else, or to replace the application's elements.
    Deception,
}

/// Returns all payloads in a fixed order. `server` is an address such as `127.0.0.1:4321`, where requests go.
pub fn payloads(server: &str) -> Vec<Payload> {
    let mut payloads = Vec::new();
    payloads.extend(of(Kind::Script, scripts::all()));
    payloads.extend(of(Kind::Link, links::all()));
    payloads.extend(of(Kind::Request, requests::all()));
    payloads.extend(of(Kind::Math, math::all()));
    payloads.extend(of(Kind::Nesting, nesting::all()));
    payloads.extend(of(Kind::Size, sizes::all()));
    payloads.extend(of(Kind::Deception, deception::all()));
    for payload in &mut payloads {
        if payload.text.contains(SERVER) {
            payload.text = payload.text.replace(SERVER, server);
        }
    }
    payloads
}

/// The placeholder for the address of the server in the texts.
const SERVER: &str = "SERVER";

/// A name and a text.
type NamedText = (String, String);

fn of(kind: Kind, texts: Vec<NamedText>) -> impl Iterator<Item = Payload> {
    texts
        .into_iter()
        .map(move |(name, text)| Payload { name, kind, text })
}

/// Names the texts by a common name and a number.
fn numbered(name: &str, texts: &[&str]) -> Vec<NamedText> {
    let numbered = texts.iter().enumerate();
    numbered
        .map(|(at, text)| (format!("{name} {}", at + 1), (*text).to_owned()))
        .collect()
}

/// Returns the texts with their names.
fn named(texts: &[(&str, String)]) -> Vec<NamedText> {
    texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_many_and_no_two_are_the_same() {
        let payloads = payloads("127.0.0.1:4321");
        assert!(payloads.len() >= 300, "{} payloads", payloads.len());
        let names: HashSet<_> = payloads.iter().map(|payload| &payload.name).collect();
        assert_eq!(names.len(), payloads.len(), "each has a name of its own");
        let texts: HashSet<_> = payloads.iter().map(|payload| &payload.text).collect();
        assert_eq!(texts.len(), payloads.len(), "each is another text");
    }

    #[test]
    fn requests_go_to_the_given_server() {
        let payloads = payloads("127.0.0.1:4321");
        assert!(
            payloads
                .iter()
                .all(|payload| !payload.text.contains(SERVER))
        );
        let reach = |payload: &&Payload| payload.text.contains("127.0.0.1:4321");
        assert!(payloads.iter().filter(reach).count() >= 60);
    }
}
