//! The text of a YAML file as a tree in which everything knows its place.
//!
//! What it is for: one strict reading of every file that a person writes, and one reader that collects all problems of
//! a file, each with its place and its cure.
//! Invariants: pure (text in, tree or problems out); `serde_yaml` says what a value means, the event pass says where it
//! stands, and where the two disagree the file is refused; a hostile file costs no more than its own length: 1 MiB, depth 64,
//! and no anchors to expand; a problem never hides the others that can still be seen.
//! Deliberately not here: which keys a file may have (`rules/`, `config/`, `templates/`), and how a problem is printed.

mod broken;
mod events;
mod exclamation;
mod item;
mod parse;
mod reader;
mod walk;

#[cfg(test)]
mod tests;

pub use parse::{MAX_BYTES, MAX_DEPTH, parse, parse_part};
#[cfg(test)]
pub(crate) use reader::{Asked, recorded};
pub use reader::{Item, Map, Reader};

use crate::domain::{Diagnostic, Number, Place};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A file that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The file, as the user would name it.
    pub file: PathBuf,
    /// Its whole text, without a byte order mark.
    pub text: Arc<str>,
    /// What stands in it.
    pub root: Node,
    problems: Vec<Diagnostic>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Bytes of [`Document::text`]; quotes belong to it, the header and indentation of a block do not.
    pub span: Range<usize>,
    style: Style,
    refused: bool,
    partial: bool,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`; not `yes`, `no`, `on` or `off`, which are texts.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file; no name occurs twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name as written, without quotes: `on`, `true` and `5` are names like any other.
    pub name: String,
    /// Bytes of [`Document::text`].
    pub span: Range<usize>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A text, number or word without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// `[…]` or `{…}`
    Flow,
    /// A list or map of indented lines.
    Block,
}

impl Default for Document {
    /// An empty file without a name.
    fn default() -> Self {
        Self { file: PathBuf::new(), text: "".into(), root: Node::empty_map(0), problems: Vec::new() }
    }
}

impl Node {
    /// A map without keys, for what is left out and would stand at that byte.
    #[must_use]
    pub const fn empty_map(at: usize) -> Self {
        Self { kind: Kind::Map(Vec::new()), span: at..at, style: Style::Flow, refused: false, partial: false }
    }

    /// Whether what stands here was refused already; its value is [`Kind::Null`], and nothing more is to be said of it.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether this is a map of which keys may be missing only because a merge was refused.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.partial
    }

    /// How it is written.
    #[must_use]
    pub const fn style(&self) -> Style {
        self.style
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// The value under that name, if this is a map that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// What kind of value it is, with its article, for messages.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "empty",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

impl Document {
    /// What YAML allows and we do not, in the order of the file. All of it is an error.
    #[must_use]
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// The place of a span of this document's text.
    #[must_use]
    pub fn place(&self, span: Range<usize>) -> Place {
        Place { file: self.file.clone(), text: Arc::clone(&self.text), span }
    }

    /// The place of some bytes of a text's value, found again in the file through quotes, escapes, folded lines and
    /// indentation. For what is no text, or bytes beyond its end, the place of the whole value.
    #[must_use]
    pub fn place_within(&self, node: &Node, range_in_scalar: Range<usize>) -> Place {
        self.place(walk::locate(&self.text, node, range_in_scalar).unwrap_or_else(|| node.span.clone()))
    }
}
