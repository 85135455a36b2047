//! Answers that are made to do harm where they are read.
//!
//! It owns the texts, each with a name and a kind, and judges none of them: what must not come of one is
//! the business of who reads it. A script of theirs sets the global variable [`CANARY`], and what makes a
//! request makes it to a server of the reader's, so that both can be seen.

mod deception;
mod links;
mod math;
mod nesting;
mod requests;
mod scripts;
mod sizes;

/// The global variable that a script sets where one runs.
pub const CANARY: &str = "ran";

/// A text that is made to do harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Unlike every other one's.
    pub name: String,
    /// What it tries.
    pub kind: Kind,
    /// What a model would answer.
    pub text: String,
}

/// What a text tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To run a script.
    Script,
    /// To open what is no web address, or to hide where a link leads.
    Link,
    /// To tell a server that it is read, or what it was told.
    Request,
    /// One of these by way of a formula.
    Math,
    /// To exhaust whoever reads what is in each other.
    Nesting,
    /// To exhaust whoever reads what is long, wide or many.
    Size,
    /// To look like what it is not, or to take the place of the application's own elements.
    Deception,
}

/// All of them, in a fixed order. `server` is an address such as `127.0.0.1:4321`, where requests go.
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

/// Stands in the texts for the address of the server.
const SERVER: &str = "SERVER";

/// A name and a text.
type NamedText = (String, String);

fn of(kind: Kind, texts: Vec<NamedText>) -> impl Iterator<Item = Payload> {
    texts
        .into_iter()
        .map(move |(name, text)| Payload { name, kind, text })
}

/// The texts, named by what they have in common and their number.
fn numbered(name: &str, texts: &[&str]) -> Vec<NamedText> {
    let numbered = texts.iter().enumerate();
    numbered
        .map(|(at, text)| (format!("{name} {}", at + 1), (*text).to_owned()))
        .collect()
}

/// The texts by the names they have.
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
