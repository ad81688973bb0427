use super::sample::{
    DAY, EVERYONE, arrival, backtest, batch, change, customer, customers, dated, day, decision, id, ingest, interest,
    look, mail, mark, merge, order, profile, row, view,
};
use crate::domain::{Class, CustomerNumber, Event, ProfileRow, RuleMemory, State, Text, Value, anonymous_id};
use crate::store::{
    Decision, DeliveryFilter, DuplicateKey, Marking, SlotChange, Store, StoreError, StoredCustomer, Urgency, Verdict,
    WakeChange,
};
use futures_util::future::join_all;

async fn number(store: &dyn Store, id: &str) -> Option<u64> {
    store.customer(id, &view(99)).await.unwrap().map(|seen| seen.number.0)
}

/// Numbers and ids of all customers.
async fn everybody(store: &dyn Store) -> Vec<(u64, Text)> {
    let page = store.customers(None, EVERYONE, 99, &view(99)).await.unwrap();
    page.into_iter().map(|seen| (seen.number.0, seen.customer.id)).collect()
}

/// Customers who are read by number, and then those who are read by id.
async fn given(store: &dyn Store, numbers: Vec<CustomerNumber>, ids: &[&str]) -> Vec<StoredCustomer> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(8);
    let work = || {
        let sender = sender.clone();
        Box::new(move |found: &mut dyn Iterator<Item = StoredCustomer>| found.for_each(|one| sender.send(one).unwrap()))
    };
    store.with_customers_of(numbers, &view(9), work()).await.unwrap();
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    store.with_customers_named(ids, &view(9), work()).await.unwrap();
    drop(sender);
    receiver.iter().collect()
}

pub(super) async fn an_id_that_nobody_has_becomes_another_of_one_customer(store: &dyn Store) {
    ingest(store, vec![arrival("known", order(1, "o1", 5))]).await;
    let before = customer(store, "known", 9).await;
    let told = vec![merge("early", "known", 2), merge("known", "new", 3), merge("a", "b", 4)];
    assert_eq!(ingest(store, told).await, [Verdict::Stored; 3]);
    assert_eq!(everybody(store).await, [(1, "new".into()), (2, "b".into())]);
    for (name, expected) in [("known", 1), ("early", 1), ("new", 1), ("a", 2), ("b", 2)] {
        assert_eq!(number(store, name).await, Some(expected), "{name}");
    }
    assert!(customer(store, "known", 9).await.version > before.version);
    assert_eq!(customer(store, "a", 9).await.customer.arrived_at, day(4));
    ingest(store, vec![arrival("a", order(5, "o2", 7)), arrival("early", order(5, "o3", 7))]).await;
    assert_eq!(customer(store, "b", 9).await.customer.activity.orders.revenue, 7.into());
    assert_eq!(customer(store, "new", 9).await.customer.activity.orders.revenue, 12.into());
    assert_eq!(store.stats().await.unwrap().customers, 2);
}

