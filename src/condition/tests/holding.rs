//! Until when a value holds.

use super::super::{Facts, Held, Predicate, Truth};
use super::{compiled, events, everything, nobody, somebody, t};
use crate::calendar;
use crate::domain::{Activity, Customer, Event, Purchase, RECENT, Span, Time};
use jiff::tz::TimeZone;

fn held_in(source: &str, customer: &Customer, zone: &str, now: &str) -> Held {
    let zone = calendar::zone(zone).unwrap();
    compiled(source).evaluate_until(&Facts { customer, now: t(now), zone: &zone, entry: None })
}

/// Conditions over the known customer on 29 March 2026 at 10:00 in Zagreb, with the instant until which each is as it is.
fn all_hold_until(cases: &[(&str, &str)]) {
    for (source, until) in cases {
        let held = held_in(source, &somebody(), "Europe/Zagreb", super::NOW);
        let expected = if until.is_empty() { None } else { Some(t(until)) };
        assert_eq!(held.until, expected, "{source}: {:?}", held.value);
        assert_eq!(held.value, super::judged(source, &somebody()), "{source}");
    }
}

#[test]
fn what_only_data_changes_holds_for_ever() {
    all_hold_until(&[
        ("orders.count >= 2 && customer.plan == 'pro'", ""),
        ("customer.consent.marketing", ""),
        ("customer.tester", ""),
        ("size(customer.tags) > 1 && 'vip' in customer.tags", ""),
        ("last_value('Ticket Solved', 'rating') == 'bad'", ""),
        ("days_since(last_at('Order Completed')) > 10", ""),
        ("customer.plan == 'free' && days_since(orders.last_at) > 60", ""),
        ("days_since(orders.last_at) > 60 && customer.plan == 'free'", ""),
        ("customer.plan == 'pro' || days_since(orders.last_at) > 60", ""),
        ("customer.birthday.getMonth() == 2", ""),
    ]);
    let everyone = Predicate::everyone();
    let facts = Facts { customer: &nobody(), now: Time(0), zone: &TimeZone::UTC, entry: None };
    assert_eq!(everyone.evaluate_until(&facts), Held { value: Truth::True, until: None });
}

#[test]
fn elapsed_time_changes_a_value_to_the_millisecond() {
    // The last order was on 2 February at 9:00 UTC.
    all_hold_until(&[
        ("since(orders.last_at) > days(60)", "2026-04-03T09:00:00.001Z"),
        ("since(orders.last_at) >= days(60)", "2026-04-03T09:00:00Z"),
        ("since(orders.last_at) < days(60)", "2026-04-03T09:00:00Z"),
        ("since(orders.last_at) <= days(60)", "2026-04-03T09:00:00.001Z"),
        ("since(orders.last_at) == days(60)", "2026-04-03T09:00:00Z"),
        ("days(60) <= now - orders.last_at", "2026-04-03T09:00:00Z"),
        ("now > orders.last_at + days(60)", "2026-04-03T09:00:00.001Z"),
        ("since(orders.last_at) > days(10)", ""),
        // It ends on 1 April, that is at 22:00 UTC on the day before.
        ("until(customer.membership_ends_on) < days(1)", "2026-03-30T22:00:00.001Z"),
        ("until(customer.membership_ends_on) <= days(1)", "2026-03-30T22:00:00Z"),
        ("until(customer.membership_ends_on) < days(30)", ""),
        ("since(orders.last_at) > 1.9 * orders.gap_median", "2026-03-31T09:00:00.001Z"),
        // Numbers have six digits: from 1.9999995 on it is 2.
        ("since(orders.last_at) / orders.gap_median >= 2", "2026-04-03T08:59:58.704Z"),
        ("since(orders.last_at) / days(1) > 60 || since(orders.first_at) < days(117)", "2026-03-31T09:00:00Z"),
        ("0.5 * since(orders.last_at) >= days(30)", "2026-04-03T09:00:00Z"),
        ("-since(orders.last_at) / 3 < -days(20)", "2026-04-03T09:00:00.003Z"),
        ("now in [timestamp('2026-04-01T00:00:00Z'), timestamp('2026-05-01T00:00:00Z')]", "2026-04-01T00:00:00Z"),
        ("now > timestamp('2030-01-01T00:00:00Z')", "2030-01-01T00:00:00.001Z"),
    ]);
}

