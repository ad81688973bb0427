use super::World;
use crate::domain::{Diagnostic, Value};
use crate::templates::{Payload, SentBy};
use crate::yaml::{Document, parse};
use serde_json::json;

fn document(text: &str) -> Document {
    parse("rules/a.yaml".as_ref(), text.as_bytes()).unwrap()
}

/// A rule that no event starts.
fn tick() -> SentBy {
    SentBy { rule: "a".into(), event: None }
}

fn render(world: &World, text: &str) -> serde_json::Value {
    let document = document(text);
    let (payload, found) = Payload::compile(&document, &document.root, &world.names(), &tick());
    assert_eq!(found, []);
    payload.unwrap().render(&world.message()).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let document = document(text);
    let (payload, found) = Payload::compile(&document, &document.root, &World::new().names(), &tick());
    assert_eq!(payload.is_none(), found.iter().any(Diagnostic::is_error));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_value_that_is_one_tag_keeps_its_type() {
    let mut world = World::new();
    let tags = [Value::Text("a".into()), Value::Number("2.5".parse().unwrap())];
    world.set("tags", Value::List(tags.into()));
    world.set("wholesale", Value::Bool(true));
    world.set("score", Value::Number("29.33".parse().unwrap()));
    let data = render(
        &world,
        "id: '{{ customer.id }}'\norders: '{{ orders.count }}'\nscore: '{{ customer.score }}'\ntags: '{{ customer.tags }}'\n\
         wholesale: '{{ customer.wholesale }}'\nnone: '{{ customer.birthday }}'\nlast: '{{ orders.last_at }}'\n\
         count: '{{ orders.count * 2 }}'\nmean: '{{ orders.revenue / 4 }}'\nsum: '{{ 0.1 + 0.2 }}'\n\
         first: \"{{ customer.first_name if orders.count > 3 else none }}\"\n",
    );
    assert_eq!(
        data.to_string(),
        r#"{"id":"c-17","orders":4,"score":29.33,"tags":["a",2.5],"wholesale":true,"none":null,"last":"2026-03-01T22:30:00Z","count":8,"mean":29.33,"sum":0.3,"first":"Ana"}"#
    );
}

#[test]
fn a_number_of_many_digits_stays_a_number_for_the_receiver() {
    let mut world = World::new();
    world.set("score", Value::Number("123456789012345.678901".parse().unwrap()));
    let data = render(&world, "a: 123456789012345.678901\nb: '{{ customer.score }}'\n");
    assert!(data["a"].is_f64() && data["b"].is_f64(), "{data}");
}

#[test]
fn mixed_text_is_text_and_what_has_no_tags_stands_as_it_is() {
    let data = render(
        &World::named("\"<b>\\"),
        "a: 'n: {{ orders.count }}'\nb: ' {{ orders.count }}'\nc: 1.50\nd: true\ne: null\nf: [x, {'{{ g }}': '{x}'}]\n\
         h: '{{ orders.count }}{{ orders.count }}'\ni: 'Hi {{ customer.first_name }}{{ customer.birthday }}'\n",
    );
    let expected = json!({"a": "n: 4", "b": " 4", "c": 1.5, "d": true, "e": null, "f": ["x", {"{{ g }}": "{x}"}],
        "h": "44", "i": "Hi \"<b>\\"});
    assert_eq!(data, expected);
}

#[test]
fn every_problem_of_the_data_has_its_place() {
    let found = problems(
        "a: '{{ customer.idd }}'\nb:\n  - \"x {{ words.shpo }}\"\nc: '{{ 1 + }}'\nd: '{{ customer.score + 1 }}'\n",
    );
    assert!(
        found[0].starts_with("rules/a.yaml:1:8: error[unknown-name]: schema.yaml declares no attribute `idd`"),
        "{found:?}"
    );
    assert!(found[1].starts_with("rules/a.yaml:3:11: error[unknown-name]: there is no word `shpo`"), "{found:?}");
    assert!(found[2].starts_with("rules/a.yaml:4:") && found[2].contains("template-syntax"), "{found:?}");
    assert!(found[3].starts_with("rules/a.yaml:5:8: error[template-fails]"), "{found:?}");
    assert_eq!(found.len(), 4);
}
