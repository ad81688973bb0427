use super::{OPTIONS, schema, sorted};
use crate::domain::{Arrival, Event, Number, Value};
use crate::ingest::{EventsNdjson, Refused, Rejects, Row};

fn read(file: impl AsRef<[u8]>) -> (Vec<Arrival>, Vec<Refused>) {
    sorted(EventsNdjson::new(file.as_ref(), schema(), OPTIONS))
}

fn event(line: &str) -> (String, Event) {
    match read(line) {
        (mut arrivals, refused) if refused.is_empty() && arrivals.len() == 1 => match arrivals.remove(0) {
            Arrival::Event { customer, event } => (customer, event),
            other => panic!("an event, not {other:?}"),
        },
        other => panic!("one arrival, not {other:?}"),
    }
}

fn reason(line: &str) -> String {
    let (arrivals, mut refused) = read(format!("\n{line}\n"));
    assert_eq!((arrivals.len(), refused.len()), (0, 1), "{arrivals:?} {refused:?}");
    assert_eq!((refused[0].line, refused[0].raw.as_slice()), (2, line.as_bytes()));
    refused.remove(0).reason
}

fn with(members: &str) -> String {
    format!(r#"{{"type":"track","userId":"1","event":"Order Completed","timestamp":"2026-01-01T00:00:00Z",{members}}}"#)
}

#[test]
fn a_track_call_is_an_event() {
    let (customer, event) = event(
        r#"{"type":"track","userId":"7","event":"Order Completed","messageId":"m1","timestamp":"2099-01-01T12:00:00+01:00",
            "properties":{"order_id":"o1","revenue":29.33,"gone":null,"items":[{"sku":"a","n":2}]}, "anonymousId":null}"#
            .replace('\n', " ")
            .as_str(),
    );
    assert_eq!((customer.as_str(), event.name.as_str()), ("7", "Order Completed"));
    assert_eq!(event.message_id.as_deref(), Some("m1"));
    assert_eq!(event.at.to_string(), "2099-01-01T11:00:00Z");
    assert_eq!(event.received_at, OPTIONS.received_at);
    assert_eq!(event.properties["revenue"], Value::Number("29.33".parse().unwrap()));
    let item = [("n".into(), Value::Number(2.into())), ("sku".into(), Value::Text("a".into()))];
    assert_eq!(event.properties["items"], Value::List(vec![Value::Map(item.into())]));
    assert!(!event.properties.contains_key("gone"));
}

