//! When a rule next enrolls a customer if nothing arrives before.

use super::subject::Subject;
use crate::app::operations::failure;
use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::domain::{Customer, Event, Reason, Span, State, Text, Time};
use crate::engine::{self, Day, Decided, Firing, Moment, Verdict};
use crate::http::Result;
use crate::rules::{AgainAfter, Direction, Rule, Trigger, TriggerZone};
use crate::store::View;
use std::borrow::Cow;

/// How far ahead is looked.
pub(super) const HORIZON: Span = Span::days(400);

/// How many instants are judged at most.
const MOST: usize = 20_000;

/// When it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Then; what stops its mails as far as is known.
    At(Time, Option<Reason>),
    /// Never, for the customer is held out.
    HeldOut,
    /// Not as long as this holds: a pause, or missing consent.
    Held(Reason),
    /// It was, once in the customer's life.
    Once,
    /// Not within the horizon.
    Nothing,
}

impl Next {
    pub(super) const fn at(&self) -> Option<Time> {
        if let Self::At(at, _) = self { Some(*at) } else { None }
    }
}

/// An instant at which the trigger fires.
struct Candidate {
    at: Time,
    occurrence: Text,
    cause: Why,
}

enum Why {
    Other,
    Event(Event),
    Day(Day),
}

/// Looks from one instant at which the trigger fires to the next.
pub(super) async fn next(subject: &Subject<'_>, rule: &Rule) -> Result<Next> {
    let mut ahead = Ahead::new(subject, rule);
    let waiting = subject.waiting(rule).await?;
    if !waiting.is_empty() {
        ahead.customer.to_mut().watch.pending.extend(waiting);
    }
    let mut after = subject.at().minus(Span(1));
    let horizon = subject.at().plus(HORIZON);
    for _ in 0..MOST {
        let Some(candidate) = ahead.candidate(after).filter(|candidate| candidate.at <= horizon) else { break };
        ahead.count_until(candidate.at).await?;
        let decided = ahead.judge(&candidate);
        let free = match decided.verdicts.first() {
            Some(Verdict::Enrolled { .. }) => return Ok(Next::At(candidate.at, stopped(&decided))),
            Some(Verdict::HeldOut) => return Ok(Next::HeldOut),
            Some(Verdict::Held(Reason::AgainAfter)) => match (rule.again_after, ahead.customer.memory.get(&rule.id)) {
                (AgainAfter::After(span), Some(memory)) => Some(memory.enrolled_at.plus(span)),
                _ => return Ok(Next::Once),
            },
            Some(Verdict::Held(reason)) => return Ok(Next::Held(*reason)),
            Some(Verdict::NoMatch | Verdict::Unknown) | None => match ahead.may_change(&candidate) {
                Some(at) => Some(at),
                None => break,
            },
        };
        // The next one at or after which it may come to something else.
        after = free.map_or(candidate.at, |free| free.minus(Span(1)).max(candidate.at));
    }
    Ok(Next::Nothing)
}

/// Why nothing would be queued, if nothing would.
fn stopped(decided: &Decided) -> Option<Reason> {
    let mut deliveries = decided.deliveries.iter().peekable();
    let empty = deliveries.peek().is_none() && decided.entered.is_empty();
    if empty {
        return Some(Reason::NotWanted);
    }
    if deliveries.clone().any(|delivery| delivery.state == State::Queued) {
        return None;
    }
    deliveries.find_map(|delivery| delivery.reason)
}

/// The customer as time goes by.
struct Ahead<'a> {
    subject: &'a Subject<'a>,
    rule: &'a Rule,
    customer: Cow<'a, Customer>,
}

impl<'a> Ahead<'a> {
    fn new(subject: &'a Subject<'a>, rule: &'a Rule) -> Self {
        let mut customer = Cow::Borrowed(&subject.stored.customer);
        if subject.view.backtest && customer.activity.uncounted_from.is_some() {
            // What came later is not to come.
            customer.to_mut().activity.uncounted_from = None;
        }
        Self { subject, rule, customer }
    }

    /// Counts what is stored already and lies ahead.
    async fn count_until(&mut self, at: Time) -> Result<()> {
        if self.subject.view.backtest || self.customer.activity.uncounted_from.is_none_or(|from| from > at) {
            return Ok(());
        }
        let view = View { now: at, ..self.subject.view.clone() };
        let found = self.subject.core.store.customer(&self.customer.id, &view).await.map_err(failure)?;
        if let Some(stored) = found {
            self.customer = Cow::Owned(stored.customer);
        }
        Ok(())
    }

