//! What happens between decision and sending.

use super::meddled::Act;
use super::{LETTER, Plan, Shop, name_of};
use crate::catcher::{MailAct, MailFaults, MailStage, When};
use crate::domain::{Reason, Span, State};
use crate::http::{PlanRequest, RuleDecision, RuleStanding, SuppressionRequest};
use std::time::Duration;

/// A shop with one letter decided and not yet sent, because all sending is paused.
async fn waiting() -> Shop {
    let shop = Shop::with(&LETTER.replace("orders.count >= 1", "orders.count == 1")).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    assert_eq!(shop.only().await.state, State::Queued);
    shop
}

/// Lets it go out, and answers what became of it.
async fn resumed(shop: &Shop) -> (State, Option<Reason>) {
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    let delivery = shop.only().await;
    (delivery.state, delivery.reason)
}

#[tokio::test]
async fn nothing_goes_out_while_all_is_paused_and_all_of_it_afterwards() {
    let shop = waiting().await;
    assert_eq!(shop.mails.count(), 0);
    assert_eq!(shop.operations().pause().await.unwrap().queued, 1);
    let resumed = shop.operations().resume().await.unwrap();
    assert_eq!((resumed.before, resumed.queued), (true, 1));
    shop.settle().await;
    assert_eq!((shop.only().await.state, shop.mails.count()), (State::Sent, 1));
}

#[tokio::test]
async fn a_pause_outlives_the_process() {
    let mut shop = waiting().await;
    shop.stop().await;
    shop.start_paused().await;
    assert_eq!((shop.mails.count(), shop.only().await.state), (0, State::Queued));
    assert_eq!(resumed(&shop).await, (State::Sent, None));
}

#[tokio::test]
async fn who_bought_meanwhile_is_not_reminded() {
    let shop = waiting().await;
    shop.arrive(vec![shop.order("ana", "2")]).await;
    assert_eq!(resumed(&shop).await, (State::Cancelled, Some(Reason::NotWanted)));
}

#[tokio::test]
async fn who_withdrew_consent_meanwhile_gets_nothing() {
    let shop = waiting().await;
    shop.arrive(vec![shop.profile("ana", &[], Some(false))]).await;
    assert_eq!(resumed(&shop).await, (State::Suppressed, Some(Reason::NoConsent)));
}

#[tokio::test]
async fn an_address_that_was_suppressed_or_cleared_meanwhile_gets_nothing() {
    let shop = waiting().await;
    let request = SuppressionRequest { address: " Ana@Customers.Example".into(), reason: None };
    shop.operations().suppress(request).await.unwrap();
    assert_eq!(resumed(&shop).await, (State::Suppressed, Some(Reason::Suppressed)));
    let shop = waiting().await;
    shop.arrive(vec![shop.profile("ana", &[("email", "")], None)]).await;
    assert_eq!(resumed(&shop).await, (State::Suppressed, Some(Reason::NoAddress)));
}

#[tokio::test]
async fn a_new_address_is_the_one_that_gets_it() {
    let shop = waiting().await;
    shop.arrive(vec![shop.profile("ana", &[("email", "ana@new.example")], None)]).await;
    assert_eq!(resumed(&shop).await, (State::Sent, None));
    assert_eq!(shop.mails.mails()[0].to, ["ana@new.example"]);
}

#[tokio::test]
async fn too_late_is_cancelled() {
    let shop = waiting().await;
    shop.clock.advance(Span::days(3));
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    let first = shop.deliveries().await.into_iter().find(|delivery| delivery.occurrence.starts_with("2026-03-10"));
    assert_eq!(first.map(|delivery| delivery.reason), Some(Some(Reason::Expired)));
}

#[tokio::test]
async fn a_removed_rule_cancels_what_it_had_queued() {
    let shop = waiting().await;
    shop.remove("rules/letter.yaml");
    let report = shop.operations().reload().await.unwrap();
    assert_eq!(report.removed, ["letter"]);
    let cancelled = shop.only().await;
    assert_eq!((cancelled.state, cancelled.reason), (State::Cancelled, Some(Reason::RuleRemoved)));
    // A rule that comes back does not bring back what was cancelled.
    shop.write("rules/letter.yaml", LETTER);
    shop.operations().reload().await.unwrap();
    assert_eq!(resumed(&shop).await, (State::Cancelled, Some(Reason::RuleRemoved)));
    assert_eq!(shop.mails.count(), 0);
}

