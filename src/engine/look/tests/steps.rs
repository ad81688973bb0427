//! What becomes of enrollments after their entry.

use super::{Direction, World, condition, crossing, daily, days, on, rule, t};
use crate::domain::{Delivery, Reason, Span, Value};
use crate::engine::{Gate, GateInput, gate};
use crate::rules::{Goal, Rule, Trigger};

const START: &str = "2026-05-01T00:00:00Z";

fn course() -> Rule {
    Rule { steps: days(&[0, 3, 10]), ..rule("course", on("Signed Up", Span(0))) }
}

fn hoping() -> Rule {
    let goal = Goal { event: "Order Completed".into(), within: Span::days(30), value: Some("revenue".into()) };
    Rule { goal: Some(goal), ..course() }
}

fn begun(rule: Rule) -> World {
    let mut world = World::new("UTC", START, vec![rule]);
    world.event("Signed Up", "2026-05-02T10:00:00Z");
    world
}

fn buy(world: &mut World, at: &str) {
    world.at(at);
    world.receive("Order Completed", t(at), &[("revenue", Value::Number("12.5".parse().unwrap()))]);
    world.see();
}

fn ask(world: &World, delivery: &Delivery) -> Gate {
    let rule = world.set.get(&delivery.rule).map(AsRef::as_ref);
    let mut customer = world.customer.clone();
    customer.attributes.insert("email".into(), Value::Text("ana@customers.example".into()));
    gate(&GateInput {
        delivery,
        rule,
        paused: None,
        customer: &customer,
        zone: &world.zone,
        now: world.now,
        policy: &world.policy,
        suppressed: false,
        only_to: &[],
    })
}

#[test]
fn later_steps_say_so_and_are_noted_with_their_enrollment() {
    let mut world = begun(course());
    world.now = t("2026-05-05T10:00:00Z");
    let changes = world.see().changes;
    assert_eq!((changes.len(), changes[0].deliveries.as_slice()), (1, &[world.deliveries[1].id][..]));
    assert!(changes[0].ending.is_none() && world.see().changes.is_empty(), "nothing has come of it since");
    world.at("2026-05-20T00:00:00Z");
    assert_eq!(world.sent(), ["d0 2026-05-02T10:00:00Z", "d3 2026-05-05T10:00:00Z", "d10 2026-05-12T10:00:00Z"]);
    let later: Vec<bool> = world.deliveries.iter().map(|delivery| delivery.later).collect();
    assert_eq!(later, [false, true, true]);
    assert_eq!(world.deliveries[1].expires_at, t("2026-05-08T10:00:00Z"));
    assert_eq!(world.enrollments[0].deliveries, [world.deliveries[0].id]);
    assert_eq!(world.ended(), [("course", None)]);
    assert!(world.customer.watch.active.is_empty() && world.wake.is_none());
}

#[test]
fn the_rules_condition_is_asked_at_entry_and_a_steps_when_it_falls_due() {
    let mut rule = Rule { when: condition("customer.plan == 'free'"), ..course() };
    rule.steps[1].when = Some(condition("customer.score > 5"));
    let mut world = World::new("UTC", START, vec![rule]);
    world.set("plan", Value::Text("free".into()));
    world.event("Signed Up", "2026-05-02T10:00:00Z");
    world.set("plan", Value::Text("pro".into()));
    assert_eq!(ask(&world, &world.deliveries[0]), Gate::Cancel(Reason::NotWanted));
    world.at("2026-05-12T10:00:00Z");
    assert_eq!(world.sent(), ["d0 2026-05-02T10:00:00Z", "d10 2026-05-12T10:00:00Z"], "an unknown score skips");
    assert_eq!(ask(&world, &world.deliveries[1]), Gate::Go);
}

#[test]
fn a_goal_ends_what_waits_and_what_is_on_its_way() {
    let mut world = begun(hoping());
    buy(&mut world, "2026-05-05T12:00:00Z");
    let (_, _, ending) = &world.endings[0];
    assert_eq!(ending.reason, Some(Reason::GoalReached));
    let conversion = ending.conversion.as_ref().unwrap();
    assert_eq!((conversion.at, conversion.event.as_str()), (t("2026-05-05T12:00:00Z"), "m1"));
    assert_eq!(conversion.value, Some("12.5".parse().unwrap()));
    assert_eq!(ask(&world, &world.deliveries[1]), Gate::Cancel(Reason::GoalReached));
    buy(&mut world, "2026-05-06T12:00:00Z");
    world.at("2026-08-01T00:00:00Z");
    assert_eq!((world.sent().len(), world.endings.len()), (2, 1));
}

