use super::{OpenMode, SledStore};
use crate::domain::{Arrival, CustomerNumber, Event, Interest, Time};
use crate::store::{Store, Urgency, Verdict, View};
use std::sync::Arc;

#[tokio::test]
async fn what_is_stored_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let event = Event {
        name: "Order Completed".into(),
        at: Time(5),
        received_at: Time(9),
        message_id: Some("m1".into()),
        properties: [].into(),
    };
    let arrival = Arrival::Event { customer: "c1".into(), event };
    let interest = Interest::default();
    let view = View { interest: Arc::new(interest.clone()), now: Time(10), backtest: false };
    let store = SledStore::open(folder.path(), OpenMode::Create).unwrap();
    let arrivals = vec![arrival.clone(), arrival];
    let verdicts = store.ingest(arrivals, &interest, Urgency::Interactive).await.unwrap();
    assert_eq!(verdicts, [Verdict::Stored, Verdict::Duplicate]);
    let before = store.customer("c1", &view).await.unwrap().unwrap();
    assert_eq!(before.customer.activity.orders.count, 1);
    store.close().await.unwrap();
    let store = SledStore::open(folder.path(), OpenMode::MustExist).unwrap();
    assert_eq!(store.customer("c1", &view).await.unwrap().unwrap(), before);
    assert_eq!(store.last_customer(), CustomerNumber(1));
}
