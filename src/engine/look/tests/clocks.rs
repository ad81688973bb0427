//! Steps on the customer's clock, on days on which clocks change and in zones where they never do.

use super::{Direction, World, crossing, daily, date, dated, days, hours, on, rule, t};
use crate::domain::Span;
use crate::rules::{Rule, Trigger};

/// A zone, a day, and the instants of 09:00 on its clock the day before, that day and the day after.
const DAYS: [(&str, &str, [&str; 3]); 8] = [
    ("Europe/Zagreb", "2026-03-29", ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]),
    ("Europe/Zagreb", "2026-10-25", ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"]),
    ("America/New_York", "2026-03-08", ["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z", "2026-03-09T13:00:00Z"]),
    ("America/New_York", "2026-11-01", ["2026-10-31T13:00:00Z", "2026-11-01T14:00:00Z", "2026-11-02T14:00:00Z"]),
    ("Africa/Nairobi", "2026-03-29", ["2026-03-28T06:00:00Z", "2026-03-29T06:00:00Z", "2026-03-30T06:00:00Z"]),
    ("Asia/Kolkata", "2026-03-29", ["2026-03-28T03:30:00Z", "2026-03-29T03:30:00Z", "2026-03-30T03:30:00Z"]),
    ("Asia/Kolkata", "2026-10-25", ["2026-10-24T03:30:00Z", "2026-10-25T03:30:00Z", "2026-10-26T03:30:00Z"]),
    // A customer without a zone has that of the business.
    ("UTC", "2026-03-29", ["2026-03-28T09:00:00Z", "2026-03-29T09:00:00Z", "2026-03-30T09:00:00Z"]),
];

fn with_steps(trigger: Trigger, offsets: &[i32]) -> Rule {
    Rule { steps: days(offsets), ..rule("r", trigger) }
}

/// A month before that day.
fn long_before(instant: &str) -> String {
    t(instant).minus(Span::days(20)).to_string()
}

#[test]
fn the_days_of_a_date_keep_their_time_of_day() {
    for (zone, day, [before, on, after]) in DAYS {
        let rule = with_steps(dated("09:00", false), &[-1, 0, 1]);
        let mut world = World::new(zone, &long_before(before), vec![rule]);
        world.set("ends_on", date(day));
        world.until(t(after).plus(Span::days(9)));
        let expected = [format!("d-1 {before}"), format!("d0 {on}"), format!("d1 {after}")];
        assert_eq!(world.sent(), expected, "{zone} {day}");
        assert!(world.deliveries.iter().all(|delivery| delivery.created_at == delivery.due_at), "{zone} {day}");
    }
}

#[test]
fn the_days_from_entry_keep_its_time_of_day_whatever_began_it() {
    for (zone, day, [before, on_day, after]) in DAYS {
        let expected = [format!("d0 {before}"), format!("d1 {on_day}"), format!("d2 {after}")];
        let begin: [(Trigger, fn(&mut World, &str)); 4] = [
            (on("Signed Up", Span(0)), |world, at| drop(world.event("Signed Up", at))),
            (crossing(Direction::Enters), |world, at| world.score(10, at)),
            (crossing(Direction::Leaves), |world, at| {
                world.score(10, &t(at).minus(Span::hours(1)).to_string());
                world.score(1, at);
            }),
            (daily(), |world, at| world.tick("r", at, "2026-03-28T09:00")),
        ];
        for (trigger, begin) in begin {
            let what = trigger.text();
            let mut world = World::new(zone, &long_before(before), vec![with_steps(trigger, &[0, 1, 2])])
                .with_segment("customer.score >= 10");
            begin(&mut world, before);
            world.until(t(after).plus(Span::days(9)));
            assert_eq!(world.sent(), expected, "{what} {zone} {day}");
            assert_eq!(world.ended(), [("r", None)], "{what} {zone} {day}");
        }
    }
}

