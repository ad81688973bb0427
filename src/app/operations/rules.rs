//! `rules list`, `pause`, `resume`.

use super::plan::no_rule;
use super::{deliveries, failure};
use crate::app::shared::{DaemonParts, Shared};
use crate::calendar;
use crate::delivery::World;
use crate::domain::{Reason, RuleState, Span, Time};
use crate::engine;
use crate::http::{Result, RuleResumed, RuleStanding, RuleView, TickView};
use crate::rules::{Rule, Trigger, TriggerZone};

pub(super) async fn list(core: &Shared) -> Result<Vec<RuleView>> {
    let world = core.world.load_full();
    let states = core.store.rule_states().await.map_err(failure)?;
    let now = core.clock.now();
    let state_of =
        |id: &str| states.iter().find(|(name, _)| name == id).map(|(_, state)| state.clone()).unwrap_or_default();
    let zones = core.store.zones();
    let refused = core.daemon.as_ref().and_then(DaemonParts::last_reload).filter(|reload| !reload.ok);
    let found = refused.map(|reload| reload.problems).unwrap_or_default();
    let problem_of = |rule: &Rule| {
        let file = rule.file.display().to_string();
        found.iter().find(|problem| problem.is_error() && problem.file == file).cloned()
    };
    let one =
        |rule: &Rule| RuleView { problem: problem_of(rule), ..view(&world, rule, &state_of(&rule.id), &zones, now) };
    Ok(world.rules.rules.iter().map(|rule| one(rule)).collect())
}

fn view(world: &World, rule: &Rule, state: &RuleState, zones: &[String], now: Time) -> RuleView {
    let standing = match state.paused {
        None => RuleStanding::Live,
        Some(Reason::Brake) => RuleStanding::Braked,
        Some(_) => RuleStanding::Paused,
    };
    RuleView {
        rule: rule.id.to_string(),
        state: standing,
        paused_at: state.paused_at,
        description: rule.description.clone(),
        file: format!("{}:{}", rule.file.display(), rule.line),
        class: rule.class,
        topic: rule.topic.as_deref().map(str::to_owned),
        trigger: shown(&rule.trigger),
        priority: rule.priority,
        live_since: state.live_since,
        next_due: next_due(world, rule, zones, now),
        last_tick: state.last_tick.as_ref().map(|(at, counts)| TickView::new(*at, counts)),
        problem: None,
    }
}

/// The trigger for a person; what a schedule says is as it stands in the file.
fn shown(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Schedule { .. } | Trigger::Crossing { .. } => trigger.text(),
        Trigger::Event { name, delay, once_per } => {
            let after = if *delay == Span(0) { String::new() } else { format!(", {delay} later") };
            let once = once_per.as_ref().map(|property| format!(", once per {property}")).unwrap_or_default();
            format!("event {name}{after}{once}")
        }
        Trigger::Date { attribute, at, yearly } => {
            let yearly = if *yearly { ", yearly" } else { "" };
            format!("date {attribute} at {}{yearly}", at.strftime("%H:%M"))
        }
    }
}

/// When the rule's trigger fires next, in whichever zone comes first. Of events, dates and borders that is not told: it
/// depends on each customer.
fn next_due(world: &World, rule: &Rule, zones: &[String], now: Time) -> Option<Time> {
    let Trigger::Schedule { cron, zone } = &rule.trigger else { return None };
    let next = |zone: &jiff::tz::TimeZone| cron.next(zone, now).map(|occurrence| occurrence.at);
    match zone {
        TriggerZone::Business => next(&world.zone),
        TriggerZone::Named(_, zone) => next(zone),
        TriggerZone::Customer => {
            let own = zones.iter().filter_map(|name| calendar::zone(name)).filter_map(|zone| next(&zone));
            own.chain(next(&world.zone)).min()
        }
    }
}

pub(super) async fn pause(core: &Shared, rule: &str) -> Result<RuleView> {
    known(core, rule)?;
    core.set_rule_paused(rule, Some(Reason::Paused)).await.map_err(failure)?;
    one(core, rule).await
}

/// Lets the rule go on and queues what its pause held. A person let it through, so for the brake it is what is usual,
/// and nothing that stands against the limit of today.
pub(super) async fn resume(core: &Shared, rule: &str) -> Result<RuleResumed> {
    known(core, rule)?;
    let world = core.world.load_full();
    core.set_rule_paused(rule, None).await.map_err(failure)?;
    let mut released = 0;
    for reason in [Reason::Paused, Reason::Brake] {
        released += deliveries::queue_held(core, rule, reason).await?;
    }
    let ticking = world.rules.get(rule).filter(|rule| matches!(rule.trigger, Trigger::Schedule { .. }));
    if let Some(compiled) = ticking.filter(|_| released > 0) {
        let _editing = core.pauses.editing().await;
        let mut states = core.store.rule_states().await.map_err(failure)?;
        if let Some((_, state)) = states.iter_mut().find(|(name, _)| name == rule) {
            let past = compiled.pause_if.map_or(Span::days(1), |pause_if| pause_if.per.max(Span::days(1)));
            engine::add_volume(compiled, state, core.clock.now().minus(past), released);
            core.store.set_rule_states(vec![(rule.into(), state.clone())]).await.map_err(failure)?;
        }
    }
    core.wake();
    Ok(RuleResumed { rule: one(core, rule).await?, released })
}

fn known(core: &Shared, rule: &str) -> Result<()> {
    let world = core.world.load_full();
    world.rules.get(rule).map(drop).ok_or_else(|| no_rule(&world, rule))
}

async fn one(core: &Shared, rule: &str) -> Result<RuleView> {
    let found = list(core).await?.into_iter().find(|view| view.rule == rule);
    found.ok_or_else(|| no_rule(&core.world.load_full(), rule))
}

#[cfg(test)]
mod tests {
    use super::shown;
    use crate::domain::Span;
    use crate::rules::{Direction, Trigger};

    #[test]
    fn triggers_are_shown_for_people() {
        let event = |delay, once_per: Option<&str>| Trigger::Event {
            name: "Ticket Solved".into(),
            delay,
            once_per: once_per.map(Into::into),
        };
        assert_eq!(shown(&event(Span(0), None)), "event Ticket Solved");
        let late = shown(&event(Span::hours(36), Some("ticket")));
        assert_eq!(late, "event Ticket Solved, 36h later, once per ticket");
        let at = jiff::civil::time(9, 0, 0, 0);
        let date = Trigger::Date { attribute: "birthday".into(), at, yearly: true };
        assert_eq!(shown(&date), "date birthday at 09:00, yearly");
        let crossing = Trigger::Crossing { segment: "vip".into(), direction: Direction::Leaves };
        assert_eq!(shown(&crossing), "leaves vip");
    }
}
