//! `retaind compact`.

use super::Context;
use super::args::OutputArgs;
use super::error::Error;
use super::status::size;
use super::table::{facts, plural};
use crate::app::CompactReport;
use clap::Args;

const ABOUT: &str = "\
The store grows with what is written and hardly shrinks by itself, and what was removed stays in its files for a while. \
All that it holds is written into new files beside the old ones, read again and compared; then they change places. Needs \
as much room on the disk as the store takes. Whatever stops it, the store is whole, as it was or as it is to be.";

/// Write the store anew, smaller, and without a trace of what was erased; with no daemon running
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: CompactArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let report = context.composition.compact(&settings).await?;
    context.console.print(args.output, &report, shown)?;
    Ok(0)
}

fn shown(report: &CompactReport) -> String {
    facts([
        ("store", Some(report.store.clone())),
        ("holds", Some(plural(report.rows, "row"))),
        ("before", Some(size(report.before))),
        ("now", Some(size(report.after))),
    ])
}
