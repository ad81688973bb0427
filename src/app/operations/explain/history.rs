//! What happened to a customer.

use super::subject::Subject;
use crate::domain::{Delivery, Enrollment, Event, Reason, State, Time};
use crate::http::{HistoryView, PastDelivery, PastEnrollment};

/// The longest history.
const MOST: usize = 20;

/// Deliveries, enrollments and events up to the instant, newest first.
pub(super) fn history(subject: &Subject<'_>) -> Vec<HistoryView> {
    let deliveries = subject.deliveries.values().map(|one| delivery(subject, one));
    let mut all: Vec<HistoryView> = deliveries
        .chain(subject.events.iter().map(|event| told(subject, event)))
        .chain(subject.enrollments.iter().flat_map(|one| enrollment(subject, one)))
        .collect();
    all.retain(|line| line.at <= subject.at());
    all.sort_by(|a, b| (b.at, &b.text).cmp(&(a.at, &a.text)));
    all.truncate(MOST);
    all
}

/// How a delivery stood at the instant: when, its state, and why it is not sent. Of one that fell due, or was tried, later
/// it was not known what becomes of it.
fn stood(subject: &Subject<'_>, delivery: &Delivery) -> (Time, State, Option<Reason>) {
    let last = delivery.sent_at.or(delivery.attempted_at).unwrap_or(delivery.created_at);
    let waited = last > subject.at() || delivery.sent_at.is_none() && delivery.due_at > subject.at();
    if subject.view.backtest && waited {
        return (delivery.created_at, State::Queued, None);
    }
    (last, delivery.state, delivery.reason.filter(|_| delivery.state != State::Sent))
}

fn delivery(subject: &Subject<'_>, delivery: &Delivery) -> HistoryView {
    let (rule, step) = (delivery.rule.to_string(), delivery.step.to_string());
    let name = if rule == step { rule.clone() } else { format!("{rule}/{step}") };
    let (at, state, reason) = stood(subject, delivery);
    let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    HistoryView {
        at,
        text: format!("{name} {state}{why}"),
        event: None,
        enrollment: None,
        delivery: Some(PastDelivery { rule, step, channel: delivery.payload.channel().to_owned(), state, reason }),
    }
}

/// Its beginning, unless that is told by what was sent at once, and its end if it came early: when the last of its steps
/// is done nothing else happens.
fn enrollment(subject: &Subject<'_>, one: &Enrollment) -> Vec<HistoryView> {
    let rule = &one.rule;
    let held_out = if one.held_out { " (held out)" } else { "" };
    let at_once = |delivery: &Delivery| delivery.created_at <= one.entered_at;
    let sent_at_once = one.deliveries.iter().filter_map(|id| subject.deliveries.get(id)).any(at_once);
    let began = (!sent_at_once).then(|| (one.entered_at, None, format!("{rule} began{held_out}")));
    let ending = one.ending.as_ref().and_then(|ending| Some((ending.at, ending.reason?)));
    let ended = ending.map(|(at, reason)| (at, Some(reason), format!("{rule} ended ({reason})")));
    let told = [began, ended].into_iter().flatten().map(|(at, ended, text)| HistoryView {
        at,
        text,
        event: None,
        delivery: None,
        enrollment: Some(PastEnrollment { rule: one.rule.to_string(), occurrence: one.occurrence.to_string(), ended }),
    });
    told.collect()
}

fn told(subject: &Subject<'_>, event: &Event) -> HistoryView {
    let purchase = &subject.world.schema.purchase;
    let text = if event.name == purchase.event.as_str() {
        let parts = [purchase.value.as_str(), "currency"].map(|property| event.properties.get(property));
        parts.into_iter().flatten().fold("order".to_owned(), |text, value| format!("{text} {value}"))
    } else {
        event.name.to_string()
    };
    HistoryView { at: event.at, delivery: None, enrollment: None, event: Some(event.name.to_string()), text }
}
