use super::sample::{
    DAY, arrival, batch, change, customer, customers, day, decision, id, ingest, interest, mail, order, tick, view,
    webhook,
};
use crate::domain::{Class, CustomerNumber, Delivery, Lane, Planned, Reason, RuleState, State, Tick};
use crate::store::{DecisionBatch, DuplicateKey, LaneStatus, Marking, SlotChange, Store, StoreError, Urgency};
use futures_util::future::join_all;

pub(super) async fn a_decision_is_stored_whole(store: &dyn Store) {
    let before = customers(store, &["c"]).await.remove(0);
    let deliveries = vec![mail(1, &before, 2), webhook(2, &before, 3, "crm")];
    let decided = decision(&before, deliveries.clone());
    let rules = vec![("win-back".into(), RuleState { paused: Some(Reason::Brake), ..RuleState::default() })];
    let whole =
        DecisionBatch { rules: rules.clone(), tick: Some(tick(1, &["win-back"])), ..batch(vec![decided.clone()]) };
    store.decide(whole).await.unwrap();

    let after = customer(store, "c", 1).await;
    assert!(after.version > before.version);
    assert_eq!(after.customer.memory["win-back"], decided.memories[0].1);
    assert_eq!(after.customer.slots, decided.slots);
    assert_eq!(store.enrollments(before.number, 9).await.unwrap(), decided.enrollments);
    assert_eq!(store.delivery(id(1)).await.unwrap().as_ref(), Some(&deliveries[0]));
    assert_eq!(store.delivery(id(2)).await.unwrap().as_ref(), Some(&deliveries[1]));
    assert_eq!(store.rule_states().await.unwrap(), rules);
    assert_eq!(store.open_ticks().await.unwrap(), [tick(1, &["win-back"])]);
}

pub(super) async fn a_changed_customer_is_a_conflict(store: &dyn Store) {
    let both = customers(store, &["c", "d"]).await;
    ingest(store, vec![arrival("d", order(1, "o", 1))]).await;
    let decisions =
        vec![decision(&both[0], vec![mail(1, &both[0], 2)]), decision(&both[1], vec![mail(2, &both[1], 2)])];
    assert!(matches!(store.decide(batch(decisions)).await, Err(StoreError::Conflict)));
    assert_eq!(store.delivery(id(1)).await.unwrap(), None, "nothing is half done");
    assert_eq!(customer(store, "c", 1).await, both[0]);
    let mut nobody = decision(&both[0], vec![]);
    nobody.customer = CustomerNumber(99);
    assert!(matches!(store.decide(batch(vec![nobody])).await, Err(StoreError::Conflict)));
}

pub(super) async fn an_enrollment_that_exists_is_a_duplicate_and_nothing_is_stored(store: &dyn Store) {
    let first = customers(store, &["c", "d"]).await.remove(0);
    store.decide(batch(vec![decision(&first, vec![mail(1, &first, 2)])])).await.unwrap();
    let (again, other) = (customer(store, "c", 1).await, customer(store, "d", 1).await);
    let mut twice = decision(&again, vec![mail(3, &again, 2)]);
    twice.enrollments[0].occurrence = "o1".into();
    let decisions = vec![decision(&other, vec![mail(4, &other, 2)]), twice];
    let Err(StoreError::Duplicate(keys)) = store.decide(batch(decisions)).await else { panic!("no duplicate") };
    assert_eq!(keys, [DuplicateKey::Enrollment("win-back".into(), first.number.0, "o1".into())]);
    for unwanted in [id(3), id(4)] {
        assert_eq!(store.delivery(unwanted).await.unwrap(), None);
    }
    assert_eq!(customer(store, "d", 1).await, other);
}

pub(super) async fn a_delivery_that_exists_is_a_duplicate(store: &dyn Store) {
    let first = customers(store, &["c"]).await.remove(0);
    store.decide(batch(vec![decision(&first, vec![mail(1, &first, 2)])])).await.unwrap();
    let again = customer(store, "c", 1).await;
    let mut twice = decision(&again, vec![Delivery { occurrence: "o9".into(), ..mail(1, &again, 2) }]);
    twice.slots.clear();
    let Err(StoreError::Duplicate(keys)) = store.decide(batch(vec![twice])).await else { panic!("no duplicate") };
    assert_eq!(keys, [DuplicateKey::Delivery(id(1))]);
    let mut same = decision(&again, vec![mail(2, &again, 2), mail(2, &again, 2)]);
    same.enrollments.clear();
    let Err(StoreError::Duplicate(keys)) = store.decide(batch(vec![same])).await else { panic!("no duplicate") };
    assert_eq!(keys, [DuplicateKey::Delivery(id(2))]);
}

