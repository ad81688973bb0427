//! A disk that is really full.

use super::{OpenMode, open};
use crate::domain::{Event, Value};
use crate::store::contract::sample::{EVERYONE, arrival, ingest, interest, order, view};
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
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 6 << 20]).unwrap();
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

    std::fs::remove_file(&ballast).unwrap();
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
    let (store, ballast) = (folder.join("store"), folder.join("ballast"));
    std::fs::remove_file(store.join("conf")).unwrap();
    std::fs::write(&ballast, vec![1; 24 << 20]).unwrap_err();
    assert!(matches!(open(&store, OpenMode::Create), Err(StoreError::NoSpace(_))));
    std::fs::remove_file(&ballast).unwrap();
    assert!(matches!(open(&store, OpenMode::Create), Err(StoreError::Damaged { aside: Some(_), .. })));
}

#[test]
fn a_full_disk_is_said_and_left_behind_once_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=24m none "$1" || exit 77
        exec "$2" --exact store::sled::tests::space::filler --ignored --nocapture"#;
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
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
