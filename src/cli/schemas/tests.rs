//! The schemas say the same of the files as those who read them.

use super::Kind;
use crate::cli::composition::ProjectNames;
use crate::config::{read_schema, read_settings};
use crate::domain::{Diagnostic, Schema};
use crate::rules::{self, RuleSet, SourceFile};
use crate::stories;
use crate::yaml::{Asked, recorded};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is read of a file of one kind, and what is wrong with it.
fn read(kind: Kind, text: &str) -> (Vec<Asked>, Vec<Diagnostic>) {
    let bytes = text.as_bytes();
    let settings = |file, bytes| read_settings(Path::new(file), bytes, Path::new("."));
    let of_nothing = settings("retaind.yaml", b"business: {name: A}\n").0.unwrap();
    let tested = compile("rules/a.yaml", RULES[0].as_bytes()).0;
    let mut problems = Vec::new();
    let asked = recorded(|| {
        problems = match kind {
            Kind::Settings => settings("recorded/retaind.yaml", bytes).1,
            Kind::Schema => read_schema(Path::new("recorded/schema.yaml"), bytes, &of_nothing).1,
            Kind::Rule => compile("recorded/a.yaml", bytes).1,
            Kind::Segments => compile("recorded/segments.yaml", bytes).1,
            Kind::Test => {
                let names =
                    stories::Names { rules: &tested, ids: &["a".to_owned()].into(), schema: &Schema::default() };
                stories::read(&SourceFile { path: "recorded/a.test.yaml".into(), content: Ok(bytes.to_vec()) }, &names)
                    .1
            }
        }
    });
    (asked, problems)
}

fn compile(file: &str, bytes: &[u8]) -> (RuleSet, Vec<Diagnostic>) {
    let names = rules::Names {
        schema: &Schema::default(),
        topics: &[("offers".to_owned(), "Offers".to_owned())].into(),
        endpoints: &["crm".to_owned()].into(),
        templates: &["a".to_owned()].into(),
        business_zone: &TimeZone::UTC,
        can_mail: true,
    };
    rules::compile(&[SourceFile { path: file.into(), content: Ok(bytes.to_vec()) }], &names)
}

const RULES: [&str; 4] = [
    r#"
rule: a
description: x
class: marketing
topic: offers
trigger: {schedule: "0 10 * * *", timezone: customer}
when: {all: [everyone], any: [everyone, {none: orders.count > 1}], none: [orders.count > 1]}
again_after: 1d
while: [everyone, {all: everyone}]
goal: {event: Order Completed, within: 1d, value: revenue}
priority: 1
holdout: 1%
pause_if: {more_than: 1, per: 1d}
steps:
  - {id: b, day: 1, email: a, expires: 1d, when: {any: [everyone]}}
  - {hour: 48, webhook: {to: crm, type: x, data: {a: {b: 1}}}}
"#,
    "rule: a\nclass: service\ntrigger: {event: Order Completed, delay: 1h, once_per: order_id}\nwhen: everyone\nsteps: [{email: a}]\n",
    "rule: a\nclass: service\ntrigger: {date: created_at, at: \"09:00\", repeat: yearly}\nwhen: everyone\nsteps: [{email: a}]\n",
    "rule: a\nclass: service\ntrigger: {enters: x, leaves: x}\nwhen: everyone\nagain_after: 1d\nsteps: [{email: a}]\n",
];

const SEGMENTS: [&str; 1] = ["a: {when: {all: [everyone], any: everyone, none: everyone}, description: x}\n"];

