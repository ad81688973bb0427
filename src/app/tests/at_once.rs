//! Rules that act when something changes or falls due.

use super::{CALL, LETTER, Plan, Shop};
use crate::clock::Clock;
use crate::domain::{Arrival, Reason, Span, State, Text, Value};
use crate::http::{Call, ImportKind, ImportRequest, ImportSink, Intake, RuleStanding};
use crate::store::{DeliveryFilter, Store, View};
use axum::body::Bytes;
use std::sync::Arc;

/// A call for each purchase.
const THANKS: &str = "rule: thanks
class: service
trigger: {event: Order Completed}
when: everyone
steps:
- webhook: {to: crm, type: order.thanks, data: {id: \"{{ customer.id }}\"}}
";

/// A mail to those who become gold, and one three days later.
const GOLD: &str = "rule: gold
class: service
trigger: {enters: gold}
when: everyone
again_after: 1d
steps:
- email: hello
- {id: later, day: 3, email: hello}
";

const SEGMENTS: &str = "gold: {when: 'customer.tier == \"gold\"'}\n";

/// A mail on the day before a membership ends.
const ENDING: &str = "rule: ending
class: service
trigger: {date: renews_on, at: \"09:00\"}
when: everyone
steps:
- {day: -1, email: hello}
";

/// A shop with one rule, open for an hour, with a customer who has not bought.
async fn shop(name: &'static str, rule: &str) -> Shop {
    let rules = vec![(name, rule.to_owned()), ("segments", SEGMENTS.to_owned())];
    let shop = Shop::new(Plan { rules, ..Plan::default() }).await;
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![shop.profile("ana", &[("email", "ana@customers.example")], None)]).await;
    shop.pass(Span::hours(1)).await;
    shop
}

async fn buys(shop: &Shop, number: &str) {
    shop.arrive(vec![shop.order("ana", number)]).await;
}

/// As a call of the public listener stores it, which has the watcher hurry.
async fn buys_at_the_listener(shop: &Shop) {
    let (intake, _): (Arc<dyn Intake>, _) = shop.daemon.as_ref().unwrap().intake();
    let body = r#"{"userId":"ana","event":"Order Completed","messageId":"1","properties":{"order_id":"1"}}"#;
    intake.take(Call::Track, Bytes::from_static(body.as_bytes()), None).await.unwrap();
}

async fn becomes(shop: &Shop, attribute: &str, value: &str) {
    shop.arrive(vec![shop.profile("ana", &[(attribute, value)], None)]).await;
}

async fn enrollments(shop: &Shop) -> usize {
    shop.store().enrollments(shop.store().last_customer(), 100).await.unwrap().len()
}

#[tokio::test]
async fn an_event_over_http_starts_a_rule_at_once() {
    let shop = shop("thanks", THANKS).await;
    buys_at_the_listener(&shop).await;
    let now = shop.clock.now();
    shop.settle().await;
    let sent = shop.only().await;
    assert_eq!((sent.state, sent.due_at, sent.occurrence.as_str()), (State::Sent, now, "1"));
    assert_eq!(shop.hooks.count(), 1);
}

#[tokio::test]
async fn nobody_waits_for_the_clock_to_be_looked_at() {
    let shop = shop("thanks", THANKS).await;
    buys(&shop, "1").await;
    // Neither is the clock turned, nor does anybody ask whether all is done.
    let mut working = shop.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap().worker.watch();
    while shop.hooks.count() == 0 {
        tokio::time::timeout(std::time::Duration::from_secs(5), working.changed()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let shop = shop("thanks", &THANKS.replace("Completed}", "Completed, delay: 1h}")).await;
    buys(&shop, "1").await;
    shop.pass(Span::minutes(59)).await;
    assert_eq!(shop.hooks.count(), 0);
    shop.pass(Span::minutes(1)).await;
    assert_eq!(shop.hooks.count(), 1);
    shop.pass(Span::days(2)).await;
    assert_eq!(shop.hooks.count(), 1);
}

#[tokio::test]
async fn each_value_starts_a_rule_once_and_what_came_before_is_no_obstacle() {
    let shop = shop("thanks", &THANKS.replace("Completed}", "Completed, once_per: order_id}")).await;
    for number in ["1", "2"] {
        buys(&shop, number).await;
        shop.settle().await;
    }
    let Arrival::Event { customer, mut event } = shop.order("ana", "1") else { panic!("an order is an event") };
    event.message_id = Some("another message of the first order".into());
    shop.arrive(vec![Arrival::Event { customer, event }, shop.order("ana", "3")]).await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (3, 3));
}

#[tokio::test]
async fn a_step_of_a_later_day_goes_out_once_over_restarts() {
    let mut shop = shop("gold", GOLD).await;
    becomes(&shop, "tier", "gold").await;
    shop.settle().await;
    assert_eq!(shop.mails.count(), 1);
    shop.stop().await;
    shop.start().await;
    shop.pass(Span::days(2)).await;
    assert_eq!(shop.mails.count(), 1);
    shop.stop().await;
    shop.clock.advance(Span::days(1));
    shop.start().await;
    assert_eq!(shop.mails.count(), 2);
    shop.stop().await;
    shop.start().await;
    shop.pass(Span::days(5)).await;
    assert_eq!(shop.mails.count(), 2);
}

#[tokio::test]
async fn who_was_inside_before_does_not_enter_and_who_comes_back_does() {
    let shop = shop("gold", GOLD).await;
    let inside = shop.profile("ines", &[("email", "ines@customers.example"), ("tier", "gold")], None);
    shop.arrive(vec![inside]).await;
    shop.settle().await;
    assert_eq!(shop.mails.count(), 0);
    for tier in ["gold", "silver"] {
        becomes(&shop, "tier", tier).await;
        shop.pass(Span::days(2)).await;
    }
    assert_eq!(shop.mails.count(), 1);
    becomes(&shop, "tier", "gold").await;
    shop.settle().await;
    assert_eq!(shop.deliveries().await.iter().map(|one| one.occurrence.as_str()).max(), Some("3"));
}

#[tokio::test]
async fn who_leaves_is_written_to() {
    let shop = shop("gold", &GOLD.replace("enters", "leaves")).await;
    becomes(&shop, "tier", "gold").await;
    shop.settle().await;
    assert_eq!(shop.mails.count(), 0);
    becomes(&shop, "tier", "silver").await;
    shop.settle().await;
    assert_eq!(shop.mails.count(), 1);
}

#[tokio::test]
async fn a_mail_comes_on_the_day_before_a_date() {
    let shop = shop("ending", ENDING).await;
    let Arrival::Profile { customer, mut row, dated, message_id } = shop.profile("ana", &[], None) else {
        panic!("a profile")
    };
    row.attributes.insert("renews_on".into(), Some(Value::Date(jiff::civil::date(2026, 3, 15))));
    shop.arrive(vec![Arrival::Profile { customer, row, dated, message_id }]).await;
    shop.settle().await;
    for _ in 0..8 {
        shop.pass(Span::days(1)).await;
    }
    assert_eq!(shop.only().await.due_at.to_string(), "2026-03-14T09:00:00Z");
    assert_eq!(shop.mails.count(), 1);
}

async fn import(shop: &Shop, live: bool) {
    let at = shop.clock.now();
    let row = format!(
        r#"{{"type":"track","userId":"ana","event":"Order Completed","messageId":"i{live}","timestamp":"{at}","properties":{{"order_id":"i{live}"}}}}"#
    );
    let (sink, lines) = ImportSink::channel();
    let request = ImportRequest { kind: ImportKind::Events, ignore_unknown: false, live, file: None };
    let source = Box::pin(std::io::Cursor::new(row.into_bytes()));
    let report = shop.operations().import(request, source, sink).await.unwrap();
    drop(lines);
    assert_eq!((report.stored, report.refused), (1, 0));
    shop.settle().await;
}

#[tokio::test]
async fn an_import_starts_nothing_unless_it_is_live() {
    let shop = shop("thanks", THANKS).await;
    import(&shop, false).await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (0, 0));
    import(&shop, true).await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (1, 1));
}

#[tokio::test]
async fn what_was_stored_before_a_stop_and_not_decided_is_decided_at_the_start() {
    let mut shop = shop("thanks", THANKS).await;
    shop.meddling.full_for_decisions(true);
    buys(&shop, "1").await;
    shop.meddling.reached().await;
    shop.stop().await;
    assert_eq!(shop.hooks.count(), 0);
    shop.meddling.full_for_decisions(false);
    shop.start().await;
    assert_eq!((shop.hooks.count(), shop.only().await.state), (1, State::Sent));
}

#[tokio::test]
async fn a_decision_that_is_durable_though_nobody_was_told_is_not_made_again() {
    let mut shop = shop("thanks", THANKS).await;
    shop.meddling.lose_the_next_decision();
    buys(&shop, "1").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (1, 1));
    shop.stop().await;
    shop.start().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (1, 1));
}

