//! Two ids that turn out to be one customer's, while the rules are at work.

use super::{LETTER, Shop};
use crate::domain::{Arrival, Reason, Span, State, anonymous_id};

async fn turns_out_to_be(shop: &Shop, from: &str, into: &str) {
    use crate::clock::Clock;
    let merge = Arrival::Merge { from: from.into(), into: into.into(), received_at: shop.clock.now() };
    shop.arrive(vec![merge]).await;
}

#[tokio::test]
async fn of_two_letters_that_wait_for_one_customer_one_goes_out() {
    let shop = Shop::with(LETTER).await;
    let visitor = anonymous_id("visitor");
    shop.arrive(vec![shop.profile(&visitor, &[("email", "visitor@customers.example")], Some(true))]).await;
    shop.arrive(vec![shop.order(&visitor, "1")]).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    assert_eq!(shop.deliveries().await.len(), 2);
    turns_out_to_be(&shop, &visitor, "ana").await;
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    let mut ends: Vec<_> = shop.deliveries().await.into_iter().map(|it| (it.state, it.reason)).collect();
    ends.sort();
    assert_eq!(ends, [(State::Sent, None), (State::Suppressed, Some(Reason::FrequencyCap))]);
    assert_eq!(shop.mails.count(), 1);
}

#[tokio::test]
async fn a_customer_is_shown_by_either_id_with_what_both_did() {
    let shop = Shop::with(LETTER).await;
    let visitor = anonymous_id("visitor");
    shop.arrive(vec![shop.order(&visitor, "1")]).await;
    shop.fire().await;
    shop.customer("ana").await;
    turns_out_to_be(&shop, &visitor, "ana").await;
    let shown = shop.operations().customer("ana").await.unwrap();
    assert_eq!((shown.customer.id.as_str(), shown.customer.orders.count, shown.events.len()), ("ana", 2, 2));
    let by_the_other = shop.operations().customer(&visitor).await.unwrap();
    assert_eq!(serde_json::to_value(&by_the_other).unwrap(), serde_json::to_value(&shown).unwrap());
    assert_eq!(shop.operations().status().await.unwrap().store.customers, 1);
}
