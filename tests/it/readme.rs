//! What the documents tell a newcomer to type does what they say.

use crate::project::Project;
use std::collections::BTreeMap;

/// The files that a document shows: a line that begins with the file's name in backticks, then a fenced block.
pub(crate) fn files(document: &str) -> BTreeMap<String, String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).expect("the document is there");
    let (mut files, mut lines) = (BTreeMap::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        let name = line.strip_prefix('`').and_then(|rest| rest.split('`').next());
        let fenced = lines.peek().is_some_and(|next| next.starts_with("```"));
        if let (Some(name), true) = (name, fenced) {
            let block = lines.by_ref().skip(1).take_while(|line| !line.starts_with("```"));
            files.insert(name.to_owned(), block.collect::<Vec<_>>().join("\n") + "\n");
        }
    }
    files
}

/// The project of the README.
fn project() -> Project {
    let (project, files) = (Project::new(), files("README.md"));
    assert_eq!(files.len(), 8, "{:?}", files.keys());
    // The rule that an event starts comes later in it.
    for (name, text) in files.iter().filter(|(name, _)| !name.contains("thanks")) {
        project.write(name, text);
    }
    project
}

#[test]
fn the_readmes_project_passes_and_its_plan_is_as_told() {
    let project = project();
    project.run(&["check", "--strict"]).exits(0);
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
    project.run(&["plan", "--customers"]).exits(0);
    let why = project.run(&["explain", "c3"]).exits(0);
    assert!(why.out.contains("no_consent"), "{}", why.out);
    let plan = project.json(&["plan", "--customers"]);
    let rule = &plan["rules"][0];
    assert_eq!(rule["customers"], serde_json::json!(["c1", "c3"]), "{plan:#}");
    assert_eq!(rule["held"]["no_consent"], serde_json::json!(["c3"]), "{plan:#}");
    assert_eq!(rule["enroll"], 1, "{plan:#}");
}

#[test]
fn the_readmes_rule_comes_to_a_mail_in_the_outbox() {
    let project = project();
    let rule = files("README.md")["rules/come-back.yaml"].replace("* * * * *", "*/2 * * * * *");
    project.write("rules/come-back.yaml", &rule);
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
    let daemon = project.start();
    let sent = ["deliveries", "list", "--state", "sent"];
    project.json_until(&sent, |list| list.as_array().is_some_and(|list| list.len() == 1));
    project.run(&["status"]).exits(0);
    project.run(&["customers", "show", "c1"]).exits(0);
    project.run(&["reload"]).exits(0);
    daemon.stop();
    let mails: Vec<_> = std::fs::read_dir(project.path().join("outbox")).expect("the outbox is there").collect();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = mails.into_iter().next().expect("one mail").expect("it can be read").path();
    let text = std::fs::read_to_string(mail).expect("a mail is text");
    assert!(text.contains("ana@customers.example") && text.contains("Ana, we miss you"), "{text}");
}

#[test]
fn an_event_by_hand_starts_the_readmes_other_rule_as_shown() {
    let project = project();
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
    project
        .write("rules/come-back.yaml", &files("README.md")["rules/come-back.yaml"].replace("* * * * *", "0 0 29 2 *"));
    for name in ["rules/thanks.yaml", "templates/thanks/en.md"] {
        project.write(name, &files("README.md")[name]);
    }
    project.run(&["check", "--strict"]).exits(0);
    // Its rule must have gone live, or an event is no news to it.
    let daemon = project.start();
    assert_eq!(crate::walk::typed("README.md", &project), 3);
    daemon.stop();
}

#[test]
fn the_rules_the_segments_and_the_template_of_the_reference_pass() {
    let (project, files) = (Project::new(), files("docs/RULES.md"));
    assert_eq!(files.len(), 10, "{:?}", files.keys());
    for (name, text) in &files {
        project.write(name, text);
    }
    project.write("crm.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    let settings = r#"
business: {name: Shop, address: Here, timezone: UTC, words: {shop: "https://shop.example"}}
topics: {offers: Offers and news}
email: {from: Shop <hello@shop.example>, transport: "file:outbox"}
endpoints:
  crm: {url: "https://crm.example/hook", secret: {file: crm.secret}}
"#;
    let schema =
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/schema.yaml"));
    project.write("retaind.yaml", settings).write("schema.yaml", &schema.expect("the packaged schema is there"));
    project.run(&["check"]).exits(0);
}

#[test]
fn the_tutorial_goes_as_it_says() {
    let typed = crate::walk::through("docs/TUTORIAL.md", &Project::new());
    assert!(typed > 20, "{typed} commands");
}
