//! `retaind restore`.

use super::Context;
use super::args::OutputArgs;
use super::error::Error;
use super::table::{facts, plural};
use crate::app::{BackupContents, RestoreFrom, RestoreReport};
use clap::Args;
use std::path::PathBuf;

const ABOUT: &str = "\
The store's folder must not hold a store; one that was damaged and set aside is no hindrance. Nothing is written \
before all of FILE was read and found whole. What customers withdrew after the backup is taken from the journal beside \
the store and holds again. Nothing that was under way is sent by itself: deliveries are held as `restored` \
(`retaind deliveries retry --state held` sends them), and marketing is paused until `retaind resume`.";

/// Make the store anew from a backup; with no daemon running, and no store in its folder
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder of the lost store's journal, if it does not lie beside the new store
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Only read all of FILE, and say what it holds
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: RestoreArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    if args.dry_run {
        let contents = context.composition.verify_backup(&args.file).await?;
        let shown = |contents: &BackupContents| {
            format!("{}, {}; nothing was written", plural(contents.customers, "customer"), holds(contents))
        };
        context.console.print(args.output, &contents, shown)?;
        return Ok(0);
    }
    if let Some(journal) = args.journal.as_ref().filter(|journal| !journal.is_dir()) {
        return Err(Error::Usage(format!("there is no folder {}", journal.display())));
    }
    let settings = context.settings()?;
    let report =
        context.composition.restore(&settings, RestoreFrom::Backup(args.file), args.journal.as_deref()).await?;
    tell(&report, args.output, context)?;
    Ok(0)
}

/// Says what a restore came to.
pub(super) fn tell(report: &RestoreReport, output: OutputArgs, context: &mut Context<'_>) -> Result<(), Error> {
    if report.unreadable > 0 {
        let lines = plural(report.unreadable, "line");
        context
            .console
            .warning(&format!("{lines} of the journal cannot be read: what customers withdrew then is lost"));
    }
    if !report.journal && !report.goes_on {
        context.console.warning(
            "there is no journal of the lost store: if customers withdrew anything after the backup, that is not known; \
             --journal names one that lies elsewhere",
        );
    }
    context.console.print(output, report, shown)?;
    if !report.goes_on {
        context.console.note("marketing is paused: look at what is held, then `retaind resume`");
    }
    Ok(())
}

/// Of when and by what it is.
pub(super) fn holds(contents: &BackupContents) -> String {
    format!("made at {} by retaind {}", contents.made_at, contents.version)
}

fn shown(report: &RestoreReport) -> String {
    let some = |count: u64| (count > 0).then(|| count.to_string());
    facts([
        ("store", Some(report.store.clone())),
        ("backup", Some(holds(&report.backup))),
        ("customers", Some(report.backup.customers.to_string())),
        ("held", (!report.goes_on).then(|| plural(report.held, "delivery"))),
        ("withdrawn since", some(report.withdrawn + report.kept)),
        ("given again since", some(report.granted)),
        ("suppressed since", some(report.suppressed)),
        ("freed since", some(report.unsuppressed)),
        ("erased since", some(report.erased)),
    ])
}