#[tokio::test]
async fn what_arrives_while_a_decision_is_on_its_way_counts_and_nothing_is_decided_twice() {
    let shop = shop("thanks", THANKS).await;
    let interest = Arc::clone(&shop.daemon.as_ref().unwrap().shared().world.load().interest);
    shop.meddling.before_the_next_decision(vec![shop.order("ana", "2")], interest);
    buys(&shop, "1").await;
    shop.settle().await;
    let calls: std::collections::BTreeSet<String> = shop.hooks.calls().into_iter().map(|call| call.id).collect();
    assert_eq!((calls.len(), shop.hooks.count(), enrollments(&shop).await), (2, 2, 2));
}

#[tokio::test]
async fn a_paused_rule_lets_nobody_in() {
    let shop = shop("thanks", THANKS).await;
    shop.operations().pause_rule("thanks").await.unwrap();
    buys(&shop, "1").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (0, 0));
    shop.operations().resume_rule("thanks").await.unwrap();
    buys(&shop, "2").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), shop.only().await.occurrence.as_str()), (1, "ana-2"));
}

#[tokio::test]
async fn a_rule_that_is_reloaded_acts_on_what_comes_after_it_and_not_on_what_was_before() {
    let shop = shop("letter", LETTER).await;
    buys(&shop, "1").await;
    shop.settle().await;
    shop.write("rules/thanks.yaml", THANKS);
    shop.pass(Span::minutes(1)).await;
    shop.operations().reload().await.unwrap();
    shop.clock.advance(Span::seconds(2));
    buys(&shop, "2").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), shop.only().await.occurrence.as_str()), (1, "ana-2"));
}