#[test]
fn a_goal_counts_after_entry_and_within_its_time() {
    for (at, reached) in [
        ("2026-05-02T10:00:00.001Z", true),
        ("2026-06-01T10:00:00Z", true),
        ("2026-06-01T10:00:00.001Z", false),
        ("2026-06-02T10:00:00Z", false),
    ] {
        let mut world = begun(hoping());
        buy(&mut world, at);
        world.at("2026-08-01T00:00:00Z");
        let expected = reached.then_some(Reason::GoalReached);
        assert_eq!(world.ended(), [("course", expected)], "{at}");
    }
    let mut world = World::new("UTC", START, vec![hoping()]);
    world.at("2026-05-02T10:00:00Z");
    world.receive("Order Completed", world.now, &[]);
    world.event("Signed Up", "2026-05-02T10:00:00Z");
    assert!(world.endings.is_empty(), "what happened with the entry is not its goal");
}

#[test]
fn a_goal_that_comes_with_what_started_the_rule_counts_by_the_order_in_which_they_happened() {
    for (delay, signed_up, bought, reached) in [
        (Span(0), "10:00:00", "10:00:01", true),
        (Span(0), "10:00:01", "10:00:01", false),
        (Span(0), "10:00:01", "10:00:00", false),
        (Span::hours(1), "09:00:02", "10:00:03", true),
        (Span::hours(1), "09:00:02", "10:00:01", false),
    ] {
        let rule = Rule { trigger: on("Signed Up", delay), ..hoping() };
        let mut world = World::new("UTC", START, vec![rule]);
        world.at("2026-05-02T10:00:05Z");
        for (name, at) in [("Order Completed", bought), ("Signed Up", signed_up)] {
            world.receive(name, t(&format!("2026-05-02T{at}Z")), &[]);
        }
        world.see();
        assert_eq!(world.enrollments.len(), 1);
        let expected: &[_] = if reached { &[("course", Some(Reason::GoalReached))] } else { &[] };
        assert_eq!(world.ended(), expected, "{delay} {signed_up} {bought}");
        let gate = if reached { Gate::Cancel(Reason::GoalReached) } else { Gate::Go };
        assert_eq!(ask(&world, &world.deliveries[0]), gate);
        world.at("2026-08-01T00:00:00Z");
        assert_eq!(world.deliveries.len(), if reached { 1 } else { 3 });
        assert_eq!(world.endings.len(), 1);
    }
}

#[test]
fn one_order_told_of_twice_does_not_reach_the_goal_that_the_next_one_does() {
    for once_per in [None, Some("order_id".into())] {
        let trigger = Trigger::Event { name: "Order Completed".into(), delay: Span(0), once_per };
        let goal = Goal { event: "Order Completed".into(), within: Span::days(30), value: None };
        let rule = Rule { trigger, goal: Some(goal), ..course() };
        let mut world = World::new("UTC", START, vec![rule]);
        world.at("2026-05-02T10:00:05Z");
        let order = |id: &str| [("order_id", Value::Text(id.into()))];
        world.receive("Order Completed", t("2026-05-02T10:00:00Z"), &order("a"));
        world.receive("Order Completed", t("2026-05-02T10:00:01Z"), &order("a"));
        world.see();
        world.receive("Order Completed", t("2026-05-02T10:00:02Z"), &order("a"));
        world.see();
        assert!(world.endings.is_empty());
        world.receive("Order Completed", t("2026-05-02T10:00:03Z"), &order("b"));
        world.see();
        assert_eq!(world.endings[0].2.reason, Some(Reason::GoalReached));
        assert_eq!(world.endings[0].2.conversion.as_ref().unwrap().event, "m3");
    }
}

#[test]
fn what_was_under_way_when_somebody_crossed_reaches_the_goal() {
    for (late, expected) in [(40, Some(Reason::GoalReached)), (80, None)] {
        let rule = Rule { trigger: crossing(Direction::Enters), ..hoping() };
        let mut world = World::new("UTC", START, vec![rule]).with_segment("customer.score > 5");
        world.score(9, "2026-05-02T10:00:00Z");
        world.at("2026-05-02T10:00:02Z");
        world.receive("Order Completed", world.now.minus(Span(late * 1000)), &[]);
        world.see();
        world.at("2026-08-01T00:00:00Z");
        assert_eq!(world.ended(), [("course", expected)], "{late} s");
    }
}

