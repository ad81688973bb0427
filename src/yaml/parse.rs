//! From bytes to a document, or to everything that is wrong with them.

use super::events::{Form, Shape, shape};
use super::{Document, Key, Kind, Node, Style};
use crate::domain::{Diagnostic, Number, Place};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// How deep lists and maps may lie in one another.
pub const MAX_DEPTH: usize = 64;

/// Reads a whole file, or says why it cannot be read: too large, not UTF-8, NUL, empty, not YAML, too deep.
///
/// What YAML allows and we do not (more than one document, anchors, aliases, tags, merge keys, duplicate keys, keys cut at
/// a comma) does not end the reading: it is among [`Document::problems`], where every [`Reader`](super::Reader) begins.
pub fn parse(file: &Path, bytes: &[u8]) -> Result<Document, Vec<Diagnostic>> {
    let text = decode(file, bytes).map_err(|problem| vec![*problem])?;
    let whole = 0..text.len();
    parse_part(file, &text, whole)
}

/// Reads the part of a text that is YAML, such as the head of a template. All places are places in the whole text.
pub fn parse_part(file: &Path, text: &Arc<str>, part: Range<usize>) -> Result<Document, Vec<Diagnostic>> {
    let source = Source::new(file, text, part);
    if let Some(problem) = source.control_character() {
        return Err(vec![problem]);
    }
    let (shape, mut problems) = shape(&source)?;
    // The other reader would stop at the first of the problems.
    let value = if problems.is_empty() { source.value().map_err(|problem| vec![*problem])? } else { value_of(&shape) };
    let joined = source.join(&shape, &value, &mut problems);
    problems.sort_by_key(|problem| problem.place.span.start);
    match joined {
        Ok(root) => Ok(Document { file: file.to_owned(), text: Arc::clone(text), root, problems }),
        Err(ambiguous) => Err(problems.into_iter().chain([*ambiguous]).collect()),
    }
}

/// The text of a file, once it is known to be a text of bearable size.
fn decode(file: &Path, bytes: &[u8]) -> Result<Arc<str>, Box<Diagnostic>> {
    let place = |text: &str| {
        let span = text.len()..text.len();
        Place { file: file.to_owned(), text: text.into(), span }
    };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than the {MAX_BYTES} that are read", bytes.len());
        return Err(Box::new(Diagnostic::error("too-large", place(""), message).help("split it into several files")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let message = "the file is not in UTF-8: this letter is stored in another way";
        Diagnostic::error("not-utf8", place(valid), message)
            .help("save it as UTF-8; editors ask for the encoding under \"Save as\"")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).into())
}

/// The part of a text that is read as YAML, and the way back from characters to bytes.
pub(super) struct Source<'s> {
    file: &'s Path,
    text: &'s Arc<str>,
    part: Range<usize>,
    /// Where each character of the part begins; `None` when all are one byte long.
    starts: Option<Vec<usize>>,
}

impl<'s> Source<'s> {
    fn new(file: &'s Path, text: &'s Arc<str>, part: Range<usize>) -> Self {
        let yaml = &text[part.clone()];
        let starts = (!yaml.is_ascii()).then(|| yaml.char_indices().map(|(start, _)| part.start + start).collect());
        Self { file, text, part, starts }
    }