#[tokio::test]
async fn a_step_that_gets_another_name_is_not_sent_again_to_those_who_had_it() {
    let rule = format!("{THANKS}- {{id: later, day: 3, webhook: {{to: crm, type: order.again, data: {{}}}}}}\n");
    let shop = shop("thanks", &rule).await;
    buys(&shop, "1").await;
    shop.settle().await;
    shop.pass(Span::minutes(1)).await;
    shop.edit("rules/thanks.yaml", "order.thanks", "order.gratitude");
    shop.operations().reload().await.unwrap();
    shop.settle().await;
    assert_eq!(shop.hooks.count(), 1);
    shop.pass(Span::minutes(1)).await;
    buys(&shop, "2").await;
    shop.settle().await;
    shop.pass(Span::days(4)).await;
    shop.settle().await;
    let mut told: Vec<String> = shop.hooks.calls().into_iter().map(|call| call.body).collect();
    told.sort();
    let of = |kind: &str| told.iter().filter(|body| body.contains(kind)).count();
    assert_eq!((of("order.thanks"), of("order.gratitude"), of("order.again"), told.len()), (1, 1, 2, 4), "{told:#?}");
}

#[tokio::test]
async fn a_tick_looks_at_members_alone() {
    let shop = Shop::with(CALL).await;
    shop.customer("ana").await;
    for id in ["ivan", "mia", "zoe"] {
        shop.arrive(vec![shop.profile(id, &[], None)]).await;
    }
    shop.fire().await;
    let states = shop.store().rule_states().await.unwrap();
    let (_, counts) = states[0].1.last_tick.as_ref().unwrap();
    assert_eq!((counts.evaluated, counts.matched, shop.hooks.count()), (1, 1, 1));
}

#[tokio::test]
async fn a_tick_of_more_members_than_are_read_at_once_reaches_each_once() {
    let shop = Shop::with(&CALL.replace("steps:", "pause_if: {more_than: 5000, per: 1d}\nsteps:")).await;
    shop.arrive((0..1200).map(|number| shop.order(&format!("c{number}"), "1")).collect()).await;
    shop.arrive(vec![shop.profile("mia", &[], None)]).await;
    shop.fire().await;
    let states = shop.store().rule_states().await.unwrap();
    let (_, counts) = states[0].1.last_tick.as_ref().unwrap();
    assert_eq!((counts.evaluated, counts.matched, shop.hooks.count()), (1200, 1200, 1200));
    let bodies: std::collections::BTreeSet<String> = shop.hooks.calls().into_iter().map(|call| call.body).collect();
    assert_eq!(bodies.iter().filter(|body| body.contains("customer.bought")).count(), 1200);
}

