//! What is kept with a customer so that rules act when something changes or falls due, and at no other time.

use super::{DeliveryId, Event, Reason, Text, Time, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What rules and segments last made of a customer, and what is still to come of it.
///
/// Whoever looks at a dirty customer makes a new one, which replaces the old in the commit of what was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Watch {
    /// By segment, for each that was computed.
    #[n(0)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub segments: BTreeMap<Text, Membership>,
    /// Rules with a schedule whose condition held when it was last looked at; of each there is a member row.
    #[n(1)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub holding: BTreeSet<Text>,
    /// Events that may start rules or reach goals and that some rule has not judged yet, oldest first.
    #[n(2)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub pending: Vec<Pending>,
    /// By rule with a date, the date that is counted from.
    #[n(3)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub anchors: BTreeMap<Text, Anchor>,
    /// Enrollments that are not over: steps wait, or a goal may still be reached.
    #[n(4)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub active: Vec<Active>,
    /// Enrollments that ended before all that they sent for had gone out.
    #[n(5)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub stopped: Vec<Stopped>,
    /// Whether something was stored since the last look that sets memberships without a crossing, such as an import.
    #[n(6)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub quiet: bool,
    /// Enrollments that ended because their date moved, as long as they would have gone on: should it come back, so do
    /// they.
    #[n(7)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub moved: Vec<Active>,
}

/// Whether a customer is in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Membership {
    /// Inside.
    #[n(0)]
    pub inside: bool,
    /// How often the border was crossed, in either direction; the occurrence of what a crossing starts.
    #[n(1)]
    pub crossings: u64,
    /// Fingerprint of the segment's meaning when it was computed; under another it is computed anew, without a crossing.
    #[n(2)]
    pub meaning: u64,
}

/// An event that waits to be judged.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Pending {
    /// The event's message id, or what stands for it: the occurrence of what it starts.
    #[n(0)]
    pub id: Text,
    /// The event.
    #[n(1)]
    pub event: Event,
    /// Rules whose delay is not over; `None` when nobody looked yet.
    #[n(2)]
    pub waiting: Option<BTreeSet<Text>>,
}

/// A date of a customer's that a rule counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Anchor {
    /// The date as the attribute has it.
    #[n(0)]
    #[cbor(with = "super::value::civil_date")]
    pub date: jiff::civil::Date,
    /// Steps that fell due at or before this instant are past: they were judged, or it was not known yet.
    #[n(1)]
    pub since: Time,
    /// The instant of that date that hours are counted from, if they are counted from one.
    #[n(2)]
    pub instant: Option<Time>,
}

/// An enrollment that is not over.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Active {
    /// The rule.
    #[n(0)]
    pub rule: Text,
    /// What makes it unique.
    #[n(1)]
    pub occurrence: Text,
    /// When it began.
    #[n(2)]
    pub entered_at: Time,
    /// Whether it sends nothing.
    #[n(3)]
    pub held_out: bool,
    /// The date that its days are counted from; `None` when that is the day of entry.
    #[n(4)]
    #[cbor(with = "super::value::optional_date")]
    pub anchor: Option<jiff::civil::Date>,
    /// Ids of the steps that fell due, were skipped, or were past at entry.
    #[n(5)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub done: Vec<Text>,
    /// What it began with.
    #[n(6)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub entry: Entry,
    /// When the last of the deliveries that it asked for expires.
    #[n(7)]
    pub unsent_until: Option<Time>,
    /// The instant on the day of `anchor` that its hours are counted from, if they are counted from one.
    #[n(8)]
    pub instant: Option<Time>,
}

/// What an enrollment began with, as far as its rule names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Entry {
    /// By path, such as `orders.count`: what `at_entry.…` means. A value that was missing is absent.
    #[n(0)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub values: BTreeMap<Text, Value>,
    /// The event that started it, if one did.
    #[n(1)]
    pub event: Option<Event>,
}

/// An enrollment that ended early: what it asked for and has not gone out yet never will.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Stopped {
    /// The rule.
    #[n(0)]
    pub rule: Text,
    /// Which enrollment.
    #[n(1)]
    pub occurrence: Text,
    /// Why: [`Reason::GoalReached`], or [`Reason::Stopped`] by `while` or by an anchor that moved.
    #[n(2)]
    pub reason: Reason,
    /// When the last of its deliveries expires and this can be forgotten.
    #[n(3)]
    pub until: Time,
}

impl Pending {
    /// An event that nobody has looked at yet. `fingerprint` is [`Event::fingerprint`], which in hexadecimal digits stands
    /// for a message id where there is none.
    #[must_use]
    pub fn new(event: &Event, fingerprint: &[u8; 16]) -> Self {
        let id = event.message_id.clone();
        let id = id.unwrap_or_else(|| format!("{:032x}", u128::from_be_bytes(*fingerprint)).into());
        Self { id, event: event.clone(), waiting: None }
    }

    fn place(&self) -> (Time, &str) {
        (self.event.at, &self.id)
    }
}

