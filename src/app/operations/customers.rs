//! `customers list`, `show`, `export`.

use super::plan::{Judge, Judged, Seen};
use super::then::Then;
use super::{failure, page_size};
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{Active, Class, Customer, CustomerNumber, Reason, Time, consent_log, normalized_address};
use crate::engine;
use crate::http::{
    ActiveView, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery, DeliveryDetail, DeliveryView, Failure,
    FailureKind, GoalView, Page, PlannedDelivery, Result, RuleDecision, StandingView,
};
use crate::rules::{Action, Rule, Step, Trigger};
use crate::store::{StoredCustomer, View};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of a customer's history `show` gives.
const HISTORY: usize = 50;

fn view(core: &Shared) -> View {
    let interest = Arc::clone(&core.world.load().interest);
    View { interest, now: core.clock.now(), backtest: false }
}

pub(super) async fn list(core: &Shared, query: &CustomerQuery) -> Result<Page<CustomerLine>> {
    let after = match &query.after {
        None => None,
        Some(text) => Some(CustomerNumber(
            text.parse().map_err(|_| Failure::new(FailureKind::Invalid, "`after` is what a page's `next` said"))?,
        )),
    };
    let limit = page_size(query.limit);
    let last = core.store.last_customer();
    let found = core.store.customers(after, last, limit, &view(core)).await.map_err(failure)?;
    let next = (found.len() == limit).then(|| found.last().map(|stored| stored.number.0.to_string())).flatten();
    Ok(Page { items: found.iter().map(|stored| CustomerLine::from(&stored.customer)).collect(), next })
}

pub(super) async fn show(core: &Shared, id: &str) -> Result<CustomerDetail> {
    let found = core.store.customer(id, &view(core)).await.map_err(failure)?;
    let Some(stored) = found else { return Err(Failure::not_found("customer", id)) };
    let mut detail = CustomerDetail::of(&stored.customer);
    let told = core.store.profile_rows(stored.number).await.map_err(failure)?;
    detail.consent_log = consent_log(&told).into_iter().map(Into::into).collect();
    if let Some(address) = stored.customer.email() {
        detail.suppression = core.store.suppression(address).await.map_err(failure)?;
    }
    let world = core.world.load_full();
    detail.segments = segments(&stored.customer);
    detail.active = active(&world, &stored.customer);
    let enrollments = core.store.enrollments(stored.number, HISTORY).await.map_err(failure)?;
    for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
        if let Some(delivery) = core.store.delivery(*id).await.map_err(failure)? {
            detail.deliveries.push(DeliveryView::from(&delivery));
        }
    }
    detail.enrollments = enrollments.iter().map(Into::into).collect();
    let events = core.store.events(stored.number, None, HISTORY).await.map_err(failure)?;
    detail.events = events.iter().map(Into::into).collect();
    detail.standing = standing(core, stored, detail.suppression.is_some());
    Ok(detail)
}

/// All that is held about one customer.
pub(super) async fn export(core: &Shared, id: &str) -> Result<CustomerExport> {
    let found = core.store.customer(id, &view(core)).await.map_err(failure)?;
    let Some(StoredCustomer { number, customer, .. }) = found else { return Err(Failure::not_found("customer", id)) };
    let told = core.store.profile_rows(number).await.map_err(failure)?;
    let suppression = match customer.email() {
        Some(address) => core.store.suppression(address).await.map_err(failure)?,
        None => None,
    };
    let enrollments = core.store.enrollments(number, usize::MAX).await.map_err(failure)?;
    let mut deliveries = Vec::new();
    for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
        deliveries.extend(core.store.delivery(*id).await.map_err(failure)?.as_ref().map(DeliveryDetail::from));
    }
    let events = core.store.events(number, None, usize::MAX).await.map_err(failure)?;
    let CustomerDetail { customer: line, attributes, consent, rules, .. } = CustomerDetail::of(&customer);
    Ok(CustomerExport {
        exported_at: core.clock.now(),
        ids: core.store.ids(number).await.map_err(failure)?,
        id: line.id,
        arrived_at: line.arrived_at,
        attributes,
        consent,
        consent_log: consent_log(&told).into_iter().map(Into::into).collect(),
        profile_rows: told.iter().map(Into::into).collect(),
        orders: line.orders,
        suppression,
        segments: segments(&customer),
        rules,
        active: active(&core.world.load(), &customer),
        enrollments: enrollments.iter().map(Into::into).collect(),
        deliveries,
        events: events.iter().map(Into::into).collect(),
    })
}

