use super::{compact, swap};
use crate::domain::{Suppression, Time};
use crate::store::contract::sample::{
    arrival, batch, begin, customer, day, decision, ingest, mail, order, profile, row,
};
use crate::store::sled::tests::older::{kept, rows, unpack};
use crate::store::sled::tests::{bare, copy, open};
use crate::store::sled::{OpenMode, SledSettings, keys, rows as forms};
use crate::store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let store = parent.path().join("store");
    (parent, store)
}

/// A store in which much was written over and removed, closed.
async fn worn(folder: &Path) {
    let store = open(folder, OpenMode::Create).unwrap();
    for n in 0..60 {
        let id = format!("c{}", n % 6);
        let note = "x".repeat(20_000);
        ingest(&store, vec![profile(&id, row(n, &[("note", &note)])), arrival(&id, order(n, &format!("o{n}"), 1))])
            .await;
    }
    // More than is written twice when pages are split.
    for n in 0..200 {
        store.set_flag(&format!("flag-{n}"), Some(&"y".repeat(20_000))).await.unwrap();
    }
    for n in 0..200 {
        store.set_flag(&format!("flag-{n}"), None).await.unwrap();
    }
    let seen = customer(&store, "c1", 60).await;
    let queued = mail(1, &seen, 2);
    store.decide(batch(vec![decision(&seen, vec![queued.clone()])])).await.unwrap();
    begin(&store, &queued, day(2)).await;
    let address = "mirjana.secret@x.example".to_owned();
    store.suppress(vec![Suppression { address: address.clone(), reason: "manual".into(), at: Time(0) }]).await.unwrap();
    store.unsuppress(&address).await.unwrap();
    store.close().await.unwrap();
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            holds(&path, text)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        }
    })
}

#[tokio::test]
async fn a_store_that_was_written_anew_has_the_same_rows_and_nothing_of_what_was_removed() {
    let (_parent, folder) = place();
    worn(&folder).await;
    let before = rows(&folder);
    assert!(holds(&folder, "mirjana.secret"), "sled keeps what is removed");
    let done = compact(&folder, SledSettings::default()).unwrap();
    assert_eq!((done.rows, rows(&folder)), (before.len() as u64, before));
    assert!(!holds(&folder, "mirjana.secret"));
    assert!(done.after < done.before, "{done:?}");
    assert!(!swap::inside(&folder).exists());
    let store = open(&folder, OpenMode::MustExist).unwrap();
    assert_eq!(customer(&store, "c1", 60).await.customer.activity.orders.count, 10);
    assert_eq!(store.recover(day(3)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_store_in_use_is_not_written_anew_and_none_is_made_where_there_is_none() {
    let (_parent, folder) = place();
    let missing = compact(&folder, SledSettings::default()).unwrap_err();
    assert!(matches!(missing, StoreError::Missing(_)) && !folder.exists());
    let store = open(&folder, OpenMode::Create).unwrap();
    let refused = compact(&folder, SledSettings::default()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop(store);
}

#[tokio::test]
async fn whatever_stops_the_change_of_places_the_next_opener_ends_it() {
    let (parent, folder) = place();
    worn(&folder).await;
    let before = rows(&folder);
    // The new files, as they are before they change places.
    super::copy(&folder, SledSettings::default()).unwrap();
    swap::begin(&folder).unwrap();
    let mut steps = 0;
    loop {
        let stopped = parent.path().join(format!("stopped-{steps}"));
        std::fs::create_dir(&stopped).unwrap();
        copy(&folder, &stopped);
        for mode in [OpenMode::MustExist, OpenMode::Create] {
            let again = parent.path().join("again");
            std::fs::create_dir(&again).unwrap();
            copy(&stopped, &again);
            drop(open(&again, mode).unwrap());
            assert!(!swap::inside(&again).exists());
            assert_eq!(rows(&again), before, "after {steps} steps");
            std::fs::remove_dir_all(&again).unwrap();
        }
        if !swap::step(&folder).unwrap() {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 11, "{steps}");
}

#[tokio::test]
async fn what_was_not_whole_is_thrown_away_and_a_restore_does_not_take_its_place_for_free() {
    use crate::store::sled::backup::tests::request;
    use crate::store::sled::restore::Restoring;
    let (_parent, folder) = place();
    worn(&folder).await;
    let before = rows(&folder);
    super::copy(&folder, SledSettings::default()).unwrap();
    std::fs::write(swap::inside(&folder).join("db"), "half of it").unwrap();
    drop(open(&folder, OpenMode::MustExist).unwrap());
    assert!(!swap::inside(&folder).exists());
    assert_eq!(rows(&folder), before);

    super::copy(&folder, SledSettings::default()).unwrap();
    swap::begin(&folder).unwrap();
    swap::step(&folder).unwrap();
    assert!(!folder.join("db").exists());
    let refused = Restoring::begin(request(&kept("format-1.backup"), &folder, Time(0))).unwrap_err();
    assert!(matches!(refused, StoreError::Occupied(_)), "{refused}");
}

#[test]
fn a_store_of_an_older_format_is_migrated_first() {
    let (_parent, folder) = place();
    unpack("format-1", &folder);
    compact(&folder, SledSettings::default()).unwrap();
    let db = bare(&folder);
    let format: u32 = forms::read(&db.get(keys::meta("format")).unwrap().unwrap()).unwrap();
    assert_eq!(format, crate::store::sled::open::FORMAT);
}

const FOLDER: &str = "RETAIND_TEST_STORE";

#[test]
#[ignore = "the other side of the test below, which runs it"]
fn compacts() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    compact(&folder, SledSettings::default()).unwrap();
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_compacts_loses_nothing() {
    let (_parent, folder) = place();
    worn(&folder).await;
    let before = rows(&folder);
    let mut killed = 0;
    // From the first moment on, a little later each time, until one comes to its end before it is killed.
    for wait in (0..).map(|n| Duration::from_millis(7 * n)) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sled::compact::tests::compacts", "--ignored"])
            .env(FOLDER, &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(wait);
        // It may have ended by itself.
        child.kill().ok();
        let ended = child.wait().unwrap().success();
        drop(open(&folder, OpenMode::MustExist).unwrap());
        assert_eq!(rows(&folder), before, "killed after {wait:?}");
        if ended {
            break;
        }
        killed += 1;
    }
    assert!(killed > 0);
}