#[test]
fn counted_days_change_a_value_at_the_very_midnight() {
    // The order's day was 2 February; Zagreb has been on summer time since 29 March.
    all_hold_until(&[
        ("days_since(orders.last_at) > 60", "2026-04-03T22:00:00Z"),
        ("days_since(orders.last_at) >= 60", "2026-04-02T22:00:00Z"),
        ("days_since(orders.last_at) == 365", "2027-02-01T23:00:00Z"),
        ("days_since(orders.last_at) > 10000", "2053-06-20T22:00:00Z"),
        ("default(days_since(customer.seen_at), 0) + days_since(orders.last_at) * 2 > 160", "2026-04-23T22:00:00Z"),
        ("days_since(orders.last_at) % 7 == 0", "2026-03-29T22:00:00Z"),
        ("days_until(customer.membership_ends_on) == 0", "2026-03-31T22:00:00Z"),
        ("days_until(customer.membership_ends_on) > 1", "2026-03-30T22:00:00Z"),
        ("date(now) < customer.membership_ends_on", "2026-03-31T22:00:00Z"),
        ("date(now) >= date('2028-02-29')", "2028-02-28T23:00:00Z"),
        ("date(now + days(30)) > date('2026-06-01')", "2026-05-02T22:00:00Z"),
        ("since(date(now)) >= hours(20)", "2026-03-29T19:00:00Z"),
    ]);
    // A day of 23 hours at the customer's, none at another's.
    for (zone, until) in [("America/New_York", "2026-03-08T05:00:00Z"), ("Africa/Nairobi", "2026-03-07T21:00:00Z")] {
        let held = held_in("days_since(orders.last_at) < 34", &somebody(), zone, "2026-02-10T00:00:00Z");
        assert_eq!(held.until, Some(t(until)), "{zone}");
    }
}

#[test]
fn calendar_getters_change_a_value_when_the_clock_says() {
    all_hold_until(&[
        ("now.getHours() == 10", "2026-03-29T09:00:00Z"),
        ("now.getHours() == 9", "2026-03-30T07:00:00Z"),
        ("now.getHours('UTC') >= 12", "2026-03-29T12:00:00Z"),
        ("now.getMinutes() == 30", "2026-03-29T08:30:00Z"),
        ("now.getSeconds() == 7", "2026-03-29T08:00:07Z"),
        ("now.getMilliseconds() > 500", "2026-03-29T08:00:00.501Z"),
        ("now.getDayOfWeek() == 0", "2026-03-29T22:00:00Z"),
        ("now.getDayOfWeek() == 6", "2026-04-03T22:00:00Z"),
        ("now.getDayOfMonth() == 0", "2026-03-31T22:00:00Z"),
        ("now.getDate() == 28", "2026-04-27T22:00:00Z"),
        ("now.getDayOfYear() == 87", "2026-03-29T22:00:00Z"),
        ("now.getDayOfYear() == 364", "2026-12-30T23:00:00Z"),
        ("now.getMonth() == 11", "2026-11-30T23:00:00Z"),
        ("now.getMonth() == customer.birthday.getMonth()", "2026-03-31T22:00:00Z"),
        ("now.getFullYear() >= 2030", "2029-12-31T23:00:00Z"),
        ("now.getDayOfWeek() == 1 && now.getHours() >= 9", "2026-03-30T07:00:00Z"),
        ("now.getDate() == 1 && now.getMonth() == 0", "2026-12-31T23:00:00Z"),
    ]);
}

#[test]
fn a_window_changes_a_value_when_the_event_that_matters_leaves_it() {
    // Tickets on 1 March at 9:00 and 28 March at 8:00, orders on 4 December, 3 January and 2 February at 9:00.
    all_hold_until(&[
        ("count('Ticket Solved', days(30)) >= 2", "2026-03-31T09:00:00Z"),
        ("count('Ticket Solved', days(30)) >= 1", "2026-04-27T08:00:00Z"),
        ("count('Ticket Solved', days(30)) > 0", "2026-04-27T08:00:00Z"),
        ("count('Ticket Solved', days(30)) >= 3", ""),
        ("count('Ticket Solved', days(30)) == 1", "2026-03-31T09:00:00Z"),
        ("count('Ticket Solved', days(30)) * 2 >= 2", "2026-04-27T08:00:00Z"),
        ("count('Order Completed', hours(1)) == 0", ""),
        ("sum('Ticket Solved', 'minutes', days(30)) > 20", "2026-04-27T08:00:00Z"),
        ("sum('Ticket Solved', 'minutes', days(30)) > 40", "2026-03-31T09:00:00Z"),
        ("count('Ticket Solved') == 2", ""),
        ("count('Ticket Solved', days(30)) > count('Order Completed', days(90))", ""),
        ("count('Ticket Solved', days(30)) >= count('Order Completed', days(90))", "2026-03-31T09:00:00Z"),
    ]);
    let mut many = nobody();
    let each = |n: i64| Event { at: t("2026-03-01T00:00:00Z").plus(Span::hours(n)), ..events().remove(3) };
    let all: Vec<Event> = (0..i64::try_from(RECENT).unwrap()).map(each).collect();
    many.activity = Activity::over(&all, &everything(), Time::MAX, None);
    let held = held_in("count('Ticket Solved', days(30)) >= 10", &many, "UTC", "2026-03-20T00:00:00Z");
    assert_eq!(held.until, Some(each(54).at.plus(Span::days(30))));
    let held = held_in("sum('Ticket Solved', 'minutes', days(30)) >= 120", &many, "UTC", "2026-03-20T00:00:00Z");
    assert_eq!(held.until, Some(each(54).at.plus(Span::days(30))));
}

