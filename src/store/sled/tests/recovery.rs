//! A round that failed.

use super::{Folder, OpenMode, open};
use crate::store::contract::sample::{DAY, arrival, customer, day, ingest, mail, order, queue};
use crate::store::sled::fault::Fault;
use crate::store::sled::{committer, lock};
use crate::store::{Store, StoreError};
use std::io::ErrorKind;
use std::sync::{Arc, PoisonError};

#[tokio::test]
async fn after_a_passing_error_the_store_works_again_by_itself() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    let queued = queue(&store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2)]).await;
    let lane = queued[0].lane();
    assert_eq!(store.claim(&lane, day(2), 1, DAY).await.unwrap().len(), 1);
    *lock(&store.shared.fault) = Some(Fault::NoSpace);
    assert!(matches!(store.flag("paused").await, Err(StoreError::NoSpace(_))));
    while store.flag("paused").await.is_err() {
        tokio::task::yield_now().await;
    }
    ingest(&store, vec![arrival("c", order(1, "o1", 1))]).await;
    assert_eq!(customer(&store, "c", 1).await.customer.activity.orders.count, 1);
    assert_eq!(store.claim(&lane, day(2), 9, DAY).await.unwrap(), queued, "leases went with what was in memory");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_done_any_more() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    let seen = ingest(&store, vec![arrival("c", order(1, "o1", 1))]).await;
    assert_eq!(seen.len(), 1);
    *lock(&store.shared.fault) = Some(Fault::SyncFailed(Arc::new(ErrorKind::Other.into())));
    for _ in 0..3 {
        assert!(matches!(store.set_flag("paused", None).await, Err(StoreError::SyncFailed(_))));
        assert!(matches!(store.flag("paused").await, Err(StoreError::SyncFailed(_))));
    }
    assert!(matches!(store.close().await, Err(StoreError::SyncFailed(_))));
}

#[test]
fn a_round_that_is_half_there_is_completed_and_one_that_is_not_is_left() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    let rows: committer::Rows =
        vec![("kept".into(), Some("new".into())), ("more".into(), Some("new".into())), ("gone".into(), None)];
    let db = store.shared.db.read().unwrap_or_else(PoisonError::into_inner);
    let db = db.as_ref().unwrap();
    db.insert("kept", "old").unwrap();
    db.insert("gone", "old").unwrap();
    committer::complete(db, &rows).unwrap();
    assert_eq!(db.get("kept").unwrap().unwrap(), "old");
    db.insert("more", "new").unwrap();
    committer::complete(db, &rows).unwrap();
    assert_eq!(db.get("kept").unwrap().unwrap(), "new");
    assert_eq!(db.get("gone").unwrap(), None);
}