#[tokio::test]
async fn a_condition_that_is_changed_finds_its_members_anew() {
    let shop = Shop::with(CALL).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    becomes(&shop, "tier", "gold").await;
    shop.settle().await;
    shop.edit("rules/call.yaml", "orders.count >= 1", "'customer.tier == \"gold\"'");
    shop.operations().reload().await.unwrap();
    shop.settle().await;
    let store: &Arc<dyn Store> = shop.store();
    assert_eq!(store.members("call", None, 10).await.unwrap().len(), 1);
    shop.fire().await;
    assert_eq!(shop.only().await.customer_id, "ana");
}

#[tokio::test]
async fn a_step_of_a_schedule_that_comes_days_later_is_stopped_by_the_goal() {
    let rule = CALL.replace("again_after: 1d", "again_after: never\ngoal: {event: Order Completed, within: 30d}");
    let rule = format!("{rule}- {{id: later, day: 2, webhook: {{to: crm, type: again, data: {{}}}}}}\n");
    let shop = Shop::with(&rule).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.fire().await;
    assert_eq!(shop.hooks.count(), 2);
    shop.pass(Span::hours(1)).await;
    buys(&shop, "2").await;
    shop.settle().await;
    shop.pass(Span::days(3)).await;
    let later: Vec<Text> = shop
        .store()
        .deliveries(&DeliveryFilter { state: Some(State::Sent), ..DeliveryFilter::default() }, None, 100)
        .await
        .unwrap()
        .into_iter()
        .filter(|delivery| delivery.step == "later")
        .map(|delivery| delivery.customer_id)
        .collect();
    assert_eq!(later, ["ivan"]);
    let endings = shop.store().enrollments(crate::domain::CustomerNumber(1), 10).await.unwrap();
    assert_eq!(endings[0].ending.as_ref().and_then(|ending| ending.reason), Some(Reason::GoalReached));
}

#[tokio::test]
async fn what_a_rule_sent_is_remembered_and_starts_another() {
    let thanked = "thanked: {when: \"sent('thanks')\"}\n".to_owned();
    let follow = GOLD.replace("rule: gold", "rule: follow").replace("enters: gold", "enters: thanked");
    let rules = vec![("thanks", THANKS.to_owned()), ("follow", follow), ("segments", thanked)];
    let shop = Shop::new(Plan { rules, ..Plan::default() }).await;
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![shop.profile("ana", &[("email", "ana@customers.example")], None)]).await;
    shop.pass(Span::hours(1)).await;
    let mut remembered = shop.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap().worker.remembered();
    buys(&shop, "1").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), shop.mails.count()), (1, 1));
    assert_eq!(*remembered.borrow_and_update(), 1, "who looks at customers is told of it, not left to find it");
}

#[tokio::test]
async fn a_rule_that_acts_at_once_pauses_where_it_says_and_goes_on_when_a_person_does() {
    let mut shop = shop("thanks", &THANKS.replace("steps:", "pause_if: {more_than: 2, per: 1d}\nsteps:")).await;
    let held = DeliveryFilter { state: Some(State::Held), ..DeliveryFilter::default() };
    for number in ["1", "2"] {
        buys(&shop, number).await;
        shop.settle().await;
    }
    // What is counted outlives the process.
    shop.stop().await;
    shop.start().await;
    assert_eq!(shop.operations().rules().await.unwrap()[0].state, RuleStanding::Live);
    shop.pass(Span::hours(1)).await;
    buys(&shop, "3").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (2, 3));
    let stopped = shop.store().deliveries(&held, None, 9).await.unwrap();
    let stopped: Vec<_> = stopped.iter().map(|one| (one.occurrence.as_str(), one.reason)).collect();
    assert_eq!(stopped, [("ana-3", Some(Reason::Brake))]);
    assert_eq!(shop.operations().rules().await.unwrap()[0].state, RuleStanding::Braked);
    // So does the pause; nobody enters meanwhile.
    shop.stop().await;
    shop.start().await;
    shop.pass(Span::minutes(1)).await;
    buys(&shop, "4").await;
    shop.settle().await;
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (2, 3));
    assert_eq!(shop.operations().resume_rule("thanks").await.unwrap().released, 1);
    for number in ["5", "6"] {
        shop.pass(Span::minutes(1)).await;
        buys(&shop, number).await;
        shop.settle().await;
    }
    assert_eq!((shop.hooks.count(), enrollments(&shop).await), (5, 5), "it begins to count anew");
    // What comes again makes nothing, and is nothing to stop for.
    let Arrival::Event { customer, event } = shop.order("ana", "6") else { panic!("an order is an event") };
    shop.arrive(vec![Arrival::Event { customer, event }]).await;
    shop.pass(Span::days(1)).await;
    for number in ["7", "8"] {
        buys(&shop, number).await;
    }
    shop.settle().await;
    assert_eq!(shop.hooks.count(), 7, "a day later there is room again");
}