const SETTINGS: [&str; 1] = [r#"
business: {name: A, address: B, timezone: UTC, locale: en, currency: EUR, words: {a: b}, people: {a: a@b.example}}
purchase: {event: A, value: b, id: c}
store: {path: data, cache: 16}
topics: {offers: Offers}
email: {from: a@b.example, reply_to: a@b.example, transport: "file:a", tls: none, username: a, password: {env: A}, connections: 1, rate: 1/s, only_to: []}
endpoints: {crm: {url: "https://a.example/", secret: [{file: a}, {credential: b}], allow_http: true, allow_addresses: []}}
http: {public: "127.0.0.1:1", public_url: "https://a.example", admin: "127.0.0.1:2", admin_token: {env: A}, write_keys: [{env: A}], rate: 1/s, trusted_proxies: [10.0.0.0/8]}
frequency_caps: {marketing: [{max: 1, per: day}]}
quiet_hours: {from: "20:00", to: "08:00"}
misfire: {policy: all, within: 1h}
uncertain: hold
reload: {watch: false}
backup: {folder: backups, at: "03:30", keep: 7}
"#];

const TESTS: [&str; 1] = [r#"
rule: a
with: [a]
customer: {id: x, consent: {marketing: true}, holdout: true, country: KE}
tests:
  - name: a story
    starts: 2026-01-05
    customer: {consent: {marketing: true}, holdout: false}
    story:
      - {day: 0, at: "10:00", does: Order Completed, revenue: 5, properties: {order_id: x}}
      - {day: 1, sets: {country: KE}}
      - {day: 1, consent: {marketing: false}}
      - {day: 1, sent: a}
      - {day: 1, gets: b, rule: a, subject: x}
      - {day: 1, gets: nothing, because: everyone}
      - {day: 1, held: no_consent}
      - {day: 1, ends: goal_reached}
  - name: rows
    day: 3
    each:
      - {orders: [0], consent: {marketing: true}, holdout: false, day: 3, enters: false, because: everyone}
      - {orders: [0], held: no_consent}
"#];

const SCHEMA: [&str; 1] =
    ["customer: {a: {type: string, one_of: [a], default: a}, b: date}\nevents: {A: {b: string}, C:}\n"];

/// Where a map of a schema stands, without which of several alternatives it is.
fn canonical(pointer: &str) -> String {
    let parts: Vec<&str> = pointer.split('/').collect();
    let mut kept = Vec::new();
    let mut parts = parts.into_iter();
    while let Some(part) = parts.next() {
        if matches!(part, "anyOf" | "oneOf") {
            parts.next();
        } else {
            kept.push(part);
        }
    }
    kept.join("/")
}

/// A schema and its place, with what it refers to and its alternatives.
fn alternatives<'s>(root: &'s Value, pointer: &str, schema: &'s Value, found: &mut Vec<(String, &'s Value)>) {
    found.push((pointer.to_owned(), schema));
    if let Some(to) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        alternatives(root, to, root.pointer(to).expect("it refers to something"), found);
    }
    for word in ["anyOf", "oneOf"] {
        for (index, one) in schema[word].as_array().into_iter().flatten().enumerate() {
            alternatives(root, &format!("{pointer}/{word}/{index}"), one, found);
        }
    }
}

/// The canonical places of what stands there in a file.
fn places(root: &Value, path: &[Option<String>]) -> BTreeSet<String> {
    let mut here = vec![(String::new(), root)];
    for step in path {
        let mut below = Vec::new();
        for (pointer, schema) in here {
            let mut all = Vec::new();
            alternatives(root, &pointer, schema, &mut all);
            for (pointer, schema) in all {
                let inner = match step {
                    None => Some(("items".to_owned(), &schema["items"])),
                    Some(key) => match schema["properties"].get(key) {
                        Some(known) => Some((format!("properties/{key}"), known)),
                        None => Some(("additionalProperties".to_owned(), &schema["additionalProperties"])),
                    },
                };
                below.extend(
                    inner.filter(|(_, inner)| inner.is_object()).map(|(to, inner)| (format!("{pointer}/{to}"), inner)),
                );
            }
        }
        here = below;
    }
    let mut all = Vec::new();
    for (pointer, schema) in here {
        alternatives(root, &pointer, schema, &mut all);
    }
    let with_keys = all.into_iter().filter(|(_, schema)| schema["properties"].is_object());
    with_keys.map(|(pointer, _)| canonical(&pointer)).collect()
}

