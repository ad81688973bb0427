//! Dates that come near, move, come every year, and were past before anybody knew.

use super::{World, condition, date, dated, days, hours, on, rule, t};
use crate::domain::{Reason, Span, Value};
use crate::engine::Verdict;
use crate::rules::{Goal, Rule, Trigger};

fn membership() -> Rule {
    Rule { steps: days(&[-30, -7, 0]), ..rule("member", dated("09:00", false)) }
}

fn birthday() -> Rule {
    Rule { steps: days(&[0]), ..rule("birthday", dated("09:00", true)) }
}

#[test]
fn a_birthday_on_29_february_comes_every_year() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![birthday()]);
    world.set("ends_on", date("1992-02-29"));
    world.at("2030-01-01T00:00:00Z");
    assert_eq!(
        world.sent(),
        ["2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"].map(|day| format!("d0 {day}T09:00:00Z"))
    );
    assert!(world.looks < 12, "{} looks", world.looks);
}

#[test]
fn a_year_begins_though_the_one_before_goes_on() {
    let rule = Rule { steps: days(&[0, 370]), ..birthday() };
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![rule]);
    world.set("ends_on", date("1990-03-14"));
    world.at("2028-01-01T00:00:00Z");
    let begun: Vec<&str> = world.enrollments.iter().map(|one| one.occurrence.as_str()).collect();
    assert_eq!(begun, ["2026-03-14", "2025-03-14", "2027-03-14"], "and what is left of the year before");
    assert_eq!(world.deliveries.len(), 4);
}

#[test]
fn a_date_to_come_is_not_kept_in_the_years_before_it() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![birthday()]);
    world.set("ends_on", date("2028-06-01"));
    world.at("2029-12-01T00:00:00Z");
    assert_eq!(world.sent(), ["d0 2028-06-01T09:00:00Z", "d0 2029-06-01T09:00:00Z"]);
}

#[test]
fn a_moved_date_ends_the_old_passage_and_begins_a_new_one() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-10T00:00:00Z");
    assert_eq!(world.sent(), ["d-30 2026-03-01T09:00:00Z"]);
    world.set("ends_on", date("2026-03-25"));
    assert_eq!(world.ended(), [("member", Some(Reason::Stopped))]);
    assert_eq!(world.customer.watch.stopped("member", "2026-03-31"), None, "nothing of it can still go out");
    world.at("2026-06-01T00:00:00Z");
    let of_new = ["d-30 2026-03-01T09:00:00Z", "d-7 2026-03-18T09:00:00Z", "d0 2026-03-25T09:00:00Z"];
    assert_eq!(world.sent(), of_new);
    assert_eq!(world.enrollments.len(), 2);
}

#[test]
fn a_date_that_is_taken_away_ends_the_passage_and_what_is_on_its_way() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.customer.attributes.remove("ends_on");
    world.see();
    assert_eq!(world.ended(), [("member", Some(Reason::Stopped))]);
    assert_eq!(world.customer.watch.stopped("member", "2026-03-31"), Some(Reason::Stopped));
    assert!(world.customer.watch.active.is_empty() && world.customer.watch.anchors.is_empty());
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(world.sent(), ["d-30 2026-03-01T09:00:00Z"]);
    assert_eq!(world.wake, None);
    world.see();
    assert!(world.customer.watch.stopped.is_empty(), "forgotten when the last delivery has expired");
}

