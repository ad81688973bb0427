//! A customer and twenty rules, as every bench here has them.

use anyhow::Context;
use retaind::condition::{self, Predicate, Scope};
use retaind::domain::{Customer, Event, Interest, Number, ProfileRow, Schema, Span, Time, Value};

/// Now: 2026-11-20T12:00:00Z.
pub(crate) const NOW: Time = Time(1_795_176_000_000);

/// A customer with seven attributes, consent and three purchases, their totals kept as the rules need them.
pub(crate) fn customer(interest: &Interest) -> Customer {
    let mut customer = Customer::new("c-0123456789ab", NOW);
    customer.activity.fingerprint = interest.fingerprint();
    let attributes = [
        ("email", "ana.horvat@example.org"),
        ("first_name", "Ana"),
        ("last_name", "Horvat"),
        ("locale", "en-GB"),
        ("country", "HR"),
        ("timezone", "Europe/Zagreb"),
        ("phone", "+385911234567"),
    ];
    customer.update(&ProfileRow {
        effective_at: Time::MIN,
        attributes: attributes.map(|(name, value)| (name.into(), Some(Value::Text(value.into())))).into(),
        consent: [("marketing".into(), true)].into(),
        source: "import".into(),
        received_at: NOW,
        proof: None,
    });
    for (n, days) in [380, 200, 70].into_iter().enumerate() {
        customer.activity.count(&purchase(n, NOW.minus(Span::days(days))), interest, true);
    }
    customer
}

/// A purchase.
pub(crate) fn purchase(n: usize, at: Time) -> Event {
    let number = Number::from(i64::try_from(n).unwrap_or_default() * 20 + 29);
    let properties = [
        ("order_id".into(), Value::Text(format!("order-{n:09}").into())),
        ("revenue".into(), Value::Number(number)),
        ("currency".into(), Value::Text("EUR".into())),
    ];
    Event {
        name: "Order Completed".into(),
        at,
        received_at: NOW,
        message_id: Some(format!("m-{n:016}").into()),
        properties: properties.into(),
    }
}

/// Twenty conditions, of which five name a window, and what they need.
pub(crate) fn rules() -> anyhow::Result<(Vec<Predicate>, Interest)> {
    let (schema, mut interest) = (Schema::default(), Interest::default());
    let mut rules = Vec::new();
    for n in 0..20 {
        let (rule, problems) = condition::compile(&condition(n), &Scope::of(&schema));
        let rule = rule.with_context(|| format!("{problems:?}"))?;
        interest.merge(rule.interest());
        rules.push(rule);
    }
    Ok((rules, interest))
}

fn condition(n: u64) -> String {
    match n % 4 {
        0 => format!("orders.count >= 2 && since(orders.last_at) > days({})", 126 + n),
        1 => format!("orders.revenue > {} && customer.country == \"HR\"", 420 + n),
        2 => format!("days_since(orders.last_at) > {} && orders.average < 200", 124 + n),
        _ => format!("count(\"Order Completed\", days({})) >= 2", 90 + n),
    }
}
