//! What follows from records, the same in every store. Pure.

use super::{Decision, Marking, View, WakeChange};
use crate::domain::{
    Activity, Customer, Delivery, Enrollment, EnrollmentChange, Event, Interest, Pending, ProfileRow, RuleMemory, Span,
    Text, Tick, Time, Watch, consents,
};
use std::collections::BTreeMap;

/// Attributes and consent as the rows say, oldest first; of rows of one instant the last says what an attribute is.
pub(super) fn fold<'r>(customer: &mut Customer, rows: impl IntoIterator<Item = &'r ProfileRow>) {
    customer.attributes.clear();
    customer.updated_at = Time::MIN;
    let rows: Vec<&ProfileRow> = rows.into_iter().collect();
    for row in &rows {
        customer.update(row);
    }
    customer.consent = consents(rows);
}

/// Whether a row that has just arrived can be taken in alone, and comes to the same as [`fold`] over all.
pub(super) fn comes_last(customer: &Customer, row: &ProfileRow) -> bool {
    row.effective_at >= customer.updated_at && customer.tells_nothing_new(row)
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

/// Whether a rule enrolled the customer, or sent them something, later than a backtest's instant: what it remembered then
/// has to be made of the enrollments.
pub(super) fn needs_enrollments(customer: &Customer, view: &View) -> bool {
    let is_later =
        |memory: &RuleMemory| memory.sent_at.is_some_and(|at| at > view.now) || memory.enrolled_at > view.now;
    view.backtest && customer.memory.values().any(is_later)
}

/// By rule, when something was last sent by a backtest's instant, as far as deliveries tell.
pub(super) fn last_sent<'d>(deliveries: impl IntoIterator<Item = &'d Delivery>, view: &View) -> BTreeMap<Text, Time> {
    let mut last = BTreeMap::new();
    for delivery in deliveries {
        if let Some(at) = delivery.sent_at.filter(|at| *at <= view.now) {
            let latest = last.entry(delivery.rule.clone()).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    last
}

/// Leaves out what the rules remembered later than a backtest's instant, and what they made of the customer since. Of
/// `enrollments` and what was `sent` of them, asked for only where [`needs_enrollments`] says so, come the memories of
/// before.
pub(super) fn forget_later<'e>(
    customer: &mut Customer,
    view: &View,
    enrollments: impl IntoIterator<Item = &'e Enrollment>,
    sent: &BTreeMap<Text, Time>,
) {
    if !view.backtest {
        return;
    }
    customer.watch = Watch::default();
    customer.slots.retain(|slot| slot.at <= view.now);
    let (then, later): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(&mut customer.memory).into_iter().partition(|(_, memory)| memory.enrolled_at <= view.now);
    customer.memory = then;
    let known = |one: &&Enrollment| one.entered_at <= view.now && later.contains_key(&one.rule);
    for one in enrollments.into_iter().filter(known) {
        let memory = customer.memory.entry(one.rule.clone()).or_insert_with(|| RuleMemory {
            occurrence: one.occurrence.clone(),
            enrolled_at: one.entered_at,
            enrollments: 0,
            held_out: one.held_out,
            sent_at: later.get(&one.rule).and_then(|later| later.sent_at),
        });
        memory.enrollments = memory.enrollments.saturating_add(1);
        if (memory.enrolled_at, &memory.occurrence) < (one.entered_at, &one.occurrence) {
            memory.occurrence.clone_from(&one.occurrence);
            (memory.enrolled_at, memory.held_out) = (one.entered_at, one.held_out);
        }
    }
    for (rule, memory) in &mut customer.memory {
        if memory.sent_at.is_some_and(|at| at > view.now) {
            memory.sent_at = sent.get(rule).copied();
        }
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
