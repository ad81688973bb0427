mod acting;
mod broken;
mod segments;

use super::{Action, AgainAfter, Names, Offset, PauseIf, RuleSet, SourceFile, TriggerZone, compile};
use crate::condition::{Facts, Truth};
use crate::domain::{Attribute, Class, Customer, Diagnostic, EXPIRES_AFTER, Schema, Span, Time, Value, ValueType};
use crate::yaml::Kind;
use jiff::tz::TimeZone;
use std::path::PathBuf;

const GOOD: &str = "rule: a
class: marketing
topic: offers
trigger: {schedule: \"0 10 * * *\", timezone: customer}
when: orders.count >= 2
again_after: 180d
steps:
  - email: win-back
";

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: PathBuf::from(path), content: Ok(text.as_bytes().to_vec()) }
}

/// As [`whole`], without the warning of marketing rules that have no goal, which few of these have.
fn compiled(files: &[SourceFile], can_mail: bool) -> (RuleSet, Vec<Diagnostic>) {
    let (set, mut problems) = whole(files, can_mail);
    problems.retain(|problem| problem.code != "no-goal");
    (set, problems)
}

/// Compiles in a project with one topic, one endpoint, two templates, the attributes `tier` and `birthday`, and the event
/// `Ticket Solved`.
fn whole(files: &[SourceFile], can_mail: bool) -> (RuleSet, Vec<Diagnostic>) {
    let mut schema = Schema::default();
    schema.customer.insert("tier".into(), Attribute::of(ValueType::Text));
    schema.customer.insert("birthday".into(), Attribute::of(ValueType::Date));
    let ticket = [("rating".to_owned(), ValueType::Text), ("tags".to_owned(), ValueType::List)];
    schema.events.insert("Ticket Solved".into(), ticket.into());
    let names = Names {
        schema: &schema,
        topics: &[("offers".to_owned(), "Offers and news".to_owned())].into(),
        endpoints: &["crm".to_owned()].into(),
        templates: &["win-back".to_owned(), "win-back-why".to_owned()].into(),
        business_zone: &TimeZone::UTC,
        can_mail,
    };
    compile(files, &names)
}

fn problems(files: &[SourceFile]) -> Vec<String> {
    compiled(files, true).1.iter().map(Diagnostic::to_string).collect()
}

fn good(text: &str) -> RuleSet {
    let (set, problems) = compiled(&[file("rules/a.yaml", text)], true);
    assert!(!problems.iter().any(Diagnostic::is_error), "{text}: {problems:?}");
    set
}

#[test]
fn every_problem_of_a_broken_rule_is_told_with_its_place() {
    for (part, instead, expected) in broken::PARTS {
        assert!(GOOD.contains(part), "{part}");
        let text = GOOD.replace(part, instead);
        assert_eq!(problems(&[file("rules/a.yaml", &text)]), *expected, "{text}");
    }
    for (text, expected) in broken::FILES {
        assert_eq!(problems(&[file("rules/a.yaml", text)]), *expected, "{text}");
    }
}

#[test]
fn a_marketing_rule_wants_a_goal_and_a_service_rule_no_purchase() {
    let told = |text: &str| -> Vec<String> {
        whole(&[file("rules/a.yaml", text)], true).1.iter().map(Diagnostic::to_string).collect()
    };
    let goal = |event: &str| format!("{GOOD}goal: {{event: {event}, within: 30d}}\n");
    let service = |text: &str| text.replace("class: marketing", "class: service");
    let no_goal = "rules/a.yaml:2:8: warning[no-goal]: a marketing rule without a goal: nobody will see what it is worth; help: add a line: `goal: {event: Order Completed, within: 30d}`";
    let service_goal = "rules/a.yaml:9:15: warning[service-goal]: a rule that is meant to bring a purchase is marketing, and this one is `class: service`; help: write `class: marketing`, so that consent, caps and quiet hours are obeyed, or another goal";
    assert_eq!(told(GOOD), [no_goal]);
    assert_eq!(told(&service(GOOD)), [""; 0]);
    assert_eq!(told(&goal("Order Completed")), [""; 0]);
    assert_eq!(told(&service(&goal("Order Completed"))), [service_goal]);
    assert_eq!(told(&service(&goal("Ticket Solved"))), [""; 0]);
}

