//! Whether a rule's brake would go off.

use super::{Judged, Scope, judged, to_decide};
use crate::app::operations::then::Then;
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{Reason, RuleState, Span, Text, Time};
use crate::engine;
use crate::http::{BrakeView, Result};
use crate::rules::{Rule, Trigger};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many customers are asked about for the sake of one.
const MOST: u64 = 20_000;

/// What the brake goes by.
pub(super) struct Tick {
    pub(super) at: Time,
    pub(super) backtest: bool,
    /// Deliveries, whatever stops them at sending.
    pub(super) queued: u64,
    pub(super) customers: u64,
}

/// The brake, and whether it would go off. In a backtest, when a rule went live is ignored, and with it the default brake,
/// which goes by that; a rule's own `pause_if` holds at all times.
pub(super) fn of(rule: &Rule, state: &RuleState, tick: &Tick) -> Option<BrakeView> {
    let Tick { at, backtest, queued, customers } = *tick;
    let ticks = matches!(rule.trigger, Trigger::Schedule { .. });
    if rule.pause_if.is_none() && (backtest || !ticks) {
        return None;
    }
    let per = rule.pause_if.map_or(Span::days(1), |pause_if| pause_if.per);
    Some(BrakeView {
        limit: engine::limit(rule, state, customers, at),
        per,
        before: state.volume.iter().filter(|(then, _)| at.since(*then) < per).map(|(_, count)| *count).sum(),
        queued,
        // Only what a tick decides waits until it is counted.
        goes_off: ticks && queued > 0 && engine::over_brake(rule, state, queued, customers, at),
        stopped: false,
    })
}

/// The brake stops them before any gate that would only put them off.
pub(in crate::app::operations) fn stop(judged: &mut Judged) {
    let plan = &mut judged.plan;
    plan.hold.remove(&Reason::QuietHours);
    if judged.reached.count > 0 {
        plan.hold.insert(Reason::Brake, judged.reached.count);
    }
    if let Some(held) = &mut plan.held {
        held.remove(&Reason::QuietHours);
        if !judged.reached.ids.is_empty() {
            held.insert(Reason::Brake, std::mem::take(&mut judged.reached.ids));
        }
    }
}

/// By rule, the brakes as a plan has them; `None` where there are too many customers to ask about them all.
pub(in crate::app::operations) async fn brakes(
    core: &Shared,
    world: &Arc<World>,
    only: Option<&str>,
    (then, now): (Then, Time),
) -> Result<Option<BTreeMap<Text, BrakeView>>> {
    if core.store.last_customer().0 > MOST {
        return Ok(None);
    }
    let scope = Scope { then, now, named: false };
    let plans = judged(core, world, (to_decide(world, only), Vec::new()), scope).await?;
    Ok(Some(plans.into_iter().filter_map(|plan| Some((plan.rule.into(), plan.brake?))).collect()))
}
