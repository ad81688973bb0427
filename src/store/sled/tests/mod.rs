mod damage;
mod kill;
mod merges;
pub(super) mod older;
mod random;
mod recovery;
mod space;

use super::{Cache, OpenMode, SledSettings, SledStore};
use crate::domain::{CustomerNumber, DeliveryKey, State};
use crate::store::contract::sample::{
    DAY, arrival, begin, customer, day, ingest, look, mail, order, profile, queue, row,
};
use crate::store::{Store, StoreError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// sled alone. The last thread of a store that was closed just before may still hold its file.
pub(super) fn bare(folder: &Path) -> ::sled::Db {
    let begin = std::time::Instant::now();
    loop {
        match ::sled::Config::new().path(folder).open() {
            Err(error) if error.to_string().contains("could not acquire lock") && begin.elapsed().as_secs() < 10 => {
                std::thread::yield_now();
            }
            opened => return opened.unwrap(),
        }
    }
}

/// A folder for a store. What lies beside it, its journal, goes with it.
pub(super) struct Folder {
    path: PathBuf,
    _within: tempfile::TempDir,
}

impl Folder {
    pub(super) fn new() -> Self {
        let within = tempfile::tempdir().unwrap();
        let path = within.path().join("store");
        std::fs::create_dir(&path).unwrap();
        Self { path, _within: within }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A small cache, for tests hold little and are many.
pub(super) fn open(folder: &Path, mode: OpenMode) -> crate::store::Result<SledStore> {
    SledStore::open_with(folder, mode, SledSettings { cache: Cache::Bytes(64 << 20), ..SledSettings::default() })
}

/// Copies a store's files, without the lock, as they are on the disk now: what a kill would leave.
pub(super) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != "lock" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_stored_is_there_after_a_restart() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    let zone = row(0, &[("timezone", "Africa/Nairobi")]);
    ingest(&store, vec![arrival("c1", order(1, "o1", 5)), profile("c1", zone)]).await;
    let queued = queue(&store, "c2", |to| vec![mail(1, to, 2), mail(2, to, 3)]).await;
    begin(&store, &queued[0], day(2)).await;
    let before = customer(&store, "c1", 1).await;
    look(&store, "c2", Some(day(5))).await;
    assert_eq!(store.take_dirty(day(5), 9, DAY).await.unwrap(), [CustomerNumber(2)]);
    let (key, stats) = (store.delivery_key(), store.stats().await.unwrap());
    store.close().await.unwrap();

    let store = open(folder.path(), OpenMode::MustExist).unwrap();
    assert_eq!(customer(&store, "c1", 1).await, before);
    assert_eq!(store.last_customer(), CustomerNumber(2));
    assert_eq!(store.zones(), ["Africa/Nairobi"]);
    let id = |key: &DeliveryKey| key.delivery_id("rule", "c1", "occurrence", "step");
    assert_eq!(id(&store.delivery_key()), id(&key));
    assert_eq!(store.stats().await.unwrap().deliveries, stats.deliveries);
    assert_eq!(store.lanes().await.unwrap()[0].next_due, day(3));
    assert_eq!(
        store.take_dirty(day(5), 9, DAY).await.unwrap(),
        [CustomerNumber(2)],
        "the lease is gone, the row is not"
    );
    assert_eq!(store.recover(day(4)).await.unwrap(), 1);
    assert_eq!(store.delivery(queued[0].id).await.unwrap().unwrap().state, State::Uncertain);
    ingest(&store, vec![arrival("c3", order(1, "o3", 5))]).await;
    assert!(customer(&store, "c3", 1).await.version > before.version);
}

#[tokio::test]
async fn a_dropped_store_lets_its_folder_go_at_once() {
    let folder = Folder::new();
    for n in 1..=5 {
        let store = open(folder.path(), OpenMode::Create).unwrap();
        ingest(&store, vec![arrival("c", order(n, &format!("o{n}"), 1))]).await;
        assert_eq!(customer(&store, "c", n).await.customer.activity.orders.count, n.unsigned_abs());
    }
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let parent = Folder::new();
    let folder = parent.path().join("a/b");
    drop(open(&folder, OpenMode::Create).unwrap());
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(open(&folder, OpenMode::MustExist).unwrap());
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn only_some_commands_make_a_store() {
    let folder = Folder::new();
    for path in [folder.path().join("none"), folder.path().to_owned()] {
        let refused = open(&path, OpenMode::MustExist).unwrap_err();
        assert!(matches!(&refused, StoreError::Missing(missing) if *missing == path), "{refused}");
    }
    assert!(!folder.path().join("none").exists() && !folder.path().join("db").exists());
}

#[test]
fn a_second_opener_is_told_who_has_the_store() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("lock"), "retaind run (pid 1)").unwrap();
    let first = open(folder.path(), OpenMode::Create).unwrap();
    let since = std::time::Instant::now();
    let refused = open(folder.path(), OpenMode::Create).unwrap_err();
    assert!(since.elapsed().as_millis() < 2000);
    let StoreError::InUse { holder, .. } = &refused else { panic!("{refused}") };
    assert!(holder.contains(&format!("(pid {})", std::process::id())), "{holder}");
    drop(first);
    open(folder.path(), OpenMode::Create).unwrap();
}

#[test]
fn another_users_folder_is_refused() {
    // The root folder belongs to root; where the tests are root, to nobody else, so one is given away.
    let folder = Folder::new();
    let foreign = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder.path(), Some(4711), None).unwrap();
        folder.path()
    } else {
        Path::new("/")
    };
    let refused = open(foreign, OpenMode::Create).unwrap_err();
    assert!(matches!(refused, StoreError::OtherUser { .. }), "{refused}");
}
