//! Questions about another time: what is meant by it, and that nothing of later is known.

use super::{LETTER, Plan, Shop};
use crate::clock::Clock;
use crate::domain::{Reason, Span, State, Time};
use crate::http::{
    Caveat, ExplainReport, ExplainRequest, PlanFile, PlanFiles, PlanRequest, RuleDecision, RulePlan, SimulateRequest,
};

const THANKS: &str = "rule: thanks
class: service
trigger: {event: Order Completed, delay: 24h}
when: everyone
steps:
- email: hello
";

const GOLD: &str = "rule: gold
class: service
trigger: {enters: gold}
when: everyone
again_after: 1d
steps:
- email: hello
";

const SEGMENTS: &str = "gold: {when: 'customer.tier == \"gold\"'}\n";

const RENEWS: &str = "rule: renews
class: service
trigger: {date: renews_on, at: \"07:00\"}
when: everyone
again_after: 0d
steps:
- email: hello
";

async fn shop(rules: &[(&'static str, &str)]) -> Shop {
    let rules = rules.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let shop = Shop::new(Plan { rules, ..Plan::default() }).await;
    shop.pass(Span::minutes(1)).await;
    shop
}

async fn explained(shop: &Shop, at: Option<&str>) -> ExplainReport {
    let at = at.map(|at| at.parse().unwrap());
    let request = ExplainRequest { customer: "ana".into(), rule: None, at };
    shop.operations().explain(request).await.unwrap()
}

async fn planned(shop: &Shop, at: Option<&str>) -> RulePlan {
    let at = at.map(|at| at.parse().unwrap());
    let request = PlanRequest { at, customers: true, ..PlanRequest::default() };
    shop.operations().plan(request).await.unwrap().rules.remove(0)
}

fn seconds_ago(shop: &Shop, seconds: i64) -> String {
    shop.clock.now().minus(Span::seconds(seconds)).to_string()
}

#[tokio::test]
async fn a_date_is_the_start_of_that_day_where_the_business_is() {
    let mut shop = shop(&[("letter", LETTER)]).await;
    shop.customer("ana").await;
    shop.stop().await;
    shop.edit("retaind.yaml", "timezone: UTC", "timezone: Africa/Nairobi");
    shop.start().await;
    let start: Time = "2026-03-12T21:00:00Z".parse().unwrap();
    assert_eq!(explained(&shop, Some("2026-03-13")).await.at, start);
    let request = PlanRequest { at: Some("2026-03-13".parse().unwrap()), ..PlanRequest::default() };
    assert_eq!(shop.operations().plan(request).await.unwrap().at, start);
    let day = "2026-03-13".parse().unwrap();
    let request = SimulateRequest { from: day, to: day, rule: None };
    assert_eq!(shop.operations().simulate(request).await.unwrap().from, start);
}

#[tokio::test]
async fn what_became_known_a_moment_later_is_not_known_at_a_moment_ago() {
    let shop = shop(&[("letter", &LETTER.replace("orders.count >= 1", "'customer.tier == \"gold\"'"))]).await;
    shop.customer("ana").await;
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![shop.profile("ana", &[("tier", "gold")], None)]).await;
    shop.operations().pause_rule("letter").await.unwrap();
    shop.pass(Span::seconds(10)).await;
    let now = explained(&shop, None).await.rules.remove(0);
    assert_eq!((now.condition.value, now.reasons.contains(&Reason::Paused)), (Some(true), true));
    let then = explained(&shop, Some(&seconds_ago(&shop, 20))).await.rules.remove(0);
    assert_eq!((then.condition.value, then.reasons), (None, vec![Reason::UnknownValue]));
    assert!(then.gates.iter().all(|gate| gate.gate != "paused"), "{:?}", then.gates);
    let plan = planned(&shop, Some(&seconds_ago(&shop, 20))).await;
    assert_eq!((plan.matched, plan.unknown), (0, 1));
    let plan = planned(&shop, Some(&seconds_ago(&shop, 5))).await;
    assert_eq!((plan.matched, plan.hold), (1, [(Reason::Paused, 1)].into()));
}

#[tokio::test]
async fn a_delivery_that_went_out_later_was_only_queued_before() {
    let shop = shop(&[("letter", LETTER)]).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.clock.set("2026-03-11T10:00:00Z".parse().unwrap());
    shop.decided().await;
    shop.clock.advance(Span::minutes(10));
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    let states = |report: ExplainReport| -> Vec<State> {
        report.history.into_iter().filter_map(|line| Some(line.delivery?.state)).collect()
    };
    assert_eq!(states(explained(&shop, None).await), [State::Sent]);
    assert_eq!(states(explained(&shop, Some("2026-03-11T10:05:00Z")).await), [State::Queued]);
}

#[tokio::test]
async fn between_an_event_and_the_end_of_its_delay_the_past_knows_when_it_is_due() {
    let shop = shop(&[("thanks", THANKS)]).await;
    shop.customer("ana").await;
    let due = shop.clock.now().minus(Span::seconds(1)).plus(Span::hours(24));
    shop.pass(Span::hours(3)).await;
    assert_eq!(explained(&shop, None).await.rules[0].next_due, Some(due));
    let then = explained(&shop, Some(&seconds_ago(&shop, 3600))).await.rules.remove(0);
    assert_eq!(then.next_due, Some(due));
    shop.pass(Span::days(3)).await;
    assert_eq!(shop.mails.count(), 1);
    let then = explained(&shop, Some(&due.minus(Span::hours(1)).to_string())).await.rules.remove(0);
    assert_eq!(then.next_due, Some(due));
    let after = due.plus(Span::minutes(5)).to_string();
    assert_eq!(explained(&shop, Some(&after)).await.rules[0].next_due, None);
}

#[tokio::test]
async fn what_was_past_when_a_rule_went_live_is_in_no_plan() {
    let shop = shop(&[("letter", LETTER)]).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("ana", &[("renews_on", "2026-03-10")], None)]).await;
    shop.pass(Span::minutes(5)).await;
    let thanks = THANKS.replace(", delay: 24h", "");
    for (name, text) in [("thanks", thanks.as_str()), ("renews", RENEWS)] {
        shop.write(&format!("rules/{name}.yaml"), text);
    }
    shop.operations().reload().await.unwrap();
    shop.settle().await;
    let figures = async || {
        let report = shop.operations().plan(PlanRequest::default()).await.unwrap();
        let of = |name: &str| report.rules.iter().find(|plan| plan.rule == name).unwrap().matched;
        (of("thanks"), of("renews"))
    };
    assert_eq!(figures().await, (0, 0), "her order and seven o'clock are past");
    shop.pass(Span::minutes(5)).await;
    shop.arrive(vec![shop.order("ana", "2"), shop.profile("ana", &[("renews_on", "2026-03-11")], None)]).await;
    shop.settle().await;
    assert_eq!(figures().await, (1, 0));
    assert_eq!(shop.mails.count(), 1);
    let at = Some("2026-03-11".parse().unwrap());
    let report = shop.operations().plan(PlanRequest { at, ..PlanRequest::default() }).await.unwrap();
    assert_eq!(report.rules.iter().find(|plan| plan.rule == "renews").unwrap().enroll, 1);
}