pub(super) async fn two_customers_become_one(store: &dyn Store) {
    ingest(
        store,
        vec![arrival("old", order(1, "o1", 5)), dated("old", 3, row(4, &[("plan", "free"), ("city", "Pula")]))],
    )
    .await;
    ingest(store, vec![arrival("new", order(2, "o2", 7)), dated("new", 2, row(4, &[("plan", "pro"), ("lang", "hr")]))])
        .await;
    for (name, n, enrolled) in [("new", 1, 5), ("old", 2, 6)] {
        let seen = customer(store, name, 9).await;
        let mut decision = decision(&seen, vec![mail(n, &seen, i64::from(n))]);
        (decision.memories[0].1.enrolled_at, decision.enrollments[0].entered_at) = (day(enrolled), day(enrolled));
        store.decide(batch(vec![decision])).await.unwrap();
    }
    assert_eq!(ingest(store, vec![merge("old", "new", 8)]).await, [Verdict::Stored]);

    let seen = customer(store, "old", 9).await;
    assert_eq!(seen, customer(store, "new", 9).await);
    assert_eq!(Some(seen.clone()), store.customer_by_number(CustomerNumber(1), &view(9)).await.unwrap());
    let asked = [2, 7, 1].map(CustomerNumber).into();
    assert_eq!(
        given(store, asked, &["nobody", "old", "new"]).await,
        vec![seen.clone(); 3],
        "1 is nobody's own any more"
    );
    assert_eq!(everybody(store).await, [(2, "new".into())]);
    assert_eq!((store.last_customer(), store.stats().await.unwrap().customers), (CustomerNumber(2), 1));
    let one = &seen.customer;
    assert_eq!((one.arrived_at, one.updated_at), (day(1), day(3)));
    assert_eq!(["plan", "city", "lang"].map(|name| one.text(name)), [Some("free"), Some("Pula"), Some("hr")]);
    assert_eq!((one.activity.orders.count, one.activity.orders.revenue), (2, 12.into()));
    assert_eq!((one.activity.orders.first_at, one.activity.orders.last_at), (Some(day(1)), Some(day(2))));
    let memory =
        RuleMemory { occurrence: "o2".into(), enrolled_at: day(6), enrollments: 2, held_out: false, sent_at: None };
    assert_eq!(one.memory["win-back"], memory);
    assert_eq!(one.slots.iter().map(|slot| slot.delivery).collect::<Vec<_>>(), [id(1), id(2)]);
    for number in [CustomerNumber(1), CustomerNumber(2)] {
        let events = store.events(number, None, 9).await.unwrap();
        assert_eq!(events, [order(2, "o2", 7), order(1, "o1", 5)]);
        assert_eq!(store.events(number, Some(day(2)), 9).await.unwrap(), events[1..]);
        let enrolled = store.enrollments(number, 9).await.unwrap();
        assert_eq!(enrolled.iter().map(|it| it.occurrence.as_str()).collect::<Vec<_>>(), ["o2", "o1"]);
    }
    let past = store.customer("old", &backtest(2)).await.unwrap().unwrap().customer;
    assert_eq!((past.text("plan"), past.text("city")), (Some("pro"), None));
    ingest(store, vec![arrival("old", order(9, "o3", 1)), dated("new", 1, row(9, &[("city", "Split")]))]).await;
    let one = customer(store, "new", 9).await.customer;
    assert_eq!((one.activity.orders.count, one.text("city")), (3, Some("Pula")), "an older row changes nothing newer");
    assert_eq!(ingest(store, vec![arrival("new", order(1, "o1", 5))]).await, [Verdict::Duplicate]);
}

pub(super) async fn a_purchase_that_both_know_counts_once_and_the_earlier_counts(store: &dyn Store) {
    let twin =
        |n: i64, id: &str, revenue| Event { message_id: Some(format!("twin {id}").into()), ..order(n, id, revenue) };
    ingest(store, vec![arrival("old", order(3, "o1", 30)), arrival("old", order(4, "o2", 4))]).await;
    ingest(store, vec![arrival("new", twin(2, "o1", 20)), arrival("new", order(5, "o3", 5)), merge("old", "new", 6)])
        .await;
    let seen = customer(store, "new", 9).await.customer.activity;
    assert_eq!((seen.orders.count, seen.orders.revenue), (3, 29.into()));
    assert_eq!(seen.totals("Order Completed").unwrap().count, 4, "all happened");
    ingest(store, vec![arrival("old", twin(7, "o2", 70)), arrival("new", twin(1, "o3", 1))]).await;
    let seen = customer(store, "new", 9).await.customer.activity;
    assert_eq!((seen.orders.count, seen.orders.revenue), (3, 25.into()), "also of those that come later");
}

