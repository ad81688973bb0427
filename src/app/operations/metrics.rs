//! `/metrics`: what is read at the scrape, beside what is counted as it happens.

use super::{rules, status};
use crate::app::nightly;
use crate::app::shared::Shared;
use crate::domain::{Class, Lane, Span, State, Time};
use crate::http::RuleStanding;
use crate::rules::{Action, Rule, Trigger};
use crate::store::Stats;
use crate::telemetry::names::{self, label};
use crate::telemetry::{Metrics, usage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// By how late they are, deliveries that wait are told apart.
const AGES: [(Span, &str); 3] = [(Span::minutes(1), "1m"), (Span::minutes(15), "15m"), (Span::hours(1), "1h")];
/// What is later than all of them.
const OLDER: &str = "more";
/// So many of a lane are counted; beyond that the number would say nothing new, and counting takes time.
const MOST_COUNTED: usize = 10_000;

/// Rules and lanes of which gauges told something once. A recorder forgets nothing, so those that are gone are set to 0,
/// or they would stay late, or braked, for ever.
#[derive(Debug, Default)]
pub(crate) struct Told {
    rules: BTreeSet<String>,
    lanes: BTreeSet<Lane>,
}

/// The metrics, with the gauges read now.
pub(super) async fn metrics(core: &Shared) -> String {
    set(names::PAUSED, core.pauses.all());
    set(names::MARKETING_PAUSED, core.pauses.marketing());
    set(names::READY, status::readiness(core).ready);
    match core.store.stats().await {
        Ok(stats) => set_store(&stats),
        // What it holds is not known; that it is in trouble is.
        Err(_) => set(names::STORE_WRITABLE, false),
    }
    set_daemon(core);
    // Sets the gauges of the backups that are there.
    nightly::status(core).await;
    set_process();
    set_rules(core).await;
    set_lags(core).await;
    set_lanes(core).await;
    core.daemon.as_ref().and_then(|daemon| daemon.metrics.as_ref()).map_or_else(String::new, Metrics::render)
}

fn set(name: &'static str, is: bool) {
    metrics::gauge!(name).set(if is { 1.0 } else { 0.0 });
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn set_store(stats: &Stats) {
    metrics::gauge!(names::CUSTOMERS).set(stats.customers as f64);
    metrics::gauge!(names::STORE_BYTES).set(stats.disk_bytes as f64);
    set(names::STORE_WRITABLE, stats.writable);
    if let Some(room) = stats.room {
        metrics::gauge!(names::DISK_FREE).set(room.free_bytes as f64);
        metrics::gauge!(names::DISK_BYTES).set(room.bytes as f64);
    }
    for state in State::ALL {
        let count = stats.deliveries.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
        metrics::gauge!(names::QUEUE, label::STATE => state.word()).set(count as f64);
    }
}

/// When it began, what its last reload came to.
fn set_daemon(core: &Shared) {
    let Some(daemon) = &core.daemon else { return };
    metrics::gauge!(names::STARTED_AT).set(unix(daemon.started_at));
    let reload = daemon.last_reload();
    set(names::LAST_RELOAD_OK, reload.as_ref().is_none_or(|reload| reload.ok));
    metrics::gauge!(names::LAST_RELOAD_AT).set(unix(reload.map_or(daemon.started_at, |reload| reload.at)));
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn set_process() {
    let usage = usage();
    let told = [
        (names::MEMORY, usage.resident_bytes),
        (names::OPEN_FILES, usage.open_files),
        (names::MOST_OPEN_FILES, usage.most_open_files),
    ];
    for (name, value) in told {
        if let Some(value) = value {
            metrics::gauge!(name).set(value as f64);
        }
    }
}

/// Rules by state; and each rule's counters are there from its beginning, at 0, so that their first increase is seen.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
async fn set_rules(core: &Shared) {
    core.world.load().rules.rules.iter().for_each(|rule| begin_counters(rule));
    let Ok(views) = rules::list(core).await else { return };
    let states = [(RuleStanding::Live, "live"), (RuleStanding::Paused, "paused"), (RuleStanding::Braked, "braked")];
    for (state, word) in states {
        let count = views.iter().filter(|view| view.state == state).count();
        metrics::gauge!(names::RULES, label::STATE => word).set(count as f64);
    }
    let braked: BTreeMap<String, bool> =
        views.into_iter().map(|view| (view.rule, view.state == RuleStanding::Braked)).collect();
    let Some(daemon) = &core.daemon else { return };
    let mut told = daemon.told.lock().unwrap_or_else(PoisonError::into_inner);
    told.rules.extend(braked.keys().cloned());
    for rule in &told.rules {
        let is_braked = braked.get(rule).copied().unwrap_or(false);
        metrics::gauge!(names::RULE_BRAKED, label::RULE => rule.clone()).set(if is_braked { 1.0 } else { 0.0 });
    }
}

fn begin_counters(rule: &Rule) {
    let id = || rule.id.to_string();
    let mut counters = vec![metrics::counter!(names::BRAKES, label::RULE => id())];
    if matches!(rule.trigger, Trigger::Schedule { .. }) {
        let of_ticks = [names::TICKS, names::EVALUATIONS, names::MATCHES];
        counters.extend(of_ticks.map(|name| metrics::counter!(name, label::RULE => id())));
    }
    for holdout in ["false", "true"] {
        counters.push(metrics::counter!(names::ENROLLMENTS, label::RULE => id(), label::HOLDOUT => holdout));
    }
    for channel in rule.steps.iter().map(|step| channel(&step.action)).collect::<BTreeSet<_>>() {
        counters.push(metrics::counter!(names::DEAD_LETTERS, label::RULE => id(), label::CHANNEL => channel));
        counters.push(metrics::counter!(names::ATTEMPTS, label::RULE => id(), label::CHANNEL => channel,
            label::OUTCOME => "accepted"));
    }
    for counter in counters {
        counter.increment(0);
    }
}

const fn channel(action: &Action) -> &'static str {
    match action {
        Action::Email { .. } => "email",
        Action::Webhook { .. } => "webhook",
    }
}

/// How late the oldest tick and the oldest look are; what has no work is not late.
async fn set_lags(core: &Shared) {
    let now = core.clock.now();
    if let Ok(ticks) = core.store.open_ticks().await {
        metrics::gauge!(names::TICK_LAG).set(late(now, ticks.first().map(|tick| tick.at)));
    }
    if let Ok(next) = core.store.next_wake().await {
        metrics::gauge!(names::LOOK_LAG).set(late(now, next));
    }
}

/// What waits in each lane, and how late the oldest of it is.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
async fn set_lanes(core: &Shared) {
    let now = core.clock.now();
    let (Ok(lanes), Ok(overdue)) =
        (core.store.lanes().await, core.store.overdue(now, &AGES.map(|(age, _)| age), MOST_COUNTED).await)
    else {
        return;
    };
    let due: BTreeMap<Lane, Time> = lanes.into_iter().map(|status| (status.lane, status.next_due)).collect();
    let counts: BTreeMap<Lane, Vec<u64>> = overdue.into_iter().map(|found| (found.lane, found.counts)).collect();
    let Some(daemon) = &core.daemon else { return };
    let mut told = daemon.told.lock().unwrap_or_else(PoisonError::into_inner);
    told.lanes.extend([Class::Marketing, Class::Service].map(Lane::Mail));
    told.lanes.extend(core.world.load().endpoints.keys().map(|name| Lane::Endpoint(name.as_str().into())));
    told.lanes.extend(due.keys().chain(counts.keys()).cloned());
    let words = AGES.iter().map(|(_, word)| *word).chain([OLDER]);
    for lane in &told.lanes {
        metrics::gauge!(names::LANE_LAG, label::LANE => lane.to_string()).set(late(now, due.get(lane).copied()));
        for (place, age) in words.clone().enumerate() {
            let count = counts.get(lane).and_then(|counts| counts.get(place)).copied().unwrap_or(0);
            metrics::gauge!(names::LANE_DUE, label::LANE => lane.to_string(), label::AGE => age).set(count as f64);
        }
    }
}

/// By how many seconds it is late.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn late(now: Time, due: Option<Time>) -> f64 {
    due.map_or(0.0, |due| now.since(due).0.max(0) as f64 / 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn unix(at: Time) -> f64 {
    at.0 as f64 / 1000.0
}
