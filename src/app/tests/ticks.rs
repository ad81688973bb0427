//! When schedules fire, and for whom.

use super::{CALL, LETTER, Shop};
use crate::clock::Clock as _;
use crate::domain::{DeliveryKey, Reason, Span, State};
use crate::http::PlanRequest;
use crate::store::DeliveryFilter;

/// Each customer's own morning.
fn in_the_customers_zone(rule: &str) -> String {
    rule.replace("\"0 10 * * *\"}", "\"0 10 * * *\", timezone: customer}")
}

#[tokio::test]
async fn each_customer_is_called_at_ten_on_their_own_clock_and_once() {
    let shop = Shop::with(&in_the_customers_zone(CALL)).await;
    for (id, zone) in [("ana", "Europe/Zagreb"), ("amani", "Africa/Nairobi"), ("nobody", "")] {
        shop.arrive(vec![shop.profile(id, &[("timezone", zone)], None), shop.order(id, "1")]).await;
    }
    // New zones are noticed at the next look.
    shop.pass(Span::seconds(1)).await;
    for _ in 0..24 {
        shop.pass(Span::hours(1)).await;
    }
    let mut due: Vec<(String, String)> = shop
        .deliveries()
        .await
        .into_iter()
        .map(|delivery| (delivery.customer_id.into(), delivery.due_at.to_string()))
        .collect();
    due.sort();
    let expected =
        [("amani", "2026-03-11T07:00:00Z"), ("ana", "2026-03-11T09:00:00Z"), ("nobody", "2026-03-10T10:00:00Z")];
    assert_eq!(due, expected.map(|(id, at)| (id.to_owned(), at.to_owned())));
    assert_eq!(shop.hooks.count(), 3);
}

#[tokio::test]
async fn who_moves_west_on_the_day_is_not_called_twice_for_one_local_time() {
    let shop = Shop::with(&in_the_customers_zone(CALL)).await;
    for (id, zone) in [("ana", "UTC"), ("other", "America/New_York")] {
        shop.arrive(vec![shop.profile(id, &[("timezone", zone)], None), shop.order(id, "1")]).await;
    }
    shop.fire().await;
    assert_eq!(shop.hooks.count(), 1);
    shop.clock.advance(Span::hours(1));
    shop.arrive(vec![shop.profile("ana", &[("timezone", "America/New_York")], None)]).await;
    shop.pass(Span::hours(4)).await;
    let of_ana = DeliveryFilter { customer: Some("ana".into()), ..DeliveryFilter::default() };
    assert_eq!(shop.store().deliveries(&of_ana, None, 10).await.unwrap().len(), 1);
    assert_eq!(shop.hooks.count(), 2, "the other one was called at ten in New York");
}

#[tokio::test]
async fn a_tick_missed_while_nothing_ran_fires_once_at_the_start_and_older_ones_do_not() {
    let mut shop = Shop::with(CALL).await;
    shop.customer("ana").await;
    shop.stop().await;
    // Five days and two hours later: the last tick is two hours old, the others are past the six hours of `within`.
    shop.clock.advance(Span::days(5));
    shop.clock.advance(Span::hours(2));
    shop.start().await;
    let found = shop.only().await;
    assert_eq!((found.occurrence.as_str(), found.state), ("2026-03-15T10:00", State::Sent));
    shop.stop().await;
    shop.start().await;
    assert_eq!(shop.hooks.count(), 1);
}

#[tokio::test]
async fn nothing_fires_for_what_was_past_when_rule_or_customer_arrived() {
    let mut shop = Shop::with(CALL).await;
    shop.pass(Span::hours(1)).await;
    shop.customer("late").await;
    shop.stop().await;
    shop.start().await;
    assert_eq!(shop.deliveries().await, []);
    shop.pass(Span::days(1)).await;
    assert_eq!(shop.only().await.occurrence, "2026-03-11T10:00");
}

#[tokio::test]
async fn a_clock_that_jumps_back_sends_nothing_again() {
    let shop = Shop::with(CALL).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.hooks.count(), 1);
    shop.turn_back(Span::days(1)).await;
    shop.pass(Span::hours(23)).await;
    shop.pass(Span::hours(1)).await;
    let ids: std::collections::BTreeSet<String> = shop.hooks.calls().into_iter().map(|call| call.id).collect();
    assert_eq!(ids.len() as u64, shop.hooks.count(), "no id twice");
    assert_eq!(shop.hooks.count(), 1);
}

#[tokio::test]
async fn a_holdout_is_recorded_and_gets_nothing() {
    let shop = Shop::with(&LETTER.replace("steps:", "holdout: 100%\nsteps:")).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.deliveries().await, []);
    let number = shop.store().last_customer();
    let enrollments = shop.store().enrollments(number, 10).await.unwrap();
    assert!(enrollments.len() == 1 && enrollments[0].held_out);
}

#[tokio::test]
async fn a_plan_names_whom_the_tick_then_reaches() {
    let shop = Shop::with(LETTER).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.arrive(vec![shop.profile("shy", &[("email", "shy@customers.example")], Some(false)), shop.order("shy", "1")])
        .await;
    shop.arrive(vec![shop.profile("new", &[("email", "new@customers.example")], Some(true))]).await;
    let request = PlanRequest { at: None, rule: None, customers: true, files: None };
    let plan = shop.operations().plan(request).await.unwrap().rules.remove(0);
    assert_eq!((plan.evaluated, plan.matched, plan.enroll, plan.deliveries.email), (4, 3, 2, 2));
    assert_eq!(plan.customers.unwrap(), ["ana", "ivan", "shy"]);
    shop.fire().await;
    let mut reached: Vec<String> = shop.mails.mails().into_iter().map(|mail| mail.to[0].clone()).collect();
    reached.sort();
    assert_eq!(reached, ["ana@customers.example", "ivan@customers.example"]);
}

#[tokio::test]
async fn a_plan_goes_by_the_trigger_s_zone_and_not_the_customer_s() {
    let shop = Shop::with(&LETTER.replace("again_after: 1d", "again_after: 1h")).await;
    let attributes = [("email", "ana@customers.example"), ("timezone", "America/New_York")];
    shop.arrive(vec![shop.profile("ana", &attributes, Some(true)), shop.order("ana", "1")]).await;
    shop.fire().await;
    // In New York it is still earlier than the clock of the business said at the last enrollment.
    shop.pass(Span::hours(2)).await;
    let request = PlanRequest { at: None, rule: None, customers: false, files: None };
    let plan = shop.operations().plan(request).await.unwrap().rules.remove(0);
    assert_eq!((plan.enroll, plan.hold.get(&Reason::AgainAfter)), (1, None));
}

#[tokio::test]
async fn a_plan_counts_each_of_whom_it_holds_under_one_reason() {
    let shop = Shop::with(LETTER).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("mute", &[], Some(true)), shop.order("mute", "1")]).await;
    let at = shop.clock.now().plus(Span::hours(12));
    let request = PlanRequest { at: Some(at.into()), rule: None, customers: false, files: None };
    let plan = shop.operations().plan(request).await.unwrap().rules.remove(0);
    assert_eq!(plan.hold, [(Reason::QuietHours, 1), (Reason::NoAddress, 1)].into());
}

#[tokio::test]
async fn ids_are_those_of_rule_customer_occurrence_and_step() {
    let shop = Shop::with(LETTER).await;
    shop.customer("ana").await;
    shop.fire().await;
    let key: DeliveryKey = shop.store().delivery_key();
    assert_eq!(shop.only().await.id, key.delivery_id("letter", "ana", "2026-03-10T10:00", "hello"));
}
