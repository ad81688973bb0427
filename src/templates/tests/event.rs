//! `event.PROPERTY`, by the rules that send a template.

use super::{SentBy, World, file};
use crate::domain::{Diagnostic, Event, Time, Value, ValueType};
use crate::templates::Payload;
use crate::yaml::parse;
use serde_json::json;

const CART: &str = "Cart Updated";

/// A world with two events, of which the template is sent by rules with the given triggers.
fn world(triggers: &[(&str, Option<&str>)]) -> World {
    let mut world = World::new();
    let cart = [("product", ValueType::Text), ("total", ValueType::Number), ("items", ValueType::List)];
    for (event, properties) in [(CART, &cart[..]), ("Seen", &[("product", ValueType::Text)])] {
        let properties = properties.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        world.schema.events.insert(event.into(), properties);
    }
    let by = |(rule, event): &(&str, Option<&str>)| SentBy { rule: (*rule).into(), event: event.map(Into::into) };
    if !triggers.is_empty() {
        world.sent_by.insert("hello".into(), triggers.iter().map(by).collect());
    }
    world
}

fn event(properties: &[(&str, Value)]) -> Event {
    Event {
        name: CART.into(),
        at: Time(1),
        received_at: Time(1),
        message_id: None,
        properties: properties.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
    }
}

/// The problems of a body whose template is sent by rules with these triggers.
fn body(triggers: &[(&str, Option<&str>)], text: &str) -> Vec<String> {
    world(triggers).problems(&format!("---\nsubject: Hi\n---\n{text}\n"))
}

const LEFT: &str = "{{ event.product or 'It' }} waits: {{ event.total or '?' }} for {{ event.items | length if event.items else 'some' }}";

#[test]
fn a_property_of_the_event_stands_in_the_message_and_one_that_is_missing_is_none() {
    let mut world = world(&[("cart", Some(CART))]);
    let items = Value::List(vec![Value::Text("a".into()), Value::Text("b".into())]);
    world.event = Some(event(&[
        ("product", Value::Text("Beans <b>".into())),
        ("total", Value::Number("12.5".parse().unwrap())),
        ("items", items),
    ]));
    let (text, html) = world.body(LEFT);
    assert_eq!(text, "Beans <b> waits: 12.5 for 2");
    assert!(html.contains("Beans &lt;b&gt; waits"), "{html}");
    // Not there, empty, or nothing that could be read as its type.
    let unfit =
        [("product", Value::Text("".into())), ("total", Value::Text("much".into())), ("items", Value::Bool(true))];
    for event in [None, Some(event(&[])), Some(event(&unfit))] {
        world.event = event;
        assert_eq!(world.body(LEFT).0, "It waits: ? for some");
    }
    world.event = Some(event(&[("total", Value::Text("7".into()))]));
    assert_eq!(world.body("{{ (event.total or 0) + 1 }}").0, "8", "as conditions read it");
}

#[test]
fn a_template_that_another_rule_sends_too_may_not_name_the_event() {
    let found =
        body(&[("cart", Some(CART)), ("weekly", None)], "Hi\n\nč {{ event.total or 1 }}{{ event.product or '' }}");
    let message = "means nothing here: no event starts the rule `weekly`, which sends this; \
                   help: give that rule a message of its own, or ask for an attribute or for `orders.`";
    assert_eq!(
        found,
        [
            format!("templates/hello/en.md:6:6: error[out-of-place]: `event.total` {message}"),
            format!("templates/hello/en.md:6:28: error[out-of-place]: `event.product` {message}"),
        ]
    );
}

#[test]
fn a_property_is_one_of_each_event_that_may_have_started_it() {
    let cart = &[("cart", Some(CART))][..];
    let both = &[("cart", Some(CART)), ("seen", Some("Seen"))][..];
    for (triggers, name, expected) in [
        (cart, "totl", "schema.yaml declares no property `totl` of `Cart Updated`; help: did you mean `event.total`?"),
        (cart, "colour", "no property `colour` of `Cart Updated`; help: there are: items, product, total"),
        (both, "total", "schema.yaml declares no property `total` of `Seen`; help: there are: product"),
        (&[], "totl", "schema.yaml declares no event with a property `totl`; help: did you mean `event.total`?"),
        (cart, "total.net", "`event.total` has no members"),
    ] {
        let found = body(triggers, &format!("{{{{ event.{name} or 1 }}}}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
    }
    assert!(body(cart, "{{ event }}")[0].contains("`event` is a group of names and cannot be used by itself"));
    for (triggers, name) in [(cart, "total"), (both, "product"), (&[], "total"), (&[], "product")] {
        assert_eq!(body(triggers, &format!("{{{{ event.{name} or 1 }}}}")), [""; 0]);
    }
}

#[test]
fn a_template_is_tried_with_an_event_and_without_what_it_tells() {
    let cart = &[("cart", Some(CART))][..];
    let found = body(cart, "{{ event.product + 1 }}");
    assert!(found[0].contains("error[template-fails]: this fails for every customer"), "{found:?}");
    let found = body(cart, "{{ event.total + 1 }}");
    assert!(found[0].contains("fails for a customer and an event of which nothing is known"), "{found:?}");
    assert!(body(cart, "{{ event.total }}")[0].contains("warning[prints-nothing]"));
    let found = body(cart, "[Back]({{ event.product }})");
    assert!(found.iter().any(|line| line.contains("error[bad-link]")), "{found:?}");
}

#[test]
fn who_names_the_event_is_known_in_any_language() {
    let world = world(&[]);
    let with = |text: &str| world.compile(&[file("en", "---\nsubject: a\n---\nb\n"), file("hr", text)]).0;
    assert!(with("---\nsubject: \"{{ event.product or 'x' }}\"\n---\nb\n").names_event("hello"));
    let without = with("---\nsubject: a\n---\nevent.product\n");
    assert!(!without.names_event("hello") && !without.names_event("nobody"));
}

#[test]
fn data_of_a_webhook_keeps_the_types_of_the_event() {
    let mut world = world(&[]);
    let text = "total: '{{ event.total }}'\nproduct: '{{ event.product }}'\nitems: '{{ event.items }}'\n";
    let document = parse("rules/a.yaml".as_ref(), text.as_bytes()).unwrap();
    let compile = |event: Option<&str>| {
        let by = SentBy { rule: "a".into(), event: event.map(Into::into) };
        Payload::compile(&document, &document.root, &world.names(), &by)
    };
    let (payload, found) = compile(Some(CART));
    assert_eq!(found, []);
    let payload = payload.unwrap();
    let (none, found) = compile(None);
    let found: Vec<_> = found.iter().map(Diagnostic::to_string).collect();
    assert!(
        none.is_none() && found.len() == 3 && found[0].starts_with("rules/a.yaml:1:12: error[out-of-place]"),
        "{found:?}"
    );
    assert!(compile(Some("Seen")).1[0].to_string().contains("no property `total` of `Seen`"));
    assert!(payload.names_event());
    world.event = Some(event(&[("total", Value::Number("2.5".parse().unwrap())), ("items", Value::List(Vec::new()))]));
    assert_eq!(payload.render(&world.message()).unwrap(), json!({"total": 2.5, "product": null, "items": []}));
}
