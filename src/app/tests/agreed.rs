//! `plan`, `explain` and what the daemon then does are the same, and after it `explain` says why nothing came.

use super::{Plan, Shop};
use crate::domain::{Arrival, Reason, Span, State, Time};
use crate::http::{ExplainReport, ExplainRequest, PlanReport, PlanRequest, RuleDecision, RuleExplanation, RulePlan};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// When the rules of these tests fire, half a minute after a shop is opened.
const TEN: &str = "2026-03-10T10:00:00Z";

/// A rule in a few words: its name, what differs, its condition and its steps.
fn rule(name: &'static str, keys: &str, when: &str, steps: &str) -> (&'static str, String) {
    let mut text = format!("rule: {name}\n");
    for (key, value) in [("class", "marketing"), ("trigger", "{schedule: \"0 10 * * *\"}"), ("again_after", "never")] {
        if !keys.lines().any(|line| line.starts_with(key)) {
            writeln!(text, "{key}: {value}").unwrap();
        }
    }
    write!(text, "{keys}\nwhen: {when}\nsteps: {steps}\n").unwrap();
    (name, text)
}

const MAIL: &str = "[{email: hello}]";

/// Rules that take places from each other, and others.
fn rules() -> Vec<(&'static str, String)> {
    let call = "[{webhook: {to: crm, type: a.call}}]";
    vec![
        rule("often", "priority: 90", "orders.count >= 2", MAIL),
        rule("gold", "priority: 70\npause_if: {more_than: 1, per: 1d}", "customer.tier == \"gold\"", MAIL),
        rule("some", "priority: 60\nholdout: 50%", "orders.count == 1", MAIL),
        rule("all", "priority: 50", "orders.count >= 1", MAIL),
        rule("vain", "priority: 40", "everyone", "[{email: hello, when: orders.count > 7}]"),
        rule("called", "priority: 30", "everyone", call),
        rule("bill", "class: service", "orders.count >= 1", MAIL),
        rule("stopped", "class: service", "everyone", call),
    ]
}

const CUSTOMERS: [&str; 8] = ["ana", "bela", "cira", "dan", "eva", "filip", "gita", "hugo"];

/// Customers of every kind, for these rules.
async fn arrive(shop: &Shop) {
    for id in CUSTOMERS {
        shop.customer(id).await;
    }
    for id in ["ana", "dan"] {
        shop.arrive(vec![shop.order(id, "2")]).await;
    }
    for id in ["dan", "eva", "filip"] {
        shop.arrive(vec![shop.profile(id, &[("tier", "gold")], None)]).await;
    }
    let nobody = ("gita", [("email", "")], None);
    let silent = ("hugo", [("tier", "none")], Some(false));
    for (id, attributes, consent) in [nobody, silent] {
        shop.arrive(vec![shop.profile(id, &attributes, consent)]).await;
    }
    shop.settle().await;
}