#[test]
fn one_broken_file_does_not_hide_the_others() {
    let files = [
        file("rules/gone.yaml", ""),
        SourceFile { path: "rules/dir.yaml".into(), content: Err("it is a folder".into()) },
        file("rules/a.yaml", GOOD),
        file("rules/b.yaml", "rule: b\nclass: x\n"),
        file("rules/c.yaml", &GOOD.replace("win-back", "nothing")),
        file("rules/big.yaml", &"#".repeat(2 << 20)),
    ];
    let (set, problems) = compiled(&files, true);
    assert_eq!(set.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["a"]);
    let first: Vec<String> = problems.iter().map(|problem| problem.place.file.display().to_string()).collect();
    for name in ["gone", "dir", "b", "c", "big"] {
        assert!(first.contains(&format!("rules/{name}.yaml")), "{name}");
    }
    assert_eq!(
        problems[1].to_string(),
        "rules/dir.yaml:1:1: error[unreadable]: the file cannot be read: it is a folder; help: write it as a plain file that the daemon's user may read, or remove it"
    );
}

#[test]
fn two_rules_of_one_name_are_refused() {
    let text = GOOD;
    assert_eq!(
        problems(&[file("rules/a.yaml", text), file("rules/more/a.yaml", text)]),
        [
            "rules/more/a.yaml:1:7: error[duplicate-rule]: the rule `a` stands in rules/a.yaml too; help: rename one of the two"
        ]
    );
}

#[test]
fn a_name_that_is_taken_is_told_beside_all_else_that_is_wrong_with_the_file() {
    let copy = GOOD.replace("again_after: 180d\n", "");
    let codes: Vec<&str> = compiled(&[file("rules/a.yaml", GOOD), file("rules/b.yaml", &copy)], true)
        .1
        .iter()
        .map(|problem| problem.code)
        .collect();
    assert_eq!(codes, ["missing-key", "file-name", "duplicate-rule"]);
}

#[test]
fn tests_of_rules_are_passed_over() {
    let (set, problems) = compiled(&[file("rules/a.yaml", GOOD), file("rules/a.test.yaml", "x")], true);
    assert_eq!((set.rules.len(), problems), (1, Vec::new()));
}

#[test]
fn a_mail_without_a_sender_is_refused() {
    let (set, problems) = compiled(&[file("rules/a.yaml", GOOD)], false);
    assert!(set.rules.is_empty());
    assert_eq!(
        problems[0].to_string(),
        "rules/a.yaml:8:12: error[missing-setting]: this step sends mail, but the settings have no `email.from`; help: write into retaind.yaml: `email: {from: hello@shop.example}`"
    );
}

#[test]
fn every_key_of_a_rule_is_read() {
    let set = good(
        "# a comment\nrule: a\ndescription: Why.\nclass: marketing\ntopic: offers\ntrigger: {schedule: \"30 9 * * MON\", timezone: africa/nairobi}\nwhen: everyone\nagain_after: never\npriority: -3\nholdout: 2.5%\npause_if: {more_than: 200, per: 1d}\nsteps:\n  - {email: win-back, expires: 12h}\n  - {id: tell, when: orders.count > 3, webhook: {to: crm, type: customer.at_risk, data: {id: \"{{ customer.id }}\"}}}\n  - webhook: {to: crm, type: customer.seen}\n",
    );
    let rule = set.get("a").unwrap();
    assert_eq!((rule.file.to_str(), rule.line), (Some("rules/a.yaml"), 2));
    assert_eq!(
        (rule.description.as_str(), rule.class, rule.topic.as_deref()),
        ("Why.", Class::Marketing, Some("offers"))
    );
    assert_eq!(rule.trigger.text(), "schedule 30 9 * * MON Africa/Nairobi");
    assert_eq!((rule.again_after, rule.priority, rule.holdout), (AgainAfter::Never, -3, 250));
    assert_eq!(rule.pause_if, Some(PauseIf { more_than: 200, per: Span::days(1) }));
    let ids: Vec<_> = rule.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["win-back", "tell", "customer.seen"]);
    assert_eq!(rule.steps[0].expires, Span::hours(12));
    assert_eq!(rule.steps[1].expires, EXPIRES_AFTER);
    assert!(rule.steps[1].when.is_some() && rule.steps[2].when.is_none());
    let Action::Webhook { to, kind, data, document } = &rule.steps[1].action else { panic!("a webhook") };
    assert_eq!((to.as_str(), kind.as_str()), ("crm", "customer.at_risk"));
    assert_eq!(data.get("id").and_then(|node| node.as_text()), Some("{{ customer.id }}"));
    assert_eq!(&document.text[data.get("id").unwrap().span.clone()], "\"{{ customer.id }}\"");
    let Action::Webhook { data, .. } = &rule.steps[2].action else { panic!("a webhook") };
    assert_eq!(data.kind, Kind::Map(Vec::new()));
}

