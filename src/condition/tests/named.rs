//! What other files define: `in_segment(…)` and `sent(…)`.

use super::super::Truth::{False, True};
use super::super::{Explanation, Facts, Held, Node, Predicate, Problem, Scope, Truth, compile, segments_named};
use super::following::{same_till, subject, usual};
use super::{NOW, nobody, schema, somebody, t};
use crate::calendar;
use crate::domain::{Customer, RuleMemory, Span, Time};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};

/// Compiles with segments as defined, each of which may name those before it, and the rule `win-back`.
fn compiled_with(source: &str, segments: &[(&str, Predicate)]) -> (Option<Predicate>, Vec<Problem>) {
    let segments: BTreeMap<String, Predicate> =
        segments.iter().map(|(name, predicate)| ((*name).to_owned(), predicate.clone())).collect();
    let rules = BTreeSet::from(["win-back".to_owned(), "welcome".to_owned()]);
    compile(source, &Scope { segments: &segments, rules: &rules, ..Scope::of(&schema()) })
}

fn one(source: &str, segments: &[(&str, Predicate)]) -> Predicate {
    let (predicate, problems) = compiled_with(source, segments);
    predicate.unwrap_or_else(|| panic!("{source}: {problems:?}"))
}

/// Loyal customers, those of them who are quiet, and those whose plan is known not to be closed.
fn segments() -> Vec<(&'static str, Predicate)> {
    let loyal = Predicate::all(vec![one("orders.count >= 2", &[]), one("customer.tester || orders.revenue > 50", &[])]);
    let mut segments = vec![("loyal", loyal)];
    segments.push(("quiet", one("in_segment('loyal') && days_since(orders.last_at) > 60", &segments)));
    segments.push(("open", one("customer.plan in ['free', 'pro']", &[])));
    segments
}

fn compiled(source: &str) -> Predicate {
    one(source, &segments())
}

fn with_facts<T>(customer: &Customer, now: &str, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let zone = calendar::zone("Europe/Zagreb").unwrap();
    ask(&Facts { customer, now: t(now), zone: &zone, entry: None })
}

fn held(source: &str, customer: &Customer, now: &str) -> Held {
    with_facts(customer, now, |facts| compiled(source).evaluate_until(facts))
}

fn judged(source: &str, customer: &Customer) -> Truth {
    with_facts(customer, NOW, |facts| compiled(source).evaluate(facts))
}

fn explained(source: &str, customer: &Customer) -> Explanation {
    with_facts(customer, NOW, |facts| compiled(source).explain(facts))
}

fn memory(sent_at: Option<Time>) -> RuleMemory {
    RuleMemory { occurrence: "x".into(), enrolled_at: Time(0), enrollments: 1, held_out: false, sent_at }
}

/// The known customer, to whom `win-back` last sent something at an instant.
fn sent_to(at: &str) -> Customer {
    let mut customer = somebody();
    customer.memory.insert("win-back".into(), memory(Some(t(at))));
    customer
}

#[test]
fn a_segment_holds_whom_its_condition_holds_for_and_nobody_else() {
    assert_eq!(judged("in_segment('loyal')", &somebody()), True);
    assert_eq!(judged("in_segment('loyal') && !in_segment('quiet')", &somebody()), True);
    assert_eq!(judged("in_segment('loyal')", &nobody()), False);
    assert_eq!(judged("in_segment('open') == true", &somebody()), True);
    assert_eq!(judged("in_segment(loyal)", &somebody()), True);
    assert_eq!(judged("in_segment(loyal)", &nobody()), False);
}

#[test]
fn to_deny_a_segment_turns_its_parts_and_to_deny_that_turns_them_back() {
    for (source, expected) in [
        ("in_segment('loyal')", Node::All),
        ("!in_segment('loyal')", Node::None),
        ("!(!in_segment('loyal'))", Node::All),
        ("!in_segment('loyal') && orders.count >= 2", Node::All),
    ] {
        let explanation = explained(source, &somebody());
        assert_eq!((explanation.node, explanation.children.is_empty()), (expected, false), "{source}");
    }
}

