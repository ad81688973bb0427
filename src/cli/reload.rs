//! `retaind reload`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::table::plural;
use crate::http::ReloadReport;
use clap::Args;

/// Read settings, schema, rules and templates again; with any error the daemon keeps the old ones (exit 65 or 78)
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ReloadArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.act("/v1/reload").await;
    let report: ReloadReport = admin.finish(answer).await?;
    for warning in &report.diagnostics {
        context.console.note(&warning.to_string());
    }
    context.console.print(args.output, &report, shown)?;
    Ok(0)
}

/// What a reload brought, for a person.
pub(super) fn shown(report: &ReloadReport) -> String {
    let counted = format!("reloaded: {}, {}", plural(report.rules, "rule"), plural(report.templates, "template"));
    let changes = [("new", &report.added), ("gone", &report.removed)];
    let changes = changes.into_iter().filter(|(_, names)| !names.is_empty());
    changes.fold(counted, |line, (word, names)| format!("{line}; {word}: {}", names.join(", ")))
}