#[test]
fn what_a_rule_does_not_say_has_its_default() {
    let set = good(&GOOD.replace(", timezone: customer", "").replace("topic: offers\n", ""));
    let rule = set.get("a").unwrap();
    let super::Trigger::Schedule { zone, .. } = &rule.trigger else { panic!("a schedule") };
    assert_eq!(zone, &TriggerZone::Business);
    assert_eq!((rule.priority, rule.holdout, rule.pause_if), (50, 0, None));
    assert_eq!((rule.topic.as_deref(), rule.description.as_str()), (None, ""));
    assert_eq!(rule.again_after, AgainAfter::After(Span::days(180)));
}

#[test]
fn a_service_rule_may_have_a_topic() {
    assert_eq!(good(&GOOD.replace("marketing", "service")).rules[0].class, Class::Service);
}

#[test]
fn rules_come_by_priority_and_then_by_name() {
    let rule = |name: &str, priority: i64| {
        let text = GOOD.replace("rule: a\n", &format!("rule: {name}\npriority: {priority}\n"));
        file(&format!("rules/{name}.yaml"), &text)
    };
    let (set, _) = compiled(&[rule("c", 9), rule("a", 1), rule("b", 9), rule("d", 70)], true);
    assert_eq!(set.rules.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["d", "b", "c", "a"]);
}

#[test]
fn the_set_says_what_has_to_be_kept_of_events() {
    let set = good(&GOOD.replace(
        "  - email: win-back\n",
        "  - email: win-back\n    when: count(\"Order Completed\", days(30)) == 0\n",
    ));
    assert_eq!(set.interest.events["Order Completed"].longest_window, Some(Span::days(30)));
}

/// What a `when` makes of a customer with so many orders, of this country and tier.
fn judged(when: &str, country: &str, tier: Option<&str>) -> Truth {
    let set = good(&GOOD.replace("when: orders.count >= 2", when));
    let mut customer = Customer::new("1", Time(0));
    customer.attributes.insert("country".into(), Value::Text(country.into()));
    if let Some(tier) = tier {
        customer.attributes.insert("tier".into(), Value::Text(tier.into()));
    }
    set.rules[0].when.evaluate(&Facts { customer: &customer, now: Time(0), zone: &TimeZone::UTC, entry: None })
}

#[test]
fn every_form_of_when_means_what_it_says() {
    let kenya = "'customer.country == \"KE\"'";
    let gold = "'customer.tier == \"gold\"'";
    let list = format!("when:\n  - {kenya}\n  - {gold}");
    assert_eq!(judged(&list, "KE", Some("gold")), Truth::True);
    assert_eq!(judged(&list, "HR", Some("gold")), Truth::False);
    assert_eq!(judged(&list, "KE", None), Truth::Unknown);
    let any = format!("when:\n  any: [{kenya}, {gold}]");
    assert_eq!(judged(&any, "KE", None), Truth::True);
    assert_eq!(judged(&any, "HR", None), Truth::Unknown);
    let none = format!("when:\n  - everyone\n  - none: [{kenya}]\n  - all: {gold}");
    assert_eq!(judged(&none, "HR", Some("gold")), Truth::True);
    assert_eq!(judged(&none, "KE", Some("gold")), Truth::False);
    let both = format!("when: {{any: [{kenya}, {gold}], none: [{gold}]}}");
    assert_eq!(judged(&both, "KE", Some("silver")), Truth::True);
    assert_eq!(judged(&both, "KE", Some("gold")), Truth::False);
    assert_eq!(judged("when: everyone", "KE", None), Truth::True);
    let nested = format!("when: {{any: [{{none: [{kenya}]}}, {{all: [{gold}]}}]}}");
    assert_eq!(judged(&nested, "KE", Some("gold")), Truth::True);
    assert_eq!(judged(&nested, "KE", Some("silver")), Truth::False);
}

