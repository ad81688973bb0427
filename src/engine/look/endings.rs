//! How enrollments end early.

use super::Round;
use super::dates::Course;
use super::events::occurrence;
use crate::condition::{Facts, Truth};
use crate::domain::{
    Active, Conversion, Customer, Ending, EnrollmentChange, Pending, Reason, Stopped, ValueType, purchase_id,
};
use crate::engine::due::{self, Base};
use crate::rules::{Rule, Trigger};
use jiff::tz::TimeZone;

/// The most enrollments that are kept in case that their date comes back; of more, the latest.
const MOST_MOVED: usize = 100;

impl Round<'_> {
    /// Ends what is to end early, and forgets what ended so long ago that nothing of it can go out any more.
    pub(super) fn end(&mut self) {
        let now = self.now();
        self.watch.stopped.retain(|stopped| now < stopped.until);
        self.end_moved();
        for active in std::mem::take(&mut self.watch.active) {
            if let Some(active) = self.end_one(active) {
                self.watch.active.push(active);
            }
        }
        let too_many = self.watch.moved.len().saturating_sub(MOST_MOVED);
        self.watch.moved.drain(..too_many);
    }

    /// Ends one enrollment if something ends it now; otherwise it is given back.
    pub(super) fn end_one(&mut self, active: Active) -> Option<Active> {
        let Some(ending) = self.ending(&active) else { return Some(active) };
        self.watch.stopped.extend(stop(&active, &ending));
        if ending.reason == Some(Reason::Stopped) && self.may_come_back(&active) {
            self.watch.moved.push(active.clone());
        }
        self.changes.push(ended(active, ending));
        None
    }

    /// Of enrollments whose date is elsewhere: a goal reached counts all the same, for whoever renews is often told first
    /// by the new date and then by the event. Nothing of them comes back after that, or when `while` ceased to hold.
    fn end_moved(&mut self) {
        for active in std::mem::take(&mut self.watch.moved) {
            let Some(rule) = self.looking.rules.get(&active.rule) else { continue };
            if let Some(conversion) = self.conversion(&active, rule) {
                let reached =
                    Ending { at: self.now(), reason: Some(Reason::GoalReached), conversion: Some(conversion) };
                self.changes.push(EnrollmentChange { resumed: true, ..ended(active, reached) });
            } else if !self.has_left(&active, rule) {
                self.watch.moved.push(active);
            }
        }
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
        let until = due::goal_until(active, rule)?.min(self.now());
        let reaches = |one: &&Pending| {
            one.waiting.is_none()
                && one.event.name == goal.event
                && one.event.at > due::goal_after(active, rule, &one.event)
                && one.event.at <= until
                && !self.is_its_start(one, active, rule)
        };
        let first = self.customer.watch.pending.iter().filter(reaches).min_by_key(|one| one.event.at)?;
        let value = goal.value.as_ref().and_then(|property| first.event.properties.get(property));
        let value = value.and_then(|value| value.to_kind(ValueType::Number)).and_then(|value| value.as_number());
        Some(Conversion { at: first.event.at, event: first.id.clone(), value })
    }
}

impl Round<'_> {
    /// Whether the event is the very thing that started the enrollment, told of once more.
    fn is_its_start(&self, one: &Pending, active: &Active, rule: &Rule) -> bool {
        let Trigger::Event { name, once_per, .. } = &rule.trigger else { return false };
        let purchase = &self.looking.rules.interest.purchase;
        let bought = |event| purchase_id(event, purchase);
        let same_purchase =
            || active.entry.event.as_ref().and_then(bought).is_some_and(|id| bought(&one.event) == Some(id));
        *name == one.event.name
            && (occurrence(one, once_per.as_deref()) == active.occurrence.as_str() || same_purchase())
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
