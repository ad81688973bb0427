use super::sample::{
    DAY, arrival, backtest, batch, begin, change, customer, customers, day, decision, id, ingest, look, mail, mark,
    merge, order, profile, row, view, watched,
};
use crate::domain::{
    Active, Arrival, CustomerNumber, Ending, EnrollmentChange, Entry, Event, Membership, Pending, Reason, State, Text,
    Watch,
};
use crate::store::{
    Decision, DeliveryChange, Marking, Store, StoreError, StoredCustomer, Urgency, Verdict, WakeChange,
};
use futures_util::future::join_all;

/// An event that may start a rule.
fn cart(n: i64, id: &str) -> Event {
    Event { name: "Cart Updated".into(), ..order(n, id, 1) }
}

async fn told(store: &dyn Store, arrivals: Vec<Arrival>, marking: Marking) -> Vec<Verdict> {
    store.ingest(arrivals, &watched(), Urgency::Interactive, marking).await.unwrap()
}

async fn watch(store: &dyn Store, id: &str) -> Watch {
    customer(store, id, 99).await.customer.watch
}

/// Ids of the events that wait.
async fn waiting(store: &dyn Store, id: &str) -> Vec<Text> {
    watch(store, id).await.pending.into_iter().map(|pending| pending.id).collect()
}

fn nothing(seen: &StoredCustomer) -> Decision {
    Decision::none(seen.number, seen.version)
}

async fn hold(store: &dyn Store, id: &str, members: &[(&str, bool)]) {
    let members = members.iter().map(|(rule, holds)| ((*rule).into(), *holds)).collect();
    let decided = Decision { members, ..nothing(&customer(store, id, 9).await) };
    store.decide(batch(vec![decided])).await.unwrap();
}

async fn members(store: &dyn Store, rule: &str) -> Vec<u64> {
    store.members(rule, None, 99).await.unwrap().iter().map(|number| number.0).collect()
}

pub(super) async fn what_is_marked_quiet_says_so_and_nothing_waits(store: &dyn Store) {
    told(store, vec![arrival("a", cart(1, "e1")), profile("b", row(2, &[]))], Marking::Leave).await;
    assert_eq!([watch(store, "a").await, watch(store, "b").await], [Watch::default(), Watch::default()]);
    let quiet = Watch { quiet: true, ..Watch::default() };
    told(store, vec![arrival("a", cart(2, "e2")), profile("b", row(2, &[])), merge("b", "c", 3)], Marking::Quiet).await;
    for (id, at) in [("a", 2), ("b", 2)] {
        let seen = customer(store, id, 9).await.customer;
        assert_eq!((seen.wake, seen.watch), (Some(day(at)), quiet.clone()), "{id}");
    }
    told(store, vec![arrival("a", cart(3, "e3")), profile("d", row(3, &[]))], Marking::Dirty).await;
    assert!(watch(store, "a").await.quiet, "until somebody looks");
    assert!(!watch(store, "d").await.quiet);
    let seen = customer(store, "a", 9).await;
    store.decide(batch(vec![Decision { watch: Some(Watch::default()), ..nothing(&seen) }])).await.unwrap();
    assert_eq!(watch(store, "a").await, Watch::default());
}

pub(super) async fn events_that_may_start_something_wait_in_order(store: &dyn Store) {
    let later = Event { message_id: Some("b".into()), ..cart(3, "") };
    let of_one_instant = Event { message_id: Some("a".into()), ..cart(3, "") };
    let unnamed = Event { message_id: None, ..cart(1, "e1") };
    let sent = [&later, &of_one_instant, &unnamed, &later, &order(2, "o", 1)];
    let sent = sent.map(|event| arrival("a", event.clone())).to_vec();
    let mut verdicts = [Verdict::Stored; 5];
    verdicts[3] = Verdict::Duplicate;
    assert_eq!(told(store, sent, Marking::Dirty).await, verdicts);
    let hex = format!("{:032x}", u128::from_be_bytes(unnamed.fingerprint("a")));
    let expected = [(hex.as_str(), &unnamed), ("a", &of_one_instant), ("b", &later)];
    let expected = expected.map(|(id, event)| Pending { id: id.into(), event: event.clone(), waiting: None });
    assert_eq!(watch(store, "a").await.pending, expected);
    let again = vec![arrival("a", unnamed.clone()), arrival("a", Event { received_at: day(8), ..later.clone() })];
    assert_eq!(told(store, again, Marking::Dirty).await, [Verdict::Duplicate; 2]);
    assert_eq!(watch(store, "a").await.pending, expected);
    assert_eq!(customer(store, "a", 9).await.customer.wake, Some(day(1)));
}

