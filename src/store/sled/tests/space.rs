//! A disk that is really full.

use super::{OpenMode, open};
use crate::domain::{Event, Value};
use crate::domain::{State, Suppression};
use crate::store::contract::sample::{
    DAY, EVERYONE, arrival, begin, change, customer, day, ingest, interest, mail, order, queue, view,
};
use crate::store::sled::{BallastPolicy, Cache, SledSettings, SledStore};
use crate::store::{Marking, Store, StoreError, Urgency};
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "RETAIND_TEST_DISK";

fn large(n: i64) -> Event {
    let mut event = order(n, &format!("o{n}"), 1);
    event.properties.insert("text".into(), Value::Text("x".repeat(20_000).into()));
    event
}

/// Fills the disk that it is given.
#[tokio::test]
#[ignore = "the other side of the test below, which runs it on a small disk"]
async fn filler() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![1; 6 << 20]).unwrap();
    let store = open(&folder.join("store"), OpenMode::Create).unwrap();
    let store_one = async |n: i64| {
        let arrivals = vec![arrival(&format!("c{n}"), large(n))];
        store.ingest(arrivals, &interest(), Urgency::Interactive, Marking::Leave).await
    };
    let mut stored = 0;
    let refused = loop {
        match store_one(stored).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::NoSpace(_)), "{refused}");
    let there = async || store.customers(None, EVERYONE, 10_000, &view(9999)).await.unwrap().len();
    assert_eq!(i64::try_from(there().await).unwrap(), stored, "reading goes on, and nothing is half there");
    assert!(matches!(store_one(stored).await, Err(StoreError::NoSpace(_))));

    std::fs::remove_file(&filler).unwrap();
    for n in stored..stored + 20 {
        store_one(n).await.unwrap();
    }
    store.close().await.unwrap();
    let store = open(&folder.join("store"), OpenMode::MustExist).unwrap();
    let page = store.customers(None, EVERYONE, 10_000, &view(9999)).await.unwrap();
    assert_eq!(i64::try_from(page.len()).unwrap(), stored + 20);
    ingest(&store, vec![arrival("last", large(-1))]).await;
    store.close().await.unwrap();
    refused_for_space_alone(folder);
}

/// What looks like damage while the disk is full is not set aside before there is room.
fn refused_for_space_alone(folder: &Path) {
    let (store, filler) = (folder.join("store"), folder.join("filler"));
    std::fs::remove_file(store.join("conf")).unwrap();
    std::fs::write(&filler, vec![1; 24 << 20]).unwrap_err();
    assert!(matches!(open(&store, OpenMode::Create), Err(StoreError::NoSpace(_))));
    std::fs::remove_file(&filler).unwrap();
    assert!(matches!(open(&store, OpenMode::Create), Err(StoreError::Damaged { aside: Some(_), .. })));
}

/// What a daemon's store still does on a disk that another program fills.
#[tokio::test]
#[ignore = "the other side of the test below, which runs it on a small disk"]
async fn recorder() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let (filler, path) = (folder.join("filler"), folder.join("store"));
    let open_laying = || {
        let settings = SledSettings { cache: Cache::Bytes(64 << 20), ballast: BallastPolicy::Lay };
        SledStore::open_with(&path, OpenMode::Create, settings).unwrap()
    };
    let store = open_laying();
    let queued = queue(&store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2)]).await;
    let sending = begin(&store, &queued[0], day(2)).await;
    assert!(store.trouble().is_none() && store.stats().await.unwrap().writable);

    std::fs::write(&filler, vec![1; 64 << 20]).unwrap_err();
    let news = || vec![arrival("d", large(1))];
    let refused = store.ingest(news(), &interest(), Urgency::Interactive, Marking::Leave).await;
    assert!(matches!(refused, Err(StoreError::NoSpace(_))));
    assert!(matches!(store.trouble(), Some(StoreError::NoSpace(_))));
    assert!(!store.stats().await.unwrap().writable);
    // What went out is remembered, no mail goes to whom it must not, and a person can stop it all.
    store.record(vec![change(&sending, State::Sent)], Urgency::Interactive).await.unwrap();
    let address = Suppression { address: "c@x.example".into(), reason: "manual".into(), at: day(1) };
    assert_eq!(store.suppress(vec![address]).await.unwrap(), 1);
    store.set_flag("paused", Some("by a person")).await.unwrap();
    begin(&store, &queued[1], day(2)).await;
    store.close().await.unwrap();

    // A daemon that is started again has what the first one recorded, and is as careful.
    let store = open_laying();
    assert_eq!(store.recover(day(3)).await.unwrap(), 1);
    assert_eq!(store.delivery(queued[0].id).await.unwrap().unwrap().state, State::Sent);
    assert!(store.flag("paused").await.unwrap().is_some() && store.suppression("c@x.example").await.unwrap().is_some());
    let refused = store.ingest(news(), &interest(), Urgency::Interactive, Marking::Leave).await;
    assert!(matches!(refused, Err(StoreError::NoSpace(_))));

    std::fs::remove_file(&filler).unwrap();
    while store.trouble().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ingest(&store, news()).await;
    assert_eq!(customer(&store, "d", 1).await.customer.activity.orders.count, 1);
    assert!(!store.claim(&queued[1].lane(), day(9), 9, DAY).await.unwrap().is_empty());
    store.close().await.unwrap();
}

#[test]
fn on_a_full_disk_what_must_be_recorded_is_and_all_goes_on_once_there_is_room() {
    on_a_disk_of("48m", "recorder");
}

#[test]
fn a_full_disk_is_said_and_left_behind_once_there_is_space() {
    on_a_disk_of("24m", "filler");
}

fn on_a_disk_of(size: &str, test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size="$3" none "$1" || exit 77
        exec "$2" --exact store::sled::tests::space::"$4" --ignored --nocapture"#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args([size, test])
        .env(FOLDER, folder.path())
        .output();
    let Ok(output) = output else { return skipped("there is no `unshare` here") };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || said.contains("unshare:") {
        return skipped("this machine gives nobody a file system of their own");
    }
    assert!(output.status.success(), "{said}");
}

/// Said past the test harness, which hides what passing tests print.
fn skipped(why: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "skipped: the test on a full disk: {why}"));
}