pub(super) async fn merging_again_or_back_or_along_a_chain_changes_nothing(store: &dyn Store) {
    customers(store, &["a", "b", "c"]).await;
    assert_eq!(ingest(store, vec![merge("a", "b", 1), merge("b", "c", 2)]).await, [Verdict::Stored; 2]);
    let before = customer(store, "a", 9).await;
    assert_eq!((before.number, before.customer.id.as_str()), (CustomerNumber(3), "c"));
    assert_eq!(before.customer.absorbed, [CustomerNumber(2), CustomerNumber(1)]);
    let again = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("c", "b"), ("c", "c"), ("x", "x")];
    let told = again.map(|(from, into)| merge(from, into, 3)).to_vec();
    assert_eq!(ingest(store, told).await, [Verdict::Duplicate; 7]);
    assert_eq!(customer(store, "c", 9).await, before);
    assert_eq!(number(store, "x").await, None, "nobody is made by it");
    // Who is merged into an id that was given up is merged into whom it means now.
    ingest(store, vec![profile("d", row(4, &[("plan", "pro")])), merge("d", "a", 4)]).await;
    assert_eq!(everybody(store).await, [(3, "c".into())]);
    assert_eq!(customer(store, "d", 9).await.customer.text("plan"), Some("pro"));
}

pub(super) async fn an_anonymous_id_joins_one_customer_only(store: &dyn Store) {
    let device = anonymous_id("device");
    ingest(store, vec![arrival(&device, order(1, "o1", 5)), profile("ana", row(2, &[("plan", "pro")]))]).await;
    assert_eq!(ingest(store, vec![merge(&device, "ana", 2)]).await, [Verdict::Stored]);
    ingest(store, vec![profile("bo", row(3, &[("plan", "free")]))]).await;
    let told = vec![merge(&device, "bo", 3), merge(&device, "nobody", 3)];
    assert_eq!(ingest(store, told).await, [Verdict::Duplicate; 2]);
    assert_eq!(number(store, "nobody").await, None);
    assert_eq!(customer(store, "bo", 9).await.customer.activity.orders.count, 0);
    assert_eq!(customer(store, &device, 9).await.customer.id, "ana");
    let (phone, tablet) = (anonymous_id("phone"), anonymous_id("tablet"));
    let told = vec![arrival(&phone, order(4, "o2", 7)), merge(&phone, &tablet, 4), merge(&tablet, "bo", 4)];
    assert_eq!(ingest(store, told).await, [Verdict::Stored; 3], "of two that nobody has, one becomes the other's");
    assert_eq!(customer(store, &phone, 9).await.customer.id, "bo");
    assert_eq!(customer(store, "bo", 9).await.customer.activity.orders.count, 1);
    assert_eq!(number(store, "device").await, None, "an id of the other kind is another id");
}

pub(super) async fn what_follows_a_merge_in_one_call_sees_it(store: &dyn Store) {
    let told = vec![
        arrival("a", order(1, "o1", 1)),
        profile("b", row(1, &[("plan", "pro")])),
        merge("a", "b", 2),
        arrival("a", order(3, "o2", 2)),
        profile("a", row(3, &[("plan", "max")])),
        arrival("b", order(4, "o3", 4)),
        merge("b", "a", 4),
        merge("b", "c", 5),
        arrival("a", order(5, "o4", 8)),
        arrival("c", order(6, "o4", 16)),
    ];
    let mut expected = [Verdict::Stored; 10];
    expected[6] = Verdict::Duplicate;
    assert_eq!(ingest(store, told).await, expected);
    assert_eq!(everybody(store).await, [(2, "c".into())]);
    let one = customer(store, "a", 9).await.customer;
    assert_eq!((one.activity.orders.count, one.activity.orders.revenue), (4, 15.into()));
    assert_eq!((one.text("plan"), store.stats().await.unwrap().customers), (Some("max"), 1));
}