#[test]
fn with_a_date_that_comes_back_its_passage_goes_on_and_sends_nothing_again() {
    for (back, rest) in [
        ("2026-03-03T00:00:00Z", &["d-7 2026-03-24T09:00:00Z", "d0 2026-03-31T09:00:00Z"][..]),
        ("2026-03-25T00:00:00Z", &["d0 2026-03-31T09:00:00Z"]),
        ("2026-04-01T00:00:00Z", &[]),
    ] {
        let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
        world.set("ends_on", date("2026-03-31"));
        world.at("2026-03-02T00:00:00Z");
        world.set("ends_on", date("2026-09-30"));
        world.at(back);
        assert_eq!(world.ended(), [("member", Some(Reason::Stopped))]);
        world.set("ends_on", date("2026-03-31"));
        assert!(world.customer.watch.moved.is_empty());
        world.at("2026-06-01T00:00:00Z");
        assert_eq!(world.sent(), [&["d-30 2026-03-01T09:00:00Z"], rest].concat(), "{back}");
        assert_eq!(world.enrollments.len(), 1, "one passage for one date");
        assert_eq!(world.ended().len(), if rest.is_empty() { 1 } else { 2 });
        assert!(world.customer.watch.active.is_empty());
    }
}

#[test]
fn what_was_on_its_way_when_a_date_moved_goes_out_if_it_comes_back_in_time() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.set("ends_on", date("2026-05-31"));
    assert_eq!(world.customer.watch.stopped("member", "2026-03-31"), Some(Reason::Stopped));
    world.set("ends_on", date("2026-03-31"));
    assert_eq!(world.customer.watch.stopped("member", "2026-03-31"), None);
}

#[test]
fn a_date_that_comes_back_lets_nothing_of_another_rule_or_another_date_out() {
    let other = Trigger::Date { attribute: "renews_on".into(), at: "09:00".parse().unwrap(), yearly: false };
    let mut world = World::new(
        "UTC",
        "2026-01-01T00:00:00Z",
        vec![membership(), Rule { id: "x".into(), trigger: other, ..membership() }],
    );
    for attribute in ["ends_on", "renews_on"] {
        world.set(attribute, date("2026-03-31"));
    }
    world.at("2026-03-02T00:00:00Z");
    for attribute in ["ends_on", "renews_on"] {
        world.set(attribute, date("2026-04-01"));
    }
    // Of the first of April the letter of 30 days before goes on its way, and is stopped, too.
    world.at("2026-03-02T12:00:00Z");
    world.set("ends_on", date("2026-03-31"));
    let stopped = |rule: &str, date: &str| world.customer.watch.stopped(rule, date);
    assert_eq!(stopped("member", "2026-03-31"), None);
    assert_eq!(stopped("member", "2026-04-01"), Some(Reason::Stopped));
    assert_eq!(stopped("x", "2026-03-31"), Some(Reason::Stopped));
}

#[test]
fn two_rules_of_one_date_do_not_keep_each_other_out() {
    let at_noon = Rule { id: "noon".into(), trigger: dated("12:00", false), steps: days(&[0]), ..membership() };
    let mut world =
        World::new("UTC", "2026-01-01T00:00:00Z", vec![Rule { steps: days(&[0, 5]), ..membership() }, at_noon]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-05-01T00:00:00Z");
    assert_eq!(world.sent(), ["d0 2026-03-31T09:00:00Z", "d0 2026-03-31T12:00:00Z", "d5 2026-04-05T09:00:00Z"]);
}

#[test]
fn hours_of_one_rules_instant_are_not_counted_by_another() {
    let trigger = Trigger::Date { attribute: "met_at".into(), at: "09:00".parse().unwrap(), yearly: false };
    let met = Rule { id: "met".into(), trigger, ..appointment() };
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![appointment(), met]);
    world.set("seen_at", Value::Time(t("2026-03-10T22:30:00Z")));
    world.set("met_at", Value::Time(t("2026-03-10T12:30:00Z")));
    world.at("2026-04-01T00:00:00Z");
    assert_eq!(world.enrollments.len(), 2);
    assert_eq!(world.deliveries.len(), 8);
    assert_eq!(world.ended(), [("met", None), ("appointment", None)]);
}

