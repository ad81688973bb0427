//! Real purchases: what `plan` names, against counts made here from the raw log.
//!
//! The log is research data and does not ship. `RETAIND_CDNOW_LOG` names it and `RETAIND_CDNOW_TOOL` the script that
//! makes import files of it. The counts know nothing of the library: they read the log's lines, repeat by hand what the
//! script makes up (times of day, places), and count.

use crate::project::{Project, skipped};
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

const SETTINGS: &str = r#"
business: {name: Records, address: "1 Main Street", timezone: America/Los_Angeles}
endpoints:
  crm: {url: "https://crm.example/hook", secret: {file: crm.secret}}
"#;
pub(crate) const BUSINESS_ZONE: &str = "America/Los_Angeles";
pub(crate) const SCHEMA: &str =
    "events:\n  Order Completed: {order_id: string, revenue: number, currency: string, quantity: number}\n";
const SUMMER: &str = "1998-07-01T12:00:00Z";
const EVENING: &str = "1998-07-01T20:00:00Z";
const AUTUMN: &str = "1997-10-01T00:00:00Z";

/// One line of the log.
pub(crate) struct Purchase {
    pub(crate) at: Timestamp,
    pub(crate) cents: i64,
    units: i64,
}

/// One customer of the log with what the script makes up.
pub(crate) struct Buyer {
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) zone: Option<&'static str>,
    country: Option<&'static str>,
}

impl Buyer {
    /// Purchases that had happened at `now`, oldest first.
    pub(crate) fn until(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Purchase> {
        self.purchases.iter().filter(move |purchase| purchase.at <= now)
    }

    /// Purchases of the last `days` days before `now`.
    pub(crate) fn window(&self, now: Timestamp, days: i64) -> impl Iterator<Item = &Purchase> {
        let start = now - (24 * days).hours();
        self.until(now).filter(move |purchase| purchase.at > start)
    }

    /// The last purchase before `now` lies more than 90 times 24 hours back.
    fn quiet_for_90_days(&self, now: Timestamp) -> bool {
        self.until(now).next_back().is_some_and(|last| last.at < now - (24 * 90).hours())
    }

    /// Calendar days in `zone` between the last purchase and `now`.
    pub(crate) fn days_quiet(&self, now: Timestamp, zone: &str) -> Option<i32> {
        let zone = TimeZone::get(zone).expect("a zone of the database");
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let last = self.until(now).next_back()?;
        Some(day(last.at).until(day(now)).expect("two days have a distance").get_days())
    }
}

/// What the log says, by customer id.
pub(crate) type Buyers = BTreeMap<String, Buyer>;

pub(crate) fn read_log(text: &str) -> Buyers {
    let places = [
        (Some("America/New_York"), Some("US")),
        (Some("Europe/Zagreb"), Some("HR")),
        (Some("Africa/Nairobi"), Some("KE")),
        (Some("Asia/Yerevan"), Some("AM")),
        (Some("Asia/Kolkata"), Some("IN")),
        (None, None),
    ];
    let mut buyers = Buyers::new();
    for (index, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (id, day, units, dollars) = match fields[..] {
            [id, _, day, units, dollars] | [id, day, units, dollars] if id.bytes().all(|b| b.is_ascii_digit()) => {
                (id, day, units, dollars)
            }
            _ => continue,
        };
        let number: usize = id.parse().expect("a customer's number");
        let (zone, country) = places[number % places.len()];
        let buyer = buyers.entry(id.to_owned()).or_insert_with(|| Buyer { purchases: Vec::new(), zone, country });
        buyer.purchases.push(Purchase {
            at: noon_of(day, index + 1),
            cents: cents(dollars),
            units: units.parse().expect("a number of units"),
        });
    }
    for buyer in buyers.values_mut() {
        buyer.purchases.sort_by_key(|purchase| purchase.at);
    }
    buyers
}

/// Noon of the day in UTC, and as many seconds as the line's number says, modulo an hour.
fn noon_of(day: &str, line: usize) -> Timestamp {
    let date = civil::Date::strptime("%Y%m%d", day).expect("a date of eight digits");
    let second = i64::try_from(line % 3600).expect("less than 3600");
    let noon = date.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).expect("noon exists").timestamp();
    noon + second.seconds()
}

/// `29.33` is 2933.
fn cents(dollars: &str) -> i64 {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, "0"));
    let part: i64 = format!("{part:0<2}").parse().expect("cents");
    whole.parse::<i64>().expect("dollars") * 100 + part
}

