//! Real purchases: what `simulate` counts on each day, against days gone through here one by one from the raw log.
//!
//! As in `cdnow.rs`, nothing of the library is used: the log is read, what the script makes up is repeated by hand, and each
//! customer's half year is walked day by day, with a clock of their own.

use crate::cdnow::{self, BUSINESS_ZONE, Buyer, Buyers, Purchase, SCHEMA};
use crate::project::{Project, skipped};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const SETTINGS: &str = r#"
business: {name: Records, address: "1 Main Street", timezone: America/Los_Angeles}
topics: {offers: Offers}
email: {from: Records <hello@records.example>, transport: "file:outbox"}
endpoints:
  crm: {url: "https://crm.example/hook", secret: {file: crm.secret}}
frequency_caps: {marketing: [{max: 1, per: day}, {max: 2, per: 7d}]}
quiet_hours: {from: "20:00", to: "08:00"}
"#;

const GONE_QUIET: &str = r#"rule: gone-quiet
class: service
trigger: {schedule: "0 10 * * *", timezone: customer}
when:
- orders.count >= 2
- days_since(orders.last_at) > 60
again_after: 45d
steps:
- webhook: {to: crm, type: customer.quiet, data: {id: "{{ customer.id }}"}}
"#;

const BOUGHT: &str = r#"rule: bought
class: service
trigger: {event: Order Completed, delay: 24h}
when:
- event.revenue > 30
- count("Order Completed", days(30)) <= 2
steps:
- webhook: {to: crm, type: order.large, data: {order: "{{ event.order_id }}"}}
"#;

const OFFER: &str = r#"rule: offer
class: marketing
trigger: {schedule: "30 20 * * *", timezone: customer}
when: count("Order Completed", days(14)) >= 1
again_after: 1d
steps:
- email: offer
goal: {event: Order Completed, within: 1d}
"#;

const FROM: Date = date(1998, 1, 1);
const TO: Date = date(1998, 6, 30);

/// Deliveries by day of the business, rule and channel.
type Days = BTreeMap<(String, String, String), u64>;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone of the database")
}

/// The instant at which a zone's clock shows a time on a day.
fn local(zone: &TimeZone, day: Date, hour: i8, minute: i8) -> Timestamp {
    day.at(hour, minute, 0, 0).to_zoned(zone.clone()).expect("the time exists").timestamp()
}

/// The half year as the business's clock has it: from its first instant to before the first of July.
struct HalfYear {
    business: TimeZone,
    from: Timestamp,
    end: Timestamp,
}

impl HalfYear {
    fn new() -> Self {
        let business = zone(BUSINESS_ZONE);
        let (from, end) = (local(&business, FROM, 0, 0), local(&business, TO.tomorrow().expect("a day"), 0, 0));
        Self { business, from, end }
    }

    /// Counts a delivery at that instant, if it is one of the half year.
    fn count(&self, days: &mut Days, (rule, channel): (&str, &str), at: Timestamp) {
        if at >= self.from && at < self.end {
            let day = at.to_zoned(self.business.clone()).date().to_string();
            *days.entry((day, rule.into(), channel.into())).or_default() += 1;
        }
    }

    /// The instants in it at which a zone's clock shows a time of day, with the days.
    fn each(&self, zone: &TimeZone, hour: i8, minute: i8) -> Vec<(Date, Timestamp)> {
        let first = FROM.yesterday().expect("a day");
        let days =
            std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| *day <= date(1998, 7, 2));
        let instants = days.map(|day| (day, local(zone, day, hour, minute)));
        instants.filter(|(_, at)| *at >= self.from && *at < self.end).collect()
    }
}

fn gone_quiet(buyer: &Buyer, half_year: &HalfYear, days: &mut Days) {
    let name = buyer.zone.unwrap_or(BUSINESS_ZONE);
    let mut last: Option<Timestamp> = None;
    for (_, at) in half_year.each(&zone(name), 10, 0) {
        let matches = buyer.until(at).count() >= 2 && buyer.days_quiet(at, name).is_some_and(|quiet| quiet > 60);
        if matches && last.is_none_or(|last| last + (45 * 24).hours() <= at) {
            half_year.count(days, ("gone-quiet", "webhook"), at);
            last = Some(at);
        }
    }
}