#[test]
fn joined_conditions_change_when_the_whole_does() {
    all_hold_until(&[
        ("days_since(orders.last_at) > 60 && since(orders.first_at) > days(200)", "2026-06-22T09:00:00.001Z"),
        ("days_since(orders.last_at) > 60 || since(orders.first_at) > days(200)", "2026-04-03T22:00:00Z"),
        ("!(days_since(orders.last_at) > 60)", "2026-04-03T22:00:00Z"),
        ("customer.tester && days_since(orders.last_at) < 60", "2026-04-02T22:00:00Z"),
        ("(days_since(orders.last_at) > 60 ? 1 : 2) == 2", "2026-04-03T22:00:00Z"),
        ("(days_since(orders.last_at) > 60 ? 1 : 1) == 1", ""),
        ("(days_since(orders.last_at) > 60) == customer.wholesale", "2026-04-03T22:00:00Z"),
        ("1 / (60 - days_since(orders.last_at)) > 0", "2026-04-02T22:00:00Z"),
        ("default(1 / (55 - days_since(orders.last_at)), 5) > 3", "2026-03-29T22:00:00Z"),
    ]);
    let part = |source| compiled(source);
    let facts = Facts {
        customer: &somebody(),
        now: t(super::NOW),
        zone: &calendar::zone("Europe/Zagreb").unwrap(),
        entry: None,
    };
    let late = || vec![part("days_since(orders.last_at) > 60"), part("since(orders.first_at) > days(200)")];
    for (joined, value, until) in [
        (Predicate::all(late()), Truth::False, "2026-06-22T09:00:00.001Z"),
        (Predicate::any(late()), Truth::False, "2026-04-03T22:00:00Z"),
        (Predicate::none(late()), Truth::True, "2026-04-03T22:00:00Z"),
    ] {
        assert_eq!(joined.evaluate_until(&facts), Held { value, until: Some(t(until)) }, "{joined:?}");
    }
}

#[test]
fn an_event_that_lies_ahead_may_change_what_reads_events() {
    let mut customer = somebody();
    customer.activity.uncounted_from = Some(t("2026-03-30T12:00:00Z"));
    let until = |source| held_in(source, &customer, "Europe/Zagreb", super::NOW).until;
    assert_eq!(until("orders.count >= 2"), Some(t("2026-03-30T12:00:00Z")));
    assert_eq!(until("count('Ticket Solved', days(30)) >= 2"), Some(t("2026-03-30T12:00:00Z")));
    assert_eq!(until("orders.count >= 2 && now.getHours() < 11"), Some(t("2026-03-29T09:00:00Z")));
    assert_eq!(until("orders.count >= 2 && customer.plan == 'free'"), None);
    assert_eq!(until("now.getDayOfWeek() == 6"), Some(t("2026-04-03T22:00:00Z")));
    assert_eq!(
        held_in("orders.count >= 2", &customer, "UTC", "2026-03-30T12:00:00Z").until,
        Some(t("2026-03-30T12:00:00.001Z")),
        "facts that are out of date hold for no time"
    );
}

#[test]
fn what_a_condition_depends_on_is_told() {
    let reads = |source| compiled(source).reads().clone();
    let plain = reads("customer.plan == 'pro' && customer.consent.offers && size(customer.id) > 2");
    assert!(plain.attributes.contains("plan") && plain.consents.contains("offers"), "{plain:?}");
    assert!(!plain.now && !plain.local_time && !plain.orders && plain.events.is_empty(), "{plain:?}");
    let purchase = Purchase::default();
    let timed = reads("days_since(orders.last_at) > 60 && last_value('Ticket Solved', 'rating') == 'bad'");
    assert!(timed.orders && timed.now && timed.local_time && timed.attributes.is_empty(), "{timed:?}");
    assert!(timed.reads_event("Ticket Solved", &purchase) && timed.reads_event(&purchase.event, &purchase));
    assert!(!timed.reads_event("Page", &purchase) && !plain.reads_event(&purchase.event, &purchase));
    let windows = reads("count('Ticket Solved', days(7)) + sum('Ticket Solved', 'minutes', days(30)) > 3");
    assert_eq!(windows.events["Ticket Solved"], Some(Span::days(30)));
    assert!(windows.now && !windows.local_time && !windows.reads_event(&purchase.event, &purchase), "{windows:?}");
    let elsewhere =
        reads("now.getHours('UTC') > 8 && since(orders.last_at) > days(2) && customer.birthday.getDate() == 1");
    assert!(elsewhere.now && !elsewhere.local_time, "{elsewhere:?}");
    assert!(reads("since(customer.birthday) > days(2)").local_time);
    assert!(reads("now.getHours() > 8 || date(now) == customer.birthday").local_time);
    let all = Predicate::any(vec![compiled("customer.tester"), compiled("now.getHours() > 8"), Predicate::everyone()]);
    assert!(all.reads().attributes.contains("tester") && all.reads().local_time);
}
