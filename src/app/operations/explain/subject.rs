//! The customer who is explained, with all that is read of them once.

use super::together::Together;
use crate::app::operations::failure;
use crate::app::operations::plan::{Judge, Judged, Seen, occurrence};
use crate::app::operations::then::{Then, live};
use crate::app::shared::Shared;
use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::delivery::World;
use crate::domain::{
    Active, CapSlot, Class, Customer, Delivery, DeliveryId, Enrollment, Entry, Event, Pending, Reason, RuleState, Span,
    Suppression, Text, Time, normalized_address,
};
use crate::engine::{self, Day, Past};
use crate::http::Result;
use crate::rules::{Direction, Rule, Segment, Trigger};
use crate::store::{StoredCustomer, View};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many of the customer's latest enrollments are looked at.
const ENROLLMENTS: usize = 200;

/// How many events are read for the history.
const HISTORY: usize = 20;

/// Events that are read at a time, and how many at most, to find the last of one name.
const READ: usize = 500;
const SEARCHED: usize = 10_000;

/// One customer at one instant.
pub(super) struct Subject<'a> {
    pub(super) core: &'a Shared,
    pub(super) world: Arc<World>,
    pub(super) stored: StoredCustomer,
    pub(super) zone: TimeZone,
    pub(super) view: View,
    /// What the clock shows.
    pub(super) now: Time,
    /// Whether a person has stopped all sending.
    pub(super) all_paused: bool,
    /// Whether marketing is stopped.
    pub(super) marketing_paused: bool,
    /// Why rules are paused, of those that are.
    pub(super) paused: BTreeMap<Text, Reason>,
    /// When rules went live, of those that have.
    pub(super) live: BTreeMap<Text, Time>,
    /// What the rules take from each other.
    pub(super) together: Together,
    /// By rule.
    pub(super) states: BTreeMap<Text, RuleState>,
    /// Of the address, if it is suppressed at the instant.
    pub(super) suppression: Option<Suppression>,
    /// Those that had begun by then, newest first.
    pub(super) enrollments: Vec<Enrollment>,
    /// Those of the enrollments, and those that hold places under the caps.
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    /// The latest, newest first.
    pub(super) events: Vec<Event>,
}

/// What a rule's trigger means for the customer at the instant.
pub(super) enum Cause {
    /// The clock.
    Clock,
    /// The last such event.
    Event(Event),
    /// There was no such event.
    NoEvent,
    /// A date; the occurrences of which steps fall due on the day.
    Day { occurrences: Vec<String> },
    /// The customer has no such date.
    NoDate,
    /// A border: whether the customer is inside, has crossed it within a day, and whether that starts what has not begun.
    Border { inside: bool, crossed: bool, ahead: bool },
}

