//! What the world does wrong, and what becomes of the delivery.

use super::meddled::Act;
use super::{CALL, LETTER, Plan, Shop, name_of};
use crate::catcher::{HookAct, HookFaults, MailAct, MailFaults, MailStage, When};
use crate::domain::{Span, State};
use crate::store::{DeliveryChange, SlotChange, Urgency};
use std::time::{Duration, Instant};

fn letters(mail: MailFaults) -> Plan {
    Plan { rules: vec![(name_of(LETTER), LETTER.into())], mail, ..Plan::default() }
}

fn calls(hook: HookFaults) -> Plan {
    Plan { rules: vec![(name_of(CALL), CALL.into())], hook, ..Plan::default() }
}

fn reply(stage: MailStage, text: &str) -> MailFaults {
    MailFaults::none().with(stage, When::First(1), MailAct::Reply(text.into()))
}

#[tokio::test]
async fn what_was_accepted_and_recorded_is_never_sent_again() {
    let mut shop = Shop::new(letters(MailFaults::none())).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.only().await.state, State::Sent);
    shop.stop().await;
    shop.start().await;
    shop.pass(Span::hours(2)).await;
    assert_eq!(shop.mails.count(), 1);
}

#[tokio::test]
async fn a_lost_answer_after_the_final_dot_is_repeated_after_ten_minutes_under_the_same_id() {
    let lost = MailFaults::none().with(MailStage::Recorded, When::First(1), MailAct::Close);
    let shop = Shop::new(letters(lost)).await;
    shop.customer("ana").await;
    shop.fire().await;
    let found = shop.only().await;
    assert_eq!((found.state, found.uncertain), (State::Uncertain, 1));
    shop.pass(Span::minutes(9)).await;
    assert_eq!(shop.mails.count(), 1);
    shop.pass(Span::minutes(2)).await;
    let found = shop.only().await;
    assert_eq!((found.state, found.attempts), (State::Sent, 2));
    let ids: Vec<String> = shop.mails.mails().into_iter().map(|mail| mail.message_id).collect();
    assert_eq!(ids, vec![format!("<{}@shop.example>", found.id); 2]);
}

#[tokio::test]
async fn uncertain_for_the_third_time_is_held_for_a_person() {
    let lost = MailFaults::none().with(MailStage::Recorded, When::Always, MailAct::Close);
    let shop = Shop::new(letters(lost)).await;
    shop.customer("ana").await;
    shop.fire().await;
    shop.pass(Span::minutes(11)).await;
    shop.pass(Span::minutes(11)).await;
    let found = shop.only().await;
    assert_eq!(found.state, State::Held);
    assert!(found.last_error.is_some_and(|error| error.contains("retaind deliveries retry")), "says what to do");
    shop.pass(Span::hours(3)).await;
    assert_eq!(shop.mails.count(), 3);
}

#[tokio::test]
async fn a_transient_refusal_is_tried_again_later() {
    let shop = Shop::new(letters(reply(MailStage::Recipient, "450 4.7.1 Greylisted"))).await;
    shop.customer("ana").await;
    shop.fire().await;
    let found = shop.only().await;
    assert_eq!((found.state, found.attempts), (State::Deferred, 1));
    assert!(found.last_error.as_deref().is_some_and(|error| error.contains("Greylisted")), "{found:?}");
    shop.pass(Span::minutes(2)).await;
    assert_eq!(shop.only().await.state, State::Sent);
}

#[tokio::test]
async fn an_unknown_recipient_is_a_dead_letter_and_gets_no_more_mail() {
    let shop = Shop::new(letters(reply(MailStage::Recipient, "550 5.1.1 No such user"))).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.only().await.state, State::Failed);
    shop.pass(Span::days(1)).await;
    let states: Vec<State> = shop.deliveries().await.into_iter().map(|delivery| delivery.state).collect();
    assert!(states.contains(&State::Suppressed) && !states.contains(&State::Sent), "{states:?}");
    let suppression = shop.store().suppression("ANA@customers.example").await.unwrap().unwrap();
    assert!(suppression.reason.contains("5.1.1"));
    assert!(!suppression.reason.contains("ana@"), "no address in a reason");
}

#[tokio::test]
async fn a_refusal_of_the_content_leaves_the_address_alone() {
    let shop = Shop::new(letters(reply(MailStage::Dot, "554 5.7.1 Message refused"))).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.only().await.state, State::Failed);
    assert_eq!(shop.store().suppression("ana@customers.example").await.unwrap(), None);
}

#[tokio::test]
async fn a_mail_server_that_is_away_uses_up_no_attempt() {
    let away = MailFaults::none().with(MailStage::Greeting, When::First(3), MailAct::Close);
    let shop = Shop::new(letters(away)).await;
    shop.customer("ana").await;
    shop.clock.advance(Span::seconds(30));
    // The lane is tried ever more rarely; each turn of the clock is longer than the wait before the next trial.
    while shop.mails.count() == 0 {
        shop.clock.advance(Span::seconds(20));
        shop.nudge().await;
    }
    shop.settle().await;
    let found = shop.only().await;
    assert_eq!((found.state, found.attempts), (State::Sent, 1));
}

