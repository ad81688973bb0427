//! The daemon on small made-up projects, with a mail server and a webhook receiver on loopback as the world.

use crate::project::Project;
use crate::world::{Hook, Mail, Mailbox, Receiver};
use serde_json::Value;
use std::collections::BTreeSet;

const SCHEMA: &str = "customer:\n  tier: {type: string, one_of: [gold, plain]}\n";

/// A mail and a call for each gold customer who consented; marketing.
const HELLO: &str = r#"rule: hello
description: Greet the best customers.
class: marketing
trigger: {schedule: "*/2 * * * * *"}
when: customer.tier == "gold"
again_after: never
steps:
  - {id: letter, email: hello}
  - {id: crm, webhook: {to: crm, type: customer.hello, data: {id: "{{ customer.id }}", orders: "{{ orders.count }}"}}}
goal: {event: Order Completed, within: 1d}
"#;

/// A call for every customer; service.
const NOTE: &str = r#"rule: note
class: service
trigger: {schedule: "*/2 * * * * *"}
when: everyone
again_after: never
steps:
  - {id: crm, webhook: {to: crm, type: customer.note, data: {id: "{{ customer.id }}"}}}
"#;

const TEMPLATE: &str =
    "---\nsubject: \"{{ customer.first_name or 'Hello' }}, a word\"\n---\nYou bought {{ orders.count }} times.\n";

/// A project, and the world that it sends to.
struct Shop {
    project: Project,
    mailbox: Mailbox,
    receiver: Receiver,
}