fn bought(buyer: &Buyer, half_year: &HalfYear, days: &mut Days) {
    for Purchase { at, cents, .. } in &buyer.purchases {
        let due = *at + 24.hours();
        if *cents > 3_000 && buyer.window(due, 30).count() <= 2 {
            half_year.count(days, ("bought", "webhook"), due);
        }
    }
}

fn offer(buyer: &Buyer, half_year: &HalfYear, days: &mut Days) {
    let zone = zone(buyer.zone.unwrap_or(BUSINESS_ZONE));
    let (mut last, mut mornings): (Option<Timestamp>, Vec<Timestamp>) = (None, Vec::new());
    for (day, evening) in half_year.each(&zone, 20, 30) {
        if buyer.window(evening, 14).next().is_none() || last.is_some_and(|last| last + 24.hours() > evening) {
            continue;
        }
        last = Some(evening);
        // It is quiet until eight, and of seven days two mornings are taken at most.
        let morning = local(&zone, day.tomorrow().expect("a day"), 8, 0);
        let taken = mornings.iter().filter(|other| **other > morning - (7 * 24).hours()).count();
        if taken >= 2 {
            continue;
        }
        if buyer.window(morning, 14).next().is_some() && !goal_reached(buyer, evening, morning) {
            half_year.count(days, ("offer", "email"), morning);
            mornings.push(morning);
        }
    }
}

/// Somebody who buys again before the mail has gone out is not written to.
fn goal_reached(buyer: &Buyer, entered: Timestamp, morning: Timestamp) -> bool {
    buyer.purchases.iter().any(|purchase| purchase.at > entered && purchase.at <= morning)
}

/// Who may be written to: the script gives everybody an address, and all but each twentieth consent.
fn consents(id: &str) -> bool {
    id.parse::<u32>().expect("a number") % 20 != 0
}

fn evaluated(buyers: &Buyers) -> Days {
    let (half_year, mut days) = (HalfYear::new(), Days::new());
    for (id, buyer) in buyers {
        gone_quiet(buyer, &half_year, &mut days);
        bought(buyer, &half_year, &mut days);
        if consents(id) {
            offer(buyer, &half_year, &mut days);
        }
    }
    days
}

fn simulated(answer: &serde_json::Value) -> Days {
    let days = answer["days"].as_array().expect("a list of days");
    let text = |day: &serde_json::Value, key: &str| day[key].as_str().expect("a text").to_owned();
    let key = |day: &serde_json::Value| (text(day, "day"), text(day, "rule"), text(day, "channel"));
    days.iter().map(|day| (key(day), day["deliveries"].as_u64().expect("a number"))).collect()
}

