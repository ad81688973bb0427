//! Files of tests against a small project.

use super::{Failure, Ground, Names, Report, Tests, read, run};
use crate::domain::{Attribute, Diagnostic, Policy, Schema, Value, ValueType};
use crate::rules::{self, RuleSet, SourceFile};
use crate::templates::{self, Business, TemplateFile, Templates};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// The rule of the manual, without its webhook.
const WIN_BACK: &str = "rule: win-back
description: Bring back good customers who have gone quiet for longer than is usual for them.
class: marketing
topic: offers
trigger: {schedule: \"0 10 * * *\", timezone: customer}
when:
  - orders.count >= 2
  - days_since(orders.last_at) > 60
  - any: ['customer.tier in [\"silver\", \"gold\"]', orders.revenue > 5000]
  - none: [customer.wholesale]
again_after: 180d
priority: 50
holdout: 10%
pause_if: {more_than: 200, per: 1d}
steps:
  - email: win-back
  - {day: 10, email: win-back-why, when: orders.count == at_entry.orders.count}
while: customer.plan != \"closed\"
goal: {event: Order Completed, within: 30d, value: revenue}
";

/// The tests of it.
const EXAMPLE: &str = r#"rule: win-back
customer: {id: wanjiru, first_name: Wanjiru, consent: {marketing: true}}    # what is not given is filled in
tests:
- name: reminded after 60 quiet days, left alone once she is back
  starts: 2026-01-05                                  # optional; day 0
  story:
  - {day: 0, does: Order Completed, revenue: 450}
  - {day: 28, does: Order Completed, revenue: 380}
  - {day: 89, at: "10:00", gets: win-back, subject: "Wanjiru, we miss you"}
  - {day: 90, does: Order Completed, revenue: 300}
  - {day: 99, gets: nothing, because: orders.count == at_entry.orders.count}
- name: who is let in on day 100
  each:
  - {orders: [0], enters: false, because: orders.count >= 2}
  - {orders: [0, 30], consent: {marketing: false}, held: no_consent}
"#;

/// Asks to be told of the weather by whoever orders.
const WEATHER: &str = "rule: weather
class: service
trigger: {event: Order Completed}
when: 'event.revenue > 100 || customer.tier == \"gold\"'
again_after: 1d
steps:
- {id: at-once, email: nameless}
- {id: call, day: 2, webhook: {to: crm, type: weather.call}}
";

fn schema() -> Schema {
    let mut schema = Schema::default();
    let text = Attribute::of(ValueType::Text);
    let tiers = Some(vec!["silver".to_owned(), "gold".to_owned()]);
    let default = Some(Value::Text("silver".into()));
    schema.customer.insert("tier".into(), Attribute { one_of: tiers, default, ..text.clone() });
    schema.customer.insert("plan".into(), Attribute { default: Some(Value::Text("free".into())), ..text });
    let no = Some(Value::Bool(false));
    schema.customer.insert("wholesale".into(), Attribute { default: no, ..Attribute::of(ValueType::Bool) });
    schema.customer.insert("birthday".into(), Attribute::of(ValueType::Date));
    schema.customer.insert("score".into(), Attribute::of(ValueType::Number));
    schema.customer.insert("likes".into(), Attribute::of(ValueType::List));
    schema.consents.push("offers".into());
    schema
}

struct Project {
    schema: Schema,
    rules: RuleSet,
    templates: Templates,
    words: BTreeMap<String, String>,
    business: Business,
    policy: Policy,
}

impl Project {
    fn new() -> Self {
        Self::with(WEATHER)
    }

    fn with(weather: &str) -> Self {
        let schema = schema();
        let topics = [("offers".to_owned(), "Offers".to_owned())].into();
        let endpoints = ["crm".to_owned()].into();
        let names = ["win-back", "win-back-why", "nameless"].map(str::to_owned).into();
        let of_rules = rules::Names {
            schema: &schema,
            topics: &topics,
            endpoints: &endpoints,
            templates: &names,
            business_zone: &TimeZone::UTC,
            can_mail: true,
        };
        let file = |(name, text): (&str, &str)| SourceFile {
            path: format!("rules/{name}.yaml").into(),
            content: Ok(text.as_bytes().to_vec()),
        };
        let files = [("win-back", WIN_BACK), ("weather", weather)].map(file);
        let (rules, problems) = rules::compile(&files, &of_rules);
        assert!(!problems.iter().any(Diagnostic::is_error), "{problems:?}");
        let template = |(name, subject): (&str, &str)| TemplateFile {
            name: name.to_owned(),
            locale: "en".to_owned(),
            path: format!("templates/{name}/en.md").into(),
            content: Ok(format!("---\nsubject: \"{subject}\"\n---\nHello.\n").into_bytes()),
        };
        let templates = [
            ("win-back", "{{ customer.first_name or 'Hello' }}, we miss you"),
            ("win-back-why", "Why?"),
            ("nameless", "{{ 10 // (orders.count - 2) }} of ten"),
        ]
        .map(template);
        let words = BTreeMap::new();
        let sent_by = BTreeMap::new();
        let of_templates = templates::Names { schema: &schema, words: &words, sent_by: &sent_by };
        let (templates, problems) = templates::compile(&templates, &of_templates);
        assert!(!problems.iter().any(Diagnostic::is_error), "{problems:?}");
        Self { rules, templates, words, business: Business::default(), policy: Policy::default(), schema }
    }

    fn read(&self, text: &str) -> (Option<Tests>, Vec<String>) {
        let ids: BTreeSet<String> = ["win-back", "weather", "broken"].map(str::to_owned).into();
        let names = Names { rules: &self.rules, ids: &ids, schema: &self.schema };
        let file = SourceFile { path: "rules/a.test.yaml".into(), content: Ok(text.as_bytes().to_vec()) };
        let (tests, problems) = read(&file, &names);
        (tests, problems.iter().map(ToString::to_string).collect())
    }

    fn run(&self, text: &str) -> Report {
        let (tests, problems) = self.read(text);
        let tests = tests.unwrap_or_else(|| panic!("{problems:#?}"));
        run(
            &[tests],
            &Ground {
                rules: &self.rules,
                templates: &self.templates,
                payloads: &BTreeMap::new(),
                schema: &self.schema,
                words: &self.words,
                business: &self.business,
                zone: &TimeZone::UTC,
                policy: &self.policy,
            },
        )
    }

    /// What a story of a rule fails with, one line a failure: its line, its day, expected, got and notes.
    fn failures(&self, head: &str, story: &str) -> Vec<String> {
        let text = format!("{head}\ntests:\n- name: a story\n  story:\n{story}");
        let report = self.run(&text);
        assert_eq!(report.cases.len(), 1);
        report.cases[0].failures.iter().map(line).collect()
    }
}

fn line(failure: &Failure) -> String {
    let Failure { place, day, expected, got, notes } = failure;
    let parts = [&[format!("{} {day}: {expected} | {got}", place.line_column().0)], notes.as_slice()];
    parts.concat().join(" / ")
}

#[test]
fn the_example_of_the_manual_passes() {
    let report = Project::new().run(EXAMPLE);
    let failures: Vec<String> = report.cases.iter().flat_map(|case| &case.failures).map(line).collect();
    assert_eq!(failures, Vec::<String>::new());
    assert_eq!((report.passed(), report.failed()), (3, 0));
    let rows: Vec<Option<&str>> = report.cases.iter().map(|case| case.row.as_deref()).collect();
    let second = "{orders: [0, 30], consent: {marketing: false}, held: no_consent}";
    assert_eq!(rows, [None, Some("{orders: [0], enters: false, because: orders.count >= 2}"), Some(second)]);
}

const TWO_ORDERS: &str = "  - {day: 0, does: Order Completed}\n  - {day: 28, does: Order Completed}\n";

#[test]
fn a_delivery_that_no_line_names_fails_where_it_would_stand() {
    let failures = Project::new().failures(
        "rule: win-back",
        &format!("{TWO_ORDERS}  - {{day: 89, gets: win-back}}\n  - {{day: 120, gets: nothing}}\n"),
    );
    let write = "if that is right, write {day: 99, at: \"10:00\", gets: win-back-why}";
    assert_eq!(
        failures,
        [format!("7 day 99, Tue 14 Apr 2026: no line for it | 10:00 win-back-why \"Why?\" / {write}")]
    );
}

#[test]
fn another_time_and_another_subject_are_shown_beside_what_was_expected() {
    let story = "  - {day: 89, at: \"09:30\", gets: win-back, subject: Hello}\n";
    let failures = Project::new().failures("rule: win-back", &format!("{TWO_ORDERS}{story}"));
    let got = "10:00 win-back \"Hello, we miss you\"";
    assert_eq!(failures, [format!("7 day 89, Sat 4 Apr 2026: 09:30 win-back \"Hello\" | {got}")]);
}

#[test]
fn what_does_not_come_is_told_with_the_lines_that_kept_it_back_and_when_it_came() {
    let story = "  - {day: 88, gets: win-back}\n  - {day: 89, gets: nothing}\n";
    let failures =
        Project::new().failures("rule: win-back\ncustomer: {wholesale: true}", &format!("{TWO_ORDERS}{story}"));
    let why =
        "10:00 days_since(orders.last_at) > 60 is false: 60: last order 2 Feb / 10:00 customer.wholesale is true: true";
    assert_eq!(failures, [format!("8 day 88, Fri 3 Apr 2026: win-back | nothing / {why}")]);
    let failures = Project::new().failures("rule: win-back", &format!("{TWO_ORDERS}{story}"));
    let came = "it went out on day 89, Sat 4 Apr 2026, 10:00";
    let why = "10:00 days_since(orders.last_at) > 60 is false: 60: last order 2 Feb";
    assert_eq!(failures[0], format!("7 day 88, Fri 3 Apr 2026: win-back | nothing / {why} / {came}"));
    assert_eq!(failures[1], "8 day 89, Sat 4 Apr 2026: nothing | 10:00 win-back \"Hello, we miss you\"");
}

#[test]
fn a_reason_that_is_none_fails_with_its_value() {
    let story = "  - {day: 50, gets: nothing, because: orders.count >= 2}\n";
    let failures = Project::new().failures("rule: win-back", &format!("{TWO_ORDERS}{story}"));
    let why =
        "at 10:00 orders.count >= 2 is true: 2 / 10:00 days_since(orders.last_at) > 60 is false: 22: last order 2 Feb";
    let expected = "nothing, because orders.count >= 2 | nothing, but not because of that";
    assert_eq!(failures, [format!("7 day 50, Tue 24 Feb 2026: {expected} / {why}")]);
}

#[test]
fn a_part_of_what_holds_all_the_same_is_no_reason() {
    let project = Project::new();
    let head = "rule: weather\ncustomer: {first_name: Ana}";
    let only = |extra: &str| {
        let story = format!(
            "  - {{day: 0, does: Order Completed, revenue: 5}}\n  - {{day: 0, gets: nothing, because: {extra}}}\n"
        );
        project.failures(head, &story)
    };
    assert_eq!(only("event.revenue > 100"), Vec::<String>::new(), "neither part holds");
    assert_eq!(only("'customer.tier == \"gold\"'"), Vec::<String>::new());
    assert_eq!(only("\"customer.tier=='gold'\""), Vec::<String>::new(), "blanks and quotes do not matter");
}

/// Whether somebody who orders for so much is said to be kept out of the weather by a line, if `when` is this.
fn is_kept_out_by(when: &str, customer: &str, because: &str) -> bool {
    let weather = WEATHER
        .lines()
        .map(|line| if line.starts_with("when:") { format!("when: {when}\n") } else { format!("{line}\n") })
        .collect::<String>();
    let story = format!(
        "  - {{day: 0, does: Order Completed, revenue: 5}}\n  - {{day: 0, gets: nothing, because: '{because}'}}\n"
    );
    let failures = Project::with(&weather).failures(&format!("rule: weather\ncustomer: {customer}"), &story);
    assert!(
        failures.len() < 2 && failures.iter().all(|failure| failure.contains("not because of that")),
        "{failures:?}"
    );
    failures.is_empty()
}

#[test]
fn a_negation_turns_what_it_stands_before_and_nothing_else() {
    let wholesale = "{wholesale: true, tier: silver}";
    for (when, because, is_why) in [
        // A first part that is negated does not negate the line.
        ("'!customer.wholesale && orders.count >= 1'", "orders.count >= 1", false),
        ("'!customer.wholesale && orders.count >= 1'", "!customer.wholesale", true),
        ("'!customer.wholesale && orders.count >= 2'", "orders.count >= 2", true),
        ("'!customer.wholesale || orders.count >= 2'", "orders.count >= 2", true),
        ("'!customer.wholesale || orders.count >= 2'", "!customer.wholesale", true),
        ("'!(customer.wholesale) && orders.count >= 1 && event.revenue > 1'", "event.revenue > 1", false),
        ("'!(customer.wholesale) && orders.count >= 1 && event.revenue > 9'", "event.revenue > 9", true),
        // The whole is negated: its parts keep out when they hold.
        ("'!(customer.wholesale && orders.count >= 1)'", "orders.count >= 1", true),
        ("'!(customer.wholesale || orders.count >= 2)'", "orders.count >= 2", false),
        ("'!(customer.wholesale || orders.count >= 2)'", "customer.wholesale", true),
        ("'orders.count >= 1 && !(customer.wholesale || orders.count >= 2)'", "customer.wholesale", true),
        ("'orders.count >= 1 && !(customer.wholesale || orders.count >= 2)'", "orders.count >= 1", false),
        ("'!(!customer.wholesale || orders.count >= 1)'", "!customer.wholesale", false),
        ("'!(!customer.wholesale || orders.count >= 1)'", "orders.count >= 1", true),
        // Lists.
        ("{none: [customer.wholesale, orders.count >= 2]}", "customer.wholesale", true),
        ("{none: [customer.wholesale, orders.count >= 2]}", "orders.count >= 2", false),
        ("{none: ['!customer.wholesale && orders.count >= 2', customer.wholesale]}", "customer.wholesale", true),
        ("{none: ['!customer.wholesale || orders.count >= 1']}", "orders.count >= 1", true),
        ("{none: ['!customer.wholesale || orders.count >= 1']}", "!customer.wholesale", false),
        ("{any: ['!customer.wholesale', orders.count >= 2]}", "orders.count >= 2", true),
    ] {
        assert_eq!(is_kept_out_by(when, wholesale, because), is_why, "{when}, because {because}");
    }
}

#[test]
fn a_mail_that_cannot_be_rendered_fails_the_test() {
    let project = Project::new();
    let story = "  - {day: 0, does: Order Completed, revenue: 500}\n  - {day: 0, gets: at-once, subject: -10 of ten}\n";
    let failures = project.failures("rule: weather", &format!("{story}  - {{day: 2, gets: call}}\n"));
    assert_eq!(failures, Vec::<String>::new());
    // The second purchase divides by nothing.
    let before = "  - {day: 0, does: Order Completed, revenue: 5}\n";
    let story = story.replace(", subject: -10 of ten", "");
    let failures = project.failures("rule: weather", &format!("{before}{story}"));
    let got = "7 day 0, Mon 5 Jan 2026: at-once | 12:00:01 at-once that cannot be rendered / subject of template";
    assert!(failures.len() == 1 && failures[0].starts_with(got), "{failures:?}");
}

#[test]
fn holds_endings_and_sent_mails_are_compared() {
    let project = Project::new();
    let day_89 = "  - {day: 89, sent: weather}\n  - {day: 89, held: frequency_cap}\n";
    let failures = project.failures("rule: win-back", &format!("{TWO_ORDERS}{day_89}"));
    assert_eq!(
        failures,
        [
            "8 day 89, Sat 4 Apr 2026: held: frequency_cap | 10:00 win-back \"Hello, we miss you\" / 10:00 enters",
            "8 day 89, Sat 4 Apr 2026: no line for it | 10:00 win-back \"Hello, we miss you\" / if that is right, write \
         {day: 89, at: \"10:00\", gets: win-back}",
        ]
    );
    let early = "  - {day: 89, at: \"08:30\", sent: win-back}\n  - {day: 89, held: again_after}\n";
    assert_eq!(project.failures("rule: win-back", &format!("{TWO_ORDERS}{early}")), Vec::<String>::new());
    let ended =
        "  - {day: 89, gets: win-back}\n  - {day: 95, sets: {plan: closed}}\n  - {day: 95, ends: goal_reached}\n";
    let failures = project.failures("rule: win-back", &format!("{TWO_ORDERS}{ended}"));
    assert_eq!(
        failures[0],
        "9 day 95, Fri 10 Apr 2026: ends: goal_reached | 10:00 held: again_after / 12:00 ends: stopped"
    );
}

#[test]
fn rows_say_who_is_let_in_and_when() {
    let rows = |rows: &str| -> Vec<String> {
        let text = format!("rule: win-back\ntests:\n- name: rows\n  each:\n{rows}");
        let report = Project::new().run(&text);
        report.cases.iter().map(|case| case.failures.first().map_or_else(|| "passed".to_owned(), line)).collect()
    };
    let right = "  - {orders: [0, 30], enters: true}
  - {orders: [0, 30], day: 100, enters: true}
  - {orders: [0, 30], day: 90, enters: false, because: days_since(orders.last_at) > 60}
  - {orders: [0, 30], holdout: true, held: holdout}
  - {orders: [0, 30], wholesale: true, enters: false, because: customer.wholesale}
  - {orders: [0, 0], day: 61, enters: true}
  - {orders: [0, 30], email: null, held: no_address}
  - {orders: [0, 30], email: null, day: 100, held: no_address}
";
    assert_eq!(rows(right), ["passed"; 8]);
    let wrong = "  - {orders: [0], enters: true}
  - {orders: [0, 30], enters: false}
  - {orders: [0, 30], held: no_consent}
  - {orders: [0, 30], consent: {offers: false}, day: 100, enters: true}
  - {orders: [0], enters: false, because: days_since(orders.last_at) > 60}
  - {orders: [0, 30], held: no_address}
";
    assert_eq!(
        rows(wrong),
        [
            "5 within 365 days: enters | stays out",
            "6 within 365 days: stays out | day 91, Mon 6 Apr 2026, 10:00 enters",
            "7 within 365 days: held: no_consent | day 91, Mon 6 Apr 2026, 10:00 enters",
            "8 day 100, Wed 15 Apr 2026: enters | day 100, Wed 15 Apr 2026, 10:00 held: no_consent",
            "9 within 365 days: stays out, because days_since(orders.last_at) > 60 | stays out, but not because of that \
             / on Sat 7 Mar 2026, 10:00 days_since(orders.last_at) > 60 is true: 61: last order 5 Jan",
            "10 within 365 days: held: no_address | day 91, Mon 6 Apr 2026, 10:00 enters",
        ]
    );
}

#[test]
fn nobody_is_kept_out_on_a_day_on_which_the_trigger_did_not_come() {
    let rows = |row: &str| -> Vec<String> {
        let text = format!("rule: weather\ntests:\n- name: rows\n  each:\n  - {row}\n");
        Project::new().run(&text).cases[0].failures.iter().map(line).collect()
    };
    assert_eq!(rows("{orders: [3], day: 3, enters: false}"), Vec::<String>::new(), "it came and was no match");
    assert_eq!(rows("{orders: [3], enters: false}"), Vec::<String>::new(), "no day is asked about");
    let never = "the trigger of weather did not come on this day / to test that it does not come, write a story with \
                 `gets: nothing` on that day";
    let expected = [format!("5 day 4, Fri 9 Jan 2026: stays out | {never}")];
    assert_eq!(rows("{orders: [3], day: 4, enters: false}"), expected);
}

#[test]
fn every_problem_of_a_file_is_told_with_its_place_and_what_to_write() {
    let text = r#"rule: win-bak
with: [wether]
customer: {id: 5, first_nam: Ana, tier: bronze, score: "7", birthday: soon, timezone: Africa/Nairoby, consent: {marketting: yes}}
tests:
- name: a
  starts: tomorrow
  story:
  - {day: 3, does: Order Complete}
  - {day: 2, does: Order Completed, revenu: 5, revenue: "5"}
  - {day: 4}
  - {day: 5, gets: nothing, at: "10:00"}
  - {day: 6, gets: win-back, sets: {plan: pro}}
  - {day: 7, held: capped}
  - {day: 8, ends: paused}
  - {dy: 8, sets: {plan: pro}}
  - {day: 9, at: 25:00, does: Order Completed}
- each:
  - {orders: [0, x], enters: true}
  - {orders: [0]}
  - {enters: true, held: no_consent}
- name: b
- name: c
  story: []
  each: []
"#;
    let (tests, problems) = Project::new().read(text);
    assert!(tests.is_none());
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn steps_and_lines_that_the_rule_does_not_have_are_told_with_the_nearest() {
    let text = "rule: win-back
tests:
- name: a
  story:
  - {day: 1, gets: win-bak}
  - {day: 2, gets: nothing, because: orders.count >= 3}
  - {day: 3, gets: win-back, because: orders.count >= 2}
  - {day: 4, gets: call, rule: weather}
  - {day: 5, gets: nothing, subject: x}
- name: b
  day: 5
  each:
  - {orders: [9], enters: true}
  - {enters: true, because: orders.count >= 2}
";
    let (_, problems) = Project::new().read(text);
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn tests_of_a_rule_with_an_error_are_read_as_far_as_they_can_be() {
    let text = "rule: broken\ntests:\n- name: a\n  story:\n  - {day: 1, gets: anything, because: x}\n";
    let (_, problems) = Project::new().read(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("contradiction"), "{problems:?}");
}