#[test]
fn who_did_not_match_when_a_step_fell_due_is_not_asked_again_about_that_step() {
    let rule = Rule { when: condition("customer.score >= 10"), ..membership() };
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![rule]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-31T10:00:00Z");
    assert_eq!(world.verdicts.len(), 3);
    world.score(10, "2026-03-31T11:00:00Z");
    assert_eq!((world.verdicts.len(), world.enrollments.len()), (3, 0));
}

#[test]
fn a_passage_that_is_past_or_was_left_does_not_come_back_with_its_date() {
    let rule = Rule { stays: Some(condition("customer.plan != 'closed'")), ..membership() };
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![rule]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.set("ends_on", date("2026-09-30"));
    assert_eq!(world.customer.watch.moved.len(), 1);
    world.set("plan", Value::Text("closed".into()));
    world.set("ends_on", date("2026-03-31"));
    world.set("plan", Value::Text("pro".into()));
    world.at("2026-06-01T00:00:00Z");
    assert_eq!((world.sent().len(), world.endings.len()), (1, 1));
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.set("ends_on", date("2026-09-30"));
    world.at("2026-09-01T00:00:00Z");
    assert!(world.customer.watch.moved.is_empty(), "forgotten when the date is past");
}

/// An hour and a day before an appointment at some time of its day, and two hours after.
fn appointment() -> Rule {
    let trigger = Trigger::Date { attribute: "seen_at".into(), at: "09:00".parse().unwrap(), yearly: false };
    let mut steps = days(&[-2]);
    steps.extend(hours(&[-24, -1, 2]));
    Rule { steps, ..rule("appointment", trigger) }
}

#[test]
fn hours_count_from_the_instant_of_a_timestamp_and_days_from_its_day() {
    let mut world = World::new("Africa/Nairobi", "2026-03-01T00:00:00Z", vec![appointment()]);
    world.set("seen_at", Value::Time(t("2026-03-10T22:30:00Z")));
    world.at("2026-04-01T00:00:00Z");
    let expected = [
        "d-2 2026-03-09T06:00:00Z",
        "h-24 2026-03-09T22:30:00Z",
        "h-1 2026-03-10T21:30:00Z",
        "h2 2026-03-11T00:30:00Z",
    ];
    assert_eq!(world.sent(), expected);
    assert_eq!(world.enrollments[0].occurrence, "2026-03-10T22:30:00Z");
    assert_eq!(world.enrollments.len(), 1);
}

#[test]
fn an_appointment_that_moves_within_its_day_is_another_one() {
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![appointment()]);
    world.set("seen_at", Value::Time(t("2026-03-10T10:00:00Z")));
    world.at("2026-03-10T08:00:00Z");
    world.set("seen_at", Value::Time(t("2026-03-10T15:00:00Z")));
    assert_eq!(world.ended(), [("appointment", Some(Reason::Stopped))]);
    world.at("2026-04-01T00:00:00Z");
    let before = ["d-2 2026-03-08T09:00:00Z", "h-24 2026-03-09T10:00:00Z"];
    assert_eq!(world.sent(), [&before[..], &["h-1 2026-03-10T14:00:00Z", "h2 2026-03-10T17:00:00Z"]].concat());
    // A rule of days alone does not mind.
    let rule = Rule { steps: days(&[-2, 1]), ..appointment() };
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![rule]);
    world.set("seen_at", Value::Time(t("2026-03-10T10:00:00Z")));
    world.at("2026-03-10T08:00:00Z");
    world.set("seen_at", Value::Time(t("2026-03-10T15:00:00Z")));
    assert!(world.ended().is_empty() && world.enrollments[0].occurrence == "2026-03-10");
}

#[test]
fn a_rule_that_comes_to_count_hours_begins_no_second_passage() {
    let steps = || days(&[-2, 1]);
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![Rule { steps: steps(), ..appointment() }]);
    world.set("seen_at", Value::Time(t("2026-03-10T10:00:00Z")));
    world.at("2026-03-09T08:00:00Z");
    let edited = Rule { steps: [steps(), hours(&[36])].concat(), ..appointment() };
    world.load(vec![edited], Vec::new());
    world.see();
    world.at("2026-04-01T00:00:00Z");
    assert_eq!(world.enrollments.len(), 1);
    assert_eq!(world.sent().len(), 3, "{:?}", world.sent());
}

