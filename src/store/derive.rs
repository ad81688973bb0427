//! What follows from records, the same in every store. Pure.

use super::{Decision, Marking, Overdue, View, WakeChange};
use crate::domain::{
    Activity, Customer, Delivery, Enrollment, EnrollmentChange, Event, Interest, Lane, Pending, ProfileRow, Span, Tick,
    Time, Watch,
};
use std::collections::BTreeMap;

/// Counts what is late, by lane and age.
pub(super) struct Counting<'a> {
    now: Time,
    ages: &'a [Span],
    limit: usize,
    found: BTreeMap<Lane, Vec<u64>>,
}

impl<'a> Counting<'a> {
    /// As [`super::Store::overdue`] asks for it.
    pub(super) fn new(now: Time, ages: &'a [Span], limit: usize) -> Self {
        Self { now, ages, limit, found: BTreeMap::new() }
    }

    /// How many more of the lane are to be counted.
    pub(super) fn left(&self, lane: &Lane) -> usize {
        let counted: u64 = self.found.get(lane).map_or(0, |counts| counts.iter().sum());
        self.limit.saturating_sub(usize::try_from(counted).unwrap_or(usize::MAX))
    }

    /// Counts one that is due at that instant; whether it is due by now.
    pub(super) fn count(&mut self, lane: &Lane, due: Time) -> bool {
        if due > self.now {
            return false;
        }
        let past = self.now.since(due);
        let place = self.ages.iter().position(|age| past <= *age).unwrap_or(self.ages.len());
        let none = || vec![0; self.ages.len() + 1];
        if let Some(counts) = self.found.get_mut(lane) {
            counts[place] += 1;
        } else {
            self.found.entry(lane.clone()).or_insert_with(none)[place] += 1;
        }
        true
    }

    pub(super) fn finish(self) -> Vec<Overdue> {
        self.found.into_iter().map(|(lane, counts)| Overdue { lane, counts }).collect()
    }
}

/// Attributes and consent as the rows say, oldest first. Of rows of one instant the last says what an attribute is;
/// consent is withdrawn if one of them withdraws it, for which of them came last is chance.
pub(super) fn fold<'r>(customer: &mut Customer, rows: impl IntoIterator<Item = &'r ProfileRow>) {
    customer.attributes.clear();
    customer.consent.clear();
    customer.updated_at = Time::MIN;
    let rows: Vec<&ProfileRow> = rows.into_iter().collect();
    for instant in rows.chunk_by(|a, b| a.effective_at == b.effective_at) {
        for row in instant {
            customer.update(row);
        }
        for row in instant {
            customer.withdraw(row);
        }
    }
}

/// Whether a row that has just arrived can be taken in alone, and comes to the same as [`fold`] over all.
pub(super) fn comes_last(customer: &Customer, row: &ProfileRow) -> bool {
    let gives = row.consent.values().any(|granted| *granted);
    row.effective_at > customer.updated_at || row.effective_at == customer.updated_at && !gives
}

/// Whether a row that holds since always does not any more once it is one of a joined customer's: only the first that
/// came does, and what was told later holds since then.
pub(super) fn holds_since_told(row: &ProfileRow, is_first: bool) -> bool {
    row.effective_at == Time::MIN && !is_first
}

/// Totals for a reader: whole windows, however many events fall into them.
pub(super) fn totals<'e>(events: impl IntoIterator<Item = &'e Event>, interest: &Interest, now: Time) -> Activity {
    Activity::over(events, interest, now, longest_window(interest).map(|window| now.minus(window)))
}

fn longest_window(interest: &Interest) -> Option<Span> {
    interest.events.values().filter_map(|wanted| wanted.longest_window).max()
}

/// Whether kept totals are not those that a reader at `now` is to see. `fingerprint` is the interest's.
pub(super) fn needs_log(activity: &Activity, interest: &Interest, fingerprint: u64, now: Time) -> bool {
    activity.is_stale(interest, fingerprint, now)
        || activity.orders.last_at.is_some_and(|at| at > now)
        || activity.totals.iter().any(|totals| totals.last_at > now)
}

/// Whether the stored totals themselves are out of date, so that writing them anew helps.
pub(super) fn needs_rebuild(activity: &Activity, fingerprint: u64, now: Time) -> bool {
    activity.fingerprint != fingerprint || activity.uncounted_from.is_some_and(|at| at <= now)
}

/// Notes in the watch that something arrived; whether that makes the customer dirty.
pub(super) fn note(watch: &mut Watch, marking: Marking) -> bool {
    watch.quiet |= marking == Marking::Quiet;
    marking != Marking::Leave
}

/// As [`note`], of an event that is no duplicate. One that may start something waits to be judged; one that nobody names
/// is noted only where it makes the customer known: nobody looked at a newcomer yet.
pub(super) fn note_event(
    customer: (&mut Watch, Newcomer),
    marking: Marking,
    interest: &Interest,
    (event, fingerprint): (&Event, &[u8; 16]),
) -> bool {
    let (watch, newcomer) = customer;
    if newcomer == Newcomer::No && !interest.concerns(&event.name) {
        return false;
    }
    if marking == Marking::Dirty && interest.triggers.contains(&event.name) {
        watch.expect(Pending::new(event, fingerprint));
    }
    note(watch, marking)
}