impl Active {
    /// Whether both are of one rule and occurrence.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.rule == other.rule && self.occurrence == other.occurrence
    }

    /// One enrollment of two customers who are one: the one that entered first. Steps that either sent are done, so that
    /// nobody gets one twice, and it is unsent as long as anything of either may be.
    fn join(&mut self, mut other: Self) {
        if other.entered_at < self.entered_at {
            std::mem::swap(self, &mut other);
        }
        self.unsent_until = self.unsent_until.max(other.unsent_until);
        if !other.held_out {
            other.done.retain(|step| !self.done.contains(step));
            self.done.append(&mut other.done);
        }
    }
}

fn join_all(ours: &mut Vec<Active>, theirs: Vec<Active>) {
    for theirs in theirs {
        match ours.iter_mut().find(|ours| ours.is_as(&theirs)) {
            Some(ours) => ours.join(theirs),
            None => ours.push(theirs),
        }
    }
}

impl Watch {
    /// Takes in an event that is to be judged, in the order of times and then of ids.
    pub fn expect(&mut self, pending: Pending) {
        let index = self.pending.partition_point(|other| other.place() <= pending.place());
        self.pending.insert(index, pending);
    }

    /// Takes in what is kept with another customer, who is this one. Where both have a segment's membership or a rule's
    /// anchor, this one's stands, but a border counts as crossed as often as either crossed it, so that no crossing
    /// gets a number that was used.
    pub(super) fn join(&mut self, other: Self) {
        for (segment, theirs) in other.segments {
            let ours = self.segments.entry(segment).or_insert(theirs);
            ours.crossings = ours.crossings.max(theirs.crossings);
        }
        for (rule, theirs) in other.anchors {
            self.anchors.entry(rule).or_insert(theirs);
        }
        join_all(&mut self.active, other.active);
        join_all(&mut self.moved, other.moved);
        let goes_on = |one: &Active| self.active.iter().any(|other| one.is_as(other));
        self.moved.retain(|one| !goes_on(one));
        let goes_on =
            |it: &Stopped| self.active.iter().any(|one| one.rule == it.rule && one.occurrence == it.occurrence);
        self.stopped.extend(other.stopped);
        self.stopped.retain(|one| one.reason != Reason::Stopped || !goes_on(one));
        self.pending.extend(other.pending);
        self.pending.sort_by(|a, b| a.place().cmp(&b.place()));
        self.holding.extend(other.holding);
        self.quiet |= other.quiet;
    }

    /// Why the deliveries of an enrollment are not to go out any more, if it ended early.
    #[must_use]
    pub fn stopped(&self, rule: &str, occurrence: &str) -> Option<Reason> {
        self.stopped.iter().find(|one| one.rule == rule && one.occurrence == occurrence).map(|one| one.reason)
    }
}

/// A goal that was reached.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Conversion {
    /// When.
    #[n(0)]
    pub at: Time,
    /// The event that reached it: its message id, or what stands for it.
    #[n(1)]
    pub event: Text,
    /// The value of the property that the goal names, if it names one and the event has it.
    #[n(2)]
    pub value: Option<super::Number>,
}

/// How an enrollment ended.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Ending {
    /// When.
    #[n(0)]
    pub at: Time,
    /// Why early; `None` when all steps were done and the time for the goal was over.
    #[n(1)]
    pub reason: Option<Reason>,
    /// The goal reached.
    #[n(2)]
    pub conversion: Option<Conversion>,
}

/// What becomes of an enrollment after its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentChange {
    /// The rule.
    pub rule: Text,
    /// Which enrollment.
    pub occurrence: Text,
    /// Deliveries of steps that fell due, to be noted with it; they are made by the same decision.
    pub deliveries: Vec<DeliveryId>,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
    /// Whether it goes on though it had ended.
    pub resumed: bool,
}

#[cfg(test)]
mod tests {
    use super::{Active, Anchor, Entry, Event, Membership, Pending, Reason, Stopped, Time, Watch};

    fn event(at: i64, id: Option<&str>) -> Event {
        Event {
            name: "Cart Updated".into(),
            at: Time(at),
            received_at: Time(9),
            message_id: id.map(Into::into),
            properties: [].into(),
        }
    }

    fn pending(at: i64, id: &str) -> Pending {
        Pending::new(&event(at, Some(id)), &[0; 16])
    }

    fn active(occurrence: &str, entered_at: i64, done: &[&str]) -> Active {
        Active {
            rule: "r".into(),
            occurrence: occurrence.into(),
            entered_at: Time(entered_at),
            held_out: false,
            anchor: None,
            done: done.iter().map(|step| (*step).into()).collect(),
            entry: Entry::default(),
            unsent_until: Some(Time(-entered_at)),
            instant: None,
        }
    }