fn consent(received: i64, granted: bool) -> ProfileRow {
    ProfileRow { consent: [("marketing".into(), granted)].into(), ..row(received, &[]) }
}

pub(super) async fn an_objection_to_marketing_is_not_lost(store: &dyn Store) {
    // Of one instant, whoever was told first and whichever of them is left.
    for n in 0..4 {
        let (one, other) = (format!("one{n}"), format!("other{n}"));
        let (ours, theirs) = (n % 2 == 0, n % 2 == 1);
        ingest(store, vec![dated(&one, 5, consent(6, ours)), dated(&other, 5, consent(7, theirs))]).await;
        ingest(store, vec![if n < 2 { merge(&one, &other, 8) } else { merge(&other, &one, 8) }]).await;
        let seen = customer(store, &one, 9).await.customer;
        assert!(!seen.consents_to("marketing"), "{n}");
        assert_eq!(seen.consent["marketing"].at, day(5));
        ingest(store, vec![dated(&one, 5, consent(9, true))]).await;
        assert!(!customer(store, &one, 9).await.customer.consents_to("marketing"));
        ingest(store, vec![dated(&one, 6, consent(9, true))]).await;
        assert!(customer(store, &one, 9).await.customer.consents_to("marketing"), "the later word counts");
    }
}

pub(super) async fn a_first_row_since_always_is_the_first_of_both(store: &dyn Store) {
    // Told first by each, so each holds since always; of the two, what was told on day 7 holds from then.
    ingest(store, vec![profile("ana", consent(1, true)), profile("ana", consent(5, true))]).await;
    ingest(store, vec![profile("visitor", consent(7, false)), merge("visitor", "ana", 8)]).await;
    let one = customer(store, "ana", 9).await.customer;
    assert!(!one.consents_to("marketing"), "it was her last word");
    assert_eq!(one.consent["marketing"].at, day(7));
    assert!(store.customer("ana", &backtest(6)).await.unwrap().unwrap().customer.consents_to("marketing"));
    // Also where the one who is given up was told first.
    ingest(store, vec![profile("x", row(1, &[("plan", "free")])), profile("y", row(2, &[("plan", "pro")]))]).await;
    ingest(store, vec![merge("x", "y", 3), profile("x", row(4, &[("plan", "max")]))]).await;
    for (now, plan) in [(0, "free"), (1, "free"), (2, "pro"), (3, "pro"), (4, "max")] {
        let seen = store.customer("y", &backtest(now)).await.unwrap().unwrap();
        assert_eq!(seen.customer.text("plan"), Some(plan), "on day {now}");
    }
}

pub(super) async fn what_was_decided_on_either_record_is_a_conflict(store: &dyn Store) {
    let both = customers(store, &["a", "b"]).await;
    ingest(store, vec![merge("a", "b", 2)]).await;
    for seen in &both {
        let decided = store.decide(batch(vec![decision(seen, vec![mail(1, seen, 2)])])).await;
        assert!(matches!(decided, Err(StoreError::Conflict)), "{}", seen.customer.id);
    }
    assert_eq!(store.delivery(id(1)).await.unwrap(), None);
    let again = store.customer_by_number(both[0].number, &view(9)).await.unwrap().unwrap();
    assert_eq!(again.number, both[1].number);
    store.decide(batch(vec![decision(&again, vec![mail(1, &again, 2)])])).await.unwrap();
    // Where only a name is added the id may be another one, so that is a conflict, too.
    let seen = customer(store, "b", 9).await;
    ingest(store, vec![merge("b", "c", 3)]).await;
    let decided = store.decide(batch(vec![decision(&seen, vec![])])).await;
    assert!(matches!(decided, Err(StoreError::Conflict)));
}

