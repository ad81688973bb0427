//! `retaind demo`.

use super::Context;
use super::args::OutputArgs;
use super::error::Error;
use crate::app::DemoRequest;
use crate::http::{Failure, FailureKind};
use clap::Args;
use std::path::PathBuf;

/// The whole of it on made-up customers, with a mail catcher and a webhook receiver on loopback; ends by itself
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How many customers to make up
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    customers: u32,
    /// What their purchases are drawn with; equal seeds give equal customers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Where the project and the mails go; a new folder among the temporary files if not given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: DemoArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let fresh = || std::env::temp_dir().join(format!("retaind-demo-{}", std::process::id()));
    let request = DemoRequest { customers: args.customers, seed: args.seed, folder: args.folder.unwrap_or_else(fresh) };
    let report = context.composition.demo(request).await?;
    context.console.print(args.output, &report, ToString::to_string)?;
    if report.is_complete() {
        return Ok(0);
    }
    Err(Failure::new(FailureKind::Internal, "not everything that was decided arrived exactly once").into())
}
