//! `retaind pause` and `retaind resume`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::table::plural;
use crate::http::Paused;
use clap::Args;

/// What an answer about the future says first as long as all sending is paused.
const SENDING_PAUSED: &str = "ALL SENDING IS PAUSED: rules go on deciding, and nothing goes out until `retaind resume`";

/// The same as long as marketing is paused.
const MARKETING_PAUSED: &str = "MARKETING IS PAUSED since a backup was restored: rules go on deciding, and \
                                           nothing of class marketing goes out until `retaind resume`";

/// What an answer about the future says first of what is paused.
pub(super) fn paused(sending: bool, marketing: bool) -> Option<&'static str> {
    match (sending, marketing) {
        (true, _) => Some(SENDING_PAUSED),
        (false, true) => Some(MARKETING_PAUSED),
        (false, false) => None,
    }
}

/// Stop all sending, over restarts too; what falls due meanwhile waits
#[derive(Debug, Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// Let sending go on
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn pause(args: PauseArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    change("/v1/pause", args.output, context).await
}

pub(super) async fn resume(args: ResumeArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    change("/v1/resume", args.output, context).await
}

async fn change(path: &str, output: OutputArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.act(path).await;
    let paused: Paused = admin.finish(answer).await?;
    context.console.print(output, &paused, shown)?;
    Ok(0)
}

/// What became of sending, for a person.
fn shown(paused: &Paused) -> String {
    let queued = plural(paused.queued, "queued delivery");
    match (paused.before, paused.paused) {
        (false, true) => format!("sending is paused; {queued} wait"),
        (true, true) => format!("sending was paused already; {queued} wait"),
        (true, false) => format!("sending goes on; {queued} go on"),
        (false, false) => "sending was not paused".into(),
    }
}
