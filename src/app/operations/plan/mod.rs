//! `plan`: whom each rule would reach if its trigger fired at an instant. Changes nothing.

mod beside;
mod brake;
mod changes;
mod compare;
mod reach;
mod together;
mod under_way;

pub(super) use brake::{brakes, stop};
pub(super) use reach::{Seen, Wanted, occurrence, see};
use together::is_asked;
pub(super) use together::{may_take_from, to_decide};

use super::then::{Then, live};
use super::{failure, start_of};
use crate::app::pages::judge_all;
use crate::app::shared::Shared;
use crate::app::zones::{Local as InZone, Zones};
use crate::calendar;
use crate::condition::{Facts, Missing, Truth};
use crate::delivery::World;
use crate::domain::{
    Class, Customer, Delivery, DeliveryKey, Payload, Reason, RuleState, State, Text, Time, normalized_address,
};
use crate::engine::{self, Decided, Firing, Moment, Verdict};
use crate::http::{BrakeView, Caveat, Failure, PlanReport, PlanRequest, Result, RulePlan, UnderWay};
use crate::rules::{Action, Rule, Trigger, TriggerZone};
use crate::store::{StoredCustomer, View};
use brake::Tick;
use futures_util::{Stream, StreamExt};
use jiff::tz::TimeZone;
use reach::{Local, News, judge_seen};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
pub(super) use under_way::Watched;

/// Everything that a page is judged with.
pub(super) struct Judge {
    pub(super) world: Arc<World>,
    /// Why rules are paused, of those that are.
    pub(super) paused: BTreeMap<Text, Reason>,
    /// When rules went live, if what was past then is to start nothing; where a rule is absent that does not matter.
    pub(super) live: BTreeMap<Text, Time>,
    pub(super) rules: Vec<Arc<Rule>>,
    /// Those whose enrollments are looked at: first the rules, in their order, then such as are gone; or none at all.
    pub(super) watched: Vec<Watched>,
    pub(super) suppressed: HashSet<String>,
    pub(super) key: DeliveryKey,
    pub(super) at: Time,
    /// What the clock shows.
    pub(super) now: Time,
    /// Whether `at` is past, so that when a customer arrived does not matter.
    pub(super) backtest: bool,
    pub(super) named: bool,
}

/// What one rule comes to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) plan: RulePlan,
    /// What was missing where the condition cannot be told.
    missing: Missing,
    /// Deliveries as the brake counts them: all that would be queued, whatever stops them at sending.
    queued: u64,
    /// Whether something goes out later of an enrollment of which nothing does at once.
    pub(super) waits: bool,
    /// What stops the mails that are to go out later, as things are.
    pub(super) kept: Option<Reason>,
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
    let scope = Scope::of(core, &world, &request);
    if let Some(files) = request.files {
        return compare::plan(core, &world, files, (request.rule.as_deref(), scope)).await;
    }
    let only = request.rule.as_deref();
    if let Some(name) = only.filter(|name| world.rules.get(name).is_none()) {
        return Err(no_rule(&world, name));
    }
    let rules = to_decide(&world, only);
    let watched = rules.iter().map(Watched::live).collect();
    let mut rules = judged(core, &world, (rules, watched), scope).await?;
    rules.retain(|plan| is_asked(&plan.rule, only));
    let (sending_paused, marketing_paused) = (scope.then.stops_all(core), scope.then.stops_marketing(core));
    Ok(PlanReport { at: scope.then.at, sending_paused, marketing_paused, rules, compared: None })
}

/// For when, and with how much detail.
#[derive(Clone, Copy)]
struct Scope {
    then: Then,
    now: Time,
    named: bool,
}

impl Scope {
    fn of(core: &Shared, world: &World, request: &PlanRequest) -> Self {
        let now = core.clock.now();
        let at = request.at.map(|at| start_of(at, &world.zone));
        Self { then: Then::of(at, now), now, named: request.customers }
    }
}

/// What rules come to, and behind them what becomes of the enrollments of those that are watched and gone.
async fn judged(
    core: &Shared,
    world: &Arc<World>,
    (rules, watched): (Vec<Arc<Rule>>, Vec<Watched>),
    scope: Scope,
) -> Result<Vec<RulePlan>> {
    let Scope { then: Then { at, is_past: backtest }, now, named } = scope;
    let states: BTreeMap<Text, RuleState> = core.store.rule_states().await.map_err(failure)?.into_iter().collect();
    let live = if backtest { BTreeMap::new() } else { live(&rules, &states) };
    let paused = scope.then.paused(core, &rules, &states);
    let judge = Judge {
        paused: paused.clone(),
        live: live.clone(),
        now,
        suppressed: suppressed(core, at, backtest).await?,
        key: core.store.delivery_key(),
        named,
        world: Arc::clone(world),
        rules: rules.clone(),
        watched: if backtest { Vec::new() } else { watched },
        at,
        backtest,
    };
    let view = View { interest: Arc::clone(&world.interest), now: at, backtest };
    let mut totals = judge.empty();
    let wanted = Wanted::by(&rules, scope.then);
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
    let customers = core.store.stats().await.map_err(failure)?.customers;
    for (rule, judged) in rules.iter().zip(&mut totals) {
        judged.plan.caveat = caveat(rule, live.contains_key(&rule.id), backtest);
        let mut state = states.get(&rule.id).cloned().unwrap_or_default();
        if state.trigger != rule.trigger.text() {
            // It goes live anew.
            state.live_since = None;
        }
        state.volume.retain(|(then, _)| *then <= at);
        judged.plan.usual = engine::usual(&state, at);
        let stopped = paused.get(&rule.id) == Some(&Reason::Brake);
        let tick = Tick { at, backtest, queued: judged.queued, customers };
        judged.plan.brake = brake::of(rule, &state, &tick).map(|brake| BrakeView { stopped, ..brake });
        if judged.plan.brake.is_some_and(|brake| brake.goes_off) {
            stop(judged);
        }
    }
    Ok(totals.into_iter().map(Judged::told).collect())
}