#[test]
fn a_rule_that_comes_to_count_otherwise_sends_no_step_again() {
    let (day, hour) = (
        || Rule { steps: days(&[0]), ..appointment() },
        || Rule { steps: vec![super::step("d0", crate::rules::Offset::Hours(2))], ..appointment() },
    );
    for (before, after) in [(day(), hour()), (hour(), day())] {
        let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![before]);
        world.set("seen_at", Value::Time(t("2026-03-10T06:00:00Z")));
        world.at("2026-03-10T08:30:00Z");
        world.load(vec![after], Vec::new());
        world.see();
        world.at("2026-04-01T00:00:00Z");
        assert_eq!(world.sent().len(), 1, "{:?}", world.sent());
    }
}

#[test]
fn days_of_a_timestamp_go_with_the_zone() {
    let trigger = Trigger::Date { attribute: "seen_at".into(), at: "12:00".parse().unwrap(), yearly: false };
    let rule = Rule { steps: [hours(&[-2]), days(&[1])].concat(), ..rule("seen", trigger) };
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![rule]);
    world.set("seen_at", Value::Time(t("2026-03-10T10:06:00Z")));
    world.at("2026-03-10T09:00:00Z");
    world.zone = crate::calendar::zone("Pacific/Kiritimati").unwrap();
    world.see();
    world.at("2026-04-01T00:00:00Z");
    assert_eq!(world.sent(), ["h-2 2026-03-10T08:06:00Z", "d1 2026-03-11T22:00:00Z"]);
    assert_eq!(world.enrollments.len(), 1);
}

#[test]
fn who_renews_has_reached_the_goal_though_the_date_moves_first() {
    let goal = Goal { event: "Order Completed".into(), within: Span::days(60), value: None };
    for back in [false, true] {
        let mut world =
            World::new("UTC", "2026-01-01T00:00:00Z", vec![Rule { goal: Some(goal.clone()), ..membership() }]);
        world.set("ends_on", date("2026-03-31"));
        world.at("2026-03-02T00:00:00Z");
        world.customer.attributes.insert("ends_on".into(), date("2027-03-31"));
        world.see();
        assert_eq!(world.ended(), [("member", Some(Reason::Stopped))]);
        if back {
            world.customer.attributes.insert("ends_on".into(), date("2026-03-31"));
        }
        let looked = world.event("Order Completed", "2026-03-02T00:00:01Z");
        assert_eq!(world.ended()[1..], [("member", Some(Reason::GoalReached))]);
        assert!(looked.changes[0].resumed, "it had ended already");
        assert!(world.endings[1].2.conversion.is_some() && world.customer.watch.moved.is_empty());
        world.set("ends_on", date("2026-03-31"));
        world.at("2026-08-01T00:00:00Z");
        assert_eq!(world.sent().len(), 1, "nothing comes back");
    }
}

#[test]
fn who_renews_with_the_very_order_that_moves_the_date_gets_nothing_more_if_it_comes_back() {
    let goal = Goal { event: "Order Completed".into(), within: Span::days(60), value: None };
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![Rule { goal: Some(goal), ..membership() }]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.customer.attributes.insert("ends_on".into(), date("2027-03-31"));
    world.event("Order Completed", "2026-03-02T00:00:01Z");
    assert_eq!(world.ended(), [("member", Some(Reason::GoalReached))]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn a_date_that_moves_all_the_time_leaves_no_endless_trace() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![Rule { steps: days(&[0, 400]), ..membership() }]);
    for n in 1..200 {
        let day = crate::calendar::days_after("2026-01-01".parse().unwrap(), n);
        world.set("ends_on", Value::Date(day));
        world.until(t("2026-01-01T10:00:00Z").plus(Span::days(n.into())));
    }
    assert_eq!((world.enrollments.len(), world.customer.watch.moved.len()), (199, 100));
}

