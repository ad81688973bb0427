//! A small world to look at: one customer, rules, and what came of them.

mod clocks;
mod dates;
mod firing;
mod random;
mod steps;

use super::{Existing, Looked, Looking, after_tick, look};
use crate::calendar;
use crate::condition::{self, Predicate, Scope};
use crate::domain::{
    Activity, Attribute, Class, Consent, Customer, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Ending,
    Enrollment, Event, Interest, Pending, Place, Policy, Reason, Schema, Span, State, Text, Time, Value, ValueType,
};
use crate::engine::{Decided, Firing, Moment, Verdict, decide};
use crate::rules::{Action, AgainAfter, Direction, Goal, Offset, Rule, RuleSet, Segment, Step, Trigger, TriggerZone};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::LazyLock;

static KEY: LazyLock<DeliveryKey> = LazyLock::new(|| DeliveryKey::new([5; 32]));
const WHO: CustomerNumber = CustomerNumber(1);

fn t(text: &str) -> Time {
    text.parse().unwrap()
}

fn schema() -> Schema {
    let mut schema = Schema::default();
    for (name, kind) in [
        ("ends_on", ValueType::Date),
        ("seen_at", ValueType::Time),
        ("score", ValueType::Number),
        ("plan", ValueType::Text),
    ] {
        schema.customer.insert(name.into(), Attribute::of(kind));
    }
    let cart = [("cart".to_owned(), ValueType::Text)].into();
    schema.events.insert("Cart Updated".into(), cart);
    schema.events.insert("Signed Up".into(), BTreeMap::new());
    schema
}

fn condition(text: &str) -> Predicate {
    let (predicate, problems) = condition::compile(text, &Scope::of(&schema()));
    predicate.unwrap_or_else(|| panic!("{text}: {problems:?}"))
}

/// A service rule for everyone with one step, named as its template, at entry.
fn rule(id: &str, trigger: Trigger) -> Rule {
    Rule {
        id: id.into(),
        file: format!("rules/{id}.yaml").into(),
        line: 1,
        when_place: Place { file: "rules/x.yaml".into(), text: "".into(), span: 0..0 },
        document: Arc::default(),
        description: String::new(),
        class: Class::Service,
        topic: None,
        trigger,
        when: Predicate::everyone(),
        again_after: AgainAfter::After(Span(0)),
        stays: None,
        goal: None,
        at_entry: Vec::new(),
        priority: 50,
        holdout: 0,
        pause_if: None,
        steps: vec![step("hello", Offset::Days(0))],
    }
}

fn step(id: &str, offset: Offset) -> Step {
    let place = Place { file: "rules/x.yaml".into(), text: "".into(), span: 0..0 };
    let action = Action::Email { template: id.into(), place };
    Step { id: id.into(), offset, when: None, expires: Span::days(3), action, names_event: false, since: Time::MIN }
}

/// Steps named after their days.
fn days(days: &[i32]) -> Vec<Step> {
    days.iter().map(|n| step(&format!("d{n}"), Offset::Days(*n))).collect()
}

fn hours(hours: &[i32]) -> Vec<Step> {
    hours.iter().map(|n| step(&format!("h{n}"), Offset::Hours(*n))).collect()
}

fn on(name: &str, delay: Span) -> Trigger {
    Trigger::Event { name: name.into(), delay, once_per: None }
}

fn crossing(direction: Direction) -> Trigger {
    Trigger::Crossing { segment: "vip".into(), direction }
}

fn dated(at: &str, yearly: bool) -> Trigger {
    Trigger::Date { attribute: "ends_on".into(), at: at.parse().unwrap(), yearly }
}

fn daily() -> Trigger {
    Trigger::Schedule { cron: calendar::Cron::parse("0 10 * * *").unwrap(), zone: TriggerZone::Customer }
}

