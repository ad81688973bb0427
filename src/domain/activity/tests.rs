use super::{Activity, EventInterest, Interest, RECENT};
use crate::domain::{Event, Number, Span, Time, Value, ValueType};

fn order(day: i64, id: &str, revenue: &str) -> Event {
    Event {
        name: "Order Completed".into(),
        at: Time(0).plus(Span::days(day)),
        received_at: Time(0),
        message_id: Some(format!("m{day}{id}").into()),
        properties: [
            ("order_id".into(), Value::Text(id.into())),
            ("revenue".into(), Value::Number(revenue.parse().unwrap())),
        ]
        .into(),
    }
}

fn interest(window: Option<Span>) -> Interest {
    let wanted = EventInterest {
        sums: ["revenue".into()].into(),
        last_values: [("revenue".into(), ValueType::Number)].into(),
        longest_window: window,
    };
    Interest { events: [("Order Completed".into(), wanted)].into(), ..Interest::default() }
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let wanted = interest(Some(Span::days(30)));
    let events: Vec<Event> = (0..10).map(|day| order(day * 7 % 10, &format!("o{day}"), "1.5")).collect();
    let forward = Activity::over(&events, &wanted, Time::MAX, None);
    let backward = Activity::over(events.iter().rev(), &wanted, Time::MAX, None);
    assert_eq!(forward, backward);
    assert_eq!(forward.orders.count, 10);
    assert_eq!(forward.orders.revenue, Number::from(15));
    assert_eq!(forward.orders.gap_median(), Some(Span::days(1)));
}

#[test]
fn one_purchase_id_counts_once_and_as_an_event_each_time() {
    let wanted = interest(None);
    let events = [order(1, "a", "10"), order(2, "a", "99"), order(3, "b", "5")];
    let activity = Activity::over(&events, &wanted, Time::MAX, None);
    assert_eq!((activity.orders.count, activity.orders.revenue), (2, Number::from(15)));
    assert_eq!(activity.totals("Order Completed").unwrap().count, 3);
}

#[test]
fn a_future_event_waits_for_its_time() {
    let wanted = interest(None);
    let events = [order(1, "a", "1"), order(9, "b", "1")];
    let now = Time(0).plus(Span::days(5));
    let activity = Activity::over(&events, &wanted, now, None);
    assert_eq!(activity.orders.count, 1);
    let print = wanted.fingerprint();
    assert!(!activity.is_stale(&wanted, print, now));
    assert!(activity.is_stale(&wanted, print, now.plus(Span::days(4))));
    assert!(activity.is_stale(&wanted, print + 1, now));
}

#[test]
fn a_window_longer_than_what_is_kept_is_read_from_the_log() {
    let wanted = interest(Some(Span::days(365)));
    let events: Vec<Event> = (0..100).map(|day| order(day, &format!("o{day}"), "1")).collect();
    let now = Time(0).plus(Span::days(99));
    let kept = Activity::over(&events, &wanted, now, None);
    assert_eq!(kept.totals("Order Completed").unwrap().recent.len(), RECENT);
    assert!(kept.is_stale(&wanted, wanted.fingerprint(), now));
    let whole = Activity::over(&events, &wanted, now, Some(now.minus(Span::days(365))));
    let totals = whole.totals("Order Completed").unwrap();
    assert_eq!(totals.within(Span::days(365), now).count(), 100);
    assert_eq!(totals.sum_within("revenue", Span::days(10), now), Some(Number::from(10)));
}

#[test]
fn totals_serve_whoever_asks_for_no_more_than_is_kept() {
    let all = interest(Some(Span::days(30)));
    let none = Interest::default();
    let mut other = interest(Some(Span::days(90)));
    assert!(all.covers(&none) && all.covers(&interest(None)) && all.covers(&other));
    assert!(!none.covers(&all) && !interest(None).covers(&all));
    let mut merged = all.clone();
    merged.merge(&other);
    assert_eq!(merged.fingerprint(), all.fingerprint(), "so nothing is rebuilt");
    other.events.get_mut("Order Completed").unwrap().sums.insert("quantity".into());
    assert!(!all.covers(&other));
    other = interest(None);
    other.purchase.id = "id".into();
    assert!(!all.covers(&other));
}
