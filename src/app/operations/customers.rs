//! `customers list`, `show`.

use super::{failure, page_size};
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::Time;
use crate::domain::{Active, CustomerNumber};
use crate::engine;
use crate::http::{
    ActiveView, CustomerDetail, CustomerLine, CustomerQuery, DeliveryView, Failure, FailureKind, GoalView, Page,
    PlannedDelivery, Result,
};
use crate::rules::{Action, Rule, Step};
use crate::store::View;
use jiff::tz::TimeZone;
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
    if let Some(address) = stored.customer.email() {
        detail.suppression = core.store.suppression(address).await.map_err(failure)?;
    }
    let world = core.world.load_full();
    let watch = &stored.customer.watch;
    let inside = watch.segments.iter().filter(|(_, membership)| membership.inside);
    detail.segments = inside.map(|(name, _)| name.clone()).collect();
    let zone = world.zone_of(&stored.customer);
    detail.active = watch.active.iter().map(|active| goes_on(&world, active, &zone)).collect();
    let enrollments = core.store.enrollments(stored.number, HISTORY).await.map_err(failure)?;
    for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
        if let Some(delivery) = core.store.delivery(*id).await.map_err(failure)? {
            detail.deliveries.push(DeliveryView::from(&delivery));
        }
    }
    detail.enrollments = enrollments.iter().map(Into::into).collect();
    let events = core.store.events(stored.number, None, HISTORY).await.map_err(failure)?;
    detail.events = events.iter().map(Into::into).collect();
    Ok(detail)
}

/// An enrollment that goes on; of a rule that is gone nothing waits.
fn goes_on(world: &World, active: &Active, zone: &TimeZone) -> ActiveView {
    let rule = world.rules.get(&active.rule);
    ActiveView {
        rule: active.rule.clone(),
        occurrence: active.occurrence.clone(),
        since: active.entered_at,
        held_out: active.held_out,
        waiting: rule.map(|rule| waiting(rule, active, zone)).unwrap_or_default(),
        goal: rule
            .and_then(|rule| rule.goal.as_ref())
            .map(|goal| GoalView { event: goal.event.clone(), until: active.entered_at.plus(goal.within) }),
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
    PlannedDelivery { step: step.id.clone(), channel: channel.to_owned(), due_at }
}