fn segment(name: &str, text: &str, meaning: u64) -> Segment {
    Segment { name: name.into(), description: String::new(), when: condition(text), meaning }
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

/// One customer and all that came of them, with time standing still unless told.
struct World {
    set: RuleSet,
    live: BTreeMap<Text, Time>,
    paused: BTreeSet<String>,
    /// Enrollments that the store has said to have.
    existing: Existing,
    policy: Policy,
    zone: TimeZone,
    customer: Customer,
    events: Vec<Event>,
    now: Time,
    wake: Option<Time>,
    verdicts: Vec<(Text, Verdict)>,
    enrollments: Vec<Enrollment>,
    deliveries: Vec<Delivery>,
    endings: Vec<(Text, Text, Ending)>,
    members: BTreeSet<Text>,
    looks: u32,
}

impl World {
    /// A customer of that zone who arrives, and rules that go live, at `now`.
    fn new(zone: &str, now: &str, rules: Vec<Rule>) -> Self {
        let mut customer = Customer::new("ana", t(now).minus(Span::minutes(1)));
        let consent = Consent { granted: true, at: t(now), source: "test".into() };
        customer.consent.insert("marketing".into(), consent);
        let mut world = Self {
            set: RuleSet::default(),
            live: BTreeMap::new(),
            paused: BTreeSet::new(),
            existing: Existing::new(),
            policy: Policy { quiet_hours: None, ..Policy::default() },
            zone: calendar::zone(zone).unwrap(),
            customer,
            events: Vec::new(),
            now: t(now).minus(Span::minutes(1)),
            wake: None,
            verdicts: Vec::new(),
            enrollments: Vec::new(),
            deliveries: Vec::new(),
            endings: Vec::new(),
            members: BTreeSet::new(),
            looks: 0,
        };
        world.load(rules, Vec::new());
        world.now = t(now);
        world
    }

    fn with_segment(mut self, text: &str) -> Self {
        let rules = self.set.rules.iter().map(|rule| rule.as_ref().clone()).collect();
        self.load(rules, vec![segment("vip", text, 1)]);
        self.see();
        self
    }

    /// Other rules and segments from now on, as a reload makes them live.
    fn load(&mut self, mut rules: Vec<Rule>, segments: Vec<Segment>) {
        rules.sort_by(|a, b| (-a.priority, &a.id).cmp(&(-b.priority, &b.id)));
        let mut interest = Interest::default();
        for rule in &rules {
            let steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
            steps.chain([&rule.when]).chain(&rule.stays).for_each(|condition| interest.merge(condition.interest()));
        }
        for segment in &segments {
            interest.merge(segment.when.interest());
        }
        let same = |rule: &Rule| self.set.get(&rule.id).is_some_and(|old| old.trigger.text() == rule.trigger.text());
        let live = |rule: &Rule| self.live.get(&rule.id).copied().filter(|_| same(rule)).unwrap_or(self.now);
        self.live = rules.iter().map(|rule| (rule.id.clone(), live(rule))).collect();
        self.set = RuleSet { rules: rules.into_iter().map(Arc::new).collect(), segments, interest };
    }

    /// Looks at the customer now and keeps what came of it.
    fn see(&mut self) -> Looked {
        self.looks += 1;
        self.customer.activity = Activity::over(&self.events, &self.set.interest, self.now, None);
        let paused = |rule: &str| self.paused.contains(rule).then_some(Reason::Paused);
        let looking = Looking {
            rules: &self.set,
            live: &self.live,
            paused: &paused,
            policy: &self.policy,
            key: &KEY,
            existing: &self.existing,
            now: self.now,
        };
        let looked = look(WHO, &self.customer, &self.zone, &looking);
        assert!(looked.wake.is_none_or(|wake| wake > self.now), "a wake is ahead");
        self.customer.watch = looked.watch.clone();
        self.wake = looked.wake;
        for (rule, holds) in &looked.members {
            let changed = if *holds { self.members.insert(rule.clone()) } else { self.members.remove(rule) };
            assert!(changed, "{rule} {holds}");
        }
        self.verdicts.extend(looked.fired.iter().cloned().zip(looked.decided.verdicts.iter().cloned()));
        self.keep(looked.decided.clone());
        for change in &looked.changes {
            let made = |id: &DeliveryId| self.deliveries.iter().any(|delivery| delivery.id == *id);
            assert!(change.deliveries.iter().all(made));
            let ending = change.ending.clone().map(|ending| (change.rule.clone(), change.occurrence.clone(), ending));
            self.endings.extend(ending);
        }
        looked
    }

    /// Keeps decisions as a store does: an enrollment that is there already is left out with all that it made.
    fn keep(&mut self, decided: Decided) {
        let is_there = |new: &Enrollment| {
            self.enrollments.iter().any(|old| (&old.rule, &old.occurrence) == (&new.rule, &new.occurrence))
        };
        let gone: Vec<Text> =
            decided.enrollments.iter().filter(|new| is_there(new)).map(|new| new.rule.clone()).collect();
        let stays = |rule: &Text| !gone.contains(rule);
        self.customer.memory.extend(decided.memories.into_iter().filter(|(rule, _)| stays(rule)));
        self.enrollments.extend(decided.enrollments.into_iter().filter(|one| stays(&one.rule)));
        for delivery in decided.deliveries.into_iter().filter(|one| stays(&one.rule)) {
            assert!(self.deliveries.iter().all(|old| old.id != delivery.id), "sent twice: {delivery:?}");
            self.deliveries.push(delivery);
        }
        decided.slots.into_iter().for_each(|slot| self.customer.reserve(slot));
        let left_out = |rule: &Text, occurrence: &Text| {
            !stays(rule) && decided.entered.iter().any(|one| (&one.rule, &one.occurrence) == (rule, occurrence))
        };
        self.customer.watch.active.retain(|one| !left_out(&one.rule, &one.occurrence));
    }

    /// Lets time pass, looking only when the wake comes.
    fn until(&mut self, end: Time) {
        while let Some(wake) = self.wake.filter(|wake| *wake <= end) {
            self.now = wake;
            self.see();
        }
        self.now = end;
    }

    fn at(&mut self, end: &str) {
        self.until(t(end));
    }

    fn receive(&mut self, name: &str, at: Time, properties: &[(&str, Value)]) {
        let properties = properties.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        let id = Text::from(format!("m{}", self.events.len()));
        let event = Event { name: name.into(), at, received_at: self.now, message_id: Some(id.clone()), properties };
        self.events.push(event.clone());
        self.customer.watch.pending.push(Pending { id, event, waiting: None });
    }

    /// An event that happens and arrives at that instant.
    fn event(&mut self, name: &str, at: &str) -> Looked {
        self.at(at);
        self.receive(name, t(at), &[]);
        self.see()
    }

    fn set(&mut self, attribute: &str, value: Value) {
        self.customer.attributes.insert(attribute.into(), value);
        self.see();
    }

    fn score(&mut self, score: i64, at: &str) {
        self.at(at);
        self.set("score", Value::Number(score.into()));
    }

    /// The schedule of a rule fires.
    fn tick(&mut self, rule: &str, at: &str, occurrence: &str) {
        self.at(at);
        let rule = Arc::clone(self.set.get(rule).unwrap());
        let firing = Firing { rule: &rule, occurrence, paused: None };
        let moment = Moment { at: self.now, tick: Some(self.now), policy: &self.policy, key: &KEY };
        let decided = decide(WHO, &self.customer, &self.zone, &[firing], &moment);
        if let Some((watch, wake)) = after_tick(&self.customer, &self.zone, &self.set, &decided, self.now) {
            self.customer.watch = watch;
            self.wake = [self.wake, wake].into_iter().flatten().min();
        }
        self.verdicts.extend(decided.verdicts.iter().cloned().map(|verdict| (rule.id.clone(), verdict)));
        self.keep(decided);
    }

    /// What was asked for, as `step due`.
    fn sent(&self) -> Vec<String> {
        let queued = self.deliveries.iter().filter(|delivery| delivery.state == State::Queued);
        queued.map(|delivery| format!("{} {}", delivery.step, delivery.due_at)).collect()
    }

    fn ended(&self) -> Vec<(&str, Option<Reason>)> {
        self.endings.iter().map(|(rule, _, ending)| (rule.as_str(), ending.reason)).collect()
    }
}