pub(super) async fn no_occurrence_of_either_comes_twice(store: &dyn Store) {
    for seen in customers(store, &["a", "b", "c"]).await {
        let n = u8::try_from(seen.number.0).unwrap();
        store.decide(batch(vec![decision(&seen, vec![mail(n, &seen, 2)])])).await.unwrap();
    }
    ingest(store, vec![merge("a", "b", 2), merge("b", "c", 3)]).await;
    let seen = customer(store, "a", 9).await;
    for occurrence in ["o1", "o2", "o3"] {
        let mut twice = decision(&seen, vec![mail(9, &seen, 2)]);
        twice.enrollments[0].occurrence = occurrence.into();
        let Err(StoreError::Duplicate(keys)) = store.decide(batch(vec![twice])).await else { panic!("no duplicate") };
        assert_eq!(keys, [DuplicateKey::Enrollment("win-back".into(), seen.number.0, occurrence.into())]);
    }
    assert_eq!(store.delivery(id(9)).await.unwrap(), None);
    assert_eq!(store.enrollments(CustomerNumber(1), 9).await.unwrap().len(), 3);
}

pub(super) async fn deliveries_go_on_for_the_one_who_is_left(store: &dyn Store) {
    let both = customers(store, &["a", "b"]).await;
    for (seen, n) in both.iter().zip([1, 2]) {
        store.decide(batch(vec![decision(seen, vec![mail(n, seen, 2)])])).await.unwrap();
    }
    let claim = async |limit| store.claim(&mail(1, &both[0], 2).lane(), day(2), limit, DAY).await.unwrap();
    let in_hand = claim(1).await.remove(0);
    assert_eq!((in_hand.id, in_hand.customer), (id(1), both[0].number));
    ingest(store, vec![merge("a", "b", 2)]).await;
    store.record(vec![change(&in_hand, State::Sending)], Urgency::Interactive).await.unwrap();
    let stored = store.delivery(id(1)).await.unwrap().unwrap();
    assert_eq!((stored.customer, stored.customer_id.as_str()), (both[1].number, "a"));
    for name in ["a", "b"] {
        let filter = DeliveryFilter { customer: Some(name.into()), ..DeliveryFilter::default() };
        let listed = store.deliveries(&filter, None, 9).await.unwrap();
        assert_eq!(listed.iter().map(|it| (it.id, it.customer.0)).collect::<Vec<_>>(), [(id(1), 2), (id(2), 2)]);
    }
    let nobody = DeliveryFilter { customer: Some("c".into()), ..DeliveryFilter::default() };
    assert_eq!(store.deliveries(&nobody, None, 9).await.unwrap(), []);
    let later = crate::store::DeliveryChange { slot: SlotChange::Move(day(5)), ..change(&stored, State::Deferred) };
    store.record(vec![later], Urgency::Interactive).await.unwrap();
    let slots = customer(store, "b", 9).await.customer.slots;
    assert_eq!(
        slots.iter().map(|slot| (slot.delivery, slot.at)).collect::<Vec<_>>(),
        [(id(2), day(2)), (id(1), day(5))]
    );
    let claimed = claim(9).await;
    assert_eq!(claimed.iter().map(|it| (it.id, it.customer.0)).collect::<Vec<_>>(), [(id(1), 2), (id(2), 2)]);
}

pub(super) async fn the_earlier_wake_stands_and_a_lease_on_the_other_ends(store: &dyn Store) {
    mark(store, vec![profile("a", row(3, &[])), profile("b", row(5, &[]))]).await;
    assert_eq!(store.take_dirty(day(3), 9, DAY).await.unwrap(), [CustomerNumber(1)]);
    ingest(store, vec![merge("a", "b", 6)]).await;
    assert_eq!(customer(store, "a", 9).await.customer.wake, Some(day(3)));
    assert_eq!(store.take_dirty(day(3), 9, DAY).await.unwrap(), [CustomerNumber(2)]);
    store.release_dirty(&[CustomerNumber(1)]).await;
    assert!(store.take_dirty(day(3), 9, DAY).await.unwrap().is_empty(), "it was a lease on somebody else");
    look(store, "b", None).await;
    assert_eq!(store.next_wake().await.unwrap(), None);
    mark(store, vec![merge("c", "d", 4), merge("e", "c", 5), merge("a", "b", 5)]).await;
    assert_eq!(store.next_wake().await.unwrap(), Some(day(4)));
    assert_eq!(store.take_dirty(day(9), 9, DAY).await.unwrap(), [CustomerNumber(3)], "no other was changed");
    assert_eq!(customer(store, "e", 9).await.customer.wake, Some(day(4)));
}