pub(super) async fn an_event_that_nobody_names_makes_dirty_whom_it_makes_known_and_nobody_else(store: &dyn Store) {
    let named = |name: &str| arrival(name, Event { name: name.into(), ..order(1, name, 1) });
    let everybody = ["Page Viewed", "Cart Updated", "Order Completed", "Signed In"];
    customers(store, &everybody).await;
    assert_eq!(told(store, everybody.map(named).to_vec(), Marking::Dirty).await, [Verdict::Stored; 4]);
    told(store, vec![arrival("Page Viewed", Event { name: "Seen".into(), ..cart(2, "q") })], Marking::Quiet).await;
    let seen = customer(store, "Page Viewed", 9).await;
    assert_eq!((seen.customer.wake, seen.customer.watch), (None, Watch::default()));
    assert_eq!(store.events(seen.number, None, 9).await.unwrap().len(), 2);
    for id in ["Cart Updated", "Order Completed", "Signed In"] {
        assert_eq!(customer(store, id, 9).await.customer.wake, Some(day(1)), "{id}");
    }
    assert_eq!(waiting(store, "Cart Updated").await, ["Cart Updated@1"]);
    assert!(waiting(store, "Order Completed").await.is_empty(), "it is counted and starts nothing");
    told(store, vec![profile("Page Viewed", row(4, &[])), merge("x", "y", 5)], Marking::Dirty).await;
    assert_eq!(customer(store, "Page Viewed", 9).await.customer.wake, Some(day(4)));
    assert_eq!(customer(store, "x", 9).await.customer.wake, Some(day(5)));
    told(store, vec![named("Somebody"), named("Somebody")], Marking::Dirty).await;
    let newcomer = customer(store, "Somebody", 9).await.customer;
    assert_eq!((newcomer.wake, newcomer.watch), (Some(day(1)), Watch::default()), "nobody looked yet");
}

pub(super) async fn a_decision_replaces_the_watch_and_no_event_is_lost_by_it(store: &dyn Store) {
    told(store, vec![arrival("a", cart(1, "e1"))], Marking::Dirty).await;
    let seen = customer(store, "a", 9).await;
    let inside = Membership { inside: true, crossings: 1, meaning: 7 };
    let looked = Watch { segments: [("vip".into(), inside)].into(), ..Watch::default() };
    let decided =
        |seen: &StoredCustomer| Decision { watch: Some(looked.clone()), wake: WakeChange::Set(None), ..nothing(seen) };
    told(store, vec![arrival("a", cart(2, "e2"))], Marking::Dirty).await;
    assert!(matches!(store.decide(batch(vec![decided(&seen)])).await, Err(StoreError::Conflict)));
    assert_eq!(waiting(store, "a").await, ["e1@1", "e2@2"]);
    let seen = customer(store, "a", 9).await;
    store.decide(batch(vec![decided(&seen)])).await.unwrap();
    assert!(matches!(store.decide(batch(vec![decided(&seen)])).await, Err(StoreError::Conflict)));
    let after = customer(store, "a", 9).await.customer;
    assert_eq!((after.watch, after.wake), (looked.clone(), None));
    look(store, "a", Some(day(5))).await;
    assert_eq!(watch(store, "a").await, looked, "a decision without one leaves it");
    assert_eq!(store.customer("a", &backtest(9)).await.unwrap().unwrap().customer.watch, Watch::default());
}

pub(super) async fn for_whom_a_rule_holds_is_read_in_the_order_of_numbers(store: &dyn Store) {
    let ids: Vec<_> = (1..=300).map(|n| format!("c{n}")).collect();
    let all = customers(store, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let holds = |seen: &StoredCustomer| Decision {
        members: vec![
            ("win-back".into(), !seen.number.0.is_multiple_of(3)),
            ("win".into(), seen.number.0.is_multiple_of(2)),
        ],
        ..nothing(seen)
    };
    store.decide(batch(all.iter().rev().map(holds).collect())).await.unwrap();
    assert_eq!(members(store, "win-back").await, (1..=148).filter(|n| n % 3 > 0).collect::<Vec<_>>());
    assert_eq!(members(store, "wi").await, [] as [u64; 0], "no rule is a part of another");
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = store.members("win", after, 70).await.unwrap();
        after = page.last().copied();
        read.push(page.len());
        if page.len() < 70 {
            break;
        }
    }
    assert_eq!((read, after), (vec![70, 70, 10], Some(CustomerNumber(300))));
    hold(store, "c2", &[("win-back", true), ("win-back", true), ("win", false), ("other", false)]).await;
    hold(store, "c2", &[("win", false)]).await;
    assert_eq!(members(store, "win-back").await[..3], [1, 2, 4]);
    assert_eq!(members(store, "win").await[..2], [4, 6]);
    assert_eq!(watch(store, "c2").await.holding, ["win-back".into()].into());
}