#[test]
fn yearly_hours_count_from_the_time_of_the_day_that_the_rule_says() {
    let trigger = Trigger::Date { attribute: "seen_at".into(), at: "09:00".parse().unwrap(), yearly: true };
    let rule = Rule { steps: hours(&[3]), ..rule("yearly", trigger) };
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![rule]);
    world.set("seen_at", Value::Time(t("2020-03-10T15:00:00Z")));
    world.at("2027-06-01T00:00:00Z");
    assert_eq!(world.sent(), ["h3 2026-03-10T12:00:00Z", "h3 2027-03-10T12:00:00Z"]);
}

#[test]
fn days_already_past_at_entry_are_skipped() {
    let mut world = World::new("UTC", "2026-03-10T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent(), ["d-7 2026-03-24T09:00:00Z", "d0 2026-03-31T09:00:00Z"]);
    assert_eq!(world.enrollments[0].entered_at, t("2026-03-24T09:00:00Z"));
}

#[test]
fn who_does_not_match_is_judged_again_when_the_next_step_falls_due() {
    let rule = Rule { when: condition("customer.score >= 10"), ..membership() };
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![rule]);
    world.set("ends_on", date("2026-03-31"));
    world.score(10, "2026-03-05T00:00:00Z");
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent(), ["d-7 2026-03-24T09:00:00Z", "d0 2026-03-31T09:00:00Z"]);
    assert_eq!(world.verdicts[0], ("member".into(), Verdict::Unknown));
}

#[test]
fn steps_missed_while_nobody_looked_are_made_up_with_their_own_instants() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.now = t("2026-03-25T00:00:00Z");
    world.see();
    assert_eq!(world.sent(), ["d-30 2026-03-01T09:00:00Z", "d-7 2026-03-24T09:00:00Z"]);
}

#[test]
fn a_rule_that_is_not_live_starts_nothing_and_one_that_goes_live_nothing_past() {
    let mut world = World::new("UTC", "2026-03-01T00:00:00Z", vec![membership()]);
    world.live.clear();
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-28T00:00:00Z");
    assert!(world.sent().is_empty());
    world.live.insert("member".into(), world.now);
    world.see();
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent(), ["d0 2026-03-31T09:00:00Z"]);
}

#[test]
fn imported_members_get_nothing_backdated_and_each_reminder_of_later_years_once() {
    let (start, year) = ("2026-06-01T12:00:00Z", Span::days(365));
    for n in 0..10_000_i32 {
        let rule = Rule { steps: days(&[-30, -7, 15]), ..rule("member", dated("09:00", true)) };
        let mut world = World::new("UTC", start, vec![rule, rule_of_signups()]);
        let joined = crate::calendar::days_after("2026-05-20".parse().unwrap(), -n);
        world.customer.watch.quiet = true;
        world.set("ends_on", Value::Date(joined));
        assert!(world.deliveries.is_empty() && world.enrollments.is_empty(), "{joined}");
        // Every member is looked at; some are followed for two years.
        if n % 50 != 0 {
            continue;
        }
        world.until(t(start).plus(year).plus(year));
        assert!(world.deliveries.iter().all(|delivery| delivery.due_at > t(start)), "{joined}");
        let second = world.deliveries.iter().filter(|delivery| delivery.due_at > t(start).plus(year));
        let mut steps: Vec<&str> = second.map(|delivery| delivery.step.as_str()).collect();
        steps.sort_unstable();
        assert_eq!(steps, ["d-30", "d-7", "d15"], "{joined}");
        assert!(world.looks < 20, "{joined}: {} looks", world.looks);
    }
}

fn rule_of_signups() -> Rule {
    rule("welcome", on("Signed Up", Span(0)))
}
