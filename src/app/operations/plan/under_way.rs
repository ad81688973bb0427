//! Enrollments that go on, and what becomes of them.

use super::{Judge, Judged};
use crate::calendar;
use crate::condition::Facts;
use crate::domain::{Active, CapSlot, Class, Customer, Delivery, Reason, Text, Time};
use crate::engine::{self, Fate};
use crate::http::{RulePlan, UnderWay};
use crate::rules::{Action, Rule, Step};
use crate::store::{DeliveryFilter, Result, Store};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many deliveries are read at a time.
const PAGE: usize = 1000;

/// A rule whose enrollments are looked at.
pub(in crate::app::operations) struct Watched {
    pub(super) id: Text,
    /// The live rule.
    before: Option<Arc<Rule>>,
    /// The rule as it is to be.
    after: Option<Arc<Rule>>,
}

impl Watched {
    /// A rule that stays as it is.
    pub(super) fn live(rule: &Arc<Rule>) -> Self {
        Self { id: rule.id.clone(), before: Some(Arc::clone(rule)), after: Some(Arc::clone(rule)) }
    }

    /// A rule as it is and as it is to be.
    pub(super) fn changed(id: &str, before: Option<&Arc<Rule>>, after: Option<&Arc<Rule>>) -> Self {
        Self { id: id.into(), before: before.cloned(), after: after.cloned() }
    }

    /// Ids of the steps that are gone.
    fn removed(&self) -> BTreeSet<Text> {
        let steps = |rule: &Option<Arc<Rule>>| -> BTreeSet<Text> {
            rule.iter().flat_map(|rule| &rule.steps).map(|step| step.id.clone()).collect()
        };
        steps(&self.before).difference(&steps(&self.after)).cloned().collect()
    }

    /// How many deliveries that wait belong to steps that are gone.
    pub(super) async fn cancelled(&self, store: &dyn Store) -> Result<u64> {
        let removed = self.removed();
        if removed.is_empty() {
            return Ok(0);
        }
        let is_cancelled = |delivery: &&Delivery| !delivery.state.is_final() && removed.contains(&delivery.step);
        let filter = DeliveryFilter { rule: Some(self.id.to_string()), ..DeliveryFilter::default() };
        let (mut count, mut after) = (0, None);
        loop {
            let page = store.deliveries(&filter, after, PAGE).await?;
            count += page.iter().filter(is_cancelled).count() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id),
                _ => return Ok(count),
            }
        }
    }

    fn count(&self, active: &Active, (customer, zone): (&Customer, &TimeZone), judge: &Judge, counts: &mut UnderWay) {
        let after = self.after.as_deref();
        let fate = engine::fate(active, after, (customer, zone), judge.at);
        counts.count += 1;
        match fate {
            Fate::GoesOn => counts.go_on += 1,
            Fate::Ends(reason) => *counts.end.entry(reason).or_default() += 1,
            Fate::IsOver => {}
        }
        let still: Vec<&str> = after
            .filter(|_| fate == Fate::GoesOn)
            .map(|rule| engine::waiting(rule, active, zone).into_iter().map(|(step, _)| step.id.as_str()).collect())
            .unwrap_or_default();
        counts.steps_waiting += still.len() as u64;
        if let Some(before) = &self.before {
            let gone = engine::waiting(before, active, zone);
            counts.steps_cancelled += gone.iter().filter(|(step, _)| !still.contains(&step.id.as_str())).count() as u64;
        }
    }
}

impl Judge {
    /// Counts the deliveries of steps that fall due on the instant's day, of enrollments that go on; whether there are any.
    pub(super) fn go_on(
        &self,
        customer: &mut Cow<'_, Customer>,
        (rule, zone): (&Rule, &TimeZone),
        judged: &mut Judged,
    ) -> bool {
        let today = calendar::day_of(zone, self.at);
        let mut any = false;
        let goes_on = |active: &&Active| {
            let fate = engine::fate(active, Some(rule), (customer, zone), self.at);
            active.rule == rule.id && !active.held_out && !matches!(fate, Fate::Ends(_))
        };
        let active: Vec<Active> = customer.watch.active.iter().filter(goes_on).cloned().collect();
        for active in &active {
            for (step, due) in engine::waiting(rule, active, zone) {
                let facts = Facts { customer, now: due.max(self.at), zone, entry: Some(&active.entry) };
                let wanted = step.when.as_ref().is_none_or(|when| when.evaluate(&facts).is_true());
                if calendar::day_of(zone, due) == today && wanted {
                    any |= self.step(customer, (rule, zone), (active, step, due), &mut judged.plan);
                }
            }
        }
        any
    }

    /// Counts the delivery of one step, or what stops it; whether it goes out.
    fn step(
        &self,
        customer: &mut Cow<'_, Customer>,
        (rule, zone): (&Rule, &TimeZone),
        (active, step, due): (&Active, &Step, Time),
        plan: &mut RulePlan,
    ) -> bool {
        if rule.class == Class::Marketing && !customer.consents_to(Class::Marketing.word()) {
            super::hold(plan, Reason::NoConsent, &customer.id);
            return false;
        }
        if let Action::Webhook { .. } = step.action {
            plan.deliveries.webhook += 1;
            return true;
        }
        let caps = self.world.policy.caps.get(&rule.class).map(Vec::as_slice).unwrap_or_default();
        let delivery = self.key.delivery_id(&rule.id, &customer.id, &active.occurrence, &step.id);
        let at = due.max(self.at);
        let full = calendar::cap_reached(caps, &customer.slots, rule.class, Some(delivery), zone, at);
        let stops = full.map(|_| Reason::FrequencyCap).or_else(|| self.address_stops(customer));
        if let Some(reason) = stops {
            super::hold(plan, reason, &customer.id);
            return false;
        }
        if !caps.is_empty() {
            customer.to_mut().reserve(CapSlot { class: rule.class, at, delivery });
        }
        plan.deliveries.email += 1;
        true
    }

    /// Counts what a customer has under way.
    pub(super) fn watch(&self, customer: &Customer, zone: &TimeZone, plans: &mut [Judged]) {
        for active in &customer.watch.active {
            let Some(place) = self.watched.iter().position(|watched| watched.id == active.rule) else { continue };
            let counts = plans.get_mut(place).and_then(|judged| judged.plan.under_way.as_mut());
            if let (Some(counts), Some(watched)) = (counts, self.watched.get(place)) {
                watched.count(active, (customer, zone), self, counts);
            }
        }
    }
}

/// Adds what a page counted.
pub(super) fn add(total: &mut Option<UnderWay>, part: Option<&UnderWay>) {
    let (Some(total), Some(part)) = (total.as_mut(), part) else { return };
    total.count += part.count;
    total.go_on += part.go_on;
    for (reason, count) in &part.end {
        *total.end.entry(*reason).or_default() += count;
    }
    total.steps_waiting += part.steps_waiting;
    total.steps_cancelled += part.steps_cancelled;
}
