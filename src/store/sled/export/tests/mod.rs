mod full;

use super::form::{self, line};
use super::{Exported, Sending, export};
use crate::domain::{Planned, Suppression, Value};
use crate::store::contract::sample::{
    arrival, batch, begin, customer, day, decision, look, mail, mark, merge, order, profile, queue, row, tick, webhook,
};
use crate::store::sled::backup::tests::{Writing, backup, backup_under_way, request, write_on};
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::restore::{RestoreFrom, RestoreRequest, Restoring};
use crate::store::sled::tests::older::{rows, unpack};
use crate::store::sled::tests::{bare, open};
use crate::store::sled::{OpenMode, SledStore, rows as forms};
use crate::store::{Store, StoreError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Place {
    _parent: tempfile::TempDir,
    store: PathBuf,
    other: PathBuf,
    file: PathBuf,
    folder: PathBuf,
}

fn place() -> Place {
    let parent = tempfile::tempdir().unwrap();
    let within = |name: &str| parent.path().join(name);
    std::fs::create_dir(within("export")).unwrap();
    Place {
        store: within("store"),
        other: within("other"),
        file: within("backup"),
        folder: within("export"),
        _parent: parent,
    }
}

fn of_export(place: &Place) -> RestoreRequest {
    RestoreRequest { from: RestoreFrom::Export(place.folder.clone()), ..request(&place.file, &place.other, day(10)) }
}

fn lines(folder: &Path, name: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Some row of every kind.
async fn everything(place: &Place) {
    let store = open(&place.store, OpenMode::Create).unwrap();
    let mut told = row(1, &[("email", "Ana@x.example"), ("timezone", "Africa/Nairobi"), ("gone", "")]);
    told.attributes.insert("day".into(), Some(Value::Date(jiff::civil::date(1956, 2, 29))));
    told.attributes.insert("at".into(), Some(Value::Time(day(-9))));
    let odd = serde_json::json!({"a": [1, 2.5, "2.5", true, {"b": -7}], "big": 1e25, "exact": 0.000_001, "date": "x"});
    told.attributes.insert("odd".into(), Value::from_json(&odd));
    told.attributes.insert("large".into(), Some(Value::Number("123456789012345.678901".parse().unwrap())));
    told.consent.insert("marketing".into(), true);
    mark(&store, vec![profile("ana", told), arrival("ana", order(1, "o1", 5)), arrival("ana", order(2, "o1", 6))])
        .await;
    mark(&store, vec![profile("anon", row(1, &[("note", "\u{1f980} \"quoted\"\n")])), merge("anon", "ana", 2)]).await;
    let queued = queue(&store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2), webhook(3, to, 2, "crm")]).await;
    begin(&store, &queued[0], day(2)).await;
    let mut failed = crate::store::contract::sample::change(&queued[1], crate::domain::State::Suppressed);
    failed.delivery.reason = Some(crate::domain::Reason::NoConsent);
    store.record(vec![failed], crate::store::Urgency::Interactive).await.unwrap();
    look(&store, "c", Some(day(5))).await;
    let seen = customer(&store, "c", 3).await;
    let holds =
        crate::store::Decision { members: vec![("win-back".into(), true)], ..decision(&seen, vec![mail(9, &seen, 3)]) };
    store.decide(batch(vec![holds])).await.unwrap();
    let planned = Planned { rule: "a".into(), zone: "UTC".into(), until: day(3) };
    store.plan(vec![tick(3, &["a", "b"])], vec![planned]).await.unwrap();
    store.set_rule_states(vec![("a".into(), full::rule_state())]).await.unwrap();
    store.set_flag("why", Some("a person")).await.unwrap();
    let address = "bad@x.example".to_owned();
    store.suppress(vec![Suppression { address, reason: "manual".into(), at: day(1) }]).await.unwrap();
    store.close().await.unwrap();
    let (db, hash) = (bare(&place.store), crate::domain::KeyedHash([7; 16]));
    db.insert(keys::objection(hash, "offers"), forms::write(&day(4)).unwrap()).unwrap();
    db.insert(keys::spent(hash), forms::mark()).unwrap();
    db.insert(keys::hashed_suppression(hash), forms::write(&day(4)).unwrap()).unwrap();
}

async fn exported(place: &Place, sending: Sending) -> Exported {
    let store = open(&place.store, OpenMode::MustExist).unwrap();
    backup(&store, &place.file).await;
    store.close().await.unwrap();
    export(&place.file, &place.folder, sending).unwrap()
}

async fn take_in(place: &Place) -> SledStore {
    let restoring = Restoring::begin(of_export(place)).unwrap();
    restoring.finish().await.unwrap();
    open(&place.other, OpenMode::MustExist).unwrap()
}

#[tokio::test]
async fn a_store_made_of_an_export_is_the_store_that_was_exported_row_by_row() {
    let place = place();
    everything(&place).await;
    let done = exported(&place, Sending::Rested).await;
    drop(take_in(&place).await);
    assert_eq!(rows(&place.other), rows(&place.store));
    let files: BTreeSet<String> = done.files.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(files.len(), Kind::ALL.len(), "each kind has its file: {files:?}");
    assert!(!files.contains("other.ndjson"));
    for (name, count) in &done.files {
        let lines = lines(&place.folder, name);
        assert_eq!(lines.len() as u64, *count, "{name}");
        for line in lines {
            assert!(line.get("key").is_none(), "{name} has a row that is only bytes: {line}");
            assert!(!line.to_string().contains("\"#"), "{name} has a field without a name: {line}");
        }
    }
    assert_eq!((done.customers, done.sending), (2, Sending::Rested));
}

