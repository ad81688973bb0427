//! What events and crossings start, and what keeps customers out.

use super::{Direction, WHO, World, condition, crossing, daily, days, on, rule, segment, t};
use crate::domain::{Class, Consent, Reason, Span, State, Value};
use crate::engine::Verdict;
use crate::engine::look::events::MOST_WAITING;
use crate::rules::{AgainAfter, Goal, Rule, Trigger};

const START: &str = "2026-05-01T00:00:00Z";

fn welcome() -> Rule {
    rule("welcome", on("Signed Up", Span(0)))
}

fn abandoned(once_per: Option<&str>) -> Rule {
    let trigger =
        Trigger::Event { name: "Cart Updated".into(), delay: Span::hours(24), once_per: once_per.map(Into::into) };
    Rule { when: condition("count('Order Completed', hours(24)) == 0"), ..rule("cart", trigger) }
}

#[test]
fn an_event_starts_its_rule_at_once_under_its_message_id() {
    let mut world = World::new("UTC", START, vec![welcome()]);
    let looked = world.event("Signed Up", "2026-05-02T10:00:00Z");
    assert_eq!(world.sent(), ["hello 2026-05-02T10:00:00Z"]);
    assert_eq!(world.enrollments[0].occurrence, "m0");
    assert!(!world.deliveries[0].later);
    assert_eq!(world.deliveries[0].entry, None, "no condition asks for it");
    assert!(looked.watch.pending.is_empty() && looked.watch.active.is_empty() && looked.wake.is_none());
    world.event("Signed Up", "2026-05-03T10:00:00Z");
    world.event("Signed In", "2026-05-03T10:00:00Z");
    assert_eq!(world.enrollments.len(), 2);
}

#[test]
fn the_condition_is_judged_when_the_delay_is_over() {
    let mut world = World::new("UTC", START, vec![abandoned(None)]);
    let looked = world.event("Cart Updated", "2026-05-02T10:00:00Z");
    assert_eq!(looked.wake, Some(t("2026-05-03T10:00:00Z")));
    world.event("Cart Updated", "2026-05-05T10:00:00Z");
    world.event("Order Completed", "2026-05-05T11:00:00Z");
    world.at("2026-05-09T00:00:00Z");
    assert_eq!(world.sent(), ["hello 2026-05-03T10:00:00Z"]);
    assert!(world.customer.watch.pending.is_empty());
}

#[test]
fn a_property_makes_one_passage_of_many_events() {
    let mut world = World::new("UTC", START, vec![abandoned(Some("cart"))]);
    for (day, cart) in [(2, "c1"), (2, "c1"), (3, "c2"), (3, ""), (6, "c1")] {
        let at = format!("2026-05-0{day}T10:00:00Z");
        world.at(&at);
        world.receive("Cart Updated", t(&at), &[("cart", Value::Text(cart.into()))]);
        world.see();
    }
    world.event("Cart Updated", "2026-05-07T10:00:00Z");
    world.at("2026-05-20T00:00:00Z");
    let occurrences: Vec<&str> = world.enrollments.iter().map(|one| one.occurrence.as_str()).collect();
    assert_eq!(occurrences, ["c1", "c2", "m3", "m5"]);
}

#[test]
fn an_enrollment_that_is_there_is_not_decided_again() {
    // Decided again it would take places under the caps, though the store would leave it out.
    let update = |world: &mut World, cart: &str| {
        world.receive("Cart Updated", world.now, &[("cart", Value::Text(cart.into()))]);
        world.see();
        world.verdicts.len()
    };
    let of_carts = |steps: &[i32]| {
        let trigger = Trigger::Event { name: "Cart Updated".into(), delay: Span(0), once_per: Some("cart".into()) };
        let mut world = World::new("UTC", START, vec![Rule { steps: days(steps), ..rule("carts", trigger) }]);
        world.at("2026-05-02T10:00:00Z");
        world
    };
    let mut over = of_carts(&[0]);
    assert_eq!([update(&mut over, "c1"), update(&mut over, "c1")], [1, 1], "it is the last that is remembered");
    let mut goes_on = of_carts(&[0, 30]);
    let decided = ["c1", "c2", "c1"].map(|cart| update(&mut goes_on, cart));
    assert_eq!(decided, [1, 2, 2], "it goes on, though another is remembered");
    let mut told = of_carts(&[0]);
    told.existing.insert((WHO, "carts".into(), "c1".into()));
    assert_eq!(["c1", "c2"].map(|cart| update(&mut told, cart)), [0, 1], "the store has it");
}

