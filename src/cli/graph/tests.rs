//! The three forms of one set of rules.

use super::{Graph, mermaid, text};
use crate::config::{read_schema, read_settings};
use crate::rules::{Names, RuleSet, SourceFile, compile};
use std::path::Path;

const RULES: &[(&str, &str)] = &[
    (
        "segments",
        "big: {when: orders.revenue > 1000}\nvip: {description: The best., when: 'in_segment(\"big\") && orders.count > 5'}\nidle: {when: 'sent(\"hello\")'}\n",
    ),
    (
        "hello",
        "rule: hello\nclass: marketing\ntopic: offers\ntrigger: {schedule: \"0 10 * * *\", timezone: customer}\nwhen:\n  - in_segment(\"big\")\n  - none: ['sent(\"thanks\", days(30))']\nagain_after: never\nsteps:\n  - email: hello\n  - {day: 10, email: why, when: in_segment(\"vip\")}\ngoal: {event: Order Completed, within: 30d}\n",
    ),
    (
        "thanks",
        "rule: thanks\nclass: service\ntrigger: {event: Order Completed, delay: 24h, once_per: order_id}\nwhen: everyone\nagain_after: never\nsteps:\n  - {webhook: {to: crm, type: customer.thanks}}\n",
    ),
    (
        "wish",
        "rule: wish\nclass: service\ntrigger: {date: birthday, at: \"09:00\", repeat: yearly}\nwhen: everyone\nsteps:\n  - {day: -1, email: hello, id: eve}\n  - {day: 0, email: hello, id: day}\n  - {hour: 5, email: why}\n",
    ),
    (
        "welcome",
        "rule: welcome\nclass: service\ntrigger: {enters: vip}\nwhen: everyone\nagain_after: never\nsteps: [{email: hello}]\n",
    ),
];

fn rules() -> RuleSet {
    let settings = "topics: {offers: Offers}\nemail: {from: a@b.example}\nendpoints: {crm: {url: \"https://crm.example/\", secret: {env: A}}}\n";
    let (settings, _) = read_settings(Path::new("retaind.yaml"), settings.as_bytes(), Path::new("."));
    let settings = settings.unwrap();
    let schema =
        "customer: {birthday: date}\nevents:\n  Order Completed: {order_id: string, revenue: number}\n".as_bytes();
    let (schema, problems) = read_schema(Path::new("schema.yaml"), schema, &settings);
    assert_eq!(problems, []);
    let files: Vec<SourceFile> = RULES
        .iter()
        .map(|(name, text)| SourceFile { path: format!("rules/{name}.yaml").into(), content: Ok((*text).into()) })
        .collect();
    let templates = ["hello", "why"].map(String::from).into();
    let names = Names {
        schema: &schema,
        topics: &settings.topics,
        endpoints: settings.endpoint_names(),
        templates: &templates,
        business_zone: &settings.business.timezone,
        can_mail: true,
    };
    let (rules, problems) = compile(&files, &names);
    assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:#?}");
    rules
}

#[test]
fn a_shopkeeper_reads_what_starts_each_rule_and_what_it_does() {
    insta::assert_snapshot!(text::draw(&rules()), @"");
}

#[test]
fn nothing_is_said_of_no_rules() {
    assert_eq!(text::draw(&RuleSet::default()), "no rules");
}

#[test]
fn the_diagram_has_every_node_once_and_quotes_its_labels() {
    insta::assert_snapshot!(mermaid::draw(&Graph::of(&rules())), @"");
}

#[test]
fn programs_get_nodes_and_edges_whose_ends_are_nodes() {
    let graph = Graph::of(&rules());
    let mut ids: Vec<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "a node stands twice");
    assert!(graph.edges.iter().all(|edge| ids.contains(&edge.from.as_str()) && ids.contains(&edge.to.as_str())));
    let json = serde_json::to_value(&graph).unwrap();
    let has = |edge: serde_json::Value| json["edges"].as_array().unwrap().contains(&edge);
    for edge in [
        serde_json::json!({"from": "event:Order Completed", "to": "rule:thanks", "kind": "starts", "text": "24h later, once per order_id"}),
        serde_json::json!({"from": "segment:vip", "to": "rule:welcome", "kind": "starts", "text": "enters"}),
        serde_json::json!({"from": "segment:vip", "to": "rule:hello", "kind": "feeds", "text": "when of why"}),
        serde_json::json!({"from": "segment:big", "to": "segment:vip", "kind": "feeds"}),
        serde_json::json!({"from": "rule:thanks", "to": "rule:hello", "kind": "sent", "text": "when"}),
        serde_json::json!({"from": "rule:hello", "to": "event:Order Completed", "kind": "goal", "text": "within 30d"}),
        serde_json::json!({"from": "rule:thanks", "to": "step:thanks/customer.thanks", "kind": "does", "text": "at once"}),
        serde_json::json!({"from": "step:thanks/customer.thanks", "to": "endpoint:crm", "kind": "calls", "text": "customer.thanks"}),
        serde_json::json!({"from": "step:wish/eve", "to": "template:hello", "kind": "sends"}),
    ] {
        assert!(has(edge.clone()), "{edge} is not in {json:#}");
    }
    // `vip` names `big`, and `hello` asks for `vip` in a step: that makes `big` no part of the step's condition.
    let through =
        serde_json::json!({"from": "segment:big", "to": "rule:hello", "kind": "feeds", "text": "when of why"});
    assert!(!has(through));
}