#[test]
fn the_order_by_which_somebody_crossed_is_not_what_the_mail_brought() {
    let rule = Rule { trigger: crossing(Direction::Enters), ..hoping() };
    let mut world = World::new("UTC", START, vec![rule]).with_segment("count('Order Completed') >= 1");
    world.at("2026-05-02T10:00:00Z");
    world.receive("Order Completed", world.now.minus(Span::seconds(30)), &[]);
    world.see();
    assert_eq!(world.enrollments.len(), 1);
    assert!(world.endings.is_empty(), "it had come already when the enrollment began");
}

#[test]
fn a_goal_counts_for_those_held_out_alike_and_nothing_is_sent() {
    let mut world = begun(Rule { holdout: 10_000, ..hoping() });
    assert!(world.enrollments[0].held_out);
    world.at("2026-05-20T00:00:00Z");
    buy(&mut world, "2026-05-21T12:00:00Z");
    assert_eq!(world.ended(), [("course", Some(Reason::GoalReached))]);
    assert!(world.endings[0].2.conversion.is_some() && world.deliveries.is_empty());
    let mut world = begun(Rule { holdout: 10_000, ..hoping() });
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.ended(), [("course", None)]);
    assert!(begun(Rule { holdout: 10_000, ..course() }).customer.watch.active.is_empty(), "nothing to wait for");
}

#[test]
fn a_step_that_is_new_falls_due_in_what_goes_on_only_if_its_time_is_still_ahead() {
    let mut world = begun(course());
    world.at("2026-05-06T00:00:00Z");
    let mut edited = course();
    edited.steps = days(&[0, 2, 3, 5, 10]);
    for step in edited.steps.iter_mut().filter(|step| ["d2", "d5"].contains(&step.id.as_str())) {
        step.since = world.now;
    }
    // And the first one by another name.
    edited.steps[0].id = "hello".into();
    edited.steps[0].since = world.now;
    world.load(vec![edited], Vec::new());
    world.see();
    world.event("Signed Up", "2026-05-06T01:00:00Z");
    world.at("2026-05-30T00:00:00Z");
    let first = ["d0 2026-05-02T10:00:00Z", "d3 2026-05-05T10:00:00Z"];
    let sent = world.sent();
    assert_eq!(sent[..2], first);
    assert_eq!(sent[2], "hello 2026-05-06T01:00:00Z", "who enters now gets all of it");
    let of_old = |line: &&String| line.ends_with("T10:00:00Z");
    let rest: Vec<&String> = sent[2..].iter().filter(of_old).collect();
    assert_eq!(rest, ["d5 2026-05-07T10:00:00Z", "d10 2026-05-12T10:00:00Z"]);
    assert_eq!(sent.len(), 3 + 2 + 4);
}

#[test]
fn while_ends_what_it_no_longer_holds_for_and_unknown_does_not() {
    let staying = || Rule { stays: Some(condition("customer.plan != 'closed'")), ..course() };
    let mut world = begun(staying());
    world.at("2026-05-05T11:00:00Z");
    assert_eq!(world.sent().len(), 2, "nobody knows the plan");
    world.set("plan", Value::Text("closed".into()));
    assert_eq!(world.ended(), [("course", Some(Reason::Stopped))]);
    world.set("plan", Value::Text("pro".into()));
    assert_eq!(ask(&world, &world.deliveries[1]), Gate::Cancel(Reason::Stopped), "ended is ended");
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn while_is_asked_until_the_last_delivery_has_expired() {
    let stays = Some(condition("customer.plan != 'closed'"));
    let rule = Rule { stays, steps: days(&[0]), ..course() };
    let mut world = begun(rule.clone());
    world.customer.attributes.insert("plan".into(), Value::Text("closed".into()));
    assert_eq!(ask(&world, &world.deliveries[0]), Gate::Cancel(Reason::Stopped), "before anybody looked");
    let mut world = begun(rule);
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.ended(), [("course", None)]);
    assert_eq!(world.endings[0].2.at, t("2026-05-05T10:00:00Z"));
}

#[test]
fn while_that_time_alone_ends_is_noticed() {
    let stays = Some(condition("count('Signed Up', days(5)) >= 1"));
    let mut world = begun(Rule { stays, ..course() });
    world.at("2026-08-01T00:00:00Z");
    assert_eq!(world.sent().len(), 2);
    assert_eq!(world.endings[0].2.at, t("2026-05-07T10:00:00Z"));
}

