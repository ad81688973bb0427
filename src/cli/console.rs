//! Standard output for answers, standard error for everything else.

use super::args::OutputArgs;
use super::diagnostics;
use super::table::visible;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where a command writes.
pub(super) struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    interactive: bool,
    colored: bool,
    width: usize,
}

/// How wide an answer is that no terminal shows.
const WIDTH: usize = 80;

impl Console {
    /// This process's own.
    pub(super) fn standard(color: Color) -> Self {
        let interactive = io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colored = match color {
            Color::Auto => interactive && !plain,
            Color::Always => true,
            Color::Never => false,
        };
        let window = rustix::termios::tcgetwinsize(io::stdout()).ok();
        let width = window.map(|window| usize::from(window.ws_col)).filter(|width| *width > 0).unwrap_or(WIDTH);
        let (out, err) = (Box::new(io::BufWriter::new(io::stdout())), Box::new(io::stderr()));
        Self { out, err, interactive, colored, width }
    }

    /// One that tests can read.
    #[cfg(test)]
    pub(super) fn captured(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self { out, err, interactive: false, colored: false, width: WIDTH }
    }

    /// Whether a person sits before standard error.
    pub(super) fn interactive(&self) -> bool {
        self.interactive
    }

    /// How many characters the terminal of the answer has in a line.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Whether standard error takes colours.
    pub(super) fn colored(&self) -> bool {
        self.colored
    }

    /// How diagnostics are rendered on standard error.
    pub(super) fn diagnostic_color(&self) -> diagnostics::Color {
        if self.colored { diagnostics::Color::Ansi } else { diagnostics::Color::Never }
    }

    /// Part of the answer, a line break behind it.
    pub(super) fn answer(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// The answer as JSON.
    pub(super) fn json(&mut self, answer: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, answer)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// The answer, as JSON or as `shown` shows it to a person.
    pub(super) fn print<T: Serialize>(
        &mut self,
        output: OutputArgs,
        answer: &T,
        shown: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if output.json() { self.json(answer) } else { self.answer(&shown(answer)) }
    }

    /// The bare standard output, for answers that are written bit by bit. Whoever uses it flushes it.
    pub(super) fn out(&mut self) -> &mut dyn Write {
        &mut *self.out
    }

    /// A line for a person. When standard error is closed there is nobody to tell.
    pub(super) fn note(&mut self, text: &str) {
        if !text.is_empty() {
            self.tell(text);
        }
    }

    /// What went wrong.
    pub(super) fn error(&mut self, text: &str) {
        let mark = if self.colored { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        self.tell(&format!("{mark}: {}", visible(text)));
    }

    /// What is likely not as it was meant.
    pub(super) fn warning(&mut self, text: &str) {
        let mark = if self.colored { "\u{1b}[1;33mwarning\u{1b}[0m" } else { "warning" };
        self.tell(&format!("{mark}: {}", visible(text)));
    }

    fn tell(&mut self, line: &str) {
        // There is no place left to report to.
        drop(writeln!(self.err, "{line}"));
    }
}
