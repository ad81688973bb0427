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
    /// In how many of them anything goes out, and by rule.
    pub(super) reached: u64,
    pub(super) reached_by_rule: HashMap<usize, u64>,
    /// A customer over whose life the rules stumbled, if there is one.
    pub(super) stumbled: Option<Text>,
    /// What goes out.
    pub(super) sent: HashMap<Sent, u64>,
    /// What rules with a brake ask for at once, by the place of the rule.
    pub(super) asked: HashMap<(usize, Time), u64>,
}

impl Counts {
    /// What goes out of a rule in one life: `of_life` has the rules of which something went out in it before.
    pub(super) fn goes_out(&mut self, sent: Sent, of_life: &mut Vec<usize>) {
        if of_life.is_empty() {
            self.reached += 1;
        }
        if !of_life.contains(&sent.rule) {
            of_life.push(sent.rule);
            *self.reached_by_rule.entry(sent.rule).or_default() += 1;
        }
        *self.sent.entry(sent).or_default() += 1;
    }

    /// How many customers something of these rules goes out to: of one, or of all.
    pub(super) fn reached(&self, only: Option<usize>) -> u64 {
        only.map_or(self.reached, |rule| self.reached_by_rule.get(&rule).copied().unwrap_or(0))
    }

    /// Takes in those of others.
    pub(super) fn add(&mut self, other: Self) {
        self.customers += other.customers;
        self.reached += other.reached;
        add(&mut self.reached_by_rule, other.reached_by_rule);
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
