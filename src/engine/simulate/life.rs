//! What happens to one customer, in the order of time.

use super::{Happened, Observer, Scene, Timetable};
use crate::domain::{
    Activity, Customer, CustomerNumber, Delivery, DeliveryKey, EnrollmentChange, Event, Interest, Pending, Policy,
    ProfileRow, Reason, Span, State, Text, Time, purchase_id,
};
use crate::engine::gate::may_be_written_to;
use crate::engine::{Decided, Existing, Firing, Looked, Looking, Moment, Verdict, after_tick, decide, look};
use crate::rules::{AgainAfter, Rule, RuleSet, Trigger};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How much is told of schedules that come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Each time that a schedule fires, also for somebody who does not match.
    All,
    /// Only what may ask for something; who would be kept out anyway is not judged.
    Effects,
}

/// What lives are led under.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Rules and segments.
    pub rules: &'a RuleSet,
    /// By rule, when its present trigger first went live; one that is absent starts nothing.
    pub live: &'a BTreeMap<Text, Time>,
    /// Why a rule is paused, if it is.
    pub paused: &'a dyn Fn(&str) -> Option<Reason>,
    /// Caps, quiet hours, and how late an event may arrive.
    pub policy: &'a Policy,
    /// What delivery ids are made with.
    pub key: &'a DeliveryKey,
    /// What rules, segments and templates name of events.
    pub interest: &'a Interest,
    /// The zone of a customer; the business's where theirs is missing or unknown.
    pub zone_of: &'a dyn Fn(&Customer) -> TimeZone,
    /// When schedules fire for customers of a zone, over all the time that is asked for.
    pub timetable: &'a dyn Fn(&TimeZone) -> Arc<Timetable>,
    /// `email.only_to`.
    pub only_to: &'a [String],
    /// How much is told.
    pub detail: Detail,
}

/// One customer, as far as time has been told.
pub struct Life<'a> {
    pub(super) terms: &'a Terms<'a>,
    number: CustomerNumber,
    pub(super) customer: Customer,
    pub(super) zone: TimeZone,
    timetable: Arc<Timetable>,
    /// All that has happened to the customer.
    pub(super) events: Vec<Event>,
    purchases: BTreeSet<String>,
    pub(super) now: Time,
    /// Up to when schedules have fired.
    fired: Time,
    /// The rules whose schedules are to be judged as things are, by place, each from when on; `None` when it is to be
    /// worked out anew.
    concerned: Option<Vec<(usize, Time)>>,
    pub(super) wake: Option<Time>,
    existing: Existing,
    /// What waits to go out, in no order.
    pub(super) outbox: Vec<Delivery>,
    /// Whether the customer's address is on the suppression list.
    pub(super) suppressed: bool,
}

impl<'a> Life<'a> {
    /// A customer as they are at `now`, with all events up to then. Nothing has been looked at yet; schedules fire from
    /// then on.
    #[must_use]
    pub fn new(
        number: CustomerNumber,
        customer: Customer,
        events: Vec<Event>,
        now: Time,
        terms: &'a Terms<'a>,
    ) -> Self {
        let zone = (terms.zone_of)(&customer);
        let timetable = (terms.timetable)(&zone);
        let mut life = Self {
            terms,
            number,
            customer,
            zone,
            timetable,
            purchases: events.iter().filter_map(|event| purchase_id(event, &terms.interest.purchase)).collect(),
            events,
            now,
            fired: now,
            concerned: None,
            wake: None,
            existing: Existing::new(),
            outbox: Vec::new(),
            suppressed: false,
        };
        life.customer.activity = life.totals();
        life
    }

    /// Who it is about, now.
    #[must_use]
    pub const fn customer(&self) -> &Customer {
        &self.customer
    }

    /// How far it has come.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The zone that the customer's clocks show.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Puts a delivery into the outbox that was asked for before this life began.
    pub fn queue(&mut self, delivery: Delivery) {
        self.outbox.push(delivery);
    }

    /// Says that an enrollment was made before this life began, so that it is not made again.
    pub fn enrolled(&mut self, rule: &str, occurrence: &str) {
        self.existing.insert((self.number, rule.into(), occurrence.into()));
    }

    /// Whether the customer's address gets no mail from now on.
    pub const fn suppress(&mut self, suppressed: bool) {
        self.suppressed = suppressed;
    }

    /// Something of the customer's is as it is for other reasons than rules: an enrollment's memory, a place under a cap.
    /// The rules look at it.
    pub fn change(&mut self, change: impl FnOnce(&mut Customer), observer: &mut dyn Observer) {
        change(&mut self.customer);
        self.concerned = None;
        self.look(observer);
    }

