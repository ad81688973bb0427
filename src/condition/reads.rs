//! What a condition depends on.

use super::tree::{EventRole, Leaf};
use crate::domain::{Purchase, Span};
use std::collections::{BTreeMap, BTreeSet};

/// What a condition depends on: only when something of this changes can its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says of another thing whether it is read")]
pub struct Reads {
    /// Attributes of the customer, by name.
    pub attributes: BTreeSet<String>,
    /// Classes and topics whose consent is asked.
    pub consents: BTreeSet<String>,
    /// Events by name, with the longest window in which they are counted or summed, if any. Purchases that are read as
    /// `orders.*` are not among them.
    pub events: BTreeMap<String, Option<Span>>,
    /// Whether it names `orders.*`.
    pub orders: bool,
    /// Whether it names a property of the event that started the enrollment.
    pub event: bool,
    /// Segments that it names itself; those which they name are not among them.
    pub segments: BTreeSet<String>,
    /// Rules of which it asks whether they sent something.
    pub sent: BTreeSet<String>,
    /// Whether it counts days or hours on the customer's clock, so that another time zone may change it.
    pub local_time: bool,
    /// Whether it may change by time alone.
    pub now: bool,
}

impl Reads {
    pub(super) fn of(leaves: &[Leaf<'_>]) -> Self {
        let mut reads = Self::default();
        for leaf in leaves {
            match leaf {
                // What was kept does not change.
                Leaf::Id | Leaf::AtEntry(_) => {}
                Leaf::Attribute(name) => {
                    reads.attributes.insert((*name).to_owned());
                }
                Leaf::Consent(name) => {
                    reads.consents.insert((*name).to_owned());
                }
                Leaf::Orders(_) => reads.orders = true,
                Leaf::Property(_) => reads.event = true,
                Leaf::Segment(segment) => {
                    let mut segments = std::mem::take(&mut reads.segments);
                    reads.merge(segment.predicate.reads());
                    segments.insert(segment.name.to_string());
                    reads.segments = segments;
                }
                Leaf::Sent(sent) => {
                    reads.sent.insert(sent.rule.to_string());
                    reads.now |= sent.window.is_some();
                }
                Leaf::Event(event, role) => {
                    let (EventRole::Count(window) | EventRole::Sum(_, window)) = role else {
                        reads.events.entry((*event).to_owned()).or_default();
                        continue;
                    };
                    let longest = reads.events.entry((*event).to_owned()).or_default();
                    *longest = (*longest).max(*window);
                    reads.now |= window.is_some();
                }
                Leaf::Now => reads.now = true,
                Leaf::Zone => reads.local_time = true,
            }
        }
        reads
    }

    /// Takes in what another condition reads.
    pub fn merge(&mut self, other: &Self) {
        self.attributes.extend(other.attributes.iter().cloned());
        self.consents.extend(other.consents.iter().cloned());
        for (event, window) in &other.events {
            let longest = self.events.entry(event.clone()).or_default();
            *longest = (*longest).max(*window);
        }
        self.orders |= other.orders;
        self.event |= other.event;
        self.segments.extend(other.segments.iter().cloned());
        self.sent.extend(other.sent.iter().cloned());
        self.local_time |= other.local_time;
        self.now |= other.now;
    }

    /// Whether an event of that name may change it.
    #[must_use]
    pub fn reads_event(&self, name: &str, purchase: &Purchase) -> bool {
        self.events.contains_key(name) || self.orders && name == purchase.event
    }
}