    /// The text that is YAML.
    pub(super) fn yaml(&self) -> &'s str {
        &self.text[self.part.clone()]
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: Range<usize>) -> &'s str {
        self.text.get(span).unwrap_or_default()
    }

    /// The rest of the line from that byte on.
    pub(super) fn rest_of_line(&self, from: usize) -> &'s str {
        self.slice(from..self.part.end).lines().next().unwrap_or_default()
    }

    /// The line that holds that byte, and where it begins.
    pub(super) fn line_at(&self, byte: usize) -> (usize, &'s str) {
        let newline = self.text.as_bytes()[..byte].iter().rposition(|byte| *byte == b'\n');
        let start = newline.map_or(0, |newline| newline + 1).max(self.part.start);
        (start, self.rest_of_line(start))
    }

    /// The byte of the whole text at which that character of the YAML begins.
    pub(super) fn byte(&self, character: usize) -> usize {
        match &self.starts {
            Some(starts) => starts.get(character).copied().unwrap_or(self.part.end),
            None => self.part.start.saturating_add(character).min(self.part.end),
        }
    }

    /// The line of that byte, from 1.
    pub(super) fn line_number(&self, byte: usize) -> usize {
        self.text[..byte].matches('\n').count() + 1
    }

    /// The place of a span of the whole text.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place { file: self.file.to_owned(), text: Arc::clone(self.text), span }
    }

    /// An error at a span of the whole text.
    pub(super) fn error(&self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.place(span), message)
    }

    /// The first character that no text has: NUL or another control character.
    fn control_character(&self) -> Option<Diagnostic> {
        let is_control = |character: char| character.is_ascii_control() && !matches!(character, '\t' | '\n' | '\r');
        let (at, character) = self.yaml().char_indices().find(|(_, character)| is_control(*character))?;
        let at = self.part.start + at;
        let (code, message) = match character {
            '\0' => ("nul", "a NUL character".to_owned()),
            other => ("control-character", format!("a control character (U+{:04X})", u32::from(other))),
        };
        let help = "remove it; the file may not be a text file at all";
        Some(self.error(code, at..at + 1, message).help(help))
    }

    /// What `serde_yaml` makes of the text.
    fn value(&self) -> Result<serde_yaml::Value, Box<Diagnostic>> {
        serde_yaml::from_str(self.yaml()).map_err(|error| {
            let at = self.byte(error.location().map_or(0, |location| location.index()));
            let help = "check its indentation, and put a text with special characters in '…'";
            Box::new(self.error("yaml-syntax", at..at, "this line cannot be read").help(help))
        })
    }

    /// Joins what the text means with the places of the event pass.
    fn join(
        &self,
        shape: &Shape,
        value: &serde_yaml::Value,
        problems: &mut Vec<Diagnostic>,
    ) -> Result<Node, Box<Diagnostic>> {
        use serde_yaml::Value;
        let mut refused = shape.refused;
        let kind = match (&shape.form, value) {
            _ if refused => Kind::Null,
            (Form::Scalar(_), Value::Null) => Kind::Null,
            (Form::Scalar(_), Value::Bool(yes)) => Kind::Bool(*yes),
            (Form::Scalar(text), Value::Number(number)) => match self.number(shape, text, number) {
                Ok(number) => Kind::Number(number),
                Err(problem) => {
                    problems.push(*problem);
                    refused = true;
                    Kind::Null
                }
            },
            (Form::Scalar(_), Value::String(text)) => Kind::Text(text.clone()),
            (Form::List(shapes), Value::Sequence(values)) if shapes.len() == values.len() => {
                let items = shapes.iter().zip(values).map(|(shape, value)| self.join(shape, value, problems));
                Kind::List(items.collect::<Result<_, _>>()?)
            }
            (Form::Map(shapes), Value::Mapping(values)) if shapes.len() == values.len() => {
                let entries = shapes.iter().zip(values).map(|((key, shape), (_, value))| {
                    let key = Key { name: key.scalar().to_owned(), span: key.span.clone() };
                    self.join(shape, value, problems).map(|node| (key, node))
                });
                Kind::Map(entries.collect::<Result<_, _>>()?)
            }
            _ => return Err(Box::new(self.ambiguous(shape))),
        };
        Ok(Node { kind, span: shape.span.clone(), style: shape.style, refused, partial: shape.partial })
    }

    fn number(&self, shape: &Shape, text: &str, number: &serde_yaml::Number) -> Result<Number, Box<Diagnostic>> {
        text.parse().or_else(|_| number.to_string().parse()).map_err(|_| {
            let message = format!("the number {text} cannot be used");
            let help = "write a decimal number of at most 32 digits, or put it in quotes if it is a text";
            Box::new(self.error("bad-number", shape.span.clone(), message).help(help))
        })
    }

    fn ambiguous(&self, shape: &Shape) -> Diagnostic {
        self.error("yaml-ambiguous", shape.span.clone(), "two readers of YAML understand this in two ways")
            .help("write it more plainly: quote texts, and put each key on a line of its own")
    }
}

/// What a text means of which only the shape is to be relied on.
fn value_of(shape: &Shape) -> serde_yaml::Value {
    use serde_yaml::Value;
    match &shape.form {
        Form::Scalar(text) if shape.style == Style::Plain => match serde_yaml::from_str(text) {
            Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
            Ok(Value::Null) if text.is_empty() || text == "~" || text.eq_ignore_ascii_case("null") => Value::Null,
            _ => Value::String(text.clone()),
        },
        Form::Scalar(text) => Value::String(text.clone()),
        Form::List(items) => Value::Sequence(items.iter().map(value_of).collect()),
        Form::Map(entries) => Value::Mapping(
            entries.iter().map(|(key, value)| (Value::String(key.scalar().to_owned()), value_of(value))).collect(),
        ),
    }
}

/// Whether a value is written as nothing at all.
pub(super) fn is_absent(shape: &Shape) -> bool {
    shape.style == Style::Plain && matches!(&shape.form, Form::Scalar(text) if text.is_empty())
}