#[tokio::test]
async fn a_plan_of_the_past_knows_what_had_begun_by_then() {
    let shop = shop(&[("gold", GOLD), ("segments", SEGMENTS), ("renews", RENEWS)]).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("ana", &[("renews_on", "2026-03-12")], None)]).await;
    shop.pass(Span::hours(1)).await;
    let turn = async |tier: &str| {
        shop.arrive(vec![shop.profile("ana", &[("tier", tier)], None)]).await;
        shop.settle().await;
        shop.clock.now()
    };
    turn("gold").await;
    shop.pass(Span::days(3)).await;
    turn("iron").await;
    shop.pass(Span::days(3)).await;
    // Another date, so that the first is not the one that is remembered.
    let again = turn("gold").await;
    shop.arrive(vec![shop.profile("ana", &[("renews_on", "2026-03-18")], None)]).await;
    for _ in 0..6 {
        shop.pass(Span::days(1)).await;
    }
    assert_eq!(shop.mails.count(), 4);
    let at = async |at: Time| {
        let at = Some(at.into());
        let plans = shop.operations().plan(PlanRequest { at, ..PlanRequest::default() }).await.unwrap().rules;
        plans.into_iter().map(|plan| (plan.rule.clone(), (plan.matched, plan.enroll, plan.hold))).collect::<Vec<_>>()
    };
    let held = |count| [(Reason::AgainAfter, count)].into_iter().collect::<std::collections::BTreeMap<_, _>>();
    let none = || (0, 0, [].into());
    let told = at(again.plus(Span::hours(2))).await;
    assert_eq!(told, [("gold".to_owned(), (1, 0, held(1))), ("renews".to_owned(), none())]);
    let told = at("2026-03-18T12:00:00Z".parse().unwrap()).await;
    assert_eq!(told, [("gold".to_owned(), none()), ("renews".to_owned(), (1, 0, held(1)))]);
}

