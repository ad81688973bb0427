//! Customers who are erased.

use super::sample::{
    DAY, EVERYONE, arrival, batch, begin, change, customer, customers, dated, day, decision, id, ingest, mail, mark,
    merge, order, profile, row, view, webhook,
};
use crate::domain::{ProfileRow, State, Suppression};
use crate::store::{DeliveryFilter, DuplicateKey, Erased, Store, StoreError, Urgency, WakeChange};

fn says(received: i64, granted: bool) -> ProfileRow {
    ProfileRow { consent: [("marketing".into(), granted)].into(), ..row(received, &[]) }
}

pub(super) async fn nothing_is_left_of_who_was_erased_and_all_of_the_others(store: &dyn Store) {
    for (n, name) in [(1, "gone"), (2, "stays")] {
        mark(store, vec![profile(name, row(1, &[("email", "x@y.example"), ("timezone", "UTC")]))]).await;
        mark(store, vec![arrival(name, order(1, "o1", 5)), arrival(name, order(2, "o2", 5))]).await;
        let seen = customer(store, name, 9).await;
        let mut made = decision(&seen, vec![mail(n, &seen, 3), webhook(n + 10, &seen, 3, "crm")]);
        made.members = vec![("win-back".into(), true)];
        made.wake = WakeChange::Set(Some(day(n.into())));
        store.decide(batch(vec![made])).await.unwrap();
    }
    let (gone, stays) = (customer(store, "gone", 9).await.number, customer(store, "stays", 9).await);
    let erased = store.erase("gone", day(4)).await.unwrap();
    let expected = Erased { ids: 1, events: 2, enrollments: 1, deliveries: 2, under_way: 0, objections: 0 };
    assert_eq!(erased, Some(expected));
    assert_eq!(store.erase("gone", day(4)).await.unwrap(), None);
    assert_eq!(store.customer("gone", &view(9)).await.unwrap(), None);
    assert_eq!(store.customer_by_number(gone, &view(9)).await.unwrap(), None);
    assert!(store.events(gone, None, 9).await.unwrap().is_empty());
    assert!(store.enrollments(gone, 9).await.unwrap().is_empty());
    assert!(store.profile_rows(gone).await.unwrap().is_empty() && store.ids(gone).await.unwrap().is_empty());
    assert_eq!(store.customers(None, EVERYONE, 9, &view(9)).await.unwrap().len(), 1);
    assert_eq!(store.members("win-back", None, 9).await.unwrap(), [stays.number]);
    assert_eq!(store.next_wake().await.unwrap(), Some(day(2)));
    let left = store.deliveries(&DeliveryFilter::default(), None, 9).await.unwrap();
    assert_eq!(left.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [id(2), id(12)]);
    for lane in [mail(2, &stays, 3).lane(), webhook(2, &stays, 3, "crm").lane()] {
        assert_eq!(store.claim(&lane, day(9), 9, DAY).await.unwrap().len(), 1);
    }
    let counts = store.stats().await.unwrap();
    let waiting = counts.deliveries.iter().find(|(state, _)| *state == State::Queued).map(|(_, count)| *count);
    assert_eq!((counts.customers, waiting), (1, Some(2)));
    assert_eq!(customer(store, "stays", 9).await, stays);
    // Whoever comes with that id is new, and what they did before can be told anew.
    ingest(store, vec![arrival("gone", order(2, "o2", 5))]).await;
    let back = customer(store, "gone", 9).await;
    assert!(back.number > stays.number && back.customer.memory.is_empty() && back.customer.attributes.is_empty());
    assert_eq!(back.customer.activity.orders.count, 1);
}

pub(super) async fn who_comes_back_has_withdrawn_what_they_withdrew(store: &dyn Store) {
    ingest(store, vec![dated("a", 3, says(3, false)), profile("b", says(3, true))]).await;
    assert_eq!(store.erase("a", day(4)).await.unwrap().unwrap().objections, 1);
    assert_eq!(store.erase("b", day(4)).await.unwrap().unwrap().objections, 0);
    ingest(store, vec![arrival("a", order(5, "o", 5)), dated("a", 2, says(6, true))]).await;
    assert!(!customer(store, "a", 9).await.customer.consents_to("marketing"), "an older grant, told late");
    ingest(store, vec![dated("a", 6, says(6, true)), profile("b", row(6, &[]))]).await;
    assert!(customer(store, "a", 9).await.customer.consents_to("marketing"), "whoever agrees after that agrees");
    assert!(customer(store, "b", 9).await.customer.consent.is_empty(), "what was given is forgotten");
    // Also where the id comes back as another one of somebody who is known.
    ingest(store, vec![dated("c", 3, says(3, false))]).await;
    store.erase("c", day(4)).await.unwrap();
    ingest(store, vec![dated("d", 8, says(8, true)), merge("c", "d", 9)]).await;
    assert!(!customer(store, "d", 9).await.customer.consents_to("marketing"));
}