/// A condition as written in a rule file, the instant it is asked for, and the same question asked of the log.
struct Case {
    rule: &'static str,
    when: &'static str,
    at: &'static str,
    holds: fn(&Buyer, Timestamp) -> bool,
    unknown: fn(&Buyer, Timestamp) -> bool,
}

const fn never(_: &Buyer, _: Timestamp) -> bool {
    false
}

fn no_country(buyer: &Buyer, _: Timestamp) -> bool {
    buyer.country.is_none()
}

fn wins_back(buyer: &Buyer, now: Timestamp) -> bool {
    buyer.until(now).count() >= 2 && buyer.quiet_for_90_days(now)
}

fn spent_over_100(buyer: &Buyer, now: Timestamp) -> bool {
    buyer.window(now, 180).map(|purchase| purchase.cents).sum::<i64>() > 10_000
}

const WIN_BACK: &str = "orders.count >= 2 && since(orders.last_at) > days(90)";
const SPENT: &str = r#"sum("Order Completed", "revenue", days(180)) > 100"#;

const CASES: &[Case] = &[
    Case { rule: "win-back", when: WIN_BACK, at: SUMMER, holds: wins_back, unknown: never },
    Case { rule: "win-back", when: WIN_BACK, at: AUTUMN, holds: wins_back, unknown: never },
    Case { rule: "spent", when: SPENT, at: SUMMER, holds: spent_over_100, unknown: never },
    Case { rule: "spent", when: SPENT, at: AUTUMN, holds: spent_over_100, unknown: never },
    Case {
        rule: "frequent",
        when: r#"count("Order Completed", days(60)) >= 2"#,
        at: SUMMER,
        holds: |buyer, now| buyer.window(now, 60).count() >= 2,
        unknown: never,
    },
    Case {
        rule: "stocked-up",
        when: r#"last_value("Order Completed", "quantity") >= 3"#,
        at: SUMMER,
        holds: |buyer, now| buyer.until(now).next_back().is_some_and(|last| last.units >= 3),
        unknown: never,
    },
    Case {
        rule: "in-kenya",
        when: r#"customer.country == "KE""#,
        at: SUMMER,
        holds: |buyer, _| buyer.country == Some("KE"),
        unknown: no_country,
    },
    Case {
        rule: "not-in-kenya",
        when: r#"customer.country != "KE""#,
        at: SUMMER,
        holds: |buyer, _| buyer.country.is_some_and(|country| country != "KE"),
        unknown: no_country,
    },
    Case {
        rule: "from-somewhere",
        when: "has(customer.country)",
        at: SUMMER,
        holds: |buyer, _| buyer.country.is_some(),
        unknown: never,
    },
    Case {
        rule: "quiet-by-calendar",
        when: "days_since(orders.last_at) > 90",
        at: EVENING,
        holds: |buyer, now| buyer.days_quiet(now, buyer.zone.unwrap_or(BUSINESS_ZONE)).is_some_and(|days| days > 90),
        unknown: never,
    },
];

/// The log and the script, if the environment names them.
pub(crate) fn inputs() -> Option<(PathBuf, PathBuf)> {
    let log = std::env::var_os("RETAIND_CDNOW_LOG").map(PathBuf::from)?;
    let tool = std::env::var_os("RETAIND_CDNOW_TOOL").map(PathBuf::from)?;
    Some((log, tool))
}