pub(super) async fn the_record_says_all_rules_that_hold(store: &dyn Store) {
    let seen = customers(store, &["a"]).await.remove(0);
    let holding = ["one".into(), "two".into()].into();
    let looked = Watch { holding, ..Watch::default() };
    let members_too = vec![("two".into(), false), ("three".into(), true)];
    let decided = Decision { watch: Some(looked), members: members_too, ..nothing(&seen) };
    store.decide(batch(vec![decided.clone()])).await.unwrap();
    assert!(matches!(store.decide(batch(vec![decided])).await, Err(StoreError::Conflict)));
    assert_eq!(watch(store, "a").await.holding, ["one".into(), "three".into()].into());
    for (rule, expected) in [("one", vec![1]), ("two", vec![]), ("three", vec![1])] {
        assert_eq!(members(store, rule).await, expected, "{rule}");
    }
    let seen = customer(store, "a", 9).await;
    store.decide(batch(vec![Decision { watch: Some(Watch::default()), ..nothing(&seen) }])).await.unwrap();
    assert!(members(store, "one").await.is_empty() && members(store, "three").await.is_empty());
}

pub(super) async fn who_was_merged_away_is_a_member_as_who_is_left(store: &dyn Store) {
    customers(store, &["a", "b", "c"]).await;
    hold(store, "a", &[("x", true), ("y", true)]).await;
    hold(store, "b", &[("y", true), ("z", true)]).await;
    hold(store, "c", &[("y", true)]).await;
    ingest(store, vec![merge("a", "b", 1)]).await;
    assert_eq!(watch(store, "a").await.holding, ["x", "y", "z"].map(Into::into).into());
    for (rule, expected) in [("x", vec![2]), ("y", vec![2, 3]), ("z", vec![2])] {
        assert_eq!(members(store, rule).await, expected, "{rule}");
    }
    hold(store, "a", &[("x", false)]).await;
    ingest(store, vec![merge("b", "c", 2), merge("c", "new", 2)]).await;
    for (rule, expected) in [("x", vec![]), ("y", vec![3]), ("z", vec![3])] {
        assert_eq!(members(store, rule).await, expected, "{rule}");
    }
}

fn going_on(occurrence: &str, deliveries: &[u8], ending: Option<Ending>) -> EnrollmentChange {
    let deliveries = deliveries.iter().map(|n| id(*n)).collect();
    EnrollmentChange { rule: "win-back".into(), occurrence: occurrence.into(), deliveries, ending, resumed: false }
}

fn ended(n: i64) -> Ending {
    Ending { at: day(n), reason: Some(Reason::GoalReached), conversion: None }
}

pub(super) async fn an_enrollment_goes_on_until_it_ends(store: &dyn Store) {
    let seen = customers(store, &["a"]).await.remove(0);
    let mut first = decision(&seen, vec![mail(1, &seen, 2)]);
    first.changes = vec![going_on("o1", &[9], None)];
    store.decide(batch(vec![first.clone()])).await.unwrap();
    let enrolled = async || store.enrollments(seen.number, 9).await.unwrap();
    let mut expected = first.enrollments.clone();
    expected[0].deliveries.push(id(9));
    assert_eq!(enrolled().await, expected, "also what the same decision made");

    let seen = customer(store, "a", 9).await;
    let later =
        |seen: &StoredCustomer, n, changes| Decision { deliveries: vec![mail(n, seen, 3)], changes, ..nothing(seen) };
    let twice = vec![going_on("o1", &[2], None), going_on("o1", &[2, 1], Some(ended(3)))];
    store.decide(batch(vec![later(&seen, 2, twice.clone())])).await.unwrap();
    assert!(matches!(store.decide(batch(vec![later(&seen, 3, twice)])).await, Err(StoreError::Conflict)));
    expected[0].deliveries.push(id(2));
    expected[0].ending = Some(ended(3));
    assert_eq!(enrolled().await, expected);

    let seen = customer(store, "a", 9).await;
    let in_vain = vec![going_on("o1", &[3], Some(ended(4))), going_on("nothing", &[3], Some(ended(4)))];
    store.decide(batch(vec![later(&seen, 3, in_vain)])).await.unwrap();
    assert_eq!(enrolled().await, expected, "one that has ended, and one that is not there, stay so");
    assert!(store.delivery(id(3)).await.unwrap().is_some());

    let seen = customer(store, "a", 9).await;
    let resumed = EnrollmentChange { resumed: true, ..going_on("o1", &[], None) };
    let again = vec![resumed, going_on("o1", &[4], None)];
    store.decide(batch(vec![later(&seen, 4, again)])).await.unwrap();
    expected[0].deliveries.push(id(4));
    expected[0].ending = None;
    assert_eq!(enrolled().await, expected, "unless it is to go on again");
}

