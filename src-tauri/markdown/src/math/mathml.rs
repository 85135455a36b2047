//! MathML as a tree of elements and attributes from fixed lists.
//!
//! `math-core` writes MathML as text, with HTML inside it, and CSS where MathML has no equivalent. Only what is
//! on the lists is accepted. HTML is dropped but its text is kept, and of the CSS only what tables in formulas
//! need is kept, as attributes.

use std::mem;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde::Serialize;
use specta::Type;

/// The maximum depth of a tree. Readable formulas have a tenth of it.
const MAX_DEPTH: usize = 100;

/// The elements, with the number of children where each child has a distinct role.
const ELEMENTS: [(&str, Option<usize>); 26] = [
    ("math", None),
    ("menclose", None),
    ("merror", None),
    ("mfrac", Some(2)),
    ("mi", None),
    ("mmultiscripts", None),
    ("mn", None),
    ("mo", None),
    ("mover", Some(2)),
    ("mpadded", None),
    ("mphantom", None),
    ("mprescripts", None),
    ("mroot", Some(2)),
    ("mrow", None),
    ("mspace", None),
    ("msqrt", None),
    ("mstyle", None),
    ("msub", Some(2)),
    ("msubsup", Some(3)),
    ("msup", Some(2)),
    ("mtable", None),
    ("mtd", None),
    ("mtext", None),
    ("mtr", None),
    ("munder", Some(2)),
    ("munderover", Some(3)),
];

/// The elements that contain text.
const TOKENS: [&str; 4] = ["mi", "mn", "mo", "mtext"];

/// The attributes that are copied unchanged.
const ATTRIBUTES: [&str; 20] = [
    "accent",
    "accentunder",
    "columnspan",
    "display",
    "displaystyle",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "notation",
    "rspace",
    "scriptlevel",
    "stretchy",
    "symmetric",
    "width",
];

/// Classes that replace CSS without an equivalent in MathML.
const CLASSES: [(&str, &str); 8] = [
    ("border-left: 0.05em", "line-left"),
    ("border-right: 0.05em", "line-right"),
    ("border-top: 0.05em", "line-top"),
    ("padding-left: 0", "flush-left"),
    ("padding-right: 0", "flush-right"),
    ("width: 100%", "wide"),
    ("width: 50%", "filler"),
    ("width: 7.5%", "filler"),
];

/// Classes that replace HTML elements in text.
const TEXT_CLASSES: [(&str, &str); 3] = [("b", "bold"), ("code", "monospace"), ("i", "italic")];

/// A node of a formula's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "field names say it")]
pub enum MathNode {
    /// A MathML element.
    Element {
        /// From a fixed list.
        name: &'static str,
        /// Names and values, the names from a fixed list.
        attributes: Vec<(&'static str, String)>,
        children: Vec<MathNode>,
    },
    Text {
        text: String,
    },
}

/// An element that is being read. An unlisted element has no name: its children go to its parent.
#[derive(Default)]
struct Open {
    name: Option<&'static str>,
    attributes: Vec<(&'static str, String)>,
    classes: Vec<&'static str>,
    children: Vec<MathNode>,
}

/// Parses the output of `math-core`. Returns `None` if it is not valid MathML.
pub(super) fn read(xml: &str) -> Option<MathNode> {
    let mut reader = Reader::from_str(xml);
    let mut document = Open::default();
    let mut open: Vec<Open> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let element = opened(&start, open.last_mut())?;
                open.push(element);
            }
            Event::Empty(start) => {
                let element = opened(&start, open.last_mut())?;
                close(element, open.last_mut().unwrap_or(&mut document))?;
            }
            Event::End(_) => {
                let element = open.pop()?;
                close(element, open.last_mut().unwrap_or(&mut document))?;
            }
            Event::Text(text) => push_text(open.last_mut()?, &text.xml10_content()),
            Event::GeneralRef(reference) => push_text(open.last_mut()?, &resolved(&reference)?),
            Event::Eof => break,
            _ => return None,
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
    }
    let mut roots = document.children.into_iter();
    let root = roots.next().filter(|_| open.is_empty())?;
    let formula = matches!(&root, MathNode::Element { name: "math", .. });
    (formula && roots.next().is_none()).then_some(root)
}