#[tokio::test]
async fn an_enrollment_of_before_counts_in_the_past_though_another_came_later() {
    let shop = shop(&[("letter", &LETTER.replace("again_after: 1d", "again_after: 5d"))]).await;
    shop.customer("ana").await;
    for _ in 0..8 {
        shop.pass(Span::days(1)).await;
    }
    assert_eq!(shop.mails.count(), 2);
    let plan = planned(&shop, Some("2026-03-13T10:00:00Z")).await;
    assert_eq!((plan.enroll, plan.hold), (0, [(Reason::AgainAfter, 1)].into()));
    let then = explained(&shop, Some("2026-03-13T10:00:00Z")).await.rules.remove(0);
    assert_eq!((then.decision, then.reasons), (RuleDecision::Hold, vec![Reason::AgainAfter]));
    assert_eq!(then.next_due, Some("2026-03-16T10:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn what_was_sent_before_is_known_in_the_past_though_more_was_sent_later() {
    let asks = "rule: asks
class: service
trigger: {schedule: \"0 12 * * *\"}
when: sent(\"letter\", days(2))
again_after: never
steps:
- email: hello
";
    let letter = LETTER.replace("again_after: 1d", "again_after: 5d");
    let shop = shop(&[("letter", &letter), ("asks", asks)]).await;
    shop.customer("ana").await;
    for _ in 0..8 {
        shop.pass(Span::days(1)).await;
    }
    let at = Some("2026-03-12T09:00:00Z".parse().unwrap());
    let request = ExplainRequest { customer: "ana".into(), rule: Some("asks".into()), at };
    let then = shop.operations().explain(request).await.unwrap().rules.remove(0);
    assert_eq!(then.condition.value, Some(true), "{:?}", then.condition);
}

#[tokio::test]
async fn figures_that_were_come_by_otherwise_say_so() {
    let shop = shop(&[("gold", GOLD), ("segments", SEGMENTS), ("renews", RENEWS)]).await;
    shop.customer("ana").await;
    shop.pass(Span::hours(1)).await;
    let caveats = async |request: PlanRequest| {
        let plans = shop.operations().plan(request).await.unwrap().rules;
        plans.into_iter().map(|plan| plan.caveat).collect::<Vec<_>>()
    };
    assert_eq!(caveats(PlanRequest::default()).await, [None, None]);
    let at = Some(shop.clock.now().minus(Span::minutes(1)).into());
    assert_eq!(caveats(PlanRequest { at, ..PlanRequest::default() }).await, [Some(Caveat::DayBefore), None]);
    let file =
        |name: &str, text: &str| PlanFile { path: format!("new/{name}.yaml"), text: Some(text.into()), error: None };
    let later = RENEWS.replace("07:00", "08:00");
    let rules = vec![file("gold", GOLD), file("segments", SEGMENTS), file("renews", &later)];
    let files = Some(PlanFiles { rules, ..PlanFiles::default() });
    assert_eq!(caveats(PlanRequest { files, ..PlanRequest::default() }).await, [None, Some(Caveat::NotLive)]);
}
