//! Why a command did not succeed, and how that is told.

use super::composition::Refusal;
use super::console::Console;
use super::diagnostics::render;
use super::problems::draw;
use crate::domain::Diagnostic;
use crate::http::{Failure, FailureKind};
use std::io;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Error {
    /// The files that a person wrote have errors.
    Files(FailureKind, Vec<Diagnostic>),
    /// An operation failed.
    Failure(Failure),
    /// The arguments make no sense together.
    Usage(String),
    /// Standard output or a file of ours could not be written.
    Output(io::Error),
    /// Anything else.
    Other(anyhow::Error),
}

impl Error {
    /// The same in one line.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Files(..) => "the files have errors".to_owned(),
            Self::Failure(failure) => with_causes(&failure.message, failure.causes.iter().map(String::as_str)),
            Self::Usage(message) => message.clone(),
            Self::Output(error) => error.to_string(),
            Self::Other(error) => format!("{error:#}"),
        }
    }

    /// Tells a person, and answers the exit code.
    pub(super) fn tell(self, console: &mut Console) -> u8 {
        match self {
            Self::Files(kind, diagnostics) => {
                let rendered = render(&diagnostics, console.diagnostic_color());
                console.note(rendered.trim_end());
                kind.exit_code()
            }
            Self::Failure(failure) => {
                let drawn = draw(&failure.diagnostics, console.diagnostic_color());
                if !drawn.is_empty() {
                    console.note(&format!("{drawn}\n"));
                }
                console.error(&with_causes(&failure.message, failure.causes.iter().map(String::as_str)));
                failure.kind.exit_code()
            }
            Self::Usage(message) => {
                console.error(&message);
                2
            }
            // Whoever reads has read enough (`retaind deliveries list | head`).
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(error) => {
                console.error(&format!("cannot write: {error}"));
                1
            }
            Self::Other(error) => {
                console.error(&format!("{error:#}"));
                1
            }
        }
    }
}

/// An error and its causes as one line: `cannot read x: permission denied`.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

fn with_causes<'c>(message: &str, causes: impl Iterator<Item = &'c str>) -> String {
    causes.fold(message.to_owned(), |line, cause| format!("{line}: {cause}"))
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Files { kind, diagnostics } => Self::Files(kind, diagnostics),
            Refusal::Failure(failure) => Self::Failure(failure),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