#[test]
fn who_is_not_known_to_be_in_a_segment_is_outside() {
    assert_eq!(judged("customer.plan in ['free', 'pro']", &nobody()), Truth::Unknown);
    assert_eq!(judged("in_segment('open')", &nobody()), False);
    assert_eq!(judged("!in_segment('open')", &nobody()), True);
    let missing = with_facts(&nobody(), NOW, |facts| compiled("in_segment('open')").missing(facts));
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn membership_changes_when_the_condition_of_the_segment_does() {
    // The last order was on 2 February.
    let midnight = Some(t("2026-04-03T22:00:00Z"));
    assert_eq!(held("in_segment('quiet')", &somebody(), NOW), Held { value: False, until: midnight });
    assert_eq!(held("!in_segment('quiet')", &somebody(), NOW), Held { value: True, until: midnight });
    assert_eq!(held("in_segment('quiet') == customer.tester", &somebody(), NOW).value, Truth::Unknown);
    assert_eq!(held("in_segment('quiet')", &nobody(), NOW), Held { value: False, until: None });
    assert_eq!(held("in_segment('loyal')", &somebody(), NOW), Held { value: True, until: None });
    let later = held("in_segment('quiet')", &somebody(), "2026-05-01T00:00:00Z");
    assert_eq!(later, Held { value: True, until: None });
}

#[test]
fn a_rule_that_never_sent_anything_did_not_send() {
    let mut remembered = nobody();
    remembered.memory.insert("win-back".into(), memory(None));
    for customer in [nobody(), remembered, sent_to("2026-03-01T10:00:00Z")] {
        let expected = Truth::from(Some(customer.id == "c-1" && customer.attributes.contains_key("plan")));
        assert_eq!(held("sent('win-back')", &customer, NOW), Held { value: expected, until: None });
        assert_eq!(judged("sent('welcome') || sent('welcome', days(9))", &customer), False);
    }
}

#[test]
fn what_a_rule_sent_leaves_the_window_at_the_very_millisecond() {
    let customer = sent_to("2026-03-28T10:00:00Z");
    let end = Some(t("2026-03-30T10:00:00Z"));
    assert_eq!(held("sent('win-back', days(2))", &customer, NOW), Held { value: True, until: end });
    assert_eq!(held("!sent('win-back', hours(48))", &customer, NOW), Held { value: False, until: end });
    assert_eq!(held("sent('win-back', days(2)) == true", &customer, NOW), Held { value: True, until: end });
    let (last, first) = ("2026-03-30T09:59:59.999Z", "2026-03-30T10:00:00Z");
    assert_eq!(held("sent('win-back', days(2))", &customer, last).value, True);
    assert_eq!(held("sent('win-back', days(2))", &customer, first), Held { value: False, until: None });
    // Judged at the instant of a tick, which lies before that of sending.
    let before = held("sent('win-back', days(2))", &customer, "2026-03-28T09:00:00Z");
    assert_eq!(before, Held { value: False, until: Some(t("2026-03-28T10:00:00Z")) });
}

#[test]
fn what_segments_read_and_need_is_read_and_needed_by_those_who_name_them() {
    let bought = one("count('Order Completed', days(9)) > 0 && sent('win-back', days(3)) && has(customer.score)", &[]);
    let segments = [("a", bought)];
    let predicate = one("!in_segment('a') || sent('welcome') && customer.tester", &segments);
    let reads = predicate.reads();
    assert_eq!(reads.events.get("Order Completed"), Some(&Some(Span::days(9))));
    assert_eq!(reads.attributes.iter().collect::<Vec<_>>(), ["score", "tester"]);
    assert_eq!(reads.sent.iter().collect::<Vec<_>>(), ["welcome", "win-back"]);
    assert!(reads.now && !reads.local_time && !reads.event);
    assert!(predicate.interest().sent.iter().eq(&reads.sent));
    assert_eq!(predicate.interest().events["Order Completed"].longest_window, Some(Span::days(9)));
    assert!(!one("sent('welcome')", &[]).reads().now, "without a window time changes nothing");
    assert!(compiled("in_segment('quiet')").reads().local_time);
}

#[test]
fn explanations_show_the_parts_of_a_segment() {
    let explanation = explained("in_segment('loyal')", &somebody());
    assert_eq!((explanation.text.as_str(), explanation.value), ("in_segment('loyal')", True));
    assert_eq!(explanation.detail, "inside");
    let parts: Vec<_> = explanation.children.iter().map(|child| (child.text.as_str(), child.value)).collect();
    assert_eq!(parts, [("orders.count >= 2", True), ("customer.tester || orders.revenue > 50", True)]);

    let denied = explained("!in_segment('open')", &nobody());
    assert_eq!((denied.value, denied.detail.as_str(), denied.children.len()), (True, "outside", 1));
    assert_eq!(
        (denied.children[0].value, denied.children[0].detail.as_str()),
        (Truth::Unknown, "customer.plan was never set")
    );

    let nested = explained("in_segment('quiet') || customer.tester", &somebody());
    let (quiet, loyal) = (&nested.children[0], &nested.children[0].children[0].children[0]);
    assert_eq!(
        (quiet.detail.as_str(), loyal.text.as_str(), loyal.detail.as_str()),
        ("outside", "in_segment('loyal')", "inside")
    );
}

#[test]
fn explanations_show_when_a_rule_sent_something() {
    let customer = sent_to("2026-03-28T10:00:00Z");
    assert_eq!(explained("sent('win-back', days(2))", &customer).detail, "sent 28 Mar 2026 11:00");
    assert_eq!(explained("!sent('win-back')", &customer).detail, "sent 28 Mar 2026 11:00");
    assert_eq!(explained("sent('welcome')", &customer).detail, "never sent");
    let against = explained("sent('win-back') == in_segment('open')", &customer);
    assert_eq!(against.detail, "true: sent 28 Mar 2026 11:00 against true");
}

#[test]
fn unknown_segments_and_rules_are_errors_with_the_nearest_name() {
    for (source, code, at, words) in [
        ("in_segment('loyl')", "unknown-segment", "'loyl'", "did you mean \"loyal\"?"),
        ("in_segment('nothing-like-it')", "unknown-segment", "'nothing-like-it'", "rules/segments.yaml"),
        ("in_segment(loyl)", "unknown-segment", "loyl", "did you mean \"loyal\"?"),
        ("in_segment(very-loyal-2)", "wrong-arguments", "very-loyal-2", "write \"very-loyal-2\""),
        ("in_segment()", "wrong-arguments", "in_segment()", "write `in_segment(\"vip\")`"),
        ("in_segment(customer.plan)", "wrong-arguments", "customer.plan", "a text in quotes"),
        ("sent('winback')", "unknown-rule", "'winback'", "did you mean \"win-back\"?"),
        ("sent(win-back)", "wrong-arguments", "win-back", "write \"win-back\""),
        ("sent('win-back', 3)", "type-mismatch", "3", "write `days(3)`"),
        ("sent('win-back', days(0))", "wrong-arguments", "days(0)", "longer than nothing"),
        ("sent('win-back') > 1", "type-mismatch", ">", "true or false"),
        ("sent('a', days(1), 2)", "wrong-arguments", "sent('a', days(1), 2)", "1 or 2 arguments"),
        ("insegment('loyal')", "unknown-function", "insegment", "did you mean `in_segment`?"),
    ] {
        let (_, found) = compiled_with(source, &segments());
        let [problem] = found.as_slice() else { panic!("{source}: {found:?}") };
        assert_eq!((problem.code, &source[problem.span.clone()]), (code, at), "{source}: {problem:?}");
        let told = format!("{} / {}", problem.message, problem.help.as_deref().unwrap_or(""));
        assert!(told.contains(words), "{source}: {told}");
    }
}

#[test]
fn the_segments_that_a_text_names_are_listed_with_their_places() {
    let source = "in_segment(\"b\") && !(customer.x ? in_segment(a) : f(in_segment('b')) in [in_segment('c')])";
    let named = segments_named(source, None);
    let listed: Vec<_> = named.iter().map(|(name, place)| (name.as_str(), &source[place.clone()])).collect();
    assert_eq!(listed, [("b", "\"b\""), ("a", "a"), ("b", "'b'"), ("c", "'c'")]);
    for source in
        ["orders.count > 1", "in_segment(b-2)", "in_segment('b", "'in_segment(b)' == \"x\"", "x.in_segment('a')"]
    {
        assert!(segments_named(source, None).is_empty(), "{source}");
    }
}

/// A condition with segments `a` and `b`, what a rule sent, and what people write besides.
fn naming() -> BoxedStrategy<String> {
    let sent = prop_oneof![
        (1_i64..90).prop_map(|n| format!("sent('win-back', days({n}))")),
        (1_i64..999).prop_map(|n| format!("sent('win-back', hours({n}))")),
        Just("sent('win-back')".to_owned()),
    ];
    let leaf = prop_oneof![
        3 => select(&["in_segment('a')", "in_segment('b')", "(in_segment('a') == in_segment('b'))"][..]).prop_map(str::to_owned),
        3 => sent,
        1 => usual(),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), select(&["&&", "||", "==", "!="][..]), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => inner.clone().prop_map(|inner| format!("!{inner}")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, max_shrink_iters: 200, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn until_is_never_too_late_with_segments_and_what_was_sent(
        (a, b, source) in (usual(), usual(), naming()),
        (now, mut customer, zone) in subject(),
        sent in prop::option::of(-100_000_000_i64..8_000_000_000),
    ) {
        customer.memory.insert("win-back".into(), memory(sent.map(|before| now.minus(Span(before)))));
        let Some(a) = compiled_with(&a, &[]).0 else { return Err(TestCaseError::reject("no condition")) };
        let segments = [("a", a)];
        // The second segment names the first.
        let Some(b) = compiled_with(&format!("{b} || !in_segment('a')"), &segments).0 else {
            return Err(TestCaseError::reject("no condition"));
        };
        let [a] = segments;
        let predicate = compiled_with(&source, &[a, ("b", b)]).0;
        prop_assume!(predicate.is_some());
        let (predicate, zone) = (predicate.unwrap(), calendar::zone(zone).unwrap());
        let mut facts = Facts { customer: &customer, now, zone: &zone, entry: None };
        for _ in 0..12 {
            let held = predicate.evaluate_until(&facts);
            prop_assert_eq!(held.value, predicate.evaluate(&facts));
            let until = held.until.unwrap_or(facts.now.plus(Span::days(5000)));
            prop_assert!(until > facts.now);
            same_till(&predicate, &facts, until)?;
            if until > now.plus(Span::days(400)) {
                break;
            }
            facts.now = until;
        }
    }

    #[test]
    fn a_segment_is_its_condition_with_unknown_as_false(source in usual(), (now, customer, zone) in subject()) {
        let inlined = compiled_with(&source, &[]).0;
        prop_assume!(inlined.is_some());
        let inlined = inlined.unwrap();
        let named = one("in_segment('a')", &[("a", inlined.clone())]);
        let zone = calendar::zone(zone).unwrap();
        for days in [0, 1, 7, 45, 300] {
            let facts = Facts { customer: &customer, now: now.plus(Span::days(days)), zone: &zone, entry: None };
            prop_assert_eq!(named.evaluate(&facts).is_true(), inlined.evaluate(&facts).is_true());
            prop_assert!(named.evaluate(&facts).known().is_some());
            let (named, inlined) = (named.evaluate_until(&facts), inlined.evaluate_until(&facts));
            if inlined.value.is_true() {
                prop_assert_eq!(named.until, inlined.until);
            }
        }
    }
}