#[tokio::test]
async fn what_a_tick_decides_by_a_rule_that_is_removed_meanwhile_is_cancelled() {
    let shop = Shop::with(&LETTER.replace("orders.count >= 1", "orders.count == 1")).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.meddling.hold_ticks(true);
    shop.clock.advance(Span::seconds(30));
    shop.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap().replan.wake.notify_one();
    shop.meddling.reached().await;
    shop.remove("rules/letter.yaml");
    shop.operations().reload().await.unwrap();
    assert_eq!(shop.deliveries().await, []);
    shop.meddling.hold_ticks(false);
    shop.decided().await;
    assert_eq!(shop.only().await.reason, Some(Reason::RuleRemoved));
}

#[tokio::test]
async fn a_rule_removed_while_nothing_ran_is_noticed_at_the_start() {
    let mut shop = waiting().await;
    shop.stop().await;
    shop.remove("rules/letter.yaml");
    shop.start_paused().await;
    assert_eq!(shop.only().await.reason, Some(Reason::RuleRemoved));
}

#[tokio::test]
async fn a_folder_of_rules_that_is_gone_cancels_nothing() {
    let shop = waiting().await;
    shop.remove("rules");
    shop.operations().reload().await.unwrap_err();
    assert_eq!(resumed(&shop).await, (State::Sent, None));
}

#[tokio::test]
async fn what_keeps_a_lane_waiting_is_in_the_status() {
    let mail = MailFaults::none().with(MailStage::Greeting, When::Always, MailAct::Reply("554 go away".into()));
    let shop = Shop::new(Plan { rules: vec![(name_of(LETTER), LETTER.into())], mail, ..Plan::default() }).await;
    shop.customer("ana").await;
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    while shop.operations().status().await.unwrap().lanes.iter().all(|lane| lane.trouble.is_none()) {
        shop.nudge().await;
    }
    let lane = shop.operations().status().await.unwrap().lanes.remove(0);
    assert!(lane.trouble.is_some_and(|trouble| trouble.contains("go away")) && lane.tried_at.is_some());
    assert_eq!(shop.only().await.attempts, 0);
}

#[tokio::test]
async fn a_faulty_file_keeps_the_old_rules_and_says_where() {
    let shop = waiting().await;
    shop.write("rules/letter.yaml", "rule: letter\nclass: marketting\n");
    let failure = shop.operations().reload().await.unwrap_err();
    assert!(failure.diagnostics.iter().any(|problem| problem.line == 2), "{failure:?}");
    assert_eq!(resumed(&shop).await, (State::Sent, None));
}

#[tokio::test]
async fn quiet_hours_put_marketing_off_to_the_customers_morning() {
    let shop = Shop::with(LETTER).await;
    let address = [("email", "ana@customers.example"), ("timezone", "America/New_York")];
    shop.arrive(vec![shop.profile("ana", &address, Some(true)), shop.order("ana", "1")]).await;
    shop.fire().await;
    let found = shop.only().await;
    assert_eq!((found.state, found.reason), (State::Deferred, Some(Reason::QuietHours)));
    // 10:00 UTC is 06:00 in New York on that day, two days into daylight saving; 08:00 there is 12:00 UTC.
    assert_eq!(found.due_at.to_string(), "2026-03-10T12:00:00Z");
    shop.pass(Span::minutes(119)).await;
    assert_eq!(shop.mails.count(), 0);
    shop.pass(Span::minutes(1)).await;
    assert_eq!(shop.only().await.state, State::Sent);
}

