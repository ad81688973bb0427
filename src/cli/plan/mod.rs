//! `retaind plan`.

mod files;
mod markdown;
mod shown;

use super::Context;
use super::admin::Admin;
use super::args::when;
use super::composition::StoreAccess;
use super::diagnostics::render;
use super::error::Error;
use crate::http::{FailureKind, PlanReport, PlanRequest, When};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Whom each rule would reach if its trigger fired now, and who would be held and why; sends nothing
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// If it fired at this instant: RFC 3339, or a date for the start of that day in the business's time zone; may lie in
    /// the past or the future
    #[arg(long, value_name = "TIME", value_parser = when)]
    at: Option<When>,
    /// Only this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// With the rules of this folder, which are not in use yet, and how they differ from the live ones; templates/ and
    /// schema.yaml beside them are taken, too
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Name the customers
    #[arg(long)]
    customers: bool,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    format: PlanFormat,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people.
    Table,
    /// For programs: on standard output alone, everything else on standard error.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

pub(super) async fn run(args: PlanArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let files = args.rules.as_deref().map(files::read).transpose()?;
    let request = PlanRequest { at: args.at, rule: args.rule, customers: args.customers, files };
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.post("/v1/plan", &request).await;
    let report: PlanReport = match admin.finish(answer).await {
        Err(Error::Failure(failure)) if failure.kind == FailureKind::Rules && request.files.is_some() => {
            let found = files::diagnostics(&failure.diagnostics, request.files.as_ref());
            let rendered = render(&found, context.console.diagnostic_color());
            context.console.note(rendered.trim_end());
            context.console.error(&failure.message);
            return Ok(failure.kind.exit_code());
        }
        answer => answer?,
    };
    remark(&report, &request, context);
    match args.format {
        PlanFormat::Json => {
            context.console.note("NOTHING IS SENT");
            context.console.json(&report)?;
        }
        PlanFormat::Table => context.console.answer(&shown::shown(&report))?,
        PlanFormat::Markdown => context.console.answer(&markdown::markdown(&report))?,
    }
    Ok(0)
}

/// What a person should know beside the answer.
fn remark(report: &PlanReport, request: &PlanRequest, context: &mut Context<'_>) {
    let Some(compared) = &report.compared else { return };
    let warnings = files::diagnostics(&compared.diagnostics, request.files.as_ref());
    context.console.note(render(&warnings, context.console.diagnostic_color()).trim_end());
    if compared.rebuilt {
        context.console.note(
            "the new rules name events or properties that the live ones do not: everything was counted anew from the log",
        );
    }
}
