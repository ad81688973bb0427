//! `retaind check`.

use super::Context;
use super::args::OutputArgs;
use super::composition::Checked;
use super::diagnostics::render;
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
    let code = exit_code(&checked, args);
    let verdict = verdict(&checked, code);
    let diagnostics: Vec<_> = checked.settings.into_iter().chain(checked.rules).collect();
    if args.output.json() {
        context.console.json(&diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>())?;
        context.console.note(&verdict);
    } else {
        let rendered = render(&diagnostics, context.console.diagnostic_color());
        context.console.note(rendered.trim_end());
        context.console.answer(&verdict)?;
    }
    Ok(code)
}

fn exit_code(checked: &Checked, args: &CheckArgs) -> u8 {
    let warned = !checked.settings.is_empty() || !checked.rules.is_empty();
    match (errors(&checked.settings), errors(&checked.rules)) {
        (0, 0) if args.strict && warned => FailureKind::Rules.exit_code(),
        (0, 0) => 0,
        (0, _) => FailureKind::Rules.exit_code(),
        _ => FailureKind::Settings.exit_code(),
    }
}

/// `2 rules, 1 template: ok`, or what is wrong with them.
fn verdict(checked: &Checked, code: u8) -> String {
    let errors = errors(&checked.settings) + errors(&checked.rules);
    let warnings = checked.settings.len() + checked.rules.len() - errors;
    let found = match (code, warnings) {
        (0, 0) => "ok".into(),
        (0, _) => format!("ok, {}", counted(warnings, "warning")),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    format!("{}, {}: {found}", counted(checked.rule_count, "rule"), counted(checked.template_count, "template"))
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count()
}

fn counted(count: usize, noun: &str) -> String {
    plural(count as u64, noun)
}
