//! From nothing to a project, and from what is stored to a schema.

use crate::project::Project;

const CUSTOMERS: &str = "\
id,email,first_name,consent.marketing,wholesale
c1,ana@customers.example,Ana,true,true
c2,juma@customers.example,Juma,true,false
c3,zoe@customers.example,Zoe,false,false
";

#[test]
fn a_new_project_passes_and_its_schemas_know_its_names() {
    let project = Project::new();
    let told = project.run(&["init", "--playbook", "win-back", "--playbook", "birthday"]).exits(0).out;
    assert!(told.contains("A project with 2 rules"), "{told}");
    assert!(
        ["retaind check", "retaind test", "retaind demo --project ."].iter().all(|next| told.contains(next)),
        "{told}"
    );
    project.run(&["check", "--strict"]).exits(0);
    let schema = std::fs::read_to_string(project.path().join("schema/rule.json")).expect("it is written");
    assert!(schema.contains("win-back-why") && schema.contains("customer.wholesale"), "{schema}");
    // Of the project's own events a condition is offered.
    let of_events = r#"count(\"Order Completed\", days(30))"#;
    assert!(schema.contains(of_events), "{schema}");
    assert!(!project.run(&["schema", "rule", "--plain"]).exits(0).out.contains(of_events));
    let again = project.run(&["init"]).exits(2).err;
    assert!(again.contains("is not empty"), "{again}");
}

#[test]
fn what_is_stored_becomes_a_schema_that_check_takes() {
    let project = Project::new();
    project.run(&["init"]).exits(0);
    project.write("customers.csv", CUSTOMERS);
    let event = r#"{"type":"track","userId":"c1","event":"Rated","messageId":"e1","timestamp":"2026-01-10T09:00:00Z","properties":{"stars":5,"by":"ana@customers.example"}}"#;
    project.write("events.ndjson", &format!("{event}\n"));
    project.run(&["import", "customers", "customers.csv"]).exits(0);
    project.run(&["import", "events", "events.ndjson"]).exits(0);
    let offline = project.run(&["schema", "infer"]).exits(0).out;
    let daemon = project.start();
    let online = project.run(&["schema", "infer"]).exits(0).out;
    daemon.stop();
    assert_eq!(offline, online);
    assert!(online.contains("Rated: {by: string, stars: number}"), "{online}");
    assert!(!online.contains("@customers.example"), "{online}");
    project.write("schema.yaml", &online);
    project.run(&["check", "--strict"]).exits(0);
}

#[test]
fn the_demo_plays_a_project_of_ones_own_and_leaves_it_as_it_is() {
    let project = Project::new();
    project.run(&["init"]).exits(0);
    project.write(
        "rules/thanks.yaml",
        "rule: thanks\nclass: service\ntrigger: {event: Order Completed, once_per: order_id}\nwhen: everyone\nsteps:\n  - email: thanks\n",
    );
    project.write(
        "templates/thanks/en.md",
        "---\nsubject: \"Thank you for {{ event.order_id or '' }}\"\n---\nThank you.\n",
    );
    let told = project.run(&["demo", "--project", ".", "--folder", "played", "--customers", "80"]).exits(0).out;
    for line in ["win-back: ", "thanks: ", "Thank you for demo-live-", "we miss you"] {
        assert!(told.contains(line), "no `{line}` in:\n{told}");
    }
    assert!(!project.path().join("data").exists() && !project.path().join("outbox").exists());
    project.write("rules/thanks.yaml", "rule: thanks\n");
    let refused = project.run(&["demo", "--project", ".", "--folder", "again"]).exits(65).err;
    assert!(refused.contains("rules/thanks.yaml:1:1"), "{refused}");
    assert!(!project.path().join("again").exists());
}