pub(super) async fn an_occurrence_that_was_used_up_stays_so(store: &dyn Store) {
    let seen = customers(store, &["a"]).await.remove(0);
    store.decide(batch(vec![decision(&seen, vec![mail(1, &seen, 2)])])).await.unwrap();
    store.erase("a", day(2)).await.unwrap();
    let seen = customers(store, &["a"]).await.remove(0);
    let again = store.decide(batch(vec![decision(&seen, vec![mail(1, &seen, 2)])])).await;
    let Err(StoreError::Duplicate(keys)) = again else { panic!("{again:?}") };
    assert_eq!(keys, [DuplicateKey::Enrollment("win-back".into(), seen.number.0, "o1".into())]);
    store.decide(batch(vec![decision(&seen, vec![mail(2, &seen, 2)])])).await.unwrap();
    let other = customers(store, &["b"]).await.remove(0);
    store.decide(batch(vec![decision(&other, vec![mail(1, &other, 2)])])).await.unwrap();
}

pub(super) async fn an_attempt_that_is_under_way_finds_nothing_to_record(store: &dyn Store) {
    let seen = customers(store, &["a"]).await.remove(0);
    store.decide(batch(vec![decision(&seen, vec![mail(1, &seen, 2)])])).await.unwrap();
    let lane = mail(1, &seen, 2).lane();
    let claimed = store.claim(&lane, day(2), 9, DAY).await.unwrap().remove(0);
    let sending = begin(store, &claimed, day(2)).await;
    assert_eq!(store.erase("a", day(2)).await.unwrap().unwrap().under_way, 1);
    let recorded = store.record(vec![change(&sending, State::Sent)], Urgency::Interactive).await;
    assert!(matches!(recorded, Err(StoreError::Conflict)), "{recorded:?}");
    assert_eq!(store.recover(day(3)).await.unwrap(), 0, "nothing is left over for the next start");
    assert!(store.lanes().await.unwrap().is_empty());
    let none = store.stats().await.unwrap().deliveries.iter().all(|(_, count)| *count == 0);
    assert!(none);
    // And one that was decided on what is gone is a conflict.
    let decided = store.decide(batch(vec![decision(&seen, vec![])])).await;
    assert!(matches!(decided, Err(StoreError::Conflict)), "{decided:?}");
}

pub(super) async fn all_ids_of_one_who_was_merged_are_forgotten(store: &dyn Store) {
    ingest(
        store,
        vec![arrival("a", order(1, "o1", 5)), arrival("b", order(2, "o2", 5)), dated("c", 2, says(2, false))],
    )
    .await;
    ingest(store, vec![merge("new", "a", 3), merge("a", "b", 3), merge("b", "c", 4), merge("c", "d", 5)]).await;
    let number = customer(store, "d", 9).await.number;
    let mut ids = store.ids(number).await.unwrap();
    assert_eq!(ids[0], "d");
    ids.sort();
    assert_eq!(ids, ["a", "b", "c", "d", "new"]);
    let erased = store.erase("a", day(6)).await.unwrap().unwrap();
    assert_eq!((erased.ids, erased.events), (5, 2));
    for id in ids {
        assert_eq!(store.customer(&id, &view(9)).await.unwrap(), None, "{id}");
        ingest(store, vec![profile(&id, row(7, &[]))]).await;
        assert!(!customer(store, &id, 9).await.customer.consent["marketing"].granted, "{id}");
    }
}

pub(super) async fn an_address_stays_suppressed_and_is_not_listed(store: &dyn Store) {
    customers(store, &["a"]).await;
    let suppression = |reason: &str| Suppression { address: "A@B.example".into(), reason: reason.into(), at: day(1) };
    store.suppress(vec![suppression("bounced")]).await.unwrap();
    store.erase("a", day(2)).await.unwrap();
    assert_eq!(store.suppression("a@b.example").await.unwrap().map(|found| found.at), Some(day(1)));
    assert!(store.suppressions(None, 9).await.unwrap().is_empty());
    assert!(store.unsuppress("a@b.example").await.unwrap());
    assert_eq!(store.suppression("a@b.example").await.unwrap(), None);
}

pub(super) async fn erasing_and_arriving_at_once_breaks_nothing(store: &dyn Store) {
    let arrive = async {
        for n in 0..60 {
            let told = vec![arrival("a", order(n, &n.to_string(), 1)), profile("a", says(n, n % 2 == 0))];
            let other = vec![merge("b", "a", n), arrival("b", order(n, &format!("b{n}"), 1))];
            let (one, two) = tokio::join!(mark(store, told), mark(store, other));
            assert_eq!(one.len() + two.len(), 4);
        }
    };
    let erase = async {
        for n in 0..60 {
            store.erase(if n % 3 == 0 { "b" } else { "a" }, day(n)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(arrive, erase);
    store.erase("a", day(99)).await.unwrap();
    store.erase("b", day(99)).await.unwrap();
    assert!(store.customers(None, EVERYONE, 9, &view(9)).await.unwrap().is_empty());
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.customers, store.next_wake().await.unwrap()), (0, None));
}
