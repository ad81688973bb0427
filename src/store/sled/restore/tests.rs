use super::Restoring;
use crate::domain::{CustomerNumber, Membership, Pending, Planned, Reason, RuleState, State, Suppression, Time, Watch};
use crate::store::contract::sample::{
    arrival, batch, begin, customer, customers, day, decision, ingest, mail, merge, order, profile, queue, row, tick,
};
use crate::store::sled::backup::tests::{backup, request};
use crate::store::sled::journal::{self, Record};
use crate::store::sled::tests::open;
use crate::store::sled::{OpenMode, SledStore};
use crate::store::{Decision, Store, WakeChange};
use std::path::{Path, PathBuf};

struct Place {
    parent: tempfile::TempDir,
    store: PathBuf,
    file: PathBuf,
}

fn place() -> Place {
    let parent = tempfile::tempdir().unwrap();
    Place { store: parent.path().join("store"), file: parent.path().join("backup"), parent }
}

fn says(n: i64, granted: bool) -> crate::domain::ProfileRow {
    crate::domain::ProfileRow { consent: [("marketing".into(), granted)].into(), ..row(n, &[]) }
}

async fn restore(file: &Path, folder: &Path, now: Time) -> (SledStore, super::Reapplied) {
    let restoring = Restoring::begin(request(file, folder, now)).unwrap();
    let done = restoring.reapply().await.unwrap();
    restoring.settle().await.unwrap();
    restoring.finish().await.unwrap();
    (open(folder, OpenMode::MustExist).unwrap(), done)
}

/// The store is lost, what lies beside it is not.
fn lose(store: &Path) {
    std::fs::remove_dir_all(store).unwrap();
}

#[tokio::test]
async fn nothing_that_was_under_way_goes_on_by_itself() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    let queued = queue(&store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2), mail(3, to, 2)]).await;
    begin(&store, &queued[0], day(2)).await;
    store
        .plan(vec![tick(3, &["a"])], vec![Planned { rule: "a".into(), zone: "UTC".into(), until: day(3) }])
        .await
        .unwrap();
    let state = RuleState {
        live_since: Some(day(1)),
        trigger: "t".into(),
        steps: [("s".into(), day(1))].into(),
        ..RuleState::default()
    };
    store.set_rule_states(vec![("a".into(), state.clone()), ("b".into(), RuleState::default())]).await.unwrap();
    let seen = customer(&store, "c", 3).await;
    let inside = Membership { inside: true, crossings: 3, meaning: 7 };
    let watch = Watch {
        segments: [("s".into(), inside)].into(),
        pending: vec![Pending::new(&order(2, "o", 1), &[1; 16])],
        ..Watch::default()
    };
    let wake = WakeChange::Set(Some(day(4)));
    let waits = Decision { watch: Some(watch.clone()), wake, ..Decision::none(seen.number, seen.version) };
    store.decide(batch(vec![waits])).await.unwrap();
    backup(&store, &place.file).await;
    store.close().await.unwrap();
    lose(&place.store);

    let (store, _) = restore(&place.file, &place.store, day(10)).await;
    for delivery in &queued {
        let found = store.delivery(delivery.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.reason), (State::Held, Some(Reason::Restored)));
    }
    assert!(store.lanes().await.unwrap().is_empty() && store.open_ticks().await.unwrap().is_empty());
    assert_eq!(store.recover(day(10)).await.unwrap(), 0);
    let until: Vec<Time> = store.planned().await.unwrap().into_iter().map(|planned| planned.until).collect();
    assert_eq!(until, [day(10)]);
    let expected = RuleState { live_since: Some(day(10)), steps: [("s".into(), day(10))].into(), ..state };
    let states = store.rule_states().await.unwrap();
    assert_eq!(states, [("a".into(), expected), ("b".into(), RuleState::default())]);
    let seen = customer(&store, "c", 10).await.customer;
    assert_eq!(seen.wake, Some(day(10)));
    let inside = Membership { crossings: 3 + (1 << 20), ..inside };
    assert_eq!(seen.watch, Watch { segments: [("s".into(), inside)].into(), pending: vec![], quiet: true, ..watch });
    assert_eq!(store.take_dirty(day(10), 9, crate::store::contract::sample::DAY).await.unwrap(), [CustomerNumber(1)]);
}