#[test]
fn a_tick_makes_enrollments_that_go_on() {
    let goal = Goal { event: "Order Completed".into(), within: Span::days(30), value: None };
    let mut world = World::new("UTC", START, vec![Rule { goal: Some(goal), ..Rule { trigger: daily(), ..course() } }]);
    world.tick("course", "2026-05-02T10:00:00Z", "2026-05-02T10:00");
    assert_eq!(world.deliveries[0].tick, Some(t("2026-05-02T10:00:00Z")));
    world.at("2026-05-06T00:00:00Z");
    assert_eq!(world.deliveries[1].tick, None, "later steps wait for no tick");
    buy(&mut world, "2026-05-06T12:00:00Z");
    assert_eq!(world.ended(), [("course", Some(Reason::GoalReached))]);
    let mut world = World::new("UTC", START, vec![rule("plain", daily())]);
    world.tick("plain", "2026-05-02T10:00:00Z", "2026-05-02T10:00");
    assert!(world.customer.watch.active.is_empty() && world.wake.is_none(), "over at once");
}

const ASKS_BACK: &str = "rule: ask-back
class: service
trigger: {event: Order Completed, delay: 1h}
when: event.revenue > 10
steps:
- email: hello
- {day: 10, email: bye, when: orders.count == at_entry.orders.count}
";

fn asking_back() -> World {
    let mut rule = crate::engine::tests::rules(&[ASKS_BACK]).rules.remove(0).as_ref().clone();
    rule.at_entry = rule.steps[1].when.as_ref().unwrap().at_entry();
    let mut world = World::new("UTC", START, vec![rule]);
    buy(&mut world, "2026-05-02T09:00:00Z");
    world.at("2026-05-03T00:00:00Z");
    world
}

#[test]
fn an_enrollment_remembers_its_event_and_what_its_rule_names_of_entry() {
    let mut world = asking_back();
    let entry = &world.customer.watch.active[0].entry;
    assert_eq!(entry.values, [("orders.count".into(), Value::Number(1.into()))].into());
    assert_eq!(entry.event.as_ref(), Some(&world.events[0]));
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(world.sent(), ["hello 2026-05-02T10:00:00Z", "bye 2026-05-12T10:00:00Z"]);
    let later = world.deliveries[1].clone();
    assert!(world.deliveries.iter().all(|delivery| delivery.entry.as_ref().unwrap().event.is_some()));
    world.now = later.due_at;
    assert_eq!(ask(&world, &later), Gate::Go);
    world.customer.activity.orders.count = 2;
    assert_eq!(ask(&world, &later), Gate::Cancel(Reason::NotWanted), "asked again before it is sent");
}

#[test]
fn a_step_whose_condition_compares_with_entry_is_skipped_when_things_changed() {
    let mut world = asking_back();
    world.event("Order Completed", "2026-05-05T09:00:00Z");
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(world.sent(), ["hello 2026-05-02T10:00:00Z"], "the second order had no revenue");
}

#[test]
fn enrollments_of_a_rule_that_is_gone_end() {
    let mut world = begun(course());
    world.load(Vec::new(), Vec::new());
    world.see();
    assert_eq!(world.ended(), [("course", Some(Reason::RuleRemoved))]);
    assert!(world.customer.watch.active.is_empty());
}

#[test]
fn passages_of_one_rule_go_on_side_by_side() {
    let mut world = begun(course());
    world.event("Signed Up", "2026-05-04T10:00:00Z");
    world.at("2026-05-10T00:00:00Z");
    let dues: Vec<String> = world.sent().into_iter().filter(|sent| sent.starts_with("d3")).collect();
    assert_eq!(dues, ["d3 2026-05-05T10:00:00Z", "d3 2026-05-07T10:00:00Z"]);
}

#[test]
fn an_edited_step_goes_by_its_new_day_and_nothing_is_sent_twice() {
    let mut world = begun(course());
    world.at("2026-05-06T00:00:00Z");
    world.load(vec![Rule { steps: [days(&[0]), days(&[5])].concat(), ..course() }], Vec::new());
    world.see();
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(world.sent(), ["d0 2026-05-02T10:00:00Z", "d3 2026-05-05T10:00:00Z", "d5 2026-05-07T10:00:00Z"]);
}

#[test]
fn leaving_and_entering_again_are_passages_of_their_own() {
    let rule = Rule { steps: days(&[0, 3]), ..rule("vip", crossing(Direction::Enters)) };
    let mut world = World::new("UTC", START, vec![rule]).with_segment("customer.score >= 10");
    world.score(10, "2026-05-02T10:00:00Z");
    world.score(0, "2026-05-03T10:00:00Z");
    world.score(10, "2026-05-04T10:00:00Z");
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(world.sent().len(), 4);
}
