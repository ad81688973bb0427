//! What `simulate` says, against what the daemon does.

use super::{LETTER, Plan, START, Shop};
use crate::clock::Clock;
use crate::domain::{Span, State, Time};
use crate::http::{FailureKind, SimulateReport, SimulateRequest, When};
use std::collections::BTreeMap;

/// Rules of all kinds; the daily one meets the caps, and the one of the evening the quiet hours.
const RULES: [(&str, &str); 4] = [
    ("letter", LETTER),
    (
        "evening",
        "rule: evening
class: marketing
trigger: {schedule: \"0 21 * * *\", timezone: customer}
when: count(\"Order Completed\", days(3)) >= 1
again_after: 3d
priority: 60
steps:
- email: hello
- {id: more, day: 2, webhook: {to: crm, type: customer.more}, when: orders.count == at_entry.orders.count}
",
    ),
    (
        "thanks",
        "rule: thanks
class: service
trigger: {event: Order Completed, delay: 36h}
when: orders.count >= 2
steps:
- webhook: {to: crm, type: customer.thanks}
",
    ),
    (
        "renew",
        "rule: renew
class: service
trigger: {date: renews_on, at: \"07:00\"}
when: everyone
steps:
- {day: -3, webhook: {to: crm, type: customer.renews}}
- {day: 1, webhook: {to: crm, type: customer.renewed}}
while: default(customer.tier, \"\") != \"gold\"
",
    ),
];

async fn shop() -> Shop {
    let rules = RULES.map(|(name, rule)| (name, rule.to_owned())).into();
    Shop::new(Plan { rules, ..Plan::default() }).await
}

async fn simulated(shop: &Shop, from: Time, to: Time) -> SimulateReport {
    let request = SimulateRequest { from: When::At(from), to: When::At(to), rule: None };
    shop.operations().simulate(request).await.unwrap()
}

type Days = BTreeMap<(String, String, String), u64>;

fn told(report: &SimulateReport) -> Days {
    report.days.iter().map(|day| ((day.day.clone(), day.rule.clone(), day.channel.clone()), day.deliveries)).collect()
}

/// What the daemon sent, by day.
async fn sent(shop: &Shop, from: Time) -> Days {
    let mut days = Days::new();
    for delivery in shop.deliveries().await.into_iter().filter(|delivery| delivery.state == State::Sent) {
        let at = delivery.sent_at.unwrap();
        if at >= from {
            let day = crate::calendar::day_of(&jiff::tz::TimeZone::UTC, at).to_string();
            let key = (day, delivery.rule.to_string(), delivery.payload.channel().to_owned());
            *days.entry(key).or_default() += 1;
        }
    }
    days
}

/// Lets hours pass, one after the other.
async fn live(shop: &Shop, hours: i64) {
    for _ in 0..hours {
        shop.pass(Span::hours(1)).await;
    }
}

/// Customers of several zones, some of whom buy again or move while the days pass.
async fn days_of_trade(shop: &Shop) {
    // What was before the rules went live starts nothing but in a backtest.
    shop.pass(Span::minutes(1)).await;
    let zones = ["", "Asia/Tokyo", "America/New_York", "Europe/Zagreb"];
    for (n, zone) in zones.iter().enumerate() {
        let id = format!("c{n}");
        shop.customer(&id).await;
        let renews_on = format!("2026-03-{:02}", 13 + n);
        shop.arrive(vec![shop.profile(&id, &[("timezone", zone), ("renews_on", &renews_on)], None)]).await;
    }
    live(shop, 30).await;
    shop.arrive(vec![shop.order("c1", "2"), shop.profile("c0", &[("tier", "gold")], None)]).await;
    live(shop, 20).await;
    shop.arrive(vec![shop.order("c3", "2"), shop.profile("c2", &[("timezone", "Asia/Tokyo")], Some(false))]).await;
    live(shop, 30).await;
}

#[tokio::test]
async fn what_is_forecast_is_what_is_sent() {
    let mut shop = shop().await;
    days_of_trade(&shop).await;
    let now = shop.clock.now();
    let to = now.plus(Span::days(6));
    let report = simulated(&shop, now, to).await;
    assert_eq!(report.customers, 4);
    let later = simulated(&shop, now.plus(Span::days(3)), to).await;
    live(&shop, 6 * 24).await;
    let happened = sent(&shop, now.plus(Span(1))).await;
    assert!(happened.len() > 5, "{happened:?}");
    assert_eq!(told(&report), happened);
    assert_eq!(told(&later), sent(&shop, now.plus(Span::days(3))).await, "what comes before is led, and not told");
    shop.stop().await;
}

#[tokio::test]
async fn what_a_backtest_says_is_what_was_sent() {
    let mut shop = shop().await;
    days_of_trade(&shop).await;
    live(&shop, 48).await;
    let now = shop.clock.now();
    for from in [START, START.plus(Span::hours(40)), START.plus(Span::hours(75))] {
        let report = simulated(&shop, from, now).await;
        let happened = sent(&shop, from).await;
        assert!(happened.len() > 2, "{happened:?}");
        assert_eq!(told(&report), happened, "from {from}");
    }
    // And on into the future, in one life.
    let to = now.plus(Span::days(4));
    let report = simulated(&shop, START.plus(Span::hours(40)), to).await;
    live(&shop, 4 * 24).await;
    assert_eq!(told(&report), sent(&shop, START.plus(Span::hours(40))).await);
    shop.stop().await;
}

#[tokio::test]
async fn days_on_which_the_brake_would_go_off_are_marked() {
    let rule = LETTER.replace("steps:", "pause_if: {more_than: 2, per: 1d}\nsteps:");
    let mut shop = Shop::with(&rule).await;
    for n in 0..3 {
        shop.customer(&format!("c{n}")).await;
    }
    let (from, to) = (shop.clock.now(), shop.clock.now().plus(Span::days(1)));
    let report = simulated(&shop, from, to).await;
    assert_eq!(report.total, 3, "what it would stop is counted");
    let braked: Vec<_> = report.brakes.iter().map(|it| (it.day.as_str(), it.deliveries, it.limit)).collect();
    assert_eq!(braked, [("2026-03-10", 3, 2)]);
    // The rule stays paused in a time that begins later.
    let later = simulated(&shop, to, to.plus(Span::days(1))).await;
    let braked: Vec<_> = later.brakes.iter().map(|it| (it.day.as_str(), it.deliveries, it.limit)).collect();
    assert_eq!(braked, [("2026-03-10", 3, 2), ("2026-03-11", 3, 2)]);
    shop.stop().await;
}

#[tokio::test]
async fn times_that_make_no_sense_and_unknown_rules_are_refused() {
    let mut shop = Shop::with(LETTER).await;
    let asked = async |from: &str, to: &str, rule: Option<&str>| {
        let rule = rule.map(ToOwned::to_owned);
        let request = SimulateRequest { from: from.parse().unwrap(), to: to.parse().unwrap(), rule };
        shop.operations().simulate(request).await.unwrap_err()
    };
    let early = asked("2026-03-10", "2026-03-09", None).await;
    assert_eq!(early.kind, FailureKind::Invalid);
    assert_eq!(early.message, "the end, 2026-03-09, lies before the beginning, 2026-03-10");
    assert_eq!(asked("2026-03-10", "2099-03-09", None).await.kind, FailureKind::Invalid);
    let unknown = asked("2026-03-10", "2026-03-10", Some("leter")).await;
    assert_eq!((unknown.kind, unknown.causes), (FailureKind::NotFound, vec!["did you mean \"letter\"?".to_owned()]));
    shop.stop().await;
}