async fn shop(rules: Vec<(&'static str, String)>) -> Shop {
    Shop::new(Plan { rules, ..Plan::default() }).await
}

async fn planned(shop: &Shop, rule: Option<&str>, at: Option<&str>) -> PlanReport {
    let request = PlanRequest {
        rule: rule.map(Into::into),
        at: at.map(|at| at.parse().unwrap()),
        customers: true,
        ..PlanRequest::default()
    };
    shop.operations().plan(request).await.unwrap()
}

async fn explained(shop: &Shop, id: &str, rule: Option<&str>, at: Option<&str>) -> ExplainReport {
    let request =
        ExplainRequest { customer: id.into(), rule: rule.map(Into::into), at: at.map(|at| at.parse().unwrap()) };
    shop.operations().explain(request).await.unwrap()
}

async fn of(shop: &Shop, id: &str, rule: &str, at: Option<&str>) -> RuleExplanation {
    explained(shop, id, Some(rule), at).await.rules.remove(0)
}

/// What a plan says that becomes of a customer.
fn in_plan(plan: &RulePlan, id: &str) -> String {
    let is_in = |ids: &Vec<String>| ids.iter().any(|other| other == id);
    let held = plan.held.iter().flatten().find(|(_, ids)| is_in(ids));
    match held {
        Some((reason, _)) => reason.to_string(),
        None if plan.customers.as_ref().is_some_and(is_in) => "goes out".into(),
        None => "nothing".into(),
    }
}

/// What an explanation says that becomes of the customer.
fn in_words(told: &RuleExplanation) -> String {
    match told.decision {
        RuleDecision::Fire => "goes out".into(),
        RuleDecision::Hold => told.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        RuleDecision::NoMatch => "nothing".into(),
    }
}

/// What really became of the customer.
async fn done(shop: &Shop, rule: &str, id: &str) -> String {
    let detail = shop.operations().customer(id).await.unwrap();
    let enrollments: Vec<_> = detail.enrollments.iter().filter(|one| one.rule == rule).collect();
    let Some(enrollment) = enrollments.first() else { return "nothing".into() };
    let made: Vec<_> =
        shop.deliveries().await.into_iter().filter(|one| one.rule == rule && one.customer_id == id).collect();
    match made.first() {
        None if enrollment.held_out => Reason::Holdout.to_string(),
        None => Reason::NotWanted.to_string(),
        Some(one) if one.state == State::Sent => "goes out".into(),
        Some(one) if one.state == State::Queued => Reason::Brake.to_string(),
        Some(one) => one.reason.unwrap().to_string(),
    }
}

#[tokio::test]
async fn a_plan_an_explanation_and_what_is_done_agree() {
    let shop = shop(rules()).await;
    arrive(&shop).await;
    shop.operations().pause_rule("stopped").await.unwrap();
    let plan = planned(&shop, None, Some(TEN)).await;
    let (mut said, mut words) = (Vec::new(), BTreeSet::new());
    for id in CUSTOMERS {
        for told in explained(&shop, id, None, Some(TEN)).await.rules {
            let planned = plan.rules.iter().find(|plan| plan.rule == told.rule).unwrap();
            let (in_plan, word) = (in_plan(planned, id), in_words(&told));
            let alone = of(&shop, id, &told.rule, Some(TEN)).await;
            assert_eq!(alone, told, "{id}: with --rule the same is told as without");
            if word == "not_wanted" {
                assert_eq!(in_plan, "goes out", "{id} {}: a plan counts it as an enrollment", told.rule);
            } else {
                assert_eq!(in_plan, word, "{id} {}: {}", told.rule, told.verdict);
            }
            words.insert(word.clone());
            said.push((id, told.rule, word));
        }
    }
    for planned_rule in &plan.rules {
        let alone = planned(&shop, Some(&planned_rule.rule), Some(TEN)).await;
        assert_eq!(alone.rules, std::slice::from_ref(planned_rule), "with --rule the same is told as without");
    }
    shop.fire().await;
    for (id, rule, word) in said {
        let done = done(&shop, &rule, id).await;
        // Whom an entry gate keeps out leaves no trace.
        let keeps_out = ["no_consent", "paused"].contains(&word.as_str());
        assert_eq!(done, if keeps_out { "nothing".to_owned() } else { word }, "{id} {rule}");
    }
    let all = [
        "brake",
        "frequency_cap",
        "goes out",
        "holdout",
        "no_address",
        "no_consent",
        "not_wanted",
        "nothing",
        "paused",
    ];
    assert_eq!(words.iter().map(String::as_str).collect::<Vec<_>>(), all, "one that does not come is not compared");
}

#[tokio::test]
async fn a_rule_that_takes_the_place_is_named_before_it_does_and_afterwards() {
    let shop = shop(vec![
        rule("a", "priority: 50", "orders.count >= 1", MAIL),
        rule("b", "priority: 90", "orders.count >= 1", MAIL),
    ])
    .await;
    shop.customer("ana").await;
    shop.settle().await;
    let a = of(&shop, "ana", "a", None).await;
    assert_eq!((a.decision, a.reasons), (RuleDecision::Hold, vec![Reason::FrequencyCap]));
    assert_eq!(a.verdict, "NO: the condition holds, but it is held: frequency_cap.");
    assert_eq!(
        a.due,
        "Due Tue 10 Mar 10:00 if nothing new arrives before. As things are nothing would go out then: frequency_cap."
    );
    let cap = a.gates.iter().find(|gate| gate.gate == "frequency_cap").unwrap();
    assert_eq!(cap.detail, "\"b\" comes first if both fire, 1 a day; free Wed 11 Mar 00:00");
    assert_eq!(of(&shop, "ana", "b", None).await.decision, RuleDecision::Fire);
    shop.fire().await;
    shop.pass(Span::minutes(5)).await;
    let a = of(&shop, "ana", "a", None).await;
    assert_eq!(
        a.verdict,
        "NO: entered 10:00 today, but its mail was suppressed: frequency_cap (\"b\" went out 10:00 today, 1 a day)."
    );
    let b = of(&shop, "ana", "b", None).await;
    assert_eq!(b.verdict, "NO: the condition holds, but it is held: again_after.");
}

#[tokio::test]
async fn where_the_places_are_taken_at_other_times_what_is_due_goes_out() {
    let shop = shop(vec![
        rule("a", "priority: 50", "orders.count >= 1", MAIL),
        rule("b", "priority: 90\ntrigger: {schedule: \"0 15 * * *\"}", "orders.count >= 1", MAIL),
    ])
    .await;
    shop.customer("ana").await;
    shop.settle().await;
    assert_eq!(of(&shop, "ana", "a", None).await.due, "Due Tue 10 Mar 10:00 if nothing new arrives before.");
    shop.fire().await;
    let sent: Vec<_> = shop.deliveries().await.into_iter().map(|one| (one.rule, one.state)).collect();
    assert_eq!(sent, [("a".into(), State::Sent)]);
}

#[tokio::test]
async fn a_brake_that_is_about_to_go_off_and_one_that_has_are_told_as_that() {
    let shop = shop(vec![rule("a", "pause_if: {more_than: 1, per: 1d}", "orders.count >= 1", MAIL)]).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.settle().await;
    let brake = planned(&shop, None, None).await.rules[0].brake.unwrap();
    assert_eq!((brake.queued, brake.goes_off, brake.stopped), (2, true, false));
    let a = of(&shop, "ana", "a", None).await;
    assert_eq!((a.decision, a.reasons), (RuleDecision::Hold, vec![Reason::Brake]));
    let gate = a.gates.iter().find(|gate| gate.gate == "brake").unwrap();
    assert_eq!(gate.detail, "would go off: 2 at once, and no more than 1 in 1d");
    shop.fire().await;
    assert_eq!(shop.mails_sent(), 0);
    let brake = planned(&shop, None, None).await.rules[0].brake.unwrap();
    assert_eq!((brake.goes_off, brake.stopped), (false, true));
}

#[tokio::test]
async fn a_mail_that_falls_due_in_quiet_hours_is_told_with_when_it_goes_out() {
    let shop = shop(vec![rule("a", "trigger: {schedule: \"30 21 * * *\"}", "orders.count >= 1", MAIL)]).await;
    shop.customer("ana").await;
    shop.settle().await;
    let a = of(&shop, "ana", "a", None).await;
    assert_eq!(a.verdict, "YES: the condition holds, and nothing stands in the way.");
    assert_eq!(
        a.due,
        "Due Tue 10 Mar 21:30 if nothing new arrives before; quiet_hours let its mail out Wed 11 Mar 08:00."
    );
    for (at, sent) in [("2026-03-10T21:30:00Z", 0), ("2026-03-11T07:59:00Z", 0), ("2026-03-11T08:00:00Z", 1)] {
        let at: Time = at.parse().unwrap();
        shop.pass(at.since(shop.now())).await;
        assert_eq!(shop.mails_sent(), sent, "{at}");
    }
}

#[tokio::test]
async fn an_enrollment_of_which_nothing_goes_out_is_told_before_and_afterwards() {
    let steps = "[{email: hello, when: orders.count > 7}]";
    let shop = shop(vec![rule("a", "", "orders.count >= 1", steps)]).await;
    shop.customer("ana").await;
    shop.settle().await;
    assert_eq!(
        of(&shop, "ana", "a", None).await.verdict,
        "NO: the condition holds, but the `when` of no step does: entering brings nothing, and with \
         `again_after: never` there is no second time."
    );
    shop.fire().await;
    assert_eq!(
        of(&shop, "ana", "a", None).await.verdict,
        "NO: entered 10:00 today, but the `when` of no step held, so nothing went out."
    );
}

#[tokio::test]
async fn who_bought_before_the_mail_went_out_is_told_what_became_of_it() {
    let shop = shop(vec![rule("a", "", "orders.count == 1", MAIL)]).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    shop.arrive(vec![shop.order("ana", "2")]).await;
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    assert_eq!(
        of(&shop, "ana", "a", None).await.verdict,
        "NO: the condition does not hold. Before: entered 10:00 today, but its mail was cancelled: not_wanted."
    );
}

#[tokio::test]
async fn without_consent_no_event_makes_a_rule_due() {
    let keys = "trigger: {event: Order Completed}\nagain_after: 0d";
    let shop = shop(vec![rule("thanks", keys, "everyone", MAIL)]).await;
    shop.pass(Span::hours(1)).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("ana", &[("tier", "none")], Some(false))]).await;
    shop.pass(Span::days(60)).await;
    assert_eq!(of(&shop, "ana", "thanks", None).await.due, "Not due without consent.");
    shop.arrive(vec![shop.order("ana", "2")]).await;
    shop.settle().await;
    assert_eq!(of(&shop, "ana", "thanks", None).await.due, "Not due without consent.");
    shop.arrive(vec![shop.profile("ana", &[("tier", "none")], Some(true))]).await;
    shop.settle().await;
    assert_eq!(of(&shop, "ana", "thanks", None).await.due, "Due when `Order Completed` happens.");
}

#[tokio::test]
async fn one_purchase_in_two_messages_stands_in_the_history_once() {
    let shop = shop(Vec::new()).await;
    shop.customer("ana").await;
    let Arrival::Event { customer, mut event } = shop.order("ana", "1") else { panic!("an order is an event") };
    event.message_id = Some("again".into());
    event.received_at = event.received_at.plus(Span::seconds(1));
    shop.arrive(vec![Arrival::Event { customer, event }, shop.order("ana", "2")]).await;
    shop.settle().await;
    let history = explained(&shop, "ana", None, None).await.history;
    assert_eq!(history.iter().filter(|line| line.event.is_some()).count(), 2, "{history:?}");
}
