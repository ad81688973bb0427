//! The one retry policy: what follows from an outcome.

use crate::domain::{Delivery, Outcome, Payload, Reason, Span, State, Time, UncertainPolicy};

/// Waits after the first, second, … failed attempt at a mail: quick at first, then hours, as mail servers do (RFC 5321
/// section 4.5.4.1 asks for at least half an hour in the long run). The last one repeats.
const MAIL: [Span; 7] = [
    Span::minutes(1),
    Span::minutes(5),
    Span::minutes(15),
    Span::minutes(30),
    Span::hours(1),
    Span::hours(2),
    Span::hours(4),
];

/// Waits after failed attempts at a webhook: the schedule that the Standard Webhooks specification recommends.
const WEBHOOK: [Span; 9] = [
    Span::seconds(5),
    Span::minutes(5),
    Span::minutes(30),
    Span::hours(2),
    Span::hours(5),
    Span::hours(10),
    Span::hours(14),
    Span::hours(20),
    Span::hours(24),
];

/// The most that a receiver's `Retry-After` is obeyed.
const LONGEST_RETRY_AFTER: Span = Span::hours(24);

/// How far apart repeats of an attempt with an unknown end are.
const UNCERTAIN_APART: Span = Span::minutes(10);

/// How often an attempt with an unknown end is repeated.
const UNCERTAIN_REPEATS: u32 = 2;

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its new state.
    pub state: State,
    /// When it is due again; only for waiting states.
    pub due_at: Time,
    /// Why, where there is a word for it.
    pub reason: Option<Reason>,
}

/// What follows from the outcome of the attempt that was just made (`delivery.attempts` counts it).
#[must_use]
pub fn after_outcome(delivery: &Delivery, outcome: &Outcome, policy: UncertainPolicy, now: Time) -> Next {
    let ends = |state| Next { state, due_at: now, reason: None };
    match outcome {
        Outcome::Accepted { .. } => ends(State::Sent),
        Outcome::Permanent { .. } => ends(State::Failed),
        Outcome::Transient { retry_after, .. } => {
            let due_at = now.plus(wait(delivery, *retry_after));
            if due_at >= delivery.expires_at {
                // Tried as long as it was worth sending: a dead letter, not a silent expiry.
                return ends(State::Failed);
            }
            Next { state: State::Deferred, due_at, reason: None }
        }
        Outcome::Uncertain { .. } => uncertain(delivery.uncertain + 1, policy, now.plus(UNCERTAIN_APART), now),
    }
}

/// What becomes of a delivery that was found uncertain (after a crash) when its time comes: `None` to send it again now.
#[must_use]
pub(super) fn when_found_uncertain(delivery: &Delivery, policy: UncertainPolicy, now: Time) -> Option<Next> {
    if policy == UncertainPolicy::Hold || delivery.uncertain > UNCERTAIN_REPEATS {
        return Some(Next { state: State::Held, due_at: now, reason: None });
    }
    // The first repeat after a crash is at once: most often nothing had gone out yet. Later ones keep apart.
    let due_at = delivery.attempted_at.unwrap_or(now).plus(UNCERTAIN_APART);
    (delivery.uncertain > 1 && due_at > now).then_some(Next { state: State::Uncertain, due_at, reason: None })
}

fn uncertain(times: u32, policy: UncertainPolicy, due_at: Time, now: Time) -> Next {
    if policy == UncertainPolicy::Hold || times > UNCERTAIN_REPEATS {
        Next { state: State::Held, due_at: now, reason: None }
    } else {
        Next { state: State::Uncertain, due_at, reason: None }
    }
}

/// How long to wait: the table's wait, up to a fifth longer by a draw that depends on delivery and attempt alone, or
/// what the receiver asked for where that is longer.
fn wait(delivery: &Delivery, retry_after: Option<Span>) -> Span {
    let table: &[Span] = match delivery.payload {
        Payload::Email { .. } => &MAIL,
        Payload::Webhook { .. } => &WEBHOOK,
    };
    let index = (delivery.attempts.max(1) as usize - 1).min(table.len() - 1);
    let base = table[index];
    let draw = delivery
        .id
        .0
        .iter()
        .fold(u64::from(delivery.attempts), |draw, byte| draw.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte));
    let fifth = u64::try_from(base.0 / 5).unwrap_or(0).max(1);
    let jitter = i64::try_from(draw % fifth).unwrap_or(0);
    let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    Span((base.0 + jitter).max(asked.0))
}

