use super::sample::{arrival, begin, customers, day, ingest, mail, order, queue, view};
use crate::domain::{State, Suppression};
use crate::store::{Marking, Store, StoreError, Urgency};

fn suppression(address: &str, n: i64) -> Suppression {
    Suppression { address: address.into(), reason: "manual".into(), at: day(n) }
}

pub(super) async fn suppressions_ignore_case_and_blanks(store: &dyn Store) {
    let added = vec![suppression("B@x.example", 1), suppression("a@x.example", 1), suppression(" b@X.example ", 2)];
    assert_eq!(store.suppress(added).await.unwrap(), 2);
    assert_eq!(store.suppress(vec![suppression("A@x.example", 3)]).await.unwrap(), 0);
    assert_eq!(store.suppression("  B@X.EXAMPLE").await.unwrap(), Some(suppression("b@x.example", 1)));
    let page = store.suppressions(None, 1).await.unwrap();
    assert_eq!(page, [suppression("a@x.example", 1)]);
    assert_eq!(store.suppressions(Some("a@x.example"), 9).await.unwrap(), [suppression("b@x.example", 1)]);
    assert!(store.unsuppress("A@X.example").await.unwrap());
    assert!(!store.unsuppress("a@x.example").await.unwrap());
    assert_eq!(store.suppression("a@x.example").await.unwrap(), None);
}

pub(super) async fn flags_are_set_and_cleared(store: &dyn Store) {
    assert_eq!(store.flag("paused").await.unwrap(), None);
    store.set_flag("paused", Some("by hand")).await.unwrap();
    assert_eq!(store.flag("paused").await.unwrap().as_deref(), Some("by hand"));
    assert_eq!(store.flag("pause").await.unwrap(), None);
    store.set_flag("paused", None).await.unwrap();
    assert_eq!(store.flag("paused").await.unwrap(), None);
}

pub(super) async fn counts_follow_what_happens(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2), mail(3, to, 2)]).await;
    customers(store, &["d"]).await;
    begin(store, &queued[0], day(2)).await;
    let stats = store.stats().await.unwrap();
    let counted: Vec<_> = stats.deliveries.iter().filter(|(_, count)| *count > 0).copied().collect();
    assert_eq!(counted, [(State::Queued, 2), (State::Sending, 1)]);
    assert_eq!((stats.customers, stats.deliveries.len()), (2, State::ALL.len()));
    assert!(stats.writable);
    assert!(stats.room.is_none_or(|room| 0 < room.free_bytes && room.free_bytes <= room.bytes));
}

pub(super) async fn a_closed_store_says_so(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(1, "o", 1))]).await;
    store.close().await.unwrap();
    assert!(matches!(store.customer("c", &view(1)).await, Err(StoreError::Closed)));
    assert!(matches!(store.set_flag("paused", None).await, Err(StoreError::Closed)));
    assert!(matches!(store.close().await, Err(StoreError::Closed)));
    let arrivals = vec![arrival("c", order(2, "o2", 1))];
    assert!(matches!(
        store.ingest(arrivals, &super::sample::interest(), Urgency::Background, Marking::Leave).await,
        Err(StoreError::Closed)
    ));
}
