//! What of the state needs somebody's attention. Pure.

use crate::domain::{Span, State, Time};
use crate::http::{Attention, LaneView, Status};

/// What waits longer than this past its time is late.
const LATE: Span = Span::minutes(5);
/// Rules that are worked off later than this are behind.
const BEHIND: Span = Span::minutes(1);
/// A disk with less than this many of 100 parts free is nearly full, unless so many bytes are free all the same.
const FREE_PERCENT: u64 = 5;
const FREE_ENOUGH: u64 = 10 << 30;
/// A backup is made every night; the last one is older than this if one is missing.
const BACKUP: Span = Span::hours(26);
/// So many of 100 arrivals may be refused before it is worth a word.
const REFUSED_PERCENT: u64 = 1;

/// What needs attention, the most pressing first. `now` is the instant of the state.
pub(super) fn attention(status: &Status, now: Time) -> Vec<Attention> {
    if !status.running {
        return vec![say("daemon", "no daemon runs: nothing is sent, and nothing taken in", "systemctl start retaind")];
    }
    let mut found = Vec::new();
    if !status.readiness.ready {
        found.push(say("daemon", status.readiness.reasons.join("; "), "journalctl --unit retaind --lines 50"));
    }
    found.extend(of_disk(status));
    if status.paused {
        found.push(say("sending", "all sending is paused", "retaind resume"));
    }
    for rule in &status.rules.braked {
        let what = format!("the brake stopped {rule}: it would have sent far more than it usually does");
        found.push(say("rule", what, format!("retaind plan --rule {rule}, then retaind rules resume {rule}")));
    }
    found.extend(of_reload(status));
    found.extend(status.lanes.iter().filter_map(|lane| of_lane(lane, status.paused)));
    found.extend(of_work(status));
    found.extend(of_deliveries(status));
    found.extend(of_arrivals(status));
    found.extend(of_backup(status, now));
    found
}

fn say(about: &str, what: impl Into<String>, help: impl Into<String>) -> Attention {
    Attention { about: about.to_owned(), what: what.into(), help: help.into() }
}

fn of_disk(status: &Status) -> Option<Attention> {
    let store = &status.store;
    let help = format!("df --human-readable {}", store.path);
    if !store.writable {
        return Some(say("disk", "the store takes nothing any more: its disk is full, or cannot be written", help));
    }
    let (free, all) = (store.disk_free_bytes?, store.disk_size_bytes?);
    let percent = free.saturating_mul(100).checked_div(all)?;
    let nearly_full = percent < FREE_PERCENT && free < FREE_ENOUGH;
    nearly_full.then(|| say("disk", format!("the store's disk is nearly full: {percent} % is free"), help))
}

fn of_reload(status: &Status) -> Vec<Attention> {
    let Some(reload) = &status.last_reload else { return Vec::new() };
    if !reload.ok {
        let what = format!("what was saved is not in use: the last reload was {}", reload.came_to());
        return vec![say("reload", what, "retaind check")];
    }
    crate::http::take_a_restart(&reload.restart)
        .map(|what| say("reload", what, "systemctl restart retaind"))
        .into_iter()
        .collect()
}

fn of_lane(lane: &LaneView, paused: bool) -> Option<Attention> {
    let name = &lane.lane;
    if let Some(trouble) = &lane.trouble {
        let what = format!("{name} cannot be reached: {trouble}");
        return Some(say("lane", what, "retaind deliveries list --state queued"));
    }
    let late = Span::seconds(i64::try_from(lane.late_seconds).unwrap_or(i64::MAX / 1000));
    let is_late = !paused && late > LATE;
    is_late.then(|| {
        let what = format!("{name} is late: {} due, the oldest for {} min", lane.due, late.0 / 60_000);
        say("lane", what, "retaind deliveries list --state queued")
    })
}

/// Ticks and looks that are not made when their time comes.
fn of_work(status: &Status) -> Option<Attention> {
    let late = status.late.as_ref()?;
    let seconds = late.tick_seconds.max(late.look_seconds);
    let is_behind = Span::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1000)) > BEHIND;
    is_behind.then(|| {
        let what = format!("rules are worked off {} min late", seconds / 60);
        say("rules", what, "journalctl --unit retaind --lines 50")
    })
}

fn of_deliveries(status: &Status) -> Vec<Attention> {
    let mut found = Vec::new();
    if let Some(given_up @ 1..) = status.recent.as_ref().map(|recent| recent.given_up) {
        let what = format!("{given_up} given up in the last minutes");
        found.push(say("deliveries", what, "retaind deliveries list --state failed"));
    }
    // What a paused rule holds goes on with the rule.
    let held = status.deliveries.get(&State::Held).copied().unwrap_or(0);
    if held > 0 && status.rules.paused.is_empty() {
        let what = format!("{held} held until somebody decides");
        found.push(say("deliveries", what, "retaind deliveries list --state held"));
    }
    found
}

fn of_arrivals(status: &Status) -> Option<Attention> {
    let recent = status.recent.as_ref()?;
    let all = recent.stored + recent.duplicates + recent.refused;
    let too_many = recent.refused * 100 > all * REFUSED_PERCENT;
    too_many.then(|| {
        let what = format!("{} of the last {all} arrivals were refused; their senders were told why", recent.refused);
        say("arrivals", what, "journalctl --unit retaind with RETAIND_LOG=info,retaind::http=debug")
    })
}

fn of_backup(status: &Status, now: Time) -> Option<Attention> {
    let backup = status.last_backup.as_ref()?;
    if let Some(message) = &backup.error {
        return Some(say("backup", format!("the last backup failed: {message}"), "retaind backup FILE"));
    }
    let is_old = backup.at.is_none_or(|at| now.since(at) > BACKUP);
    is_old.then(|| say("backup", "there was no backup since yesterday", "retaind backup FILE"))
}