    fn facts(&self, at: Time) -> Facts<'_> {
        Facts { customer: &self.customer, now: at, zone: &self.subject.zone, entry: None }
    }

    /// The first instant later than `after` at which the trigger fires.
    fn candidate(&self, after: Time) -> Option<Candidate> {
        match &self.rule.trigger {
            Trigger::Schedule { cron, zone } => {
                let zone = match zone {
                    TriggerZone::Business => &self.subject.world.zone,
                    TriggerZone::Named(_, zone) => zone,
                    TriggerZone::Customer => &self.subject.zone,
                };
                let next = cron.next(zone, after)?;
                Some(Candidate { at: next.at, occurrence: next.local.into(), cause: Why::Other })
            }
            Trigger::Event { delay, once_per, .. } => self.waiting_event(*delay, once_per.as_ref(), after),
            Trigger::Date { .. } => self.day(after),
            Trigger::Crossing { segment, direction } => self.crossing(segment, *direction, after),
        }
    }

    /// An event whose delay is not over, and by which nothing began.
    fn waiting_event(&self, delay: Span, once_per: Option<&Text>, after: Time) -> Option<Candidate> {
        let waits = self.customer.watch.pending.iter().filter(|one| match &one.waiting {
            Some(waiting) => waiting.contains(&self.rule.id),
            // Nobody has looked at it yet.
            None => self.subject.may_start(self.rule, &one.event),
        });
        let due = waits.map(|one| (one.event.at.plus(delay), one)).filter(|(due, _)| *due > after);
        let candidates = due.map(|(at, one)| {
            let value = once_per.and_then(|property| one.event.properties.get(property)).map(ToString::to_string);
            let occurrence = value.filter(|value| !value.is_empty()).map_or_else(|| one.id.clone(), Into::into);
            Candidate { at, occurrence, cause: Why::Event(one.event.clone()) }
        });
        candidates.filter(|candidate| !self.is_known(&candidate.occurrence)).min_by_key(|candidate| candidate.at)
    }

    /// A day on which steps fall due, of a date that nothing began for.
    fn day(&self, after: Time) -> Option<Candidate> {
        let (rule, zone) = (self.rule, &self.subject.zone);
        let first = calendar::day_of(zone, after);
        let last = self.subject.at().plus(HORIZON);
        let mut date = first;
        while calendar::day_start(zone, date) <= last {
            let noon = calendar::at_local(zone, date.at(12, 0, 0, 0));
            for day in engine::days_due(rule, &self.customer, zone, noon) {
                let occurrence: Text = day.occurrence().into();
                let here = |at: &&Time| **at > after && calendar::day_of(zone, **at) == date;
                let instants = day.instants(rule, zone);
                if let Some(at) = instants.iter().find(here).filter(|_| !self.is_known(&occurrence)) {
                    return Some(Candidate { at: *at, occurrence, cause: Why::Day(day) });
                }
            }
            date = calendar::days_after(date, 1);
        }
        None
    }

    /// Whether something began for the occurrence.
    fn is_known(&self, occurrence: &str) -> bool {
        let enrollments = &self.subject.enrollments;
        self.customer.memory.get(&self.rule.id).is_some_and(|memory| memory.occurrence == occurrence)
            || enrollments.iter().any(|one| one.rule == self.rule.id && one.occurrence == occurrence)
    }

    /// The border crossed by time alone.
    fn crossing(&self, name: &str, direction: Direction, after: Time) -> Option<Candidate> {
        let segment = self.subject.segment(name)?;
        let horizon = self.subject.at().plus(HORIZON);
        let wanted = direction == Direction::Enters;
        let mut held = segment.when.evaluate_until(&self.facts(after.max(self.subject.at())));
        for _ in 0..MOST {
            let at = held.until.filter(|until| *until <= horizon)?;
            let later = segment.when.evaluate_until(&self.facts(at));
            if held.value.is_true() != later.value.is_true() && later.value.is_true() == wanted {
                let known = self.customer.watch.segments.get(name).map_or(0, |membership| membership.crossings);
                let occurrence = known.saturating_add(1).to_string().into();
                return Some(Candidate { at, occurrence, cause: Why::Other });
            }
            held = later;
        }
        None
    }

    fn judge(&self, candidate: &Candidate) -> Decided {
        let core = self.subject.core;
        let paused = self.subject.paused.get(&self.rule.id).copied();
        let firing = Firing { rule: self.rule, occurrence: &candidate.occurrence, paused };
        let (policy, key) = (&self.subject.world.policy, core.store.delivery_key());
        let moment = Moment { at: candidate.at, tick: None, policy, key: &key };
        let cause = match &candidate.cause {
            Why::Other => engine::Cause::Other,
            Why::Event(event) => engine::Cause::Event(event),
            Why::Day(day) => engine::Cause::Day(*day),
        };
        let who = (&*self.customer, &self.subject.zone);
        engine::decide_cause(self.subject.stored.number, who, &firing, cause, &moment)
    }

    /// When a condition that does not hold at a candidate may hold; `None` for never, if nothing arrives.
    fn may_change(&self, candidate: &Candidate) -> Option<Time> {
        if !matches!(self.rule.trigger, Trigger::Schedule { .. }) {
            return Some(candidate.at);
        }
        let facts = self.facts(candidate.at);
        let held = self.rule.when.evaluate_until(&facts);
        if held.value == Truth::True {
            // `while` keeps them out.
            return Some(candidate.at);
        }
        held.until
    }
}
