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
    insta::assert_snapshot!(text::draw(&rules()), @r#"
    hello  (marketing, offers; rules/hello.yaml:1)
      starts  by the schedule "0 10 * * *", on the customer's clock
      asks    who is in the segment big (when)
      asks    whether thanks was sent (when)
      asks    who is in the segment vip (when of why)
      sends   at once        e-mail hello
              after 10 days  e-mail why, if its own condition holds
      hopes   for "Order Completed" within 30d
      is seen by the segment idle, which asks whether it was sent (its when)

    thanks  (service; rules/thanks.yaml:1)
      starts  when "Order Completed" happens, 1d later, once per order_id
      sends   at once  webhook customer.thanks to crm
      is seen by hello, which asks whether it was sent (when)

    welcome  (service; rules/welcome.yaml:1)
      starts  when a customer enters the segment vip
      sends   at once  e-mail hello

    wish  (service; rules/wish.yaml:1)
      starts  by the customer's birthday, at 09:00, every year
      sends   1 day before   e-mail hello
              on the day     e-mail hello
              5 hours after  e-mail why

    segments
      big  feeds the segment vip (its when), hello (when)
      vip  feeds welcome (starts when a customer enters it), hello (when of why); asks who is in the segment big
      idle  feeds nothing; asks whether hello was sent
    "#);
}

#[test]
fn nothing_is_said_of_no_rules() {
    assert_eq!(text::draw(&RuleSet::default()), "no rules");
}

#[test]
fn the_diagram_has_every_node_once_and_quotes_its_labels() {
    insta::assert_snapshot!(mermaid::draw(&Graph::of(&rules())), @r#"
    flowchart LR
      n0{{"segment big"}}
      n1{{"segment vip"}}
      n2{{"segment idle"}}
      n3[["hello"]]
      n4(["0 10 * * * on the customer's clock"])
      n5[["thanks"]]
      n6["hello"]
      n7[/"e-mail hello"/]
      n8["why"]
      n9[/"e-mail why"/]
      n10(["event Order Completed"])
      n11["customer.thanks"]
      n12[/"endpoint crm"/]
      n13[["welcome"]]
      n14["hello"]
      n15[["wish"]]
      n16(["date birthday"])
      n17["eve"]
      n18["day"]
      n19["why"]
      n0 --> n1
      n3 -.->|"sent?"| n2
      n4 --> n3
      n0 -->|"when"| n3
      n5 -.->|"sent? (when)"| n3
      n1 -->|"when of why"| n3
      n3 -->|"at once"| n6
      n6 --> n7
      n3 -->|"after 10 days"| n8
      n8 --> n9
      n3 -.->|"goal, within 30d"| n10
      n10 -->|"1d later, once per order_id"| n5
      n5 -->|"at once"| n11
      n11 -->|"customer.thanks"| n12
      n1 -->|"enters"| n13
      n13 -->|"at once"| n14
      n14 --> n7
      n16 -->|"at 09:00, every year"| n15
      n15 -->|"1 day before"| n17
      n17 --> n7
      n15 -->|"on the day"| n18
      n18 --> n7
      n15 -->|"5 hours after"| n19
      n19 --> n9
    "#);
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
        serde_json::json!({"from": "event:Order Completed", "to": "rule:thanks", "kind": "starts", "text": "1d later, once per order_id"}),
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