/// A project with a rule for each case and the import files beside it.
fn project(log: &PathBuf, tool: &PathBuf) -> Project {
    let project = Project::new();
    project.write("retaind.yaml", SETTINGS).write("schema.yaml", SCHEMA);
    project.write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    for case in CASES {
        let text = format!(
            "rule: {}\nclass: service\ntrigger: {{schedule: \"0 10 * * *\"}}\nwhen:\n  - '{}'\nagain_after: never\n\
             steps:\n  - webhook: {{to: crm, type: customer.matched, data: {{id: \"{{{{ customer.id }}}}\"}}}}\n",
            case.rule, case.when
        );
        project.write(&format!("rules/{}.yaml", case.rule), &text);
    }
    let made = Command::new("python3").arg(tool).arg(log).arg(project.path()).output().expect("python3 runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    project
}

/// The number stands in what the command said, whatever marks separate its thousands.
#[track_caller]
fn says(project: &Project, args: &[&str], number: &str) {
    let ran = project.run(args).exits(0);
    let said = format!("{}{}", ran.out, ran.err).replace([',', '_', '\u{202f}', '\u{a0}'], "");
    assert!(said.split(|c: char| !c.is_ascii_digit()).any(|word| word == number), "no {number} in: {said}");
}

pub(crate) fn import(project: &Project) {
    project.run(&["check"]).exits(0);
    says(project, &["import", "customers", "customers.csv"], "2357");
    says(project, &["import", "events", "events.ndjson"], "6919");
    for file in ["customers.csv.rejects", "events.ndjson.rejects"] {
        assert!(!project.path().join(file).exists(), "{file}: good rows were refused");
    }
}

/// The ids in an answer of `plan`.
fn ids(list: &serde_json::Value) -> BTreeSet<String> {
    let list = list.as_array().expect("a list of ids");
    list.iter().map(|id| id.as_str().expect("an id is text").to_owned()).collect()
}

/// What differs between a case's plan and the count, if anything does.
fn difference(project: &Project, buyers: &Buyers, case: &Case) -> Option<String> {
    let now: Timestamp = case.at.parse().expect("an instant");
    let named = |test: fn(&Buyer, Timestamp) -> bool| -> BTreeSet<String> {
        buyers.iter().filter(|(_, buyer)| test(buyer, now)).map(|(id, _)| id.clone()).collect()
    };
    let (expected, unknown) = (named(case.holds), named(case.unknown));
    assert!(!expected.is_empty() && expected.len() < buyers.len(), "{}: the count itself says nothing", case.rule);
    let answer = project.json(&["plan", "--at", case.at, "--rule", case.rule, "--customers"]);
    let rule = &answer["rules"][0];
    let got = ids(&rule["customers"]);
    let counts = (rule["evaluated"].as_u64(), rule["matched"].as_u64(), rule["unknown"].as_u64());
    let want = (Some(buyers.len() as u64), Some(expected.len() as u64), Some(unknown.len() as u64));
    if got == expected && counts == want {
        return None;
    }
    let missing: Vec<_> = expected.difference(&got).take(5).collect();
    let extra: Vec<_> = got.difference(&expected).take(5).collect();
    Some(format!(
        "{} at {}: evaluated, matched, unknown {counts:?}, counted {want:?}; missing {missing:?}, too many {extra:?}",
        case.rule, case.at
    ))
}

#[test]
fn plan_names_exactly_the_customers_that_a_count_over_the_raw_log_names() {
    let Some((log, tool)) = inputs() else {
        skipped("plan on real purchases", "RETAIND_CDNOW_LOG and RETAIND_CDNOW_TOOL are not both set");
        return;
    };
    let buyers = read_log(&std::fs::read_to_string(&log).expect("the log can be read"));
    let purchases: usize = buyers.values().map(|buyer| buyer.purchases.len()).sum();
    assert_eq!((buyers.len(), purchases), (2357, 6919), "this is not the one-tenth sample");
    let project = project(&log, &tool);
    import(&project);
    let faults: Vec<String> = CASES.iter().filter_map(|case| difference(&project, &buyers, case)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn importing_the_same_files_again_changes_no_count() {
    let Some((log, tool)) = inputs() else {
        skipped("import twice", "RETAIND_CDNOW_LOG and RETAIND_CDNOW_TOOL are not both set");
        return;
    };
    let project = project(&log, &tool);
    import(&project);
    let plan = ["plan", "--at", SUMMER, "--customers"];
    let once = project.json(&plan);
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
    assert_eq!(once, project.json(&plan));
}

#[test]
fn the_zones_of_the_customers_make_a_difference_to_the_calendar_condition() {
    let Some((log, _)) = inputs() else {
        skipped("calendar days by zone", "RETAIND_CDNOW_LOG and RETAIND_CDNOW_TOOL are not both set");
        return;
    };
    let buyers = read_log(&std::fs::read_to_string(&log).expect("the log can be read"));
    let now: Timestamp = EVENING.parse().expect("an instant");
    let differ = buyers.values().filter(|buyer| {
        let own = buyer.days_quiet(now, buyer.zone.unwrap_or(BUSINESS_ZONE)).is_some_and(|days| days > 90);
        own != buyer.days_quiet(now, BUSINESS_ZONE).is_some_and(|days| days > 90)
    });
    assert!(differ.count() > 0, "the case would pass with the business's zone for everyone");
}