/// Every map of a schema with the keys that it knows.
fn described(pointer: &str, schema: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    // What a condition of the schema itself looks at is described elsewhere.
    let is_about_others = |key: &str| matches!(key, "if" | "then" | "allOf" | "not" | "dependencies" | "examples");
    let Value::Object(object) = schema else {
        let items = schema.as_array().into_iter().flatten().enumerate();
        items.for_each(|(index, item)| described(&format!("{pointer}/{index}"), item, found));
        return;
    };
    for (key, value) in object {
        if key == "properties" {
            let keys = value.as_object().into_iter().flatten();
            for (name, inner) in keys {
                found.entry(canonical(pointer)).or_default().insert(name.clone());
                described(&format!("{pointer}/properties/{name}"), inner, found);
            }
        } else if key == "definitions" {
            let inner = value.as_object().into_iter().flatten();
            inner.for_each(|(name, inner)| described(&format!("{pointer}/definitions/{name}"), inner, found));
        } else if !is_about_others(key) {
            described(&format!("{pointer}/{key}"), value, found);
        }
    }
}

/// The keys that are asked for, by the place in the schema.
fn asked_for(kind: Kind, schema: &Value, documents: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for document in documents {
        let (maps, problems) = read(kind, document);
        let unknown = problems.iter().find(|problem| problem.code == "unknown-key");
        assert!(unknown.is_none(), "{unknown:?} in {document}");
        assert!(!maps.is_empty(), "{document}");
        for map in maps {
            let places = places(schema, &map.path);
            assert_eq!(places.len(), 1, "{kind:?}: {:?} is read, and the schema has {places:?} for it", map.path);
            let place = places.into_iter().next().expect("there is one");
            asked.entry(place).or_default().extend(map.keys.iter().map(|key| (*key).to_owned()));
        }
    }
    asked
}

#[test]
fn the_schemas_know_the_very_keys_that_are_read() {
    for (kind, documents) in [
        (Kind::Rule, &RULES[..]),
        (Kind::Segments, &SEGMENTS),
        (Kind::Settings, &SETTINGS),
        (Kind::Schema, &SCHEMA),
        (Kind::Test, &TESTS),
    ] {
        let schema = kind.schema(None).unwrap();
        let mut known = BTreeMap::new();
        described("", &schema, &mut known);
        let mut asked = asked_for(kind, &schema, documents);
        if kind == Kind::Settings {
            // A secret is read as one pair, whatever its key.
            let (_, problems) = read(kind, "endpoints: {a: {url: \"https://a.example\", secret: {zzzzzz: a}}}\n");
            let help = problems.iter().find(|problem| problem.code == "unknown-key").and_then(|one| one.help.clone());
            let keys = help.as_deref().and_then(|help| help.strip_prefix("known here: ")).expect("it says which");
            asked.insert("/definitions/secret".into(), keys.split(", ").map(str::to_owned).collect());
            // Known only to be refused.
            asked.get_mut("/properties/frequency_caps").expect("caps are read").remove("service");
        }
        if kind == Kind::Test {
            // A customer, a row and an event are read as pairs, for most of their keys are the project's. That theirs
            // are taken is seen by what the sample says of itself: nothing unknown.
            let (_, problems) = read(kind, TESTS[0]);
            let unknown = problems.iter().find(|problem| problem.code.starts_with("unknown"));
            assert!(unknown.is_none(), "{unknown:?}");
            for place in ["/definitions/customer", "/definitions/row"] {
                known.remove(place).expect("it is described");
            }
            let line = asked.get_mut("/definitions/line").expect("lines are read");
            line.extend(["does", "properties"].map(str::to_owned));
        }
        assert_eq!(known, asked, "{kind:?}: on the left what the schema knows, on the right what is read");
    }
}

#[test]
fn every_key_says_what_it_does() {
    fn look(pointer: &str, schema: &Value) {
        let Value::Object(object) = schema else {
            let items = schema.as_array().into_iter().flatten().enumerate();
            return items.for_each(|(index, item)| look(&format!("{pointer}/{index}"), item));
        };
        for (key, value) in object {
            if matches!(key.as_str(), "if" | "then" | "allOf" | "examples") {
                continue;
            }
            let Some(keys) = value.as_object().filter(|_| key == "properties") else {
                look(&format!("{pointer}/{key}"), value);
                continue;
            };
            for (name, inner) in keys {
                let text = inner["description"].as_str().unwrap_or_default();
                assert!(text.len() > 8, "{pointer}/{name} has no description");
                let shown = ["examples", "$ref", "properties", "additionalProperties", "items"];
                assert!(shown.iter().any(|key| inner.get(key).is_some()), "{pointer}/{name} has no example");
                look(&format!("{pointer}/{name}"), inner);
            }
        }
    }
    for kind in Kind::ALL {
        look(kind.file(), &kind.schema(None).unwrap());
    }
}

