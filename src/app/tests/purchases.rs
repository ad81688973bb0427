//! Real purchases, as they happened: who enters and who leaves a segment, against a count made from the raw log.
//!
//! The log is research data and does not ship; `RETAIND_CDNOW_LOG` names it. The count knows nothing of the library: it
//! goes over the days, and asks of each customer at each instant that matters how often and when they had bought.

use super::{Plan, Shop};
use crate::clock::Clock;
use crate::domain::{CustomerNumber, Time};
use crate::http::{Call, VerdictResult};
use crate::store::View;
use axum::body::Bytes;
use jiff::civil::{Date, date};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

const SEGMENTS: &str = "at-risk: {when: 'orders.count >= 2 && since(orders.last_at) > days(60)'}\n";
const DAY: i64 = 86_400_000;

fn rule(name: &str, direction: &str) -> String {
    format!(
        "rule: {name}\nclass: service\ntrigger: {{{direction}: at-risk}}\nwhen: everyone\nagain_after: 1d\nsteps:\n\
        - webhook: {{to: crm, type: customer.{name}, data: {{id: \"{{{{ customer.id }}}}\"}}}}\n"
    )
}

/// A line of the log.
struct Purchase {
    customer: String,
    line: usize,
    at: Time,
    dollars: String,
}

/// What happened, by the day since 1970: `(day, customer, whether in)`.
type Crossings = BTreeSet<(i64, String, bool)>;

/// The purchases in their order: after noon of their day, and as many seconds as the line's number says, modulo an hour.
fn read_log(text: &str) -> Vec<Purchase> {
    let mut purchases: Vec<Purchase> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [customer, _, day, _, dollars] = fields[..] else { return None };
            let line = index + 1;
            let seconds = i64::try_from(line % 3600).unwrap();
            let day = day_number(Date::strptime("%Y%m%d", day).unwrap());
            let at = Time(day * DAY + (12 * 3600 + seconds) * 1000);
            Some(Purchase { customer: customer.to_owned(), line, at, dollars: dollars.to_owned() })
        })
        .collect();
    purchases.sort_by_key(|purchase| purchase.at);
    purchases
}

fn day_number(day: Date) -> i64 {
    i64::from(date(1970, 1, 1).until(day).unwrap().get_days())
}

/// Whether somebody who bought at `bought` is at risk at `now`.
fn is_at_risk(bought: &[i64], now: i64) -> bool {
    let so_far: Vec<i64> = bought.iter().copied().filter(|at| *at <= now).collect();
    so_far.len() >= 2 && so_far.iter().all(|at| now - at > 60 * DAY)
}

/// Goes over the days from `first` to `last`. On each, everybody is asked right before and at each purchase of theirs, and
/// at the end of the day.
fn count(purchases: &[Purchase], first: i64, last: i64) -> Crossings {
    let mut by_customer: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for purchase in purchases {
        by_customer.entry(&purchase.customer).or_default().push(purchase.at.0);
    }
    let mut crossings = Crossings::new();
    for (customer, bought) in by_customer {
        let mut inside = false;
        for day in first..=last {
            let on_day = bought.iter().filter(|at| at.div_euclid(DAY) == day);
            let instants = on_day.flat_map(|at| [at - 1, *at]).chain([(day + 1) * DAY - 1]);
            for now in instants {
                if is_at_risk(&bought, now) != inside {
                    inside = !inside;
                    crossings.insert((day, customer.to_owned(), inside));
                }
            }
        }
    }
    crossings
}

/// Turns the clock to the purchase, lets pass what falls due until then, and sends it.
async fn buy(shop: &Shop, purchase: &Purchase) {
    shop.clock.set(purchase.at);
    shop.settle().await;
    let Purchase { customer, line, at, dollars } = purchase;
    let body = format!(
        r#"{{"userId":"{customer}","event":"Order Completed","messageId":"l{line}","timestamp":"{at}","properties":{{"order_id":"o{line}","revenue":{dollars}}}}}"#
    );
    let (intake, _) = shop.daemon.as_ref().unwrap().intake();
    let verdicts = intake.take(Call::Track, Bytes::from(body), None).await.unwrap();
    assert_eq!(verdicts.iter().map(|one| one.result).collect::<Vec<_>>(), [VerdictResult::Stored], "line {line}");
}

/// What the daemon enrolled, and how many enrollments that was.
async fn enrolled(shop: &Shop) -> (Crossings, usize) {
    let interest = Arc::clone(&shop.daemon.as_ref().unwrap().shared().world.load().interest);
    let view = View { interest, now: shop.clock.now(), backtest: false };
    let (mut crossings, mut count) = (Crossings::new(), 0);
    for number in (1..=shop.store().last_customer().0).map(CustomerNumber) {
        let customer = shop.store().customer_by_number(number, &view).await.unwrap().unwrap().customer.id;
        for enrollment in shop.store().enrollments(number, 100).await.unwrap() {
            assert_eq!(enrollment.deliveries.len(), 1, "{customer}: {enrollment:?}");
            let day = enrollment.entered_at.0.div_euclid(DAY);
            crossings.insert((day, customer.to_string(), enrollment.rule == "lapses"));
            count += 1;
        }
    }
    (crossings, count)
}

#[tokio::test]
async fn real_customers_enter_and_leave_a_segment_on_the_days_that_a_count_over_the_raw_log_names() {
    let Some(log) = std::env::var_os("RETAIND_CDNOW_LOG") else {
        writeln!(std::io::stderr(), "skipped: crossings of real customers: RETAIND_CDNOW_LOG is not set").unwrap();
        return;
    };
    let purchases = read_log(&std::fs::read_to_string(log).unwrap());
    assert_eq!(purchases.len(), 6919, "this is not the one-tenth sample");
    let (first, last) = (day_number(date(1997, 1, 1)), day_number(date(1998, 6, 30)));
    let expected = count(&purchases, first, last);

    let rules = vec![
        ("lapses", rule("lapses", "enters")),
        ("returns", rule("returns", "leaves")),
        ("segments", SEGMENTS.to_owned()),
    ];
    let shop = Shop::new(Plan { rules, start: Some(Time(first * DAY)), ..Plan::default() }).await;
    let mut rest = purchases.as_slice();
    for day in first..=last {
        let on_day = rest.iter().take_while(|purchase| purchase.at.0.div_euclid(DAY) == day).count();
        for purchase in &rest[..on_day] {
            buy(&shop, purchase).await;
        }
        rest = &rest[on_day..];
        // What falls due on a day is done on that day.
        shop.settle().await;
        shop.clock.set(Time((day + 1) * DAY - 1));
        shop.settle().await;
    }
    assert!(rest.is_empty());

    let (got, enrollments) = enrolled(&shop).await;
    let differ: Vec<_> = got.symmetric_difference(&expected).take(10).collect();
    assert!(differ.is_empty(), "{} counted, {} happened; {differ:?}", expected.len(), got.len());
    assert_eq!(enrollments, expected.len(), "a crossing was acted upon twice");
    assert_eq!(shop.hooks.count(), expected.len() as u64);
    let (entered, left): (Vec<_>, Vec<_>) = expected.iter().partition(|(.., inside)| *inside);
    writeln!(std::io::stderr(), "real customers: {} entered at-risk, {} left it", entered.len(), left.len()).unwrap();
}
