use super::{OpenMode, copy, open};
use crate::domain::Time;
use crate::store::contract::sample::{arrival, customer, ingest, order};
use crate::store::sled::{keys, rows, set_aside};
use crate::store::{Store, StoreError};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tempfile::TempDir;

const EVENTS: i64 = 300;

/// A store of one customer with many events, closed.
async fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    for n in 0..EVENTS {
        ingest(&store, vec![arrival("c", order(n, &format!("o{n}"), 1))]).await;
    }
    store.close().await.unwrap();
    folder
}

fn damaged(folder: &Path) -> bool {
    matches!(open(folder, OpenMode::Create), Err(StoreError::Damaged { path, .. }) if path == folder)
}

#[tokio::test]
async fn a_lost_file_is_damage_and_nothing_is_made_in_its_place() {
    let folder = store().await;
    for name in ["db", "conf"] {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        std::fs::remove_file(copied.path().join(name)).unwrap();
        assert!(damaged(copied.path()), "{name}");
        assert!(!copied.path().join(name).exists());
    }
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_damage() {
    let folder = store().await;
    let log = OpenOptions::new().write(true).open(folder.path().join("db")).unwrap();
    for part in [2, 8, 100_000_000] {
        log.set_len(log.metadata().unwrap().len() / part).unwrap();
        assert!(damaged(folder.path()), "1/{part}");
    }
}

#[tokio::test]
async fn overwritten_bytes_are_damage_or_do_no_harm() {
    let folder = store().await;
    let length = folder.path().join("db").metadata().unwrap().len();
    let mut refused = 0;
    for n in 0..24 {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let log = OpenOptions::new().write(true).open(copied.path().join("db")).unwrap();
        log.write_all_at(&[0xa5; 8], length * n / 24 + 37).unwrap();
        match open(copied.path(), OpenMode::MustExist) {
            Err(StoreError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
            Ok(store) => {
                let seen = customer(&store, "c", EVENTS).await;
                let events = store.events(seen.number, None, 1000).await.unwrap();
                assert_eq!((seen.customer.activity.orders.count, events.len()), (300, 300));
            }
        }
    }
    assert!(refused > 0, "not one of them hit anything");
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_a_new_one_begun() {
    let folder = store().await;
    std::fs::write(folder.path().join("admin.sock"), "not ours").unwrap();
    std::fs::remove_file(folder.path().join("db")).unwrap();
    let aside = set_aside(folder.path(), Time(0)).unwrap();
    assert_eq!(aside, folder.path().join("damaged-19700101T000000Z"));
    assert!(aside.join("conf").exists() && folder.path().join("admin.sock").exists());
    let store = open(folder.path(), OpenMode::Create).unwrap();
    ingest(&store, vec![arrival("c", order(1, "o1", 1))]).await;
    assert!(matches!(set_aside(folder.path(), Time(9)), Err(StoreError::InUse { .. })));
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = store().await;
    let db = ::sled::Config::new().path(folder.path()).open().unwrap();
    db.insert(keys::meta("format"), rows::write(&2_u32).unwrap()).unwrap();
    drop(db);
    let refused = open(folder.path(), OpenMode::Create).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
}

#[tokio::test]
async fn a_foreign_sled_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = ::sled::Config::new().path(folder.path()).open().unwrap();
    db.insert("hello", "world").unwrap();
    drop(db);
    assert!(damaged(folder.path()));
}
