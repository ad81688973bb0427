use super::sample::{
    DAY, arrival, batch, customer, customers, day, decision, ingest, interest, look, mail, mark, order, profile, row,
    view,
};
use crate::domain::{CustomerNumber, Event, Span, Time};
use crate::store::{Decision, Marking, Store, StoreError, Urgency, Verdict, WakeChange};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

async fn taken(store: &dyn Store, now: Time, limit: usize) -> Vec<u64> {
    store.take_dirty(now, limit, DAY).await.unwrap().iter().map(|number| number.0).collect()
}

async fn wake(store: &dyn Store, id: &str) -> Option<Time> {
    customer(store, id, 9).await.customer.wake
}

pub(super) async fn a_stored_arrival_makes_dirty_and_a_duplicate_does_not(store: &dyn Store) {
    assert_eq!(store.next_wake().await.unwrap(), None);
    ingest(store, vec![arrival("a", order(1, "o1", 1)), profile("b", row(1, &[]))]).await;
    assert_eq!(store.next_wake().await.unwrap(), None, "nobody asked for it");
    let again = Event { received_at: day(3), ..order(1, "o1", 1) };
    assert_eq!(mark(store, vec![arrival("a", again)]).await, [Verdict::Duplicate]);
    assert_eq!(wake(store, "a").await, None);
    mark(store, vec![profile("b", row(4, &[])), arrival("c", order(5, "o2", 1))]).await;
    assert_eq!(
        [wake(store, "a").await, wake(store, "b").await, wake(store, "c").await],
        [None, Some(day(4)), Some(day(5))]
    );
    assert_eq!(store.next_wake().await.unwrap(), Some(day(4)));
}

pub(super) async fn of_two_wakes_the_earlier_stands(store: &dyn Store) {
    mark(store, vec![profile("a", row(5, &[])), profile("a", row(3, &[])), profile("a", row(4, &[]))]).await;
    assert_eq!(wake(store, "a").await, Some(day(3)));
    mark(store, vec![profile("a", row(2, &[]))]).await;
    mark(store, vec![profile("a", row(6, &[]))]).await;
    assert_eq!(wake(store, "a").await, Some(day(2)));
    assert_eq!(taken(store, day(9), 9).await, [1], "one row, whatever there was before");
    look(store, "a", None).await;
    assert_eq!(store.next_wake().await.unwrap(), None);
}

pub(super) async fn the_dirty_are_taken_in_the_order_of_their_wakes(store: &dyn Store) {
    for (id, n) in [("a", 5), ("b", 3), ("c", 4), ("d", 3), ("e", 7)] {
        mark(store, vec![profile(id, row(n, &[]))]).await;
    }
    assert_eq!(taken(store, day(2), 9).await, [] as [u64; 0]);
    assert_eq!(store.next_wake().await.unwrap(), Some(day(3)));
    assert_eq!(taken(store, day(5), 2).await, [2, 4]);
    assert_eq!(taken(store, day(5), 9).await, [3, 1]);
    assert_eq!(store.next_wake().await.unwrap(), Some(day(6)), "when the leases end");
}

pub(super) async fn a_lease_on_a_customer_ends_with_its_time_or_given_back_or_with_a_decision(store: &dyn Store) {
    mark(store, vec![profile("a", row(1, &[])), profile("b", row(1, &[])), profile("c", row(1, &[]))]).await;
    assert_eq!(taken(store, day(1), 9).await, [1, 2, 3]);
    assert!(taken(store, day(1), 9).await.is_empty());
    store.release_dirty(&[CustomerNumber(2), CustomerNumber(9)]).await;
    assert_eq!(store.next_wake().await.unwrap(), Some(day(1)));
    assert_eq!(taken(store, day(1), 9).await, [2]);
    let seen = customer(store, "a", 1).await;
    store.decide(batch(vec![decision(&seen, vec![mail(1, &seen, 2)])])).await.unwrap();
    assert!(taken(store, day(1), 9).await.is_empty(), "a decision that leaves the wake leaves the lease");
    look(store, "a", Some(day(1))).await;
    assert_eq!(taken(store, day(1), 9).await, [1]);
    look(store, "a", None).await;
    assert!(taken(store, day(2).plus(Span(-1)), 9).await.is_empty());
    assert_eq!(taken(store, day(2), 9).await, [2, 3]);
}

pub(super) async fn a_decision_sets_the_wake(store: &dyn Store) {
    let before = customers(store, &["a"]).await.remove(0);
    look(store, "a", Some(day(6))).await;
    let after = customer(store, "a", 1).await;
    assert!(after.version > before.version);
    assert_eq!(after.customer.wake, Some(day(6)));
    assert_eq!(store.next_wake().await.unwrap(), Some(day(6)));
    let stale = Decision { wake: WakeChange::Set(None), ..decision(&before, vec![]) };
    assert!(matches!(store.decide(batch(vec![stale])).await, Err(StoreError::Conflict)));
    look(store, "a", Some(day(8))).await;
    assert!(taken(store, day(7), 9).await.is_empty(), "the row of day 6 is gone");
    assert_eq!(taken(store, day(8), 9).await, [1]);
}