/// What is to be known of how a rule's figures were come by.
fn caveat(rule: &Rule, is_live: bool, backtest: bool) -> Option<Caveat> {
    match (&rule.trigger, backtest) {
        (Trigger::Crossing { .. }, true) => Some(Caveat::DayBefore),
        (Trigger::Schedule { .. }, _) | (_, true) => None,
        (_, false) => (!is_live).then_some(Caveat::NotLive),
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
pub(super) async fn suppressed(core: &Shared, at: Time, backtest: bool) -> Result<HashSet<String>> {
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

impl Judged {
    /// Whether something would go out if no brake went off, be it only in the morning.
    pub(super) const fn reaches(&self) -> bool {
        self.reached.count > 0
    }

    /// The plan with all that was counted beside it.
    fn told(mut self) -> RulePlan {
        self.plan.missing = self.missing.counts();
        self.plan
    }
}

fn add(total: &mut Judged, part: Judged) {
    total.missing.add(part.missing);
    under_way::add(&mut total.plan.under_way, part.plan.under_way.as_ref());
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

/// A rule that fires.
struct Fired<'a> {
    rule: &'a Rule,
    paused: Option<Reason>,
    /// Where it is the same for all customers.
    occurrence: Option<String>,
}

impl Judge {
    pub(super) fn page(&self, customers: impl Iterator<Item = Seen>) -> Vec<Judged> {
        let firings = self.firings();
        let mut plans = self.empty();
        let mut zones = Zones::new(&self.world, self.at);
        for seen in customers {
            if !self.backtest && seen.stored.customer.arrived_at > self.at {
                continue;
            }
            let local = zones.of(&seen.stored.customer);
            if !self.watched.is_empty() {
                self.watch(&seen.stored.customer, &local.zone, &mut plans);
            }
            self.one(&seen, (&firings, local), &mut plans, |_| {});
        }
        plans
    }

    /// What each rule makes of a customer, one after the other, with the places that are taken: the rule of the higher
    /// priority gets the place under a cap, as when they are decided together. `before` sees the customer as each rule
    /// finds them.
    fn one(
        &self,
        seen: &Seen,
        (firings, local): (&[Fired<'_>], &InZone),
        plans: &mut [Judged],
        mut before: impl FnMut(&Customer),
    ) {
        let mut customer = Cow::Borrowed(&seen.stored.customer);
        for (fired, judged) in firings.iter().zip(plans) {
            before(&customer);
            self.of_rule(seen, &mut customer, (fired, local), judged);
        }
    }

    fn of_rule(
        &self,
        seen: &Seen,
        customer: &mut Cow<'_, Customer>,
        (fired, local): (&Fired<'_>, &InZone),
        judged: &mut Judged,
    ) {
        let (rule, zone) = (fired.rule, &local.zone);
        if let Some(unknown) = self.passes_by(rule, customer, zone) {
            judged.plan.evaluated += 1;
            if unknown {
                judged.plan.unknown += 1;
                let facts = Facts { customer, now: self.at, zone, entry: None };
                judged.missing.note(&rule.when, &facts);
            }
            return;
        }
        let here = Local {
            at: self.at,
            occurrence: fired.occurrence.as_deref().unwrap_or(&local.occurrence),
            news: self.news(rule),
        };
        let decided = self.decide(seen, (customer, zone), (rule, fired.paused), &here);
        for slot in &decided.slots {
            customer.to_mut().reserve(*slot);
        }
        if !self.backtest
            && matches!(rule.trigger, Trigger::Date { .. })
            && self.go_on(customer, (rule, zone), judged)
            && matches!(best(&decided.verdicts), Verdict::Held(Reason::AgainAfter))
        {
            judged.plan.evaluated += 1;
            matches(&mut judged.plan, customer);
            return;
        }
        let unknown = judged.plan.unknown;
        self.judge(customer, (rule, zone), &decided, judged);
        if judged.plan.unknown > unknown {
            let entry = seen.entry(rule);
            let facts = Facts { customer, now: self.at, zone, entry: Some(&entry) };
            judged.missing.note(&rule.when, &facts);
        }
    }

    /// The rules, each with what is the same for all customers.
    fn firings(&self) -> Vec<Fired<'_>> {
        let fired =
            |rule| Fired { rule, paused: self.paused.get(&rule.id).copied(), occurrence: self.fixed_occurrence(rule) };
        self.rules.iter().map(AsRef::as_ref).map(fired).collect()
    }

    /// Nothing counted yet.
    fn empty(&self) -> Vec<Judged> {
        let mut empty: Vec<Judged> = self.rules.iter().map(|rule| empty(&rule.id, self.named)).collect();
        let gone = self.watched.iter().skip(self.rules.len());
        empty.extend(gone.map(|watched| self::empty(&watched.id, false)));
        for (judged, _) in empty.iter_mut().zip(&self.watched) {
            judged.plan.under_way = Some(UnderWay::default());
        }
        empty
    }

    /// Whether a schedule's condition does not hold, as that of most customers, and then whether it is unknown: most of
    /// the work is done with that.
    fn passes_by(&self, rule: &Rule, customer: &Customer, zone: &TimeZone) -> Option<bool> {
        let Trigger::Schedule { .. } = rule.trigger else { return None };
        let facts = Facts { customer, now: self.at, zone, entry: None };
        match rule.when.evaluate(&facts) {
            Truth::True => None,
            value => Some(value == Truth::Unknown),
        }
    }

    /// Adds what a rule makes of a customer.
    fn judge(&self, customer: &Customer, (rule, zone): (&Rule, &TimeZone), decided: &Decided, judged: &mut Judged) {
        let before = judged.plan.deliveries;
        self.count(customer, &best(&decided.verdicts), decided.deliveries.iter(), &mut judged.plan);
        judged.queued += decided.deliveries.iter().filter(|delivery| delivery.state == State::Queued).count() as u64;
        if judged.plan.deliveries == before {
            self.look_ahead(customer, (rule, zone), decided, judged);
        } else {
            judged.reached.count += 1;
            judged.reached.ids.extend(self.named.then(|| customer.id.to_string()));
        }
        // Whom no mail can reach is not waiting for the end of a quiet hour.
        if judged.plan.deliveries.email > before.email && self.waits_for_morning(rule, decided, zone) {
            hold(&mut judged.plan, Reason::QuietHours, &customer.id);
        }
    }

    /// Notes what is to go out later of enrollments of which nothing goes out at once.
    fn look_ahead(
        &self,
        customer: &Customer,
        (rule, zone): (&Rule, &TimeZone),
        decided: &Decided,
        judged: &mut Judged,
    ) {
        for active in decided.entered.iter().filter(|active| !active.held_out) {
            for (step, _) in engine::waiting(rule, active, zone) {
                let stops = match step.action {
                    Action::Email { .. } => self.address_stops(customer),
                    Action::Webhook { .. } => None,
                };
                judged.waits |= stops.is_none();
                judged.kept = judged.kept.or(stops);
            }
        }
    }

    /// What was past when the rule went live, where that matters.
    fn news(&self, rule: &Rule) -> Option<News> {
        let live = *self.live.get(&rule.id)?;
        Some(News { live, within: self.world.policy.misfire.within, now: self.now })
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

    /// What a rule makes of a customer: a decision for each reason for which it fires.
    fn decide(
        &self,
        seen: &Seen,
        (customer, zone): (&Customer, &TimeZone),
        (rule, paused): (&Rule, Option<Reason>),
        here: &Local<'_>,
    ) -> Decided {
        let mut all = Decided::default();
        for fires in seen.causes(rule, &self.world.rules, zone, here) {
            let firing = Firing { rule, occurrence: &fires.occurrence, paused };
            let moment = Moment { at: fires.at, tick: None, policy: &self.world.policy, key: &self.key };
            let mut one = engine::decide_cause(seen.stored.number, (customer, zone), &firing, fires.cause, &moment);
            if fires.has_begun && one.verdicts.iter().any(holds) {
                one = Decided { verdicts: vec![Verdict::Held(Reason::AgainAfter)], ..Decided::default() };
            }
            if all.verdicts.is_empty() {
                all = one;
            } else {
                all.verdicts.extend(one.verdicts);
                all.deliveries.extend(one.deliveries);
                all.slots.extend(one.slots);
            }
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
            Verdict::HeldOut => {
                plan.holdout += 1;
                name(plan, Reason::Holdout, &customer.id);
            }
            Verdict::Enrolled { .. } => {
                plan.enroll += 1;
                self.count_deliveries(customer, asked, plan);
            }
        }
        matches(plan, customer);
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

/// Counts one more whose condition holds.
fn matches(plan: &mut RulePlan, customer: &Customer) {
    plan.matched += 1;
    if let Some(ids) = &mut plan.customers {
        ids.push(customer.id.to_string());
    }
}

/// Whether the condition holds.
fn holds(verdict: &Verdict) -> bool {
    !matches!(verdict, Verdict::NoMatch | Verdict::Unknown)
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
    name(plan, reason, customer);
}

/// Names the customer, if they are to be named.
fn name(plan: &mut RulePlan, reason: Reason, customer: &str) {
    if let Some(held) = &mut plan.held {
        held.entry(reason).or_default().push(customer.to_owned());
    }
}
