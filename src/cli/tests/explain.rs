//! Answers of `explain` for a person, made of a real store.

use crate::app::tests::{Plan, Shop};
use crate::cli::explain::shown;
use crate::domain::{Arrival, Event, Number, ProfileRow, Reason, Span, Time, Value};
use crate::http::{ExplainReport, ExplainRequest, PlanRequest, RuleDecision, SimulateRequest, When};

const WIN_BACK: &str = "rule: win-back
description: Bring back good customers who have gone quiet.
class: marketing
trigger: {schedule: \"0 10 * * *\", timezone: customer}

when:
  - orders.count >= 2
  - days_since(orders.last_at) > 60
  - none: [customer.wholesale]
again_after: 180d
holdout: 10%
steps:
  - email: hello
";

const BIRTHDAY: &str = "rule: birthday
class: marketing
trigger: {date: birthday, at: \"09:00\", repeat: yearly}
when: everyone
priority: 70
steps:
  - {id: birthday, email: hello}
";

const THANKS: &str = "rule: thanks
class: service
trigger: {event: Order Completed, once_per: order_id}
when:
  - event.revenue > 300
  - any: ['customer.tier == \"gold\"', orders.count >= 2]
steps:
  - email: hello
  - {id: later, day: 200, email: hello}
while: orders.count < 9
goal: {event: Order Completed, within: 7d}
";

const VIP: &str = "rule: vip
class: service
trigger: {enters: vip}
when: everyone
again_after: never
steps:
  - email: hello
";

const QUIET: &str = "rule: quiet
class: service
trigger: {enters: quiet}
when: everyone
again_after: never
steps:
  - email: hello
";

const SEGMENTS: &str = "vip: {when: orders.count >= 5}
quiet: {when: days_since(orders.last_at) > 90}
";

fn t(text: &str) -> Time {
    text.parse().unwrap()
}

fn order(at: &str, id: &str, revenue: i64) -> Arrival {
    let properties = [
        ("order_id".into(), Value::Text(id.into())),
        ("revenue".into(), Value::Number(Number::from(revenue))),
        ("currency".into(), Value::Text("KES".into())),
    ];
    let (name, message_id) = ("Order Completed".into(), Some(id.into()));
    let event = Event { name, at: t(at), received_at: t(at), message_id, properties: properties.into() };
    Arrival::Event { customer: "wanjiru".into(), event }
}

fn profile(shop: &Shop, attributes: &[(&str, &str)]) -> Arrival {
    let value = |text: &str| text.parse().map_or_else(|_| Value::Text(text.into()), Value::Date);
    let row = ProfileRow {
        effective_at: Time::MIN,
        attributes: attributes.iter().map(|(name, text)| ((*name).into(), Some(value(text)))).collect(),
        consent: [("marketing".into(), true)].into(),
        source: "sign-up form".into(),
        received_at: shop.now(),
        proof: None,
    };
    Arrival::Profile { customer: "wanjiru".into(), row, dated: false, message_id: None }
}

/// Wanjiru, who signed up on 4 January, ordered twice, and got a wish for her birthday this morning.
async fn wanjiru(rules: &[(&'static str, &str)]) -> Shop {
    let rules = rules.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let shop = Shop::new(Plan { start: Some(t("2026-01-04T09:00:00Z")), ..Plan::default() }).await;
    shop.write("schema.yaml", "customer: {tier: string, birthday: date, wholesale: {type: boolean, default: false}}\n");
    let rules: Vec<(&str, String)> = rules;
    for (name, text) in &rules {
        shop.write(&format!("rules/{name}.yaml"), text);
    }
    shop.operations().reload().await.unwrap();
    let attributes = [
        ("first_name", "Wanjiru"),
        ("last_name", "Ngugi"),
        ("email", "wanjiru@customers.example"),
        ("timezone", "Africa/Nairobi"),
        ("birthday", "1990-03-29"),
    ];
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![profile(&shop, &attributes)]).await;
    for (at, id, revenue) in [("2026-01-05T09:00:00Z", "o1", 450), ("2026-02-02T09:00:00Z", "o2", 380)] {
        shop.clock.set(t(at).plus(Span::seconds(5)));
        shop.arrive(vec![order(at, id, revenue)]).await;
        shop.settle().await;
    }
    shop.clock.set(t("2026-03-29T06:00:00Z"));
    shop.settle().await;
    shop.clock.set(t("2026-03-29T08:02:00Z"));
    shop.settle().await;
    shop
}

async fn explained(shop: &Shop, rule: Option<&str>, at: Option<&str>) -> ExplainReport {
    let request =
        ExplainRequest { customer: "wanjiru".into(), rule: rule.map(Into::into), at: at.map(|at| at.parse().unwrap()) };
    let mut report = shop.operations().explain(request).await.unwrap();
    let folder = format!("{}/", shop.folder().display());
    for rule in &mut report.rules {
        rule.file = rule.file.replace(&folder, "");
    }
    report
}

async fn told(shop: &Shop, rule: &str, at: Option<&str>) -> String {
    shown(&explained(shop, Some(rule), at).await, if at.is_some() { "that day" } else { "today" })
}

#[tokio::test]
async fn why_she_did_not_get_it_is_told_line_by_line() {
    let shop = wanjiru(&[("win-back", WIN_BACK), ("birthday", BIRTHDAY)]).await;
    insta::assert_snapshot!(told(&shop, "win-back", None).await, @r#"
    Wanjiru N. (wanjiru) · win-back · Sun 29 Mar 2026, 11:02 Nairobi
    NO: 1 of 3 lines fails. Due Sat 4 Apr 10:00 if nothing new arrives before.
      yes  orders.count >= 2                2
      NO   days_since(orders.last_at) > 60  55: last order 2 Feb
      yes  none: [customer.wholesale]       false (default, never set)
    And if all were yes, today: consent yes (4 Jan, sign-up form) · address yes · holdout no · again_after free
      HELD frequency_cap: "birthday" went out 09:00 today, 1 a day; free Mon 30 Mar 00:00
    Earlier: 29 Mar birthday sent · 2 Feb order 380 KES · 5 Jan order 450 KES          rules/win-back.yaml:6
    "#);
    let report = explained(&shop, Some("win-back"), None).await;
    let json = serde_json::to_value(&report).unwrap();
    let rule = &json["rules"][0];
    assert_eq!((&json["customer"], &json["at"]), (&"wanjiru".into(), &"2026-03-29T08:02:00Z".into()));
    assert_eq!((&rule["rule"], &rule["decision"]), (&"win-back".into(), &"no_match".into()));
    assert_eq!((&rule["reasons"], &rule["next_due"]), (&serde_json::json!([]), &"2026-04-04T07:00:00Z".into()));
    assert_eq!((&rule["condition"]["text"], &rule["condition"]["value"]), (&"all of".into(), &false.into()));
    let line = &rule["condition"]["children"][1];
    assert_eq!(
        line,
        &serde_json::json!({
            "text": "days_since(orders.last_at) > 60", "value": false, "detail": "55: last order 2 Feb", "children": [],
        })
    );
    // It comes true.
    shop.clock.set(t("2026-04-04T06:59:00Z"));
    shop.settle().await;
    let before = shop.mails_sent();
    shop.clock.set(t("2026-04-04T07:00:00Z"));
    shop.settle().await;
    assert_eq!(shop.mails_sent(), before + 1);
}

#[tokio::test]
async fn every_kind_of_trigger_is_told_in_its_own_words() {
    let rules = [("thanks", THANKS), ("vip", VIP), ("quiet", QUIET), ("birthday", BIRTHDAY), ("segments", SEGMENTS)];
    let shop = wanjiru(&rules).await;
    let report = explained(&shop, None, None).await;
    insta::assert_snapshot!(shown(&report, "today"), @r#"
    Wanjiru N. (wanjiru) · Sun 29 Mar 2026, 11:02 Nairobi

    birthday · rules/birthday.yaml:4
    NO: it is for everyone, but it is held: again_after. Due Mon 29 Mar 2027 09:00 if nothing new arrives before.
      counted from `birthday` 1990-03-29, at 09:00, every year
      yes  everyone
    Beside that, today: consent yes (4 Jan, sign-up form) · address yes
      HELD again_after: this very day has started it, 09:00 today
      HELD frequency_cap: "birthday" went out 09:00 today, 1 a day; free Mon 30 Mar 00:00

    quiet · rules/quiet.yaml:4
    NO: outside `quiet`; only coming in counts. Due Mon 4 May 00:00 if nothing new arrives before.
      starts with coming in; outside `quiet`
      yes  everyone
    And if all were yes, today: consent not asked (class service) · address yes · again_after free

    thanks · rules/thanks.yaml:4
    NO: both lines hold, but it is held: again_after. Due when `Order Completed` happens.
      judged with the last `Order Completed`, Mon 2 Feb 12:00
      yes  event.revenue > 300        380
      yes  any:                       1 of 2 holds, 1 unknown
      ?      customer.tier == "gold"  customer.tier was never set
      yes    orders.count >= 2        2
      yes  while: orders.count < 9    2
    Under way since 2 Feb · later due Fri 21 Aug 12:00:05
    Beside that, today: consent not asked (class service) · address yes
      HELD again_after: this very event has started it, 2 Feb

    vip · rules/vip.yaml:4
    NO: outside `vip`; only coming in counts. Due when the customer comes into `vip`.
      starts with coming in; outside `vip`
      yes  everyone
    And if all were yes, today: consent not asked (class service) · address yes · again_after free

    Earlier: 29 Mar birthday sent · 2 Feb thanks/hello sent · 2 Feb order 380 KES · 5 Jan order 450 KES
    "#);
    // By time alone: 90 whole days after 2 February is 4 May.
    shop.clock.set(t("2026-05-03T20:59:00Z"));
    shop.settle().await;
    let before = shop.mails_sent();
    shop.clock.set(t("2026-05-03T21:00:00Z"));
    shop.settle().await;
    assert_eq!(shop.mails_sent(), before + 1);
    insta::assert_snapshot!(told(&shop, "quiet", None).await, @r"
    Wanjiru N. (wanjiru) · quiet · Mon 4 May 2026, 00:00 Nairobi
    NO: it is for everyone, but it is held: again_after. Due when the customer comes into `quiet`.
      starts with coming in; inside `quiet`, crossed within the last 24 hours
      yes  everyone
    Beside that, today: consent not asked (class service) · address yes
      HELD again_after: this very crossing has started it, 00:00 today
    Earlier: 4 May quiet/hello sent · 29 Mar birthday sent · 2 Feb thanks began · 2 Feb order 380 KES · 5 Jan order 450 KES          rules/quiet.yaml:4
    ");
}

#[tokio::test]
async fn a_past_instant_knows_nothing_of_what_came_later() {
    let shop = wanjiru(&[("win-back", WIN_BACK), ("birthday", BIRTHDAY)]).await;
    insta::assert_snapshot!(told(&shop, "win-back", Some("2026-01-20T08:00:00Z")).await, @r"
    Wanjiru N. (wanjiru) · win-back · Tue 20 Jan 2026, 11:00 Nairobi
    NO: 2 of 3 lines fail. Not due within 400 days if nothing new arrives.
      NO   orders.count >= 2                1
      NO   days_since(orders.last_at) > 60  15: last order 5 Jan
      yes  none: [customer.wholesale]       false (default, never set)
    And if all were yes, that day: consent yes (4 Jan, sign-up form) · address yes · holdout no · again_after free
    Earlier: 5 Jan order 450 KES          rules/win-back.yaml:6
    ");
    insta::assert_snapshot!(told(&shop, "birthday", Some("2026-06-01T18:00:00Z")).await, @r"
    Wanjiru N. (wanjiru) · birthday · Mon 1 Jun 2026, 21:00 Nairobi
    NO: nothing of it falls due on 1 Jun. Due Mon 29 Mar 2027 09:00 if nothing new arrives before.
      counted from `birthday` 1990-03-29, at 09:00, every year
      yes  everyone
    And if all were yes, that day: consent yes (4 Jan, sign-up form) · address yes · again_after free (last 29 Mar)
      HELD quiet_hours: mail goes out from Tue 2 Jun 08:00 on
    Earlier: 29 Mar birthday sent · 2 Feb order 380 KES · 5 Jan order 450 KES          rules/birthday.yaml:4
    ");
    let then = explained(&shop, Some("win-back"), Some("2026-03-28T08:00:00Z")).await;
    assert!(then.history.iter().all(|line| line.delivery.is_none()), "the wish was not sent yet: {:?}", then.history);
    assert!(then.rules[0].gates.iter().all(|gate| gate.open));
}

#[tokio::test]
async fn what_holds_a_customer_who_matches_is_told_with_its_end() {
    let rules = [
        ("win-back", WIN_BACK.replace("> 60", "> 10")),
        ("birthday", BIRTHDAY.to_owned()),
        ("segments", SEGMENTS.to_owned()),
    ];
    let rules: Vec<(&'static str, &str)> = rules.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let shop = wanjiru(&rules).await;
    // It went out in February, and a birthday mail this morning.
    insta::assert_snapshot!(told(&shop, "win-back", None).await, @r#"
    Wanjiru N. (wanjiru) · win-back · Sun 29 Mar 2026, 11:02 Nairobi
    NO: entered 10:00 today, but its mail was suppressed: frequency_cap ("birthday" went out 09:00 today, 1 a day). Due Fri 25 Sep 10:00 if nothing new arrives before.
      yes  orders.count >= 2                2
      yes  days_since(orders.last_at) > 10  55: last order 2 Feb
      yes  none: [customer.wholesale]       false (default, never set)
    Beside that, today: consent yes (4 Jan, sign-up form) · address yes · holdout no
      HELD again_after: entered 29 Mar, 180d must pass; free Fri 25 Sep 10:00
      HELD frequency_cap: "birthday" went out 09:00 today, 1 a day; free Mon 30 Mar 00:00
    Earlier: 29 Mar win-back/hello suppressed (frequency_cap) · 29 Mar birthday sent · 2 Feb order 380 KES · 5 Jan order 450 KES          rules/win-back.yaml:6
    "#);
    shop.operations().pause_rule("win-back").await.unwrap();
    let row = profile(&shop, &[("email", "")]);
    shop.arrive(vec![row]).await;
    shop.settle().await;
    insta::assert_snapshot!(told(&shop, "win-back", Some("2026-12-01T20:00:00Z")).await, @r"
    Wanjiru N. (wanjiru) · win-back · Tue 1 Dec 2026, 23:00 Nairobi
    NO: all 3 lines hold, but it is held: paused. Not due while it is paused.
      yes  orders.count >= 2                2
      yes  days_since(orders.last_at) > 10  302: last order 2 Feb
      yes  none: [customer.wholesale]       false (default, never set)
    Beside that, that day: consent yes (4 Jan, sign-up form) · holdout no · again_after free (last 29 Mar)
      HELD paused: paused since Sun 29 Mar 11:02; goes on with `retaind rules resume win-back`
      HELD address: none
      HELD quiet_hours: mail goes out from Wed 2 Dec 08:00 on
    Earlier: 29 Mar win-back/hello suppressed (frequency_cap) · 29 Mar birthday sent · 2 Feb order 380 KES · 5 Jan order 450 KES          rules/win-back.yaml:6
    ");
}

#[tokio::test]
async fn who_is_not_there_is_told_with_whom_may_be_meant() {
    let shop = wanjiru(&[("win-back", WIN_BACK)]).await;
    let refused = |customer: &str, rule: Option<&str>| {
        let request = ExplainRequest { customer: customer.into(), rule: rule.map(Into::into), at: None };
        let operations = shop.operations();
        async move { operations.explain(request).await.unwrap_err() }
    };
    for (customer, rule, message, cause) in [
        ("wanjiro", None, "no customer \"wanjiro\"", "did you mean \"wanjiru\"?"),
        (
            "Wanjiru@Customers.example",
            None,
            "no customer \"Wanjiru@Customers.example\"",
            "it is the address of \"wanjiru\"; customers are named by id",
        ),
        ("wanjiru", Some("winback"), "no rule \"winback\"", "did you mean \"win-back\"?"),
    ] {
        let failure = refused(customer, rule).await;
        assert_eq!((failure.message.as_str(), failure.causes.as_slice()), (message, &[cause.to_owned()][..]));
        assert_eq!(failure.kind.exit_code(), 1);
    }
}

const WAITING: &str = "rule: waiting
class: marketing
trigger: {schedule: \"0 10 * * *\"}
when: orders.count >= 1
again_after: never
steps:
- {id: first, day: 1, email: hello}
goal: {event: Order Completed, within: 7d}
";

#[tokio::test]
async fn a_rule_whose_first_step_comes_a_day_later_fires_now() {
    let shop = wanjiru(&[]).await;
    shop.write("rules/waiting.yaml", WAITING);
    shop.operations().reload().await.unwrap();
    let report = explained(&shop, Some("waiting"), None).await;
    assert_eq!((report.rules[0].decision, report.rules[0].reasons.len()), (RuleDecision::Fire, 0));
    assert_eq!(report.rules[0].verdict, "YES: the condition holds, and nothing stands in the way.");
    let standing = shop.operations().customer("wanjiru").await.unwrap().standing;
    assert_eq!((standing[0].decision, standing[0].reasons.len()), (RuleDecision::Fire, 0));
    // Without an address nothing would go out on that day either.
    shop.arrive(vec![profile(&shop, &[("email", "")])]).await;
    shop.settle().await;
    let rule = explained(&shop, Some("waiting"), None).await.rules.remove(0);
    assert_eq!((rule.decision, rule.reasons), (RuleDecision::Hold, vec![Reason::NoAddress]));
    // Nor where the only step is due at once and not wanted.
    shop.write("rules/waiting.yaml", &WAITING.replace("day: 1,", "when: orders.count > 9,"));
    shop.operations().reload().await.unwrap();
    let rule = explained(&shop, Some("waiting"), None).await.rules.remove(0);
    assert_eq!((rule.decision, rule.reasons), (RuleDecision::Hold, vec![Reason::NotWanted]));
}

#[tokio::test]
async fn a_pause_of_all_sending_is_told_first() {
    let shop = wanjiru(&[]).await;
    shop.write("rules/waiting.yaml", WAITING);
    shop.operations().reload().await.unwrap();
    shop.operations().pause().await.unwrap();
    let report = explained(&shop, Some("waiting"), None).await;
    assert!(report.sending_paused);
    assert_eq!((report.rules[0].decision, &report.rules[0].reasons), (RuleDecision::Hold, &vec![Reason::Paused]));
    let text = shown(&report, "today");
    assert!(text.starts_with("ALL SENDING IS PAUSED"), "{text}");
    assert!(text.contains("NO: the condition holds, but all sending is paused: paused."), "{text}");
    let plan = shop.operations().plan(PlanRequest::default()).await.unwrap();
    assert!(plan.sending_paused && plan.rules[0].enroll == 1, "it goes on enrolling: {plan:?}");
    let day = When::Day(jiff::civil::date(2026, 3, 30));
    let request = SimulateRequest { from: day, to: day, rule: None };
    assert!(shop.operations().simulate(request).await.unwrap().sending_paused);
    shop.operations().resume().await.unwrap();
    assert!(!explained(&shop, None, None).await.sending_paused);
}

#[tokio::test]
async fn beginnings_and_early_ends_stand_in_the_history() {
    let shop = wanjiru(&[("waiting", WAITING)]).await;
    shop.clock.set(t("2026-03-29T10:00:01Z"));
    shop.settle().await;
    let at = shop.now().plus(Span::minutes(5));
    shop.clock.set(t("2026-03-29T12:00:05Z"));
    shop.arrive(vec![order("2026-03-29T12:00:02Z", "o3", 10)]).await;
    shop.settle().await;
    let report = explained(&shop, None, None).await;
    let texts = |report: &ExplainReport| -> Vec<String> {
        report.history.iter().filter(|line| line.enrollment.is_some()).map(|line| line.text.clone()).collect()
    };
    assert_eq!(texts(&report), ["waiting ended (goal_reached)", "waiting began"], "{:?}", report.history);
    assert!(shown(&report, "today").contains("29 Mar waiting ended (goal_reached)"));
    let ended = report.history.iter().find_map(|line| line.enrollment.as_ref()?.ended);
    assert_eq!(ended, Some(Reason::GoalReached));
    let before = explained(&shop, None, Some(&at.to_string())).await;
    assert_eq!(texts(&before), ["waiting began"]);
}

#[tokio::test]
async fn what_is_past_when_a_rule_goes_live_starts_nothing_and_is_not_called_due() {
    let shop = wanjiru(&[]).await;
    let thanks = THANKS.replace("Order Completed, once_per: order_id", "Order Completed");
    let segments = SEGMENTS.replace("> 90", "> 54");
    for (name, text) in [("thanks", thanks.as_str()), ("quiet", QUIET), ("birthday", BIRTHDAY)] {
        shop.write(&format!("rules/{name}.yaml"), text);
    }
    shop.write("rules/segments.yaml", &segments);
    shop.operations().reload().await.unwrap();
    shop.settle().await;
    let report = explained(&shop, None, None).await;
    assert!(report.rules.iter().all(|rule| rule.decision == RuleDecision::NoMatch), "{report:#?}");
    let of = |name: &str| report.rules.iter().find(|rule| rule.rule == name).unwrap();
    assert_eq!(
        of("thanks").verdict,
        "NO: both lines hold, but its last `Order Completed` was Mon 2 Feb 12:00, before the rule went live, \
         Sun 29 Mar 11:02; as things are it starts when `Order Completed` happens next."
    );
    assert_eq!((of("thanks").next_due, of("thanks").due.as_str()), (None, "Due when `Order Completed` happens."));
    assert_eq!(of("quiet").verdict, "NO: inside `quiet` already; only coming in counts.");
    assert_eq!(of("birthday").verdict, "NO: it is for everyone, but what of it falls due on 29 Mar is past already.");
    // And so it is: nothing goes out.
    let before = shop.mails_sent();
    shop.pass(Span::minutes(5)).await;
    assert_eq!(shop.mails_sent(), before);
    let plan = shop.operations().plan(PlanRequest { rule: Some("quiet".into()), ..PlanRequest::default() }).await;
    assert_eq!(plan.unwrap().rules[0].enroll, 0, "she never crossed the border");
}