pub(super) async fn an_enrollment_goes_on_after_a_merge_wherever_it_stands(store: &dyn Store) {
    for seen in customers(store, &["a", "b"]).await {
        let n = u8::try_from(seen.number.0).unwrap();
        let mut decided = decision(&seen, vec![mail(n, &seen, 2)]);
        let mut twin = decided.enrollments[0].clone();
        (twin.occurrence, twin.entered_at) = ("twin".into(), day(i64::from(n)));
        decided.enrollments.push(twin);
        store.decide(batch(vec![decided])).await.unwrap();
    }
    ingest(store, vec![merge("a", "b", 2)]).await;
    let endings = async || {
        let all = store.enrollments(CustomerNumber(1), 9).await.unwrap();
        let mut all: Vec<_> =
            all.into_iter().map(|it| (it.occurrence, it.entered_at, it.ending.map(|end| end.at))).collect();
        all.sort();
        all
    };
    let change = async |changes| {
        let seen = customer(store, "b", 9).await;
        store.decide(batch(vec![Decision { changes, ..nothing(&seen) }])).await.unwrap();
    };
    change(vec![going_on("o1", &[], Some(ended(5))), going_on("o2", &[], Some(ended(6)))]).await;
    change(vec![going_on("twin", &[], Some(ended(7)))]).await;
    let twin = |n, ending| (Text::from("twin"), day(n), ending);
    let others = [("o1".into(), day(1), Some(day(5))), ("o2".into(), day(1), Some(day(6)))];
    assert_eq!(endings().await, [&others[..], &[twin(1, Some(day(7))), twin(2, None)]].concat(), "the first of two");
    change(vec![going_on("twin", &[], Some(ended(8)))]).await;
    assert_eq!(endings().await, [&others[..], &[twin(1, Some(day(7))), twin(2, Some(day(8)))]].concat());
}

pub(super) async fn when_a_rule_sent_something_is_remembered_with_the_record(store: &dyn Store) {
    for (name, n) in [("a", 1), ("b", 4)] {
        let seen = customers(store, &[name]).await.remove(0);
        let all = (n..n + 3).map(|n| mail(n, &seen, 2)).collect();
        let mut decided = decision(&seen, all);
        if name == "b" {
            decided.memories.clear();
        }
        store.decide(batch(vec![decided])).await.unwrap();
    }
    let sent_at = async |name: &str| {
        let memory = customer(store, name, 9).await.customer.memory;
        memory.get("win-back").map(|memory| memory.sent_at)
    };
    let sent = async |n: u8, at: i64, remember: bool| {
        let seen = store.delivery(id(n)).await.unwrap().unwrap();
        let sending = begin(store, &seen, day(at)).await;
        let mut sent = DeliveryChange { remember, ..change(&sending, State::Sent) };
        sent.delivery.sent_at = Some(day(at));
        store.record(vec![sent], Urgency::Interactive).await.unwrap();
    };
    let stale = customer(store, "a", 9).await;
    sent(1, 4, false).await;
    assert_eq!(sent_at("a").await, Some(None), "nobody asks for it");
    sent(2, 5, true).await;
    assert_eq!(sent_at("a").await, Some(Some(day(5))));
    assert_eq!(customer(store, "a", 9).await.customer.wake, Some(day(5)), "who asks is to look");
    let decided = store.decide(batch(vec![nothing(&stale)])).await;
    assert!(matches!(decided, Err(StoreError::Conflict)), "what was decided without it is void");
    sent(3, 3, true).await;
    assert_eq!(sent_at("a").await, Some(Some(day(5))), "the latest stands");
    sent(4, 4, true).await;
    assert_eq!(sent_at("b").await, None, "no memory is made by it");
    for (then, last) in [(2, None), (3, Some(day(3))), (4, Some(day(4)))] {
        let past = store.customer("a", &backtest(then)).await.unwrap().unwrap().customer;
        assert_eq!(past.memory["win-back"].sent_at, last, "what was sent by day {then}");
    }
    // Also for whom the customer was merged into, and of a change without an instant nothing is remembered.
    ingest(store, vec![merge("a", "b", 6)]).await;
    sent(5, 7, true).await;
    assert_eq!(sent_at("b").await, Some(Some(day(7))));
    let waits =
        DeliveryChange { remember: true, ..change(&store.delivery(id(6)).await.unwrap().unwrap(), State::Held) };
    store.record(vec![waits], Urgency::Interactive).await.unwrap();
    assert_eq!(sent_at("a").await, Some(Some(day(7))));
}