#[tokio::test]
async fn a_store_that_an_older_program_left_is_exported_and_made_again() {
    let place = place();
    unpack("format-1", &place.store);
    exported(&place, Sending::Rested).await;
    drop(take_in(&place).await);
    assert_eq!(rows(&place.other), rows(&place.store));
    let customers = lines(&place.folder, "customers.ndjson");
    let ana = customers.iter().map(|line| &line["record"]).find(|record| record["id"] == "ana").unwrap();
    assert_eq!(ana["attributes"]["birthday"], serde_json::json!({"date": "1990-02-28"}));
    assert_eq!(ana["activity"]["orders"]["revenue"], serde_json::json!(120.6));
    assert_eq!(ana["consent"]["offers"]["granted"], true);
    let states: BTreeSet<_> =
        lines(&place.folder, "deliveries.ndjson").iter().map(|line| line["record"]["state"].to_string()).collect();
    assert!(["\"sending\"", "\"sent\"", "\"held\"", "\"deferred\""].iter().all(|state| states.contains(*state)));
}

#[test]
fn rows_of_no_form_and_those_that_are_not_as_they_should_be_stand_as_bytes() {
    let odd: [(&[u8], &[u8]); 5] = [
        (b"~new kind", b"x"),
        (b"", b""),
        (b"cshort", b"\x01"),
        (b"fflag", b"\x02whatever"),
        (b"fflag", b"\x01\x7b\x01\x61a"),
    ];
    for (key, value) in odd {
        let line = line(key, value);
        assert_eq!(form::row(line.file, &line.json).unwrap(), (key.to_vec(), value.to_vec()));
        assert!(line.json.get("key").is_some(), "{}", line.json);
    }
}

#[tokio::test]
async fn an_export_that_was_changed_is_refused_and_nothing_is_made() {
    let place = place();
    everything(&place).await;
    exported(&place, Sending::Rested).await;
    let refused = |what: &str| {
        let refused = Restoring::begin(of_export(&place)).unwrap_err();
        assert!(matches!(refused, StoreError::BadExport { .. }), "{refused}");
        assert!(refused.to_string().contains(what), "{refused}");
        assert!(!place.other.join("db").exists());
    };
    let path = place.folder.join("flags.ndjson");
    let whole = std::fs::read(&path).unwrap();
    let changed: Vec<u8> = String::from_utf8(whole.clone()).unwrap().replace("a person", "b person").into();
    std::fs::write(&path, &changed).unwrap();
    refused("flags.ndjson is not as it was written");
    std::fs::remove_file(&path).unwrap();
    refused("flags.ndjson cannot be read");
    // Whoever mends the manifest as well meets the sum over all rows.
    std::fs::write(&path, &changed).unwrap();
    let manifest = place.folder.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let sum = |bytes: &[u8]| super::shape::hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes));
    std::fs::write(&manifest, text.replace(&sum(&whole), &sum(&changed))).unwrap();
    refused("is not the one that was exported");
    std::fs::write(&path, &whole).unwrap();
    std::fs::write(&manifest, text.replace("\"store_format\": 2", "\"store_format\": 99")).unwrap();
    refused("a store of format 99");
    std::fs::write(&manifest, text.replace("flags.ndjson", "../flags.ndjson")).unwrap();
    refused("is no name of a file of an export");
    std::fs::write(&manifest, text.replace("\"form\": 1", "\"form\": 2")).unwrap();
    refused("made by a newer retaind");
    std::fs::write(&manifest, &text).unwrap();
    drop(take_in(&place).await);
    let again = Restoring::begin(of_export(&place)).unwrap_err();
    assert!(matches!(again, StoreError::Occupied(_)), "{again}");
}

#[tokio::test]
async fn an_export_says_whether_sending_went_on() {
    let (going, paused) = ("queued only", "paused");
    for (flag, under_way, expected) in
        [(going, false, Sending::WentOn), (paused, false, Sending::Rested), (paused, true, Sending::WentOn)]
    {
        let place = place();
        let store = open(&place.store, OpenMode::Create).unwrap();
        let queued = queue(&store, "c", |to| vec![mail(1, to, 2)]).await;
        if under_way {
            begin(&store, &queued[0], day(2)).await;
        }
        store.set_flag(flag, Some("by a person")).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(exported(&place, Sending::WentOn).await.sending, expected, "{flag}, {under_way}");
        let restoring = Restoring::begin(of_export(&place)).unwrap();
        assert_eq!(restoring.sending(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_export_of_a_store_that_is_written_meanwhile_is_the_backup_that_it_was_made_of() {
    let place = place();
    let store = Arc::new(open(&place.store, OpenMode::Create).unwrap());
    let writing = Writing::default();
    let tasks: Vec<_> = (0..4).map(|n| tokio::spawn(write_on(Arc::clone(&store), n, writing.clone()))).collect();
    assert!(backup_under_way(&store, &place.file, &writing).await.rounds > 20);
    writing.stop();
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await.unwrap();
    export(&place.file, &place.folder, Sending::WentOn).unwrap();
    drop(take_in(&place).await);
    std::fs::remove_dir_all(&place.store).unwrap();
    let restoring = Restoring::begin(request(&place.file, &place.store, day(10))).unwrap();
    restoring.finish().await.unwrap();
    let without_rounds = |folder: &Path| {
        let rows = rows(folder).into_iter();
        rows.filter(|(key, _)| *key != crate::store::sled::live::Counts::key()).collect::<Vec<_>>()
    };
    assert_eq!(without_rounds(&place.other), without_rounds(&place.store));
}