pub(super) async fn a_tick_holds_its_deliveries_back_until_it_is_complete(store: &dyn Store) {
    let both = customers(store, &["c", "d"]).await;
    store.plan(vec![tick(2, &["win-back"])], vec![]).await.unwrap();
    let of_tick = |n: u8| Delivery { tick: Some(day(2)), ..mail(n, &both[usize::from(n) - 1], 2) };
    let page = |n: u8, complete| DecisionBatch {
        tick: Some(Tick { cursor: Some(both[usize::from(n) - 1].number), complete, ..tick(2, &["win-back"]) }),
        ..batch(vec![decision(&both[usize::from(n) - 1], vec![of_tick(n)])])
    };
    store.decide(page(1, false)).await.unwrap();
    let lane = Lane::Mail(Class::Marketing);
    assert_eq!(store.claim(&lane, day(9), 9, DAY).await.unwrap(), []);
    assert_eq!(store.lanes().await.unwrap(), []);
    assert_eq!(store.open_ticks().await.unwrap()[0].cursor, Some(both[0].number));
    store.decide(page(2, true)).await.unwrap();
    assert_eq!(store.open_ticks().await.unwrap(), []);
    assert_eq!(store.lanes().await.unwrap(), [LaneStatus { lane: lane.clone(), next_due: day(2) }]);
    assert_eq!(store.claim(&lane, day(9), 9, DAY).await.unwrap(), [of_tick(1), of_tick(2)]);
}

pub(super) async fn planning_is_remembered_and_ticks_take_in_new_members(store: &dyn Store) {
    let planned = |rule: &str, n| Planned { rule: rule.into(), zone: "UTC".into(), until: day(n) };
    store.plan(vec![tick(5, &["a"]), tick(3, &["a"])], vec![planned("a", 5), planned("b", 1)]).await.unwrap();
    let began = Tick { cursor: Some(CustomerNumber(7)), ..tick(5, &["a"]) };
    store.decide(DecisionBatch { tick: Some(began.clone()), ..batch(vec![]) }).await.unwrap();
    store.plan(vec![tick(5, &["a"])], vec![planned("a", 6)]).await.unwrap();
    assert_eq!(store.open_ticks().await.unwrap(), [tick(3, &["a"]), began]);
    store.plan(vec![tick(5, &["b"])], vec![]).await.unwrap();
    assert_eq!(store.open_ticks().await.unwrap(), [tick(3, &["a"]), tick(5, &["a", "b"])]);
    assert_eq!(store.planned().await.unwrap(), [planned("a", 6), planned("b", 1)]);
}

pub(super) async fn rule_states_are_replaced(store: &dyn Store) {
    let state = |n| RuleState { live_since: Some(day(n)), trigger: "0 10 * * *".into(), ..RuleState::default() };
    store.set_rule_states(vec![("b".into(), state(1)), ("a".into(), state(2))]).await.unwrap();
    store.set_rule_states(vec![("b".into(), state(3))]).await.unwrap();
    assert_eq!(store.rule_states().await.unwrap(), [("a".into(), state(2)), ("b".into(), state(3))]);
    assert_eq!(store.customers(None, CustomerNumber(9), 9, &view(1)).await.unwrap(), []);
}

pub(super) async fn decisions_and_arrivals_at_once_lose_nothing(store: &dyn Store) {
    customers(store, &["c"]).await;
    let arrivals = (0..15).map(async |n: i64| {
        let urgency = if n % 3 == 0 { Urgency::Background } else { Urgency::Interactive };
        store
            .ingest(vec![arrival("c", order(n, &format!("o{n}"), 1))], &interest(), urgency, Marking::Leave)
            .await
            .unwrap();
    });
    let decisions = (1..=15).map(async |n: u8| {
        loop {
            let seen = customer(store, "c", 20).await;
            let mut decided = decision(&seen, vec![mail(n, &seen, 20)]);
            decided.memories[0].0 = format!("rule {n}").into();
            match store.decide(batch(vec![decided])).await {
                Ok(()) => break,
                Err(StoreError::Conflict) => {}
                Err(other) => panic!("{other}"),
            }
        }
        let mut moved = change(&store.delivery(id(n)).await.unwrap().unwrap(), State::Deferred);
        moved.slot = SlotChange::Move(day(21));
        store.record(vec![moved], Urgency::Interactive).await.unwrap();
    });
    tokio::join!(join_all(arrivals), join_all(decisions));
    let seen = customer(store, "c", 20).await.customer;
    assert_eq!((seen.activity.orders.count, seen.memory.len()), (15, 15));
    assert_eq!(seen.slots.iter().filter(|slot| slot.at == day(21)).count(), 15);
    assert_eq!(store.enrollments(CustomerNumber(1), 99).await.unwrap().len(), 15);
}
