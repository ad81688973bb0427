//! Events over HTTP into the running daemon.

use crate::project::{Daemon, Project};
use crate::world::LIMIT;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// `base64("first-key:")`, `base64("second-key:")`
pub(crate) const FIRST: &str = "Zmlyc3Qta2V5Og==";
const SECOND: &str = "c2Vjb25kLWtleTo=";

fn shop() -> Project {
    let project = Project::new();
    project
        .write("retaind.yaml", "business: {name: Shop, address: \"1 Main Street\", timezone: UTC}\nhttp: {public: \"127.0.0.1:0\", write_keys: [{file: write.key}]}\n")
        .write("schema.yaml", "customer: {tier: {type: string, one_of: [gold, plain]}}\n")
        .write("write.key", "first-key\n");
    std::fs::create_dir(project.path().join("rules")).expect("a folder can be made");
    project
}

/// Where the daemon takes events, by what it says in its log since it started last.
#[track_caller]
pub(crate) fn address(daemon: &Daemon) -> SocketAddr {
    let end = Instant::now() + LIMIT;
    loop {
        let log = daemon.log();
        let told = log.lines().rev().find_map(|line| line.split("taking events in").nth(1)?.split("address=").nth(1));
        if let Some(address) = told.and_then(|rest| rest.split_whitespace().next()?.parse().ok()) {
            return address;
        }
        assert!(Instant::now() < end, "{log}");
    }
}

