//! An enrollment of which nothing went out: what somebody who asks why a mail did not come wants to hear first.

use super::gates;
use super::history::stood;
use super::subject::{Cause, Subject};
use crate::domain::{Delivery, Enrollment, Payload, Reason, State};
use crate::http::{GateView, RuleDecision, StandingView};
use crate::rules::Rule;

/// `entered 23 Nov, but its mail was suppressed: frequency_cap ("b" went out 10:00 today, 1 a day)`, of the enrollment that
/// keeps the customer from entering again.
pub(super) fn unsent(
    subject: &Subject<'_>,
    rule: &Rule,
    (cause, standing, gates): (&Cause, &StandingView, &[GateView]),
) -> Option<String> {
    let holds = gates.iter().any(|gate| gate.reason == Some(Reason::AgainAfter));
    let is_about_it = match standing.decision {
        RuleDecision::Fire => false,
        RuleDecision::NoMatch => true,
        RuleDecision::Hold => standing.reasons == [Reason::AgainAfter],
    };
    if !holds || !is_about_it {
        return None;
    }
    let latest = || subject.enrollments.iter().find(|one| one.rule == rule.id);
    let enrollment = subject.begun(rule, cause).or_else(latest)?;
    let what = what(subject, rule, enrollment)?;
    Some(format!("entered {}{what}", subject.day_or_time(enrollment.entered_at)))
}

fn what(subject: &Subject<'_>, rule: &Rule, enrollment: &Enrollment) -> Option<String> {
    if enrollment.held_out {
        return Some(" and held out, so nothing goes out".into());
    }
    let waits = subject.under_way(rule).iter().any(|active| active.occurrence == enrollment.occurrence);
    let made: Vec<&Delivery> = enrollment.deliveries.iter().filter_map(|id| subject.deliveries.get(id)).collect();
    if made.is_empty() {
        let none = enrollment.deliveries.is_empty() && !waits && enrollment.ending.is_none();
        return none.then(|| ", but the `when` of no step held, so nothing went out".into());
    }
    let is_mail = |one: &&&Delivery| matches!(one.payload, Payload::Email { .. });
    let mails: Vec<&Delivery> = made.iter().filter(is_mail).copied().collect();
    let (noun, told) = if mails.is_empty() { ("webhook", made) } else { ("mail", mails) };
    let states: Vec<(State, Option<Reason>)> =
        told.iter().map(|one| (stood(subject, one).1, stood(subject, one).2)).collect();
    let is_unsent = |state: &State| matches!(state, State::Suppressed | State::Cancelled | State::Failed);
    if !states.iter().all(|(state, _)| is_unsent(state)) {
        return None;
    }
    let (last, (state, reason)) = told.iter().zip(&states).next()?;
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let by = (*reason == Some(Reason::FrequencyCap)).then(|| gates::cap_of(subject, last)).flatten();
    let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
    let verb = if *state == State::Failed { "failed" } else { state.word() };
    Some(match told.as_slice() {
        [_] if *state == State::Failed => format!(", but its {noun} {verb}{why}{by}"),
        [_] => format!(", but its {noun} was {verb}{why}{by}"),
        _ => format!(", but none of its {} {noun}s went out; {} was {verb}{why}{by}", told.len(), last.step),
    })
}
