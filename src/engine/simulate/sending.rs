//! What falls due goes through the gates and out.

use super::life::Life;
use super::{Happened, Observer};
use crate::domain::{CapSlot, Delivery, Payload, State};
use crate::engine::{Gate, GateInput, gate, keeps_slot};

impl Life<'_> {
    /// Brings every delivery that is due as far as it goes now.
    pub(super) fn send(&mut self, observer: &mut dyn Observer) {
        // Whoever looks in between may ask for more, or end what waits.
        while let Some(place) = self.outbox.iter().position(|delivery| delivery.due_at <= self.now) {
            let delivery = self.outbox.remove(place);
            self.attempt(delivery, observer);
        }
    }

    fn attempt(&mut self, delivery: Delivery, observer: &mut dyn Observer) {
        self.count();
        let rule = self.terms.rules.get(&delivery.rule).map(AsRef::as_ref);
        let input = GateInput {
            delivery: &delivery,
            rule,
            paused: (self.terms.paused)(&delivery.rule),
            customer: &self.customer,
            zone: &self.zone,
            now: self.now,
            policy: self.terms.policy,
            suppressed: self.suppressed,
            only_to: self.terms.only_to,
        };
        let is_mail = matches!(delivery.payload, Payload::Email { .. });
        match gate(&input) {
            Gate::Go => {
                observer.see(Happened::Sent(&delivery), &self.scene());
                self.sent(&delivery, observer);
            }
            Gate::Defer(until, reason) => {
                observer.see(Happened::Deferred { delivery: &delivery, until, reason }, &self.scene());
                if is_mail {
                    self.customer.reserve(CapSlot { class: delivery.class, at: until, delivery: delivery.id });
                }
                self.outbox.push(Delivery { due_at: until, state: State::Deferred, ..delivery });
            }
            Gate::Cancel(reason) => self.withhold(&delivery, State::Cancelled, reason, observer),
            Gate::Suppress(reason) => self.withhold(&delivery, State::Suppressed, reason, observer),
            Gate::Hold(reason) => {
                observer.see(Happened::Withheld { delivery: &delivery, state: State::Held, reason }, &self.scene());
            }
        }
    }

    fn withhold(
        &mut self,
        delivery: &Delivery,
        state: State,
        reason: crate::domain::Reason,
        observer: &mut dyn Observer,
    ) {
        observer.see(Happened::Withheld { delivery, state, reason }, &self.scene());
        if matches!(delivery.payload, Payload::Email { .. }) {
            self.customer.release(delivery.id);
        }
    }

    /// The mail takes its place under the caps at the time at which it goes out, and whoever asks whether the rule sent
    /// something is asked again.
    fn sent(&mut self, delivery: &Delivery, observer: &mut dyn Observer) {
        if !keeps_slot(delivery, &self.customer, &self.zone, self.now) {
            self.customer.reserve(CapSlot { class: delivery.class, at: self.now, delivery: delivery.id });
        }
        if self.terms.interest.sent.contains(&delivery.rule) && self.customer.note_sent(&delivery.rule, self.now) {
            self.look(observer);
        }
    }
}