fn opened(start: &BytesStart<'_>, parent: Option<&mut Open>) -> Option<Open> {
    let written = start.name();
    let written = written.as_ref();
    let Some((name, _)) = ELEMENTS.into_iter().find(|&(name, _)| name == written) else {
        let class = TEXT_CLASSES.into_iter().find(|&(name, _)| name == written);
        if let (Some((_, class)), Some(text)) = (class, parent) {
            text.classes.push(class);
        }
        return Some(Open::default());
    };
    let mut element = Open {
        name: Some(name),
        ..Open::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let written = attribute.key.as_ref();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        if written == "style" {
            value.split(';').for_each(|rule| element.style(rule.trim()));
        } else if let Some(name) = ATTRIBUTES.into_iter().find(|&name| name == written)
            && is_harmless(&value)
        {
            element.attributes.push((name, value.into_owned()));
        }
    }
    Some(element)
}

impl Open {
    fn style(&mut self, rule: &str) {
        match rule.split_once(':') {
            Some(("text-align", side @ (" left" | " right"))) => {
                self.attributes
                    .push(("columnalign", side.trim().to_owned()));
            }
            Some(("color", colour)) if is_harmless(colour) => {
                self.attributes.push(("mathcolor", colour.to_owned()));
            }
            _ => {
                let class = CLASSES
                    .into_iter()
                    .find(|&(style, _)| rule.starts_with(style));
                self.classes.extend(class.map(|(_, class)| class));
            }
        }
    }
}

/// Whether a value has only characters that formulas need.
fn is_harmless(value: &str) -> bool {
    value.len() <= 40
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " #%+-.".contains(c))
}

fn close(mut element: Open, parent: &mut Open) -> Option<()> {
    let Some(name) = element.name else {
        parent.children.append(&mut element.children);
        return Some(());
    };
    if name == "mtable" {
        take_last_line(&mut element);
    }
    // `math-core` draws with empty rows what `menclose` already expresses.
    if name == "mrow" && parent.name == Some("menclose") && element.children.is_empty() {
        return Some(());
    }
    let (_, children) = ELEMENTS.into_iter().find(|&(known, _)| known == name)?;
    if children.is_some_and(|children| children != element.children.len()) {
        return None;
    }
    if !element.classes.is_empty() {
        element
            .attributes
            .push(("class", element.classes.join(" ")));
    }
    parent.children.push(MathNode::Element {
        name,
        attributes: mem::take(&mut element.attributes),
        children: element.children,
    });
    Some(())
}

/// Replaces the line below a table, which `math-core` writes as a row of empty cells with a line above them.
fn take_last_line(table: &mut Open) {
    let is_line = |cell: &MathNode| match cell {
        MathNode::Element {
            attributes,
            children,
            ..
        } => {
            let lined = |(name, value): &(&str, String)| {
                *name == "class" && value.split(' ').any(|class| class == "line-top")
            };
            children.is_empty() && attributes.iter().any(lined)
        }
        MathNode::Text { .. } => false,
    };
    if let [_, .., MathNode::Element { children, .. }] = &*table.children
        && !children.is_empty()
        && children.iter().all(is_line)
    {
        table.children.pop();
        table.classes.push("line-bottom");
    }
}

fn push_text(element: &mut Open, more: &str) {
    let in_token = element.name.is_none_or(|name| TOKENS.contains(&name));
    if !in_token || more.is_empty() {
        return;
    }
    if let Some(MathNode::Text { text }) = element.children.last_mut() {
        text.push_str(more);
    } else {
        element.children.push(MathNode::Text {
            text: more.to_owned(),
        });
    }
}

fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref().ok()? {
        Some(character) => Some(character.to_string()),
        None => resolve_predefined_entity(reference).map(str::to_owned),
    }
}
