//! What the reference shows of `plan` and `explain` is what they answer.

use crate::project::Project;
use crate::readme::files;
use std::fmt::Write as _;

const SETTINGS: &str = r#"
business: {name: Shop, address: Here, timezone: Africa/Nairobi, words: {shop: "https://shop.example"}}
topics: {offers: Offers and news}
email: {from: Shop <hello@shop.example>, transport: "file:outbox"}
endpoints:
  crm: {url: "https://crm.example/hook", secret: {file: crm.secret}}
"#;

const CUSTOMERS: &str = "id,email,first_name,last_name,timezone,tier,consent.marketing
wanjiru,wanjiru@customers.example,Wanjiru,Ngugi,Africa/Nairobi,silver,true
juma,juma@customers.example,Juma,,Africa/Nairobi,gold,false
ana,ana@customers.example,Ana,,Europe/Zagreb,gold,true
ivan,ivan@customers.example,Ivan,,Europe/Zagreb,,true
";

const ORDERS: [(&str, &str, usize); 8] = [
    ("wanjiru", "2026-01-05T09:00:00Z", 450),
    ("wanjiru", "2026-02-02T09:00:00Z", 380),
    ("juma", "2025-11-05T09:00:00Z", 700),
    ("juma", "2025-12-02T09:00:00Z", 300),
    ("ana", "2025-10-05T09:00:00Z", 900),
    ("ana", "2026-01-12T09:00:00Z", 120),
    ("ivan", "2025-10-05T09:00:00Z", 900),
    ("ivan", "2026-01-12T09:00:00Z", 120),
];

/// An order as a line of an import file.
fn order(customer: &str, number: &str, at: &str, revenue: usize) -> String {
    let properties = serde_json::json!({"order_id": format!("o{number}"), "revenue": revenue, "currency": "KES"});
    let event = serde_json::json!({
        "type": "track", "userId": customer, "event": "Order Completed", "messageId": format!("e{number}"),
        "timestamp": at, "properties": properties,
    });
    format!("{event}\n")
}

/// The project of the reference.
fn bare() -> Project {
    let project = Project::new();
    for (name, text) in &files("docs/RULES.md") {
        project.write(name, text);
    }
    let path = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let schema = std::fs::read_to_string(path("packaging/schema.yaml")).expect("the packaged schema is there");
    project.write("retaind.yaml", SETTINGS).write("schema.yaml", &schema);
    project.write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    project
}

fn import(project: &Project) {
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
}

/// The project of the reference with 1,600 made-up customers: whoever makes them again makes the same.
fn crowd() -> Project {
    let project = bare();
    let (mut customers, mut orders) = ("id,email,tier,consent.marketing\n".to_owned(), String::new());
    let opened: jiff::Timestamp = "2025-06-15T08:00:00Z".parse().expect("an instant");
    for n in 1..=1600_usize {
        let (tier, consents) = (["silver", "gold", ""][n % 3], n % 20 != 0);
        writeln!(customers, "c{n},c{n}@customers.example,{tier},{consents}").expect("a text takes a line");
        for k in 0..=n % 6 {
            let days = i64::try_from(n * 7 % 150 + k * (9 + n * 13 % 83)).expect("few days");
            let minutes = i64::try_from(n % 600).expect("few minutes");
            let at = opened + jiff::SignedDuration::from_mins(days * 24 * 60 + minutes);
            let revenue = if (n + k) % 97 == 0 { 6000 } else { 100 + n * 37 % 900 };
            orders.push_str(&order(&format!("c{n}"), &format!("{n}-{k}"), &at.to_string(), revenue));
        }
    }
    project.write("customers.csv", &customers).write("events.ndjson", &orders);
    import(&project);
    project
}

/// The project of the reference, with four customers and, in `proposal/`, another way to win them back.
fn project() -> Project {
    let project = bare();
    let orders = ORDERS.iter().enumerate();
    let orders = orders.map(|(number, (customer, at, revenue))| order(customer, &number.to_string(), at, *revenue));
    project.write("customers.csv", CUSTOMERS).write("events.ndjson", &orders.collect::<String>());
    let live = std::fs::read_to_string(project.path().join("rules/win-back.yaml")).expect("the reference has it");
    let any = "  - any: ['customer.tier in [\"silver\", \"gold\"]', orders.revenue > 5000]\n";
    let other = live.replace("> 60", "> 50").replace(any, "");
    project.write("proposal/win-back.yaml", &format!("# Sooner, and for all who bought twice.\n{other}"));
    import(&project);
    project
}

