//! `retaind check`.

use super::Context;
use super::args::OutputArgs;
use super::console::Console;
use super::error::Error;
use super::table::plural;
use crate::domain::Diagnostic;
use crate::http::FailureKind;
use clap::Args;

/// Check settings, schema, rules and templates: all problems, each with its place
///
/// Exits with 78 when the settings or the schema have errors, with 65 when rules or templates have.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Warnings fail the check too (exit 65)
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CheckArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let checked = context.composition.check(&settings);
    let code = match (has_errors(&checked.settings), has_errors(&checked.rules)) {
        (true, _) => FailureKind::Settings.exit_code(),
        (_, true) => FailureKind::Rules.exit_code(),
        _ if args.strict && checked.settings.len() + checked.rules.len() > 0 => FailureKind::Rules.exit_code(),
        _ => 0,
    };
    let diagnostics: Vec<_> = checked.settings.into_iter().chain(checked.rules).collect();
    let counted =
        format!("{}, {}", plural_of(checked.rule_count, "rule"), plural_of(checked.template_count, "template"));
    let verdict = match (diagnostics.is_empty(), code) {
        (true, _) => format!("{counted}: ok"),
        (false, 0) => format!("{counted}: ok, {}", summary(&diagnostics)),
        _ => summary(&diagnostics),
    };
    if args.output.json() {
        context.console.json(&diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>())?;
        context.console.note(&verdict);
    } else {
        let rendered = rendered(&diagnostics, context.console);
        context.console.note(&rendered);
        context.console.answer(&verdict)?;
    }
    Ok(code)
}

/// All of the problems, as a person reads them.
pub(super) fn rendered(diagnostics: &[Diagnostic], _console: &Console) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// `2 errors, 1 warning`.
pub(super) fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    match (errors, warnings) {
        (0, _) => plural_of(warnings, "warning"),
        (_, 0) => plural_of(errors, "error"),
        _ => format!("{}, {}", plural_of(errors, "error"), plural_of(warnings, "warning")),
    }
}

fn plural_of(count: usize, noun: &str) -> String {
    plural(count as u64, noun)
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}