pub(super) async fn a_merge_in_the_background_of_many_is_seen_by_all_behind_it(store: &dyn Store) {
    let mut told = Vec::new();
    for n in 0..600 {
        let (visitor, name) = (anonymous_id(&format!("v{}", n % 30)), format!("c{}", n % 30));
        told.push(arrival(&visitor, order(n, &format!("o{n}"), 1)));
        told.push(profile(&visitor, row(n, &[("last", &n.to_string())])));
        if (240..270).contains(&n) {
            told.push(arrival(&name, order(n, &format!("p{n}"), 1)));
            told.push(merge(&visitor, &name, n));
        }
    }
    let verdicts = store.ingest(told, &interest(), Urgency::Background, Marking::Leave).await.unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Stored));
    assert_eq!((everybody(store).await.len(), store.stats().await.unwrap().customers), (30, 30));
    for n in 570..600 {
        let one = customer(store, &anonymous_id(&format!("v{}", n % 30)), 600).await.customer;
        assert_eq!((one.id.as_str(), one.activity.orders.count), (format!("c{}", n % 30).as_str(), 21));
        assert_eq!(one.attributes["last"], Value::Text(n.to_string().into()));
    }
}

pub(super) async fn merges_arrivals_and_decisions_at_once_lose_nothing(store: &dyn Store) {
    // Eight customers who become one, while events come for all of them and both ways of deciding go on.
    let name = |n: i64| format!("c{n}");
    let arrivals = (0..80).map(async |n: i64| {
        let urgency = if n % 3 == 0 { Urgency::Background } else { Urgency::Interactive };
        let mut told = vec![arrival(&name(n % 8), order(n, &format!("o{n}"), 1))];
        if n % 8 > 0 && n >= 40 {
            told.push(merge(&name(n % 8), &name(n % 8 - 1), n));
        }
        store.ingest(told, &interest(), urgency, Marking::Dirty).await.unwrap();
    });
    let deciders = (0..20_u8).map(async |n| {
        loop {
            let Some(seen) = store.customer(&name(i64::from(n % 8)), &view(99)).await.unwrap() else {
                tokio::task::yield_now().await;
                continue;
            };
            let mut decision = decision(&seen, vec![mail(n, &seen, 2)]);
            let before = seen.customer.memory.get("win-back").map_or(0, |memory| memory.enrollments);
            decision.memories[0].1.enrollments = before + 1;
            match store.decide(batch(vec![Decision { wake: WakeChange::Keep, ..decision }])).await {
                Ok(()) => break,
                Err(StoreError::Conflict) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    tokio::join!(join_all(arrivals), join_all(deciders));
    let all = everybody(store).await;
    assert_eq!((all.len(), store.stats().await.unwrap().customers), (1, 1), "{all:?}");
    let one = customer(store, &name(7), 99).await;
    assert_eq!((one.customer.activity.orders.count, one.customer.memory["win-back"].enrollments), (80, 20));
    assert_eq!(store.enrollments(one.number, 99).await.unwrap().len(), 20);
    assert_eq!(store.events(one.number, None, 99).await.unwrap().len(), 80);
    assert_eq!(one.customer.slots.iter().filter(|slot| slot.class == Class::Marketing).count(), 20);
    assert_eq!(store.take_dirty(day(99), 9, DAY).await.unwrap(), [one.number]);
}
