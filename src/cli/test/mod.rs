//! `retaind test`.

use super::Context;
use super::diagnostics::render;
use super::error::Error;
use super::table::visible;
use crate::app::Tested;
use crate::domain::Diagnostic;
use crate::http::FailureKind;
use crate::stories::{Case, Failure, Report};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

mod junit;

/// Run the tests of rules: what becomes of one customer, on a simulated clock
///
/// Needs no store and no daemon. Exits with 1 when a test fails, with 65 when rules, templates or tests have errors.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Files of tests [default: all rules/*.test.yaml]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

/// How what came of tests is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people: each failure, and a last line that counts.
    Table,
    /// For programs.
    Json,
    /// For continuous integration: the XML of `JUnit`.
    Junit,
}

pub(super) fn run(args: &TestArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let tested = context.composition.test(&settings, &args.files);
    let Some(report) = &tested.report else {
        match args.format {
            Form::Table => {}
            Form::Json => context.console.json(&as_json(&Report::default(), &tested.diagnostics))?,
            Form::Junit => context.console.answer(&junit::of_broken(&tested.diagnostics))?,
        }
        let rendered = render(&tested.diagnostics, context.console.diagnostic_color());
        context.console.note(rendered.trim_end());
        return Ok(broken(&tested).exit_code());
    };
    if !tested.diagnostics.is_empty() {
        let rendered = render(&tested.diagnostics, context.console.diagnostic_color());
        context.console.note(rendered.trim_end());
    }
    match args.format {
        Form::Table => context.console.answer(&as_text(report))?,
        Form::Json => context.console.json(&as_json(report, &tested.diagnostics))?,
        Form::Junit => context.console.answer(&junit::xml(report))?,
    }
    if args.format != Form::Table {
        context.console.note(&verdict(report));
    }
    if tested.files == 0 {
        context.console.note("no tests: there is no file rules/*.test.yaml");
    }
    Ok(u8::from(report.failed() > 0))
}

fn broken(tested: &Tested) -> FailureKind {
    if tested.bad_settings { FailureKind::Settings } else { FailureKind::Rules }
}

/// `12 passed, 1 failed`.
fn verdict(report: &Report) -> String {
    format!("{} passed, {} failed", report.passed(), report.failed())
}

/// The file of a case and where in it.
fn place(case: &Case) -> String {
    format!("{}:{}", case.place.file.display(), case.place.line_column().0)
}

/// Each case that failed, what was expected beside what was got, and a last line that counts.
fn as_text(report: &Report) -> String {
    let mut text = String::new();
    for case in report.cases.iter().filter(|case| !case.failures.is_empty()) {
        // Writing to a string cannot fail.
        writeln!(text, "FAILED {}  {}", place(case), visible(&name(case))).ok();
        text.push_str(&details(case));
        text.push('\n');
    }
    text.push_str(&verdict(report));
    text
}

fn name(case: &Case) -> String {
    match &case.row {
        Some(row) => format!("{} · {row}", case.test),
        None => case.test.clone(),
    }
}

/// The failures of a case, expected and got side by side.
fn details(case: &Case) -> String {
    let mut text = String::new();
    let width = case.failures.iter().map(|failure| failure.expected.chars().count()).max().unwrap_or_default();
    for failure in &case.failures {
        let Failure { expected, got, notes, day, place } = failure;
        writeln!(text, "  line {}, {day}", place.line_column().0).ok();
        writeln!(text, "    expected  {:width$}    got  {}", visible(expected), visible(got)).ok();
        for note in notes {
            writeln!(text, "      {}", visible(note)).ok();
        }
    }
    text
}

fn as_json(report: &Report, diagnostics: &[Diagnostic]) -> Value {
    let failure = |failure: &Failure| {
        json!({
            "file": failure.place.file.display().to_string(), "line": failure.place.line_column().0,
            "day": failure.day, "expected": failure.expected, "got": failure.got, "notes": failure.notes,
        })
    };
    let case = |case: &Case| {
        json!({
            "file": case.place.file.display().to_string(), "line": case.place.line_column().0,
            "test": case.test, "row": case.row, "passed": case.failures.is_empty(),
            "failures": case.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    };
    json!({
        "passed": report.passed(), "failed": report.failed(),
        "tests": report.cases.iter().map(case).collect::<Vec<_>>(),
        "diagnostics": diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
    })
}
