//! `retaind backup`.

use super::Context;
use super::admin::{Admin, broken_off};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::restore::holds;
use super::status::size;
use super::table::{plural, visible};
use crate::app::{BackupContents, BackupFile, Sending};
use crate::http::{Failure, FailureKind};
use axum::body::Body;
use clap::Args;
use http_body_util::BodyExt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

const ABOUT: &str = "\
It is written to FILE.part, read again and compared, and only then named FILE. Everything that was answered before the \
command ended is in it. It holds all that is known of your customers, and the key of the delivery ids: keep it as you \
keep the store.";

/// Copy the store into one file, while the daemon works or not
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct BackupArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Make none: read FILE as a whole, and say what it holds or what is wrong with it
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: BackupArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let contents = if args.verify {
        context.composition.verify_backup(&args.file).await?
    } else {
        back_up(&args.file, context).await?.0
    };
    context.console.print(args.output, &contents, |contents| shown(contents, &args.file))?;
    Ok(0)
}

/// Makes one, and answers what it holds and whether a daemon made it, which goes on.
pub(super) async fn back_up(path: &Path, context: &mut Context<'_>) -> Result<(BackupContents, Sending), Error> {
    let file = BackupFile::create(path).map_err(|error| cannot(path, &error))?;
    let mut out = file.writer().map_err(|error| cannot(path, &error))?;
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let sending = if matches!(admin, Admin::Remote(_)) { Sending::WentOn } else { Sending::Rested };
    let written = match admin.stream("/v1/backup", Body::empty()).await {
        Ok(body) => write(body, &mut out, path).await,
        Err(error) => Err(error),
    };
    admin.finish(written).await?;
    match tokio::task::spawn_blocking(move || file.finish()).await {
        Ok(finished) => finished.map(|contents| (contents, sending)).map_err(|error| {
            let message = format!("the backup {} did not become whole", path.display());
            Failure::new(FailureKind::Internal, message).because(error.as_ref()).into()
        }),
        Err(error) => Err(Error::Other(error.into())),
    }
}

async fn write(mut body: Body, out: &mut File, path: &Path) -> Result<(), Error> {
    while let Some(piece) = body.frame().await {
        let piece = piece.map_err(|error| broken_off(&error))?;
        if let Some(bytes) = piece.data_ref() {
            out.write_all(bytes).map_err(|error| cannot(path, &error))?;
        }
    }
    Ok(())
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    let message = format!("the backup cannot be written to {}", path.display());
    Failure::new(FailureKind::Internal, message).because(error).into()
}

fn shown(contents: &BackupContents, file: &Path) -> String {
    let customers = plural(contents.customers, "customer");
    let file = file.display().to_string();
    format!("{}: {}, {customers}, {}", visible(&file), size(contents.bytes), holds(contents))
}
