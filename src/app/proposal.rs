//! A decision on its way to the store, and what becomes of it when part of it exists already.

use crate::domain::{Active, Text};
use crate::store::{Decision, DuplicateKey};

/// A decision that is to be committed.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    /// The decision.
    pub(super) decision: Decision,
    /// Rule and occurrence of the enrollments that went on before it.
    pub(super) had: Vec<(Text, Text)>,
}

impl Proposal {
    pub(super) fn new(decision: Decision, active: &[Active]) -> Self {
        Self { decision, had: active.iter().map(|one| (one.rule.clone(), one.occurrence.clone())).collect() }
    }

    /// Leaves out what exists already: those enrollments with all that they ask for, and steps that were sent for before.
    /// Everything else stays as it was decided. Answers whether there was any of it.
    pub(super) fn leave_out(&mut self, existing: &[DuplicateKey]) -> bool {
        let decision = &mut self.decision;
        let number = decision.customer.0;
        let mut gone: Vec<(Text, Text)> = Vec::new();
        decision.enrollments.retain(|enrollment| {
            let exists = existing.iter().any(|key| match key {
                DuplicateKey::Enrollment(rule, customer, occurrence) => {
                    *customer == number && *rule == enrollment.rule && *occurrence == enrollment.occurrence
                }
                DuplicateKey::Delivery(id) => enrollment.deliveries.contains(id),
            });
            if exists {
                gone.push((enrollment.rule.clone(), enrollment.occurrence.clone()));
            }
            !exists
        });
        let is_gone = |rule: &str, occurrence: &str| gone.iter().any(|(of, which)| of == rule && which == occurrence);
        decision.memories.retain(|(rule, memory)| !is_gone(rule, &memory.occurrence));
        let (removed, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut decision.deliveries).into_iter().partition(|one| {
            is_gone(&one.rule, &one.occurrence)
                || existing.iter().any(|key| matches!(key, DuplicateKey::Delivery(id) if *id == one.id))
        });
        decision.deliveries = kept;
        decision.slots.retain(|slot| removed.iter().all(|delivery| delivery.id != slot.delivery));
        let had = |rule: &str, which: &str| self.had.iter().any(|(of, before)| of == rule && before == which);
        if let Some(watch) = &mut decision.watch {
            watch.active.retain(|one| !is_gone(&one.rule, &one.occurrence) || had(&one.rule, &one.occurrence));
        }
        decision.changes.retain(|one| !is_gone(&one.rule, &one.occurrence) || had(&one.rule, &one.occurrence));
        !gone.is_empty() || !removed.is_empty()
    }

    /// Whether there is nothing left to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.decision.enrollments.is_empty() && self.decision.watch.is_none()
    }
}