#[cfg(test)]
mod tests {
    use super::{after_outcome, when_found_uncertain};
    use crate::domain::{
        Class, CustomerNumber, Delivery, DeliveryId, Outcome, Payload, Span, State, Time, UncertainPolicy,
    };
    use proptest::prelude::*;

    fn delivery(payload: Payload, attempts: u32, id: u8) -> Delivery {
        Delivery {
            id: DeliveryId([id; 16]),
            rule: "r".into(),
            step: "s".into(),
            customer: CustomerNumber(1),
            customer_id: "c".into(),
            occurrence: "o".into(),
            payload,
            class: Class::Marketing,
            topic: None,
            state: State::Sending,
            created_at: Time(0),
            due_at: Time(0),
            expires_at: Time(0).plus(Span::days(3)),
            attempts,
            sent_at: None,
            reason: None,
            last_error: None,
            tick: None,
            uncertain: 0,
            attempted_at: Some(Time(0)),
            entry: None,
            later: false,
        }
    }

    fn mail(attempts: u32) -> Delivery {
        delivery(Payload::Email { template: "t".into() }, attempts, 1)
    }

    fn hook(attempts: u32) -> Delivery {
        delivery(Payload::Webhook { endpoint: "crm".into(), body: String::new() }, attempts, 2)
    }

    fn transient(retry_after: Option<Span>) -> Outcome {
        Outcome::Transient { detail: "451".into(), retry_after }
    }

    #[test]
    fn a_permanent_failure_is_not_retried() {
        let outcome = Outcome::Permanent { detail: "550".into(), receiver_gone: true };
        assert_eq!(after_outcome(&mail(1), &outcome, UncertainPolicy::Resend, Time(0)).state, State::Failed);
    }

    #[test]
    fn retry_after_is_honoured_and_clamped_to_a_day() {
        let due = |asked| after_outcome(&hook(1), &transient(Some(asked)), UncertainPolicy::Resend, Time(0)).due_at;
        assert_eq!(due(Span::hours(2)), Time(0).plus(Span::hours(2)));
        assert_eq!(due(Span::days(2)), Time(0).plus(Span::hours(24)));
        assert!(due(Span(1)) >= Time(0).plus(Span::seconds(5)), "never sooner than the table");
    }

    #[test]
    fn what_cannot_be_sent_before_it_expires_is_a_dead_letter() {
        let late = Time(0).plus(Span::hours(71));
        assert_eq!(after_outcome(&mail(9), &transient(None), UncertainPolicy::Resend, late).state, State::Failed);
    }

    #[test]
    fn an_unknown_end_is_repeated_twice_ten_minutes_apart_and_then_held() {
        let outcome = Outcome::Uncertain { detail: "no answer".into() };
        let mut found = mail(1);
        for (times, state) in [(0, State::Uncertain), (1, State::Uncertain), (2, State::Held)] {
            found.uncertain = times;
            let next = after_outcome(&found, &outcome, UncertainPolicy::Resend, Time(0));
            assert_eq!(next.state, state);
            if state == State::Uncertain {
                assert_eq!(next.due_at, Time(0).plus(Span::minutes(10)));
            }
        }
        assert_eq!(after_outcome(&mail(1), &outcome, UncertainPolicy::Hold, Time(0)).state, State::Held);
    }

    #[test]
    fn the_first_repeat_after_a_crash_is_at_once_and_the_second_is_not() {
        let mut found = mail(1);
        found.uncertain = 1;
        assert_eq!(when_found_uncertain(&found, UncertainPolicy::Resend, Time(1)), None);
        found.uncertain = 2;
        let next = when_found_uncertain(&found, UncertainPolicy::Resend, Time(1)).unwrap();
        assert_eq!((next.state, next.due_at), (State::Uncertain, Time(0).plus(Span::minutes(10))));
        let later = Time(0).plus(Span::minutes(10));
        assert_eq!(when_found_uncertain(&found, UncertainPolicy::Resend, later), None);
        found.uncertain = 3;
        assert_eq!(when_found_uncertain(&found, UncertainPolicy::Resend, later).unwrap().state, State::Held);
    }

    proptest! {
        #[test]
        fn waits_grow_and_jitter_stays_within_a_fifth(id in any::<u8>(), attempts in 1_u32..40) {
            let waited = |attempts| {
                let delivery = delivery(Payload::Email { template: "t".into() }, attempts, id);
                super::wait(&delivery, None)
            };
            let (this, next) = (waited(attempts), waited(attempts + 1));
            prop_assert!(this >= Span::minutes(1) && this < Span(Span::hours(4).0 * 6 / 5));
            prop_assert!(next.0 * 5 >= this.0 * 4);
        }
    }
}