#[test]
fn a_crossing_that_the_store_has_is_not_decided_again() {
    let mut world = at_the_border("customer.score >= 10");
    world.existing.insert((WHO, "in".into(), "1".into()));
    world.score(10, "2026-05-02T00:00:00Z");
    assert!(world.verdicts.is_empty());
    world.score(9, "2026-05-03T00:00:00Z");
    assert_eq!(crossed(&world), ["out 2"]);
}

#[test]
fn what_was_past_for_the_customer_or_the_rule_or_came_too_late_starts_nothing() {
    let received = |at: &str, happened: &str| {
        let mut world = World::new("UTC", START, vec![welcome()]);
        world.at(at);
        world.receive("Signed Up", t(happened), &[]);
        world.see();
        world.sent().len()
    };
    assert_eq!(received("2026-05-01T01:00:00Z", "2026-05-01T00:30:00Z"), 1);
    assert_eq!(received("2026-05-01T01:00:00Z", "2026-04-30T23:00:00Z"), 0, "before the customer and the rule");
    assert_eq!(received("2026-05-02T12:00:00Z", "2026-05-02T06:00:00Z"), 1);
    assert_eq!(received("2026-05-02T12:00:00Z", "2026-05-02T05:59:59Z"), 0, "later than misfire.within");
    let mut world = World::new("UTC", START, vec![welcome()]);
    world.live.insert("welcome".into(), t("2026-05-02T00:00:00Z"));
    world.event("Signed Up", "2026-05-02T00:00:00Z");
    assert!(world.sent().is_empty(), "not after the rule went live");
}

