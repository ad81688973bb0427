//! Triggers other than a schedule, steps that wait, and what ends an enrollment.

use super::{GOOD, file, good, problems};
use crate::domain::Span;
use crate::rules::{AgainAfter, Goal, Offset, Rule, Trigger};
use std::sync::Arc;

const SCHEDULE: &str = "{schedule: \"0 10 * * *\", timezone: customer}";

fn with_trigger(trigger: &str) -> Arc<Rule> {
    let text = GOOD.replace(SCHEDULE, trigger).replace("again_after: 180d\n", "");
    Arc::clone(&good(&text).rules[0])
}

#[test]
fn an_event_may_start_a_rule() {
    let rule = with_trigger("{event: Order Completed}");
    let Trigger::Event { name, delay, once_per } = &rule.trigger else { panic!("an event") };
    assert_eq!((name.as_str(), *delay, once_per.as_deref()), ("Order Completed", Span(0), None));
    let rule = with_trigger("{event: Ticket Solved, delay: 24h, once_per: rating}");
    let Trigger::Event { name, delay, once_per } = &rule.trigger else { panic!("an event") };
    assert_eq!((name.as_str(), *delay, once_per.as_deref()), ("Ticket Solved", Span::days(1), Some("rating")));
}

#[test]
fn a_date_or_a_timestamp_may_start_a_rule() {
    let rule = with_trigger("{date: birthday}");
    let Trigger::Date { attribute, at, yearly } = &rule.trigger else { panic!("a date") };
    assert_eq!((attribute.as_str(), at.to_string().as_str(), *yearly), ("birthday", "09:00:00", false));
    let rule = with_trigger("{date: created_at, at: 07:30, repeat: yearly}");
    let Trigger::Date { attribute, at, yearly } = &rule.trigger else { panic!("a date") };
    assert_eq!((attribute.as_str(), at.to_string().as_str(), *yearly), ("created_at", "07:30:00", true));
}

#[test]
fn rules_whose_occurrences_come_once_need_no_again_after() {
    for trigger in ["{event: Order Completed}", "{date: birthday}"] {
        assert_eq!(with_trigger(trigger).again_after, AgainAfter::After(Span(0)), "{trigger}");
        assert_eq!(good(&GOOD.replace(SCHEDULE, trigger)).rules[0].again_after, AgainAfter::After(Span::days(180)));
    }
}

#[test]
fn crossings_need_an_again_after() {
    let segments = file("rules/segments.yaml", "vip: {when: orders.count > 9}\n");
    for trigger in ["{enters: vip}", "{leaves: vip}"] {
        let text = GOOD.replace(SCHEDULE, trigger).replace("again_after: 180d\n", "");
        let found = problems(&[file("rules/a.yaml", &text), segments.clone()]);
        assert!(found.len() == 1 && found[0].contains("the key `again_after` is missing"), "{found:?}");
    }
}

fn offsets(trigger: &str, steps: &str) -> Vec<Offset> {
    let text = GOOD.replace(SCHEDULE, trigger).replace("  - email: win-back\n", steps);
    good(&text).rules[0].steps.iter().map(|step| step.offset).collect()
}

#[test]
fn a_step_falls_due_with_the_one_before_it_unless_it_says_when() {
    let steps = "  - email: win-back\n  - {id: b, hour: 1, email: win-back}\n  - {id: c, email: win-back}\n  - {id: d, day: 1, email: win-back}\n  - {id: e, hour: 24, email: win-back}\n";
    let expected = [Offset::Days(0), Offset::Hours(1), Offset::Hours(1), Offset::Days(1), Offset::Hours(24)];
    assert_eq!(offsets(SCHEDULE, steps), expected);
}

#[test]
fn steps_may_fall_before_a_date() {
    let steps = "  - {id: b, day: -90, email: win-back}\n  - {id: c, hour: -1, email: win-back}\n  - {id: d, day: 15, email: win-back}\n";
    assert_eq!(offsets("{date: birthday}", steps), [Offset::Days(-90), Offset::Hours(-1), Offset::Days(15)]);
}

#[test]
fn a_rule_says_what_ends_an_enrollment() {
    let more = "again_after: 180d\nwhile: ['customer.tier != \"closed\"', orders.count < 9]\ngoal: {event: Order Completed, within: 30d, value: revenue}";
    let rule = Arc::clone(&good(&GOOD.replace("again_after: 180d", more)).rules[0]);
    // Of a tier that is missing nothing is said: `while` ends nothing then.
    assert!(rule.stays.is_some());
    let goal = Goal { event: "Order Completed".into(), within: Span::days(30), value: Some("revenue".into()) };
    assert_eq!(rule.goal, Some(goal));
    let without = good(GOOD);
    assert!(without.rules[0].stays.is_none() && without.rules[0].goal.is_none());
}

#[test]
fn the_set_says_which_events_are_to_be_judged_as_they_arrive() {
    let text = GOOD.replace(SCHEDULE, "{event: Ticket Solved}").replace(
        "again_after: 180d",
        "again_after: 180d\ngoal: {event: Order Completed, within: 30d}\nwhile: count(\"Ticket Solved\", days(7)) < 3",
    );
    let interest = good(&text).interest;
    assert_eq!(interest.triggers, ["Order Completed".into(), "Ticket Solved".into()].into());
    assert_eq!(interest.events["Ticket Solved"].longest_window, Some(Span::days(7)));
}

#[test]
fn an_enrollment_keeps_what_its_rule_asks_of_its_beginning() {
    let text = GOOD
        .replace("again_after: 180d", "again_after: 180d\nwhile: orders.count == at_entry.orders.count")
        .replace(
            "  - email: win-back\n",
            "  - {email: win-back, when: has(at_entry.customer.tier)}\n  - {id: b, email: win-back, when: at_entry.orders.count > 3}\n",
        );
    let set = good(&text);
    let paths: Vec<&str> = set.rules[0].at_entry.iter().map(crate::condition::Path::text).collect();
    assert_eq!(paths, ["customer.tier", "orders.count"]);
    assert!(good(GOOD).rules[0].at_entry.is_empty());
}

#[test]
fn conditions_may_name_the_event_that_started_the_rule_but_not_what_keeps_an_enrollment() {
    let text = GOOD.replace(SCHEDULE, "{event: Order Completed}").replace("orders.count >= 2", "event.revenue > 5000");
    let step = "  - {email: win-back, when: event.quantity > 1}\n";
    let found = problems(&[file("rules/a.yaml", &text.replace("  - email: win-back\n", step))]);
    assert_eq!(
        found,
        [
            "rules/a.yaml:8:35: error[unknown-property]: schema.yaml declares no property `quantity` of `Order Completed`; help: there are: currency, order_id, revenue"
        ]
    );
    assert_eq!(problems(&[file("rules/a.yaml", &text)]), Vec::<String>::new());
    let kept = text.replace("again_after: 180d", "again_after: 180d\nwhile: event.revenue > 1");
    let found = problems(&[file("rules/a.yaml", &kept)]);
    assert!(found.len() == 1 && found[0].starts_with("rules/a.yaml:7:8: error[out-of-place]"), "{found:?}");
}
