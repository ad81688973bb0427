//! `plan`: whom each rule would reach if its trigger fired at an instant. Changes nothing.

use super::failure;
use crate::app::pages::judge_all;
use crate::app::shared::Shared;
use crate::app::zones::Zones;
use crate::calendar;
use crate::delivery::{Pauses, World};
use crate::domain::{
    Class, Customer, Delivery, DeliveryKey, Payload, Reason, RuleState, Span, State, Time, normalized_address,
};
use crate::engine::{self, Firing, Moment, Verdict};
use crate::http::{Failure, PlanReport, PlanRequest, Result, RulePlan};
use crate::rules::{Rule, Trigger, TriggerZone};
use crate::store::{StoredCustomer, View};
use futures_util::StreamExt;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Everything that a page is judged with.
pub(super) struct Judge {
    pub(super) world: Arc<World>,
    pub(super) pauses: Arc<Pauses>,
    pub(super) rules: Vec<Arc<Rule>>,
    pub(super) suppressed: HashSet<String>,
    pub(super) key: DeliveryKey,
    pub(super) at: Time,
    /// Whether `at` is past, so that when a customer arrived does not matter.
    pub(super) backtest: bool,
    pub(super) named: bool,
}

/// What one rule comes to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) plan: RulePlan,
    /// Deliveries as the brake counts them: all that would be queued, whatever stops them at sending.
    queued: u64,
    /// Those to whom something would go out if no brake went off.
    reached: Reached,
}

#[derive(Default)]
struct Reached {
    count: u64,
    /// Empty unless customers are to be named.
    ids: Vec<String>,
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
    let mut totals: Vec<Judged> = rules.iter().map(|rule| empty(&rule.id, request.customers)).collect();
    let mut pages = Box::pin(judge_all(Arc::clone(&core.store), view, None, move |page| judge.page(page)));
    while let Some(page) = pages.next().await {
        for (total, part) in totals.iter_mut().zip(page.map_err(failure)?.result) {
            add(total, part);
        }
    }
    let customers = core.store.stats().await.map_err(failure)?.customers;
    let states: BTreeMap<String, RuleState> = core.store.rule_states().await.map_err(failure)?.into_iter().collect();
    for (rule, judged) in rules.iter().zip(&mut totals) {
        let state = states.get(&rule.id).cloned().unwrap_or_default();
        if brakes(rule, state, judged.queued, customers, (at, backtest)) {
            brake(judged);
        }
    }
    Ok(PlanReport { at, rules: totals.into_iter().map(|judged| judged.plan).collect() })
}

/// Whether the brake would go off. In a backtest, when a rule went live is ignored, and with it the default brake, which
/// goes by that; a rule's own `pause_if` holds at all times.
fn brakes(rule: &Rule, mut state: RuleState, queued: u64, customers: u64, (at, backtest): (Time, bool)) -> bool {
    if queued == 0 || backtest && rule.pause_if.is_none() {
        return false;
    }
    state.volume.retain(|(then, _)| *then <= at);
    engine::over_brake(rule, &state, queued, customers, at)
}

/// The brake stops them before any gate that would only put them off.
fn brake(judged: &mut Judged) {
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

fn empty(rule: &str, named: bool) -> Judged {
    let plan = RulePlan {
        rule: rule.to_owned(),
        customers: named.then(Vec::new),
        held: named.then(Default::default),
        ..RulePlan::default()
    };
    Judged { plan, ..Judged::default() }
}

fn add(total: &mut Judged, part: Judged) {
    total.queued += part.queued;
    total.reached.count += part.reached.count;
    total.reached.ids.extend(part.reached.ids);
    add_plan(&mut total.plan, part.plan);
}

fn add_plan(total: &mut RulePlan, part: RulePlan) {
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
    pub(super) fn page(&self, customers: &mut dyn Iterator<Item = StoredCustomer>) -> Vec<Judged> {
        let paused: Vec<_> = self.rules.iter().map(|rule| self.pauses.rule(&rule.id)).collect();
        let fixed: Vec<_> = self.rules.iter().map(|rule| self.fixed_occurrence(rule)).collect();
        let mut plans: Vec<Judged> = self.rules.iter().map(|rule| empty(&rule.id, self.named)).collect();
        let mut zones = Zones::new(&self.world, self.at);
        for stored in customers {
            let customer = &stored.customer;
            if !self.backtest && customer.arrived_at > self.at {
                continue;
            }
            let local = zones.of(customer);
            let zone = &local.zone;
            let firings: Vec<Firing<'_>> = self
                .rules
                .iter()
                .zip(&fixed)
                .zip(&paused)
                .map(|((rule, fixed), paused)| {
                    let occurrence = fixed.as_deref().unwrap_or(&local.occurrence);
                    Firing { rule, occurrence, paused: *paused }
                })
                .collect();
            let moment = Moment { at: self.at, tick: None, policy: &self.world.policy, key: &self.key };
            // Together, as a tick decides them: the rule of the higher priority gets the place under a cap.
            let decided = engine::decide(stored.number, customer, zone, &firings, &moment);
            let is_quiet = || {
                self.world.policy.quiet_hours.and_then(|hours| calendar::quiet_until(hours, zone, self.at)).is_some()
            };
            for ((rule, verdict), judged) in self.rules.iter().zip(&decided.verdicts).zip(&mut plans) {
                let asked: Vec<_> = decided.deliveries.iter().filter(|delivery| delivery.rule == rule.id).collect();
                let before = judged.plan.deliveries;
                self.count(customer, verdict, asked.iter().copied(), &mut judged.plan);
                judged.queued += asked.iter().filter(|delivery| delivery.state == State::Queued).count() as u64;
                if judged.plan.deliveries != before {
                    judged.reached.count += 1;
                    judged.reached.ids.extend(self.named.then(|| customer.id.clone()));
                }
                // Whom no mail can reach is not waiting for the end of a quiet hour.
                let mails = judged.plan.deliveries.email > before.email;
                if mails && rule.class == Class::Marketing && is_quiet() {
                    hold(&mut judged.plan, Reason::QuietHours, &customer.id);
                }
            }
        }
        plans
    }

    /// The occurrence, where it is the same for all customers.
    fn fixed_occurrence(&self, rule: &Rule) -> Option<String> {
        let Trigger::Schedule { zone, .. } = &rule.trigger else { return None };
        match zone {
            TriggerZone::Business => Some(calendar::occurrence_at(&self.world.zone, self.at)),
            TriggerZone::Named(_, zone) => Some(calendar::occurrence_at(zone, self.at)),
            TriggerZone::Customer => None,
        }
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
        let Some(address) = customer.email() else { return Some(Reason::NoAddress) };
        if self.suppressed.contains(&normalized_address(address)) {
            Some(Reason::Suppressed)
        } else {
            (!engine::is_listed(address, &self.world.only_to)).then_some(Reason::OnlyTo)
        }
    }
}

fn hold(plan: &mut RulePlan, reason: Reason, customer: &str) {
    *plan.hold.entry(reason).or_default() += 1;
    if let Some(held) = &mut plan.held {
        held.entry(reason).or_default().push(customer.to_owned());
    }
}
