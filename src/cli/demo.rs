//! `retaind demo`.

use super::Context;
use super::error::Error;
use crate::app::DemoRequest;
use crate::http::{Failure, FailureKind};
use anyhow::Context as _;
use clap::Args;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The whole of it on made-up customers, with a mail catcher and a webhook receiver on loopback; ends by itself
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How many customers to make up
    ///
    /// [default: 500, and 200 with --project]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    customers: Option<u32>,
    /// What their purchases are drawn with; equal seeds give equal customers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Where the project and the mails go: a folder that is new or empty [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Play a project of your own, a folder with a retaind.yaml: its rules, templates and schema on made-up customers who
    /// have what the schema declares. It is only read, its store is not touched, and nothing leaves this machine
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

/// So few that a rule for a quarter of them does not go over the brake of its first day.
const FOR_A_PROJECT: u32 = 200;
const BY_ITSELF: u32 = 500;

pub(super) async fn run(args: DemoArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let folder = match args.folder {
        Some(folder) => folder,
        None => fresh(&std::env::temp_dir()).context("no folder can be made for the demo")?,
    };
    let customers = args.customers.unwrap_or(if args.project.is_some() { FOR_A_PROJECT } else { BY_ITSELF });
    let request = DemoRequest { customers, seed: args.seed, folder, project: args.project };
    let report = context.composition.demo(&request).await?;
    context.console.answer(report.to_string().trim_end())?;
    if report.is_complete() {
        return Ok(0);
    }
    Err(Failure::new(FailureKind::Internal, "not everything that was decided arrived exactly once").into())
}

/// Makes a folder that nobody else can look into, under the first name that is free.
fn fresh(within: &Path) -> io::Result<PathBuf> {
    for number in 1..=1000 {
        let folder = within.join(format!("retaind-demo-{number}"));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{} is full of old demos; remove them", within.display())))
}

#[cfg(test)]
mod tests {
    use super::fresh;

    #[test]
    fn each_demo_gets_a_folder_of_its_own() {
        let within = tempfile::tempdir().unwrap();
        assert_eq!(fresh(within.path()).unwrap(), within.path().join("retaind-demo-1"));
        assert_eq!(fresh(within.path()).unwrap(), within.path().join("retaind-demo-2"));
    }
}