#[tokio::test]
async fn an_order_that_comes_again_takes_no_place_from_another_rule() {
    let mail = |name: &str, once: &str, priority: u32| {
        THANKS
            .replace("rule: thanks", &format!("rule: {name}\npriority: {priority}"))
            .replace("class: service", "class: marketing")
            .replace("Completed}", &format!("Completed{once}}}"))
            .replace("- webhook: {to: crm, type: order.thanks, data: {id: \"{{ customer.id }}\"}}", "- email: hello")
    };
    let rules = vec![("first", mail("first", ", once_per: order_id", 90)), ("second", mail("second", "", 10))];
    let shop = Shop::new(Plan { rules, ..Plan::default() }).await;
    shop.pass(Span::hours(1)).await;
    shop.customer("ana").await;
    for number in ["2", "3"] {
        shop.pass(Span::days(1)).await;
        buys(&shop, number).await;
        shop.settle().await;
    }
    shop.pass(Span::days(7)).await;
    let before = shop.mails.count();
    let Arrival::Event { customer, mut event } = shop.order("ana", "2") else { panic!("an order is an event") };
    event.message_id = Some("another message of that order".into());
    shop.arrive(vec![Arrival::Event { customer, event }]).await;
    shop.settle().await;
    assert_eq!(shop.mails.count(), before + 1);
    let deliveries = shop.deliveries().await;
    let last = deliveries.iter().max_by_key(|one| one.created_at).unwrap();
    assert_eq!((last.rule.as_str(), last.state), ("second", State::Sent));
}

#[tokio::test]
async fn an_event_does_not_wait_for_those_whose_decisions_are_on_their_way() {
    let shop = shop("thanks", THANKS).await;
    shop.meddling.hold_rounds(true);
    let many: Vec<Arrival> = (0..600).map(|number| shop.order(&format!("c{number}"), "1")).collect();
    shop.arrive(many).await;
    shop.meddling.reached().await;
    buys_at_the_listener(&shop).await;
    shop.hooks.wait_for(1).await;
    assert!(shop.hooks.calls().iter().all(|call| call.body.contains("\"ana\"")), "the others wait");
    shop.meddling.hold_rounds(false);
    shop.settle().await;
    assert_eq!(shop.hooks.count(), 601);
}

#[tokio::test]
async fn an_event_does_not_wait_for_all_who_were_marked_before() {
    let shop = shop("thanks", THANKS).await;
    let before = shop.meddling.decided().len();
    // The watcher finds no room on the disk until all have come.
    shop.meddling.full_for_decisions(true);
    let many: Vec<Arrival> = (0..600).map(|number| shop.order(&format!("c{number}"), "1")).collect();
    shop.arrive(many).await;
    shop.clock.advance(Span::seconds(1));
    buys_at_the_listener(&shop).await;
    shop.meddling.full_for_decisions(false);
    shop.settle().await;
    assert_eq!(shop.hooks.count(), 601);
    // In the order of decisions, not of calls: what is due longest is sent first. Two rounds may be before her.
    let interest = Arc::clone(&shop.daemon.as_ref().unwrap().shared().world.load().interest);
    let view = View { interest, now: shop.clock.now(), backtest: false };
    let ana = shop.store().customer("ana", &view).await.unwrap().unwrap().number;
    let place = shop.meddling.decided().into_iter().skip(before).position(|number| number == ana).unwrap();
    assert!(place < 300, "{place} were before it");
}
