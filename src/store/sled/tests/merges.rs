//! Merges of customers of whom much is known.

use super::{Folder, OpenMode, copy, open};
use crate::domain::{CustomerNumber, Event};
use crate::store::contract::sample::{arrival, batch, customer, decision, ingest, interest, mail, merge, order, view};
use crate::store::sled::lock;
use crate::store::{Marking, Store, StoreError, Urgency};

#[tokio::test]
async fn however_much_is_known_of_both_a_merge_is_one_commit_that_moves_no_log() {
    let folder = Folder::new();
    let store = open(folder.path(), OpenMode::Create).unwrap();
    let visit = |n: i64| Event { name: "Visit".into(), ..order(n, &format!("v{n}"), 1) };
    let told = (0..6000).map(|n| arrival(if n % 2 == 0 { "old" } else { "new" }, visit(n)));
    store.ingest(told.collect(), &interest(), Urgency::Background, Marking::Leave).await.unwrap();
    ingest(&store, vec![arrival("old", order(1, "o1", 5)), arrival("new", order(2, "o2", 7))]).await;
    let round = || lock(&store.shared.live).counts.round;
    let keys =
        || store.shared.look(|reader| Ok(reader.prefix(b"").map(|row| row.unwrap().0).collect::<Vec<_>>())).unwrap();
    let (before, keys_before) = (round(), keys());
    ingest(&store, vec![merge("old", "new", 6000)]).await;
    assert_eq!(round(), before + 1);
    let keys = keys();
    let moved = keys.iter().filter(|key| keys_before.binary_search(key).is_err()).count();
    assert!(moved <= 2, "who it went into, and one purchase: {moved}");

    let left = Folder::new();
    copy(folder.path(), left.path());
    let store = open(left.path(), OpenMode::MustExist).unwrap();
    let one = customer(&store, "old", 6000).await;
    assert_eq!((one.number, one.customer.activity.orders.revenue), (CustomerNumber(2), 12.into()));
    let events = store.events(one.number, None, 9999).await.unwrap();
    assert_eq!(events.len(), 6002);
    assert!(events.is_sorted_by_key(|event| std::cmp::Reverse(event.at)));
    assert_eq!(store.stats().await.unwrap().customers, 1);
    let stale = crate::store::StoredCustomer { number: CustomerNumber(1), ..one };
    let decided = store.decide(batch(vec![decision(&stale, vec![mail(1, &stale, 2)])])).await;
    assert!(matches!(decided, Err(StoreError::Conflict)));
    assert_eq!(store.customer_by_number(CustomerNumber(1), &view(6000)).await.unwrap().unwrap().number.0, 2);
}