#[test]
fn amounts_are_exact_to_the_cent_up_to_the_hundreds_of_millions() {
    for cents in (0..100_000_000_000_i128).step_by(98_765_432) {
        let text = format!("{}.{:02}", cents / 100, cents % 100);
        let (_, event) = event(&with(&format!(r#""properties":{{"revenue":{text},"text":"{text}"}}"#)));
        assert_eq!(event.properties["revenue"], Value::Number(Number::from_micro(cents * 10_000)), "{text}");
    }
}

#[test]
fn a_declared_property_is_stored_as_its_type() {
    let (_, event) = event(&with(r#""properties":{"revenue":"29.33","order_id":17,"other":"29.33"}"#));
    assert_eq!(event.properties["revenue"], Value::Number("29.33".parse().unwrap()));
    assert_eq!(event.properties["order_id"], Value::Text("17".into()));
    assert_eq!(event.properties["other"], Value::Text("29.33".into()));
}

#[test]
fn an_identify_call_is_a_profile() {
    let line = r#"{"type":"identify","userId":7,"timestamp":"2026-01-02T03:04:05",
        "traits":{"firstName":"Ana","email":"a@b.test","plan":null,"shoe":43}}"#;
    let (mut arrivals, refused) = read(line.replace('\n', " "));
    assert_eq!(refused, []);
    let Arrival::Profile { customer, row, dated, .. } = arrivals.remove(0) else { panic!("a profile") };
    assert_eq!((customer.as_str(), dated), ("7", true));
    assert_eq!(row.effective_at.to_string(), "2026-01-02T03:04:05Z");
    let expected = [
        ("first_name", Some(Value::Text("Ana".into()))),
        ("email", Some(Value::Text("a@b.test".into()))),
        ("plan", None),
        ("shoe", Some(Value::Number(43.into()))),
    ];
    assert_eq!(row.attributes, expected.map(|(name, value)| (name.into(), value)).into());
}

#[test]
fn what_cannot_be_stored_is_refused_with_its_reason() {
    let deep = format!(r#""properties":{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let abyss = format!(r#""properties":{{"a":{}{}}}"#, "[".repeat(400), "]".repeat(400));
    for (line, expected) in [
        (r#"{"userId":"1"}"#.to_owned(), "there is no `type`"),
        (r#"{"type":"page","userId":"1"}"#.to_owned(), "there is no `timestamp`"),
        (r#"{"type":"order","userId":"1"}"#.to_owned(), "`type` is `order`, expected track, identify, page"),
        (r#"{"type":"track","anonymousId":{}}"#.to_owned(), "there is no `event`"),
        (r#"{"type":"alias","userId":"1"}"#.to_owned(), "there is no `previousId`"),
        (r#"{"type":"alias","previousId":"1"}"#.to_owned(), "there is no `userId`"),
        (r#"{"type":"group","userId":"1"}"#.to_owned(), "there is no `groupId`"),
        (with(r#""anonymousId":[]"#), "`anonymousId` is no text"),
        (r#"{"type":"identify","userId":"anonymous:1"}"#.to_owned(), "`userId` is `anonymous:1`, which is how"),
        (r#"{"type":"identify","userId":1.5}"#.to_owned(), "`userId` is `1.5`, expected a text, or a whole number"),
        (
            r#"{"type":"identify","userId":"1","traits":{"consent":{"ofers":true}}}"#.to_owned(),
            "`consent.ofers` is no class and no topic, did you mean `consent.offers`?",
        ),
        (
            r#"{"type":"identify","userId":"1","traits":{"consent":{"offers":"maybe"}}}"#.to_owned(),
            "`consent.offers` is `\\\"maybe\\\"`, expected true or false",
        ),
        (r#"{"type":"identify","userId":"1","traits":{"consent":true}}"#.to_owned(), "`consent` is no object"),
        (r#"{"type":"track","event":"e"}"#.to_owned(), "there is neither a `userId` nor an `anonymousId`"),
        (r#"{"type":"track","userId":"1"}"#.to_owned(), "there is no `event`"),
        (r#"{"type":"track","userId":"1","event":"e"}"#.to_owned(), "there is no `timestamp`"),
        (r#"{"type":"track","userId":"1","event":"e","timestamp":5}"#.to_owned(), "`timestamp` is `5`"),
        (with(r#""properties":{"revenue":"abc"}"#), "`revenue` is `abc`, expected a number"),
        (with(r#""properties":[1]"#), "`properties` are no object"),
        (with(r#""properties":{"a":"\u0000"}"#), "`a` holds a NUL"),
        (with(r#""properties":{"a\u0000":1}"#), "`properties` holds a NUL"),
        (with(r#""messageId":{}"#), "`messageId` is no text"),
        (with(&format!(r#""messageId":"{}""#, "m".repeat(300))), "`messageId` is longer than 256 characters"),
        (
            with(&format!(r#""properties":{{"a":["{}","{0}"]}}"#, "x".repeat(20_000))),
            "`properties` are longer than 32 KiB",
        ),
        (with(&deep), "nested deeper than 32 levels"),
        (with(&abyss), "not a JSON object: recursion limit exceeded at column "),
        (r#"{"type":"track",}"#.to_owned(), "not a JSON object: trailing comma at column 17"),
        (r#"{"type":"track""#.to_owned(), "not a JSON object: the line ends too early at column 15"),
        (r#"{"type":"track"} {}"#.to_owned(), "not a JSON object: trailing characters at column 18"),
        (" [1]".to_owned(), "not a JSON object: it begins with `[` at column 2"),
        ("hello".to_owned(), "not a JSON object: it begins with `h` at column 1"),
        (with(r#""userId":"2""#), "`userId` is there twice"),
        (
            r#"{"type":"identify","userId":"1","timestamp":"2026-03-01T01:00:01Z","traits":{}}"#.to_owned(),
            "`timestamp` is 2026-03-01T01:00:01Z, which lies in the future",
        ),
    ] {
        let got = reason(&line);
        assert!(got.starts_with(expected), "{got}");
    }
    let (_, refused) = read(b"{\"a\":\"\xff\"}\n");
    assert_eq!(refused[0].reason, "not UTF-8, from byte 7 of the line");
}

#[test]
fn mended_rejects_are_imported_again() {
    let bad = with(r#""properties":{"revenue":"abc"}"#);
    let file = format!("{bad}\n{{\"type\":\"track\",\n");
    let (_, refused) = read(&file);
    let mut rejects = Rejects::events(Vec::new());
    refused.iter().try_for_each(|row| rejects.write(row)).unwrap();
    assert_eq!(rejects.written(), 2);
    let written = String::from_utf8(rejects.finish().unwrap()).unwrap();
    assert!(written.starts_with("{\"_line\":1,\"_reason\":\"`revenue` is `abc`"), "{written}");
    let good = with(r#""properties":{}"#).replace('"', "\\\"");
    let mended = written.replace("abc\"}", "5\"}").replace("{\\\"type\\\":\\\"track\\\",", &good);
    let (arrivals, refused) = read(&mended);
    assert_eq!((arrivals.len(), refused), (2, vec![]), "{mended}");
}

#[test]
fn a_line_with_a_member_twice_is_kept_as_it_is_to_be_mended() {
    let bad = with(r#""userId":"2""#);
    let (_, refused) = read(&bad);
    let mut rejects = Rejects::events(Vec::new());
    refused.iter().try_for_each(|row| rejects.write(row)).unwrap();
    let written = String::from_utf8(rejects.finish().unwrap()).unwrap();
    let (_, refused) = read(&written);
    assert!(refused[0].reason.starts_with("`userId` is there twice"), "{written}");
    let (arrivals, refused) = read(written.replace(r#",\"userId\":\"2\""#, ""));
    assert_eq!((arrivals.len(), refused), (1, vec![]), "{written}");
}

#[test]
fn pages_screens_and_groups_are_events() {
    for (members, name, property) in [
        (r#""type":"page","name":"Home","category":"Shop""#, "Viewed Home Page", ("category", "Shop")),
        (r#""type":"page","name":"Home","properties":{"name":"Start"}"#, "Viewed Home Page", ("name", "Start")),
        (r#""type":"page","properties":{"url":"/"}"#, "Loaded a Page", ("url", "/")),
        (r#""type":"screen","name":"Home""#, "Viewed Home Screen", ("name", "Home")),
        (r#""type":"screen","name":"""#, "Loaded a Screen", ("x", "")),
        (r#""type":"group","groupId":7,"traits":{"name":"G"}"#, "Joined a Group", ("group_id", "7")),
    ] {
        let (customer, event) =
            event(&format!(r#"{{{members},"anonymousId":"a","timestamp":"2026-01-01T00:00:00Z"}}"#));
        assert_eq!((customer.as_str(), event.name.as_str()), ("anonymous:a", name));
        let found = event.properties.get(property.0).and_then(Value::as_text).unwrap_or_default();
        assert_eq!(found, property.1, "{members}");
    }
}

#[test]
fn an_identify_with_both_ids_and_an_alias_say_that_two_ids_are_one_customers() {
    let merge = |from: &str| Arrival::Merge { from: from.into(), into: "1".into(), received_at: OPTIONS.received_at };
    let rows = |line: &str| -> Vec<Row> {
        EventsNdjson::new(line.as_bytes(), schema(), OPTIONS).map(Result::unwrap).collect()
    };
    let both = rows(r#"{"type":"identify","userId":"1","anonymousId":"a","traits":{}}"#);
    assert_eq!((both.len(), &both[0]), (2, &Row::Part(merge("anonymous:a"))));
    assert!(matches!(&both[1], Row::Arrival(Arrival::Profile { customer, .. }) if customer == "1"));
    let alias = rows(r#"{"type":"alias","userId":"1","previousId":"0","anonymousId":null}"#);
    assert_eq!(alias, [Row::Part(merge("anonymous:0")), Row::Arrival(merge("0"))]);
}

#[test]
fn consent_among_traits_means_what_it_means_in_a_column() {
    let line = r#"{"type":"identify","userId":"1","traits":{"consent":{"marketing":true,"offers":null},"consent.service":"0"}}"#;
    let (mut arrivals, refused) = read(line);
    assert_eq!(refused, []);
    let Arrival::Profile { row, .. } = arrivals.remove(0) else { panic!("a profile") };
    let expected = [("marketing", true), ("offers", false), ("service", false)];
    assert_eq!(row.consent, expected.map(|(name, granted)| (name.into(), granted)).into());
    assert!(row.attributes.is_empty(), "{row:?}");
}