    fn full() -> Watch {
        let date = jiff::civil::date(1956, 2, 29);
        Watch {
            segments: [("vip".into(), Membership { inside: true, crossings: 3, meaning: u64::MAX })].into(),
            holding: ["r".into()].into(),
            pending: vec![Pending { waiting: Some(["r".into()].into()), ..pending(1, "m") }],
            anchors: [("r".into(), Anchor { date, since: Time(4), instant: Some(Time(5)) })].into(),
            active: vec![
                Active { anchor: Some(date), instant: Some(Time(5)), ..active("o", 1, &["a"]) },
                Active {
                    held_out: true,
                    entry: Entry { values: [].into(), event: Some(event(1, None)) },
                    unsent_until: None,
                    ..active("p", 1, &[])
                },
            ],
            stopped: vec![Stopped {
                rule: "r".into(),
                occurrence: "o".into(),
                reason: Reason::GoalReached,
                until: Time(8),
            }],
            quiet: true,
            moved: vec![active("m", 3, &["a"])],
        }
    }

    #[test]
    fn a_watch_is_read_back_and_what_is_empty_takes_no_room() {
        let quiet = Watch { quiet: true, ..Watch::default() };
        for (watch, most) in [(Watch::default(), 1), (quiet, 3), (full(), 300)] {
            let bytes = minicbor::to_vec(&watch).unwrap();
            assert!(bytes.len() <= most, "{} bytes", bytes.len());
            assert_eq!(minicbor::decode::<Watch>(&bytes).unwrap(), watch);
        }
    }

    #[test]
    fn events_wait_in_the_order_of_times_and_then_of_ids() {
        let mut watch = Watch::default();
        for (at, id) in [(5, "b"), (7, "a"), (5, "a"), (1, "z"), (5, "c")] {
            watch.expect(pending(at, id));
        }
        let ids: Vec<_> = watch.pending.iter().map(|one| (one.event.at.0, one.id.as_str())).collect();
        assert_eq!(ids, [(1, "z"), (5, "a"), (5, "b"), (5, "c"), (7, "a")]);
    }

    #[test]
    fn the_fingerprint_stands_for_a_message_id_that_is_missing() {
        let mut fingerprint = [0; 16];
        (fingerprint[0], fingerprint[15]) = (0xab, 7);
        assert_eq!(Pending::new(&event(1, None), &fingerprint).id, format!("ab{}07", "00".repeat(14)));
    }

    #[test]
    fn of_two_enrollments_of_one_occurrence_the_first_stays_and_no_step_is_forgotten() {
        for first in [true, false] {
            let (early, late) = (active("o", 1, &["a"]), active("o", 2, &["a", "b"]));
            let (ours, theirs) = if first { (early, late) } else { (late, early) };
            let mut watch = Watch { active: vec![ours, active("p", 1, &[])], ..Watch::default() };
            watch.join(Watch { active: vec![theirs, active("q", 1, &[])], ..Watch::default() });
            assert_eq!(watch.active, [active("o", 1, &["a", "b"]), active("p", 1, &[]), active("q", 1, &[])]);
        }
        let mut watch = Watch { active: vec![active("o", 1, &["a"])], ..Watch::default() };
        let held_out = Active { held_out: true, ..active("o", 2, &["b"]) };
        watch.join(Watch { active: vec![held_out], ..Watch::default() });
        assert_eq!(watch.active, [active("o", 1, &["a"])], "the other one sent nothing");
    }

    #[test]
    fn what_goes_on_with_one_of_two_was_not_stopped_with_the_other() {
        let stopped = |occurrence: &str| Stopped {
            rule: "r".into(),
            occurrence: occurrence.into(),
            reason: Reason::Stopped,
            until: Time(8),
        };
        for turned in [false, true] {
            let going = Watch { active: vec![active("o", 1, &["a"])], ..Watch::default() };
            let moved = vec![active("o", 2, &["b"]), active("p", 2, &[])];
            let gone = Watch { moved, stopped: vec![stopped("o"), stopped("p")], ..Watch::default() };
            let (mut ours, theirs) = if turned { (gone, going) } else { (going, gone) };
            ours.join(theirs);
            assert_eq!(ours.stopped, [stopped("p")]);
            assert_eq!((ours.active.len(), &ours.moved), (1, &vec![active("p", 2, &[])]));
        }
    }

    #[test]
    fn two_watches_become_one() {
        let inside = |inside, crossings| Membership { inside, crossings, meaning: 1 };
        let mut watch = Watch {
            segments: [("a".into(), inside(false, 2)), ("b".into(), inside(true, 9))].into(),
            pending: vec![pending(1, "m1"), pending(5, "m5")],
            anchors: [("r".into(), Anchor { date: jiff::civil::date(2026, 1, 1), since: Time(1), instant: None })]
                .into(),
            holding: ["x".into()].into(),
            ..Watch::default()
        };
        let ours = watch.clone();
        watch.join(Watch {
            segments: [("a".into(), inside(true, 7)), ("c".into(), inside(true, 1))].into(),
            pending: vec![pending(0, "m0"), pending(5, "m4")],
            ..full()
        });
        let segments = [("a", inside(false, 7)), ("b", inside(true, 9)), ("c", inside(true, 1))];
        let expected = Watch {
            segments: segments.map(|(name, membership)| (name.into(), membership)).into(),
            holding: ["r".into(), "x".into()].into(),
            pending: vec![pending(0, "m0"), pending(1, "m1"), pending(5, "m4"), pending(5, "m5")],
            anchors: ours.anchors,
            ..full()
        };
        assert_eq!(watch, expected);
    }
}
