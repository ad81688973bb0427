//! `retaind export`.

use super::Context;
use super::args::OutputArgs;
use super::backup::back_up;
use super::error::Error;
use super::status::size;
use super::table::{facts, plural};
use crate::app::{ExportFolder, ExportReport, Sending};
use crate::http::{Failure, FailureKind};
use clap::Args;
use std::path::{Path, PathBuf};

const ABOUT: &str = "\
A file of NDJSON for each kind of record, all of one instant, and a manifest.json with their numbers and sums. It is \
written to DIR.part and then named DIR. It holds all that is known of your customers, and the key of the delivery ids: \
keep it as you keep the store. `retaind import export DIR` makes the store of it elsewhere; to move to another machine, \
stop the daemon (or `retaind pause`) first, so that nothing is sent twice.";

/// Write everything that is stored as NDJSON, while the daemon works or not
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct ExportArgs {
    /// The folder to be made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ExportArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let folder = ExportFolder::create(&args.folder).map_err(|error| {
        let message = format!("the export cannot be written to {}", args.folder.display());
        Failure::new(FailureKind::Internal, message).because(&error)
    })?;
    let (_, sending) = back_up(&folder.backup(), context).await?;
    let finished = tokio::task::spawn_blocking(move || folder.finish(sending)).await;
    let report = finished.map_err(|error| Error::Other(error.into()))?.map_err(|error| {
        let message = format!("the export {} did not become whole", args.folder.display());
        Failure::new(FailureKind::Internal, message).because(error.as_ref())
    })?;
    context.console.print(args.output, &report, |report| shown(report, &args.folder))?;
    if report.sending == Sending::WentOn {
        context.console.note("the daemon goes on sending: what is made of this export will send nothing by itself");
    }
    Ok(0)
}

fn shown(report: &ExportReport, folder: &Path) -> String {
    let lines = report.files.values().sum();
    facts([
        ("export", Some(folder.display().to_string())),
        ("of", Some(report.made_at.to_string())),
        ("customers", Some(report.customers.to_string())),
        ("holds", Some(format!("{}, {}", plural(lines, "line"), size(report.bytes)))),
    ])
}
