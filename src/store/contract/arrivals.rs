use super::sample::{
    EVERYONE, arrival, backtest, customer, customers, dated, day, ingest, interest, order, profile, row, view,
};
use crate::domain::{Arrival, CustomerNumber, Event, ProfileRow, Time, Value};
use crate::store::{Marking, Store, Urgency, Verdict};
use futures_util::future::join_all;

pub(super) async fn numbers_are_given_in_the_order_of_arrival(store: &dyn Store) {
    assert_eq!(store.last_customer(), CustomerNumber(0));
    customers(store, &["b", "a", "ab"]).await;
    customers(store, &["a", "c"]).await;
    let page = store.customers(None, EVERYONE, 10, &view(1)).await.unwrap();
    let names: Vec<_> = page.iter().map(|it| (it.number.0, it.customer.id.as_str())).collect();
    assert_eq!(names, [(1, "b"), (2, "a"), (3, "ab"), (4, "c")]);
    assert_eq!(store.last_customer(), CustomerNumber(4));
    assert_eq!(store.customer("abc", &view(1)).await.unwrap(), None);
}

pub(super) async fn an_event_seen_before_is_a_duplicate(store: &dyn Store) {
    let first = order(1, "o1", 5);
    let verdicts = ingest(store, vec![arrival("c", first.clone()), arrival("c", first.clone())]).await;
    assert_eq!(verdicts, [Verdict::Stored, Verdict::Duplicate]);
    // The id alone decides, whatever else it says.
    let other = Event { at: day(2), ..first.clone() };
    assert_eq!(ingest(store, vec![arrival("d", other)]).await, [Verdict::Duplicate]);
    assert_eq!(customer(store, "c", 9).await.customer.activity.orders.count, 1);
    assert_eq!(store.customer("d", &view(9)).await.unwrap(), None, "a duplicate makes no customer");
    assert_eq!(customer(store, "c", 9).await.customer.arrived_at, day(1));
}

pub(super) async fn a_profile_that_is_sent_again_undoes_nothing(store: &dyn Store) {
    let told = |message: &str, received, plan, granted| {
        let row = ProfileRow { consent: [("marketing".into(), granted)].into(), ..row(received, &[("plan", plan)]) };
        let Arrival::Profile { customer, row, dated, .. } = profile("c", row) else { panic!("a profile") };
        Arrival::Profile { customer, row, dated, message_id: Some(message.into()) }
    };
    let verdicts =
        ingest(store, vec![told("a", 1, "pro", true), told("b", 2, "free", false), told("a", 3, "pro", true)]);
    assert_eq!(verdicts.await, [Verdict::Stored, Verdict::Stored, Verdict::Duplicate]);
    assert_eq!(ingest(store, vec![told("a", 4, "pro", true)]).await, [Verdict::Duplicate]);
    let seen = customer(store, "c", 9).await.customer;
    assert_eq!((seen.text("plan"), seen.consents_to("marketing"), seen.updated_at), (Some("free"), false, day(2)));
    // The id alone decides, for events too.
    let same = Event { message_id: Some("b".into()), ..order(1, "o1", 5) };
    assert_eq!(ingest(store, vec![arrival("d", same)]).await, [Verdict::Duplicate]);
    assert_eq!(store.customer("d", &view(9)).await.unwrap(), None);
}

pub(super) async fn without_a_message_id_the_event_itself_is_compared(store: &dyn Store) {
    let event = Event { message_id: None, ..order(1, "o1", 5) };
    let later = Event { at: day(2), ..event.clone() };
    let arrivals =
        vec![arrival("c", event.clone()), arrival("c", event.clone()), arrival("d", event), arrival("c", later)];
    let verdicts = ingest(store, arrivals).await;
    assert_eq!(verdicts, [Verdict::Stored, Verdict::Duplicate, Verdict::Stored, Verdict::Stored]);
    assert_eq!(customer(store, "c", 9).await.customer.activity.orders.count, 1, "one purchase id");
}

pub(super) async fn a_purchase_id_counts_once_and_the_earlier_one_counts(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(5, "o1", 50)), arrival("c", order(7, "o1", 70))]).await;
    let seen = customer(store, "c", 9).await.customer.activity;
    assert_eq!((seen.orders.count, seen.orders.revenue, seen.orders.last_at), (1, 50.into(), Some(day(5))));
    assert_eq!(seen.totals("Order Completed").unwrap().count, 2, "both happened");
    let late = Event { received_at: day(8), ..order(3, "o1", 30) };
    ingest(store, vec![arrival("c", late), arrival("c", order(8, "o2", 8))]).await;
    let seen = customer(store, "c", 9).await.customer.activity;
    assert_eq!((seen.orders.count, seen.orders.revenue), (2, 38.into()));
    assert_eq!((seen.orders.first_at, seen.orders.last_at), (Some(day(3)), Some(day(8))));
    ingest(store, vec![arrival("c", order(9, "o1", 90))]).await;
    assert_eq!(customer(store, "c", 9).await.customer.activity.orders.revenue, 38.into());
}