#[tokio::test]
async fn what_was_withdrawn_and_suppressed_after_the_backup_is_so_again() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    for (id, granted) in [("a", true), ("b", true), ("back", false), ("both", true)] {
        ingest(&store, vec![profile(id, says(1, granted))]).await;
    }
    ingest(&store, vec![merge("b", "b2", 2), profile("a", row(2, &[("email", "Ana@x.example")]))]).await;
    let suppression = |address: &str, n| Suppression { address: address.into(), reason: "manual".into(), at: day(n) };
    store.suppress(vec![suppression("freed@x.example", 1), suppression("kept@x.example", 1)]).await.unwrap();
    backup(&store, &place.file).await;
    ingest(&store, vec![profile("a", says(3, false)), profile("b", says(3, false))]).await;
    ingest(&store, vec![profile("back", says(3, true)), profile("new", says(3, false))]).await;
    ingest(&store, vec![profile("both", says(3, false)), profile("both", says(4, true))]).await;
    store.suppress(vec![suppression("ana@x.example", 3), suppression("Unknown@x.example", 3)]).await.unwrap();
    store.unsuppress("freed@x.example").await.unwrap();
    store.close().await.unwrap();
    lose(&place.store);

    let (store, done) = restore(&place.file, &place.store, day(10)).await;
    assert_eq!((done.withdrawn, done.granted, done.kept), (2, 1, 1), "{done:?}");
    assert_eq!((done.suppressed, done.unsuppressed, done.unreadable), (2, 1, 0), "{done:?}");
    for (id, granted) in [("a", false), ("b2", false), ("back", true), ("both", true)] {
        assert_eq!(customer(&store, id, 10).await.customer.consents_to("marketing"), granted, "{id}");
    }
    let of = async |address: &str| store.suppression(address).await.unwrap().map(|found| (found.address, found.at));
    assert_eq!(of("ANA@x.example").await, Some(("ana@x.example".into(), day(3))));
    assert_eq!(of("unknown@X.example").await, Some(("unknown@x.example".into(), day(3))));
    assert_eq!(of("kept@x.example").await, Some(("kept@x.example".into(), day(1))));
    assert_eq!(of("freed@x.example").await, None);
    assert!(store.unsuppress("unknown@x.example").await.unwrap(), "by whoever names it");
    assert_eq!(of("unknown@x.example").await, None);
    // Who is not in the backup comes again, and is the one who had withdrawn; once they come.
    ingest(&store, vec![profile("new", row(11, &[("plan", "pro")]))]).await;
    let new = customer(&store, "new", 11).await.customer;
    assert_eq!(new.consent["marketing"].at, day(3));
    assert!(!new.consents_to("marketing") && new.text("plan") == Some("pro"));
    store.close().await.unwrap();
    // The store is lost a second time: the journal of both lives tells the same.
    lose(&place.store);
    let (store, done) = restore(&place.file, &place.store, day(12)).await;
    assert_eq!((done.withdrawn, done.granted), (2, 1), "{done:?}");
    assert_eq!(store.suppression("unknown@x.example").await.unwrap(), None);
    let said = journal::read(&journal::folder_of(&place.store), &key).unwrap();
    let rounds: Vec<u64> = said.entries.iter().map(|entry| entry.round).collect();
    assert!(rounds.is_sorted(), "rounds of a later life come later: {rounds:?}");
}

#[tokio::test]
async fn a_store_restored_elsewhere_takes_its_journal_along_if_it_is_named() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    ingest(&store, vec![profile("a", says(1, true))]).await;
    backup(&store, &place.file).await;
    ingest(&store, vec![profile("a", says(2, false))]).await;
    let key = store.delivery_key();
    store.close().await.unwrap();
    let other = place.parent.path().join("other");
    let mut request = request(&place.file, &other, day(10));
    request.journal = Some(place.parent.path().to_owned());
    let refused = Restoring::begin(request.clone()).unwrap_err();
    assert!(matches!(refused, crate::store::StoreError::Journal(_)), "{refused}");
    request.journal = Some(journal::folder_of(&place.store));
    let restoring = Restoring::begin(request).unwrap();
    assert_eq!(restoring.reapply().await.unwrap().withdrawn, 1);
    restoring.finish().await.unwrap();
    let entries = journal::read(&journal::folder_of(&other), &key).unwrap().entries;
    assert_eq!(entries.len(), 2, "what was brought, and what was done again: {entries:?}");
}

#[tokio::test]
async fn who_was_erased_after_the_backup_is_erased_again_and_what_they_withdrew_stays() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    ingest(&store, vec![profile("a", says(1, false)), arrival("a", order(1, "o", 5)), merge("anon", "a", 2)]).await;
    let seen = customer(&store, "a", 2).await;
    let mut made = decision(&seen, vec![mail(1, &seen, 3)]);
    made.members = vec![("win-back".into(), true)];
    made.wake = WakeChange::Set(Some(day(9)));
    store.decide(batch(vec![made])).await.unwrap();
    customers(&store, &["b"]).await;
    backup(&store, &place.file).await;
    store.close().await.unwrap();
    let mut journal = journal::Journal::new(&journal::folder_of(&place.store), &key);
    journal.append(1000, vec![Record::Erased { customer: key.hash_of_customer("a"), at: day(4) }]).unwrap();
    lose(&place.store);

    let (store, done) = restore(&place.file, &place.store, day(10)).await;
    assert_eq!(done.erased, 1);
    for id in ["a", "anon"] {
        assert!(store.customer(id, &crate::store::contract::sample::view(10)).await.unwrap().is_none());
    }
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.customers, stats.deliveries.iter().map(|(_, count)| count).sum::<u64>()), (1, 0));
    assert!(store.members("win-back", None, 9).await.unwrap().is_empty());
    ingest(&store, vec![profile("anon", row(11, &[("plan", "pro")]))]).await;
    assert!(!customer(&store, "anon", 11).await.customer.consents_to("marketing"));
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_no_store_and_is_begun_anew() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    customers(&store, &["a"]).await;
    backup(&store, &place.file).await;
    store.close().await.unwrap();
    lose(&place.store);
    drop(Restoring::begin(request(&place.file, &place.store, day(10))).unwrap());
    assert!(place.store.join("restoring").exists() && open(&place.store, OpenMode::MustExist).is_err());
    // The mark is put in place first.
    std::fs::rename(place.store.join("restoring/store.mark"), place.store.join("store.mark")).unwrap();
    assert!(open(&place.store, OpenMode::MustExist).is_err());
    let (store, _) = restore(&place.file, &place.store, day(10)).await;
    assert_eq!(store.stats().await.unwrap().customers, 1);
    assert!(!place.store.join("restoring").exists());
}
