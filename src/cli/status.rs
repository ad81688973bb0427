//! `retaind status`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::table::{counts, facts, plural, visible};
use crate::domain::State;
use crate::http::{Attention, BackupStatus, LaneView, NextTick, RecentStatus, ReloadStatus, Status, StoreStatus};
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

/// The state for a person: what needs attention first, then everything at a glance.
pub(super) fn shown(status: &Status) -> String {
    let lanes: Vec<_> = status.lanes.iter().map(in_words).collect();
    let waiting = (!lanes.is_empty()).then(|| lanes.join(", "));
    let all = facts([
        ("daemon", Some(daemon(status))),
        ("settings", Some(status.settings.clone())),
        ("sending", Some(sending(status))),
        ("rules", Some(rules(status))),
        ("next", next(&status.next_ticks)),
        ("last reload", status.last_reload.as_ref().map(reload)),
        ("store", Some(format!("{}, {}", status.store.path, plural(status.store.customers, "customer")))),
        ("disk", Some(disk(&status.store))),
        ("last backup", status.backup.as_ref().map(backup)),
        ("arrivals", status.recent.as_ref().map(arrivals)),
        ("sent", status.recent.as_ref().map(sent)),
        ("deliveries", Some(counts(status.deliveries.iter().filter(|(_, count)| **count > 0)))),
        ("dead letters", dead_letters(status)),
        ("waiting", waiting),
    ]);
    match status.at {
        Some(_) => format!("{}\n\n{all}", verdict(&status.attention)),
        // A daemon of an older version, which does not judge itself.
        None => all,
    }
}

/// Whether all is well, and if not, what is the matter and what helps.
fn verdict(attention: &[Attention]) -> String {
    let heading = match attention.len() {
        0 => return "All is well.".to_owned(),
        1 => "One thing needs attention:".to_owned(),
        many => format!("{many} things need attention:"),
    };
    let lines = attention.iter().map(|one| format!("\n! {}\n  > {}", visible(&one.what), visible(&one.help)));
    heading + &lines.collect::<String>()
}

fn daemon(status: &Status) -> String {
    if !status.running {
        return format!("not running (version {})", status.version);
    }
    let ready = if status.readiness.ready { "ready".into() } else { status.readiness.reasons.join("; ") };
    let pid = status.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    let since = status.started_at.map(|at| format!(", since {at}")).unwrap_or_default();
    format!("running, {ready} (version {}{pid}{since})", status.version)
}

fn rules(status: &Status) -> String {
    let paused = status.rules.paused.iter().filter(|rule| !status.rules.braked.contains(rule));
    let named =
        [("paused", paused.cloned().collect::<Vec<_>>()), ("stopped by the brake", status.rules.braked.clone())];
    let named = named.iter().filter(|(_, rules)| !rules.is_empty());
    let named = named.map(|(word, rules)| format!(", {word}: {}", rules.join(", ")));
    let late = status.late.map_or(0, |late| late.tick_seconds.max(late.look_seconds));
    let late = if late > 1 { format!(", worked off {late} s late") } else { String::new() };
    format!("{}{}{late}", status.rules.count, named.collect::<String>())
}

fn next(ticks: &[NextTick]) -> Option<String> {
    let ticks: Vec<_> = ticks.iter().map(|next| format!("{} {}", next.at, next.rule)).collect();
    (!ticks.is_empty()).then(|| ticks.join(", "))
}

fn reload(reload: &ReloadStatus) -> String {
    format!("{} by {}: {}", reload.at, reload.by.word(), reload.came_to())
}

fn disk(store: &StoreStatus) -> String {
    let free = store.disk_free_bytes.zip(store.disk_size_bytes);
    let free = free.map(|(free, all)| format!(", {} of {} free", size(free), size(all))).unwrap_or_default();
    let full = if store.writable { "" } else { ", takes nothing any more" };
    format!("{} of store{free}{full}", size(store.disk_bytes))
}

/// What arrived in the last minutes, and how many that is a second.
fn arrivals(recent: &RecentStatus) -> String {
    let tenths = (recent.stored * 10).checked_div(recent.seconds).unwrap_or(0);
    let calls = format!("{} refused", plural(recent.calls_refused, "call"));
    let others = [
        (recent.duplicates, format!("{} known already", recent.duplicates)),
        (recent.refused, format!("{} refused", recent.refused)),
        (recent.calls_refused, calls),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(_, words)| format!(", {words}"));
    let others: String = others.collect();
    format!("{} stored in {} ({}.{}/s){others}", recent.stored, minutes(recent.seconds), tenths / 10, tenths % 10)
}

fn sent(recent: &RecentStatus) -> String {
    let late = match recent.latest_ms {
        0 => String::new(),
        ms => format!(", the latest {}.{} s after its time", ms / 1000, ms % 1000 / 100),
    };
    format!("{} in {}{late}", recent.sent, minutes(recent.seconds))
}

fn minutes(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

fn dead_letters(status: &Status) -> Option<String> {
    let count = status.deliveries.get(&State::Failed).copied().filter(|count| *count > 0)?;
    Some(format!("{count} (`retaind deliveries list --state failed` shows them)"))
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

/// What waits in a lane, since when or until when, and what keeps it waiting.
fn in_words(lane: &LaneView) -> String {
    let since = match (lane.due, lane.late_seconds) {
        (0, _) => format!("{} next at {}", lane.lane, lane.next_due),
        (due, seconds) => {
            format!("{} {due} due, the oldest since {} ({})", lane.lane, lane.next_due, minutes(seconds))
        }
    };
    match (&lane.trouble, lane.tried_at) {
        (Some(trouble), Some(at)) => format!("{since} (cannot be reached: {trouble}; tried again at {at})"),
        _ => since,
    }
}

#[cfg(test)]
mod tests {
    use super::{shown, size};
    use crate::http::{Attention, Status};

    /// As a daemon answers that knows nothing of what came later.
    fn old() -> Status {
        serde_json::from_value(serde_json::json!({
            "version": "0.1.0", "running": true, "pid": 7, "started_at": null, "settings": "retaind.yaml", "paused": false,
            "readiness": {"ready": true, "reasons": []},
            "store": {"path": "data", "customers": 1, "disk_bytes": 1536},
            "deliveries": {}, "lanes": [{"lane": "mail:service", "next_due": "2026-11-22T10:00:00Z"}],
            "rules": {"count": 2, "paused": ["a"]}, "next_tick": null, "last_reload": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_answer_of_an_older_daemon_is_shown_without_a_verdict() {
        insta::assert_snapshot!(shown(&old()), @r"
        daemon      running, ready (version 0.1.0, pid 7)
        settings    retaind.yaml
        sending     on
        rules       2, paused: a
        store       data, 1 customer
        disk        1.5 KiB of store
        deliveries  -
        waiting     mail:service next at 2026-11-22T10:00:00Z
        ");
    }

    #[test]
    fn the_verdict_comes_first_and_plays_no_tricks_with_the_terminal() {
        let well = Status { at: "2026-11-22T10:00:00Z".parse().ok(), ..old() };
        assert!(shown(&well).starts_with("All is well.\n\ndaemon "));
        let one = |what: &str| Attention { about: "lane".into(), what: what.into(), help: "retaind status".into() };
        let ill = Status { attention: vec![one("a\u{1b}[2J"), one("b")], ..well };
        let text = shown(&ill);
        assert!(text.starts_with("2 things need attention:\n! a\\u{1b}[2J\n  > retaind status\n! b\n"), "{text}");
    }

    #[test]
    fn sizes_are_in_the_largest_whole_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 * 1024 * 1024 * 1024), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