#[test]
fn no_map_with_known_keys_takes_others() {
    fn look(pointer: &str, schema: &Value) {
        match schema {
            Value::Object(object) => {
                let closed = object.get("additionalProperties") == Some(&Value::Bool(false));
                let is_map = object.contains_key("properties") && object.contains_key("type");
                // Of a customer and of what happens to one, the project says which keys there are.
                let is_open = ["/definitions/customer", "/definitions/line", "/definitions/row"].contains(&pointer);
                assert!(!is_map || closed || is_open, "{pointer} takes any key");
                object.iter().for_each(|(key, value)| look(&format!("{pointer}/{key}"), value));
            }
            Value::Array(items) => items.iter().for_each(|item| look(pointer, item)),
            _ => {}
        }
    }
    for kind in Kind::ALL {
        look("", &kind.schema(None).unwrap());
    }
}

#[test]
fn names_of_the_project_are_offered_where_they_belong() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let names = ProjectNames { topics: texts(&["offers"]), segments: texts(&["vip"]), ..ProjectNames::default() };
    let filled = Kind::Rule.schema(Some(&names)).unwrap();
    assert_eq!(filled["properties"]["topic"]["anyOf"][0]["enum"], serde_json::json!(["offers"]));
    let trigger = &filled["properties"]["trigger"]["properties"];
    assert_eq!(trigger["enters"]["anyOf"][0]["enum"], serde_json::json!(["vip"]));
    assert_eq!(trigger["event"]["anyOf"][0]["enum"], serde_json::json!(["Order Completed"]));
    assert_eq!(trigger["date"]["anyOf"][0]["enum"], serde_json::json!(["created_at"]));
    let conditions = filled["definitions"]["condition"]["anyOf"][0]["examples"].to_string();
    assert!(conditions.contains(r#"in_segment(\"vip\")"#) && conditions.contains("customer.country"), "{conditions}");
    // Of endpoints there are none, so the schema stays as it is.
    let to = &filled["definitions"]["step"]["properties"]["webhook"]["properties"]["to"];
    assert_eq!((&to["type"], to.get("anyOf")), (&Value::from("string"), None));
    for kind in Kind::ALL {
        for names in [None, Some(&names)] {
            assert!(!kind.schema(names).unwrap().to_string().contains("x-names"), "{kind:?}");
        }
    }
}

/// The samples that the schemas are tried on by a validator (`tests/schemas/run.sh`): a title and a text each.
fn samples(folder: &str, kind: Kind) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(folder);
    let file = root.join(kind.file()).with_extension("yaml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let all = text.split("\n---\n").map(|part| (part.lines().next().unwrap_or_default().to_owned(), part.to_owned()));
    all.collect()
}

#[test]
fn what_the_schemas_are_to_refuse_is_refused_by_those_who_read_it_too() {
    // That a name is not known here is no fault of the sample.
    let is_name =
        |code: &str| code.starts_with("unknown-") && !matches!(code, "unknown-key" | "unknown-word" | "unknown-type");
    let errors = |kind, text: &str| -> Vec<Diagnostic> {
        let (_, problems) = read(kind, text);
        problems.into_iter().filter(|problem| problem.is_error() && !is_name(problem.code)).collect()
    };
    for kind in Kind::ALL {
        for (title, text) in samples("broken", kind) {
            assert!(!errors(kind, &text).is_empty(), "{kind:?}: {title} is taken");
        }
        for (title, text) in samples("sound", kind) {
            let found = errors(kind, &text);
            assert!(found.is_empty(), "{kind:?}: {title}: {found:?}");
        }
    }
}
