//! `retaind import`.

mod lines;
mod rejects;
mod source;

use super::Context;
use super::admin::{Admin, with_query};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::restore;
use super::table::plural;
use crate::app::RestoreFrom;
use crate::http::{Failure, FailureKind, ImportKind, ImportLine, ImportReport, ImportRequest};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lines::Lines;
use rejects::Rejects;
use source::Source;
use std::path::PathBuf;

/// What stands under the help of commands that import.
pub(super) const EXIT_CODE: &str = "\
Rows that cannot be stored are written with their reasons to FILE.rejects (of standard input: ./stdin.rejects), which \
can be mended and imported again. Refused rows do not fail the import: it exits with 0 unless rows were refused and not \
a single one was taken; then with 1. To import the same file twice is harmless.";

/// Take in customers or events from a file; triggers nothing without --live
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Customers from CSV: `id` and other columns that the schema knows, `consent.CLASS_OR_TOPIC`, `updated_at`
    #[command(after_help = EXIT_CODE)]
    Customers(RowsArgs),
    /// Events from NDJSON: one Segment `track` call a line
    #[command(after_help = EXIT_CODE)]
    Events(RowsArgs),
    /// All of a store, from the folder of an export; with no daemon running, and no store in its folder
    #[command(after_help = EXPORT)]
    Export(ExportArgs),
}

const EXPORT: &str = "\
The store is the one that was exported: the same customers, deliveries with the same ids, the same key. If no daemon ran \
when it was exported, or its sending was paused, it goes on where that one stood still, and that one must never be started \
again. Of an export of a daemon that went on sending, nothing is sent by itself, as after `retaind restore`.";

#[derive(Debug, Args)]
struct ExportArgs {
    /// The folder of the export
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct RowsArgs {
    #[command(flatten)]
    file: ImportFile,
    /// Pass over columns that the schema does not know, instead of refusing the file
    #[arg(long)]
    ignore_unknown: bool,
    /// Let the rows trigger rules, as if they had just happened
    #[arg(long)]
    live: bool,
}

/// The file and how the report is printed.
#[derive(Debug, Args)]
pub(super) struct ImportFile {
    /// The file; `-` or nothing is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ImportArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let (kind, args) = match args.kind {
        Kind::Customers(args) => (ImportKind::Customers, args),
        Kind::Events(args) => (ImportKind::Events, args),
        Kind::Export(args) => return export(args, context).await,
    };
    let request = ImportRequest { kind, ignore_unknown: args.ignore_unknown, live: args.live, file: None };
    take_in(request, &args.file, context).await
}

async fn export(args: ExportArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let report = context.composition.restore(&settings, RestoreFrom::Export(args.folder), None).await?;
    restore::tell(&report, args.output, context)?;
    Ok(0)
}

/// Sends the file's rows to whoever answers, and keeps what is refused.
pub(super) async fn take_in(request: ImportRequest, file: &ImportFile, context: &mut Context<'_>) -> Result<u8, Error> {
    let name = file.file.file_name().filter(|name| *name != "-");
    let request = ImportRequest { file: name.map(|name| name.to_string_lossy().into_owned()), ..request };
    let source = Source::open(&file.file).await?;
    let mut rejects = Rejects::beside(&file.file);
    let bar = bar(&source, context);
    let admin = Admin::open(context, StoreAccess::Create).await?;
    let result = follow(request, source, &admin, &mut rejects, &bar).await;
    bar.finish_and_clear();
    let report = admin.finish(result).await?;
    if report.refused > 0 {
        let refused = plural(report.refused, "row");
        context.console.warning(&format!("{refused} refused, with reasons in {}", rejects.path().display()));
    }
    context.console.print(file.output, &report, shown)?;
    Ok(u8::from(report.refused > 0 && report.stored + report.duplicates == 0))
}

async fn follow(
    request: ImportRequest,
    source: Source,
    admin: &Admin,
    rejects: &mut Rejects,
    bar: &ProgressBar,
) -> Result<ImportReport, Error> {
    let watch = source.watch();
    let options = serde_json::json!({
        "ignore_unknown": request.ignore_unknown.then_some(true),
        "live": request.live.then_some(true),
        "file": request.file,
    });
    let path = with_query(&format!("/v1/import/{}", request.kind.word()), &options);
    let answer = admin.stream(&path, source.into_body()).await;
    // Of a file that cannot be read, what came of that elsewhere is not the news.
    let cut_off = |error| watch.failure().unwrap_or_else(|| comforted(error));
    let mut lines = Lines::new(answer.map_err(cut_off)?);
    loop {
        match lines.next().await.map_err(cut_off)? {
            Some(ImportLine::Progress(progress)) => {
                bar.set_position(watch.sent());
                bar.set_message(plural(progress.rows, "row"));
            }
            Some(ImportLine::Refused(row)) => rejects.write(&row)?,
            Some(ImportLine::Report(report)) => return rejects.finish().map(|()| report),
            Some(ImportLine::Error(failure)) => {
                rejects.finish()?;
                return Err(cut_off(failure.into()));
            }
            None => {
                let failure = Failure::new(FailureKind::Unavailable, "the import ended without a report");
                return Err(cut_off(failure.into()));
            }
        }
    }
}

/// Says of an import that was cut off that it may be made again.
fn comforted(error: Error) -> Error {
    match error {
        Error::Failure(mut failure) if failure.kind == FailureKind::Unavailable => {
            failure.message.push_str("; importing the same file again is harmless");
            Error::Failure(failure)
        }
        error => error,
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(source: &Source, context: &Context<'_>) -> ProgressBar {
    if !context.console.interactive() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(source.length(), ProgressDrawTarget::stderr());
    let template = if source.length().is_some() {
        "{bar:40} {bytes} of {total_bytes}, {msg}, {eta} left"
    } else {
        "{spinner} {bytes}, {msg}"
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The report for a person.
fn shown(report: &ImportReport) -> String {
    let rows = plural(report.rows, "row");
    format!("{rows}: {} stored, {} there before, {} refused", report.stored, report.duplicates, report.refused)
}
