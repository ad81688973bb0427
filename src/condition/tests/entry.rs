//! What an enrollment began with: `event.…` and `at_entry.…`.

use super::super::Truth::{False, True, Unknown};
use super::super::{Facts, Path, Predicate, Problem, Scope, Truth, compile};
use super::{NOW, event, nobody, schema, somebody, t};
use crate::domain::{Customer, Entry, Schema, Value};
use std::collections::BTreeMap;

/// What may be named in a step of a rule that tickets start.
fn scope(schema: &Schema) -> Scope<'_> {
    Scope { event: Some("Ticket Solved"), at_entry: true, ..Scope::of(schema) }
}

fn compiled(source: &str) -> Predicate {
    let (predicate, problems) = compile(source, &scope(&schema()));
    predicate.unwrap_or_else(|| panic!("{source}: {problems:?}"))
}

fn with_facts<T>(customer: &Customer, entry: Option<&Entry>, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let zone = crate::calendar::zone("Europe/Zagreb").unwrap();
    ask(&Facts { customer, now: t(NOW), zone: &zone, entry })
}

fn judged(source: &str, customer: &Customer, entry: Option<&Entry>) -> Truth {
    let predicate = compiled(source);
    with_facts(customer, entry, |facts| {
        let value = predicate.evaluate(facts);
        assert_eq!(predicate.evaluate_until(facts).value, value, "{source}");
        value
    })
}

/// Started by a ticket of 12 minutes.
fn started_by(properties: &[(&str, Value)]) -> Entry {
    Entry { values: BTreeMap::new(), event: Some(event("Ticket Solved", NOW, properties)) }
}