/// Whether an event is the first that is known of its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// It is.
    Yes,
    /// The customer is known.
    No,
}

/// Whether a decision gives the customer's record a new version: it changes the record, or rows that go with it, which
/// nobody else is to change by what they read before.
pub(super) fn renews_record(decision: &Decision) -> bool {
    decision.wake != WakeChange::Keep
        || decision.watch.is_some()
        || !(decision.memories.is_empty()
            && decision.slots.is_empty()
            && decision.members.is_empty()
            && decision.changes.is_empty())
}

/// The watch as a decision leaves it. What it holds follows the decision's members, so that it tells all member rows.
pub(super) fn decided_watch(watch: &mut Watch, decision: &Decision) {
    if let Some(decided) = &decision.watch {
        watch.clone_from(decided);
    }
    for (rule, holds) in &decision.members {
        if *holds {
            watch.holding.insert(rule.clone());
        } else {
            watch.holding.remove(rule);
        }
    }
}

/// Which enrollment a change means: of several, which two customers brought into a merge, the first that goes on, or
/// that had ended if it is to go on again.
pub(super) fn goes_on<'e>(
    enrollments: impl Iterator<Item = &'e Enrollment>,
    change: &EnrollmentChange,
) -> Option<usize> {
    let same = |it: &Enrollment| {
        it.rule == change.rule && it.occurrence == change.occurrence && it.ending.is_some() == change.resumed
    };
    let same = enrollments.enumerate().filter(|(_, it)| same(it));
    same.min_by_key(|(_, it)| it.entered_at).map(|(index, _)| index)
}

/// Leaves out what the rules remembered later than a backtest's instant, and what they made of the customer since.
pub(super) fn forget_later(customer: &mut Customer, view: &View) {
    if view.backtest {
        customer.watch = Watch::default();
        for memory in customer.memory.values_mut() {
            memory.sent_at = memory.sent_at.filter(|at| *at <= view.now);
        }
        customer.memory.retain(|_, memory| memory.enrolled_at <= view.now);
        customer.slots.retain(|slot| slot.at <= view.now);
    }
}

/// An enrollment as it stood at an instant; `None` if it was not made by then.
pub(super) fn enrolled_by(mut enrollment: Enrollment, at: Time) -> Option<Enrollment> {
    enrollment.ending = enrollment.ending.filter(|ending| ending.at <= at);
    (enrollment.entered_at <= at).then_some(enrollment)
}

/// Whether attributes and consent have to be read from the profile rows for this reader.
pub(super) fn needs_rows(customer: &Customer, view: &View) -> bool {
    view.backtest && customer.updated_at > view.now
}

/// The tick that stands after a page was decided. Members that the decider did not know of stay, and since nobody
/// was decided for them yet, they send the tick back to its first customer.
pub(super) fn decided_tick(stored: Option<Tick>, mut decided: Tick) -> Tick {
    let knows = |tick: &Tick, rule: &str, zone: &str| tick.members.iter().any(|m| m.rule == rule && m.zone == zone);
    let missed: Vec<_> = stored
        .map(|tick| tick.members)
        .unwrap_or_default()
        .into_iter()
        .filter(|member| !knows(&decided, &member.rule, &member.zone))
        .collect();
    if !missed.is_empty() {
        decided.members.extend(missed);
        decided.cursor = None;
        decided.complete = false;
    }
    decided
}

/// The tick that stands after planning: members that are new begin with the first customer.
pub(super) fn planned_tick(stored: Option<Tick>, planned: Tick) -> Tick {
    let Some(stored) = stored else { return planned };
    decided_tick(Some(planned), stored)
}

/// When a finished delivery was last touched, as far as its record tells: what pruning goes by.
pub(super) fn finished_at(delivery: &Delivery) -> Time {
    let seen = [delivery.sent_at, delivery.attempted_at, Some(delivery.due_at)];
    seen.into_iter().flatten().fold(delivery.created_at, Time::max)
}

#[cfg(test)]
mod tests {
    use super::{decided_tick, planned_tick};
    use crate::domain::{CustomerNumber, Tick, TickCounts, TickMember, Time};

    fn tick(rules: &[&str], cursor: Option<u64>) -> Tick {
        let member = |rule: &&str| TickMember {
            rule: (*rule).into(),
            zone: "UTC".into(),
            of_customers: false,
            occurrence: "2026-11-22T10:00".into(),
            counts: TickCounts::default(),
        };
        let members = rules.iter().map(member).collect();
        Tick { at: Time(0), members, cursor: cursor.map(CustomerNumber), complete: false }
    }

    #[test]
    fn a_member_planned_late_sees_every_customer() {
        assert_eq!(planned_tick(Some(tick(&["a"], Some(9))), tick(&["a", "b"], None)), tick(&["a", "b"], None));
        assert_eq!(decided_tick(Some(tick(&["a", "b"], None)), tick(&["a"], Some(9))), tick(&["a", "b"], None));
    }

    #[test]
    fn planning_again_what_is_planned_changes_nothing() {
        assert_eq!(planned_tick(Some(tick(&["a", "b"], Some(9))), tick(&["b"], None)), tick(&["a", "b"], Some(9)));
        assert_eq!(decided_tick(Some(tick(&["a"], None)), tick(&["a"], Some(9))), tick(&["a"], Some(9)));
    }
}
