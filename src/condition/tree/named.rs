//! Tests that other files define: who is in a segment, what a rule sent.

use super::super::{Facts, Predicate};
use super::{Motion, Moving};
use crate::domain::{Span, Time};

/// `in_segment(name)`
#[derive(Debug)]
pub(in super::super) struct Segment {
    pub(in super::super) name: Box<str>,
    pub(in super::super) predicate: Predicate,
}

/// `sent(rule)`, `sent(rule, window)`
#[derive(Debug)]
pub(in super::super) struct Sent {
    pub(in super::super) rule: Box<str>,
    pub(in super::super) window: Option<Span>,
}

impl Segment {
    /// Whether the customer is inside: who is not known to be is outside.
    pub(super) fn observe<M: Motion>(&self, facts: &Facts<'_>) -> (bool, M) {
        match self.predicate.observe::<M>(facts) {
            Ok((true, motion)) => (true, motion),
            // Of false and unknown the one may follow upon the other, which is no change here.
            Ok((false, motion)) | Err(motion) => (false, motion.then(Moving::perhaps_longer)),
        }
    }
}

impl Sent {
    /// When something of the rule was last sent, in the window or not.
    pub(in super::super) fn last_at(&self, facts: &Facts<'_>) -> Option<Time> {
        facts.customer.memory.get(&*self.rule)?.sent_at
    }

    pub(super) fn observe<M: Motion>(&self, facts: &Facts<'_>) -> (bool, M) {
        let (Some(at), Some(window)) = (self.last_at(facts), self.window) else {
            return (self.last_at(facts).is_some(), M::FIXED);
        };
        let is_to_come = at > facts.now;
        let is_inside = !is_to_come && at > facts.now.minus(window);
        let motion = M::of(|| match (is_to_come, is_inside) {
            (true, _) => Moving::until(at),
            (false, true) => Moving::until(at.plus(window)),
            (false, false) => Moving::FIXED,
        });
        (is_inside, motion)
    }
}