#[test]
fn the_event_that_makes_a_customer_known_counts() {
    let mut world = World::new("UTC", START, vec![welcome()]);
    world.live.insert("welcome".into(), t("2026-04-01T00:00:00Z"));
    world.customer.arrived_at = world.now;
    world.receive("Signed Up", world.now.minus(Span::seconds(59)), &[]);
    world.see();
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn an_event_ahead_of_our_clock_is_judged_when_its_time_comes() {
    let mut world = World::new("UTC", START, vec![welcome()]);
    world.receive("Signed Up", t("2026-05-01T03:00:00Z"), &[]);
    assert_eq!(world.see().wake, Some(t("2026-05-01T03:00:00Z")));
    assert!(world.sent().is_empty());
    world.at("2026-05-02T00:00:00Z");
    assert_eq!(world.sent(), ["hello 2026-05-01T03:00:00Z"]);
}

fn at_the_border(text: &str) -> World {
    let rules = vec![rule("in", crossing(Direction::Enters)), rule("out", crossing(Direction::Leaves))];
    World::new("UTC", START, rules).with_segment(text)
}

fn crossed(world: &World) -> Vec<String> {
    world.enrollments.iter().map(|one| format!("{} {}", one.rule, one.occurrence)).collect()
}

#[test]
fn each_crossing_starts_the_rules_of_its_direction_under_a_new_number() {
    let mut world = at_the_border("customer.score >= 10");
    for (day, score) in [(2, 10), (3, 11), (4, 9), (5, 12)] {
        world.score(score, &format!("2026-05-0{day}T00:00:00Z"));
    }
    assert_eq!(crossed(&world), ["in 1", "out 2", "in 3"]);
}

#[test]
fn who_crosses_into_one_segment_does_not_cross_into_another() {
    let mut world = at_the_border("customer.score >= 10");
    let rules = world.set.rules.iter().map(|rule| rule.as_ref().clone()).collect();
    let both = [("vip", "customer.score >= 10", 1), ("known", "has(customer.plan)", 2)];
    world.load(rules, both.map(|(name, text, meaning)| segment(name, text, meaning)).into());
    world.see();
    world.set("plan", Value::Text("pro".into()));
    assert!(world.customer.watch.segments["known"].inside && crossed(&world).is_empty());
    world.score(10, "2026-05-02T00:00:00Z");
    assert_eq!(crossed(&world), ["in 1"]);
}

#[test]
fn time_alone_crosses_a_border() {
    let mut world = at_the_border("count('Order Completed', days(7)) >= 1");
    world.event("Order Completed", "2026-05-02T10:00:00Z");
    world.at("2026-06-01T00:00:00Z");
    assert_eq!(crossed(&world), ["in 1", "out 2"]);
    assert_eq!(world.enrollments[1].entered_at, t("2026-05-09T10:00:00Z"));
}

#[test]
fn those_already_inside_do_not_cross() {
    let mut world = World::new("UTC", START, vec![rule("in", crossing(Direction::Enters))]);
    world.set("score", Value::Number(50.into()));
    let mut world = world.with_segment("customer.score >= 10");
    assert!(crossed(&world).is_empty(), "the first computation");
    let rules = |world: &World| world.set.rules.iter().map(|rule| rule.as_ref().clone()).collect::<Vec<_>>();
    world.load(rules(&world), vec![segment("vip", "customer.score >= 99", 2)]);
    world.see();
    world.load(rules(&world), vec![segment("vip", "customer.score >= 1", 3)]);
    world.see();
    assert!(crossed(&world).is_empty(), "an edited segment");
    world.score(0, "2026-05-02T00:00:00Z");
    world.customer.watch.quiet = true;
    world.score(50, "2026-05-03T00:00:00Z");
    assert!(crossed(&world).is_empty(), "an import");
    world.score(0, "2026-05-04T00:00:00Z");
    world.score(50, "2026-05-05T00:00:00Z");
    assert_eq!(crossed(&world), ["in 3"]);
}

#[test]
fn a_segment_that_was_gone_goes_on_counting_crossings() {
    let mut world = at_the_border("customer.score >= 10");
    world.score(10, "2026-05-02T00:00:00Z");
    let rules: Vec<Rule> = world.set.rules.iter().map(|rule| rule.as_ref().clone()).collect();
    world.load(rules.clone(), Vec::new());
    world.score(0, "2026-05-03T00:00:00Z");
    assert!(world.customer.watch.segments.is_empty());
    world.load(rules, vec![segment("vip", "customer.score >= 10", 1)]);
    world.see();
    world.score(10, "2026-05-04T00:00:00Z");
    assert_eq!(crossed(&world), ["in 1", "in 2"]);
}

fn last_verdict(change: impl Fn(&mut Rule), prepare: impl Fn(&mut World)) -> Verdict {
    let mut rule = Rule { class: Class::Marketing, again_after: AgainAfter::After(Span::days(30)), ..welcome() };
    change(&mut rule);
    let mut world = World::new("UTC", START, vec![rule]);
    prepare(&mut world);
    world.event("Signed Up", "2026-05-10T10:00:00Z");
    world.verdicts.pop().unwrap().1
}

#[test]
fn pause_consent_and_again_after_keep_out_in_this_order() {
    let unwilling = |world: &mut World| {
        let consent = Consent { granted: false, at: t(START), source: "test".into() };
        world.customer.consent.insert("marketing".into(), consent);
    };
    let again = |world: &mut World| drop(world.event("Signed Up", "2026-05-02T10:00:00Z"));
    let pause = |world: &mut World| assert!(world.paused.insert("welcome".into()));
    let held = |prepare: &dyn Fn(&mut World)| last_verdict(|_| {}, prepare);
    assert_eq!(held(&|_| {}), Verdict::Enrolled { emails: 1, webhooks: 0, capped: 0 });
    assert_eq!(held(&|world| (again(world), unwilling(world), pause(world)).0), Verdict::Held(Reason::Paused));
    assert_eq!(held(&|world| (again(world), unwilling(world)).0), Verdict::Held(Reason::NoConsent));
    assert_eq!(held(&again), Verdict::Held(Reason::AgainAfter));
    let nobody = |rule: &mut Rule| rule.when = condition("customer.score > 1");
    assert_eq!(last_verdict(nobody, |_| {}), Verdict::Unknown);
    assert_eq!(last_verdict(|rule| rule.holdout = 10_000, |_| {}), Verdict::HeldOut);
    let leaves_at_once = |rule: &mut Rule| rule.stays = Some(condition("count('Signed Up') == 0"));
    assert_eq!(last_verdict(leaves_at_once, |_| {}), Verdict::NoMatch);
}

#[test]
fn of_two_events_at_one_look_the_second_comes_too_soon() {
    let rule = Rule { again_after: AgainAfter::Never, ..welcome() };
    let mut world = World::new("UTC", START, vec![rule]);
    world.at("2026-05-02T00:00:00Z");
    world.receive("Signed Up", t("2026-05-01T23:00:00Z"), &[]);
    world.receive("Signed Up", t("2026-05-01T22:00:00Z"), &[]);
    world.see();
    assert_eq!(world.enrollments[0].occurrence, "m1", "the earlier one");
    assert_eq!(world.verdicts[1].1, Verdict::Held(Reason::AgainAfter));
    assert_eq!(world.customer.memory["welcome"].enrollments, 1);
}

#[test]
fn of_all_that_fires_at_one_look_the_higher_priority_gets_the_place() {
    let marketing = |rule: Rule, priority| Rule { class: Class::Marketing, priority, ..rule };
    let rules = vec![marketing(welcome(), 1), marketing(rule("in", crossing(Direction::Enters)), 9)];
    let mut world = World::new("UTC", START, rules).with_segment("count('Signed Up') >= 1");
    world.event("Signed Up", "2026-05-02T10:00:00Z");
    let order: Vec<&str> = world.verdicts.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(order, ["in", "welcome"]);
    assert_eq!(world.verdicts[1].1, Verdict::Enrolled { emails: 0, webhooks: 0, capped: 1 });
}

#[test]
fn members_of_schedules_come_and_go() {
    let rule = Rule { when: condition("count('Order Completed', days(7)) >= 1"), ..rule("r", daily()) };
    let mut world = World::new("UTC", START, vec![rule]);
    world.event("Order Completed", "2026-05-02T10:00:00Z");
    assert!(world.members.contains("r"));
    world.at("2026-05-09T09:59:59Z");
    assert!(world.members.contains("r"));
    world.at("2026-05-09T10:00:00Z");
    assert!(world.members.is_empty());
    world.event("Order Completed", "2026-05-20T10:00:00Z");
    world.load(Vec::new(), Vec::new());
    world.see();
    assert!(world.members.is_empty(), "the rule is gone");
}

const MANY: i64 = 1_000;

#[test]
fn of_more_events_than_may_wait_those_that_came_first_start_their_rule() {
    assert_eq!(usize::try_from(MANY), Ok(MOST_WAITING));
    let mut world = World::new("UTC", START, vec![rule("asks", on("Signed Up", Span::hours(1)))]);
    for n in 0..MANY + 7 {
        world.receive("Signed Up", t(START).plus(Span(100 + n)), &[]);
    }
    world.at("2026-05-01T00:30:00Z");
    assert_eq!(world.see().given_up, 7);
    world.receive("Signed Up", t(START).plus(Span(1)), &[]);
    assert_eq!(world.see().given_up, 1, "older, but later here");
    assert_eq!(world.customer.watch.pending.len(), MOST_WAITING);
    assert_eq!(world.see().given_up, 0);
    world.at("2026-05-01T03:00:00Z");
    assert_eq!(world.enrollments.len(), MOST_WAITING);
    assert!(world.customer.watch.pending.is_empty());
}

#[test]
fn a_rule_for_which_many_wait_keeps_no_other_from_its_events() {
    let rules = vec![rule("slow", on("Signed Up", Span::days(30))), rule("quick", on("Signed Up", Span::minutes(1)))];
    let mut world = World::new("UTC", START, rules);
    for round in 0..2 {
        for n in 0..MANY {
            world.receive("Signed Up", world.now.plus(Span(1 + n - MANY)), &[]);
        }
        world.see();
        world.until(t(START).plus(Span::hours(round + 1)));
    }
    assert_eq!(world.enrollments.iter().filter(|one| one.rule == "quick").count(), 2 * MOST_WAITING);
}

#[test]
fn so_many_enrollments_of_a_rule_go_on_at_once() {
    let course = |id: &str, event: &str| Rule { steps: days(&[0, 7]), ..rule(id, on(event, Span(0))) };
    let mut world = World::new("UTC", START, vec![course("course", "Signed Up"), course("other", "Cart Updated")]);
    world.at("2026-05-01T01:00:00Z");
    for n in 0..MANY + 5 {
        world.receive("Signed Up", world.now.minus(Span(n)), &[]);
    }
    assert_eq!(world.see().given_up, 5);
    assert_eq!(world.customer.watch.active.len(), MOST_WAITING);
    assert_eq!(world.event("Cart Updated", "2026-05-01T01:00:01Z").given_up, 0, "there is room for another rule's");
    assert_eq!(world.event("Signed Up", "2026-05-01T01:00:02Z").given_up, 1);
    world.at("2026-05-10T00:00:00Z");
    assert_eq!(world.event("Signed Up", "2026-05-10T00:00:00Z").given_up, 0, "there is room again");
}

#[test]
fn a_mail_that_its_own_goal_cancels_takes_nobodys_place_under_a_cap() {
    let goal = Goal { event: "Order Completed".into(), within: Span::days(30), value: None };
    let first = Rule {
        class: Class::Marketing,
        priority: 90,
        goal: Some(goal),
        steps: days(&[0, 3]),
        ..rule("first", on("Signed Up", Span(0)))
    };
    let second = Rule { class: Class::Marketing, ..rule("second", on("Order Completed", Span(0))) };
    let mut world = World::new("UTC", START, vec![first, second]);
    world.at("2026-05-01T12:00:00Z");
    world.receive("Signed Up", t("2026-05-01T11:59:58Z"), &[]);
    world.receive("Order Completed", t("2026-05-01T11:59:59Z"), &[]);
    world.see();
    assert_eq!(world.ended(), [("first", Some(Reason::GoalReached))]);
    let states: Vec<_> = world.deliveries.iter().map(|it| (it.rule.as_str(), it.state)).collect();
    assert_eq!(states, [("first", State::Queued), ("second", State::Queued)]);
    assert_eq!(world.customer.slots.len(), 1);
    assert_eq!(world.customer.watch.stopped("first", "m0"), Some(Reason::GoalReached));
}
