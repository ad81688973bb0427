//! `retaind reload`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::problems::draw;
use super::table::plural;
use crate::http::{Problem, ReloadReport, take_a_restart};
use clap::Args;
use serde::Serialize;

/// Read settings, schema, rules and templates again; with any error the daemon keeps the old ones (exit 65 or 78)
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ReloadArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let report = match reload(context).await {
        Ok(report) => report,
        Err(error) => {
            if args.output.json() {
                tell(&error, context)?;
            }
            return Err(error);
        }
    };
    let drawn = draw(&report.diagnostics, context.console.diagnostic_color());
    if !drawn.is_empty() {
        context.console.note(&format!("{drawn}\n"));
    }
    context.console.print(args.output, &report, shown)?;
    Ok(0)
}

async fn reload(context: &mut Context<'_>) -> Result<ReloadReport, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.act("/v1/reload").await;
    admin.finish(answer).await
}

/// A refusal, for programs.
#[derive(Serialize)]
struct Refused<'r> {
    ok: bool,
    message: &'r str,
    diagnostics: Vec<Problem>,
}

/// Tells programs what a person is told on standard error.
fn tell(error: &Error, context: &mut Context<'_>) -> std::io::Result<()> {
    let (message, diagnostics) = match error {
        Error::Failure(failure) => (failure.message.as_str(), failure.diagnostics.clone()),
        Error::Files(_, found) => ("the files have errors", found.iter().map(Problem::from).collect()),
        Error::Usage(_) | Error::Output(_) | Error::Other(_) => return Ok(()),
    };
    context.console.json(&Refused { ok: false, message, diagnostics })
}

/// What a reload brought, for a person.
pub(super) fn shown(report: &ReloadReport) -> String {
    let counted = format!("reloaded: {}, {}", plural(report.rules, "rule"), plural(report.templates, "template"));
    let changes = [("new", &report.added), ("gone", &report.removed)];
    let changes = changes.into_iter().filter(|(_, names)| !names.is_empty());
    let line = changes.fold(counted, |line, (word, names)| format!("{line}; {word}: {}", names.join(", ")));
    match take_a_restart(&report.restart) {
        Some(rest) => format!("{line}\n{rest}"),
        None => line,
    }
}