impl<'a> Subject<'a> {
    pub(super) async fn read(
        core: &'a Shared,
        world: Arc<World>,
        stored: StoredCustomer,
        (then, view): (Then, View),
    ) -> Result<Subject<'a>> {
        let store = core.store.as_ref();
        let mut suppression = None;
        if let Some(address) = stored.customer.email() {
            suppression = store.suppression(address).await.map_err(failure)?;
        }
        let mut enrollments = store.enrollments(stored.number, ENROLLMENTS).await.map_err(failure)?;
        enrollments.retain(|enrollment| enrollment.entered_at <= view.now);
        let slots = stored.customer.slots.iter().map(|slot| slot.delivery);
        let asked = enrollments.iter().flat_map(|enrollment| enrollment.deliveries.iter().copied()).chain(slots);
        let mut deliveries = BTreeMap::new();
        for id in asked {
            deliveries.extend(store.delivery(id).await.map_err(failure)?.map(|delivery| (id, delivery)));
        }
        let until = view.now.plus(Span(1));
        let events = store.events(stored.number, Some(until), HISTORY).await.map_err(failure)?;
        let mut zone = world.zone_of(&stored.customer);
        if zone.iana_name().is_none() {
            zone = calendar::zone(&world.zone_name).unwrap_or(zone);
        }
        let states: BTreeMap<Text, RuleState> = store.rule_states().await.map_err(failure)?.into_iter().collect();
        let rules = &world.rules.rules;
        let (paused, live) = (then.paused(core, rules, &states), live(rules, &states));
        let (now, all_paused) = (core.clock.now(), then.stops_all(core));
        let marketing_paused = then.stops_marketing(core);
        let suppression = suppression.filter(|suppression| !view.backtest || suppression.at <= view.now);
        Ok(Self {
            core,
            world,
            stored,
            zone,
            view,
            now,
            all_paused,
            marketing_paused,
            paused,
            live,
            states,
            suppression,
            enrollments,
            deliveries,
            events,
            together: Together::default(),
        })
    }

    /// The places under the caps as the rule finds them.
    pub(super) fn slots(&self, rule: &Rule) -> &[CapSlot] {
        self.together.slots.get(&rule.id).unwrap_or(&self.stored.customer.slots)
    }

    pub(super) fn at(&self) -> Time {
        self.view.now
    }

    /// Whether all sending, or that of a class, is paused.
    pub(super) fn stops(&self, class: Class) -> bool {
        self.all_paused || class == Class::Marketing && self.marketing_paused
    }

    /// What is paused that holds the rule, if it is not the rule's own pause.
    pub(super) fn stopped(&self, rule: &Rule, reasons: &[Reason]) -> Option<&'static str> {
        let is_stopped =
            reasons.contains(&Reason::Paused) && self.stops(rule.class) && !self.paused.contains_key(&rule.id);
        is_stopped.then_some(if self.all_paused { "all sending" } else { "marketing" })
    }

    pub(super) fn facts<'f>(&'f self, entry: &'f Entry) -> Facts<'f> {
        Facts { customer: &self.stored.customer, now: self.at(), zone: &self.zone, entry: Some(entry) }
    }

    /// What the rule's trigger means now.
    pub(super) async fn cause(&self, rule: &Rule) -> Result<Cause> {
        match &rule.trigger {
            Trigger::Schedule { .. } => Ok(Cause::Clock),
            Trigger::Event { name, .. } => Ok(self.last(name).await?.map_or(Cause::NoEvent, Cause::Event)),
            Trigger::Date { attribute, .. } if !self.stored.customer.attributes.contains_key(attribute) => {
                Ok(Cause::NoDate)
            }
            Trigger::Date { .. } => {
                let due = engine::days_due(rule, &self.stored.customer, &self.zone, self.at());
                Ok(Cause::Day { occurrences: due.iter().map(Day::occurrence).collect() })
            }
            Trigger::Crossing { segment, direction } => self.border(rule, segment, *direction).await,
        }
    }

    /// The last event of that name up to the instant.
    async fn last(&self, name: &str) -> Result<Option<Event>> {
        let mut before = self.at().plus(Span(1));
        for _ in 0..SEARCHED / READ {
            let store = &self.core.store;
            let page = store.events(self.stored.number, Some(before), READ).await.map_err(failure)?;
            let is_last = page.len() < READ;
            before = page.last().map_or(before, |event| event.at);
            if let Some(event) = page.into_iter().find(|event| event.name == name) {
                return Ok(Some(event));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    /// Events that have happened and whose delay is not over at a past instant: what waited then is not kept any more.
    pub(super) async fn waiting(&self, rule: &Rule) -> Result<Vec<Pending>> {
        let Trigger::Event { name, delay, .. } = &rule.trigger else { return Ok(Vec::new()) };
        if !self.view.backtest {
            return Ok(Vec::new());
        }
        let (from, mut before, mut found) = (self.at().minus(*delay), self.at().plus(Span(1)), Vec::new());
        for _ in 0..SEARCHED / READ {
            let store = &self.core.store;
            let page = store.events(self.stored.number, Some(before), READ).await.map_err(failure)?;
            let is_last = page.len() < READ;
            before = page.last().map_or(before, |event| event.at);
            let waits = page.into_iter().filter(|event| event.name == *name && event.at > from);
            found.extend(waits.map(|event| {
                let fingerprint = event.fingerprint(&self.stored.customer.id);
                Pending { waiting: Some([rule.id.clone()].into()), ..Pending::new(&event, &fingerprint) }
            }));
            if is_last || before <= from {
                break;
            }
        }
        Ok(found)
    }

    async fn border(&self, rule: &Rule, name: &str, direction: Direction) -> Result<Cause> {
        let before = View { now: self.at().minus(Span::days(1)), backtest: true, ..self.view.clone() };
        let found = self.core.store.customer(&self.stored.customer.id, &before).await.map_err(failure)?;
        let earlier = found.map_or_else(|| self.stored.customer.clone(), |stored| stored.customer);
        let inside = |customer: &Customer, now| {
            self.segment(name).is_some_and(|segment| {
                let facts = Facts { customer, now, zone: &self.zone, entry: None };
                segment.when.evaluate(&facts) == Truth::True
            })
        };
        let (was, is) = (inside(&earlier, before.now), inside(&self.stored.customer, self.at()));
        let is_wanted = is == (direction == Direction::Enters);
        if self.view.backtest {
            return Ok(Cause::Border { inside: is, crossed: was != is && is_wanted, ahead: false });
        }
        // What is kept tells what the next look finds; a membership that was set silently was never crossed.
        let watch = &self.stored.customer.watch;
        let meaning = self.segment(name).map(|segment| segment.meaning);
        let kept = watch.segments.get(name).filter(|kept| Some(kept.meaning) == meaning && !watch.quiet);
        let ahead = is_wanted && kept.is_some_and(|kept| kept.inside != is);
        let since = self.at().minus(Span::days(1));
        let began = self.enrollments.iter().any(|one| one.rule == rule.id && one.entered_at > since);
        Ok(Cause::Border { inside: is, crossed: ahead || (is_wanted && began), ahead })
    }

    /// Why what the rule would be judged with starts nothing any more, though the condition holds.
    pub(super) fn is_past(&self, rule: &Rule, cause: &Cause) -> Option<String> {
        match (cause, &rule.trigger) {
            (Cause::Event(event), Trigger::Event { name, delay, .. }) => {
                let why = self.is_past_event(rule, event, *delay)?;
                let when = self.instant(event.at);
                Some(format!(
                    "its last `{name}` was {when}, {why}; as things are it starts when `{name}` happens next."
                ))
            }
            (Cause::Day { .. }, _) if !self.view.backtest => {
                let customer = &self.stored.customer;
                let live = self.live.get(&rule.id).copied().unwrap_or(self.now);
                let since = engine::past_until(rule, customer, &self.zone, (live, self.now));
                let today = calendar::day_of(&self.zone, self.at());
                let comes = |at: &Time| calendar::day_of(&self.zone, *at) == today && *at > since;
                let days = engine::days_due(rule, customer, &self.zone, self.at());
                let any = days.iter().any(|day| day.instants(rule, &self.zone).iter().any(comes));
                (!any).then(|| format!("what of it falls due on {} is past already.", self.day(self.at())))
            }
            _ => None,
        }
    }

    fn is_past_event(&self, rule: &Rule, event: &Event, delay: Span) -> Option<String> {
        if self.view.backtest {
            let is_over = event.at.plus(delay) <= self.at().minus(Span::days(1));
            return is_over.then(|| "more than a day before".to_owned());
        }
        let customer = &self.stored.customer;
        let Some(live) = self.live.get(&rule.id).copied() else {
            return Some("and the rule is not live yet".to_owned());
        };
        let (arrived, within) = (customer.arrived_at, self.world.policy.misfire.within);
        match engine::past(event, live, arrived, within) {
            Some(Past::BeforeLive) => return Some(format!("before the rule went live, {}", self.instant(live))),
            Some(Past::BeforeArrival) => {
                return Some(format!("before the customer was known here, {}", self.instant(arrived)));
            }
            Some(Past::Late) => return Some(format!("and became known more than {within} later")),
            None => {}
        }
        let waits = customer.watch.pending.iter().any(|one| {
            let is_for = one.waiting.as_ref().is_none_or(|waiting| waiting.contains(&rule.id));
            is_for && one.event.at == event.at && one.event.name == event.name
        });
        (!waits).then(|| "and was judged when it came".to_owned())
    }

    /// Whether an event is one that may start the rule when its time has come.
    pub(super) fn may_start(&self, rule: &Rule, event: &Event) -> bool {
        let (arrived, within) = (self.stored.customer.arrived_at, self.world.policy.misfire.within);
        let live = self.live.get(&rule.id);
        matches!(&rule.trigger, Trigger::Event { name, .. } if *name == event.name)
            && live.is_some_and(|live| engine::past(event, *live, arrived, within).is_none())
    }

    pub(super) fn segment(&self, name: &str) -> Option<&Segment> {
        self.world.rules.segments.iter().find(|segment| segment.name == *name)
    }

    /// What an enrollment would begin with.
    pub(super) fn entry(&self, rule: &Rule, cause: &Cause) -> Entry {
        let mut entry = cause.begins_with();
        let values = {
            let facts = self.facts(&entry);
            rule.at_entry.iter().filter_map(|path| Some((path.text().into(), path.read(&facts)?))).collect()
        };
        entry.values = values;
        entry
    }

    /// What plans are made with.
    pub(super) fn judging(&self, rules: Vec<Arc<Rule>>) -> Judge {
        let address = self.stored.customer.email().filter(|_| self.suppression.is_some()).map(normalized_address);
        Judge {
            world: Arc::clone(&self.world),
            watched: Vec::new(),
            paused: self.paused.clone(),
            live: BTreeMap::new(),
            now: self.now,
            rules,
            suppressed: address.into_iter().collect(),
            key: self.core.store.delivery_key(),
            at: self.at(),
            // Who arrived this very moment is judged, too.
            backtest: true,
            named: false,
        }
    }

    /// What the rule comes to, as in a plan, with the places that those before it leave.
    pub(super) fn judge(&self, rule: &Arc<Rule>, cause: &Cause) -> Judged {
        let judge = self.judging(vec![Arc::clone(rule)]);
        let mut stored = self.stored.clone();
        stored.customer.slots = self.slots(rule).to_vec();
        let seen = match cause {
            Cause::Event(event) => Seen::with(stored, vec![event.clone()]),
            Cause::Border { crossed, .. } => Seen::at_border(stored, *crossed),
            _ => Seen::now(stored),
        };
        judge.page(std::iter::once(seen)).pop().unwrap_or_default()
    }

    /// The enrollment that has begun by what the rule would be judged with, be it the event, the day or the crossing.
    pub(super) fn begun(&self, rule: &Rule, cause: &Cause) -> Option<&Enrollment> {
        let mut own = self.enrollments.iter().filter(|one| one.rule == rule.id);
        match (cause, &rule.trigger) {
            (Cause::Event(event), Trigger::Event { once_per, .. }) => {
                let occurrence = occurrence(event, once_per.as_ref(), &self.stored.customer.id);
                own.find(|one| one.occurrence == occurrence)
            }
            (Cause::Day { occurrences }, _) if !occurrences.is_empty() => {
                let is_of =
                    |day: &String| self.enrollments.iter().any(|one| one.rule == rule.id && one.occurrence == *day);
                occurrences
                    .iter()
                    .all(is_of)
                    .then(|| own.find(|one| occurrences.contains(&one.occurrence.to_string())))?
            }
            (Cause::Border { crossed: true, ahead: false, .. }, _) => {
                let since = self.at().minus(Span::days(1));
                own.find(|one| one.entered_at > since)
            }
            _ => None,
        }
    }

    /// Enrollments of the rule that go on, oldest first.
    pub(super) fn under_way(&self, rule: &Rule) -> Vec<Active> {
        if !self.view.backtest {
            let active = &self.stored.customer.watch.active;
            return active.iter().filter(|active| active.rule == rule.id).cloned().collect();
        }
        // What was kept then is not kept any more; what had begun and had not ended tells.
        let went_on =
            |one: &&Enrollment| one.rule == rule.id && one.ending.as_ref().is_none_or(|ending| ending.at > self.at());
        let rebuilt = self.enrollments.iter().rev().filter(went_on).map(|one| self.rebuilt(rule, one));
        let goes_on = |active: &Active| {
            let goal = rule.goal.as_ref().is_some_and(|goal| active.entered_at.plus(goal.within) >= self.at());
            goal || !engine::waiting(rule, active, &self.zone).is_empty()
        };
        rebuilt.filter(goes_on).collect()
    }

    /// An enrollment as it was at the instant: what fell due by then is done.
    fn rebuilt(&self, rule: &Rule, one: &Enrollment) -> Active {
        let is_dated = matches!(rule.trigger, Trigger::Date { .. });
        let mut active = Active {
            rule: one.rule.clone(),
            occurrence: one.occurrence.clone(),
            entered_at: one.entered_at,
            held_out: one.held_out,
            anchor: one.occurrence.parse().ok().filter(|_| is_dated),
            done: Vec::new(),
            entry: Entry::default(),
            unsent_until: None,
            instant: None,
        };
        let due = engine::waiting(rule, &active, &self.zone);
        let done = due.into_iter().filter(|(_, due)| *due <= self.at()).map(|(step, _)| step.id.clone()).collect();
        active.done = done;
        active
    }
}
