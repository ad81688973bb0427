//! Judging a page of customers for one tick.

use crate::app::proposal::Proposal;
use crate::app::webhook_body;
use crate::app::zones::Zones;
use crate::delivery::{Pauses, World};
use crate::domain::{CustomerNumber, DeliveryKey, Reason, State, Tick, TickCounts, Watch};
use crate::engine::{self, Decided, Firing, Moment, Verdict};
use crate::rules::Rule;
use crate::store::{Decision, StoredCustomer, WakeChange};
use crate::telemetry::names::{self, label};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Decisions in one commit: so many that a commit stays short, and interactive ones never wait long.
const COMMIT: usize = 40;

/// What is committed at once: decisions, and what everything up to `last` adds to the tick's counts.
#[derive(Debug)]
pub(super) struct Part {
    /// The last customer it covers.
    pub(super) last: CustomerNumber,
    /// By member of the tick.
    pub(super) counts: Vec<TickCounts>,
    /// The decisions.
    pub(super) decisions: Vec<Proposal>,
}

/// Judges customers for one tick.
pub(super) struct Judge {
    world: Arc<World>,
    pauses: Arc<Pauses>,
    tick: Tick,
    key: DeliveryKey,
    /// Members in the order in which rules are decided, with their index in the tick.
    members: Vec<(usize, Arc<Rule>)>,
}

impl Judge {
    pub(super) fn new(world: Arc<World>, pauses: Arc<Pauses>, tick: Tick, key: DeliveryKey) -> Self {
        let members = world
            .rules
            .rules
            .iter()
            .flat_map(|rule| {
                let of_rule = tick.members.iter().enumerate().filter(|(_, member)| member.rule == rule.id);
                of_rule.map(|(index, _)| (index, Arc::clone(rule))).collect::<Vec<_>>()
            })
            .collect();
        Self { world, pauses, tick, key, members }
    }

    /// Judges a page; the parts cover all of it, in the order of customers.
    pub(super) fn page(&self, customers: &mut dyn Iterator<Item = StoredCustomer>) -> Vec<Part> {
        let paused: Vec<_> = self.tick.members.iter().map(|member| self.pauses.rule(&member.rule)).collect();
        let mut zones = Zones::new(&self.world, self.tick.at);
        let mut parts = Vec::new();
        let mut part = self.empty_part();
        for stored in customers {
            part.last = stored.number;
            // One customer whose record or rule makes the evaluator panic must not stop all others, now and at each
            // start again.
            match catch_unwind(AssertUnwindSafe(|| self.customer(&stored, &paused, &mut zones, &mut part.counts))) {
                Ok(Some(decision)) => part.decisions.push(Proposal::new(decision, &stored.customer.watch.active)),
                Ok(None) => {}
                Err(_) => {
                    metrics::counter!(names::PANICS, label::PART => "tick").increment(1);
                    tracing::error!(number = stored.number.0, "deciding for a customer panicked; passed over");
                }
            }
            if part.decisions.len() >= COMMIT {
                parts.push(std::mem::replace(&mut part, self.empty_part()));
            }
        }
        parts.push(part);
        parts
    }

    fn empty_part(&self) -> Part {
        let counts = vec![TickCounts::default(); self.tick.members.len()];
        Part { last: CustomerNumber(0), counts, decisions: Vec::new() }
    }

