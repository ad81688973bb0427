//! `plan`: whom each rule would reach if its trigger fired at an instant. Changes nothing.

mod reach;

use super::failure;
use crate::app::pages::judge_all;
use crate::app::shared::Shared;
use crate::app::zones::Zones;
use crate::calendar;
use crate::delivery::{Pauses, World};
use crate::domain::{Class, Customer, Delivery, DeliveryKey, Payload, Reason, Span, State, Time, normalized_address};
use crate::engine::{self, Decided, Firing, Moment, Verdict};
use crate::http::{Failure, PlanReport, PlanRequest, Result, RulePlan};
use crate::rules::Rule;
use crate::store::{StoredCustomer, View};
use futures_util::{Stream, StreamExt};
use jiff::tz::TimeZone;
use reach::{Local, Seen, Wanted, judge_seen};
use std::borrow::Cow;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

/// Everything that a page is judged with.
struct Judge {
    world: Arc<World>,
    pauses: Arc<Pauses>,
    rules: Vec<Arc<Rule>>,
    suppressed: HashSet<String>,
    key: DeliveryKey,
    at: Time,
    /// Whether `at` is past, so that when a customer arrived does not matter.
    backtest: bool,
    named: bool,
}

pub(super) async fn plan(core: &Shared, request: PlanRequest) -> Result<PlanReport> {
    let world = core.world.load_full();
    let now = core.clock.now();
    let at = request.at.unwrap_or(now);
    let rules: Vec<Arc<Rule>> = match &request.rule {
        None => world.rules.rules.clone(),
        Some(name) => {
            vec![world.rules.rules.iter().find(|rule| rule.id == *name).cloned().ok_or_else(|| no_rule(&world, name))?]
        }
    };
    let backtest = at < now.minus(Span::minutes(1));
    let judge = Judge {
        pauses: Arc::clone(&core.pauses),
        suppressed: suppressed(core, at, backtest).await?,
        key: core.store.delivery_key(),
        named: request.customers,
        world: Arc::clone(&world),
        rules: rules.clone(),
        at,
        backtest,
    };
    let view = View { interest: Arc::clone(&world.interest), now: at, backtest };
    let mut totals: Vec<RulePlan> = rules.iter().map(|rule| empty(&rule.id, request.customers)).collect();
    let wanted = Wanted::by(&rules);
    let store = Arc::clone(&core.store);
    let mut pages: Pin<Box<dyn Stream<Item = _> + Send>> = if wanted.is_nothing() {
        let page = move |customers: &mut dyn Iterator<Item = StoredCustomer>| judge.page(customers.map(Seen::now));
        Box::pin(judge_all(store, view, None, page).map(|page| page.map(|page| page.result)))
    } else {
        Box::pin(judge_seen(store, view, wanted, move |customers| judge.page(customers)))
    };
    while let Some(page) = pages.next().await {
        for (total, part) in totals.iter_mut().zip(page.map_err(failure)?) {
            add(total, part);
        }
    }
    Ok(PlanReport { at, rules: totals })
}

pub(super) fn no_rule(world: &World, name: &str) -> Failure {
    let mut failure = Failure::not_found("rule", name);
    if let Some(near) = crate::domain::nearest(name, world.rules.rules.iter().map(|rule| rule.id.as_str())) {
        failure.causes.push(format!("did you mean {near:?}?"));
    }
    failure
}

/// The suppressed addresses as of `at`.
async fn suppressed(core: &Shared, at: Time, backtest: bool) -> Result<HashSet<String>> {
    let mut all = HashSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = core.store.suppressions(after.as_deref(), 1000).await.map_err(failure)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.address.clone());
        all.extend(page.into_iter().filter(|entry| !backtest || entry.at <= at).map(|entry| entry.address));
    }
}

fn empty(rule: &str, named: bool) -> RulePlan {
    RulePlan {
        rule: rule.to_owned(),
        customers: named.then(Vec::new),
        held: named.then(Default::default),
        ..RulePlan::default()
    }
}

fn add(total: &mut RulePlan, part: RulePlan) {
    total.evaluated += part.evaluated;
    total.matched += part.matched;
    total.unknown += part.unknown;
    total.enroll += part.enroll;
    total.holdout += part.holdout;
    total.deliveries.email += part.deliveries.email;
    total.deliveries.webhook += part.deliveries.webhook;
    for (reason, count) in part.hold {
        *total.hold.entry(reason).or_default() += count;
    }
    if let (Some(all), Some(more)) = (&mut total.customers, part.customers) {
        all.extend(more);
    }
    if let (Some(all), Some(more)) = (&mut total.held, part.held) {
        for (reason, ids) in more {
            all.entry(reason).or_default().extend(ids);
        }
    }
}