/// What is kept of a customer for a condition.
fn kept_of(customer: &Customer, source: &str) -> Entry {
    let paths = compiled(source).at_entry();
    let read = |path: &Path| Some((path.text().into(), with_facts(customer, None, |facts| path.read(facts))?));
    Entry { values: paths.iter().filter_map(read).collect(), event: None }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn a_property_of_the_event_is_read_as_its_declared_type() {
    let entry =
        started_by(&[("rating", text("bad")), ("minutes", Value::Number(12.into())), ("final", Value::Bool(true))]);
    for source in [
        "event.rating == 'bad' && event.minutes + 1 > 12.5 && event.final",
        "has(event.minutes) && event.rating in ['bad', 'worse'] && event.rating.startsWith('b')",
        "default(event.minutes, 0) == 12",
    ] {
        assert_eq!(judged(source, &nobody(), Some(&entry)), True, "{source}");
    }
    let as_text = started_by(&[("minutes", text("12")), ("final", text("false")), ("rating", Value::Number(5.into()))]);
    let source = "event.minutes == 12 && !event.final && event.rating == '5' && has(event.final)";
    assert_eq!(judged(source, &nobody(), Some(&as_text)), True);
}

#[test]
fn a_property_that_the_event_lacks_or_no_event_at_all_is_unknown() {
    let unreadable = started_by(&[("minutes", text("many")), ("rating", text(""))]);
    for entry in [None, Some(&Entry::default()), Some(&started_by(&[])), Some(&unreadable)] {
        for (source, expected) in [
            ("event.minutes > 1", Unknown),
            ("event.rating == 'bad'", Unknown),
            ("has(event.minutes) || has(event.rating)", False),
            ("default(event.minutes, 3) == 3", True),
        ] {
            assert_eq!(judged(source, &somebody(), entry), expected, "{source} with {entry:?}");
        }
    }
    let missing = with_facts(&nobody(), None, |facts| compiled("event.minutes > 1").missing(facts));
    assert_eq!(missing, ["event.minutes"]);
}

#[test]
fn what_was_kept_at_entry_stays_when_the_customer_changes() {
    let source = "orders.count == at_entry.orders.count && customer.plan == at_entry.customer.plan";
    let entry = kept_of(&somebody(), source);
    assert_eq!(judged(source, &somebody(), Some(&entry)), True);
    let mut changed = somebody();
    changed.activity.orders.count += 1;
    assert_eq!(judged(source, &changed, Some(&entry)), False);
    assert_eq!(judged("at_entry.orders.count == 3 && orders.count == 4", &changed, Some(&entry)), True);
    assert_eq!(judged("at_entry.customer.plan == 'pro'", &nobody(), Some(&entry)), True);
}

#[test]
fn every_value_that_can_be_kept_is_the_same_at_entry() {
    let mut customer = somebody();
    customer.attributes.insert("seen_at".into(), Value::Time(t("2026-01-01T10:00:00.123Z")));
    for path in [
        "customer.id",
        "customer.plan",
        "customer.score",
        "customer.birthday",
        "customer.seen_at",
        "customer.limit",
        "customer.wholesale",
        "customer.consent.offers",
        "customer.consent.marketing",
        "orders.count",
        "orders.revenue",
        "orders.average",
        "orders.first_at",
        "orders.last_at",
        "orders.gap_median",
    ] {
        let source = format!("{path} == at_entry.{path}");
        let entry = kept_of(&customer, &source);
        assert_eq!(entry.values.keys().collect::<Vec<_>>(), [path]);
        assert_eq!(judged(&source, &customer, Some(&entry)), True, "{source}");
        assert_eq!(judged(&source, &customer, Some(&Entry::default())), Unknown, "{source}");
        assert_eq!(judged(&format!("has(at_entry.{path})"), &customer, Some(&entry)), True, "{path}");
        assert_eq!(judged(&format!("has(at_entry.{path})"), &customer, None), False, "{path}");
    }
    let tags = "'vip' in at_entry.customer.tags && size(at_entry.customer.tags) == 2";
    assert_eq!(judged(tags, &nobody(), Some(&kept_of(&customer, tags))), True);
    let gap = "at_entry.orders.gap_median * 2 == days(60)";
    assert_eq!(judged(gap, &nobody(), Some(&kept_of(&customer, gap))), True);
}

#[test]
fn a_value_that_is_missing_at_entry_is_not_kept_but_a_default_is() {
    let source = "at_entry.customer.plan == 'pro' || at_entry.orders.last_at < now || at_entry.customer.limit == 10";
    let mut customer = nobody();
    customer.attributes.insert("plan".into(), text(""));
    let entry = kept_of(&customer, source);
    assert_eq!(entry.values, [("customer.limit".into(), Value::Number(10.into()))].into());
    assert_eq!(judged(source, &customer, Some(&entry)), True);
    let unread = compiled("at_entry.customer.score > 1 && at_entry.orders.gap_median > days(1)");
    let missing = with_facts(&customer, Some(&entry), |facts| unread.missing(facts));
    assert_eq!(missing, ["at_entry.customer.score", "at_entry.orders.gap_median"]);
}

#[test]
fn the_paths_of_all_parts_are_listed_each_once() {
    let one = compiled("at_entry.orders.count < orders.count && at_entry.customer.plan == 'pro'");
    let other = compiled("default(at_entry.orders.last_at, now) < now || at_entry.orders.count == 0");
    let joined = Predicate::all(vec![one, Predicate::none(vec![other, Predicate::everyone()])]);
    let paths: Vec<String> = joined.at_entry().iter().map(|path| path.text().into()).collect();
    assert_eq!(paths, ["orders.count", "customer.plan", "orders.last_at"]);
    assert!(compiled("orders.count > 1 && event.final").at_entry().is_empty());
}

#[test]
fn only_an_elapsed_time_moves_what_was_kept() {
    let entry = kept_of(&somebody(), "at_entry.orders.last_at < now");
    let until =
        |source: &str| with_facts(&somebody(), Some(&entry), |facts| compiled(source).evaluate_until(facts)).until;
    assert_eq!(until("orders.count == at_entry.orders.count"), None);
    assert_eq!(until("event.minutes > 3"), None);
    assert_eq!(until("since(at_entry.orders.last_at) > days(60)"), Some(t("2026-04-03T09:00:00.001Z")));
    assert_eq!(until("days_since(at_entry.orders.last_at) > 60"), Some(t("2026-04-03T22:00:00Z")));
}

#[test]
fn what_is_read_tells_the_event_and_the_present_values_apart() {
    assert!(compiled("event.final").reads().event);
    let both = Predicate::any(vec![compiled("orders.count > 1"), compiled("has(event.rating)")]);
    assert!(both.reads().event && both.reads().orders);
    let kept = compiled("at_entry.orders.count == 1 && at_entry.customer.plan == 'pro'");
    assert!(!kept.reads().event && !kept.reads().orders && kept.reads().attributes.is_empty());
}

#[test]
fn explanations_show_what_the_enrollment_began_with() {
    let mut entry = kept_of(&somebody(), "at_entry.orders.count > 0");
    entry.event = started_by(&[("minutes", Value::Number(12.into()))]).event;
    for (source, expected) in [
        ("event.minutes > 10", "12"),
        ("event.minutes * 2 > 30", "24: event.minutes 12"),
        ("event.rating == 'bad'", "the event has no `rating`"),
        ("has(event.minutes)", "event.minutes 12"),
        ("orders.count == at_entry.orders.count + 1", "3 against 4: orders.count at entry 3"),
        ("at_entry.customer.plan == 'pro'", "customer.plan had no value at entry"),
    ] {
        let explanation = with_facts(&somebody(), Some(&entry), |facts| compiled(source).explain(facts));
        assert_eq!(explanation.detail, expected, "{source}");
    }
}

/// Code, place, and message with help of the only problem.
fn only(source: &str, scope: &Scope<'_>) -> (&'static str, String, String) {
    let (_, found) = compile(source, scope);
    let [Problem { span, code, message, help, .. }] = found.as_slice() else { panic!("{source}: {found:?}") };
    (code, source[span.clone()].to_owned(), format!("{message} / {}", help.as_deref().unwrap_or("")))
}

fn expect(scope: &Scope<'_>, cases: &[(&str, &str, &str, &str)]) {
    for (source, code, at, words) in cases {
        let found = only(source, scope);
        assert_eq!((found.0, found.1.as_str()), (*code, *at), "{source}: {}", found.2);
        assert!(found.2.contains(words), "{source}: {}", found.2);
    }
}

#[test]
fn names_that_mean_nothing_here_are_errors_that_say_who_has_them() {
    let schema = schema();
    expect(
        &Scope::of(&schema),
        &[
            ("event.minutes > 5", "out-of-place", "event", "only rules with an event trigger"),
            ("has(event.minutes)", "out-of-place", "event", "only rules with an event trigger"),
            ("event == 5", "out-of-place", "event", "only rules with an event trigger"),
            ("orders.count == at_entry.orders.count", "out-of-place", "at_entry", "a step and `while`"),
            ("at_entry.customer.nonsense == 1", "out-of-place", "at_entry", "a step and `while`"),
            ("at_entry == 1", "out-of-place", "at_entry", "a step and `while`"),
        ],
    );
}

#[test]
fn unknown_names_and_wrong_types_are_errors_as_without_at_entry() {
    let schema = schema();
    expect(
        &scope(&schema),
        &[
            ("event.minuts > 5", "unknown-property", "minuts", "did you mean `event.minutes`?"),
            ("event.zzzzzz > 5", "unknown-property", "zzzzzz", "there are: final, minutes, rating"),
            ("event.minutes == 'x'", "type-mismatch", "==", "a number cannot be compared with a text"),
            ("event.minutes", "type-mismatch", "event.minutes", "a number"),
            ("event > 5", "unknown-name", "event", "such as `event.final`"),
            ("evnt.minutes > 5", "unknown-name", "evnt", "did you mean `event`?"),
            ("event.rating.first == 'x'", "not-supported", "first", "has no parts"),
            ("at_entry.orders.cuont > 1", "unknown-name", "cuont", "did you mean `orders.count`?"),
            ("at_entry.customer.plann == 'x'", "unknown-attribute", "plann", "did you mean `customer.plan`?"),
            ("at_entry.customer.plan == 'gold'", "not-one-of", "'gold'", "schema.yaml lists"),
            ("at_entry.customer.consent.ofers", "unknown-consent", "ofers", "did you mean"),
            ("at_entry.orders.count > 'a'", "type-mismatch", ">", "a number"),
            ("at_entry.orders.gap_median > 3", "type-mismatch", ">", "write `days(3)`"),
            ("at_entry.orders", "unknown-name", "at_entry.orders", "`at_entry.orders.count`"),
            ("at_entry.count('Ticket Solved') > 1", "unknown-name", "at_entry", "`at_entry.orders.count`"),
            ("at_entry > 1", "unknown-name", "at_entry", "`at_entry.orders.count`"),
            ("at_entry.event.minutes > 1", "unknown-name", "at_entry.event.minutes", "write `event.minutes`"),
            ("orders.count.total > 1", "not-supported", "total", "has no parts"),
        ],
    );
}
