//! Log lines of a daemon that does everything it can, in every form.

use super::{Shop, request_id, send};
use crate::project::{Daemon, skipped};
use crate::world::LIMIT;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Instant;

/// Where events are taken in, by the first line that says so.
#[track_caller]
fn listening(log: impl Fn() -> String) -> SocketAddr {
    let end = Instant::now() + LIMIT;
    loop {
        let log = log();
        let told = log.split("taking events in").nth(1).into_iter().chain(log.split("taking events in").next());
        let address = told.flat_map(|text| text.split("127.0.0.1:").skip(1)).find_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
        });
        if let Some(address) = address.filter(|_| log.contains("taking events in")) {
            return address;
        }
        assert!(Instant::now() < end, "{log}");
    }
}

/// Everything in which an address takes part. Answers the name of a call that was refused.
fn a_day(shop: &Shop, public: SocketAddr) -> String {
    shop.import(&["ana", "gone"]);
    let person = json!({"userId": "ivan@customers.test", "messageId": "ivan@customers.test",
        "traits": {"email": "ivan@customers.test", "tier": "gold"}});
    assert!(send(public, "identify", &person).starts_with("HTTP/1.1 200"));
    let bad =
        json!({"userId": "zora@customers.test", "event": "zora@customers.test", "timestamp": "zora@customers.test"});
    let refused = send(public, "track", &bad);
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    for args in [
        &["suppressions", "add", "maria@customers.test", "--reason", "maria@customers.test asked"][..],
        &["suppressions", "remove", "maria@customers.test"],
        &["explain", "ana@customers.test"],
        &["customers", "show", "ana@customers.test"],
        &["deliveries", "list", "--customer", "ana@customers.test"],
    ] {
        shop.project.run(args).exits(0);
    }
    shop.project.run(&["explain", "nobody@customers.test"]).exits(1);
    shop.project.write("rules/broken.yaml", "rule: broken\nana@customers.test: 1\n");
    shop.project.run(&["reload"]).exits(65);
    shop.project
        .json_until(&["deliveries", "list", "--state", "failed"], |all| all.as_array().map(Vec::len) == Some(1));
    shop.receiver.wait(3);
    request_id(&refused).to_owned()
}

/// Each `@` that an address could have is behind a mask, and there are some.
#[track_caller]
fn is_masked(log: &str) {
    assert!(log.contains("***@customers.test"), "nothing of it is in the log:\n{log}");
    for (at, _) in log.match_indices('@') {
        assert!(log[..at].ends_with("***"), "{}", &log[log.floor_char_boundary(at.saturating_sub(200))..at + 20]);
    }
    for name in ["ana", "ivan", "zora", "maria", "nobody"] {
        for sign in ["@", "%40"] {
            assert!(!log.contains(&format!("{name}{sign}")), "{name}");
        }
    }
}

