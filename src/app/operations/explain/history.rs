//! What happened to a customer.

use super::subject::Subject;
use crate::domain::{Delivery, Event, State, Time};
use crate::http::{HistoryView, PastDelivery};

/// The longest history.
const MOST: usize = 20;

/// Deliveries and events up to the instant, newest first.
pub(super) fn history(subject: &Subject<'_>) -> Vec<HistoryView> {
    let deliveries = subject.deliveries.values().map(delivery);
    let mut all: Vec<HistoryView> = deliveries.chain(subject.events.iter().map(|event| told(subject, event))).collect();
    all.retain(|line| line.at <= subject.at());
    all.sort_by(|a, b| (b.at, &b.text).cmp(&(a.at, &a.text)));
    all.truncate(MOST);
    all
}

fn delivery(delivery: &Delivery) -> HistoryView {
    let (rule, step) = (delivery.rule.to_string(), delivery.step.to_string());
    let name = if rule == step { rule.clone() } else { format!("{rule}/{step}") };
    let why = delivery.reason.filter(|_| delivery.state != State::Sent);
    let why = why.map(|reason| format!(" ({reason})")).unwrap_or_default();
    HistoryView {
        at: happened(delivery),
        text: format!("{name} {}{why}", delivery.state),
        event: None,
        delivery: Some(PastDelivery {
            rule,
            step,
            channel: delivery.payload.channel().to_owned(),
            state: delivery.state,
            reason: delivery.reason,
        }),
    }
}

fn happened(delivery: &Delivery) -> Time {
    delivery.sent_at.or(delivery.attempted_at).unwrap_or(delivery.created_at)
}

fn told(subject: &Subject<'_>, event: &Event) -> HistoryView {
    let purchase = &subject.world.schema.purchase;
    let text = if event.name == purchase.event.as_str() {
        let parts = [purchase.value.as_str(), "currency"].map(|property| event.properties.get(property));
        parts.into_iter().flatten().fold("order".to_owned(), |text, value| format!("{text} {value}"))
    } else {
        event.name.to_string()
    };
    HistoryView { at: event.at, delivery: None, event: Some(event.name.to_string()), text }
}
