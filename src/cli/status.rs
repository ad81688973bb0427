//! `retaind status`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::table::{counts, facts, visible};
use crate::http::{BackupStatus, LaneView, Status};
use clap::Args;

/// The state of the daemon and of its store
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: StatusArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.get("/v1/status").await;
    let status: Status = admin.finish(answer).await?;
    context.console.print(args.output, &status, shown)?;
    Ok(0)
}

/// The state for a person.
pub(super) fn shown(status: &Status) -> String {
    let readiness = if status.readiness.ready { "ready".into() } else { status.readiness.reasons.join("; ") };
    let daemon = match (status.running, status.pid) {
        (true, Some(pid)) => format!("running (pid {pid}), {readiness}"),
        (true, None) => format!("running, {readiness}"),
        (false, _) => "not running".into(),
    };
    let braked = if status.rules.paused.is_empty() {
        status.rules.count.to_string()
    } else {
        format!("{}, paused: {}", status.rules.count, status.rules.paused.join(", "))
    };
    let reload = status
        .last_reload
        .as_ref()
        .map(|reload| visible(&format!("{} by {}: {}", reload.at, reload.by.word(), reload.came_to())).into_owned());
    let lanes: Vec<_> = status.lanes.iter().map(in_words).collect();
    facts([
        ("daemon", Some(daemon)),
        ("version", Some(status.version.clone())),
        ("since", status.started_at.map(|at| at.to_string())),
        ("settings", Some(status.settings.clone())),
        ("sending", Some(sending(status))),
        ("backup", status.backup.as_ref().map(backup)),
        ("rules", Some(braked)),
        ("next tick", status.next_tick.as_ref().map(|next| format!("{} {}", next.at, next.rule))),
        ("last reload", reload),
        ("store", Some(status.store.path.clone())),
        ("customers", Some(status.store.customers.to_string())),
        ("disk", Some(size(status.store.disk_bytes))),
        ("deliveries", Some(counts(status.deliveries.iter().filter(|(_, count)| **count > 0)))),
        ("waiting", (!lanes.is_empty()).then(|| lanes.join(", "))),
    ])
}

/// What goes out.
fn sending(status: &Status) -> String {
    match (status.paused, &status.marketing_paused) {
        (true, _) => "paused (`retaind resume` lets it go on)".into(),
        (false, Some(why)) => format!("on, but marketing is paused: {} (`retaind resume` lets it go on)", visible(why)),
        (false, None) => "on".into(),
    }
}

/// The nightly backups.
fn backup(backup: &BackupStatus) -> String {
    let last = backup.last.map_or_else(|| "none yet".to_owned(), |at| format!("{at}, {}", size(backup.bytes)));
    let next = backup.next.map_or_else(String::new, |at| format!("; next {at}"));
    let failed =
        backup.failed.as_ref().map_or_else(String::new, |why| format!("; THE LAST ONE FAILED: {}", visible(why)));
    format!("{last} ({} kept in {}){next}{failed}", backup.kept, visible(&backup.folder))
}

/// Bytes in the largest unit that leaves a whole number before the point.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let power = (1..=units.len()).rev().find(|power| bytes >= 1 << (10 * power));
    match power {
        Some(power) => {
            let tenths = u128::from(bytes) * 10 / (1 << (10 * power));
            format!("{}.{} {}", tenths / 10, tenths % 10, units[power - 1])
        }
        None => format!("{bytes} B"),
    }
}

/// What waits in a lane, and what keeps it waiting.
fn in_words(lane: &LaneView) -> String {
    let since = format!("{} from {}", lane.lane, lane.next_due);
    match (&lane.trouble, lane.tried_at) {
        (Some(trouble), Some(at)) => format!("{since} (cannot be reached: {trouble}; tried again at {at})"),
        _ => since,
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_in_the_largest_whole_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 * 1024 * 1024 * 1024), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