impl Shop {
    /// With both rules and no customers.
    fn new() -> Self {
        let (project, mailbox, receiver) = (Project::new(), Mailbox::open(), Receiver::open());
        let settings = format!(
            r#"
business: {{name: Shop, address: "1 Main Street", timezone: UTC}}
email: {{from: Shop <hello@shop.test>, transport: "smtp://{}", tls: none, connections: 2}}
endpoints:
  crm: {{url: "http://{}/hook", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}
frequency_caps: {{marketing: []}}
quiet_hours: {{from: "00:00", to: "00:00"}}
"#,
            mailbox.address, receiver.address
        );
        project.write("retaind.yaml", &settings).write("schema.yaml", SCHEMA).write("crm.secret", &receiver.secret());
        project
            .write("rules/hello.yaml", HELLO)
            .write("rules/note.yaml", NOTE)
            .write("templates/hello/en.md", TEMPLATE);
        Self { project, mailbox, receiver }
    }

    /// With these customers, each `(id, tier, consent)`.
    fn with(customers: &[(&str, &str, bool)]) -> Self {
        let shop = Self::new();
        shop.import(customers);
        shop
    }

    fn import(&self, customers: &[(&str, &str, bool)]) {
        let rows = customers.iter().map(|(id, tier, consent)| format!("{id},{},Ana,{tier},{consent}\n", address(id)));
        let text = "id,email,first_name,tier,consent.marketing\n".to_owned() + &rows.collect::<String>();
        self.project.write("new.csv", &text).run(&["import", "customers", "new.csv"]).exits(0);
    }

    fn deliveries(&self, more: &[&str]) -> Vec<Value> {
        let answer = self.project.json(&[&["deliveries", "list"], more].concat());
        answer.as_array().expect("a list of deliveries").clone()
    }
}

fn address(id: &str) -> String {
    format!("{id}@customers.test")
}

/// Each customer of `rule`, once; twice the same is a fault.
fn customers_of(deliveries: &[Value], rule: &str, step: &str) -> BTreeSet<String> {
    let mine = deliveries.iter().filter(|one| one["rule"] == rule && one["step"] == step);
    once(mine.map(|one| one["customer"].as_str().expect("a customer").to_owned()))
}

#[track_caller]
fn once(items: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for item in items {
        assert!(seen.insert(item.clone()), "{item} came twice");
    }
    seen
}

fn texts(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn recipients(mails: &[Mail]) -> BTreeSet<String> {
    once(mails.iter().map(|mail| mail.to.clone()))
}

fn called(hooks: &[Hook], kind: &str) -> BTreeSet<String> {
    once(hooks.iter().filter(|hook| hook.kind() == kind).map(|hook| hook.customer().to_owned()))
}

const PEOPLE: &[(&str, &str, bool)] =
    &[("ana", "gold", true), ("ivan", "gold", false), ("juma", "plain", true), ("maria", "gold", true)];

#[test]
fn each_expected_customer_hears_from_each_step_once() {
    let shop = Shop::with(PEOPLE);
    let daemon = shop.project.start();
    shop.mailbox.wait(2);
    shop.receiver.wait(6);
    daemon.stop();
    let (mails, hooks) = (shop.mailbox.all(), shop.receiver.all());
    assert_eq!(recipients(&mails), texts(&["ana@customers.test", "maria@customers.test"]));
    assert_eq!(called(&hooks, "customer.hello"), texts(&["ana", "maria"]));
    assert_eq!(called(&hooks, "customer.note"), texts(&["ana", "ivan", "juma", "maria"]));
    let deliveries = shop.deliveries(&["--state", "sent"]);
    assert_eq!(customers_of(&deliveries, "hello", "letter"), texts(&["ana", "maria"]));
    assert_eq!(customers_of(&deliveries, "hello", "crm"), texts(&["ana", "maria"]));
    assert_eq!(customers_of(&deliveries, "note", "crm"), texts(&["ana", "ivan", "juma", "maria"]));
}

#[test]
fn what_arrives_carries_the_deliverys_id_and_a_good_signature() {
    let shop = Shop::with(PEOPLE);
    let daemon = shop.project.start();
    shop.mailbox.wait(2);
    shop.receiver.wait(6);
    daemon.stop();
    let (mails, hooks) = (shop.mailbox.all(), shop.receiver.all());
    assert!(hooks.iter().all(|hook| hook.signed), "{hooks:#?}");
    assert!(hooks.iter().all(|hook| hook.headers["idempotency-key"] == hook.id()), "{hooks:#?}");
    assert!(mails.iter().all(|mail| mail.headers["message-id"].ends_with("@shop.test>")), "{mails:#?}");
    assert!(mails.iter().all(|mail| mail.headers["feedback-id"].contains("hello")), "{mails:#?}");
    let arrived = once(mails.iter().map(|mail| mail.id().to_owned()).chain(hooks.iter().map(|h| h.id().to_owned())));
    let listed = shop.deliveries(&[]);
    assert_eq!(arrived, once(listed.iter().map(|one| one["id"].as_str().expect("an id").to_owned())));
}

#[test]
fn a_value_that_is_one_expression_keeps_its_type_in_a_webhook() {
    let shop = Shop::with(&[("ana", "gold", true)]);
    let daemon = shop.project.start();
    let hooks = shop.receiver.wait_for("customer.hello");
    daemon.stop();
    let hello = hooks.iter().find(|hook| hook.kind() == "customer.hello").expect("it was waited for");
    assert_eq!(hello.body["data"], serde_json::json!({"id": "ana", "orders": 0}));
    assert_eq!(hello.headers["content-type"], "application/json");
}

#[test]
fn a_restart_sends_nothing_again() {
    let shop = Shop::with(PEOPLE);
    let daemon = shop.project.start();
    shop.mailbox.wait(2);
    shop.receiver.wait(6);
    daemon.stop();
    let daemon = shop.project.start();
    // Someone new, who is reached by a later tick, marks the end of what the restart could have sent.
    shop.import(&[("zora", "gold", true)]);
    shop.mailbox.wait_for("zora@customers.test");
    shop.receiver.wait(8);
    daemon.stop();
    let want = ["ana@customers.test", "maria@customers.test", "zora@customers.test"];
    assert_eq!(recipients(&shop.mailbox.all()), texts(&want));
    assert_eq!(called(&shop.receiver.all(), "customer.note").len(), 5);
}

#[test]
fn sigterm_waits_for_the_mail_in_flight_and_records_it() {
    let shop = Shop::with(&[("ana", "gold", true)]);
    shop.mailbox.hold();
    let mut daemon = shop.project.start();
    shop.mailbox.wait_until_held();
    daemon.signal("TERM");
    daemon.wait_for("STOPPING=1");
    shop.mailbox.release();
    daemon.drained();
    let sent = shop.deliveries(&["--state", "sent", "--rule", "hello"]);
    assert_eq!(customers_of(&sent, "hello", "letter"), texts(&["ana"]));
    assert_eq!(shop.mailbox.all().len(), 1);
}

#[test]
fn a_killed_daemon_sends_an_unanswered_mail_again_under_its_first_id() {
    let shop = Shop::with(&[("ana", "gold", true)]);
    shop.mailbox.hold();
    let daemon = shop.project.start();
    shop.mailbox.wait_until_held();
    daemon.signal("KILL");
    drop(daemon);
    shop.mailbox.release();
    let first = shop.mailbox.wait(1)[0].id().to_owned();
    let uncertain = shop.project.start();
    // A mail whose end nobody knows is sent again at its own time; until then it is shown as what it is.
    let list = ["deliveries", "list", "--rule", "hello"];
    let answer = shop.project.json_until(&list, |all| {
        all.as_array().is_some_and(|all| all.iter().any(|one| one["step"] == "letter" && one["state"] != "sending"))
    });
    uncertain.stop();
    let letter =
        answer.as_array().expect("a list").iter().find(|one| one["step"] == "letter").expect("it was waited for");
    assert_eq!(letter["id"], first.as_str());
    assert!(["uncertain", "sent"].contains(&letter["state"].as_str().expect("a state")), "{letter}");
    assert!(shop.mailbox.all().iter().all(|mail| mail.id() == first));
}

#[test]
fn a_second_daemon_is_refused_and_told_who_holds_the_store() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let second = shop.project.run(&["run"]);
    assert_eq!(second.code, Some(74), "{}", second.err);
    assert!(second.err.contains(&daemon.pid().to_string()), "{} is not named in: {}", daemon.pid(), second.err);
    daemon.stop();
}

#[test]
fn a_damaged_store_is_set_aside_and_named_at_each_start_until_a_person_has_moved_it_away() {
    let shop = Shop::with(PEOPLE);
    let data = shop.project.path().join("data");
    let log = std::fs::File::options().write(true).open(data.join("db")).expect("the store's log");
    log.set_len(100).expect("it can be cut");
    for args in [&["run"][..], &["run"], &["status"], &["import", "customers", "new.csv"]] {
        let refused = shop.project.run(args).exits(74);
        assert!(refused.err.contains("data/damaged-1"), "{args:?}: {}", refused.err);
    }
    std::fs::rename(data.join("damaged-1"), shop.project.path().join("seen")).expect("it can be moved away");
    let daemon = shop.project.start();
    assert_eq!(shop.project.json(&["status"])["store"]["customers"], 0);
    daemon.stop();
}

#[test]
fn a_reload_with_a_bad_rule_keeps_the_rules_that_were() {
    let shop = Shop::new();
    let mut daemon = shop.project.start();
    shop.project.write(
        "rules/broken.yaml",
        &NOTE.replace("rule: note", "rule: broken").replace("everyone", "customer.teir == \"x\""),
    );
    daemon.signal("HUP");
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    let reload = shop.project.run(&["reload"]).exits(65);
    assert!(reload.err.contains("rules/broken.yaml:4:"), "{}", reload.err);
    shop.import(&[("ana", "gold", true)]);
    shop.mailbox.wait_for("ana@customers.test");
    daemon.stop();
}

#[test]
fn a_reload_with_a_good_rule_takes_it_in() {
    let shop = Shop::with(&[("ana", "plain", true)]);
    let mut daemon = shop.project.start();
    shop.receiver.wait_for("customer.note");
    shop.project
        .write("rules/more.yaml", &NOTE.replace("rule: note", "rule: more").replace("customer.note", "customer.more"));
    daemon.signal("HUP");
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    shop.receiver.wait_for("customer.more");
    shop.project.remove("rules/more.yaml");
    shop.project.run(&["reload"]).exits(0);
    daemon.stop();
    assert_eq!(called(&shop.receiver.all(), "customer.more"), texts(&["ana"]));
}

#[test]
fn commands_reach_a_running_daemon() {
    let shop = Shop::with(PEOPLE);
    let daemon = shop.project.start();
    shop.mailbox.wait(2);
    let status = shop.project.json(&["status"]);
    assert_eq!((&status["running"], &status["pid"]), (&true.into(), &daemon.pid().into()), "{status:#}");
    assert!(shop.project.json(&["customers", "show", "ana"]).to_string().contains("ana@customers.test"));
    assert!(shop.project.json(&["rules", "list"]).to_string().contains("hello"));
    let plan = shop.project.json(&["plan", "--rule", "hello"]);
    assert_eq!(plan["rules"][0]["evaluated"], 4);
    assert_eq!(plan["rules"][0]["matched"], 3);
    assert_eq!(plan["rules"][0]["hold"]["no_consent"], 1);
    assert_eq!(plan["rules"][0]["hold"]["again_after"], 2);
    daemon.stop();
}

#[test]
fn pause_keeps_everything_in_and_resume_lets_it_out() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    shop.project.run(&["pause"]).exits(0);
    shop.import(&[("ana", "gold", true)]);
    shop.project.json_until(&["deliveries", "list", "--state", "queued"], |all| {
        all.as_array().is_some_and(|all| all.len() == 3)
    });
    assert!(shop.mailbox.all().is_empty() && shop.receiver.all().is_empty());
    shop.project.run(&["resume"]).exits(0);
    shop.mailbox.wait_for("ana@customers.test");
    daemon.stop();
}

