//! What events start.

use super::Round;
use crate::domain::{Event, Pending, Span, Text, Time, Value};
use crate::engine::enroll::Start;
use crate::rules::{Rule, Trigger};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How much before the customer's arrival an event may have happened that made the customer known: its message was
/// under way.
const UNDER_WAY: Span = Span::minutes(1);

/// The most events of one customer that wait for one rule, or for their own time, and the most enrollments that events
/// began for one rule and that go on. Each makes the record longer that every further event rewrites. Nobody does so
/// much; a robot does, or an id that many share.
pub(super) const MOST_WAITING: usize = 1_000;

/// Why an event starts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It happened before the rule went live.
    BeforeLive,
    /// It happened before the customer was known here.
    BeforeArrival,
    /// It became known too long after it happened.
    Late,
}

/// Why an event starts no rule that went live at `live`, if it does not: it was past for the rule or for us when it came.
/// The customer arrived at `arrived`; `within` is how late it may come.
#[must_use]
pub fn past(event: &Event, live: Time, arrived: Time, within: Span) -> Option<Past> {
    if event.at <= live {
        Some(Past::BeforeLive)
    } else if event.at <= arrived.minus(UNDER_WAY) {
        Some(Past::BeforeArrival)
    } else {
        (event.received_at.since(event.at) > within).then_some(Past::Late)
    }
}

impl<'a> Round<'a> {
    /// Judges the events that wait; those that some rule is still to judge go on waiting.
    pub(super) fn take_events(&mut self) {
        self.watch.pending.clear();
        let mut pending: Vec<&'a Pending> = self.customer.watch.pending.iter().collect();
        pending.sort_by_key(|one| one.event.at);
        let mut room = Room::of(self, &pending);
        for one in pending {
            if one.event.at > self.now() {
                if room.take(FUTURE) {
                    self.wake.at(Some(one.event.at));
                    self.watch.pending.push(one.clone());
                }
                continue;
            }
            let waiting = self.take_event(one, &mut room);
            if !waiting.is_empty() {
                self.watch.pending.push(Pending { waiting: Some(waiting), ..one.clone() });
            }
        }
        self.given_up = room.given_up;
    }

    /// Judges one event that has happened; the rules that are to judge it later.
    fn take_event(&mut self, one: &'a Pending, room: &mut Room) -> BTreeSet<Text> {
        let mut waiting = BTreeSet::new();
        for (place, rule) in self.rules() {
            let Trigger::Event { name, delay, once_per } = &rule.trigger else { continue };
            let judged = one.waiting.as_ref().is_some_and(|waiting| !waiting.contains(&rule.id));
            if *name != one.event.name || judged || !self.counts(&one.event, rule) {
                continue;
            }
            let due = one.event.at.plus(*delay);
            if due > self.now() {
                // Who waits already has a place.
                if one.waiting.is_some() || room.take((Place::Waiting, place)) {
                    self.wake.at(Some(due));
                    waiting.insert(rule.id.clone());
                }
                continue;
            }
            let occurrence = occurrence(one, once_per.as_deref());
            if self.is_news(rule, &occurrence) && room.take((Place::UnderWay, place)) {
                let start = Start { event: Some(&one.event), ..self.start(rule, occurrence) };
                self.starts.push((place, start));
            }
        }
        waiting
    }

    /// Whether the event may start the rule.
    fn counts(&self, event: &Event, rule: &Rule) -> bool {
        let (arrived, within) = (self.customer.arrived_at, self.looking.policy.misfire.within);
        self.live(rule).is_some_and(|live| past(event, live, arrived, within).is_none())
    }

    fn is_news(&self, rule: &Rule, occurrence: &str) -> bool {
        let fires = |(_, start): &(usize, Start<'_>)| start.rule.id == rule.id && start.occurrence == occurrence;
        !self.is_enrolled(rule, occurrence) && !self.starts.iter().any(fires)
    }
}

/// What there is only so much room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Events whose own time has not come.
    Future,
    /// Events that wait for a rule's delay.
    Waiting,
    /// Enrollments of a rule.
    UnderWay,
}

const FUTURE: (Place, usize) = (Place::Future, 0);

/// How many there are of each, by the place of the rule in the set.
struct Room {
    taken: BTreeMap<(Place, usize), usize>,
    given_up: usize,
}

impl Room {
    /// What is taken already.
    fn of(round: &Round<'_>, pending: &[&Pending]) -> Self {
        let mut taken = BTreeMap::new();
        if pending.len() + round.watch.active.len() > MOST_WAITING {
            for (place, rule) in round.rules() {
                let waits = |one: &&&Pending| one.waiting.as_ref().is_some_and(|waiting| waiting.contains(&rule.id));
                taken.insert((Place::Waiting, place), pending.iter().filter(waits).count());
                let under_way = round.watch.active.iter().filter(|one| one.rule == rule.id).count();
                taken.insert((Place::UnderWay, place), under_way);
            }
        }
        Self { taken, given_up: 0 }
    }

    /// Takes one more place, if there is one.
    fn take(&mut self, place: (Place, usize)) -> bool {
        let taken = self.taken.entry(place).or_default();
        if *taken >= MOST_WAITING {
            self.given_up += 1;
            return false;
        }
        *taken += 1;
        true
    }
}

/// What makes an enrollment by the event unique: the value of the property that the rule names, or the message id.
pub(super) fn occurrence<'a>(one: &'a Pending, once_per: Option<&str>) -> Cow<'a, str> {
    let value = once_per.and_then(|property| one.event.properties.get(property)).map(Value::to_string);
    value.filter(|text| !text.is_empty()).map_or(Cow::Borrowed(one.id.as_str()), Cow::Owned)
}
