use super::sample::{
    EVERYONE, arrival, backtest, batch, customer, dated, day, decision, ingest, mail, merge, order, row, view,
};
use crate::domain::{CustomerNumber, Enrollment, Time};
use crate::store::{Decision, History, Store, View};

/// All histories of a page.
async fn page(
    store: &dyn Store,
    (after, up_to): (Option<CustomerNumber>, CustomerNumber),
    limit: usize,
    view: &View,
) -> Vec<History> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(8);
    let work =
        Box::new(move |found: &mut dyn Iterator<Item = History>| found.for_each(|one| sender.send(one).unwrap()));
    store.with_histories(after, up_to, limit, view, work).await.unwrap();
    receiver.iter().collect()
}

async fn only(store: &dyn Store, view: &View) -> History {
    let mut all = page(store, (None, EVERYONE), 9, view).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn times(history: &History) -> Vec<Time> {
    history.events.iter().map(|event| event.at).collect()
}

/// Enrolls with a mail on each of these days, of which the enrollment of the second bears the number two.
async fn enroll(store: &dyn Store, days: &[i64]) {
    for (n, at) in (1_u8..).zip(days) {
        let now = customer(store, "c", 20).await;
        let mut delivery = mail(n, &now, *at);
        delivery.created_at = day(*at);
        let mut asked: Decision = decision(&now, vec![delivery]);
        asked.memories[0].1.enrolled_at = day(*at);
        asked.enrollments[0].entered_at = day(*at);
        store.decide(batch(vec![asked])).await.unwrap();
    }
}

pub(super) async fn a_history_tells_what_held_then_and_what_came_after(store: &dyn Store) {
    ingest(store, [5, 1, 3].map(|n| arrival("c", order(n, &format!("o{n}"), n))).into()).await;
    let rows = [(2, "free"), (4, "pro"), (6, "gold")];
    ingest(store, rows.map(|(at, plan)| dated("c", at, row(20, &[("plan", plan)]))).into()).await;
    enroll(store, &[2, 5]).await;
    for n in [0, 2, 3, 4, 9] {
        let seen = only(store, &backtest(n)).await;
        assert_eq!(Some(&seen.stored), store.customer("c", &backtest(n)).await.unwrap().as_ref(), "day {n}");
        assert_eq!(times(&seen), [1, 3, 5].map(day));
        let later: Vec<Time> = seen.rows.iter().map(|row| row.effective_at).collect();
        assert_eq!(later, rows.map(|(at, _)| at).into_iter().filter(|at| *at > n).map(day).collect::<Vec<_>>());
        let made: Vec<Time> = seen.enrollments.iter().map(|it: &Enrollment| it.entered_at).collect();
        assert_eq!(made, [2, 5].into_iter().filter(|at| *at <= n).map(day).collect::<Vec<_>>());
        assert_eq!(seen.deliveries.iter().map(|it| it.created_at).collect::<Vec<_>>(), made);
        let remembered = seen.stored.customer.memory.get("win-back").map(|memory| memory.enrolled_at);
        assert_eq!(remembered, made.last().copied(), "day {n}: the last of then, not of now");
    }
}

pub(super) async fn a_history_of_the_present_tells_what_waits(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(1, "o1", 1)), arrival("c", order(9, "o9", 1))]).await;
    enroll(store, &[2]).await;
    let seen = only(store, &view(4)).await;
    assert_eq!(Some(&seen.stored), store.customer("c", &view(4)).await.unwrap().as_ref());
    assert_eq!(seen.stored.customer.slots.len(), 1);
    assert_eq!(times(&seen), [1, 9].map(day), "what is told of the future is known");
    let waiting: Vec<_> = seen.deliveries.iter().map(|it| (it.state.is_waiting(), it.customer)).collect();
    assert_eq!(waiting, [(true, seen.stored.number)]);
}

pub(super) async fn a_merged_customer_has_one_history(store: &dyn Store) {
    ingest(store, vec![arrival("c", order(1, "o1", 5)), dated("c", 6, row(20, &[("plan", "pro")]))]).await;
    enroll(store, &[2]).await;
    ingest(store, vec![arrival("d", order(2, "o2", 5)), dated("d", 7, row(20, &[("plan", "free")]))]).await;
    ingest(store, vec![arrival("c", order(3, "o3", 5)), merge("c", "d", 8)]).await;
    let seen = only(store, &backtest(4)).await;
    assert_eq!(seen.stored.customer.id, "d");
    assert_eq!(times(&seen), [1, 2, 3].map(day));
    assert_eq!(seen.rows.iter().map(|row| row.effective_at).collect::<Vec<_>>(), [6, 7].map(day));
    assert_eq!(seen.stored.customer.activity.orders.count, 3);
    let made: Vec<_> = seen.deliveries.iter().map(|it| it.customer).collect();
    assert_eq!((seen.enrollments.len(), made), (1, vec![seen.stored.number]));
}

pub(super) async fn histories_come_a_page_at_a_time_however_long_they_are(store: &dyn Store) {
    let many = 3_000;
    let long = (0..many).map(|n| arrival("c2", order(n % 300, &format!("o{n}"), 1)));
    let others = [1, 3, 4].map(|n| arrival(&format!("c{n}"), order(n, &format!("p{n}"), 1)));
    ingest(store, others.into_iter().take(1).chain(long).collect()).await;
    ingest(store, [3, 4].map(|n| arrival(&format!("c{n}"), order(n, &format!("p{n}"), 1))).into()).await;
    let numbers = async |range, limit| {
        let found = page(store, range, limit, &view(400)).await;
        found.iter().map(|one| (one.stored.number.0, one.events.len())).collect::<Vec<_>>()
    };
    let whole = usize::try_from(many).unwrap();
    assert_eq!(numbers((None, EVERYONE), 9).await, [(1, 1), (2, whole), (3, 1), (4, 1)]);
    assert_eq!(numbers((Some(CustomerNumber(1)), CustomerNumber(3)), 9).await, [(2, whole), (3, 1)]);
    assert_eq!(numbers((Some(CustomerNumber(2)), EVERYONE), 1).await, [(3, 1)]);
    let seen = page(store, (Some(CustomerNumber(1)), CustomerNumber(2)), 1, &view(400)).await.remove(0);
    assert!(seen.events.is_sorted_by_key(|event| event.at));
}
