//! What a plan tells beside whom a rule would reach, and plans of rules that are not in use yet.

use super::{Plan, Shop};
use crate::domain::{Reason, Span, Time};
use crate::http::{ChangeKind, FailureKind, PlanFile, PlanFiles, PlanReport, PlanRequest, RulePlan};

const GOLD: &str = "rule: gold
class: service
trigger: {schedule: \"0 10 * * *\"}
when:
- orders.count >= 1
- customer.tier == \"gold\" || days_until(customer.renews_on) < 30
again_after: 1d
steps:
- email: hello
";

const SERIES: &str = "rule: series
class: service
trigger: {schedule: \"0 10 * * *\"}
when: orders.count >= 1
again_after: never
steps:
- email: hello
- {id: second, day: 3, email: hello}
- {id: third, day: 9, email: hello}
while: orders.count < 3
";

async fn shop(rules: &[(&'static str, &str)]) -> Shop {
    let rules = rules.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    Shop::new(Plan { rules, ..Plan::default() }).await
}

async fn plan(shop: &Shop, files: Option<PlanFiles>) -> PlanReport {
    let request = PlanRequest { files, ..PlanRequest::default() };
    shop.operations().plan(request).await.unwrap()
}

fn of<'p>(report: &'p PlanReport, rule: &str) -> &'p RulePlan {
    report.rules.iter().find(|plan| plan.rule == rule).unwrap()
}

fn files(rules: &[(&str, &str)]) -> PlanFiles {
    let file = |(name, text): &(&str, &str)| PlanFile {
        path: format!("new/{name}.yaml"),
        text: Some((*text).to_owned()),
        error: None,
    };
    PlanFiles { rules: rules.iter().map(file).collect(), ..PlanFiles::default() }
}

#[tokio::test]
async fn what_cannot_be_told_is_told_by_what_was_never_set() {
    let shop = shop(&[("gold", GOLD)]).await;
    for id in ["ana", "ivan", "juma"] {
        shop.customer(id).await;
    }
    shop.arrive(vec![shop.profile("juma", &[("tier", "silver")], None)]).await;
    shop.arrive(vec![shop.profile("mia", &[("email", "mia@customers.example")], None)]).await;
    let report = plan(&shop, None).await;
    let gold = of(&report, "gold");
    assert_eq!((gold.evaluated, gold.matched, gold.unknown), (4, 0, 3), "who never ordered is known not to match");
    assert_eq!(gold.missing, [("customer.renews_on".into(), 3), ("customer.tier".into(), 2)].into());
}

#[tokio::test]
async fn the_usual_number_and_the_brake_stand_beside_the_deliveries() {
    let shop =
        shop(&[("gold", &GOLD.replace("- customer.tier == \"gold\" || days_until(customer.renews_on) < 30\n", ""))])
            .await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    let brake = of(&plan(&shop, None).await, "gold").brake.unwrap();
    assert_eq!((brake.limit, brake.before, brake.goes_off), (50, 0, false), "its first day");
    assert_eq!(of(&plan(&shop, None).await, "gold").usual, None);
    shop.fire().await;
    shop.pass(Span::hours(23)).await;
    let report = plan(&shop, None).await;
    assert_eq!(of(&report, "gold").brake.unwrap().before, 2);
    shop.pass(Span::hours(2)).await;
    shop.pass(Span::days(1)).await;
    let gold = plan(&shop, None).await;
    assert_eq!(of(&gold, "gold").usual, Some(2));
}

#[tokio::test]
async fn what_is_under_way_goes_on_or_ends_as_the_rules_asked_about_say() {
    let shop = shop(&[("series", SERIES)]).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.fire().await;
    shop.pass(Span::hours(1)).await;
    shop.arrive(vec![shop.order("ivan", "2")]).await;
    shop.settle().await;
    let report = plan(&shop, None).await;
    let series = of(&report, "series").under_way.clone().unwrap();
    assert_eq!((series.count, series.go_on, series.steps_waiting, series.steps_cancelled), (2, 2, 4, 0));
    assert_eq!(report.compared, None);
    // One step fewer, and who ordered twice is out.
    let other = SERIES.replace("- {id: third, day: 9, email: hello}\n", "").replace("< 3", "< 2");
    let report = plan(&shop, Some(files(&[("series", &other)]))).await;
    let series = of(&report, "series");
    let under_way = series.under_way.clone().unwrap();
    assert_eq!((under_way.count, under_way.go_on, under_way.end), (2, 1, [(Reason::Stopped, 1)].into()));
    assert_eq!((under_way.steps_waiting, under_way.steps_cancelled), (1, 3));
    let change = series.change.as_ref().unwrap();
    assert_eq!(change.kind, ChangeKind::Changed);
    assert_eq!(
        change.lines,
        ["- steps: {id: third, day: 9, email: hello}", "- while: orders.count < 3", "+ while: orders.count < 2",]
    );
    // And it comes to pass.
    shop.write("rules/series.yaml", &other);
    shop.operations().reload().await.unwrap();
    shop.settle().await;
    let series = of(&plan(&shop, None).await, "series").under_way.clone().unwrap();
    assert_eq!((series.count, series.go_on, series.steps_waiting), (1, 1, 1));
}

#[tokio::test]
async fn a_rule_that_is_gone_ends_what_it_had_under_way_and_cancels_what_is_queued() {
    let shop = shop(&[("series", SERIES), ("gold", GOLD)]).await;
    shop.customer("ana").await;
    shop.operations().pause().await.unwrap();
    shop.clock.advance(Span::seconds(30));
    shop.decided().await;
    let report = plan(&shop, Some(files(&[("gold", GOLD)]))).await;
    assert_eq!(report.rules.iter().map(|plan| plan.rule.as_str()).collect::<Vec<_>>(), ["gold", "series"]);
    let series = of(&report, "series");
    assert_eq!(series.change.as_ref().unwrap().kind, ChangeKind::Gone);
    let under_way = series.under_way.clone().unwrap();
    assert_eq!((under_way.end, under_way.steps_cancelled), ([(Reason::RuleRemoved, 1)].into(), 2));
    assert_eq!(under_way.deliveries_cancelled, 1);
    assert_eq!(of(&report, "gold").change.as_ref().unwrap().kind, ChangeKind::Unchanged);
    shop.remove("rules/series.yaml");
    shop.operations().reload().await.unwrap();
    let cancelled = shop.deliveries().await;
    assert_eq!(cancelled.iter().filter(|delivery| delivery.reason == Some(Reason::RuleRemoved)).count(), 1);
}

#[tokio::test]
async fn new_rules_are_planned_beside_the_live_ones_with_the_difference() {
    let shop = shop(&[("gold", GOLD), ("segments", "buyers: {when: orders.count >= 1}\n")]).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.arrive(vec![shop.profile("ivan", &[("tier", "gold")], None)]).await;
    let wide = GOLD.replace("\"gold\"", "\"gold\" || orders.count >= 1 # all");
    let fresh = SERIES.replace("when: orders.count >= 1", "when: 'in_segment(\"buyers\")'");
    let segments = "buyers: {when: orders.count >= 2}\n";
    let report = plan(&shop, Some(files(&[("gold", &wide), ("series", &fresh), ("segments", segments)]))).await;
    let gold = of(&report, "gold");
    assert_eq!((gold.matched, gold.unknown, gold.deliveries.email), (2, 0, 2));
    let live = gold.change.as_ref().unwrap().live.clone().unwrap();
    assert_eq!((live.matched, live.unknown, live.deliveries.email), (1, 1, 1));
    let series = of(&report, "series");
    let change = series.change.as_ref().unwrap();
    assert_eq!((change.kind, &change.live, series.matched), (ChangeKind::New, &None, 0));
    assert_eq!(change.lines[0], "+ rule: series");
    let compared = report.compared.clone().unwrap();
    assert_eq!((compared.segments, compared.rebuilt), ([("buyers".into(), ChangeKind::Changed)].into(), false));
    // The same text, of which a segment means something else.
    shop.write("rules/series.yaml", &fresh);
    shop.operations().reload().await.unwrap();
    let report = plan(&shop, Some(files(&[("gold", GOLD), ("series", &fresh), ("segments", segments)]))).await;
    let change = of(&report, "series").change.clone().unwrap();
    assert_eq!((change.kind, change.live.unwrap().matched), (ChangeKind::Changed, 2));
    assert_eq!(change.lines, ["~ the segment `buyers` means something else"]);
}

#[tokio::test]
async fn rules_that_name_what_the_live_ones_do_not_are_counted_anew_and_rightly() {
    let shop = shop(&[("gold", GOLD)]).await;
    for id in ["ana", "ivan"] {
        shop.customer(id).await;
    }
    shop.arrive(vec![shop.order("ana", "2"), shop.order("ana", "3")]).await;
    let other = GOLD
        .replace("orders.count >= 1", "sum(\"Order Completed\", \"revenue\", days(30)) >= 30")
        .replace("- customer.tier == \"gold\" || days_until(customer.renews_on) < 30\n", "");
    let report = plan(&shop, Some(files(&[("gold", &other)]))).await;
    assert!(report.compared.as_ref().unwrap().rebuilt);
    assert_eq!(of(&report, "gold").matched, 1);
    // Once it is live, another window needs no counting.
    shop.write("rules/gold.yaml", &other);
    shop.operations().reload().await.unwrap();
    let report = plan(&shop, Some(files(&[("gold", &other.replace("days(30)", "days(60)"))]))).await;
    assert!(!report.compared.as_ref().unwrap().rebuilt);
    assert_eq!(of(&report, "gold").matched, 1);
}

#[tokio::test]
async fn files_with_errors_are_refused_with_their_places() {
    let shop = shop(&[("gold", GOLD)]).await;
    let request = PlanRequest {
        files: Some(files(&[("gold", &GOLD.replace("customer.tier", "customer.teir"))])),
        ..PlanRequest::default()
    };
    let failure = shop.operations().plan(request).await.unwrap_err();
    assert_eq!((failure.kind, failure.diagnostics.len()), (FailureKind::Rules, 1));
    let problem = &failure.diagnostics[0];
    assert_eq!((problem.file.as_str(), problem.line, problem.column), ("new/gold.yaml", 6, 12));
    let unknown =
        PlanRequest { rule: Some("none".into()), files: Some(files(&[("gold", GOLD)])), ..PlanRequest::default() };
    assert_eq!(shop.operations().plan(unknown).await.unwrap_err().message, "no rule \"none\"");
}

#[tokio::test]
async fn templates_and_a_schema_that_come_with_the_rules_are_theirs() {
    let shop = shop(&[("gold", GOLD)]).await;
    shop.customer("ana").await;
    let text =
        GOLD.replace("customer.tier == \"gold\"", "customer.wholesale == false").replace("email: hello", "email: new");
    let file = |path: &str, text: &str| PlanFile { path: path.into(), text: Some(text.into()), error: None };
    let with = |schema: &str, template: &str| PlanFiles {
        rules: vec![file("new/rules/gold.yaml", &text)],
        templates: Some(vec![file("new/templates/new/en.md", template)]),
        schema: Some(file("new/schema.yaml", schema)),
    };
    let schema = "customer: {renews_on: date, wholesale: {type: boolean, default: false}}\n";
    let letter = "---\nsubject: Hello\n---\nHello {{ customer.first_name or 'you' }}.\n";
    let report = plan(&shop, Some(with(schema, letter))).await;
    assert_eq!((of(&report, "gold").matched, of(&report, "gold").deliveries.email), (1, 1));
    let broken = PlanRequest {
        files: Some(with(schema, "---\nsubject: {{ customer.shoe }}\n---\nx\n")),
        ..PlanRequest::default()
    };
    let failure = shop.operations().plan(broken).await.unwrap_err();
    assert!(failure.diagnostics.iter().all(|problem| problem.file == "new/templates/new/en.md"), "{failure:?}");
}

#[tokio::test]
async fn a_rule_changes_with_the_schema_and_the_templates_that_it_goes_by() {
    let other = SERIES.replace("orders.count >= 1", "orders.count >= 2");
    let shop = shop(&[("gold", GOLD), ("series", &other), ("thanks", THANKS)]).await;
    let file = |path: &str, text: &str| PlanFile { path: path.into(), text: Some(text.into()), error: None };
    let rules = [("gold", GOLD), ("series", other.as_str()), ("thanks", THANKS)];
    let with = |schema: Option<&str>, templates: Option<&[(&str, &str)]>| PlanFiles {
        templates: templates.map(|files| files.iter().map(|(path, text)| file(path, text)).collect()),
        schema: schema.map(|text| file("new/schema.yaml", text)),
        ..files(&rules)
    };
    let told = async |files| {
        let report = plan(&shop, Some(files)).await;
        let of = |rule: &RulePlan| rule.change.clone().unwrap();
        report.rules.iter().map(of).map(|change| (change.kind, change.lines)).collect::<Vec<_>>()
    };
    let unchanged = || (ChangeKind::Unchanged, Vec::new());
    let changed = |line: &str| (ChangeKind::Changed, vec![line.to_owned()]);
    let live = "customer: {tier: string, renews_on: date}\n";
    let letter = "---\nsubject: Hello {{ customer.first_name or 'you' }}\n---\nHello.\n";
    let same = with(Some(live), Some(&[("new/templates/hello/en.md", letter)]));
    assert_eq!(told(same).await, [unchanged(), unchanged(), unchanged()]);
    // An attribute that only one of them names.
    let schema = "customer: {tier: {type: string, default: gold}, renews_on: date, shoe: number}\n";
    let tier = "~ schema: customer.tier is declared otherwise";
    assert_eq!(told(with(Some(schema), None)).await, [changed(tier), unchanged(), unchanged()]);
    let reworded = letter.replace("\nHello.", "\nHello again.");
    let said = "~ template hello: says something else (en)";
    let template = with(None, Some(&[("new/templates/hello/en.md", &reworded)]));
    assert_eq!(told(template).await, [changed(said), changed(said), changed(said)]);
    let more = [("new/templates/hello/en.md", letter), ("new/templates/hello/hr.md", letter)];
    let said = "~ template hello: says something else (hr)";
    assert_eq!(told(with(None, Some(&more))).await, [changed(said), changed(said), changed(said)]);
}

const RENEWS: &str = "rule: renews
class: service
trigger: {date: renews_on, at: \"07:00\"}
when: everyone
again_after: 0d
steps:
- {id: early, day: -1, email: hello}
- {id: then, day: 0, webhook: {to: crm, type: customer.renews}}
";

const THANKS: &str = "rule: thanks
class: service
trigger: {event: Order Completed}
when: everyone
again_after: 0d
steps:
- email: hello
";

#[tokio::test]
async fn what_has_begun_is_not_enrolled_again_and_its_steps_of_the_day_are_deliveries() {
    let shop = shop(&[("renews", RENEWS), ("thanks", THANKS)]).await;
    shop.pass(Span::minutes(1)).await;
    shop.customer("ana").await;
    shop.arrive(vec![shop.profile("ana", &[("renews_on", "2026-03-12")], None)]).await;
    shop.settle().await;
    let at = |text: &str| Some(text.parse::<Time>().unwrap());
    let planned = async |at: Option<Time>| {
        let request = PlanRequest { at: at.map(Into::into), ..PlanRequest::default() };
        shop.operations().plan(request).await.unwrap()
    };
    let again = |count| [(Reason::AgainAfter, count)].into();
    let report = planned(None).await;
    let thanks = of(&report, "thanks");
    assert_eq!((thanks.matched, thanks.enroll, thanks.deliveries.email, &thanks.hold), (1, 0, 0, &again(1)));
    // On the eve the plan is that she begins.
    let report = planned(at("2026-03-11T06:00:00Z")).await;
    let renews = of(&report, "renews");
    assert_eq!((renews.enroll, renews.deliveries.email, renews.deliveries.webhook), (1, 1, 0));
    shop.clock.set(at("2026-03-11T07:00:01Z").unwrap());
    shop.settle().await;
    let report = planned(None).await;
    let renews = of(&report, "renews");
    assert_eq!((renews.matched, renews.enroll, renews.deliveries.email, &renews.hold), (1, 0, 0, &again(1)));
    let report = planned(at("2026-03-12T06:00:00Z")).await;
    let renews = of(&report, "renews");
    assert_eq!((renews.matched, renews.enroll, renews.deliveries.email, renews.deliveries.webhook), (1, 0, 0, 1));
    assert!(renews.hold.is_empty(), "{:?}", renews.hold);
}
