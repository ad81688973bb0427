//! Durable ticks: instants at which schedules fire, worked off page by page.

use super::{Class, CustomerNumber, DeliveryId, EnrollmentChange, Reason, Text, Time};
use std::collections::BTreeMap;

/// One schedule that fires at a tick: a rule in one zone.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct TickMember {
    /// The rule.
    #[n(0)]
    pub rule: Text,
    /// The IANA name whose local time the tick is; for a rule of the customers' zones, whose customers it concerns.
    #[n(1)]
    pub zone: String,
    /// Whether only customers of that zone are concerned.
    #[n(2)]
    pub of_customers: bool,
    /// The occurrence: the local wall time without offset, such as `2026-11-22T10:00`.
    #[n(3)]
    pub occurrence: String,
    /// What was counted so far.
    #[n(4)]
    pub counts: TickCounts,
}

/// What one rule's tick came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct TickCounts {
    /// Customers looked at: the members of the tick's rules where they are known, else everybody.
    #[n(0)]
    pub evaluated: u64,
    /// Those whose condition held.
    #[n(1)]
    pub matched: u64,
    /// Those whose condition could not be told.
    #[n(2)]
    pub unknown: u64,
    /// Enrollments made, those held out not counted.
    #[n(3)]
    pub enrolled: u64,
    /// Enrollments held out.
    #[n(4)]
    pub held_out: u64,
    /// Matches that made no enrollment, by reason.
    #[n(5)]
    pub held: BTreeMap<Reason, u64>,
    /// Deliveries queued.
    #[n(6)]
    pub deliveries: u64,
}

/// An instant at which one or more schedules fire.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Tick {
    /// The instant.
    #[n(0)]
    pub at: Time,
    /// What fires.
    #[n(1)]
    pub members: Vec<TickMember>,
    /// The last customer that was decided; moves in the commit of that page's decisions.
    #[n(2)]
    pub cursor: Option<CustomerNumber>,
    /// Whether all customers were decided. Until then nothing that it decided is due.
    #[n(3)]
    pub complete: bool,
}

/// Up to which instant the ticks of a rule in a zone were planned.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Planned {
    /// The rule.
    #[n(0)]
    pub rule: Text,
    /// The zone.
    #[n(1)]
    pub zone: String,
    /// Ticks at or before this instant are planned or were passed over.
    #[n(2)]
    pub until: Time,
}

/// What is kept of a rule over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct RuleState {
    /// Why it is paused ([`Reason::Paused`] by a person, [`Reason::Brake`] by the brake), if it is.
    #[n(0)]
    pub paused: Option<Reason>,
    /// When it was paused.
    #[n(1)]
    pub paused_at: Option<Time>,
    /// When its present trigger first went live.
    #[n(2)]
    pub live_since: Option<Time>,
    /// The trigger's text then; another trigger goes live anew.
    #[n(3)]
    pub trigger: String,
    /// Deliveries of the last thirty days for the brake, newest last: (latest tick of the hour, deliveries).
    #[n(4)]
    pub volume: Vec<(Time, u64)>,
    /// What was decided by the last complete tick.
    #[n(5)]
    pub last_tick: Option<(Time, TickCounts)>,
    /// By step, since when the rule has it.
    #[n(6)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub steps: BTreeMap<Text, Time>,
}

/// One customer's passage through one rule.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Enrollment {
    /// The rule.
    #[n(0)]
    pub rule: Text,
    /// What makes it unique for the rule and the customer.
    #[n(1)]
    pub occurrence: Text,
    /// When it began.
    #[n(2)]
    pub entered_at: Time,
    /// Whether it sends nothing, to measure what sending does.
    #[n(3)]
    pub held_out: bool,
    /// Its deliveries.
    #[n(4)]
    pub deliveries: Vec<DeliveryId>,
    /// Class of the rule then.
    #[n(5)]
    pub class: Class,
    /// How it ended; `None` as long as it goes on, and for one that had nothing to wait for.
    #[n(6)]
    pub ending: Option<super::Ending>,
}

impl Enrollment {
    /// Takes in how it went on. One that has ended stays as it is, unless that is what changes; whether it changed.
    pub fn change(&mut self, change: &EnrollmentChange) -> bool {
        let ended = self.ending.is_some();
        if ended && !change.resumed {
            return false;
        }
        let known = self.deliveries.len();
        for delivery in &change.deliveries {
            if !self.deliveries.contains(delivery) {
                self.deliveries.push(*delivery);
            }
        }
        self.ending.clone_from(&change.ending);
        self.deliveries.len() > known || ended || self.ending.is_some()
    }
}

/// An address that gets no mail.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode, serde::Serialize, serde::Deserialize)]
#[cbor(map)]
pub struct Suppression {
    /// The address in its normal form.
    #[n(0)]
    pub address: String,
    /// Why, in a few words: `manual`, `550 5.1.1 …`.
    #[n(1)]
    pub reason: String,
    /// Since when.
    #[n(2)]
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::{Class, DeliveryId, Enrollment, EnrollmentChange, Text, Time};
    use crate::domain::{Ending, Reason};

    /// An enrollment as stored before it could end.
    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct WithoutEnding {
        #[n(0)]
        rule: Text,
        #[n(1)]
        occurrence: Text,
        #[n(2)]
        entered_at: Time,
        #[n(3)]
        held_out: bool,
        #[n(4)]
        deliveries: Vec<DeliveryId>,
        #[n(5)]
        class: Class,
    }

    fn enrollment(deliveries: &[u8]) -> Enrollment {
        Enrollment {
            rule: "r".into(),
            occurrence: "o".into(),
            entered_at: Time(5),
            held_out: false,
            deliveries: deliveries.iter().map(|n| DeliveryId([*n; 16])).collect(),
            class: Class::Service,
            ending: None,
        }
    }

    #[test]
    fn an_enrollment_from_before_there_were_endings_is_read_as_one_that_goes_on() {
        let expected = enrollment(&[1]);
        let Enrollment { rule, occurrence, entered_at, held_out, deliveries, class, ending: _ } = expected.clone();
        let older = WithoutEnding { rule, occurrence, entered_at, held_out, deliveries, class };
        let bytes = minicbor::to_vec(older).unwrap();
        assert_eq!(minicbor::decode::<Enrollment>(&bytes).unwrap(), expected);
    }

    #[test]
    fn deliveries_are_noted_once_and_nothing_follows_an_ending() {
        let change = |deliveries: &[u8], ending: Option<Ending>| EnrollmentChange {
            rule: "r".into(),
            occurrence: "o".into(),
            deliveries: enrollment(deliveries).deliveries,
            ending,
            resumed: false,
        };
        let mut one = enrollment(&[1]);
        assert!(one.change(&change(&[2, 1], None)));
        assert!(!one.change(&change(&[2], None)));
        let ending = Ending { at: Time(7), reason: Some(Reason::Stopped), conversion: None };
        assert!(one.change(&change(&[3], Some(ending.clone()))));
        let expected = Enrollment { ending: Some(ending), ..enrollment(&[1, 2, 3]) };
        let bytes = minicbor::to_vec(&one).unwrap();
        assert_eq!((&one, minicbor::decode::<Enrollment>(&bytes).unwrap()), (&expected, expected.clone()));
        assert!(!one.change(&change(&[4], Some(Ending { at: Time(8), reason: None, conversion: None }))));
        assert_eq!(one, expected);
        assert!(one.change(&EnrollmentChange { resumed: true, ..change(&[], None) }));
        assert_eq!(one, enrollment(&[1, 2, 3]), "but it may go on");
    }
}
