use super::{NOW, schema};
use crate::domain::{Arrival, Event, Span, Time};
use crate::ingest::{BadBody, CallForm, CallMessage, MOST_MESSAGES, MessageKind, read_call};

fn many(body: &str) -> Result<Vec<CallMessage>, BadBody> {
    read_call(CallForm::Many, body.as_bytes(), &schema(), NOW)
}

fn one(kind: MessageKind, body: &str) -> Result<Vec<Arrival>, String> {
    read_call(CallForm::One(kind), body.as_bytes(), &schema(), NOW).unwrap().remove(0).read
}

fn event(read: &Result<Vec<Arrival>, String>) -> &Event {
    match read.as_deref() {
        Ok([Arrival::Event { event, .. }]) => event,
        other => panic!("an event, not {other:?}"),
    }
}

#[test]
fn one_bad_message_never_keeps_the_others_from_being_read() {
    let good = r#"{"type":"track","userId":"1","event":"e","messageId":"m"}"#;
    for bad in [
        "7".to_owned(),
        "null".to_owned(),
        "[[]]".to_owned(),
        "{}".to_owned(),
        r#"{"type":"track","userId":"1","event":"half of one: \ud83d"}"#.to_owned(),
        r#"{"type":"track","userId":"1","event":"e","properties":{"n":1e999}}"#.to_owned(),
        r#"{"type":"track","userId":"1","userId":"2","event":"e"}"#.to_owned(),
        format!(
            r#"{{"type":"track","userId":"1","event":"e","properties":{{"a":{}{}}}}}"#,
            "[".repeat(60),
            "]".repeat(60)
        ),
        r#"{"type":"identify","userId":"1","traits":{"timezone":"Mars/Olympus"}}"#.to_owned(),
        // As Python writes numbers that are none.
        r#"{"type":"track","userId":"1","event":"e","properties":{"n":NaN,"m":[-Infinity]}}"#.to_owned(),
        "nonsense".to_owned(),
    ] {
        let read = many(&format!(r#"{{"batch":[{good},{bad},{good}],"writeKey":"k","sentAt":null}}"#)).unwrap();
        assert_eq!(read.len(), 3);
        assert!(read[0].read.is_ok() && read[1].read.is_err() && read[2].read.is_ok(), "{bad}: {read:?}");
        assert_eq!(read[0].message_id.as_deref(), Some("m"));
    }
}

#[test]
fn bytes_that_are_no_text_refuse_their_message_alone() {
    let good = r#"{"type":"track","userId":"1","event":"e"}"#;
    let body = [
        r#"{"batch":["#.as_bytes(),
        good.as_bytes(),
        br#",{"type":"track","userId":"caf"#,
        b"\xe9",
        br#"","event":"e"},"#,
        good.as_bytes(),
        b"]}",
    ]
    .concat();
    let read = read_call(CallForm::Many, &body, &schema(), NOW).unwrap();
    assert_eq!(read.iter().map(|one| one.read.is_ok()).collect::<Vec<_>>(), [true, false, true], "{read:?}");
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    let many_messages = format!(r#"{{"batch":[{}7]}}"#, "7,".repeat(MOST_MESSAGES));
    for bad in [
        "",
        "[]",
        "{",
        "{}",
        r#"{"batch":{}}"#,
        r#"{"batch":[1,]}"#,
        r#"{"batch":[],"batch":[]}"#,
        r#" [[{"type":"track","userId":"1","event":"e"}],null]"#,
        &many_messages,
    ] {
        assert!(many(bad).is_err(), "{bad}");
    }
    assert_eq!(many("\n {\"batch\":[]}"), Ok(vec![]));
    assert_eq!(many("\u{feff}{\"batch\":[]}"), Ok(vec![]));
    let deep = format!(r#"{{"batch":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(many(&deep).unwrap_err().to_string().contains("nested deeper than 128 levels"));
    let text = format!(r#"{{"batch":[{{"type":"track","userId":"1","event":"\"{}"}}]}}"#, "[".repeat(200));
    assert!(many(&text).unwrap()[0].read.is_ok(), "brackets in a text are no nesting");
}

#[test]
fn a_message_is_of_the_kind_of_its_call_whatever_its_type_says() {
    let read = one(MessageKind::Track, r#"{"type":"identify","userId":"1","event":"e"}"#);
    assert_eq!(event(&read).name, "e");
}

#[test]
fn times_are_those_of_the_sender_put_right_by_when_it_sent() {
    let hour = Span::hours(1);
    let timed = |members: &str, sent_at: &str| -> Time {
        let body = format!(r#"{{"batch":[{{"type":"track","userId":"1","event":"e"{members}}}],"sentAt":{sent_at}}}"#);
        event(&many(&body).unwrap()[0].read).at
    };
    assert_eq!(timed("", "null"), NOW);
    assert_eq!(timed(r#","timestamp":null"#, r#""2026-02-28T20:00:00Z""#), NOW);
    assert_eq!(timed(r#","timestamp":"2026-02-28T23:00:00.000Z""#, "null"), NOW.minus(hour));
    assert_eq!(
        timed(r#","timestamp":"2026-02-28T23:00:00+00:00""#, r#""2026-02-28T23:00:00.123456Z""#).0 / 1000,
        NOW.0 / 1000 - 1
    );
    assert_eq!(timed(r#","timestamp":"2026-02-28T22:00:00""#, r#""2026-02-28T23:00:00Z""#), NOW.minus(hour));
    assert_eq!(timed(r#","timestamp":"2027-03-01T00:00:00Z""#, r#""2026-03-01T00:00:00Z""#), NOW.plus(Span::days(365)));
}

#[test]
fn a_profile_holds_from_the_corrected_time_and_says_where_it_comes_from() {
    let body =
        r#"{"userId":"1","timestamp":"2026-03-01T03:00:00Z","sentAt":"2026-03-01T04:00:00Z","traits":{"plan":null}}"#;
    let read = one(MessageKind::Identify, body).unwrap();
    let [Arrival::Profile { row, dated: true, .. }] = read.as_slice() else { panic!("a profile, not {read:?}") };
    assert_eq!((row.effective_at, row.source.as_str()), (NOW.minus(Span::hours(1)), "identify"));
    assert_eq!(row.attributes, [("plan".into(), None)].into());
}

#[test]
fn a_time_is_read_in_each_form_that_the_document_of_the_listener_allows() {
    let read = |at: &str| {
        let message = format!(r#"{{"userId":"1","event":"e","timestamp":"{at}"}}"#);
        one(MessageKind::Track, &message).map(|arrivals| match &arrivals[..] {
            [Arrival::Event { event, .. }] => event.at.to_string(),
            other => panic!("an event, not {other:?}"),
        })
    };
    for (sent, at) in [
        ("1970-01-01T00:00+14:00", "1969-12-31T10:00:00Z"),
        ("1972-02-29T23:59:59.123456789", "1972-02-29T23:59:59.123Z"),
        ("2000-02-29T12:30Z", "2000-02-29T12:30:00Z"),
        ("2026-01-31T00:00:00-13:59", "2026-01-31T13:59:00Z"),
        ("2099-12-31T23:59:59-14:00", "2100-01-01T13:59:59Z"),
    ] {
        assert_eq!(read(sent), Ok(at.to_owned()), "{sent}");
    }
    for day in ["1973-02-29", "2026-02-29", "2026-04-31", "2026-13-01", "2026-01-00"] {
        assert!(read(&format!("{day}T00:00:00Z")).is_err(), "{day}");
    }
}

#[test]
fn an_identify_says_which_wording_was_agreed_to_and_when() {
    let proof = |context: &str| {
        let body = format!(r#"{{"userId":"1","traits":{{"consent":{{"marketing":true}}}},"context":{context}}}"#);
        one(MessageKind::Identify, &body).map(|mut read| match read.remove(0) {
            Arrival::Profile { row, .. } => (row.is_silent(), row.proof),
            other => panic!("a profile, not {other:?}"),
        })
    };
    let (silent, told) = proof(r#"{"consent":{"version":"2026-03","at":"2026-02-01T10:00:00Z"}}"#).unwrap();
    let told = told.unwrap();
    assert_eq!((silent, told.wording.as_deref()), (false, Some("2026-03")));
    assert_eq!(told.at, Some("2026-02-01T10:00:00Z".parse().unwrap()));
    for nothing in ["null", "{}", r#"{"consent":null}"#, r#"{"consent":{"categoryPreferences":{"ads":true}}}"#] {
        assert_eq!(proof(nothing), Ok((false, None)), "{nothing}");
    }
    for bad in [r#"{"version":true}"#, r#"{"at":"soon"}"#, r#"{"at":"2099-01-01"}"#] {
        assert!(proof(&format!(r#"{{"consent":{bad}}}"#)).is_err(), "{bad}");
    }
    let without = r#"{"userId":"1","traits":{},"context":{"consent":{"version":"2026-03"}}}"#;
    let read = one(MessageKind::Identify, without).unwrap().remove(0);
    let Arrival::Profile { row, .. } = read else { panic!("a profile") };
    assert_eq!(row.proof, None, "it tells of no consent");
}