pub(super) async fn a_mark_during_a_decision_is_not_lost(store: &dyn Store) {
    mark(store, vec![arrival("a", order(1, "o1", 1))]).await;
    assert_eq!(taken(store, day(1), 9).await, [1]);
    let seen = customer(store, "a", 1).await;
    mark(store, vec![arrival("a", order(2, "o2", 1))]).await;
    assert!(taken(store, day(1), 9).await.is_empty(), "still under the lease");
    let decided = Decision { wake: WakeChange::Set(None), ..decision(&seen, vec![]) };
    assert!(matches!(store.decide(batch(vec![decided])).await, Err(StoreError::Conflict)));
    let seen = customer(store, "a", 2).await;
    assert_eq!((seen.customer.activity.orders.count, seen.customer.wake), (2, Some(day(1))));
    look(store, "a", None).await;
    assert_eq!(store.next_wake().await.unwrap(), None);
}

pub(super) async fn a_mark_may_move_the_wake_of_one_under_a_lease(store: &dyn Store) {
    mark(store, vec![profile("a", row(5, &[]))]).await;
    assert_eq!(taken(store, day(5), 9).await, [1]);
    mark(store, vec![profile("a", row(2, &[]))]).await;
    assert!(taken(store, day(5), 9).await.is_empty());
    assert_eq!(store.next_wake().await.unwrap(), Some(day(6)));
    store.release_dirty(&[CustomerNumber(1)]).await;
    assert_eq!(store.next_wake().await.unwrap(), Some(day(2)));
    assert_eq!(taken(store, day(2), 9).await, [1]);
}

pub(super) async fn a_rescan_marks_page_by_page_and_undoes_what_is_being_decided(store: &dyn Store) {
    let ids: Vec<_> = (0..200).map(|n| format!("c{n}")).collect();
    customers(store, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    look(store, "c0", Some(day(2))).await;
    look(store, "c1", Some(day(9))).await;
    assert_eq!(taken(store, day(2), 9).await, [1]);
    let seen = customer(store, "c0", 2).await;
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        after = store.mark_dirty(after, 90, day(4)).await.unwrap();
        pages.push(after.map(|number| number.0));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [Some(90), Some(180), None]);
    let decided = Decision { wake: WakeChange::Set(None), ..decision(&seen, vec![]) };
    assert!(matches!(store.decide(batch(vec![decided])).await, Err(StoreError::Conflict)));
    assert_eq!([wake(store, "c0").await, wake(store, "c1").await], [Some(day(2)), Some(day(4))]);
    assert_eq!(taken(store, day(4), 999).await, (1..=200).collect::<Vec<_>>(), "c0's lease is over");
}

pub(super) async fn marks_and_decisions_at_once_lose_nothing_and_nobody_is_taken_twice(store: &dyn Store) {
    let arrivals = (0..40).map(async |n: i64| {
        let urgency = if n % 3 == 0 { Urgency::Background } else { Urgency::Interactive };
        let event = Event { received_at: day(1), ..order(n, &format!("o{n}"), 1) };
        let arrivals = vec![arrival(&format!("c{}", n % 4), event)];
        store.ingest(arrivals, &interest(), urgency, Marking::Dirty).await.unwrap();
    });
    let (in_hand, all_arrived) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    let deciders = (0..3).map(async |_| {
        let mut decided = 0_u64;
        loop {
            let no_more = all_arrived.load(Ordering::SeqCst);
            let numbers = store.take_dirty(day(1), 2, DAY).await.unwrap();
            if no_more && numbers.is_empty() {
                return decided;
            }
            for number in numbers {
                assert!(in_hand.lock().unwrap().insert(number), "{number:?} is in other hands");
                loop {
                    let seen = store.customer_by_number(number, &view(99)).await.unwrap().unwrap();
                    let mut decision = decision(&seen, vec![]);
                    decision.enrollments.clear();
                    decision.memories[0].1.enrollments = u32::try_from(seen.customer.activity.orders.count).unwrap();
                    decision.wake = WakeChange::Set(None);
                    // Once it is decided the customer may be in other hands before we hear of it.
                    in_hand.lock().unwrap().remove(&number);
                    match store.decide(batch(vec![decision])).await {
                        Ok(()) => break,
                        Err(StoreError::Conflict) => in_hand.lock().unwrap().insert(number),
                        Err(other) => panic!("{other}"),
                    };
                }
                decided += 1;
            }
            tokio::task::yield_now().await;
        }
    });
    let arrivals = async {
        join_all(arrivals).await;
        all_arrived.store(true, Ordering::SeqCst);
    };
    let ((), decided) = tokio::join!(arrivals, join_all(deciders));
    assert!(decided.iter().sum::<u64>() >= 4);
    assert_eq!(store.next_wake().await.unwrap(), None);
    for n in 0..4 {
        let seen = customer(store, &format!("c{n}"), 99).await.customer;
        assert_eq!((seen.activity.orders.count, seen.memory["win-back"].enrollments), (10, 10), "c{n}");
    }
}
