//! What an event says, in the messages of the rules that it starts.

use super::{Plan, Shop};
use crate::catcher::{MailAct, MailFaults, MailStage, When};
use crate::domain::{Reason, Span, State};

/// What came of an order, at once and two days later.
const PAID: &str = "rule: paid
class: service
trigger: {event: Order Completed}
when: everyone
steps:
- email: paid
- webhook: {to: crm, type: order.paid, data: {order: \"{{ event.order_id }}\", worth: \"{{ event.revenue }}\"}}
- {id: later, day: 2, email: paid}
- {id: told-later, day: 2, webhook: {to: crm, type: order.old, data: {order: \"{{ event.order_id }}\"}}}
";

const TEMPLATE: &str =
    "---\nsubject: \"Order {{ event.order_id or '?' }} of {{ event.revenue or 0 }}\"\n---\nThanks.\n";

/// A shop with that rule, open for a while, in which the first attempts at a mail fail.
async fn shop(failing: u64, template: &str) -> Shop {
    let mail =
        MailFaults::none().with(MailStage::Recipient, When::First(failing), MailAct::Reply("450 later".to_owned()));
    let shop = Shop::new(Plan { mail, ..Plan::default() }).await;
    shop.write("templates/paid/en.md", template);
    shop.write("rules/paid.yaml", PAID);
    shop.operations().reload().await.unwrap();
    shop.pass(Span::minutes(1)).await;
    shop.arrive(vec![shop.profile("ana", &[("email", "ana@customers.example")], None)]).await;
    shop
}

fn subjects(shop: &Shop) -> Vec<String> {
    shop.mails.mails().into_iter().map(|mail| mail.subject).collect()
}

fn data(shop: &Shop) -> Vec<serde_json::Value> {
    let body = |call: crate::catcher::CaughtHook| serde_json::from_str::<serde_json::Value>(&call.body).unwrap();
    shop.hooks.calls().into_iter().map(|call| body(call)["data"].clone()).collect()
}

#[tokio::test]
async fn each_message_says_what_its_own_event_said_over_restarts_and_days() {
    let mut shop = shop(1, TEMPLATE).await;
    shop.arrive(vec![shop.order("ana", "1")]).await;
    shop.settle().await;
    assert_eq!(subjects(&shop), [""; 0], "the first attempt failed");
    assert_eq!(data(&shop), [serde_json::json!({"order": "ana-1", "worth": 10})]);
    shop.stop().await;
    shop.start().await;
    shop.arrive(vec![shop.order("ana", "2")]).await;
    shop.pass(Span::hours(1)).await;
    let mut sent = subjects(&shop);
    sent.sort_unstable();
    assert_eq!(sent, ["Order ana-1 of 10", "Order ana-2 of 10"]);
    shop.stop().await;
    shop.start().await;
    shop.pass(Span::days(2)).await;
    let mut sent = subjects(&shop).split_off(2);
    sent.sort_unstable();
    assert_eq!(sent, ["Order ana-1 of 10", "Order ana-2 of 10"]);
    let mut late: Vec<_> = data(&shop).split_off(2).into_iter().map(|data| data.to_string()).collect();
    late.sort_unstable();
    assert_eq!(late, [r#"{"order":"ana-1"}"#, r#"{"order":"ana-2"}"#]);
}

#[tokio::test]
async fn only_deliveries_whose_message_names_the_event_keep_it() {
    let shop = shop(0, "---\nsubject: Thanks\n---\nThanks.\n").await;
    shop.arrive(vec![shop.order("ana", "1")]).await;
    shop.settle().await;
    let kept = |step: &str, all: &[crate::domain::Delivery]| {
        let found = all.iter().find(|one| one.step == step).unwrap();
        found.entry.as_ref().and_then(|entry| entry.event.as_ref()).is_some()
    };
    let all = shop.deliveries().await;
    assert_eq!((kept("paid", &all), kept("order.paid", &all)), (false, true));
    // What was decided before the template named it says so as of a property that is missing.
    shop.write("templates/paid/en.md", TEMPLATE);
    shop.operations().reload().await.unwrap();
    shop.pass(Span::days(2)).await;
    let all = shop.deliveries().await;
    assert!(kept("later", &all), "decided after the reload");
    assert_eq!(subjects(&shop), ["Thanks", "Order ana-1 of 10"]);
    assert!(all.iter().all(|one| one.state == State::Sent && one.reason != Some(Reason::RenderError)));
}

#[tokio::test]
async fn a_mail_that_was_decided_before_its_template_named_the_event_is_sent_without_it() {
    let shop = shop(1, "---\nsubject: Thanks\n---\nThanks.\n").await;
    shop.arrive(vec![shop.order("ana", "1")]).await;
    shop.settle().await;
    shop.write("templates/paid/en.md", TEMPLATE);
    shop.operations().reload().await.unwrap();
    shop.pass(Span::hours(1)).await;
    assert_eq!(subjects(&shop), ["Order ? of 0"]);
}
