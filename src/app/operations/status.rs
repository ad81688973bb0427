//! `status`, `pause`, `resume`, readiness and metrics.

use super::{failure, rules};
use crate::app::nightly;
use crate::app::shared::{DaemonParts, MARKETING_PAUSED, Shared};
use crate::domain::{Class, Lane, Span, State, Time};
use crate::http::{LaneView, NextTick, Paused, Readiness, Result, RuleStanding, RulesStatus, Status, StoreStatus};
use crate::telemetry::Metrics;
use crate::telemetry::names::{self, label};
use std::collections::BTreeMap;

/// The worker looks for work every second; this long without a look means that it hangs.
const WORKER_SILENT: Span = Span::seconds(30);

pub(super) async fn status(core: &Shared) -> Result<Status> {
    let stats = core.store.stats().await.map_err(failure)?;
    let lanes = core.store.lanes().await.map_err(failure)?;
    let troubles = core.daemon.as_ref().map(|daemon| daemon.worker.troubles()).unwrap_or_default();
    let views = rules::list(core).await?;
    let next_tick = views
        .iter()
        .filter(|view| view.state == RuleStanding::Live)
        .filter_map(|view| Some(NextTick { at: view.next_due?, rule: view.rule.clone() }))
        .min_by_key(|next| next.at);
    let paused = views.iter().filter(|view| view.state != RuleStanding::Live).map(|view| view.rule.clone()).collect();
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        running: core.daemon.is_some(),
        pid: core.daemon.as_ref().map(|_| std::process::id()),
        started_at: core.daemon.as_ref().map(|daemon| daemon.started_at),
        settings: core.settings_file.display().to_string(),
        paused: core.pauses.all(),
        marketing_paused: core.store.flag(MARKETING_PAUSED).await.map_err(failure)?,
        backup: nightly::status(core).await,
        readiness: readiness(core),
        store: StoreStatus {
            path: core.store_path.display().to_string(),
            customers: stats.customers,
            disk_bytes: stats.disk_bytes,
        },
        deliveries: stats.deliveries.into_iter().collect(),
        lanes: lanes
            .into_iter()
            .map(|status| {
                let trouble = troubles.iter().find(|(lane, ..)| *lane == status.lane);
                LaneView {
                    lane: status.lane.to_string(),
                    next_due: status.next_due,
                    trouble: trouble.map(|(_, what, _)| what.clone()),
                    tried_at: trouble.map(|(.., at)| *at),
                }
            })
            .collect(),
        rules: RulesStatus { count: views.len() as u64, paused },
        next_tick,
        last_reload: core.daemon.as_ref().and_then(DaemonParts::last_reload),
    })
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
    Readiness { ready: reasons.is_empty(), reasons }
}

/// The metrics, with the gauges read now.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
pub(super) async fn metrics(core: &Shared) -> String {
    metrics::gauge!(names::PAUSED).set(if core.pauses.all() { 1.0 } else { 0.0 });
    metrics::gauge!(names::MARKETING_PAUSED).set(if core.pauses.marketing() { 1.0 } else { 0.0 });
    metrics::gauge!(names::READY).set(if readiness(core).ready { 1.0 } else { 0.0 });
    if let Ok(stats) = core.store.stats().await {
        metrics::gauge!(names::CUSTOMERS).set(stats.customers as f64);
        metrics::gauge!(names::STORE_BYTES).set(stats.disk_bytes as f64);
        for state in State::ALL {
            let count = stats.deliveries.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
            metrics::gauge!(names::QUEUE, label::STATE => state.word()).set(count as f64);
        }
    }
    set_gauges_of_work(core).await;
    if let Ok(next) = core.store.next_wake().await {
        let late = next.map_or(0, |wake| core.clock.now().since(wake).0.max(0));
        metrics::gauge!(names::LOOK_LAG).set(late as f64 / 1000.0);
    }
    core.daemon.as_ref().and_then(|daemon| daemon.metrics.as_ref()).map_or_else(String::new, Metrics::render)
}

/// Rules by state, and how late the oldest work of each kind is; what has no work is not late.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
async fn set_gauges_of_work(core: &Shared) {
    let now = core.clock.now();
    let late = |due: Option<Time>| due.map_or(0.0, |due| now.since(due).0.max(0) as f64 / 1000.0);
    if let Some(daemon) = &core.daemon {
        metrics::gauge!(names::STARTED_AT).set(daemon.started_at.0 as f64 / 1000.0);
    }
    if let Ok(views) = rules::list(core).await {
        let states = [(RuleStanding::Live, "live"), (RuleStanding::Paused, "paused"), (RuleStanding::Braked, "braked")];
        for (state, word) in states {
            let count = views.iter().filter(|view| view.state == state).count();
            metrics::gauge!(names::RULES, label::STATE => word).set(count as f64);
        }
    }
    if let Ok(ticks) = core.store.open_ticks().await {
        metrics::gauge!(names::TICK_LAG).set(late(ticks.first().map(|tick| tick.at)));
    }
    if let Ok(lanes) = core.store.lanes().await {
        let mut due: BTreeMap<Lane, Option<Time>> =
            [Class::Marketing, Class::Service].map(|class| (Lane::Mail(class), None)).into();
        due.extend(core.world.load().endpoints.keys().map(|name| (Lane::Endpoint(name.as_str().into()), None)));
        due.extend(lanes.into_iter().map(|status| (status.lane, Some(status.next_due))));
        for (lane, due) in due {
            metrics::gauge!(names::LANE_LAG, label::LANE => lane.to_string()).set(late(due));
        }
    }
}
