//! Dates that come near, move, come every year, and were past before anybody knew.

use super::{World, condition, date, dated, days, on, rule, t};
use crate::domain::{Reason, Span, Value};
use crate::engine::Verdict;
use crate::rules::Rule;

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
fn a_date_that_comes_back_sends_nothing_again() {
    let mut world = World::new("UTC", "2026-01-01T00:00:00Z", vec![membership()]);
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-03-02T00:00:00Z");
    world.set("ends_on", date("2026-05-31"));
    world.at("2026-03-03T00:00:00Z");
    world.set("ends_on", date("2026-03-31"));
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent(), ["d-30 2026-03-01T09:00:00Z"], "one passage for one date");
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