#[tokio::test]
async fn the_brake_holds_all_of_a_tick_until_a_person_says_go_on() {
    let braked = LETTER.replace("steps:", "pause_if: {more_than: 2, per: 1d}\nsteps:");
    let shop = Shop::with(&braked).await;
    for id in ["ana", "ivan", "juma"] {
        shop.customer(id).await;
    }
    let request = PlanRequest { at: None, rule: None, customers: true, files: None };
    let plan = shop.operations().plan(request.clone()).await.unwrap().rules.remove(0);
    assert_eq!((plan.enroll, plan.hold), (3, [(Reason::Brake, 3)].into()), "a plan foretells it");
    assert_eq!(plan.held.unwrap()[&Reason::Brake], ["ana", "ivan", "juma"]);
    shop.fire().await;
    let found = shop.deliveries().await;
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|delivery| (delivery.state, delivery.reason) == (State::Held, Some(Reason::Brake))));
    assert_eq!(shop.mails.count(), 0);
    let rules = shop.operations().rules().await.unwrap();
    assert_eq!(rules[0].state, RuleStanding::Braked);
    let resumed = shop.operations().resume_rule("letter").await.unwrap();
    assert_eq!((resumed.released, resumed.rule.state), (3, RuleStanding::Live));
    shop.settle().await;
    assert_eq!(shop.mails.count(), 3);
    assert_eq!(shop.operations().resume_rule("letter").await.unwrap().released, 0);
}

#[tokio::test]
async fn what_a_person_let_go_on_stands_against_no_limit_however_long_its_span() {
    let rule = LETTER.replace("steps:", "pause_if: {more_than: 2, per: 7d}\nsteps:").replace("1d\n", "never\n");
    let shop = Shop::with(&rule).await;
    for id in ["ana", "ivan", "juma"] {
        shop.customer(id).await;
    }
    shop.fire().await;
    assert_eq!(shop.operations().resume_rule("letter").await.unwrap().released, 3);
    shop.settle().await;
    shop.customer("mia").await;
    shop.pass(Span::days(1)).await;
    assert_eq!(shop.mails.count(), 4);
    assert_eq!(shop.operations().rules().await.unwrap()[0].state, RuleStanding::Live);
}

#[tokio::test]
async fn what_is_held_while_its_rule_is_resumed_goes_out_all_the_same() {
    let shop = waiting().await;
    shop.operations().pause_rule("letter").await.unwrap();
    shop.meddling.when_recorded(State::Held, Act::Wait);
    shop.operations().resume().await.unwrap();
    shop.meddling.reached().await;
    // The worker has asked the gates and not yet held it, so there is nothing held that the rule's going on could find.
    shop.operations().resume_rule("letter").await.unwrap();
    assert_eq!(shop.only().await.state, State::Queued);
    shop.meddling.go_on();
    shop.settle().await;
    assert_eq!((shop.only().await.state, shop.mails.count()), (State::Sent, 1));
}

#[tokio::test]
async fn two_mails_to_one_customer_that_come_up_together_do_not_both_take_the_last_place() {
    let shop = waiting().await;
    // The second one is decided on the second day; each has its place on a day that is over when both come up.
    shop.clock.advance(Span::days(1));
    shop.decided().await;
    assert_eq!(shop.deliveries().await.len(), 2);
    shop.clock.advance(Span::hours(23));
    shop.decided().await;
    shop.meddling.when_recorded(State::Sending, Act::Wait);
    shop.operations().resume().await.unwrap();
    shop.meddling.reached().await;
    // The first has passed the gates; the second comes as far as it can before the first has taken its place.
    while shop.mails.connections() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    shop.meddling.go_on();
    shop.settle().await;
    let mut found: Vec<_> = shop.deliveries().await.into_iter().map(|found| (found.state, found.reason)).collect();
    found.sort_by_key(|(state, _)| *state != State::Sent);
    assert_eq!(found, [(State::Sent, None), (State::Suppressed, Some(Reason::FrequencyCap))]);
    assert_eq!(shop.mails.count(), 1);
}