pub(super) async fn two_who_are_merged_are_watched_as_one(store: &dyn Store) {
    let active = |occurrence: &str, at| Active {
        rule: "r".into(),
        occurrence: occurrence.into(),
        entered_at: day(at),
        held_out: false,
        anchor: None,
        instant: None,
        done: vec![format!("step of day {at}").into()],
        entry: Entry::default(),
        unsent_until: None,
    };
    for (name, n, inside) in [("a", 1, false), ("b", 2, true)] {
        told(store, vec![arrival(name, cart(5 - n, "early")), arrival(name, cart(5 + n, "late"))], Marking::Dirty)
            .await;
        let seen = customer(store, name, 9).await;
        let membership = Membership { inside, crossings: u64::try_from(9 - n).unwrap(), meaning: 1 };
        let segments = [("vip".into(), membership), (name.into(), membership)].into();
        let looked = Watch { segments, active: vec![active("o", n), active(name, n)], ..seen.customer.watch.clone() };
        let decided = Decision { watch: Some(looked), wake: WakeChange::Set(None), ..nothing(&seen) };
        store.decide(batch(vec![decided])).await.unwrap();
    }
    told(store, vec![merge("a", "b", 9)], Marking::Dirty).await;
    let seen = customer(store, "a", 99).await.customer;
    assert_eq!(seen.wake, Some(day(9)));
    assert_eq!(waiting(store, "b").await, ["early@3", "early@4", "late@6", "late@7"]);
    let membership = |inside, crossings| Membership { inside, crossings, meaning: 1 };
    let segments = [("a", membership(false, 8)), ("b", membership(true, 7)), ("vip", membership(true, 8))];
    assert_eq!(seen.watch.segments, segments.map(|(name, one)| (name.into(), one)).into());
    let both = Active { done: vec!["step of day 1".into(), "step of day 2".into()], ..active("o", 1) };
    assert_eq!(seen.watch.active, [both, active("b", 2), active("a", 1)]);
    assert!(!seen.watch.quiet);

    let quiet = vec![profile("imported", row(10, &[]))];
    told(store, quiet, Marking::Quiet).await;
    told(store, vec![merge("imported", "b", 11)], Marking::Leave).await;
    let seen = customer(store, "b", 99).await.customer;
    assert!(seen.watch.quiet, "what was imported and not looked at");
    assert_eq!(seen.wake, Some(day(9)));
}

pub(super) async fn arrivals_and_looks_at_once_lose_no_event(store: &dyn Store) {
    let arrivals = (0..60).map(async |n: i64| {
        let urgency = if n % 3 == 0 { Urgency::Background } else { Urgency::Interactive };
        let mut sent =
            vec![arrival(&format!("c{}", n % 3), Event { received_at: day(1), ..cart(n, &format!("e{n}")) })];
        if n >= 50 {
            sent.push(merge("c1", "c0", 1));
        }
        store.ingest(sent, &watched(), urgency, Marking::Dirty).await.unwrap();
    });
    // Whoever looks takes one event away, and notes it by a delivery.
    let looks = async {
        let mut judged = Vec::new();
        while judged.len() < 60 {
            for number in store.take_dirty(day(1), 9, DAY).await.unwrap() {
                let Some(seen) = store.customer_by_number(number, &view(99)).await.unwrap() else { continue };
                let mut looked = seen.customer.watch.clone();
                let first = (!looked.pending.is_empty()).then(|| looked.pending.remove(0).id);
                let wake = WakeChange::Set((!looked.pending.is_empty()).then(|| day(1)));
                match store.decide(batch(vec![Decision { watch: Some(looked), wake, ..nothing(&seen) }])).await {
                    Ok(()) => judged.extend(first),
                    Err(StoreError::Conflict) => store.release_dirty(&[number]).await,
                    Err(other) => panic!("{other}"),
                }
            }
            tokio::task::yield_now().await;
        }
        judged
    };
    let (_, mut judged) = tokio::join!(join_all(arrivals), looks);
    let mut expected: Vec<_> = (0..60).map(|n| format!("e{n}@{n}")).collect();
    judged.sort();
    expected.sort();
    assert_eq!(judged, expected);
    mark(store, vec![profile("c2", row(1, &[]))]).await;
    assert!(waiting(store, "c0").await.is_empty() && waiting(store, "c2").await.is_empty());
}
