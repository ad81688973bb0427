//! Broken projects: what `retaind check` says of each, as a person sees it.
//!
//! Each folder of `tests/bad` but `base` holds the files by which a project differs from `base`, and in `expected.snap` what is
//! said of it. Read that as the one who has to mend it.

use crate::project::Project;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Lays the files of a folder over a project.
fn lay(folder: &Path, over: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = over.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&to).expect("a folder can be made");
            lay(&path, &to);
        } else if path.file_stem().is_none_or(|stem| stem != "expected") {
            fs::copy(&path, &to).expect("a file can be copied");
        }
    }
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of broken projects");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn laid(name: &str) -> Project {
    let project = Project::new();
    lay(&folder().join("base"), project.path());
    lay(&folder().join(name), project.path());
    project
}

#[test]
fn the_base_of_the_broken_projects_is_sound() {
    assert_eq!(laid("base").run(&["check", "--strict"]).exits(0).err, "");
}

#[test]
fn each_broken_project_is_told_what_to_write() {
    let broken: Vec<String> = names().into_iter().filter(|name| name != "base").collect();
    assert!(broken.len() >= 60, "{}", broken.len());
    let mut wrong = Vec::new();
    for name in broken {
        let project = laid(&name);
        let ran = project.run(&["check", "--strict", "--color", "never"]);
        assert!(matches!(ran.code, Some(65 | 78)), "{name} exits {:?}:\n{}{}", ran.code, ran.err, ran.out);
        let shown = format!("{}{}exit {}", ran.err, ran.out, ran.code.unwrap_or_default());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder().join(&name));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!("expected", shown));
        }));
        wrong.extend(compared.err().map(|_| name));
    }
    assert!(wrong.is_empty(), "what is said has changed: {wrong:?}");
}

#[test]
fn no_problem_leaves_a_person_without_help() {
    for name in names() {
        let shown = laid(&name).run(&["check", "--format", "json"]).json();
        for problem in shown.as_array().expect("a list") {
            assert!(problem["help"].is_string(), "{name}: {problem}");
        }
    }
}

#[test]
fn github_is_told_of_each_problem_in_a_command_of_its_own() {
    let project = laid("key-twice");
    let ran = project.run(&["check", "--format", "github"]).exits(65);
    assert_eq!(ran.out, "");
    assert_eq!(ran.err, "");
}
