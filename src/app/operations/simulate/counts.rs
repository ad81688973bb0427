//! What lives come to, counted.

use crate::domain::{Text, Time};
use jiff::civil::Date;
use std::collections::HashMap;
use std::hash::Hash;

/// What goes out of a rule by a channel on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) day: Date,
    /// The rule's place in the set.
    pub(super) rule: usize,
    pub(super) channel: &'static str,
}

/// What some lives come to.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// How many lives.
    pub(super) customers: u64,
    /// A customer over whose life the rules stumbled, if there is one.
    pub(super) stumbled: Option<Text>,
    /// What goes out.
    pub(super) sent: HashMap<Sent, u64>,
    /// What rules with a brake ask for at once, by the place of the rule.
    pub(super) asked: HashMap<(usize, Time), u64>,
}

impl Counts {
    /// Takes in those of others.
    pub(super) fn add(&mut self, other: Self) {
        self.customers += other.customers;
        self.stumbled = self.stumbled.take().or(other.stumbled);
        add(&mut self.sent, other.sent);
        add(&mut self.asked, other.asked);
    }
}

fn add<K: Eq + Hash>(all: &mut HashMap<K, u64>, more: HashMap<K, u64>) {
    for (key, count) in more {
        *all.entry(key).or_default() += count;
    }
}
