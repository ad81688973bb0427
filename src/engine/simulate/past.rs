//! A life that begins in the past: what had been decided by then, as far as it is still told.

use super::life::Life;
use crate::calendar;
use crate::condition::Facts;
use crate::domain::{
    Active, Activity, CapSlot, Class, Delivery, Enrollment, Entry, Event, Payload, Pending, RuleMemory, SLOTS_KEPT,
    State, Stopped, Text, Time, Value,
};
use crate::engine::due;
use crate::rules::{Rule, Trigger};
use jiff::civil::Date;
use std::collections::BTreeSet;

impl Life<'_> {
    /// Takes in the enrollments that were made before this life began, with what they had asked for by then: what is
    /// remembered of them, what went on, what was still to go out, and the places under the caps. Events of before whose
    /// delay is not over wait.
    ///
    /// What an enrollment began with is taken from its deliveries, or worked out from the events of before and the
    /// attributes of now: earlier ones are not known.
    pub fn recall(&mut self, enrollments: &[Enrollment], deliveries: Vec<Delivery>) {
        for enrollment in enrollments {
            self.enrolled(&enrollment.rule, &enrollment.occurrence);
            self.remember(enrollment);
        }
        let mut waiting = Vec::new();
        for delivery in deliveries {
            match Stood::at(&delivery, self.now) {
                Stood::Sent(at) => self.was_sent(&delivery, at),
                Stood::Waiting => waiting.push(Delivery { state: State::Queued, reason: None, ..delivery }),
                Stood::Over => {}
            }
        }
        for enrollment in enrollments {
            self.resume(enrollment, &waiting);
        }
        for delivery in waiting {
            if self.is_capped_mail(&delivery) {
                let at = delivery.due_at.max(self.now);
                self.customer.reserve(CapSlot { class: delivery.class, at, delivery: delivery.id });
            }
            self.queue(delivery);
        }
        self.expect_delayed();
    }

    fn remember(&mut self, enrollment: &Enrollment) {
        let before = self.customer.memory.get(&enrollment.rule);
        let is_known = |memory: &&RuleMemory| {
            (memory.enrolled_at, &memory.occurrence) >= (enrollment.entered_at, &enrollment.occurrence)
        };
        if before.is_some_and(|memory| is_known(&memory)) {
            return;
        }
        let memory = RuleMemory {
            occurrence: enrollment.occurrence.clone(),
            enrolled_at: enrollment.entered_at,
            enrollments: before.map_or(0, |memory| memory.enrollments).saturating_add(1),
            held_out: enrollment.held_out,
            sent_at: before.and_then(|memory| memory.sent_at),
        };
        self.customer.memory.insert(enrollment.rule.clone(), memory);
    }

    fn was_sent(&mut self, delivery: &Delivery, at: Time) {
        if self.terms.interest.sent.contains(&delivery.rule) {
            self.customer.note_sent(&delivery.rule, at);
        }
        if self.is_capped_mail(delivery) && self.now.since(at) < SLOTS_KEPT {
            self.customer.reserve(CapSlot { class: delivery.class, at, delivery: delivery.id });
        }
    }

    fn is_capped_mail(&self, delivery: &Delivery) -> bool {
        matches!(delivery.payload, Payload::Email { .. })
            && delivery.class != Class::Service
            && self.terms.policy.caps.contains_key(&delivery.class)
    }

    /// Lets an enrollment go on that had not ended, or keeps what it asked for from going out if it had.
    fn resume(&mut self, enrollment: &Enrollment, waiting: &[Delivery]) {
        let Some(rule) = self.terms.rules.get(&enrollment.rule) else { return };
        let of_it =
            |delivery: &&Delivery| delivery.rule == enrollment.rule && delivery.occurrence == enrollment.occurrence;
        let unsent_until = waiting.iter().filter(of_it).map(|delivery| delivery.expires_at).max();
        if let Some(ending) = &enrollment.ending {
            if let (Some(reason), Some(until)) = (ending.reason, unsent_until) {
                let (rule, occurrence) = (enrollment.rule.clone(), enrollment.occurrence.clone());
                self.customer.watch.stopped.push(Stopped { rule, occurrence, reason, until });
            }
            return;
        }
        let kept = waiting.iter().filter(of_it).find_map(|delivery| delivery.entry.as_deref().cloned());
        let (anchor, instant) = self.anchor(rule, &enrollment.occurrence);
        let mut active = Active {
            rule: enrollment.rule.clone(),
            occurrence: enrollment.occurrence.clone(),
            entered_at: enrollment.entered_at,
            held_out: enrollment.held_out,
            anchor,
            instant,
            done: Vec::new(),
            entry: kept.unwrap_or_else(|| self.entry(rule, enrollment)),
            unsent_until,
        };
        due::pass(&mut active, rule, &self.zone, self.now);
        if !due::is_over(&active, rule, self.now) {
            self.customer.watch.active.push(active);
        }
    }

    /// What the days and hours of a date's enrollment are counted from, as its occurrence says.
    fn anchor(&self, rule: &Rule, occurrence: &str) -> (Option<Date>, Option<Time>) {
        if !matches!(rule.trigger, Trigger::Date { .. }) {
            return (None, None);
        }
        if let Ok(date) = occurrence.parse::<Date>()
            && date.to_string() == occurrence
        {
            return (Some(date), None);
        }
        let instant = occurrence.parse::<Time>().ok();
        (instant.map(|instant| calendar::day_of(&self.zone, instant)), instant)
    }

    /// What an enrollment began with.
    fn entry(&self, rule: &Rule, enrollment: &Enrollment) -> Entry {
        let (interest, at) = (self.terms.interest, enrollment.entered_at);
        let mut entry = Entry { event: self.started_by(rule, &enrollment.occurrence).cloned(), ..Entry::default() };
        if rule.at_entry.is_empty() {
            return entry;
        }
        let mut then = self.customer.clone();
        then.activity = Activity::over(self.events.iter().filter(|event| event.at <= at), interest, at, None);
        let facts = Facts { customer: &then, now: at, zone: &self.zone, entry: None };
        let values = rule.at_entry.iter().filter_map(|path| Some((path.text().into(), path.read(&facts)?)));
        entry.values = values.collect();
        entry
    }

    fn started_by(&self, rule: &Rule, occurrence: &str) -> Option<&Event> {
        let Trigger::Event { name, once_per, .. } = &rule.trigger else { return None };
        self.events.iter().filter(|event| event.name == *name).find(|event| {
            let value = once_per.as_ref().and_then(|property| event.properties.get(property)).map(Value::to_string);
            value.as_deref() == Some(occurrence) || event.message_id.as_deref() == Some(occurrence)
        })
    }

    /// Events that rules are still to judge wait for the end of these rules' delays.
    fn expect_delayed(&mut self) {
        let waiting = |event: &Event| -> BTreeSet<Text> {
            let waits = self.terms.rules.rules.iter().filter(|rule| match &rule.trigger {
                Trigger::Event { name, delay, .. } => *name == event.name && event.at.plus(*delay) > self.now,
                _ => false,
            });
            waits.map(|rule| rule.id.clone()).collect()
        };
        let mut pending = Vec::new();
        for event in self.events.iter().rev() {
            let waiting = waiting(event);
            if !waiting.is_empty() && event.at <= self.now {
                let event = Event { received_at: event.at, ..event.clone() };
                let fingerprint = event.fingerprint(&self.customer.id);
                pending.push(Pending { waiting: Some(waiting), ..Pending::new(&event, &fingerprint) });
            }
        }
        pending.into_iter().rev().for_each(|one| self.customer.watch.expect(one));
    }
}

/// Where a delivery stood at an instant.
enum Stood {
    /// It had gone out.
    Sent(Time),
    /// It was still to go out.
    Waiting,
    /// Nothing came of it any more.
    Over,
}

impl Stood {
    fn at(delivery: &Delivery, now: Time) -> Self {
        match delivery.sent_at {
            Some(at) if at <= now => Self::Sent(at),
            Some(_) => Self::Waiting,
            // What became of it later, this life will see.
            None if delivery.state.is_waiting() || delivery.due_at > now => Self::Waiting,
            None => Self::Over,
        }
    }
}