/// The commands that the reference shows with their answers: `$ retaind …` and what stands below it in the block.
fn shown() -> Vec<(Vec<String>, String)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let mut shown = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ retaind ") else { continue };
        let answer: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        shown.push((command.split(' ').map(str::to_owned).collect(), answer.join("\n")));
    }
    shown
}

#[test]
fn the_answers_of_the_reference_are_real() {
    let (project, crowd, shown) = (project(), crowd(), shown());
    assert!(shown.len() >= 5 && shown.iter().any(|(command, _)| command[0] == "simulate"), "{shown:?}");
    for (command, answer) in shown {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let ran = if args[0] == "simulate" { &crowd } else { &project }.run(&args).exits(0);
        assert_eq!(ran.out.trim_end(), answer.trim_end(), "retaind {}", command.join(" "));
    }
}

/// The commands of the blocks that a reader types, without what stands behind them to say what they are for.
fn typed() -> Vec<Vec<String>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            let block = lines.by_ref().take_while(|line| *line != "```");
            let commands =
                block.map(|line| line.split_once(" #").map_or(line, |(command, _)| command).trim().to_owned());
            blocks.push(commands.collect());
        }
    }
    blocks
}

#[test]
fn what_the_reference_has_typed_can_be_typed() {
    let (project, fresh) = (project(), Project::new());
    let blocks = typed();
    assert!(blocks.iter().flatten().count() >= 18, "{blocks:?}");
    for block in &blocks {
        let makes = block.iter().any(|line| line.starts_with("retaind init"));
        let runs = block.iter().any(|line| line.starts_with("retaind reload"));
        let daemon = runs.then(|| project.start());
        for line in block {
            // The second makes what the first has made, with other playbooks.
            let again = if line.contains("--playbook") { "rm -r shop; " } else { "" };
            let inside = makes && !line.starts_with("retaind init") && !line.starts_with("cd ");
            let place = if inside { "cd shop; " } else { "" };
            let said = if makes { &fresh } else { &project }.shell(&format!("{again}{place}{line}; echo \"ends $?\""));
            assert!(said.ends_with("ends 0\n"), "{line}: {said}");
        }
        if let Some(daemon) = daemon {
            daemon.stop();
        }
    }
}

#[test]
fn what_is_wrong_with_proposed_rules_is_shown_in_their_lines() {
    let project = project();
    let path = project.path().join("proposal/win-back.yaml");
    let text = std::fs::read_to_string(&path).expect("it is there").replace("orders.count", "orders.cuont");
    std::fs::write(&path, text).expect("it can be written");
    let ran = project.run(&["plan", "--rules", "proposal"]).exits(65);
    assert_eq!(ran.out, "");
    for part in ["--> proposal/win-back.yaml:8:12", "orders.cuont >= 2", "^^^^^", "the files to plan with have errors"]
    {
        assert!(ran.err.contains(part), "no `{part}` in:\n{}", ran.err);
    }
    project.write("empty/README.md", "No rules.\n");
    let ran = project.run(&["plan", "--rules", "empty"]).exits(65);
    assert_eq!(ran.err, "error: there is no rule in empty\n");
    let ran = project.run(&["explain", "wanjira"]).exits(1);
    assert_eq!(ran.err, "error: no customer \"wanjira\": did you mean \"wanjiru\"?\n");
    // A project is its folder of rules; the very same rules change nothing.
    let same = project.json(&["plan", "--rules", "."]);
    let rules = same["rules"].as_array().expect("a list");
    assert!(rules.iter().all(|rule| rule["change"]["kind"] == "unchanged"), "{same:#}");
    assert_eq!((&same["compared"]["segments"], &same["compared"]["rebuilt"]), (&serde_json::json!({}), &false.into()));
}

#[test]
fn an_explanation_and_a_plan_agree() {
    let project = project();
    let at = "2026-03-29T08:02:00Z";
    let plan = project.json(&["plan", "--at", at, "--customers"]);
    let mut compared = 0;
    for customer in ["wanjiru", "juma", "ana", "ivan"] {
        let explained = project.json(&["explain", customer, "--at", at]);
        for rule in explained["rules"].as_array().expect("a list") {
            let planned = plan["rules"].as_array().expect("a list").iter().find(|one| one["rule"] == rule["rule"]);
            let planned = planned.expect("both tell of all rules");
            let is_named = planned["customers"].as_array().expect("named").contains(&customer.into());
            if rule["rule"] == "order-thanks" || rule["rule"] == "large-order" {
                // A plan goes back for a day, an explanation to the last event.
                continue;
            }
            assert_eq!(is_named, rule["decision"] != "no_match", "{customer} {rule:#}");
            compared += 1;
        }
    }
    assert_eq!(compared, 4 * 4);
}