#[test]
fn a_paused_rule_stays_paused_over_a_restart() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    shop.project.run(&["rules", "pause", "hello"]).exits(0);
    daemon.stop();
    let daemon = shop.project.start();
    shop.import(&[("ana", "gold", true)]);
    // The other rule's call shows that a tick has passed since.
    shop.receiver.wait_for("customer.note");
    assert!(shop.deliveries(&["--rule", "hello"]).is_empty());
    shop.project.run(&["rules", "resume", "hello"]).exits(0);
    shop.mailbox.wait_for("ana@customers.test");
    daemon.stop();
}

#[test]
fn a_suppressed_address_gets_no_mail_and_the_delivery_says_so() {
    let shop = Shop::with(&[("ana", "gold", true), ("maria", "gold", true)]);
    shop.project.run(&["suppressions", "add", "ana@customers.test"]).exits(0);
    let daemon = shop.project.start();
    shop.mailbox.wait_for("maria@customers.test");
    let list = ["deliveries", "list", "--state", "suppressed"];
    let held = shop.project.json_until(&list, |all| all.as_array().is_some_and(|all| !all.is_empty()));
    daemon.stop();
    assert_eq!(held[0]["customer"], "ana");
    assert_eq!(held[0]["reason"], "suppressed");
    assert_eq!(recipients(&shop.mailbox.all()), texts(&["maria@customers.test"]));
}
