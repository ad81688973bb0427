use super::Found;
use crate::config::{Settings, read_schema, read_settings};
use crate::domain::{Customer, Event, Schema, Time, Value};
use std::path::Path;

fn customer(attributes: &serde_json::Value) -> Customer {
    let Some(Value::Map(attributes)) = Value::from_json(attributes) else { panic!("attributes are a map") };
    Customer { attributes, ..Customer::new("c1", Time(0)) }
}

fn event(name: &str, properties: &serde_json::Value) -> Event {
    let Some(Value::Map(properties)) = Value::from_json(properties) else { panic!("properties are a map") };
    Event { name: name.into(), at: Time(0), received_at: Time(0), message_id: None, properties }
}

fn settings() -> Settings {
    read_settings(Path::new("retaind.yaml"), b"business: {name: Shop}\n", Path::new(".")).0.unwrap()
}

/// The file, and what `check` makes of it.
#[track_caller]
fn inferred(found: Found, declared: &Schema) -> (String, Schema) {
    let report = found.report(declared);
    let (schema, problems) = read_schema(Path::new("schema.yaml"), report.schema.as_bytes(), &settings());
    assert!(problems.is_empty(), "{problems:?} in:\n{}", report.schema);
    (report.schema, schema)
}

fn sample() -> Found {
    let mut found = Found::default();
    for number in 0..20 {
        found.customer(&customer(&serde_json::json!({
            "email": format!("zoe{number}@customers.example"),
            "second_address": format!("zoe{number}@work.example"),
            "home": "12 Main Street, Springfield",
            "where": if number % 2 == 0 { "Moi Avenue 1" } else { "Uhuru Way 2" },
            "street": "Moi",
            "account_manager": "Neema",
            "mobile": "+254 700 123 456",
            "whatsapp": 254_700_123_456_u64,
            "plan": if number % 3 == 0 { "pro" } else { "free" },
            "score": number,
            "joined": "2026-03-29",
            "seen_at": "2026-03-29T10:00:00Z",
            "wholesale": number == 3,
            "tags": ["a", "b"],
            "yes": "on",
            "last-visit": "x",
            "nested": {"a": 1},
        })));
        let order =
            serde_json::json!({"order_id": format!("o{number}"), "revenue": "12.5", "currency": "KES", "note: #": 1});
        found.event(&event("Order Completed", &order));
    }
    found.event(&event("Übersicht: \"x\"", &serde_json::json!({})));
    found
}

#[test]
fn what_is_stored_becomes_a_file_that_check_takes() {
    let (text, schema) = inferred(sample(), &Schema::default());
    insta::assert_snapshot!(text);
    assert_eq!(schema.customer["plan"].one_of, Some(vec!["free".to_owned(), "pro".to_owned()]));
    assert_eq!(schema.customer["joined"].kind.word(), "date");
    assert_eq!(schema.customer["seen_at"].kind.word(), "timestamp");
    assert_eq!(schema.customer["tags"].kind.word(), "list");
    assert_eq!(schema.events["Order Completed"]["revenue"].word(), "number");
}

#[test]
fn no_address_and_no_telephone_number_is_ever_shown() {
    let (text, _) = inferred(sample(), &Schema::default());
    for private in ["@", "zoe", "Main Street", "Moi", "Uhuru", "Neema", "700", "254"] {
        assert!(!text.contains(private), "{private} in:\n{text}");
    }
}

#[test]
fn what_is_declared_stays_as_it_is_declared() {
    let declared = b"customer:\n  plan: {type: string, one_of: [free, pro, old], default: free}\n  score: string\n  \
        vat: {type: boolean, default: false}\nevents:\n  Rated: {stars: number}\n";
    let (declared, problems) = read_schema(Path::new("schema.yaml"), declared, &settings());
    assert!(problems.is_empty(), "{problems:?}");
    let (_, schema) = inferred(sample(), &declared);
    for name in ["plan", "score", "vat"] {
        assert_eq!(schema.customer[name], declared.customer[name]);
    }
    assert_eq!(schema.events["Rated"], declared.events["Rated"]);
}

#[test]
fn an_empty_store_gives_a_file_that_declares_no_attribute() {
    let (text, schema) = inferred(Found::default(), &Schema::default());
    assert_eq!(schema, Schema::default(), "{text}");
}

#[test]
fn names_that_no_person_would_choose_do_not_spoil_the_file() {
    let names = [
        "",
        " ",
        "a: b",
        "- a",
        "#",
        "?",
        "*x",
        "&x",
        "!x",
        "[",
        "{",
        "'",
        "\"",
        "\\",
        "null",
        "~",
        "1",
        "1.5",
        "a\nb",
        "a\u{1b}",
        "\u{feff}",
        "zoe@customers.example",
        "true",
        "2026-01-05",
        "a #b",
        "a:",
        ":a",
        "|",
        ">",
        "%",
        "`",
        "é",
        "customer",
        "<<",
        "---",
        "...",
    ];
    let mut found = Found::default();
    let all: serde_json::Map<String, serde_json::Value> =
        names.iter().map(|name| ((*name).to_owned(), serde_json::Value::from(*name))).collect();
    let all = serde_json::Value::Object(all);
    found.customer(&customer(&all));
    for name in names {
        found.event(&event(name, &all));
    }
    let (text, schema) = inferred(found, &Schema::default());
    assert!(!text.contains("zoe"), "{text}");
    // All but those of blanks, control characters and addresses, and the purchase event.
    assert_eq!(schema.events.len(), names.len() - 6 + 1, "{text}");
}
