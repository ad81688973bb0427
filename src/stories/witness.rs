//! Who watches a life and keeps what a test may ask about.

use super::Ground;
use super::findings::{self, Finding};
use super::read::Outcome;
use crate::calendar;
use crate::condition::Facts;
use crate::domain::{Active, Customer, Delivery, Entry, Event, Payload, Reason, State, Text, Time};
use crate::engine::{Happened, Observer, Scene, Verdict};
use crate::rules::{Rule, RuleSet, Trigger};
use crate::templates::Message;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::collections::BTreeMap;

/// A delivery that went out.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) day: i32,
    /// On the customer's clock.
    pub(super) wall: DateTime,
    pub(super) rule: Text,
    pub(super) step: Text,
    /// Of a mail; or why it cannot be rendered.
    pub(super) subject: Option<Result<String, String>>,
}

/// What became of a rule at an instant, short of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) day: i32,
    pub(super) wall: DateTime,
    pub(super) rule: Text,
    pub(super) what: Became,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Became {
    /// Enrolled; whether all of its mails found no place under a cap.
    Entered { capped: bool },
    /// Kept out, put off or withheld.
    Held(Reason),
    /// The condition did not hold; the lines that did not, where anybody asks.
    NoMatch(Vec<String>),
    /// A step whose `when` did not hold.
    Skipped(Text),
    /// An enrollment ended.
    Ended(Option<Reason>),
}

/// A line of a rule about which a line of the test asks.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// The day on which; on any if there is none.
    pub(super) day: Option<i32>,
    pub(super) rule: Text,
    pub(super) line: String,
    /// What it was each time that the rule, or a step of it, was judged.
    pub(super) found: Vec<(DateTime, Finding)>,
}

/// Who watches.
pub(super) struct Witness<'a> {
    ground: &'a Ground<'a>,
    rules: &'a RuleSet,
    starts: Date,
    /// While nothing starts nothing is noted.
    paused: &'a Cell<bool>,
    /// Days on which somebody asks why.
    curious: Vec<i32>,
    pub(super) asks: Vec<Ask>,
    pub(super) sent: Vec<Got>,
    pub(super) seen: Vec<Seen>,
    /// Bodies of webhooks that cannot be rendered.
    pub(super) faults: Vec<(Seen, String)>,
    /// Enrollments, those that are over among them.
    pub(super) enrollments: Vec<Active>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(
        (ground, rules): (&'a Ground<'a>, &'a RuleSet),
        starts: Date,
        paused: &'a Cell<bool>,
        (asks, curious): (Vec<Ask>, Vec<i32>),
    ) -> Self {
        Self {
            ground,
            rules,
            starts,
            paused,
            curious,
            asks,
            sent: Vec::new(),
            seen: Vec::new(),
            faults: Vec::new(),
            enrollments: Vec::new(),
        }
    }

    /// The day and the wall time of an instant on a clock.
    pub(super) fn day(&self, zone: &TimeZone, at: Time) -> (i32, DateTime) {
        let wall = calendar::local(zone, at);
        let day = calendar::day_number(wall.date()) - calendar::day_number(self.starts);
        (i32::try_from(day).unwrap_or(i32::MAX), wall)
    }

    fn see_that(&mut self, rule: &str, scene: &Scene<'_>, what: Became) {
        let (day, wall) = self.day(scene.zone, scene.now);
        self.seen.push(Seen { day, wall, rule: rule.into(), what });
    }

    /// Keeps enrollments, so that it is known what they began with when they are over.
    pub(super) fn remember(&mut self, customer: &Customer) {
        for active in &customer.watch.active {
            match self.enrollments.iter_mut().find(|known| known.is_as(active)) {
                Some(known) if known == active => {}
                Some(known) => known.clone_from(active),
                None => self.enrollments.push(active.clone()),
            }
        }
    }

    /// Asks what is asked about a rule as things stand.
    pub(super) fn ask(&mut self, rule: &str, scene: &Scene<'_>, entry: Option<&Entry>) {
        let (day, wall) = self.day(scene.zone, scene.now);
        let is_asked = |ask: &Ask| ask.rule == rule && ask.day.is_none_or(|asked| asked == day);
        if !self.asks.iter().any(is_asked) {
            return;
        }
        let Some(rule) = self.rules.get(rule) else { return };
        let facts = Facts { customer: scene.customer, now: scene.now, zone: scene.zone, entry: None };
        let entering = entering(rule, &facts);
        let last = self.enrollments.iter().rfind(|active| active.rule == rule.id).map(|active| &active.entry);
        let inside = entry.or(last).unwrap_or(&entering).clone();
        for ask in self.asks.iter_mut().filter(|ask| is_asked(ask)) {
            let found = findings::find(rule, &ask.line, &facts, (entry.unwrap_or(&entering), &inside));
            ask.found.extend(found.map(|finding| (wall, finding)));
        }
    }

    /// Why the rule did not let the customer in, if anybody asks on this day.
    fn why_not(&self, rule: &str, scene: &Scene<'_>) -> Vec<String> {
        let (day, _) = self.day(scene.zone, scene.now);
        let Some(rule) = self.rules.get(rule).filter(|_| self.curious.contains(&day)) else { return Vec::new() };
        let facts = Facts { customer: scene.customer, now: scene.now, zone: scene.zone, entry: None };
        let entering = entering(rule, &facts);
        findings::failing(rule, &Facts { entry: Some(&entering), ..facts })
    }

    fn fired(&mut self, rule: &str, verdict: &Verdict, scene: &Scene<'_>) {
        let what = match verdict {
            Verdict::NoMatch | Verdict::Unknown => Became::NoMatch(self.why_not(rule, scene)),
            Verdict::Held(reason) => Became::Held(*reason),
            Verdict::HeldOut => Became::Held(Reason::Holdout),
            Verdict::Enrolled { emails, capped, .. } => Became::Entered { capped: *capped > 0 && *emails == 0 },
        };
        if *verdict == Verdict::Unknown {
            self.see_that(rule, scene, Became::Held(Reason::UnknownValue));
        }
        self.ask(rule, scene, None);
        self.see_that(rule, scene, what);
    }

    fn asked_for(&mut self, delivery: &Delivery, scene: &Scene<'_>) {
        if let (State::Suppressed, Some(reason)) = (delivery.state, delivery.reason) {
            self.see_that(&delivery.rule, scene, Became::Held(reason));
        }
        let Payload::Webhook { .. } = &delivery.payload else { return };
        let key = (delivery.rule.clone(), delivery.step.clone());
        let rendered = self.ground.payloads.get(&key).map(|payload| payload.render(&self.message(delivery, scene)));
        if let Some(Err(error)) = rendered {
            let (day, wall) = self.day(scene.zone, scene.now);
            let seen = Seen { day, wall, rule: delivery.rule.clone(), what: Became::Held(Reason::RenderError) };
            self.faults.push((seen, error.to_string()));
        }
    }

    fn went_out(&mut self, delivery: &Delivery, scene: &Scene<'_>) {
        let subject = match &delivery.payload {
            Payload::Email { template } => {
                let rendered = self.ground.templates.render(template, &self.message(delivery, scene));
                Some(rendered.map(|rendered| rendered.subject).map_err(|error| error.to_string()))
            }
            Payload::Webhook { .. } => None,
        };
        let (day, wall) = self.day(scene.zone, scene.now);
        self.sent.push(Got { day, wall, rule: delivery.rule.clone(), step: delivery.step.clone(), subject });
    }

    fn message<'m>(&'m self, delivery: &'m Delivery, scene: &'m Scene<'_>) -> Message<'m> {
        Message {
            customer: scene.customer,
            event: delivery.entry.as_ref().and_then(|entry| entry.event.as_ref()),
            schema: self.ground.schema,
            words: self.ground.words,
            business: self.ground.business,
            zone: scene.zone,
            locale: scene.customer.text("locale").unwrap_or(&self.ground.business.locale),
        }
    }

    /// What the tested rule came to the first time that it matched; `None` when it never did.
    pub(super) fn outcome(&self, rule: &str) -> Option<(&Seen, Outcome)> {
        self.seen.iter().filter(|seen| seen.rule == rule).find_map(|seen| match seen.what {
            Became::Entered { capped: false } => Some((seen, Outcome::Enters)),
            Became::Entered { capped: true } => Some((seen, Outcome::Held(Reason::FrequencyCap))),
            Became::Held(reason) => Some((seen, Outcome::Held(reason))),
            _ => None,
        })
    }
}

