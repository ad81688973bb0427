//! What of the state needs somebody's attention. Pure.

use crate::domain::{Span, State, Time};
use crate::http::{Attention, LaneView, Status};

/// What waits more seconds than this past its time is late.
const LATE: u64 = 300;
/// Rules that are worked off more seconds late than this are behind.
const BEHIND: u64 = 60;
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
    if let Some(why) = &status.marketing_paused {
        found.push(say(
            "sending",
            format!("marketing is paused: {why}"),
            "retaind deliveries list --state held, then retaind resume",
        ));
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
        let what = format!("what was saved is not in use: it was {}", reload.came_to());
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
    let is_late = !paused && lane.late_seconds > LATE;
    is_late.then(|| {
        let what = format!("{name} is late: {} due, the oldest for {} min", lane.due, lane.late_seconds / 60);
        say("lane", what, "retaind deliveries list --state queued")
    })
}

/// Ticks and looks that are not made when their time comes.
fn of_work(status: &Status) -> Option<Attention> {
    let late = status.late.as_ref()?;
    let seconds = late.tick_seconds.max(late.look_seconds);
    (seconds > BEHIND).then(|| {
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
    let backup = status.backup.as_ref()?;
    if let Some(message) = &backup.failed {
        return Some(say("backup", format!("the last backup failed: {message}"), "retaind backup FILE"));
    }
    let is_old = backup.last.is_none_or(|at| now.since(at) > BACKUP);
    is_old.then(|| say("backup", "there was no backup since yesterday", "retaind backup FILE"))
}

#[cfg(test)]
mod tests {
    use super::attention;
    use crate::domain::{Span, State, Time};
    use crate::http::{
        BackupStatus, LaneView, Late, Readiness, RecentStatus, ReloadBy, ReloadStatus, RulesStatus, Status, StoreStatus,
    };

    const NOW: Time = Time(1_795_341_600_000);

    fn well() -> Status {
        Status {
            version: "0.1.0".into(),
            at: Some(NOW),
            running: true,
            pid: Some(7),
            started_at: Some(NOW),
            settings: "retaind.yaml".into(),
            paused: false,
            marketing_paused: None,
            readiness: Readiness { ready: true, reasons: Vec::new() },
            store: StoreStatus {
                path: "data".into(),
                customers: 5,
                disk_bytes: 1 << 20,
                disk_free_bytes: Some(8 << 30),
                disk_size_bytes: Some(100 << 30),
                writable: true,
            },
            deliveries: [(State::Failed, 3), (State::Sent, 9)].into(),
            lanes: vec![lane(200, None)],
            rules: RulesStatus { count: 2, ..RulesStatus::default() },
            next_tick: None,
            next_ticks: Vec::new(),
            late: Some(Late { tick_seconds: 30, look_seconds: 2 }),
            recent: Some(RecentStatus { seconds: 250, stored: 1000, refused: 3, ..RecentStatus::default() }),
            last_reload: Some(reload(true, &[])),
            backup: Some(BackupStatus { last: Some(NOW.minus(Span::hours(25))), ..BackupStatus::default() }),
            attention: Vec::new(),
        }
    }

    fn lane(late_seconds: u64, trouble: Option<&str>) -> LaneView {
        LaneView {
            lane: "mail:service".into(),
            next_due: NOW,
            late_seconds,
            due: 12,
            trouble: trouble.map(str::to_owned),
            tried_at: None,
        }
    }

    fn reload(ok: bool, restart: &[&str]) -> ReloadStatus {
        ReloadStatus {
            at: NOW,
            ok,
            by: ReloadBy::Watch,
            errors: u64::from(!ok),
            message: (!ok).then(|| "the files have errors".into()),
            problems: Vec::new(),
            restart: restart.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn about(status: &Status) -> Vec<String> {
        attention(status, NOW).into_iter().map(|one| one.about).collect()
    }

    /// What is said of a state that is well but for one thing.
    fn said(change: impl FnOnce(&mut Status)) -> String {
        let mut status = well();
        change(&mut status);
        let found = attention(&status, NOW);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].help.is_empty());
        found[0].what.clone()
    }

    #[test]
    fn where_all_is_well_nothing_is_said() {
        assert_eq!(about(&well()), [""; 0]);
        let no_daemon_parts = Status { late: None, recent: None, last_reload: None, backup: None, ..well() };
        assert_eq!(about(&no_daemon_parts), [""; 0]);
    }

    #[test]
    fn without_a_daemon_nothing_else_matters() {
        assert_eq!(about(&Status { running: false, paused: true, ..well() }), ["daemon"]);
    }

    #[test]
    fn each_trouble_is_named() {
        let not_ready = Readiness { ready: false, reasons: vec!["the outbox hangs".into()] };
        assert_eq!(said(|status| status.readiness = not_ready), "the outbox hangs");
        assert!(said(|status| status.store.writable = false).contains("takes nothing any more"));
        assert!(said(|status| status.store.disk_free_bytes = Some(1 << 30)).contains("1 % is free"));
        assert_eq!(said(|status| status.paused = true), "all sending is paused");
        assert_eq!(said(|status| status.marketing_paused = Some("restored".into())), "marketing is paused: restored");
        assert!(said(|status| status.last_reload = Some(reload(false, &[]))).contains("refused, 1 error"));
        assert!(said(|status| status.last_reload = Some(reload(true, &["store.path"]))).contains("takes a restart"));
        assert!(said(|status| status.lanes = vec![lane(0, Some("refused"))]).contains("cannot be reached: refused"));
        assert_eq!(
            said(|status| status.lanes = vec![lane(400, None)]),
            "mail:service is late: 12 due, the oldest for 6 min"
        );
        let late = Late { tick_seconds: 0, look_seconds: 130 };
        assert_eq!(said(|status| status.late = Some(late)), "rules are worked off 2 min late");
        assert!(said(|status| status.deliveries.extend([(State::Held, 4)])).starts_with("4 held"));
        let given_up = RecentStatus { given_up: 2, ..RecentStatus::default() };
        assert!(said(|status| status.recent = Some(given_up)).starts_with("2 given up"));
        let refused = RecentStatus { stored: 90, refused: 10, ..RecentStatus::default() };
        assert!(said(|status| status.recent = Some(refused)).starts_with("10 of the last 100 arrivals"));
    }

    #[test]
    fn backups_that_fail_or_stay_away_are_named() {
        let backup = |at, error: Option<&str>| BackupStatus {
            last: at,
            failed: error.map(str::to_owned),
            ..BackupStatus::default()
        };
        let old = Some(NOW.minus(Span::hours(27)));
        assert!(said(|status| status.backup = Some(backup(old, None))).contains("since yesterday"));
        assert!(said(|status| status.backup = Some(backup(None, None))).contains("since yesterday"));
        assert!(said(|status| status.backup = Some(backup(Some(NOW), Some("no room")))).contains("no room"));
    }

    #[test]
    fn what_a_paused_rule_holds_and_what_waits_while_all_is_paused_is_meant_so() {
        let mut status = well();
        status.rules = RulesStatus { count: 2, paused: vec!["a".into()], braked: Vec::new() };
        status.deliveries.insert(State::Held, 4);
        assert_eq!(about(&status), [""; 0]);
        status.rules.braked = vec!["a".into()];
        assert_eq!(about(&status), ["rule"]);
        assert_eq!(about(&Status { paused: true, lanes: vec![lane(9_999, None)], ..well() }), ["sending"]);
    }

    #[test]
    fn a_large_disk_may_be_nearly_full_in_percent() {
        let mut status = well();
        (status.store.disk_free_bytes, status.store.disk_size_bytes) = (Some(40 << 30), Some(4000 << 30));
        assert_eq!(about(&status), [""; 0]);
    }
}