/// The status and the body of what is answered to a call.
pub(crate) fn call(address: SocketAddr, key: &str, what: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST /v1/{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {key}\r\n\
        content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.split(' ').nth(1).expect("a status").parse().expect("a number");
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

/// The description of what can be called.
fn document(address: SocketAddr) -> Value {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
    stream.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("a document")
}

fn order(number: u32, at: &str) -> Value {
    json!({
        "type": "track", "userId": "ana", "anonymousId": null, "event": "Order Completed", "messageId": format!("m{number}"),
        "timestamp": at, "properties": {"order_id": format!("o{number}"), "revenue": 2.5},
    })
}

#[test]
fn what_is_sent_is_stored_once_by_its_own_time_whatever_is_wrong_beside_it() {
    let project = shop();
    let daemon = project.start();
    let at = address(&daemon);
    let batch = json!({"batch": [
        order(2, "2026-01-02T00:00:00Z"),
        order(1, "2026-01-01T00:00:00"),
        {"type": "track", "userId": "ana", "event": "Order Completed", "properties": {"revenue": "much"}},
        7,
        {"type": "identify", "userId": "ana", "traits": {"email": "ana@customers.test", "tier": "gold", "shoe": 43, "consent": {"marketing": true}}},
        order(2, "2026-01-02T00:00:00Z"),
    ], "sentAt": null, "writeKey": "is not looked at"});
    let (status, answer) = call(at, FIRST, "batch", &batch);
    assert_eq!(
        (status, &answer["stored"], &answer["duplicates"], &answer["refused"]),
        (200, &json!(3), &json!(1), &json!(2)),
        "{answer}"
    );
    let results: Vec<&str> =
        answer["verdicts"].as_array().unwrap().iter().map(|one| one["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["stored", "stored", "refused", "refused", "stored", "duplicate"]);
    assert!(answer["verdicts"][2]["reason"].as_str().unwrap().starts_with("`revenue` is `much`"), "{answer}");

    let shown = project.json(&["customers", "show", "ana"]);
    assert_eq!((&shown["orders"]["count"], &shown["attributes"]["shoe"]), (&json!(2), &json!(43)), "{shown}");
    assert_eq!(shown["orders"]["first_at"], "2026-01-01T00:00:00Z", "{shown}");
    assert_eq!(shown["orders"]["last_at"], "2026-01-02T00:00:00Z", "{shown}");
    assert_eq!(shown["consent"]["marketing"]["granted"], true, "{shown}");

    let (status, answer) =
        call(at, FIRST, "identify", &json!({"userId": "ana", "traits": {"tier": null, "email": "no address"}}));
    assert_eq!((status, &answer["error"]["kind"]), (400, &json!("invalid")));
    let (status, _) = call(at, FIRST, "identify", &json!({"userId": "ana", "traits": {"tier": null}}));
    assert_eq!(status, 200);
    let shown = project.json(&["customers", "show", "ana"]);
    assert_eq!(
        (&shown["attributes"]["tier"], &shown["attributes"]["email"]),
        (&Value::Null, &json!("ana@customers.test"))
    );
    assert!(!daemon.log().contains("customers.test"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn whoever_was_anonymous_keeps_what_they_did_once_they_are_known() {
    let project = shop();
    let daemon = project.start();
    let at = address(&daemon);
    let viewed = |device: &str| json!({"anonymousId": device, "event": "Product Viewed", "userId": null});
    // The identify is sent by another connection and may come before what it explains.
    assert_eq!(call(at, FIRST, "track", &viewed("phone")).0, 200);
    let known = json!({"userId": "ana", "anonymousId": "phone", "traits": {"tier": "gold"}});
    assert_eq!(call(at, FIRST, "identify", &known).0, 200);
    assert_eq!(call(at, FIRST, "track", &viewed("phone")).0, 200);
    assert_eq!(call(at, FIRST, "page", &json!({"anonymousId": "tablet", "name": "Home"})).0, 200);
    assert_eq!(call(at, FIRST, "alias", &json!({"userId": "ana", "previousId": "tablet"})).0, 200);
    let shown = project.json(&["customers", "show", "ana"]);
    let mut names: Vec<&str> =
        shown["events"].as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Product Viewed", "Product Viewed", "Viewed Home Page"], "{shown}");
    assert_eq!((&shown["id"], &shown["attributes"]["tier"]), (&json!("ana"), &json!("gold")), "{shown}");
    assert_eq!(project.json(&["customers", "show", "anonymous:phone"])["id"], "ana");
    daemon.stop();
}

#[test]
fn what_is_sent_again_after_a_restart_is_known() {
    let project = shop();
    let daemon = project.start();
    let batch = json!({"batch": [order(1, "2026-01-01T00:00:00Z"), order(2, "2026-01-02T00:00:00Z")], "sentAt": "2026-01-03T00:00:00Z"});
    assert_eq!(call(address(&daemon), FIRST, "batch", &batch).1["stored"], 2);
    daemon.stop();
    let daemon = project.start();
    // A retry has a new `sentAt`, so that even the times are others.
    let mut again = batch.clone();
    again["sentAt"] = json!("2026-01-03T00:00:30Z");
    let (status, answer) = call(address(&daemon), FIRST, "batch", &again);
    assert_eq!((status, &answer["stored"], &answer["duplicates"]), (200, &json!(0), &json!(2)));
    assert_eq!(project.json(&["customers", "show", "ana"])["orders"]["count"], 2);
    daemon.stop();
}

#[test]
fn a_reload_exchanges_the_write_keys() {
    let project = shop();
    let daemon = project.start();
    let at = address(&daemon);
    assert_eq!(call(at, SECOND, "track", &order(1, "2026-01-01T00:00:00Z")).0, 401);
    project.write("write.key", "second-key").run(&["reload"]).exits(0);
    assert_eq!(call(at, SECOND, "track", &order(1, "2026-01-01T00:00:00Z")).0, 200);
    assert_eq!(call(at, FIRST, "track", &order(1, "2026-01-01T00:00:00Z")).0, 401);
    // Keys that cannot be read change nothing.
    project.remove("write.key");
    project.run(&["reload"]).exits(78);
    assert_eq!(call(at, SECOND, "track", &order(1, "2026-01-01T00:00:00Z")).1["duplicates"], 1);
    daemon.stop();
}

#[test]
fn a_port_that_another_has_ends_the_start_and_is_named() {
    let project = shop();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let settings = std::fs::read_to_string(project.path().join("retaind.yaml")).expect("the settings");
    project.write("retaind.yaml", &settings.replace("127.0.0.1:0", &address.to_string()));
    let ran = project.run(&["run"]).exits(1);
    assert!(ran.err.contains(&format!("cannot listen on {address} (`http.public`)")), "{}", ran.err);
    project.remove("write.key");
    drop(taken);
    assert!(project.run(&["run"]).exits(78).err.contains("write.key"));
}

#[test]
fn a_stop_waits_for_what_is_being_sent_and_takes_it() {
    let project = shop();
    let mut daemon = project.start();
    let at = address(&daemon);
    let body = order(1, "2026-01-01T00:00:00Z").to_string();
    let mut stream = TcpStream::connect(at).expect("it listens");
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Basic {FIRST}\r\ncontent-type: application/json\r\n\
        expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
    // It is being answered once it asks for the body.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).expect("it asks for the body");
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    daemon.signal("TERM");
    let end = Instant::now() + LIMIT;
    while TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok() {
        assert!(Instant::now() < end, "it still accepts:\n{}", daemon.log());
    }
    stream.write_all(body.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    daemon.drained();
    assert_eq!(project.json(&["customers", "show", "ana"])["orders"]["count"], 1);
}

#[test]
fn what_the_document_shows_is_stored() {
    let project = shop();
    let daemon = project.start();
    let at = address(&daemon);
    let document = document(at);
    let calls = document["paths"].as_object().expect("paths").iter().filter(|(_, path)| path.get("post").is_some());
    let mut messages = 0;
    for (path, described) in calls {
        let examples = &described["post"]["requestBody"]["content"]["application/json"]["examples"];
        let example = &examples["shop"]["value"];
        assert!(example.is_object(), "{path} shows no body");
        let (status, answer) = call(at, FIRST, path.trim_start_matches("/v1/"), example);
        assert_eq!((status, &answer["refused"]), (200, &json!(0)), "{path}: {answer}");
        messages += answer["verdicts"].as_array().expect("verdicts").len();
    }
    assert_eq!(messages, 6 + 2 * 6, "six kinds of messages, each alone and in two batches");
    daemon.stop();
}
