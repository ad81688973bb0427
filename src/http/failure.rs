//! Why an operation did not succeed, for people and for programs.

use crate::domain::{Diagnostic, Place};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// What sort of failure it is; decides the HTTP status and the exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The question itself makes no sense. 400, exit 2.
    Invalid,
    /// The token is missing or wrong. 401, exit 1.
    Unauthorized,
    /// What was named does not exist. 404, exit 1.
    NotFound,
    /// It is not possible in the present state, such as a delivery that was sent already. 409, exit 1.
    Conflict,
    /// The question is larger than is read. 413, exit 2.
    TooLarge,
    /// Rules or templates have errors; the diagnostics say which. 422, exit 65.
    Rules,
    /// Settings or the schema have errors; the diagnostics say which. 422, exit 78.
    Settings,
    /// The store cannot be opened, read or written. 503, exit 74.
    Store,
    /// Not now: starting, stopping, or no space left. 503, exit 1.
    Unavailable,
    /// Anything else. 500, exit 1.
    Internal,
}

impl FailureKind {
    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Rules | Self::Settings => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The exit code of a command that meets it: 1 failed, 2 usage, 65 bad rules or templates, 74 store, 78 settings.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid | Self::TooLarge => 2,
            Self::Rules => 65,
            Self::Store => 74,
            Self::Settings => 78,
            Self::Unauthorized | Self::NotFound | Self::Conflict | Self::Unavailable | Self::Internal => 1,
        }
    }
}

/// The longest line, in bytes, that goes over the wire: nobody reads a longer one, and a file may be one line.
const LONGEST_LINE: usize = 500;

/// A diagnostic as it goes over the wire: places as lines and columns, of the file's text only the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as the user would name it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end, exclusive.
    pub end_column: usize,
    /// `error` or `warning`.
    pub severity: String,
    /// Stable short name of the kind of problem.
    pub code: String,
    /// The cause in plain words.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
    /// The line itself, so that whoever has not the file can show where in it the fault is; absent when the file could not
    /// be read and when the line is longer than 500 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_text: Option<String>,
    /// Other places that belong to it, such as where the first of two stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<OtherPlace>,
}

/// A place that a problem names besides its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPlace {
    /// The file, as the user would name it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the end, exclusive.
    pub end_column: usize,
    /// What it has to do with the problem, in a few words.
    pub message: String,
    /// The line itself, as [`Problem::line_text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_text: Option<String>,
}

impl Problem {
    /// The other places that belong to it, to be written behind its message: `; the first: rules/a.yaml:1:1`.
    #[must_use]
    pub fn other_places(&self) -> String {
        let place = |OtherPlace { message, file, line, column, .. }: &OtherPlace| {
            format!("; {message}: {file}:{line}:{column}")
        };
        self.also.iter().map(place).collect()
    }

    /// Without the lines of that file, which may hold what must not be shown.
    #[must_use]
    pub fn without_lines_of(mut self, file: &str) -> Self {
        if self.file == file {
            self.line_text = None;
        }
        for other in self.also.iter_mut().filter(|other| other.file == file) {
            other.line_text = None;
        }
        self
    }

    /// Whether it makes the file unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Its place, as `file:line:column`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        let (line, column) = diagnostic.place.line_column();
        let (end_line, end_column) = diagnostic.place.end_line_column();
        Self {
            file: diagnostic.place.file.display().to_string(),
            line,
            column,
            end_line,
            end_column,
            severity: if diagnostic.is_error() { "error" } else { "warning" }.into(),
            code: diagnostic.code.into(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            line_text: line_of(&diagnostic.place),
            also: diagnostic.also.iter().map(|(place, words)| OtherPlace::new(place, words)).collect(),
        }
    }
}

impl OtherPlace {
    fn new(place: &Place, message: &str) -> Self {
        let (line, column) = place.line_column();
        let (end_line, end_column) = place.end_line_column();
        Self {
            file: place.file.display().to_string(),
            line,
            column,
            end_line,
            end_column,
            message: message.to_owned(),
            line_text: line_of(place),
        }
    }
}

/// The line that a place begins in.
fn line_of(place: &Place) -> Option<String> {
    if place.text.is_empty() {
        return None;
    }
    let (line, _) = place.line_column();
    let text = place.text.split('\n').nth(line - 1)?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    (text.len() <= LONGEST_LINE).then(|| text.to_owned())
}

impl std::fmt::Display for Problem {
    /// One line, as [`Diagnostic`] shows itself, with the other places.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, column, severity, code, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}{}", self.other_places())?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; help: {help}"))
    }
}

/// Why an operation did not succeed. On the wire `{"error": {"kind", "message", "causes", "diagnostics"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// What happened, in plain words, without a full stop.
    pub message: String,
    /// What lay behind it, the nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Problems in files, if they are the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Problem>,
}

impl Failure {
    /// A failure without causes.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), diagnostics: Vec::new() }
    }

    /// What was named does not exist: `no customer "42"`.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(FailureKind::NotFound, format!("no {what} {name:?}"))
    }

    /// A failure that says what `error` says, with all of its sources as causes.
    #[must_use]
    pub fn from_error(kind: FailureKind, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut failure = Self::new(kind, error.to_string());
        failure.push_causes(error.source());
        failure
    }

    /// With `error` and all of its sources as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        self.push_causes(Some(error));
        self
    }

    /// With the problems that are the reason.
    #[must_use]
    pub fn with(mut self, diagnostics: &[Diagnostic]) -> Self {
        self.diagnostics.extend(diagnostics.iter().map(Problem::from));
        self
    }

    fn push_causes(&mut self, first: Option<&(dyn std::error::Error + 'static)>) {
        self.causes.extend(std::iter::successors(first, |error| error.source()).map(ToString::to_string));
    }
}

/// How a failure stands on the wire.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The failure.
    pub(super) error: Failure,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.kind.status(), Json(Envelope { error: self })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Place, Problem};

    #[test]
    fn the_other_places_of_a_problem_go_over_the_wire() {
        let place = |span| Place { file: "rules/a.yaml".into(), text: "rule: a\nrule: b\n".into(), span };
        let found = Diagnostic::error("duplicate-key", place(8..12), "`rule` stands twice").help("keep one");
        let alone = serde_json::to_value(Problem::from(&found)).unwrap();
        assert_eq!(alone.get("also"), None);
        let problem = Problem::from(&found.also(place(0..4), "the first"));
        assert_eq!(
            problem.to_string(),
            "rules/a.yaml:2:1: error[duplicate-key]: `rule` stands twice; the first: rules/a.yaml:1:1; help: keep one"
        );
        let json = serde_json::to_value(&problem).unwrap();
        let also = serde_json::json!([{
            "file": "rules/a.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 5, "message": "the first",
            "line_text": "rule: a",
        }]);
        assert_eq!(json["also"], also);
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
        assert_eq!(serde_json::from_value::<Problem>(alone).unwrap().also, []);
    }
}