#[tokio::test]
async fn a_webhook_is_repeated_with_the_same_bytes_and_the_same_id() {
    let failing = HookFaults::none().with(When::First(1), HookAct::Status(500)).with(When::First(1), HookAct::Reset);
    let shop = Shop::new(calls(failing)).await;
    shop.customer("ana").await;
    shop.fire().await;
    assert_eq!(shop.only().await.state, State::Deferred);
    shop.pass(Span::seconds(7)).await;
    // What the customer does meanwhile changes nothing in a call that was decided.
    shop.arrive(vec![shop.order("ana", "2")]).await;
    shop.pass(Span::minutes(7)).await;
    assert_eq!(shop.only().await.state, State::Sent);
    let calls = shop.hooks.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call.verified && call.id == calls[0].id && call.body == calls[0].body));
    let body: serde_json::Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!(body["type"], "customer.bought");
    assert_eq!(body["data"], serde_json::json!({"id": "ana", "orders": 1}), "a number stays a number");
    assert_eq!(calls[0].header("idempotency-key"), Some(calls[0].id.as_str()));
}

#[tokio::test]
async fn retry_after_is_obeyed_and_gone_is_final() {
    let failing = HookFaults::none()
        .with(When::First(1), HookAct::RetryAfter(429, "7200".into()))
        .with(When::First(1), HookAct::Status(410));
    let shop = Shop::new(calls(failing)).await;
    shop.customer("ana").await;
    shop.fire().await;
    shop.pass(Span::hours(1)).await;
    assert_eq!(shop.hooks.count(), 1);
    shop.pass(Span::minutes(61)).await;
    assert_eq!(shop.only().await.state, State::Failed);
    assert_eq!(shop.hooks.count(), 2);
}

#[tokio::test]
async fn a_dead_letter_comes_back_under_its_old_id() {
    let shop = Shop::new(calls(HookFaults::none().with(When::First(1), HookAct::Status(410)))).await;
    shop.customer("ana").await;
    shop.fire().await;
    let dead = shop.only().await;
    assert_eq!(dead.state, State::Failed);
    let selection = crate::http::DeliverySelection::Ids(vec![dead.id]);
    assert_eq!(shop.operations().retry(selection).await.unwrap().changed, 1);
    shop.settle().await;
    assert_eq!(shop.only().await.state, State::Sent);
    assert_eq!(shop.hooks.calls()[1].id, dead.id.to_string());
}

#[tokio::test]
async fn one_dead_endpoint_does_not_delay_the_mail() {
    let plan = Plan {
        rules: vec![(name_of(LETTER), LETTER.into()), (name_of(CALL), CALL.into())],
        hook: HookFaults::none().with(When::Always, HookAct::Stall),
        ..Plan::default()
    };
    let shop = Shop::new(plan).await;
    for number in 0..20 {
        shop.customer(&format!("c{number}")).await;
    }
    shop.clock.advance(Span::seconds(30));
    shop.nudge().await;
    shop.mails.wait_for(20).await;
}

#[tokio::test]
async fn found_uncertain_a_second_time_it_waits_its_ten_minutes_in_peace() {
    let lost = MailFaults::none().with(MailStage::Recorded, When::First(1), MailAct::Close);
    let mut shop = Shop::new(letters(lost)).await;
    shop.customer("ana").await;
    shop.fire().await;
    // As a crash in the middle of the second attempt leaves it.
    let found = shop.only().await;
    let mut sending = found.clone();
    sending.state = State::Sending;
    sending.attempts += 1;
    let change = DeliveryChange {
        from: found.state,
        from_attempts: found.attempts,
        delivery: sending,
        slot: SlotChange::Keep,
        suppress: None,
        remember: false,
    };
    shop.store().record(vec![change], Urgency::Interactive).await.unwrap();
    shop.stop().await;
    shop.start().await;
    let found = shop.only().await;
    assert_eq!((found.state, found.uncertain), (State::Uncertain, 2));
    assert_eq!(shop.mails.count(), 1);
    shop.pass(Span::minutes(11)).await;
    assert_eq!(shop.only().await.state, State::Sent);
    assert_eq!(shop.mails.count(), 2);
}

#[tokio::test]
async fn a_mail_that_finds_the_disk_full_as_it_begins_goes_out_once_when_there_is_room() {
    for act in [Act::Full, Act::FullAndRecorded] {
        let shop = Shop::new(letters(MailFaults::none())).await;
        shop.customer("ana").await;
        shop.meddling.when_recorded(State::Sending, act);
        shop.fire().await;
        let found = shop.only().await;
        assert_eq!((found.state, found.uncertain, shop.mails.count()), (State::Sent, 0, 1), "{act:?}");
    }
}

#[tokio::test]
async fn a_call_that_finds_the_disk_full_as_it_begins_is_made_once_when_there_is_room() {
    let shop = Shop::new(calls(HookFaults::none())).await;
    shop.customer("ana").await;
    shop.meddling.when_recorded(State::Sending, Act::FullAndRecorded);
    shop.fire().await;
    assert_eq!((shop.only().await.state, shop.hooks.count()), (State::Sent, 1));
}

#[tokio::test]
async fn a_full_disk_is_not_tried_again_at_once() {
    let shop = Shop::new(calls(HookFaults::none())).await;
    shop.customer("ana").await;
    shop.meddling.when_recorded(State::Sending, Act::Full);
    shop.clock.advance(Span::seconds(30));
    shop.nudge().await;
    shop.meddling.reached().await;
    let first = Instant::now();
    shop.meddling.when_recorded(State::Sending, Act::Full);
    shop.meddling.reached().await;
    assert!(first.elapsed() > Duration::from_millis(900));
}
