use super::{InitError, InitRequest, init, playbooks};
use crate::app::{load, test};
use crate::domain::Class;
use std::fs;
use std::path::Path;

fn asked(folder: &Path, names: &[&str]) -> InitRequest {
    InitRequest { folder: folder.to_path_buf(), playbooks: names.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn each_playbook_alone_and_all_of_them_make_a_project_without_a_remark() {
    let all: Vec<&str> = playbooks().iter().map(|playbook| playbook.name).collect();
    let alone = all.iter().map(|name| vec![*name]);
    for names in alone.chain([all.clone(), Vec::new()]) {
        let within = tempfile::tempdir().unwrap();
        let folder = within.path().join("shop");
        let made = init(&asked(&folder, &names)).unwrap();
        assert_eq!(made.len(), names.len().max(1), "{names:?}");
        let loaded = load(&folder.join("retaind.yaml"));
        assert!(loaded.diagnostics.is_empty(), "{names:?}: {:?}", loaded.diagnostics);
        let rules = loaded.project.unwrap().rules.rules;
        assert_eq!(rules.len(), made.len(), "{names:?}");
        let without_goal = rules.iter().find(|rule| rule.class == Class::Marketing && rule.goal.is_none());
        assert!(without_goal.is_none(), "{without_goal:?}");
        let tested = test(&folder.join("retaind.yaml"), &[]);
        assert!(tested.diagnostics.is_empty(), "{names:?}: {:?}", tested.diagnostics);
        let report = tested.report.unwrap();
        assert!(report.passed() >= made.len() && report.failed() == 0, "{names:?}: {report:?}");
    }
}

#[test]
fn every_rule_that_ships_is_a_playbook_with_all_its_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<&str> = playbooks().iter().flat_map(|playbook| playbook.files).map(|(name, _)| *name).collect();
    for entry in fs::read_dir(root.join("rules")).unwrap() {
        let name = format!("rules/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(files.contains(&name.as_str()), "{name} belongs to no playbook");
    }
    for entry in fs::read_dir(root.join("templates")).unwrap() {
        let name = format!("templates/{}/en.md", entry.unwrap().file_name().to_string_lossy());
        assert!(files.contains(&name.as_str()), "{name} belongs to no playbook");
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone_but_for_version_control() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path();
    fs::create_dir(folder.join(".git")).unwrap();
    init(&asked(folder, &[])).unwrap();
    let before = fs::read_to_string(folder.join("retaind.yaml")).unwrap();
    let again = init(&asked(folder, &["birthday"])).unwrap_err();
    assert!(matches!(again, InitError::NotEmpty { .. }), "{again}");
    assert_eq!(fs::read_to_string(folder.join("retaind.yaml")).unwrap(), before);
    assert!(!folder.join("rules/birthday.yaml").exists());
}

#[test]
fn a_playbook_that_nobody_knows_makes_nothing() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path().join("shop");
    assert!(matches!(init(&asked(&folder, &["winback"])), Err(InitError::Unknown(name)) if name == "winback"));
    assert!(!folder.exists());
}

#[test]
fn every_file_for_which_there_is_a_schema_names_it_in_its_first_line() {
    let within = tempfile::tempdir().unwrap();
    init(&asked(within.path(), &["win-back"])).unwrap();
    for (file, schema) in [
        ("retaind.yaml", "schema/settings"),
        ("schema.yaml", "schema/schema"),
        ("rules/win-back.yaml", "../schema/rule"),
        ("rules/win-back.test.yaml", "../schema/test"),
    ] {
        let text = fs::read_to_string(within.path().join(file)).unwrap();
        assert_eq!(text.lines().next(), Some(&*format!("# yaml-language-server: $schema={schema}.json")), "{file}");
    }
}