fn segments(customer: &Customer) -> Vec<String> {
    let inside = customer.watch.segments.iter().filter(|(_, membership)| membership.inside);
    inside.map(|(name, _)| name.to_string()).collect()
}

fn active(world: &World, customer: &Customer) -> Vec<ActiveView> {
    let zone = world.zone_of(customer);
    customer.watch.active.iter().map(|active| goes_on(world, active, &zone)).collect()
}

/// What each rule would do now, so that of whom nothing is stored (an entry gate leaves no trace with the customer) it
/// can be told why. Of rules with errors nothing can be told.
fn standing(core: &Shared, stored: StoredCustomer, is_suppressed: bool) -> Vec<StandingView> {
    if core.sound_rules().is_err() {
        return Vec::new();
    }
    let world = core.world.load_full();
    let address = stored.customer.email().filter(|_| is_suppressed).map(normalized_address);
    let now = core.clock.now();
    // What happens, and not when, decides of the others.
    let ticks = world.rules.rules.iter().filter(|rule| matches!(rule.trigger, Trigger::Schedule { .. }));
    let rules: Vec<Arc<Rule>> = ticks.cloned().collect();
    let judge = Judge {
        paused: Then::of(None, now).paused(core, &rules, &BTreeMap::new()),
        rules,
        watched: Vec::new(),
        live: BTreeMap::new(),
        now,
        suppressed: address.into_iter().collect(),
        key: core.store.delivery_key(),
        at: now,
        // Who arrived this very moment is judged, too.
        backtest: true,
        named: false,
        world,
    };
    let mut standing: Vec<_> = judge.page(std::iter::once(Seen::now(stored))).iter().map(standing_of).collect();
    for one in &mut standing {
        let class = core.world.load().rules.get(&one.rule).map_or(Class::Service, |rule| rule.class);
        hold_if_paused(core.pauses.stops(class), one);
    }
    standing
}

/// As long as all sending, or that of its class, is paused, nothing goes out of what a rule decides.
pub(super) fn hold_if_paused(paused: bool, standing: &mut StandingView) {
    if standing.decision == RuleDecision::Fire && paused {
        standing.decision = RuleDecision::Hold;
        standing.reasons.insert(0, Reason::Paused);
    }
}

pub(super) fn standing_of(judged: &Judged) -> StandingView {
    let plan = &judged.plan;
    let mut reasons: Vec<Reason> = plan.hold.keys().copied().collect();
    reasons.extend((plan.unknown > 0).then_some(Reason::UnknownValue));
    reasons.extend((plan.holdout > 0).then_some(Reason::Holdout));
    reasons.extend(judged.kept.filter(|reason| !plan.hold.contains_key(reason)));
    // What falls due later goes out, too.
    let sends = judged.waits || plan.deliveries.email + plan.deliveries.webhook > 0;
    if plan.matched > 0 && reasons.is_empty() && !sends {
        // Enrolled, and no step's own condition holds.
        reasons.push(Reason::NotWanted);
    }
    let waits = [Reason::QuietHours, Reason::Brake].iter().any(|reason| plan.hold.contains_key(reason));
    let decision = match (plan.matched, sends && !waits) {
        (0, _) => RuleDecision::NoMatch,
        (_, true) => RuleDecision::Fire,
        (_, false) => RuleDecision::Hold,
    };
    StandingView { rule: plan.rule.clone(), decision, reasons }
}

/// An enrollment that goes on; of a rule that is gone nothing waits.
pub(super) fn goes_on(world: &World, active: &Active, zone: &TimeZone) -> ActiveView {
    let rule = world.rules.get(&active.rule);
    ActiveView {
        rule: active.rule.to_string(),
        occurrence: active.occurrence.to_string(),
        since: active.entered_at,
        held_out: active.held_out,
        waiting: rule.map(|rule| waiting(rule, active, zone)).unwrap_or_default(),
        goal: rule
            .and_then(|rule| rule.goal.as_ref())
            .map(|goal| GoalView { event: goal.event.to_string(), until: active.entered_at.plus(goal.within) }),
    }
}

/// The steps of an enrollment that wait.
pub(super) fn waiting(rule: &Rule, active: &Active, zone: &TimeZone) -> Vec<PlannedDelivery> {
    engine::waiting(rule, active, zone).into_iter().map(|(step, due_at)| planned(step, due_at)).collect()
}

fn planned(step: &Step, due_at: Time) -> PlannedDelivery {
    let channel = match &step.action {
        Action::Email { .. } => "email",
        Action::Webhook { .. } => "webhook",
    };
    PlannedDelivery { step: step.id.to_string(), channel: channel.to_owned(), due_at }
}