    fn customer(
        &self,
        stored: &StoredCustomer,
        paused: &[Option<Reason>],
        zones: &mut Zones,
        counts: &mut [TickCounts],
    ) -> Option<Decision> {
        let customer = &stored.customer;
        // Nothing fires for what was already past when the customer arrived.
        if customer.arrived_at > self.tick.at {
            return None;
        }
        let local = zones.of(customer);
        let (zone_name, zone) = (local.name.as_str(), &local.zone);
        let concerned: Vec<&(usize, Arc<Rule>)> = self
            .members
            .iter()
            .filter(|(index, _)| {
                let member = &self.tick.members[*index];
                !member.of_customers || member.zone == zone_name
            })
            .collect();
        let firings: Vec<Firing<'_>> = concerned
            .iter()
            .map(|(index, rule)| Firing {
                rule,
                occurrence: &self.tick.members[*index].occurrence,
                paused: paused[*index],
            })
            .collect();
        let moment = Moment { at: self.tick.at, tick: Some(self.tick.at), policy: &self.world.policy, key: &self.key };
        let mut decided = engine::decide(stored.number, customer, zone, &firings, &moment);
        webhook_body::fill(&self.world, customer, zone, self.tick.at, &mut decided.deliveries);
        for ((index, _), verdict) in concerned.iter().zip(&decided.verdicts) {
            count(&mut counts[*index], verdict);
        }
        count_deliveries(&concerned, &decided, counts);
        if decided.is_empty() {
            return None;
        }
        let (watch, wake) = self.still_to_come(stored, zone, &decided);
        Some(Decision {
            watch,
            wake,
            memories: decided.memories,
            slots: decided.slots,
            enrollments: decided.enrollments,
            deliveries: decided.deliveries,
            ..Decision::none(stored.number, stored.version)
        })
    }
}

impl Judge {
    /// What is kept of enrollments that go on, and when to look at the customer for them.
    fn still_to_come(
        &self,
        stored: &StoredCustomer,
        zone: &TimeZone,
        decided: &Decided,
    ) -> (Option<Watch>, WakeChange) {
        let customer = &stored.customer;
        match engine::after_tick(customer, zone, &self.world.rules, decided, self.tick.at) {
            None => (None, WakeChange::Keep),
            Some((watch, None)) => (Some(watch), WakeChange::Keep),
            Some((watch, Some(wake))) => {
                let earlier = customer.wake.map_or(wake, |before| before.min(wake));
                (Some(watch), WakeChange::Set(Some(earlier)))
            }
        }
    }
}

fn count(counts: &mut TickCounts, verdict: &Verdict) {
    counts.evaluated += 1;
    match verdict {
        Verdict::NoMatch => return,
        Verdict::Unknown => {
            counts.unknown += 1;
            return;
        }
        Verdict::Held(reason) => *counts.held.entry(*reason).or_default() += 1,
        Verdict::HeldOut => counts.held_out += 1,
        Verdict::Enrolled { capped, .. } => {
            counts.enrolled += 1;
            if *capped > 0 {
                *counts.held.entry(Reason::FrequencyCap).or_default() += u64::from(*capped);
            }
        }
    }
    counts.matched += 1;
}

fn count_deliveries(concerned: &[&(usize, Arc<Rule>)], decided: &Decided, counts: &mut [TickCounts]) {
    let mut by_rule: BTreeMap<&str, u64> = BTreeMap::new();
    for delivery in decided.deliveries.iter().filter(|delivery| delivery.state == State::Queued) {
        *by_rule.entry(&delivery.rule).or_default() += 1;
    }
    for (index, rule) in concerned {
        counts[*index].deliveries += by_rule.get(rule.id.as_str()).copied().unwrap_or(0);
    }
}

/// Adds what a part counted to a tick's counts.
pub(super) fn add(total: &mut TickCounts, more: &TickCounts) {
    total.evaluated += more.evaluated;
    total.matched += more.matched;
    total.unknown += more.unknown;
    total.enrolled += more.enrolled;
    total.held_out += more.held_out;
    total.deliveries += more.deliveries;
    for (reason, count) in &more.held {
        *total.held.entry(*reason).or_default() += count;
    }
}

/// Leaves out of a part what exists already.
pub(super) fn leave_out(decisions: &mut Vec<Proposal>, existing: &[crate::store::DuplicateKey]) {
    for proposal in decisions.iter_mut() {
        proposal.leave_out(existing);
    }
    decisions.retain(|proposal| !proposal.is_empty());
}