    /// An event happens and arrives now.
    pub fn happen(&mut self, mut event: Event, observer: &mut dyn Observer) {
        event.at = self.now;
        event.received_at = self.now;
        if self.take_in(event) {
            self.look(observer);
        }
    }

    /// What arrives at an instant is taken in together, as one batch is, and looked at once; before that, time passes up
    /// to it. The profile is as after the row, if there is one, and what falls due at that very instant comes after.
    pub fn receive(&mut self, at: Time, row: Option<&ProfileRow>, events: Vec<Event>, observer: &mut dyn Observer) {
        self.run_until(at.minus(Span(1)), observer);
        self.now = self.now.max(at);
        let mut concerns = row.is_some();
        if let Some(row) = row {
            self.update(row);
        }
        for event in events {
            concerns |= self.take_in(Event { at: self.now, received_at: self.now, ..event });
        }
        if concerns {
            self.look(observer);
        }
    }

    /// Takes in an event of this instant; whether anybody is to look.
    fn take_in(&mut self, event: Event) -> bool {
        let interest = self.terms.interest;
        let fresh = purchase_id(&event, &interest.purchase).is_none_or(|id| self.purchases.insert(id));
        let window_from = self.window_from().unwrap_or(Time::MAX);
        self.customer.activity.count_within(&event, interest, fresh, window_from);
        if interest.triggers.contains(&event.name) {
            let fingerprint = event.fingerprint(&self.customer.id);
            self.customer.watch.expect(Pending::new(&event, &fingerprint));
        }
        let concerns = interest.concerns(&event.name) || self.events.is_empty();
        self.events.push(event);
        concerns
    }

    /// A profile row arrives and takes effect now.
    pub fn learn(&mut self, row: &ProfileRow, observer: &mut dyn Observer) {
        self.update(row);
        self.look(observer);
    }

    fn update(&mut self, row: &ProfileRow) {
        let row = ProfileRow { effective_at: self.now, received_at: self.now, ..row.clone() };
        self.customer.update(&row);
        self.concerned = None;
        let zone = (self.terms.zone_of)(&self.customer);
        if zone != self.zone {
            self.timetable = (self.terms.timetable)(&zone);
            self.zone = zone;
        }
    }