fn project(log: &Path, tool: &Path) -> Project {
    let project = Project::new();
    project.write("retaind.yaml", SETTINGS).write("schema.yaml", SCHEMA);
    project.write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    project.write("templates/offer/en.md", "---\nsubject: An offer\n---\nHello.\n");
    for (name, rule) in [("gone-quiet", GONE_QUIET), ("bought", BOUGHT), ("offer", OFFER)] {
        project.write(&format!("rules/{name}.yaml"), rule);
    }
    let made = Command::new("python3").arg(tool).arg(log).arg(project.path()).output().expect("python3 runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    cdnow::import(&project);
    project
}

/// What differs, the first few of it.
fn difference(got: &Days, expected: &Days) -> Vec<String> {
    let keys = got.keys().chain(expected.keys());
    let mut differ: Vec<_> = keys.filter(|key| got.get(*key) != expected.get(*key)).collect();
    differ.sort();
    differ.dedup();
    let line =
        |key: &&(String, String, String)| format!("{key:?}: {:?}, counted {:?}", got.get(*key), expected.get(*key));
    differ.iter().map(line).take(10).collect()
}

#[test]
fn simulate_counts_on_each_day_what_going_through_the_days_one_by_one_counts() {
    let Some((log, tool)) = cdnow::inputs() else {
        skipped("simulate on real purchases", "RETAIND_CDNOW_LOG and RETAIND_CDNOW_TOOL are not both set");
        return;
    };
    let buyers = cdnow::read_log(&std::fs::read_to_string(&log).expect("the log can be read"));
    let project = project(&log, &tool);
    let expected = evaluated(&buyers);
    for rule in ["gone-quiet", "bought", "offer"] {
        let of_rule = expected.keys().filter(|(_, name, _)| name == rule).count();
        assert!(of_rule > 100, "{rule}: the days themselves say nothing: {of_rule}");
    }
    let span = ["simulate", "--from", "1998-01-01", "--to", "1998-06-30"];
    let answer = project.json(&span);
    let got = simulated(&answer);
    assert!(got == expected, "{}", difference(&got, &expected).join("\n"));
    assert_eq!(answer["total"].as_u64(), Some(expected.values().sum()));
    assert_eq!(answer["from"], "1998-01-01T08:00:00Z");
    // Of one rule the same days are told as among all.
    let one = simulated(&project.json(&[&span[..], &["--rule", "offer"]].concat()));
    let of_offer = |(key, count): (&(String, String, String), &u64)| (key.1 == "offer").then(|| (key.clone(), *count));
    assert_eq!(one, expected.iter().filter_map(of_offer).collect());
}

/// The first instant from `now` on, of those at which a zone's clock shows a time, at which something holds; 400 days are
/// looked through.
fn first(zone: &TimeZone, now: Timestamp, time: (i8, i8), holds: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(400);
    days.map(|day| local(zone, day, time.0, time.1)).find(|at| *at >= now && holds(*at))
}

/// Of an explanation, what it says of a gate: whether it is open, and until when it is not.
fn gate(told: &serde_json::Value, name: &str) -> Option<(bool, Option<Timestamp>)> {
    let gate = told["gates"].as_array().expect("a list of gates").iter().find(|gate| gate["gate"] == name)?;
    let until = gate["until"].as_str().map(|at| at.parse().expect("an instant"));
    Some((gate["open"].as_bool().expect("yes or no"), until))
}

fn next_due(told: &serde_json::Value) -> Option<Timestamp> {
    told["next_due"].as_str().map(|at| at.parse().expect("an instant"))
}

/// What `explain` says of one buyer at one instant, against the log; whether the two lines of the condition hold.
fn explained(answer: &serde_json::Value, (id, buyer): (&str, &Buyer), now: Timestamp) -> bool {
    let name = buyer.zone.unwrap_or(BUSINESS_ZONE);
    let (zone, days) = (zone(name), |at: Timestamp| at.to_zoned(zone(name)).date());
    let (count, quiet) = (buyer.until(now).count(), buyer.days_quiet(now, name));
    let of = |rule: &str| {
        let rules = answer["rules"].as_array().expect("a list of rules");
        rules.iter().find(|told| told["rule"] == rule).expect("the rule is told").clone()
    };
    let told = of("gone-quiet");
    let lines = told["condition"]["children"].as_array().expect("two lines");
    assert_eq!(lines[0]["value"], count >= 2, "{id} {now}: {count} purchases, {told:#}");
    assert_eq!(lines[0]["detail"], count.to_string(), "{id} {now}");
    assert_eq!(lines[1]["value"].as_bool(), quiet.map(|days| days > 60), "{id} {now}: {quiet:?}, {told:#}");
    if let Some(days) = quiet {
        let detail = lines[1]["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("{days}: last order ")), "{id} {now}: {days} days, {detail}");
    }
    let matches = count >= 2 && quiet.is_some_and(|days| days > 60);
    assert_eq!(told["decision"], if matches { "fire" } else { "no_match" }, "{id} {now}");
    // Nobody buys any more: then all goes by the last purchase.
    let last = buyer.until(now).next_back().map(|purchase| purchase.at);
    let is_quiet = |at: Timestamp| {
        last.is_some_and(|last| days(last).until(days(at)).expect("two days have a distance").get_days() > 60)
    };
    let due = first(&zone, now, (10, 0), |at| count >= 2 && is_quiet(at));
    assert_eq!(next_due(&told), due, "{id} {now}: {told:#}");
    let gates = ["consent", "again_after"].map(|name| gate(&told, name));
    assert_eq!(gates, [Some((true, None)); 2], "{id} {now}: a service rule asks no consent");
    assert_eq!(["quiet_hours", "frequency_cap"].map(|name| gate(&told, name)), [None; 2], "{id} {now}");
    // The offer is marketing, and a mail.
    let (told, may) = (of("offer"), consents(id));
    let bought = |at: Timestamp| last.is_some_and(|last| last > at - (24 * 14).hours());
    let due = first(&zone, now, (20, 30), bought).filter(|_| may);
    assert_eq!(next_due(&told), due, "{id} {now}: {told:#}");
    let says = told["due"].as_str().unwrap_or_default().contains("quiet_hours let its mail out");
    assert_eq!(says, due.is_some(), "{id} {now}: {told:#}");
    let gates = ["consent", "address", "again_after"].map(|name| gate(&told, name).map(|(open, _)| open));
    assert_eq!(gates, [Some(may), Some(true), Some(true)], "{id} {now}: {told:#}");
    let hour = now.to_zoned(zone.clone()).hour();
    let morning = first(&zone, now, (8, 0), |_| true);
    let night = (!(8..20).contains(&hour)).then_some((false, morning));
    assert_eq!(gate(&told, "quiet_hours"), night, "{id} {now}: {told:#}");
    matches
}

#[test]
fn explain_says_of_ten_buyers_what_the_log_says() {
    let Some((log, tool)) = cdnow::inputs() else {
        skipped("explain on real purchases", "RETAIND_CDNOW_LOG and RETAIND_CDNOW_TOOL are not both set");
        return;
    };
    let buyers = cdnow::read_log(&std::fs::read_to_string(&log).expect("the log can be read"));
    let project = project(&log, &tool);
    let (mut yes, mut no, mut due) = (0, 0, 0);
    // One in twenty gives no consent, and one of these is among them.
    let several = buyers.iter().filter(|(_, buyer)| buyer.purchases.len() > 1);
    let chosen = several.clone().step_by(97).take(9).chain(several.filter(|(id, _)| !consents(id)).take(1));
    for (id, buyer) in chosen {
        let last = buyer.purchases.last().expect("several purchases").at;
        let instants = ["1997-08-20T17:00:00Z", "1998-04-15T02:30:00Z"].map(|at| at.parse().expect("an instant"));
        for now in instants.into_iter().chain([last + (24 * 5 + 3).hours()]) {
            let answer = project.json(&["explain", id, "--at", &now.to_string()]);
            let matches = explained(&answer, (id, buyer), now);
            let orders = answer["history"].as_array().expect("a list").iter().filter(|line| line["event"].is_string());
            let told: Vec<&str> = orders.filter_map(|line| line["at"].as_str()).collect();
            let latest: Vec<String> =
                buyer.until(now).rev().take(told.len()).map(|purchase| purchase.at.to_string()).collect();
            assert_eq!(told, latest, "{id} {now}");
            assert!(told.len() >= buyer.until(now).count().min(3), "{id} {now}: {told:?}");
            *if matches { &mut yes } else { &mut no } += 1;
            let rules = answer["rules"].as_array().expect("a list of rules");
            due += rules.iter().filter(|told| next_due(told).is_some()).count();
        }
    }
    assert_eq!(yes + no, 30);
    assert!(yes > 2 && no > 2 && due > 20, "{yes} yes, {no} no, {due} due: nothing is shown");
}
