//! The `cel` crate's own interpreter as the oracle, wherever both define an expression.
//!
//! What is missing is an error there and unknown here: a condition with a value there has the same here, and one that fails
//! there for want of an attribute is unknown here. One difference stands: a list that holds something missing fails there as a
//! whole, and here the items that are known may decide (`the_known_differences_are_these`).
//!
//! Eight threads draw expressions of their own; `RETAIND_ORACLE_CASES` says how many in all, `10000` where there is time.
//! `default(x, y)`, which CEL lacks, is asked there as `has(x) ? x : y`.
//!
//! Left out, because we differ on purpose: `/` between whole numbers and
//! by zero (`5 / 2` is 2 there, 2.5 here), mixing whole numbers and fractions in arithmetic (an error there), decimals
//! that no binary float holds, and everything about time, which the crate
//! has only with a feature that is not built here.

use super::super::{Scope, Truth, compile};
use super::{judged_in, nobody};
use crate::domain::{Attribute, Consent, Customer, Number, Schema, Time, Value, ValueType};
use cel::objects::Key;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;

/// What the expressions read.
#[derive(Debug, Clone)]
struct World {
    level: Option<i64>,
    /// In halves, so that binary floats hold it.
    score: Option<i64>,
    country: Option<String>,
    tester: Option<bool>,
    tags: Option<Vec<String>>,
    orders: u8,
    offers: bool,
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["HR", "SI", "a", "ab", "abc", "č", "quote\"d", "it's", "back\\slash"])
        .prop_map(str::to_owned)
}

fn world() -> impl Strategy<Value = World> {
    let mostly = 0.85;
    let tags = prop::option::weighted(mostly, prop::collection::vec(text(), 0..3));
    let number = || prop::option::weighted(mostly, -9_i64..9);
    let country = prop::option::weighted(mostly, text());
    let tester = prop::option::weighted(mostly, any::<bool>());
    (number(), number(), country, tester, tags, 0_u8..5, any::<bool>()).prop_map(
        |(level, score, country, tester, tags, orders, offers)| World {
            level,
            score,
            country,
            tester,
            tags,
            orders,
            offers,
        },
    )
}

fn binary(
    operands: impl Strategy<Value = String> + Clone,
    operators: &'static [&'static str],
) -> impl Strategy<Value = String> {
    (operands.clone(), prop::sample::select(operators), operands, any::<bool>()).prop_map(
        |(left, operator, right, bare)| {
            if bare { format!("{left} {operator} {right}") } else { format!("({left} {operator} {right})") }
        },
    )
}

/// Whole numbers, small enough that no product overflows.
fn whole() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![
        (-9_i64..20).prop_map(|n| n.to_string()),
        Just("customer.level".to_owned()),
        Just("size(customer.tags)".to_owned()),
        Just("customer.country.size()".to_owned()),
        word().prop_map(|word| format!("size({word})")),
        (-9_i64..9).prop_map(|n| format!("default(customer.level, {n})")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            binary(inner.clone(), &["+", "-"]),
            (inner.clone(), -3_i64..4).prop_map(|(left, right)| format!("{left} * {right}")),
            (inner.clone(), 2_i64..5).prop_map(|(left, right)| format!("({left}) % {right}")),
            (inner.clone(), asked(), inner.clone()).prop_map(|(a, asked, b)| format!("({asked} ? {a} : {b})")),
            inner.prop_map(|inner| format!("-({inner})")),
        ]
    })
    .boxed()
}

/// Something true or false that is made of nothing else.
fn asked() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec![
        "true",
        "false",
        "customer.tester",
        "default(customer.tester, true)",
        "customer.consent.offers",
        "has(customer.country)",
        "has(customer.level)",
        "has(customer.score)",
        "has(customer.tester)",
        "has(customer.tags)",
        "'ab' in customer.tags",
    ])
    .prop_map(str::to_owned)
}

/// Fractions that binary floats and six decimal places both hold.
fn fraction() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![
        (-9_i64..20).prop_map(|n| format!("{n}.5")),
        (-9_i64..20).prop_map(|n| format!("{n}.0")),
        Just("customer.score".to_owned()),
        (-9_i64..9).prop_map(|n| format!("default(customer.score, {n}.5)")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            binary(inner.clone(), &["+", "-"]),
            (inner.clone(), -3_i64..4).prop_map(|(left, right)| format!("{left} * {right}.0")),
            inner.clone().prop_map(|inner| format!("({inner}) / 2.0")),
            inner.prop_map(|inner| format!("-({inner})")),
        ]
    })
    .boxed()
}

