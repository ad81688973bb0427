//! How enrollments end early.

use super::Round;
use super::dates::Course;
use crate::condition::{Facts, Truth};
use crate::domain::{Active, Conversion, Customer, Ending, EnrollmentChange, Pending, Reason, Stopped, ValueType};
use crate::engine::due::{self, Base};
use crate::rules::Rule;
use jiff::tz::TimeZone;

impl Round<'_> {
    /// Ends what is to end early, and forgets what ended so long ago that nothing of it can go out any more.
    pub(super) fn end(&mut self) {
        let now = self.now();
        self.watch.stopped.retain(|stopped| now < stopped.until);
        self.end_from(0);
    }

    /// Ends what is to end early of the enrollments that are not among the first so many. Those that began in this very
    /// look are asked, too: their goal may have come with what started them.
    pub(super) fn end_from(&mut self, first: usize) {
        let (mut over, mut stopped, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        let asked = self.watch.active.split_off(first);
        let staying: Vec<_> = asked
            .into_iter()
            .filter_map(|active| match self.ending(&active) {
                Some(ending) => {
                    if ending.reason == Some(Reason::Stopped) && self.may_come_back(&active) {
                        moved.push(active.clone());
                    }
                    stopped.extend(stop(&active, &ending));
                    over.push(ended(active, ending));
                    None
                }
                None => Some(active),
            })
            .collect();
        self.watch.active.extend(staying);
        self.watch.stopped.extend(stopped);
        self.watch.moved.extend(moved);
        self.changes.extend(over);
    }

    /// How an enrollment ends now, if something ends it before its time. A goal that is reached counts whatever else
    /// happened.
    fn ending(&self, active: &Active) -> Option<Ending> {
        let early = |reason| Some(Ending { at: self.now(), reason: Some(reason), conversion: None });
        let Some(rule) = self.looking.rules.get(&active.rule) else { return early(Reason::RuleRemoved) };
        if let Some(conversion) = self.conversion(active, rule) {
            return Some(Ending { at: self.now(), reason: Some(Reason::GoalReached), conversion: Some(conversion) });
        }
        if self.has_left(active, rule) || self.has_moved(active, rule) { early(Reason::Stopped) } else { None }
    }

    fn has_moved(&self, active: &Active, rule: &Rule) -> bool {
        has_moved(active, rule, self.customer, self.zone)
    }

    /// Whether it ended by nothing but its date, which may come back.
    fn may_come_back(&self, active: &Active) -> bool {
        let rule = self.looking.rules.get(&active.rule);
        rule.is_some_and(|rule| active.anchor.is_some() && self.has_moved(active, rule) && !self.has_left(active, rule))
    }

    /// Whether `while` does not hold any more.
    pub(super) fn has_left(&self, active: &Active, rule: &Rule) -> bool {
        let facts = Facts { customer: self.customer, now: self.now(), zone: self.zone, entry: Some(&active.entry) };
        rule.stays.as_ref().is_some_and(|stays| stays.evaluate(&facts) == Truth::False)
    }

    /// The first event that has come since the last look and reaches the goal.
    fn conversion(&self, active: &Active, rule: &Rule) -> Option<Conversion> {
        let goal = rule.goal.as_ref()?;
        let after = due::goal_after(active, rule);
        let until = due::goal_until(active, rule)?.min(self.now());
        let reaches = |one: &&Pending| {
            let at = one.event.at;
            one.waiting.is_none() && one.event.name == goal.event && at > after && at <= until
        };
        let first = self.customer.watch.pending.iter().filter(reaches).min_by_key(|one| one.event.at)?;
        let value = goal.value.as_ref().and_then(|property| first.event.properties.get(property));
        let value = value.and_then(|value| value.to_kind(ValueType::Number)).and_then(|value| value.as_number());
        Some(Conversion { at: first.event.at, event: first.id.clone(), value })
    }
}

/// Whether what an enrollment's days are counted from is not there any more.
pub(in crate::engine) fn has_moved(active: &Active, rule: &Rule, customer: &Customer, zone: &TimeZone) -> bool {
    if active.anchor.is_none() {
        return Base::of(active, rule).is_none();
    }
    !Course::of(rule, customer, zone).is_some_and(|course| course.is_of(active))
}

/// What keeps the deliveries of an enrollment that ended from going out, if some may still.
fn stop(active: &Active, ending: &Ending) -> Option<Stopped> {
    Some(Stopped {
        rule: active.rule.clone(),
        occurrence: active.occurrence.clone(),
        reason: ending.reason?,
        until: active.unsent_until.filter(|until| *until > ending.at)?,
    })
}

/// The change that notes an ending.
fn ended(active: Active, ending: Ending) -> EnrollmentChange {
    let Active { rule, occurrence, .. } = active;
    EnrollmentChange { rule, occurrence, deliveries: Vec::new(), ending: Some(ending), resumed: false }
}