impl Judge {
    fn page(&self, customers: impl Iterator<Item = Seen>) -> Vec<RulePlan> {
        let paused: Vec<_> = self.rules.iter().map(|rule| self.pauses.rule(&rule.id)).collect();
        let mut plans: Vec<RulePlan> = self.rules.iter().map(|rule| empty(&rule.id, self.named)).collect();
        let mut zones = Zones::new(&self.world, self.at);
        for seen in customers {
            if !self.backtest && seen.stored.customer.arrived_at > self.at {
                continue;
            }
            let local = zones.of(&seen.stored.customer);
            // One after the other, with the places that are taken: the rule of the higher priority gets the place under
            // a cap, as when they are decided together.
            let mut customer = Cow::Borrowed(&seen.stored.customer);
            for ((rule, paused), plan) in self.rules.iter().zip(&paused).zip(&mut plans) {
                let decided = self.decide(&seen, &customer, (rule, *paused), local);
                for slot in &decided.slots {
                    customer.to_mut().reserve(*slot);
                }
                self.count(&customer, &best(&decided.verdicts), decided.deliveries.iter(), plan);
                if self.waits_for_morning(rule, &decided, &local.zone) {
                    hold(plan, Reason::QuietHours, &customer.id);
                }
            }
        }
        plans
    }

    /// What a rule makes of a customer: a decision for each reason for which it fires.
    fn decide(
        &self,
        seen: &Seen,
        customer: &Customer,
        (rule, paused): (&Rule, Option<Reason>),
        local: &crate::app::zones::Local,
    ) -> Decided {
        let zone = &local.zone;
        let here = Local { at: self.at, occurrence: &local.occurrence };
        let mut all = Decided::default();
        for fires in seen.causes(rule, &self.world.rules, zone, &here) {
            let firing = Firing { rule, occurrence: &fires.occurrence, paused };
            let moment = Moment { at: fires.at, tick: None, policy: &self.world.policy, key: &self.key };
            let one = engine::decide_cause(seen.stored.number, (customer, zone), &firing, fires.cause, &moment);
            all.verdicts.extend(one.verdicts);
            all.deliveries.extend(one.deliveries);
            all.slots.extend(one.slots);
        }
        all
    }

    fn waits_for_morning(&self, rule: &Rule, decided: &Decided, zone: &TimeZone) -> bool {
        let mails = decided.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Enrolled { emails: 1.., .. }));
        let hours = self.world.policy.quiet_hours.filter(|_| mails && rule.class == Class::Marketing);
        let is_mail = |delivery: &&Delivery| matches!(delivery.payload, Payload::Email { .. });
        let mut due = decided.deliveries.iter().filter(is_mail).map(|delivery| delivery.due_at);
        hours.is_some_and(|hours| due.any(|due| calendar::quiet_until(hours, zone, due).is_some()))
    }

    fn count<'d>(
        &self,
        customer: &Customer,
        verdict: &Verdict,
        asked: impl Iterator<Item = &'d Delivery>,
        plan: &mut RulePlan,
    ) {
        plan.evaluated += 1;
        match verdict {
            Verdict::NoMatch => return,
            Verdict::Unknown => {
                plan.unknown += 1;
                return;
            }
            Verdict::Held(reason) => hold(plan, *reason, &customer.id),
            Verdict::HeldOut => plan.holdout += 1,
            Verdict::Enrolled { .. } => {
                plan.enroll += 1;
                self.count_deliveries(customer, asked, plan);
            }
        }
        plan.matched += 1;
        if let Some(ids) = &mut plan.customers {
            ids.push(customer.id.clone());
        }
    }

    /// What would go out, and which mails the gates at sending would stop as things are.
    fn count_deliveries<'d>(
        &self,
        customer: &Customer,
        asked: impl Iterator<Item = &'d Delivery>,
        plan: &mut RulePlan,
    ) {
        let mut stopped = None;
        for delivery in asked {
            match (&delivery.payload, delivery.state) {
                (Payload::Webhook { .. }, _) => plan.deliveries.webhook += 1,
                (Payload::Email { .. }, State::Queued) => match self.address_stops(customer) {
                    None => plan.deliveries.email += 1,
                    Some(reason) => stopped = Some(reason),
                },
                (Payload::Email { .. }, _) => stopped = delivery.reason,
            }
        }
        if let Some(reason) = stopped {
            hold(plan, reason, &customer.id);
        }
    }

    fn address_stops(&self, customer: &Customer) -> Option<Reason> {
        let is_suppressed = |address| self.suppressed.contains(&normalized_address(address));
        mail_stops(&self.world, customer.email().is_some_and(is_suppressed), customer)
    }
}

/// Why no mail would go out to the customer as things are.
pub(super) fn mail_stops(world: &World, is_suppressed: bool, customer: &Customer) -> Option<Reason> {
    match customer.email() {
        None => Some(Reason::NoAddress),
        Some(_) if is_suppressed => Some(Reason::Suppressed),
        Some(address) => (!engine::is_listed(address, &world.only_to)).then_some(Reason::OnlyTo),
    }
}

/// Of the verdicts for one customer, that which counts: the first that enrolls, else the first that holds.
fn best(verdicts: &[Verdict]) -> Verdict {
    let rank = |verdict: &&Verdict| match verdict {
        Verdict::Enrolled { .. } => 0,
        Verdict::HeldOut => 1,
        Verdict::Held(_) => 2,
        Verdict::Unknown => 3,
        Verdict::NoMatch => 4,
    };
    verdicts.iter().min_by_key(rank).cloned().unwrap_or(Verdict::NoMatch)
}

fn hold(plan: &mut RulePlan, reason: Reason, customer: &str) {
    *plan.hold.entry(reason).or_default() += 1;
    if let Some(held) = &mut plan.held {
        held.entry(reason).or_default().push(customer.to_owned());
    }
}
