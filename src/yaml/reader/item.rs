//! One value, read as the type that is wanted.

use super::{Map, Reader};
use crate::domain::{Diagnostic, Number, Place, Span, nearest};
use crate::yaml::{Key, Kind, Node};
use jiff::civil;
use std::fmt::Write as _;
use std::ops::Range;
use std::str::FromStr;

/// A value on its way to its type. Each getter answers `None` after it has noted what is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Item<'r> {
    reader: &'r Reader<'r>,
    node: &'r Node,
    name: &'r str,
    key: Option<&'r Range<usize>>,
}

impl<'r> Item<'r> {
    pub(super) const fn new(
        reader: &'r Reader<'r>,
        node: &'r Node,
        name: &'r str,
        key: Option<&'r Range<usize>>,
    ) -> Self {
        Self { reader, node, name, key }
    }

    /// The value as it is.
    #[must_use]
    pub const fn node(self) -> &'r Node {
        self.node
    }

    /// The name it is called by in messages: its key, or that of the list it stands in.
    #[must_use]
    pub const fn name(self) -> &'r str {
        self.name
    }

    /// Who reads it.
    #[must_use]
    pub const fn reader(self) -> &'r Reader<'r> {
        self.reader
    }

    /// Where it stands; its key where there is nothing to show of itself.
    #[must_use]
    pub fn place(self) -> Place {
        let span = match self.key {
            Some(key) if self.node.span.is_empty() => key.clone(),
            _ => self.node.span.clone(),
        };
        self.reader.document().place(span)
    }

    /// Where its key stands, or it itself if it has none.
    #[must_use]
    pub fn key_place(self) -> Place {
        self.key.map_or_else(|| self.place(), |key| self.reader.document().place(key.clone()))
    }

    /// Notes an error at this value.
    pub fn error(self, code: &'static str, message: impl Into<String>) {
        self.tell(Diagnostic::error(code, self.place(), message));
    }

    /// Notes an error at this value, and what to do.
    pub fn error_with_help(self, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.tell(Diagnostic::error(code, self.place(), message).help(help));
    }

    /// Notes a problem of this value, unless the value was refused already.
    fn tell(self, problem: Diagnostic) {
        if !self.node.is_refused() {
            self.reader.report(problem);
        }
    }

    /// The value as it stands in the file.
    #[must_use]
    pub fn written(self) -> &'r str {
        &self.reader.document().text[self.node.span.clone()]
    }

    fn wrong<T>(self, wanted: &str, help: Option<String>) -> Option<T> {
        let message = match &self.node.kind {
            Kind::Null => format!("`{}` is empty, it must be {wanted}", self.name),
            _ => format!("`{}` must be {wanted}, not {}", self.name, self.node.noun()),
        };
        let code = if self.node.kind == Kind::Null { "empty-value" } else { "wrong-type" };
        let help = help.unwrap_or_else(|| how(wanted));
        self.tell(Diagnostic::error(code, self.place(), message).help(help));
        None
    }

    /// A text that is not empty.
    #[must_use]
    pub fn text(self) -> Option<&'r str> {
        match &self.node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.error_with_help(
                    "empty-value",
                    format!("`{}` is empty", self.name),
                    "write a text, or remove the key",
                );
                None
            }
            Kind::Text(text) => {
                // Elsewhere a text may well have a line that begins with a dash.
                let joined = if self.key.is_none() { self.joined() } else { Vec::new() };
                self.tell_joined(&joined);
                joined.is_empty().then_some(text.as_str())
            }
            Kind::Bool(_) | Kind::Number(_) => {
                self.wrong("a text", Some(format!("put it in quotes: \"{}\"", self.written())))
            }
            _ => self.wrong("a text", None),
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match &self.node.kind {
            Kind::Bool(yes) => Some(*yes),
            Kind::Text(_) => self.wrong("true or false", Some("write true or false, without quotes".into())),
            _ => self.wrong("true or false", None),
        }
    }

    /// A number.
    #[must_use]
    pub fn number(self) -> Option<Number> {
        match &self.node.kind {
            Kind::Number(number) => Some(*number),
            _ => self.wrong("a number", self.unquoted()),
        }
    }

    /// A whole number that may be negative.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        match &self.node.kind {
            Kind::Number(number) => number.to_i64().or_else(|| {
                let help = "write digits alone, without a fraction, such as 5";
                self.error_with_help("bad-number", format!("`{}` must be a whole number", self.name), help);
                None
            }),
            _ => self.wrong("a whole number", self.unquoted()),
        }
    }

    /// A whole number from 0 up.
    #[must_use]
    pub fn whole(self) -> Option<u64> {
        let integer = self.integer()?;
        u64::try_from(integer)
            .map_err(|_| {
                self.error_with_help("bad-number", format!("`{}` must not be negative", self.name), "write 0 or more");
            })
            .ok()
    }

    fn unquoted(self) -> Option<String> {
        let number: Number = self.node.as_text()?.trim().parse().ok()?;
        Some(format!("write it without quotes: {number}"))
    }

    /// A time of the day such as `09:00`.
    #[must_use]
    pub fn time_of_day(self) -> Option<civil::Time> {
        let text = self.text()?;
        let part = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2 && !part.starts_with(['-', '+']));
        let time = text.split_once(':').and_then(|(hour, minute)| {
            let (hour, minute) = (part(hour)?, part(minute)?);
            civil::Time::new(hour, minute, 0, 0).ok()
        });
        if time.is_none() {
            self.error_with_help("bad-value", format!("`{text}` is no time of the day"), "write it like \"09:00\"");
        }
        time
    }

    /// A span such as `30m`, `24h`, `180d` or `2w`.
    #[must_use]
    pub fn span(self) -> Option<Span> {
        match &self.node.kind {
            Kind::Text(text) => match text.trim().parse() {
                Ok(span) => Some(span),
                Err(error) => {
                    let told = error.to_string();
                    let (what, help) = told.split_once(": ").unwrap_or((&told, "write a unit with it, such as 180d"));
                    self.error_with_help("bad-span", format!("`{text}` is {what}"), help);
                    None
                }
            },
            Kind::Number(number) => {
                let help = format!("write the unit with it, such as {number}d");
                self.error_with_help("wrong-type", format!("`{}` must be a number with a unit", self.name), help);
                None
            }
            _ => self.wrong("a number with a unit, such as 180d", None),
        }
    }

    /// One of the known words.
    #[must_use]
    pub fn word<T: Copy>(self, known: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words = || known.iter().map(|(word, _)| *word);
            self.unknown("unknown-word", &format!("`{text}` is no value of `{}`", self.name), text, words());
        }
        found
    }

    /// Notes that `word` is none of the `known` ones, and which was likely meant, or which there are.
    pub fn unknown<'k>(
        self,
        code: &'static str,
        message: &str,
        word: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        self.error_with_help(code, message, suggestion(word, known));
    }

    /// A text that spells a `T`; `wanted` says what that is, `help` how to write it.
    #[must_use]
    pub fn parsed<T: FromStr>(self, wanted: &str, help: &str) -> Option<T> {
        let text = match &self.node.kind {
            Kind::Bool(_) | Kind::Number(_) => self.written(),
            _ => self.text()?,
        };
        let parsed = text.trim().parse().ok();
        if parsed.is_none() {
            self.error_with_help("bad-value", format!("`{text}` is no {wanted}"), help);
        }
        parsed
    }

    /// The items of a list, without those that were refused; `None` when that leaves nothing.
    #[must_use]
    pub fn list(self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::List(items) if !items.is_empty() && items.iter().all(Node::is_refused) => None,
            Kind::List(items) => {
                let sound = items.iter().filter(|node| !node.is_refused());
                Some(sound.map(|node| Self { node, key: None, ..self }).collect())
            }
            Kind::Text(_) | Kind::Number(_) => self.wrong("a list", Some("put it in [ ]".into())),
            _ => self.wrong("a list", None),
        }
    }

    /// The items of a list, or the one value that stands in its stead.
    #[must_use]
    pub fn one_or_more(self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::List(_) => self.list(),
            Kind::Null => self.wrong("a value or a list", None),
            _ => Some(vec![self]),
        }
    }

    /// A map whose keys are known beforehand.
    #[must_use]
    pub fn map(self) -> Option<Map<'r>> {
        self.pairs().map(|_| Map::new(self))
    }

    /// A map whose keys the user chooses.
    #[must_use]
    pub fn pairs(self) -> Option<Vec<(&'r Key, Self)>> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let item =
                    |(key, node): &'r (Key, Node)| (key, Self { node, key: Some(&key.span), name: &key.name, ..self });
                Some(entries.iter().map(item).collect())
            }
            _ => self.wrong("a map of keys and values", None),
        }
    }

    /// Whether it is written as nothing, or as `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.node.kind == Kind::Null
    }
}

/// How to write a value of a kind.
fn how(wanted: &str) -> String {
    match wanted {
        "true or false" => "write true or false, without quotes",
        "a number" => "write a number without quotes, such as 5",
        "a whole number" => "write digits alone, such as 5",
        "a number with a unit, such as 180d" => "write a whole number and a unit, such as 30m, 24h, 180d or 2w",
        "a list" => "write a list: [a, b]",
        "a map of keys and values" => "write a map: {key: value}",
        other => return format!("write {other}"),
    }
    .to_owned()
}

/// What to write instead of an unknown word: the nearest of the known ones, or all of them.
pub(super) fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut text = String::new();
    for (index, name) in known.take(25).enumerate() {
        let separator = if index == 0 { "known here: " } else { ", " };
        // Writing to a string cannot fail.
        write!(text, "{separator}{name}").ok();
    }
    if text.is_empty() { "none is known here".into() } else { text }
}