#[tokio::test]
async fn two_mails_that_come_up_together_under_a_rate_do_not_keep_each_other_back() {
    let shop = waiting().await;
    shop.edit("retaind.yaml", "tls: none", "tls: none, rate: 1000/s");
    shop.operations().reload().await.unwrap();
    shop.clock.advance(Span::days(1));
    shop.decided().await;
    shop.operations().pause_rule("letter").await.unwrap();
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    assert!(shop.deliveries().await.iter().all(|delivery| delivery.state == State::Held));
    // Both get their place now.
    shop.operations().resume_rule("letter").await.unwrap();
    shop.settle().await;
    let mut found: Vec<_> = shop.deliveries().await.into_iter().map(|found| (found.state, found.reason)).collect();
    found.sort_by_key(|(state, _)| *state != State::Sent);
    assert_eq!(found, [(State::Sent, None), (State::Suppressed, Some(Reason::FrequencyCap))]);
}

#[tokio::test]
async fn what_waits_for_its_turn_under_the_rate_goes_out_as_a_reload_says() {
    let shop = Shop::with(LETTER).await;
    shop.edit("retaind.yaml", "tls: none", "tls: none, rate: 1/h");
    shop.operations().reload().await.unwrap();
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    shop.mails.wait_for(1).await;
    // The second one is in hand, and its turn comes in an hour.
    while shop.daemon.as_ref().unwrap().shared().daemon.as_ref().unwrap().worker.progress().in_hand == 0 {
        shop.nudge().await;
    }
    shop.edit("retaind.yaml", "rate: 1/h", "rate: 1000/s");
    shop.write("templates/hello/en.md", "---\nsubject: Mended\n---\nHello.\n");
    shop.operations().reload().await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), shop.settle()).await.unwrap();
    let subjects: Vec<String> = shop.mails.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["Hello you", "Mended"]);
}

#[tokio::test]
async fn of_two_rules_on_one_day_the_higher_priority_gets_the_place() {
    let low = LETTER.replace("rule: letter", "rule: low").replace("steps:", "priority: 1\nsteps:");
    let plan = Plan { rules: vec![(name_of(LETTER), LETTER.into()), ("low", low)], ..Plan::default() };
    let shop = Shop::new(plan).await;
    shop.customer("ana").await;
    shop.fire().await;
    let found = shop.deliveries().await;
    let of = |rule: &str| found.iter().find(|delivery| delivery.rule == rule).map(|found| (found.state, found.reason));
    assert_eq!(of("letter"), Some((State::Sent, None)));
    assert_eq!(of("low"), Some((State::Suppressed, Some(Reason::FrequencyCap))));
}

#[tokio::test]
async fn a_staging_copy_writes_to_nobody_who_is_not_listed() {
    let plan = Plan { rules: vec![(name_of(LETTER), LETTER.into())], ..Plan::default() };
    let mut shop = Shop::new(plan).await;
    shop.customer("ana").await;
    shop.stop().await;
    shop.edit("retaind.yaml", "tls: none", "tls: none, only_to: [\"@shop.example\"]");
    shop.start().await;
    shop.fire().await;
    assert_eq!(shop.only().await.reason, Some(Reason::OnlyTo));
    assert_eq!(shop.mails.count(), 0);
}

#[tokio::test]
async fn who_was_kept_out_at_entry_is_told_why() {
    let shop = Shop::with(LETTER).await;
    shop.arrive(vec![shop.profile("shy", &[("email", "shy@customers.example")], None), shop.order("shy", "1")]).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("new", &[], Some(true))]).await;
    let told = async |id: &str| {
        let mut standing = shop.operations().customer(id).await.unwrap().standing;
        assert_eq!(standing.len(), 1);
        let standing = standing.remove(0);
        (standing.decision, standing.reasons)
    };
    assert_eq!(told("ana").await, (RuleDecision::Fire, vec![]));
    shop.fire().await;
    assert_eq!(told("shy").await, (RuleDecision::Hold, vec![Reason::NoConsent]));
    assert_eq!(told("ana").await, (RuleDecision::Hold, vec![Reason::AgainAfter]));
    assert_eq!(told("new").await, (RuleDecision::NoMatch, vec![]));
    let request = SuppressionRequest { address: "ANA@customers.example".into(), reason: None };
    shop.operations().suppress(request).await.unwrap();
    shop.pass(Span::days(2)).await;
    shop.clock.advance(Span::days(2));
    assert_eq!(told("ana").await, (RuleDecision::Hold, vec![Reason::Suppressed]));
}
