//! `status`, `pause`, `resume` and readiness.

use super::attention::attention;
use super::{failure, rules};
use crate::app::nightly;
use crate::app::shared::{DaemonParts, MARKETING_PAUSED, Shared};
use crate::domain::{Span, State, Time};
use crate::http::{
    LaneView, Late, NextTick, Paused, Readiness, RecentStatus, Result, RuleStanding, RuleView, RulesStatus, Status,
    StoreStatus,
};
use crate::store::Stats;
use crate::telemetry::Tally;

/// The worker looks for work every second; this long without a look means that it hangs.
const WORKER_SILENT: Span = Span::seconds(30);

/// So many triggers that are next are told.
const NEXT_TICKS: usize = 3;

/// So many deliveries of a lane are counted that wait past their time.
const MOST_COUNTED: usize = 10_000;

pub(super) async fn status(core: &Shared) -> Result<Status> {
    let counts = core.store.stats().await.map_err(failure)?;
    let views = readable(core, rules::list(core).await)?;
    let next_ticks = next_ticks(&views);
    let now = core.clock.now();
    let daemon = core.daemon.as_ref();
    let mut status = Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: Some(now),
        running: daemon.is_some(),
        pid: daemon.map(|_| std::process::id()),
        started_at: daemon.map(|daemon| daemon.started_at),
        settings: core.settings_file.display().to_string(),
        paused: core.pauses.all(),
        marketing_paused: readable(core, core.store.flag(MARKETING_PAUSED).await.map_err(failure))?,
        backup: nightly::status(core).await,
        readiness: readiness(core),
        store: store(core, &counts),
        deliveries: counts.deliveries.into_iter().collect(),
        lanes: readable(core, lanes(core, now).await)?,
        rules: standing(&views),
        next_tick: next_ticks.first().cloned(),
        next_ticks,
        late: readable(core, late(core, now).await)?,
        recent: daemon.and_then(|daemon| daemon.metrics.as_ref()).map(|metrics| recent(metrics.recent())),
        last_reload: daemon.and_then(DaemonParts::last_reload),
        attention: Vec::new(),
    };
    status.attention = attention(&status, now);
    Ok(status)
}

/// A part of the state; nothing where the store is in trouble and cannot be read, for then the rest is all the more
/// wanted.
fn readable<T: Default>(core: &Shared, part: Result<T>) -> Result<T> {
    match part {
        Err(_) if core.store.trouble().is_some_and(|trouble| trouble.may_pass()) => Ok(T::default()),
        part => part,
    }
}

fn next_ticks(views: &[RuleView]) -> Vec<NextTick> {
    let live = views.iter().filter(|view| view.state == RuleStanding::Live);
    let mut next: Vec<_> =
        live.filter_map(|view| Some(NextTick { at: view.next_due?, rule: view.rule.clone() })).collect();
    next.sort_by_key(|next| next.at);
    next.truncate(NEXT_TICKS);
    next
}

fn standing(views: &[RuleView]) -> RulesStatus {
    let named = |test: &dyn Fn(RuleStanding) -> bool| -> Vec<String> {
        views.iter().filter(|view| test(view.state)).map(|view| view.rule.clone()).collect()
    };
    RulesStatus {
        count: views.len() as u64,
        paused: named(&|state| state != RuleStanding::Live),
        braked: named(&|state| state == RuleStanding::Braked),
    }
}

fn store(core: &Shared, stats: &Stats) -> StoreStatus {
    StoreStatus {
        path: core.store_path.display().to_string(),
        customers: stats.customers,
        disk_bytes: stats.disk_bytes,
        disk_free_bytes: stats.room.map(|room| room.free_bytes),
        disk_size_bytes: stats.room.map(|room| room.bytes),
        writable: stats.writable,
    }
}

async fn lanes(core: &Shared, now: Time) -> Result<Vec<LaneView>> {
    let lanes = core.store.lanes().await.map_err(failure)?;
    let overdue = core.store.overdue(now, &[], MOST_COUNTED).await.map_err(failure)?;
    let troubles = core.daemon.as_ref().map(|daemon| daemon.worker.troubles()).unwrap_or_default();
    let view = |status: crate::store::LaneStatus| {
        let trouble = troubles.iter().find(|(lane, ..)| *lane == status.lane);
        let due = overdue.iter().find(|found| found.lane == status.lane);
        LaneView {
            lane: status.lane.to_string(),
            next_due: status.next_due,
            late_seconds: seconds_late(now, Some(status.next_due)),
            due: due.map_or(0, |found| found.counts.iter().sum()),
            trouble: trouble.map(|(_, what, _)| what.clone()),
            tried_at: trouble.map(|(.., at)| *at),
        }
    };
    Ok(lanes.into_iter().map(view).collect())
}

/// How late the rules are worked off; nobody works them off where no daemon runs.
async fn late(core: &Shared, now: Time) -> Result<Option<Late>> {
    if core.daemon.is_none() {
        return Ok(None);
    }
    let tick = core.store.open_ticks().await.map_err(failure)?.first().map(|tick| tick.at);
    let look = core.store.next_wake().await.map_err(failure)?;
    Ok(Some(Late { tick_seconds: seconds_late(now, tick), look_seconds: seconds_late(now, look) }))
}

fn seconds_late(now: Time, due: Option<Time>) -> u64 {
    due.map_or(0, |due| u64::try_from(now.since(due).0 / 1000).unwrap_or(0))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither is negative, nor a century long")]
fn recent(tally: Tally) -> RecentStatus {
    RecentStatus {
        seconds: tally.seconds as u64,
        stored: tally.stored,
        duplicates: tally.duplicates,
        refused: tally.refused,
        calls_refused: tally.calls_refused,
        sent: tally.sent,
        latest_ms: (tally.latest * 1000.0) as u64,
        given_up: tally.given_up,
    }
}

/// Stops or starts all sending. What is queued is counted first: after it, some of it may have gone out.
pub(super) async fn set_paused(core: &Shared, paused: bool) -> Result<Paused> {
    let deliveries = core.store.stats().await.map_err(failure)?.deliveries;
    let queued = deliveries.iter().find(|(state, _)| *state == State::Queued).map_or(0, |(_, count)| *count);
    let before = core.set_paused(paused).await.map_err(failure)?;
    Ok(Paused { paused, before, queued })
}

pub(super) fn readiness(core: &Shared) -> Readiness {
    let mut reasons = Vec::new();
    match &core.daemon {
        None => reasons.push("no daemon runs".to_owned()),
        Some(daemon) => {
            if core.clock.now().since(daemon.worker.progress().last_pass) > WORKER_SILENT {
                reasons.push("the outbox worker has not looked for work for 30 s".to_owned());
            }
        }
    }
    // What is decided may go out all the same, but what is new is refused, and whoever balances loads is to know.
    reasons.extend(core.store.trouble().map(|trouble| {
        let failure = failure(trouble);
        std::iter::once(failure.message).chain(failure.causes).collect::<Vec<_>>().join(": ")
    }));
    Readiness { ready: reasons.is_empty(), reasons }
}
