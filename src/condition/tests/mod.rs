//! Tests of the whole room: a schema, a customer, and what conditions come to.

mod entry;
mod explaining;
mod following;
mod foregone;
mod holding;
mod named;
mod oracle;
mod problems;
mod values;

use super::{Facts, Predicate, Problem, Scope, Truth, compile};
use crate::calendar;
use crate::domain::{
    Activity, Attribute, Consent, Customer, Event, Interest, Schema, Severity, Text, Time, Value, ValueType,
};
use std::collections::BTreeMap;

fn t(text: &str) -> Time {
    text.parse().unwrap()
}

fn schema() -> Schema {
    let mut schema = Schema::default();
    let mut add = |name: &str, attribute: Attribute| schema.customer.insert(name.into(), attribute);
    let plans = ["free", "pro", "closed"].map(str::to_owned).to_vec();
    add("plan", Attribute { one_of: Some(plans), ..Attribute::of(ValueType::Text) });
    add("wholesale", Attribute { default: Some(Value::Bool(false)), ..Attribute::of(ValueType::Bool) });
    add("tester", Attribute::of(ValueType::Bool));
    add("birthday", Attribute::of(ValueType::Date));
    add("membership_ends_on", Attribute::of(ValueType::Date));
    add("seen_at", Attribute::of(ValueType::Time));
    add("score", Attribute::of(ValueType::Number));
    add("limit", Attribute { default: Some(Value::Number(10.into())), ..Attribute::of(ValueType::Number) });
    add("tags", Attribute::of(ValueType::List));
    schema.events.insert(
        "Ticket Solved".into(),
        [("rating", ValueType::Text), ("minutes", ValueType::Number), ("final", ValueType::Bool)]
            .map(|(name, kind)| (name.to_owned(), kind))
            .into(),
    );
    schema.consents.push("offers".into());
    schema
}

/// A customer without anything but an id.
fn nobody() -> Customer {
    Customer::new("c-1", Time(0))
}

/// A customer of whom much is known: three orders, the last 55 days before 29 March 2026 10:00, and two tickets.
fn somebody() -> Customer {
    let mut customer = nobody();
    let mut set = |name: &str, value: Value| customer.attributes.insert(name.into(), value);
    set("plan", Value::Text("pro".into()));
    set("country", Value::Text("HR".into()));
    set("email", Value::Text("ana@example.com".into()));
    set("score", Value::Number("29.33".parse().unwrap()));
    set("birthday", Value::Date(jiff::civil::date(1990, 3, 29)));
    set("membership_ends_on", Value::Date(jiff::civil::date(2026, 4, 1)));
    set("tags", Value::List(vec![Value::Text("vip".into()), Value::Number(7.into())]));
    let consent = Consent { granted: true, at: t("2026-01-05T10:00:00Z"), source: "import".into() };
    customer.consent.insert("offers".into(), consent);
    customer.activity = Activity::over(&events(), &everything(), Time::MAX, None);
    customer
}

fn event(name: &str, at: &str, properties: &[(&str, Value)]) -> Event {
    let properties: BTreeMap<Text, Value> =
        properties.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Event { name: name.into(), at: t(at), received_at: t(at), message_id: None, properties }
}

fn events() -> Vec<Event> {
    let order = |at, id: &str, revenue: &str| {
        let revenue = Value::Number(revenue.parse().unwrap());
        event("Order Completed", at, &[("order_id", Value::Text(id.into())), ("revenue", revenue)])
    };
    let ticket = |at, rating: &str, minutes: i64| {
        let minutes = Value::Number(minutes.into());
        event("Ticket Solved", at, &[("rating", Value::Text(rating.into())), ("minutes", minutes)])
    };
    vec![
        order("2025-12-04T09:00:00Z", "1", "29.33"),
        order("2026-01-03T09:00:00Z", "2", "10.1"),
        order("2026-02-02T09:00:00Z", "3", "20.2"),
        ticket("2026-03-01T09:00:00Z", "good", 12),
        ticket("2026-03-28T08:00:00Z", "bad", 30),
    ]
}

/// An interest that keeps all that any test asks for.
fn everything() -> Interest {
    let all = compiled(
        "sum('Order Completed', 'revenue', days(400)) + sum('Ticket Solved', 'minutes', days(400)) > 0
         && last_value('Ticket Solved', 'rating') == '' && last_value('Ticket Solved', 'minutes') > 0
         && last_value('Ticket Solved', 'final') && last_value('Order Completed', 'currency') == ''",
    );
    all.interest().clone()
}

fn problems(source: &str) -> Vec<Problem> {
    compile(source, &Scope::of(&schema())).1
}

fn compiled(source: &str) -> Predicate {
    let (predicate, problems) = compile(source, &Scope::of(&schema()));
    predicate.unwrap_or_else(|| panic!("{source}: {problems:?}"))
}

/// The instant at which the tests judge: the morning of the day on which Zagreb loses an hour.
const NOW: &str = "2026-03-29T08:00:00Z";

fn judged(source: &str, customer: &Customer) -> Truth {
    judged_in(source, customer, "Europe/Zagreb", NOW)
}

fn judged_in(source: &str, customer: &Customer, zone: &str, now: &str) -> Truth {
    let zone = calendar::zone(zone).unwrap();
    compiled(source).evaluate(&Facts { customer, now: t(now), zone: &zone, entry: None })
}

fn is_error(problem: &Problem) -> bool {
    problem.severity == Severity::Error
}

#[test]
fn a_condition_knows_what_counts_as_a_purchase_and_so_does_what_it_is_joined_into() {
    let mut schema = schema();
    schema.purchase.event = "Membership Renewed".into();
    let line = compile("orders.count > 1", &Scope::of(&schema)).0.unwrap();
    assert_eq!(line.interest().purchase, schema.purchase);
    let joined = Predicate::all(vec![Predicate::everyone(), line]);
    assert_eq!(joined.interest().purchase, schema.purchase);
}
