//! `retaind check`.

use super::Context;
use super::annotations;
use super::composition::Checked;
use super::diagnostics::render;
use super::error::Error;
use super::table::plural;
use crate::domain::Diagnostic;
use crate::http::FailureKind;
use clap::{Args, ValueEnum};

/// Check settings, schema, rules and templates: all problems, each with its place
///
/// Exits with 78 when the settings have errors, with 65 when schema, rules or templates have.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Warnings fail the check too (exit 65)
    #[arg(long)]
    strict: bool,
    /// How the problems are printed
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
}

/// For whom the problems are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For a person: each with its line and what to write
    #[default]
    Table,
    /// For an editor
    Json,
    /// For GitHub, which shows them beside the lines of a pull request
    Github,
}

pub(super) fn run(args: &CheckArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let checked = context.composition.check(&settings);
    let code = exit_code(&checked, args);
    let verdict = verdict(&checked, code);
    match args.format {
        CheckFormat::Json => {
            context.console.json(&checked.diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>())?;
            context.console.note(&verdict);
        }
        CheckFormat::Github => {
            let lines = annotations::lines(&checked.diagnostics);
            if !lines.is_empty() {
                context.console.answer(lines.trim_end())?;
            }
            context.console.note(&verdict);
        }
        CheckFormat::Table => {
            let rendered = render(&checked.diagnostics, context.console.diagnostic_color());
            context.console.note(rendered.trim_end());
            context.console.answer(&verdict)?;
        }
    }
    Ok(code)
}

fn exit_code(checked: &Checked, args: &CheckArgs) -> u8 {
    match (checked.diagnostics.iter().any(Diagnostic::is_error), checked.bad_settings) {
        (true, true) => FailureKind::Settings.exit_code(),
        (true, false) => FailureKind::Rules.exit_code(),
        (false, _) if args.strict && !checked.diagnostics.is_empty() => FailureKind::Rules.exit_code(),
        (false, _) => 0,
    }
}

/// `2 rules, 1 template: ok`, or what is wrong with them.
fn verdict(checked: &Checked, code: u8) -> String {
    let errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = checked.diagnostics.len() - errors;
    let found = match (code, warnings) {
        (0, 0) => "ok".into(),
        (0, _) => format!("ok, {}", counted(warnings, "warning")),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    format!("{}, {}: {found}", counted(checked.rules, "rule"), counted(checked.templates, "template"))
}

fn counted(count: usize, noun: &str) -> String {
    plural(count as u64, noun)
}