#[test]
fn two_slashes_in_a_string_are_no_comment() {
    assert_eq!(judged("when: >\n  customer.country ==\n  \"http://x\"", "http://x", None), Truth::True);
}

#[test]
fn a_rule_of_endless_conditions_or_steps_is_refused_at_once() {
    let conditions = "  - orders.count > 1\n".repeat(20_000);
    let text = GOOD.replace(" orders.count >= 2", &format!("\n{}", conditions.trim_end()));
    assert!(problems(&[file("rules/a.yaml", &text)])[0].contains("error[too-large]: `when` has 20000 conditions"));
    let text = format!("{GOOD}{}", "  - email: win-back\n".repeat(20_000));
    assert!(problems(&[file("rules/a.yaml", &text)])[0].contains("error[too-large]: `steps` has 20001 entries"));
}

#[test]
fn the_shipped_project_has_no_problem() {
    let file = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let bytes = |name: &str| std::fs::read(file(name)).unwrap();
    let listed = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(file(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let base = file("");
    let (settings, found) = crate::config::read_settings("retaind.yaml".as_ref(), &bytes("retaind.yaml"), &base);
    assert_eq!(found, []);
    let settings = settings.unwrap();
    let (schema, found) = crate::config::read_schema("schema.yaml".as_ref(), &bytes("schema.yaml"), &settings);
    assert_eq!(found, []);
    let templates = listed("templates").into_iter().collect();
    let names = Names {
        schema: &schema,
        topics: &settings.topics,
        endpoints: settings.endpoint_names(),
        templates: &templates,
        business_zone: &settings.business.timezone,
        can_mail: settings.can_mail(),
    };
    let rule = |name: &String| SourceFile {
        path: format!("rules/{name}").into(),
        content: Ok(bytes(&format!("rules/{name}"))),
    };
    let (set, found) = compile(&listed("rules").iter().map(rule).collect::<Vec<_>>(), &names);
    assert_eq!(found, []);
    let triggers: Vec<String> = set.rules.iter().map(|rule| format!("{}: {}", rule.id, rule.trigger.text())).collect();
    let expected = [
        "birthday: date birthday 09:00:00 true",
        "welcome: event \"Signed Up\" 0ms \"\"",
        "first-to-second: event \"Order Completed\" 0ms \"order_id\"",
        "membership-renewal: date membership_ends_on 09:00:00 false",
        "win-back: schedule 0 10 * * * customer",
    ];
    assert_eq!(triggers, expected);
    let days: Vec<_> = set.get("membership-renewal").unwrap().steps.iter().map(|step| step.offset).collect();
    assert_eq!(days, [-90, -60, -30, -7, 0, 15].map(Offset::Days));
}

#[test]
fn a_name_that_is_not_in_kebab_case_is_never_advised() {
    let told = |rule: &str| {
        let text = GOOD.replace("rule: a\n", &format!("rule: {rule}\n"));
        problems(&[file("rules/Win_Back.yaml", &text)])
    };
    assert_eq!(
        told("win-back"),
        [
            "rules/Win_Back.yaml:1:7: error[file-name]: the rule is `win-back`, but its file is `Win_Back`; help: rename the file to win-back.yaml"
        ]
    );
    assert_eq!(
        told("Win_Back"),
        [
            "rules/Win_Back.yaml:1:7: error[bad-name]: `Win_Back` is not kebab-case; help: use small letters, digits and single hyphens, and begin with a letter: win-back; rename the file in the same way"
        ]
    );
}

#[test]
fn a_key_that_stands_twice_does_not_hide_the_rest_of_the_rule() {
    let text = GOOD.replace("rule: a\n", "rule: a\nrule: b\nprioritty: 5\n").replace("orders.count", "orders.cuont");
    let (set, found) = compiled(&[file("rules/a.yaml", &text)], true);
    let codes: Vec<_> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["duplicate-key", "unknown-key", "unknown-name"]);
    assert!(set.rules.is_empty());
}
