//! What falls due and what fires, decided together.

use super::Round;
use crate::domain::{Active, Ending, EnrollmentChange, Text};
use crate::engine::Decided;
use crate::engine::due::{self, Base};
use crate::engine::enroll::{Asked, Asking, Case, enter, fall_due};
use crate::rules::Rule;

impl Round<'_> {
    /// Decides everything in the order of the rules, which says who gets a place under a cap; of one rule first the steps
    /// of enrollments, then what starts. Also answers the rules of the verdicts.
    pub(super) fn decide(&mut self, case: &Case<'_>) -> (Decided, Vec<Text>) {
        let mut decided = Decided::default();
        let mut fired = Vec::new();
        let mut starts = std::mem::take(&mut self.starts);
        starts.sort_by_key(|(place, _)| *place);
        let mut starts = starts.into_iter().peekable();
        let mut active = std::mem::take(&mut self.watch.active);
        for (place, rule) in self.rules() {
            for one in active.iter_mut().filter(|one| one.rule == rule.id) {
                self.go_on(one, rule, case, &mut decided);
            }
            while let Some((_, start)) = starts.next_if(|(other, _)| *other == place) {
                let verdict = enter(&start, case, &mut decided);
                decided.verdicts.push(verdict);
                fired.push(rule.id.clone());
                self.end_at_once(&mut decided);
            }
        }
        active.retain(|one| self.looking.rules.get(&one.rule).is_some_and(|rule| !due::is_over(one, rule, self.now())));
        active.extend(decided.entered.iter().cloned());
        self.watch.active = active;
        (decided, fired)
    }

    /// Ends the enrollment that was made last if its goal came with what started it, before anybody else is kept back by
    /// the places that its mails had taken under the caps. They are cancelled when their turn comes.
    fn end_at_once(&mut self, decided: &mut Decided) {
        if self.ended_at_once == decided.enrollments.len() {
            return;
        }
        self.ended_at_once = decided.enrollments.len();
        let is_last = |one: &mut Active| {
            decided.enrollments.last().is_some_and(|last| last.rule == one.rule && last.occurrence == one.occurrence)
        };
        let Some(active) = decided.entered.pop_if(is_last) else { return };
        if let Some(active) = self.end_one(active) {
            decided.entered.push(active);
            return;
        }
        let made = decided.enrollments.last().map_or(&[][..], |last| &last.deliveries);
        decided.slots.retain(|slot| !made.contains(&slot.delivery));
    }

    /// Makes the deliveries of the steps that fell due since, and notes what came of the enrollment.
    fn go_on(&mut self, active: &mut Active, rule: &Rule, case: &Case<'_>, decided: &mut Decided) {
        let Some(base) = Base::of(active, rule) else { return };
        let before = decided.deliveries.len();
        for (step, due) in rule.steps.iter().zip(due::instants(rule, base, self.zone)) {
            if step.since > active.entered_at && due <= step.since && !active.done.contains(&step.id) {
                // Somebody wrote it, or gave it another name, when its time had passed already.
                active.done.push(step.id.clone());
            }
            if due <= self.now() && !active.done.contains(&step.id) {
                fall_due(&Asked { rule, step, due, asking: Asking::Later }, active, case, decided);
            }
        }
        let deliveries: Vec<_> = decided.deliveries[before..].iter().map(|delivery| delivery.id).collect();
        let over = due::is_over(active, rule, self.now());
        let ending = over.then(|| Ending { at: self.now(), reason: None, conversion: None });
        if !deliveries.is_empty() || ending.is_some() {
            let (rule, occurrence) = (active.rule.clone(), active.occurrence.clone());
            self.changes.push(EnrollmentChange { rule, occurrence, deliveries, ending, resumed: false });
        }
    }
}