pub(super) async fn an_event_of_the_future_counts_when_its_time_comes(store: &dyn Store) {
    let future = Event { received_at: day(1), ..order(5, "o1", 50) };
    ingest(store, vec![arrival("c", future)]).await;
    let before = customer(store, "c", 4).await.customer.activity;
    assert_eq!((before.orders.count, before.uncounted_from), (0, Some(day(5))));
    let after = customer(store, "c", 5).await.customer.activity;
    assert_eq!((after.orders.count, after.uncounted_from), (1, None));
    ingest(store, vec![arrival("c", order(6, "o1", 60)), arrival("c", order(7, "o2", 7))]).await;
    let after = customer(store, "c", 7).await.customer.activity;
    assert_eq!((after.orders.count, after.orders.revenue), (2, 57.into()), "the earlier of one id counts");
}

pub(super) async fn profile_rows_take_effect_in_the_order_of_their_times(store: &dyn Store) {
    let text = |text: &str| Some(Value::Text(text.into()));
    let get = |it: &crate::store::StoredCustomer, name: &str| it.customer.attributes.get(name).cloned();
    ingest(
        store,
        vec![
            dated("c", 5, row(9, &[("plan", "pro"), ("city", "Split")])),
            dated("c", 3, row(9, &[("plan", "free"), ("country", "HR")])),
        ],
    )
    .await;
    let seen = customer(store, "c", 9).await;
    assert_eq!((get(&seen, "plan"), get(&seen, "country")), (text("pro"), text("HR")));
    assert_eq!(seen.customer.updated_at, day(5));
    ingest(store, vec![dated("c", 4, row(10, &[("country", ""), ("city", "Zadar")]))]).await;
    let seen = customer(store, "c", 10).await;
    assert_eq!((get(&seen, "country"), get(&seen, "city")), (None, text("Split")));
    ingest(store, vec![dated("c", 5, row(11, &[("city", "Pula")]))]).await;
    assert_eq!(get(&customer(store, "c", 11).await, "city"), text("Pula"), "of one instant, the later to arrive");
}

pub(super) async fn a_first_row_without_a_time_holds_since_always(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(1, "o1", 5)), profile("c", row(5, &[("plan", "free")]))]).await;
    ingest(store, vec![profile("c", row(7, &[("plan", "pro")]))]).await;
    ingest(store, vec![profile("c", row(9, &[("plan", "max")]))]).await;
    for (now, plan) in [(-400, "free"), (6, "free"), (7, "pro"), (8, "pro"), (9, "max")] {
        let seen = store.customer("c", &backtest(now)).await.unwrap().unwrap();
        assert_eq!(seen.customer.text("plan"), Some(plan), "on day {now}");
    }
    assert_eq!(customer(store, "c", 9).await.customer.arrived_at, day(1));
}

pub(super) async fn zones_are_remembered_once_used(store: &dyn Store) {
    let zone = |name| row(1, &[("timezone", name)]);
    ingest(store, vec![profile("a", zone("Europe/Zagreb")), profile("b", zone("Africa/Nairobi"))]).await;
    ingest(store, vec![profile("a", zone("Africa/Nairobi")), profile("a", zone(""))]).await;
    assert_eq!(store.zones(), ["Africa/Nairobi", "Europe/Zagreb"]);
}

pub(super) async fn many_arrivals_in_the_background_are_all_stored_in_order(store: &dyn Store) {
    let mut arrivals = Vec::new();
    for n in 0..700 {
        let name = format!("c{}", n % 40);
        arrivals.push(arrival(&name, order(n, &format!("o{n}"), 1)));
        arrivals.push(profile(&name, ProfileRowOf(n).into()));
    }
    let verdicts = store.ingest(arrivals, &interest(), Urgency::Background, Marking::Leave).await.unwrap();
    assert_eq!(verdicts, vec![Verdict::Stored; 1400]);
    assert_eq!(store.last_customer(), CustomerNumber(40));
    for n in 660..700 {
        let seen = customer(store, &format!("c{}", n % 40), 700).await.customer;
        assert_eq!(seen.text("last"), Some(n.to_string().as_str()), "rows of one instant, in the order of arrival");
        let orders = seen.activity.orders;
        assert_eq!((orders.count, orders.last_at), (if n >= 680 { 18 } else { 17 }, Some(day(n))), "{n}");
    }
}

/// A row of the same instant for all.
struct ProfileRowOf(i64);

impl From<ProfileRowOf> for ProfileRow {
    fn from(of: ProfileRowOf) -> Self {
        row(0, &[("last", &of.0.to_string())])
    }
}

pub(super) async fn arrivals_at_once_are_all_stored(store: &dyn Store) {
    let interest = interest();
    let calls = (0..20).map(|n| {
        let urgency = if n % 2 == 0 { Urgency::Interactive } else { Urgency::Background };
        let arrivals = (0..10).map(|m| arrival(&format!("c{m}"), order(n, &format!("{n}/{m}"), 1))).collect();
        store.ingest(arrivals, &interest, urgency, Marking::Leave)
    });
    for verdicts in join_all(calls).await {
        assert_eq!(verdicts.unwrap(), vec![Verdict::Stored; 10]);
    }
    let page = store.customers(None, EVERYONE, 100, &view(30)).await.unwrap();
    assert_eq!(page.len(), 10);
    for seen in page {
        assert_eq!(seen.customer.activity.orders.count, 20, "{}", seen.customer.id);
        assert_eq!(seen.customer.activity.orders.last_at, Some(Time(0).plus(crate::domain::Span::days(19))));
    }
}
