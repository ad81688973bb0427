use super::sample::{
    DAY, EVERYONE, arrival, backtest, batch, customer, customers, dated, day, decision, ingest, interest, mail, order,
    profile, row, view,
};
use crate::domain::{Activity, CustomerNumber, Event, EventInterest, Interest, RECENT, Span, ValueType};
use crate::store::{Marking, Store, Urgency, View};
use std::sync::Arc;

pub(super) async fn a_page_holds_numbers_above_and_up_to(store: &dyn Store) {
    customers(store, &["a", "b", "c", "d", "e"]).await;
    let page = async |after: Option<u64>, up_to: u64, limit| {
        let page = store.customers(after.map(CustomerNumber), CustomerNumber(up_to), limit, &view(1)).await.unwrap();
        page.iter().map(|it| it.number.0).collect::<Vec<_>>()
    };
    assert_eq!(page(None, u64::MAX, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(page(Some(1), 4, 9).await, [2, 3, 4]);
    assert_eq!(page(Some(1), 4, 2).await, [2, 3]);
    assert!(page(Some(4), 4, 9).await.is_empty());
    assert!(page(Some(9), 4, 9).await.is_empty());
}

/// Another interest than the one that everything is ingested under.
fn visits() -> Interest {
    let wanted = EventInterest {
        sums: ["pages".into()].into(),
        last_values: [("page".into(), ValueType::Text)].into(),
        longest_window: None,
    };
    let mut interest = Interest { events: [("Visit".into(), wanted)].into(), ..Interest::default() };
    interest.purchase.event = "Booking".into();
    interest
}

fn events() -> Vec<Event> {
    let named = |name: &str, n: i64| Event { name: name.into(), ..order(n, &format!("{name}{}", n % 3), n) };
    (1..6).flat_map(|n| [named("Visit", n), named("Booking", 10 - n), order(n, &format!("o{n}"), n)]).collect()
}

pub(super) async fn a_new_interest_sees_all_events(store: &dyn Store) {
    ingest(store, events().into_iter().map(|event| arrival("c", event)).collect()).await;
    let other = View { interest: Arc::new(visits()), now: day(20), backtest: false };
    let seen = store.customer("c", &other).await.unwrap().unwrap().customer.activity;
    assert_eq!(seen.totals("Visit").unwrap().count, 5);
    assert_eq!(seen.orders.count, 3, "bookings of three ids");
    assert_eq!(seen.fingerprint, visits().fingerprint());
    assert_eq!(customer(store, "c", 20).await.customer.activity.orders.count, 5);
}

pub(super) async fn rebuilt_totals_are_those_of_the_log(store: &dyn Store) {
    let arrivals = (0..7).flat_map(|c| {
        events().into_iter().map(move |event| {
            let message_id = event.message_id.map(|id| format!("{c}{id}{}", event.name).into());
            arrival(&format!("c{c}"), Event { message_id, ..event })
        })
    });
    ingest(store, arrivals.collect()).await;
    let mut after = None;
    for _ in 0..3 {
        after = store.rebuild(after, 3, &visits(), day(20)).await.unwrap();
    }
    assert_eq!(after, None, "the third page is not full");
    let other = View { interest: Arc::new(visits()), now: day(20), backtest: false };
    for n in 1..=7 {
        let seen = store.customer_by_number(CustomerNumber(n), &other).await.unwrap().unwrap().customer;
        let expected = Activity::over(&events(), &visits(), day(20), None);
        assert_eq!(seen.activity.orders, expected.orders);
        assert_eq!(seen.activity.totals, expected.totals);
    }
    // Purchase ids are those of the new interest now.
    let again = Event { name: "Booking".into(), ..order(30, "Booking1", 1000) };
    store.ingest(vec![arrival("c0", again)], &visits(), Urgency::Interactive, Marking::Leave).await.unwrap();
    let other = View { now: day(31), ..other };
    let seen = store.customer("c0", &other).await.unwrap().unwrap().customer.activity;
    assert_eq!(seen.orders.count, 3);
}

pub(super) async fn a_window_longer_than_what_is_kept_is_whole(store: &dyn Store) {
    let many = i64::try_from(RECENT).unwrap() + 40;
    ingest(store, (0..many).map(|n| arrival("c", order(n, &format!("o{n}"), 1))).collect()).await;
    let seen = customer(store, "c", many - 1).await.customer.activity;
    let totals = seen.totals("Order Completed").unwrap();
    assert_eq!(totals.within(Span::days(365), day(many - 1)).count(), RECENT + 40);
    assert_eq!(totals.sum_within("revenue", Span::days(100), day(many - 1)), Some(100.into()));
}

pub(super) async fn a_backtest_knows_only_what_held_then(store: &dyn Store) {
    let consent = |at, granted| {
        let row = crate::domain::ProfileRow { consent: [("marketing".into(), granted)].into(), ..row(20, &[]) };
        dated("c", at, row)
    };
    ingest(store, vec![consent(2, true), consent(6, false), dated("c", 4, row(20, &[("plan", "pro")]))]).await;
    let late = |n: i64, id: &str| Event { received_at: day(20), ..order(n, id, n) };
    ingest(store, vec![arrival("c", late(3, "o3")), arrival("c", late(7, "o7"))]).await;
    let now = customer(store, "c", 20).await;
    store.decide(batch(vec![decision(&now, vec![mail(1, &now, 5)])])).await.unwrap();
    let then = async |n| store.customer("c", &backtest(n)).await.unwrap().unwrap().customer;

    let (third, fifth, eighth) = (then(3).await, then(5).await, then(8).await);
    assert_eq!((third.text("plan"), fifth.text("plan")), (None, Some("pro")));
    assert!(!then(1).await.consents_to("marketing") && third.consents_to("marketing"));
    assert!(!eighth.consents_to("marketing"));
    assert_eq!(eighth.consent["marketing"].at, day(6));
    assert_eq!([&third, &fifth, &eighth].map(|it| it.activity.orders.count), [1, 1, 2]);
    assert_eq!([&third, &fifth].map(|it| it.slots.len()), [0, 1], "the mail is for day 5");
    assert!(then(0).await.memory.is_empty() && third.memory.contains_key("win-back"));
}

pub(super) async fn a_reader_of_the_past_does_not_count_later_events(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(1, "o1", 1)), arrival("c", order(5, "o2", 5))]).await;
    ingest(store, vec![profile("c", row(9, &[("plan", "pro")]))]).await;
    let past = customer(store, "c", 4).await.customer;
    assert_eq!(past.activity.orders.revenue, 1.into());
    assert_eq!(past.text("plan"), Some("pro"), "only a backtest forgets attributes");
}

pub(super) async fn events_come_newest_first(store: &dyn Store) {
    ingest(store, [3, 1, 4, 2].into_iter().map(|n| arrival("c", order(n, &format!("o{n}"), n))).collect()).await;
    let number = customer(store, "c", 9).await.number;
    let times = async |before, limit| {
        let events = store.events(number, before, limit).await.unwrap();
        events.iter().map(|event| event.at).collect::<Vec<_>>()
    };
    assert_eq!(times(None, 9).await, [4, 3, 2, 1].map(day));
    assert_eq!(times(Some(day(3)), 9).await, [2, 1].map(day));
    assert_eq!(times(Some(day(3).plus(DAY)), 1).await, [day(3)]);
    assert_eq!(store.events(CustomerNumber(99), None, 9).await.unwrap(), []);
    assert_eq!(
        store
            .customers(None, EVERYONE, 9, &View { interest: Arc::new(interest()), now: day(9), backtest: false })
            .await
            .unwrap()
            .len(),
        1
    );
}