fn lines(daemon: &Daemon) -> Vec<Value> {
    let log = daemon.log();
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn lines_in_json_bear_request_and_delivery_ids_and_no_address() {
    let shop = Shop::new();
    let daemon = shop.start(&["--log-format", "json"]);
    let request = a_day(&shop, listening(|| daemon.log()));
    is_masked(&daemon.log());
    let lines = lines(&daemon);
    let about = |message: &'static str| lines.iter().filter(move |line| line["message"] == message);
    let refused = about("not taken").find(|line| line["span"]["request"] == request.as_str());
    assert!(refused.is_some_and(|line| line["status"] == 400), "{request}: {lines:#?}");
    let failed = shop.project.json(&["deliveries", "list", "--state", "failed"]);
    let told =
        about("not accepted").find(|line| line["delivery"] == failed[0]["id"]).expect("it says what was refused");
    assert_eq!((&told["rule"], &told["channel"], &told["level"]), (&"hello".into(), &"email".into(), &"WARN".into()));
    let administration: Vec<_> = about("administration").map(|line| &line["route"]).collect();
    assert!(administration.contains(&&"/v1/suppressions/{address}".into()), "{administration:?}");
    assert!(about("administration").all(|line| line["span"]["request"].as_str().is_some_and(|id| id.len() == 16)));
    daemon.stop();
}

#[test]
fn lines_for_a_person_hold_no_address() {
    let shop = Shop::new();
    let daemon = shop.start(&["--log-format", "text"]);
    let request = a_day(&shop, listening(|| daemon.log()));
    is_masked(&daemon.log());
    let about_it = daemon.log().lines().filter(|line| line.contains(&format!("request={request}"))).count();
    assert!(about_it > 0, "{}", daemon.log());
    daemon.stop();
}

/// One record as journald's native protocol has it: `FIELD=value` lines, or the field alone, the length of the value as
/// 64 bits, and the value.
fn record(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 1..];
        if let Some((field, value)) = line.split_once('=') {
            fields.insert(field.to_owned(), value.to_owned());
        } else {
            let (length, rest) = bytes.split_first_chunk().expect("a length");
            let (value, rest) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).expect("it fits"));
            fields.insert(line, String::from_utf8_lossy(value).into_owned());
            bytes = &rest[1..];
        }
    }
    fields
}

/// A socket in the place of journald's, in a world of its own, in which the daemon runs.
#[test]
fn records_of_the_journal_have_fields_and_no_address() {
    let shop = Shop::new();
    let folder = shop.project.path().join("journal");
    std::fs::create_dir(&folder).expect("a folder");
    let place = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind \"$0\" /run/systemd/journal";
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "sh", "-c", place]).arg(&folder);
    if !trial.output().is_ok_and(|trial| trial.status.success()) {
        return skipped("records_of_the_journal_have_fields_and_no_address", "this user may not mount (unshare)");
    }
    let journal = UnixDatagram::bind(folder.join("socket")).expect("a socket");
    let (records, told) = std::sync::mpsc::sync_channel(100_000);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(length) = journal.recv(&mut buffer) {
            if length > 0 && records.send(record(&buffer[..length])).is_err() {
                return;
            }
        }
    });
    let mut command = Command::new("unshare");
    let run = format!("{place} && exec \"$1\" run --log-format journal");
    command.args(["--mount", "sh", "-c", &run]).arg(&folder).arg(env!("CARGO_BIN_EXE_retaind"));
    command.current_dir(shop.project.path()).env("RETAIND_LOG", "debug").env_remove("RETAIND_CONFIG");
    let daemon = shop.project.start_as(command);
    let mut all: Vec<BTreeMap<String, String>> = Vec::new();
    let public = {
        let all = std::cell::RefCell::new(&mut all);
        listening(|| {
            all.borrow_mut().extend(told.try_iter());
            format!("{:?}", all.borrow())
        })
    };
    let request = a_day(&shop, public);
    daemon.stop();
    all.extend(told.try_iter());
    is_masked(&format!("{all:?}"));
    let field = |record: &BTreeMap<String, String>, name: &str| record.get(name).cloned().unwrap_or_default();
    let refused =
        all.iter().find(|record| field(record, "REQUEST") == request && field(record, "MESSAGE") == "not taken");
    assert_eq!(field(refused.expect("it is told"), "STATUS"), "400");
    let told = all.iter().find(|record| field(record, "MESSAGE") == "not accepted").expect("it is told");
    assert_eq!((field(told, "PRIORITY").as_str(), field(told, "SYSLOG_IDENTIFIER").as_str()), ("4", "retaind"));
    assert_eq!((field(told, "DELIVERY").len(), field(told, "RULE").as_str()), (32, "hello"));
    let ready = all.iter().find(|record| field(record, "MESSAGE") == "ready").expect("it is told");
    assert_eq!(field(ready, "PRIORITY"), "6", "what is merely said is not to be noticed");
}