/// A text in quotes of either kind.
fn word() -> impl Strategy<Value = String> + Clone {
    let quoted = (text(), any::<bool>()).prop_map(|(text, double)| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'");
        if double { format!("\"{text}\"") } else { format!("'{text}'") }
    });
    let filled =
        prop::sample::select(vec!["HR", "ab", "zz"]).prop_map(|text| format!("default(customer.country, \"{text}\")"));
    prop_oneof![2 => quoted, 2 => Just("customer.country".to_owned()), 1 => Just("customer.id".to_owned()), 1 => filled]
}

/// What the reference interpreter is asked: it has no `default`, which is `has(x) ? x : y`.
fn theirs(source: &str) -> String {
    let mut text = String::new();
    let mut rest = source;
    while let Some(at) = rest.find("default(") {
        let inside = &rest[at + "default(".len()..];
        let (path, behind) = inside.split_once(", ").unwrap();
        let (otherwise, after) = behind.split_once(')').unwrap();
        text += &rest[..at];
        text.extend(["(has(", path, ") ? ", path, " : ", otherwise, ")"]);
        rest = after;
    }
    text + rest
}

fn truth() -> impl Strategy<Value = String> {
    const ORDER: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
    let number = prop_oneof![whole(), fraction(), Just("orders.count".to_owned())].boxed();
    let compared = (number.clone(), prop::sample::select(ORDER), number).prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let texts = (word(), prop::sample::select(ORDER), word()).prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let methods = (word(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]), word())
        .prop_map(|(a, method, b)| format!("{a}.{method}({b})"));
    let leaf = prop_oneof![
        3 => compared,
        2 => texts,
        1 => methods,
        1 => (word(), prop::collection::vec(word(), 0..4)).prop_map(|(item, list)| format!("{item} in [{}]", list.join(", "))),
        1 => (whole(), prop::collection::vec(whole(), 0..4)).prop_map(|(item, list)| format!("{item} in [{}]", list.join(", "))),
        1 => word().prop_map(|item| format!("{item} in customer.tags")),
        1 => asked(),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            3 => binary(inner.clone(), &["&&", "||"]),
            1 => inner.clone().prop_map(|inner| format!("!({inner})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == ({b})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

fn schema() -> Schema {
    let mut schema = Schema::default();
    schema.consents.push("offers".into());
    let kinds = [
        ("level", ValueType::Number),
        ("score", ValueType::Number),
        ("tester", ValueType::Bool),
        ("tags", ValueType::List),
    ];
    schema.customer.extend(kinds.map(|(name, kind)| (name.to_owned(), Attribute::of(kind))));
    schema
}

impl World {
    fn customer(&self) -> Customer {
        let mut customer = nobody();
        let mut set = |name: &str, value: Option<Value>| {
            customer.attributes.extend(value.map(|value| (name.into(), value)));
        };
        let list = |tags: &Vec<String>| Value::List(tags.iter().map(|tag| Value::Text(tag.into())).collect());
        set("level", self.level.map(|level| Value::Number(level.into())));
        set("score", self.score.map(|score| Value::Number(Number::from(score).over(2.into()).unwrap())));
        set("country", self.country.as_deref().map(|country| Value::Text(country.into())));
        set("tester", self.tester.map(Value::Bool));
        set("tags", self.tags.as_ref().map(list));
        customer.consent.insert("offers".into(), Consent { granted: self.offers, at: Time(0), source: "test".into() });
        customer.activity.orders.count = self.orders.into();
        customer
    }

    fn lacks_something(&self) -> bool {
        let Self { level, score, country, tester, tags, .. } = self;
        level.is_none() || score.is_none() || country.is_none() || tester.is_none() || tags.is_none()
    }

    #[expect(clippy::cast_precision_loss, reason = "the halves are small")]
    fn context(&self) -> cel::Context<'static, 'static> {
        let map = |entries: Vec<(&str, cel::Value)>| {
            let entries: HashMap<Key, cel::Value> =
                entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
            cel::Value::from(entries)
        };
        let mut context = cel::Context::default();
        let consent = map(vec![("offers", self.offers.into())]);
        let mut known: Vec<(&str, cel::Value)> = vec![("id", "c-1".into()), ("consent", consent)];
        known.extend(self.level.map(|level| ("level", level.into())));
        known.extend(self.score.map(|score| ("score", (score as f64 / 2.0).into())));
        known.extend(self.country.as_deref().map(|country| ("country", country.into())));
        known.extend(self.tester.map(|tester| ("tester", tester.into())));
        known.extend(self.tags.clone().map(|tags| ("tags", tags.into())));
        let customer = map(known);
        context.add_variable_from_value("customer", customer);
        context.add_variable_from_value("orders", map(vec![("count", i64::from(self.orders).into())]));
        context
    }
}

/// How many expressions are tried: `RETAIND_ORACLE_CASES`, or a few.
fn cases() -> u32 {
    std::env::var("RETAIND_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256)
}

/// On so many threads, each with expressions of its own.
const THREADS: u32 = 8;

#[test]
fn conditions_come_to_what_the_reference_interpreter_says() {
    let config =
        ProptestConfig { cases: cases().div_ceil(THREADS), failure_persistence: None, ..ProptestConfig::default() };
    let work = || {
        let compared = |(source, world): (String, World)| compared(&source, &world);
        TestRunner::new(config.clone()).run(&(truth(), world()), compared).map_err(Box::new)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| roomy().spawn_scoped(scope, work).unwrap()).collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
}

/// The reference parser takes tens of kilobytes of stack for each level.
fn roomy() -> std::thread::Builder {
    std::thread::Builder::new().stack_size(64 << 20)
}

/// Compares what both say of one expression.
fn compared(source: &str, world: &World) -> Result<(), TestCaseError> {
    prop_assume!(source.len() < 2000);
    let schema = schema();
    let (predicate, problems) = compile(source, &Scope::of(&schema));
    let Some(predicate) = predicate else {
        prop_assert!(problems.iter().all(|problem| problem.code == "too-deep"), "{}: {:?}", source, problems);
        return Ok(());
    };
    let program = cel::Program::compile(&theirs(source)).unwrap();
    let expected = match program.execute(&world.context()) {
        Ok(cel::Value::Bool(yes)) => Some(yes),
        Err(_) if world.lacks_something() => None,
        other => return Err(TestCaseError::fail(format!("{source}: the oracle says {other:?}"))),
    };
    let (customer, zone) = (world.customer(), jiff::tz::TimeZone::UTC);
    let facts = super::Facts { customer: &customer, now: Time(0), zone: &zone, entry: None };
    let ours = predicate.evaluate(&facts);
    let is_known_difference = expected.is_none() && source.contains(" in [");
    prop_assert!(is_known_difference || ours == Truth::from(expected), "{}: {:?}, not {:?}", source, ours, expected);
    Ok(())
}

#[test]
fn the_known_differences_are_these() {
    let at = |source: &str| judged_in(source, &nobody(), "UTC", "2026-01-01");
    let theirs = |source: &str| {
        let program = cel::Program::compile(source).unwrap();
        let empty =
            World { level: None, score: None, country: None, tester: None, tags: None, orders: 0, offers: false };
        program.execute(&empty.context()).ok()
    };
    for (source, ours, oracle) in [
        ("5 / 2 == 2.5", Truth::True, Some(cel::Value::Bool(false))),
        ("0.1 + 0.2 == 0.3", Truth::True, Some(cel::Value::Bool(false))),
        ("1 + 0.5 == 1.5", Truth::True, None),
        ("customer.plan == 'pro'", Truth::Unknown, None),
        ("1 / orders.count > 0", Truth::Unknown, None),
        // Of a list there all items are asked first, here only what decides.
        ("'a' in ['a', customer.country]", Truth::True, None),
        ("customer.country in []", Truth::False, None),
        ("'b' in ['a', customer.country]", Truth::Unknown, None),
        // What decides beside something missing decides in both.
        ("customer.tester && orders.count > 0", Truth::False, Some(cel::Value::Bool(false))),
        ("orders.count == 0 || customer.tester", Truth::True, Some(cel::Value::Bool(true))),
        ("orders.count == 0 && customer.tester", Truth::Unknown, None),
    ] {
        assert_eq!((at(source), theirs(source)), (ours, oracle), "{source}");
    }
}
