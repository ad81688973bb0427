//! `retaind rules graph` on the shipped rules.

use crate::project::Project;
use serde_json::Value;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a folder can be made");
        for entry in std::fs::read_dir(from).expect("a folder can be read") {
            let name = entry.expect("an entry").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        std::fs::copy(from, to).expect("a file can be copied");
    }
}

/// The project that ships.
fn shipped() -> Project {
    let project = Project::new();
    for name in ["retaind.yaml", "schema.yaml", "rules", "templates"] {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &project.path().join(name));
    }
    project
}

#[test]
fn the_shipped_rules_are_drawn_in_every_form_from_the_files_alone() {
    let project = shipped();
    let text = project.run(&["rules", "graph"]).exits(0).out;
    assert!(text.contains("win-back  (marketing, offers; rules/win-back.yaml:"), "{text}");
    assert!(text.contains("starts  by the schedule \"0 10 * * *\", on the customer's clock"), "{text}");
    let mermaid = project.run(&["rules", "graph", "--format", "mermaid"]).exits(0).out;
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("[[\"win-back\"]]"), "{mermaid}");
    let graph = project.run(&["rules", "graph", "--format", "json"]).exits(0).json();
    let count = |kind: &str| {
        graph["nodes"].as_array().map_or(0, |nodes| nodes.iter().filter(|node| node["kind"] == kind).count())
    };
    let files = |folder: &str| std::fs::read_dir(project.path().join(folder)).expect("the folder is there");
    let is_rule = |name: &str| !name.ends_with(".test.yaml") && name != "segments.yaml";
    let rules = files("rules").flatten().filter(|entry| is_rule(&entry.file_name().to_string_lossy())).count();
    assert_eq!(count("rule"), rules, "{graph:#}");
    assert!(count("template") >= rules, "{graph:#}");
    assert!(!project.path().join("data").exists(), "it made a store");
}

#[test]
fn rules_with_an_error_are_not_drawn() {
    let project = shipped();
    project.write("rules/broken.yaml", "rule: broken\nprioritty: 5\n");
    let refused = project.run(&["rules", "graph", "--format", "json"]).exits(65);
    assert_eq!(refused.out, "");
    assert!(refused.err.contains("rules/broken.yaml:2:1"), "{}", refused.err);
    project.write("retaind.yaml", "busines: {}\n");
    let refused = project.run(&["rules", "graph"]).exits(78);
    assert!(refused.err.contains("retaind.yaml:1:1"), "{}", refused.err);
    assert_eq!(project.run(&["rules", "graph", "--format", "dot"]).exits(2).out, "");
}

#[test]
fn every_edge_has_both_ends() {
    let graph = shipped().run(&["rules", "graph", "--format", "json"]).exits(0).json();
    let nodes: Vec<&Value> = graph["nodes"].as_array().expect("nodes").iter().map(|node| &node["id"]).collect();
    for edge in graph["edges"].as_array().expect("edges") {
        assert!(nodes.contains(&&edge["from"]) && nodes.contains(&&edge["to"]), "{edge}");
    }
}