impl Observer for Witness<'_> {
    fn see(&mut self, happened: Happened<'_>, scene: &Scene<'_>) {
        if self.paused.get() {
            return;
        }
        self.remember(scene.customer);
        match happened {
            Happened::Fired { rule, verdict } => self.fired(rule, verdict, scene),
            Happened::Skipped { rule, step } => {
                self.ask(rule, scene, None);
                self.see_that(rule, scene, Became::Skipped(step.into()));
            }
            Happened::Asked(delivery) => self.asked_for(delivery, scene),
            Happened::Sent(delivery) => self.went_out(delivery, scene),
            Happened::Deferred { delivery, reason, .. } => {
                self.see_that(&delivery.rule, scene, Became::Held(reason));
            }
            Happened::Withheld { delivery, reason, .. } => {
                self.ask(&delivery.rule, scene, delivery.entry.as_deref());
                self.see_that(&delivery.rule, scene, Became::Held(reason));
            }
            Happened::Ended { rule, occurrence, ending } => {
                let is_it = |active: &&Active| active.rule == rule && active.occurrence == occurrence;
                let entry = self.enrollments.iter().find(is_it).map(|active| active.entry.clone());
                self.ask(rule, scene, entry.as_ref());
                self.see_that(rule, scene, Became::Ended(ending.reason));
            }
        }
    }
}

/// What an enrollment that would begin now would begin with.
fn entering(rule: &Rule, facts: &Facts<'_>) -> Entry {
    let mut entry = Entry { values: BTreeMap::new(), event: starting(rule, facts).cloned() };
    let with_event = Facts { entry: Some(&entry), ..*facts };
    let read = |path: &crate::condition::Path| Some((path.text().into(), path.read(&with_event)?));
    entry.values = rule.at_entry.iter().filter_map(read).collect();
    entry
}

/// The event that the rule is being judged for: the last of those that wait and whose delay is over.
fn starting<'f>(rule: &Rule, facts: &Facts<'f>) -> Option<&'f Event> {
    let Trigger::Event { name, delay, .. } = &rule.trigger else { return None };
    let pending = facts.customer.watch.pending.iter();
    let due = pending.map(|one| &one.event).filter(|event| event.name == *name && event.at.plus(*delay) <= facts.now);
    due.max_by_key(|event| event.at)
}