    /// Lets time pass up to an instant, with all that falls due by then.
    pub fn run_until(&mut self, end: Time, observer: &mut dyn Observer) {
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            // Whatever fired before was not to be judged as things were then, and is past.
            self.fired = self.fired.max(self.now.minus(Span(1)));
            if self.wake.is_some_and(|wake| wake <= self.now) {
                self.look(observer);
            }
            self.fire(observer);
            self.send(observer);
        }
        self.now = self.now.max(end);
        self.fired = self.fired.max(self.now);
    }

    /// When something is to be done next.
    fn next(&mut self) -> Option<Time> {
        let (tick, due) = (self.next_tick(), self.outbox.iter().map(|delivery| delivery.due_at).min());
        [self.wake, tick, due].into_iter().flatten().min()
    }

    /// The next tick that is to be judged.
    fn next_tick(&mut self) -> Option<Time> {
        let concerned = self.concerned.take().unwrap_or_else(|| self.all_concerned());
        let fired = self.fired;
        let next = |(place, from): &(usize, Time)| self.timetable.next(*place, fired.max(from.minus(Span(1))));
        let first = concerned.iter().filter_map(next).min();
        self.concerned = Some(concerned);
        first
    }

    fn all_concerned(&self) -> Vec<(usize, Time)> {
        let places = 0..self.terms.rules.rules.len();
        places.filter_map(|place| Some((place, self.starts_from(place)?))).collect()
    }

    /// From when on the rule's schedule is to be judged for the customer as they are: its condition held when it was last
    /// looked at, and no gate is closed that only something new can open. With all details, always.
    fn starts_from(&self, place: usize) -> Option<Time> {
        let rule = self.terms.rules.rules.get(place).filter(|rule| matches!(rule.trigger, Trigger::Schedule { .. }))?;
        if self.terms.detail == Detail::All {
            return Some(Time::MIN);
        }
        if !self.customer.watch.holding.contains(&rule.id) || !may_be_written_to(&self.customer, rule) {
            return None;
        }
        match (self.customer.memory.get(&rule.id), rule.again_after) {
            (None, _) => Some(Time::MIN),
            (Some(_), AgainAfter::Never) => None,
            (Some(memory), AgainAfter::After(span)) => Some(memory.enrolled_at.plus(span)),
        }
    }

    pub(super) fn totals(&self) -> Activity {
        Activity::over(&self.events, self.terms.interest, self.now, self.window_from())
    }

    /// From when on all events are kept in the totals, however many they are.
    fn window_from(&self) -> Option<Time> {
        let windows = self.terms.interest.events.values().filter_map(|wanted| wanted.longest_window);
        windows.max().map(|window| self.now.minus(window))
    }

    /// Brings the totals up to now. Their windows are whole at all times, so only an event that was known before its time
    /// makes a difference.
    pub(super) fn count(&mut self) {
        if self.customer.activity.uncounted_from.is_some_and(|at| at <= self.now) {
            self.customer.activity = self.totals();
        }
    }

    /// Looks at the customer as the daemon does when something changed or fell due.
    pub fn look(&mut self, observer: &mut dyn Observer) {
        self.count();
        let Terms { rules, live, paused, policy, key, .. } = *self.terms;
        let looking = Looking { rules, live, paused, policy, key, existing: &self.existing, now: self.now };
        let looked = look(self.number, &self.customer, &self.zone, &looking);
        let Looked { decided, fired, watch, wake, changes, .. } = looked;
        let verdicts = fired.iter().map(Text::as_str).zip(&decided.verdicts);
        self.tell(verdicts.collect(), &decided, &changes, observer);
        self.customer.watch = watch;
        self.concerned = None;
        // One that does not lie ahead would have us look for ever.
        self.wake = wake.map(|wake| wake.max(self.now.plus(Span(1))));
        self.keep(decided);
    }

    /// Fires the schedules that are due.
    fn fire(&mut self, observer: &mut dyn Observer) {
        let timetable = Arc::clone(&self.timetable);
        let rules = &self.terms.rules.rules;
        while let Some(at) = self.next_tick().filter(|at| *at <= self.now) {
            self.fired = at;
            let concerned = self.concerned.iter().flatten().filter(|(_, from)| *from <= at);
            let firing: Vec<(&Arc<Rule>, String)> = concerned
                .filter_map(|(place, _)| Some((rules.get(*place)?, timetable.occurrence(*place, at)?)))
                .collect();
            if !firing.is_empty() && self.customer.arrived_at <= at {
                self.tick(&firing, at, observer);
            }
        }
        self.fired = self.fired.max(self.now);
    }

    fn tick(&mut self, firing: &[(&Arc<Rule>, String)], at: Time, observer: &mut dyn Observer) {
        self.count();
        let firings: Vec<Firing<'_>> = firing
            .iter()
            .map(|(rule, occurrence)| Firing { rule, occurrence, paused: (self.terms.paused)(&rule.id) })
            .collect();
        let moment = Moment { at, tick: Some(at), policy: self.terms.policy, key: self.terms.key };
        let decided = decide(self.number, &self.customer, &self.zone, &firings, &moment);
        let verdicts = firing.iter().map(|(rule, _)| rule.id.as_str()).zip(&decided.verdicts);
        self.tell(verdicts.collect(), &decided, &[], observer);
        if let Some((watch, wake)) = after_tick(&self.customer, &self.zone, self.terms.rules, &decided, at) {
            self.customer.watch = watch;
            self.wake = [self.wake, wake].into_iter().flatten().min();
        }
        self.keep(decided);
    }

    /// Tells of what was decided, before it is taken in.
    fn tell(
        &self,
        verdicts: Vec<(&str, &Verdict)>,
        decided: &Decided,
        changes: &[EnrollmentChange],
        observer: &mut dyn Observer,
    ) {
        let scene = self.scene();
        for (rule, verdict) in verdicts {
            observer.see(Happened::Fired { rule, verdict }, &scene);
        }
        for (rule, step) in &decided.skipped {
            observer.see(Happened::Skipped { rule, step }, &scene);
        }
        for delivery in &decided.deliveries {
            observer.see(Happened::Asked(delivery), &scene);
        }
        for change in changes {
            if let Some(ending) = &change.ending {
                let EnrollmentChange { rule, occurrence, .. } = change;
                observer.see(Happened::Ended { rule, occurrence, ending }, &scene);
            }
        }
    }

    pub(super) const fn scene(&self) -> Scene<'_> {
        Scene { now: self.now, customer: &self.customer, zone: &self.zone }
    }

    /// Takes in what was decided.
    fn keep(&mut self, decided: Decided) {
        self.concerned = None;
        self.customer.memory.extend(decided.memories);
        for enrollment in decided.enrollments {
            self.existing.insert((self.number, enrollment.rule, enrollment.occurrence));
        }
        decided.slots.into_iter().for_each(|slot| self.customer.reserve(slot));
        self.outbox.extend(decided.deliveries.into_iter().filter(|delivery| delivery.state == State::Queued));
    }
}