#[test]
fn hours_are_elapsed_time() {
    for (zone, _, [before, ..]) in DAYS {
        let rule = Rule { steps: hours(&[0, 24, 48]), ..rule("r", on("Signed Up", Span(0))) };
        let mut world = World::new(zone, &long_before(before), vec![rule]);
        world.event("Signed Up", before);
        let due = |n: i64| t(before).plus(Span::hours(n));
        world.until(due(100));
        assert_eq!(world.sent(), [0, 24, 48].map(|n| format!("h{n} {}", due(n))), "{zone}");
    }
}

#[test]
fn a_time_that_the_clock_skips_is_the_end_of_the_gap_and_one_that_comes_twice_is_the_first() {
    for (zone, day, at, due) in [
        ("Europe/Zagreb", "2026-03-29", "02:30", "2026-03-29T01:00:00Z"),
        ("Europe/Zagreb", "2026-10-25", "02:30", "2026-10-25T00:30:00Z"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00:00Z"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00Z"),
    ] {
        let rule = with_steps(dated(at, false), &[0]);
        let mut world = World::new(zone, &long_before(due), vec![rule]);
        world.set("ends_on", date(day));
        world.until(t(due).plus(Span::days(3)));
        assert_eq!(world.sent(), [format!("d0 {due}")], "{zone} {day}");
    }
}

#[test]
fn hours_after_a_date_are_counted_from_its_time() {
    let rule = Rule { steps: hours(&[-24, 0, 24]), ..rule("r", dated("09:00", false)) };
    let mut world = World::new("Europe/Zagreb", "2026-03-01T00:00:00Z", vec![rule]);
    world.set("ends_on", date("2026-03-29"));
    world.at("2026-04-10T00:00:00Z");
    assert_eq!(world.sent(), ["h-24 2026-03-28T07:00:00Z", "h0 2026-03-29T07:00:00Z", "h24 2026-03-30T07:00:00Z"]);
}

fn moving(from: &str, to: &str, at: &str) -> Vec<String> {
    let mut world = World::new(from, "2026-05-01T00:00:00Z", vec![with_steps(dated("09:00", false), &[0, 1])]);
    world.set("ends_on", date("2026-05-10"));
    world.at(at);
    world.zone = crate::calendar::zone(to).unwrap();
    world.see();
    world.at("2026-05-20T00:00:00Z");
    world.sent()
}

#[test]
fn a_customer_who_changes_zone_on_the_day_gets_each_step_once() {
    let (zagreb, new_york) = ("Europe/Zagreb", "America/New_York");
    let after_sending = moving(zagreb, new_york, "2026-05-10T08:00:00Z");
    assert_eq!(after_sending, ["d0 2026-05-10T07:00:00Z", "d1 2026-05-11T13:00:00Z"]);
    let before_sending = moving(zagreb, new_york, "2026-05-10T06:59:00Z");
    assert_eq!(before_sending, ["d0 2026-05-10T13:00:00Z", "d1 2026-05-11T13:00:00Z"]);
    let into_the_past = moving(new_york, zagreb, "2026-05-10T08:00:00Z");
    assert_eq!(into_the_past, ["d0 2026-05-10T07:00:00Z", "d1 2026-05-11T07:00:00Z"], "due since an hour, sent now");
}

#[test]
fn a_timestamp_counts_by_its_day_on_the_customers_clock() {
    let trigger = Trigger::Date { attribute: "seen_at".into(), at: "09:00".parse().unwrap(), yearly: false };
    let mut world = World::new("Asia/Kolkata", "2026-05-01T00:00:00Z", vec![with_steps(trigger, &[1])]);
    world.set("seen_at", crate::domain::Value::Time(t("2026-05-10T20:00:00Z")));
    world.at("2026-05-20T00:00:00Z");
    assert_eq!(world.sent(), ["d1 2026-05-12T03:30:00Z"]);
    assert_eq!(world.enrollments[0].occurrence, "2026-05-11");
}
