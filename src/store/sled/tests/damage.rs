use super::{Folder, OpenMode, bare, copy, open};
use crate::store::contract::sample::{arrival, customer, ingest, order};
use crate::store::sled::{keys, rows};
use crate::store::{Store, StoreError};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const EVENTS: i64 = 300;

/// A store of one customer with many events, closed.
async fn store() -> Folder {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    for n in 0..EVENTS {
        ingest(&store, vec![arrival("c", order(n, &format!("o{n}"), 1))]).await;
    }
    store.close().await.unwrap();
    folder
}

/// Whether the store is refused as damaged by those who may not make one, and left where it is.
fn damaged(folder: &Path) -> bool {
    let refused = open(folder, OpenMode::MustExist).err();
    assert_eq!(aside(folder), [] as [PathBuf; 0]);
    matches!(refused, Some(StoreError::Damaged { path, aside: None, .. }) if path == folder)
}

/// Damaged stores that were set aside in the folder.
fn aside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("damaged-")).collect();
    found.sort();
    found
}

/// Opens a damaged store as the daemon does; answers where it was set aside and what is said of it.
fn set_aside(folder: &Path) -> (PathBuf, String) {
    let refused = open(folder, OpenMode::Create).unwrap_err();
    let said = refused.to_string();
    match refused {
        StoreError::Damaged { path, aside: Some(aside), .. } if path == folder => (aside, said),
        other => panic!("{other}"),
    }
}

/// Whether the folder is refused for the store that was set aside there, by everyone.
fn refused_for(folder: &Path, aside: &Path) -> bool {
    [OpenMode::Create, OpenMode::MustExist].into_iter().all(|mode| {
        let refused = open(folder, mode).unwrap_err();
        matches!(refused, StoreError::SetAside { path, aside: named } if path == folder && named == aside)
    })
}

#[tokio::test]
async fn a_lost_file_is_damage_and_nothing_is_made_in_its_place() {
    let folder = store().await;
    for name in ["db", "conf"] {
        let copied = Folder::new();
        copy(folder.path(), copied.path());
        std::fs::remove_file(copied.path().join(name)).unwrap();
        assert!(damaged(copied.path()), "{name}");
        let (aside, _) = set_aside(copied.path());
        assert!(refused_for(copied.path(), &aside), "{name}");
        assert!(!copied.path().join(name).exists() && !aside.join(name).exists());
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
        let copied = Folder::new();
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
async fn a_damaged_store_is_set_aside_whole_and_no_other_begun_before_it_is_moved_away() {
    let folder = store().await;
    std::fs::write(folder.path().join("admin.sock"), "not ours").unwrap();
    let log = OpenOptions::new().write(true).open(folder.path().join("db")).unwrap();
    log.set_len(log.metadata().unwrap().len() / 2).unwrap();
    let (aside, said) = set_aside(folder.path());
    assert_eq!(aside, folder.path().join("damaged-1"));
    assert!(said.contains(&aside.display().to_string()) && said.contains("restore a backup"), "{said}");
    assert!(["db", "conf", "blobs", "store.mark"].iter().all(|name| aside.join(name).exists()));
    assert!(folder.path().join("admin.sock").exists());
    assert!(refused_for(folder.path(), &aside));

    let away = Folder::new();
    std::fs::rename(&aside, away.path().join("damaged-1")).unwrap();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    ingest(&store, vec![arrival("c", order(1, "o1", 1))]).await;
    assert_eq!(customer(&store, "c", 1).await.customer.activity.orders.count, 1);
}

#[tokio::test]
async fn a_backup_in_the_place_of_a_damaged_store_is_opened_and_the_next_damage_named_anew() {
    let folder = store().await;
    let backup = Folder::new();
    copy(folder.path(), backup.path());
    std::fs::remove_file(folder.path().join("db")).unwrap();
    set_aside(folder.path());
    copy(backup.path(), folder.path());
    let store = open(folder.path(), OpenMode::Create).unwrap();
    assert_eq!(customer(&store, "c", EVENTS).await.customer.activity.orders.count, 300);
    store.close().await.unwrap();
    std::fs::remove_file(folder.path().join("conf")).unwrap();
    let (aside, _) = set_aside(folder.path());
    assert_eq!(aside, folder.path().join("damaged-2"));
    assert!(refused_for(folder.path(), &aside));
}

#[tokio::test]
async fn a_store_in_use_is_not_set_aside_whatever_it_looks_like() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    std::fs::remove_file(folder.path().join("conf")).unwrap();
    assert!(matches!(open(folder.path(), OpenMode::Create), Err(StoreError::InUse { .. })));
    assert_eq!(aside(folder.path()), [] as [PathBuf; 0]);
    drop(store);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = store().await;
    let db = bare(folder.path());
    db.insert(keys::meta("format"), rows::write(&2_u32).unwrap()).unwrap();
    drop(db);
    let refused = open(folder.path(), OpenMode::Create).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
    assert_eq!(aside(folder.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_foreign_sled_folder_is_refused_and_not_moved() {
    let folder = Folder::new();
    let db = bare(folder.path());
    db.insert("hello", "world").unwrap();
    drop(db);
    assert!(damaged(folder.path()));
    let refused = open(folder.path(), OpenMode::Create).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { aside: None, .. }), "{refused}");
    assert_eq!(aside(folder.path()), [] as [PathBuf; 0]);
}
