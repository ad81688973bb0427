//! `plan`: whom each rule would reach if its trigger fired at an instant. Changes nothing.

use super::failure;
use crate::app::pages::judge_all;
use crate::app::shared::Shared;
use crate::app::zones::Zones;
use crate::calendar;
use crate::delivery::{Pauses, World};
use crate::domain::{Class, Customer, Delivery, DeliveryKey, Payload, Reason, Span, State, Time, normalized_address};
use crate::engine::{self, Firing, Moment, Verdict};
use crate::http::{Failure, PlanReport, PlanRequest, Result, RulePlan};
use crate::rules::Rule;
use crate::store::{StoredCustomer, View};
use futures_util::StreamExt;
use std::collections::HashSet;
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
    let mut pages = Box::pin(judge_all(Arc::clone(&core.store), view, None, move |page| judge.page(page)));
    while let Some(page) = pages.next().await {
        for (total, part) in totals.iter_mut().zip(page.map_err(failure)?.result) {
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
    fn page(&self, customers: &mut dyn Iterator<Item = StoredCustomer>) -> Vec<RulePlan> {
        let paused: Vec<_> = self.rules.iter().map(|rule| self.pauses.rule(&rule.id)).collect();
        let mut plans: Vec<RulePlan> = self.rules.iter().map(|rule| empty(&rule.id, self.named)).collect();
        let mut zones = Zones::new(&self.world, self.at);
        for stored in customers {
            let customer = &stored.customer;
            if !self.backtest && customer.arrived_at > self.at {
                continue;
            }
            let local = zones.of(customer);
            let zone = &local.zone;
            let firing = |(rule, paused)| Firing { rule, occurrence: &local.occurrence, paused };
            let rules = self.rules.iter().map(AsRef::as_ref).zip(paused.iter().copied());
            let firings: Vec<Firing<'_>> = rules.map(firing).collect();
            let moment = Moment { at: self.at, tick: None, policy: &self.world.policy, key: &self.key };
            // Together, as a tick decides them: the rule of the higher priority gets the place under a cap.
            let decided = engine::decide(stored.number, customer, zone, &firings, &moment);
            let is_quiet = || {
                self.world.policy.quiet_hours.and_then(|hours| calendar::quiet_until(hours, zone, self.at)).is_some()
            };
            for ((rule, verdict), plan) in self.rules.iter().zip(&decided.verdicts).zip(&mut plans) {
                let asked = decided.deliveries.iter().filter(|delivery| delivery.rule == rule.id);
                self.count(customer, verdict, asked, plan);
                let mails = matches!(verdict, Verdict::Enrolled { emails: 1.., .. });
                if mails && rule.class == Class::Marketing && is_quiet() {
                    hold(plan, Reason::QuietHours, &customer.id);
                }
            }
        }
        plans
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

fn hold(plan: &mut RulePlan, reason: Reason, customer: &str) {
    *plan.hold.entry(reason).or_default() += 1;
    if let Some(held) = &mut plan.held {
        held.entry(reason).or_default().push(customer.to_owned());
    }
}
