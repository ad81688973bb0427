//! A problem in a file that a person wrote, with its place and what to do.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but is likely not what was meant.
    Warning,
}

/// Where a problem is: a span of bytes in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user would name it.
    pub file: PathBuf,
    /// The file's text, if it could be read.
    pub text: Arc<str>,
    /// Bytes of `text`.
    pub span: Range<usize>,
}

impl Place {
    /// Line and column, from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let start = (0..=self.span.start.min(self.text.len()))
            .rev()
            .find(|index| self.text.is_char_boundary(*index))
            .unwrap_or(0);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Line and column of the end, from 1; the column is the one behind the last character.
    #[must_use]
    pub fn end_line_column(&self) -> (usize, usize) {
        Self { span: self.span.end..self.span.end, ..self.clone() }.line_column()
    }

    fn to_json(&self) -> serde_json::Value {
        let ((line, column), (end_line, end_column)) = (self.line_column(), self.end_line_column());
        serde_json::json!({
            "file": self.file.display().to_string(), "line": line, "column": column,
            "end_line": end_line, "end_column": end_column,
        })
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable short name of the kind of problem, such as `unknown-key`.
    pub code: &'static str,
    /// Where it is.
    pub place: Place,
    /// The cause in plain words, without a full stop.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
    /// Other places that belong to it, each with a few words: where the first of two stands.
    pub also: Vec<(Place, String)>,
}

impl Diagnostic {
    /// An error without help.
    #[must_use]
    pub fn error(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, place, message: message.into(), help: None, also: Vec::new() }
    }

    /// A warning without help.
    #[must_use]
    pub fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn also(mut self, place: Place, words: impl Into<String>) -> Self {
        self.also.push((place, words.into()));
        self
    }

    /// Whether it makes the file unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As JSON for editors and annotations: `file line column end_line end_column severity code message help also`, where
    /// `also` lists places, each with its `message`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let also = |(place, words): &(Place, String)| {
            let mut also = place.to_json();
            also["message"] = words.as_str().into();
            also
        };
        let mut json = self.place.to_json();
        json["severity"] = serde_json::json!(self.severity);
        json["code"] = self.code.into();
        json["message"] = self.message.as_str().into();
        json["help"] = self.help.as_deref().into();
        json["also"] = self.also.iter().map(also).collect();
        json
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: error[code]: message; help: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place.line_column();
        let severity = if self.is_error() { "error" } else { "warning" };
        write!(f, "{}:{line}:{column}: {severity}[{}]: {}", self.place.file.display(), self.code, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; help: {help}"))
    }
}

/// The one of `known` that `word` was most likely meant to be, if any is near.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Why a file is not read that has more bytes than any file needs.
pub const LARGER_THAN_READ: &str = "it is larger than 1 MiB";

/// Why a file is not read whose name is no text.
pub const NAME_NOT_UTF8: &str = "its name is not stored as UTF-8";

/// What to do about a file that cannot be read, by why it cannot.
#[must_use]
pub fn readable(why: &str) -> &'static str {
    match why {
        LARGER_THAN_READ => "a file has at most 1 MiB: split it into several, or remove it",
        NAME_NOT_UTF8 => "rename it with letters, digits and hyphens, or remove it",
        _ => "write it as a plain file that the daemon's user may read, or remove it",
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Place, nearest};

    #[test]
    fn columns_count_characters_and_lines_from_one() {
        let text: std::sync::Arc<str> = "ab\nčd: x\n".into();
        let start = text.find('x').unwrap();
        let place = Place { file: "rules/a.yaml".into(), text, span: start..start + 1 };
        assert_eq!(place.line_column(), (2, 5));
        let diagnostic = Diagnostic::error("unknown-key", place, "no key `x`").help("write `y`");
        assert_eq!(diagnostic.to_string(), "rules/a.yaml:2:5: error[unknown-key]: no key `x`; help: write `y`");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("prioritty", ["priority", "topic"]), Some("priority"));
        assert_eq!(nearest("Order Complete", ["Order Completed"]), Some("Order Completed"));
        assert_eq!(nearest("zzz", ["priority", "topic"]), None);
    }
}
