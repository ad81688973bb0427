//! Events given by hand, and what they would start.

use super::{Plan, Shop};
use crate::domain::{Span, State};
use crate::http::{EmitRequest, Given, PlanRequest, RuleDecision};

const THANKS: &str = "rule: thanks
class: service
trigger: {event: Order Completed}
when: event.revenue > 100
steps:
- webhook: {to: crm, type: order.thanks, data: {id: \"{{ customer.id }}\"}}
- {id: later, day: 3, email: hello}
";

const REGULAR: &str = "rule: regular
class: service
trigger: {enters: regulars}
when: everyone
again_after: never
steps:
- email: hello
";

async fn shop() -> Shop {
    let segments = "regulars: {when: orders.count >= 1}\n".to_owned();
    let rules = vec![("thanks", THANKS.to_owned()), ("regular", REGULAR.to_owned()), ("segments", segments)];
    let shop = Shop::new(Plan { rules, ..Plan::default() }).await;
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![shop.profile("ana", &[("email", "ana@customers.example")], None)]).await;
    shop.pass(Span::hours(1)).await;
    shop
}

fn order(revenue: &str) -> EmitRequest {
    EmitRequest {
        event: "Order Completed".into(),
        customer: "ana".into(),
        message_id: Some("m1".into()),
        properties: [("revenue".to_owned(), Given::Text(revenue.to_owned()))].into(),
        ..EmitRequest::default()
    }
}

#[tokio::test]
async fn what_an_event_would_start_is_what_it_then_starts() {
    let shop = shop().await;
    let plan = shop.operations().plan_event(order("250")).await.unwrap();
    assert!(!plan.stored && !plan.new_customer);
    let rules: Vec<_> = plan.rules.iter().map(|rule| (rule.rule.as_str(), rule.decision)).collect();
    assert_eq!(rules, [("regular", RuleDecision::Fire), ("thanks", RuleDecision::Fire)]);
    let thanks = &plan.rules[1];
    assert_eq!((thanks.deliveries.len(), thanks.deliveries[0].due_at), (1, plan.at));
    assert_eq!((thanks.waiting[0].step.as_str(), thanks.next_due), ("later", Some(plan.at.plus(Span::days(3)))));
    shop.settle().await;
    assert_eq!(shop.deliveries().await, []);

    let emitted = shop.operations().emit(order("250")).await.unwrap();
    assert!(emitted.stored && emitted.running && !emitted.new_customer);
    assert!(!shop.operations().emit(order("250")).await.unwrap().stored);
    shop.settle().await;
    let sent = shop.deliveries().await;
    assert_eq!(sent.iter().map(|delivery| delivery.state).collect::<Vec<_>>(), [State::Sent; 2]);
    let shown = shop.operations().customer("ana").await.unwrap();
    assert_eq!(shown.segments, ["regulars"]);
    assert_eq!(shown.active[0].waiting, thanks.waiting);
    assert_eq!(shop.operations().plan_event(order("250")).await.unwrap().rules, []);
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_told_for_the_event() {
    let shop = shop().await;
    let plan = shop.operations().plan_event(order("50")).await.unwrap();
    let thanks = plan.rules.iter().find(|rule| rule.rule == "thanks").unwrap();
    assert_eq!((thanks.decision, thanks.deliveries.len()), (RuleDecision::NoMatch, 0));
}

#[tokio::test]
async fn a_plan_counts_whoever_had_the_event_or_crossed_the_border_in_a_day() {
    let shop = shop().await;
    shop.arrive(vec![shop.profile("ivan", &[("email", "ivan@customers.example")], None)]).await;
    shop.operations().emit(order("250")).await.unwrap();
    shop.settle().await;
    let ask = |at| PlanRequest { at, rule: None, customers: true, files: None };
    let plan = shop.operations().plan(ask(None)).await.unwrap();
    let matched = |rule: &str| {
        let found = plan.rules.iter().find(|plan| plan.rule == rule).unwrap();
        (found.evaluated, found.customers.clone().unwrap())
    };
    assert_eq!(matched("thanks"), (2, vec!["ana".to_owned()]));
    assert_eq!(matched("regular"), (2, vec!["ana".to_owned()]));
    shop.clock.advance(Span::hours(25));
    let later = shop.operations().plan(ask(None)).await.unwrap();
    assert!(later.rules.iter().all(|rule| rule.matched == 0), "{later:?}");
}
