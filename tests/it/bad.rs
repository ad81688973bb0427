//! Broken projects: what `retaind check` says of each, as a person sees it.
//!
//! Each folder of `tests/bad` but `base` holds the files by which a project differs from `base`, and in `expected.snap` what is
//! said of it. Read that as the one who has to mend it.

use crate::project::Project;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where they lie.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// The files of a broken project, by their paths in it.
pub(crate) fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let (root, mut files) = (folder().join(name), BTreeMap::new());
    collect(&root, &root, &mut files);
    files
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.file_stem().is_none_or(|stem| stem != "expected") {
            let name = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
            files.insert(name, fs::read(&path).expect("a file can be read"));
        }
    }
}

/// All broken projects, and `base`.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of broken projects");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn laid(name: &str) -> Project {
    let project = Project::new();
    for (file, bytes) in files("base").into_iter().chain(files(name)) {
        let place = project.path().join(file);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder can be made");
        fs::write(place, bytes).expect("a file can be written");
    }
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
    let expected = "::error file=rules/win-back.yaml,line=10,col=1,endColumn=11,title=error[duplicate-key]::the key `again_after` stands twice in this map, first on line 8%0Ahelp: keep one of the two%0Arules/win-back.yaml:8:1: the first\n";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "1 rule, 1 template: 1 error, 0 warnings\n");
}

/// Where codes of problems stand; tests are left out.
const SOURCES: [&str; 7] =
    ["src/yaml", "src/condition", "src/rules", "src/config", "src/templates", "src/app/project", "src/domain"];

/// Words with a hyphen in those sources that are no codes.
const NO_CODES: [&str; 6] = ["color-scheme", "pt-br", "supported-color-schemes", "utf-8", "win-back", "big-spenders"];

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).expect("a source");
            found.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        }
    }
}

#[test]
fn every_code_stands_in_the_documentation_and_every_documented_code_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in SOURCES {
        sources(&root.join(folder), &mut text);
    }
    let rules = fs::read_to_string(root.join("docs/RULES.md")).expect("the reference of rules");
    let section =
        rules.split("## What check says").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: Vec<&str> = cells.flat_map(|cell| cell.split('`')).filter(|word| !word.trim().is_empty()).collect();
    assert!(documented.len() > 80, "{documented:?}");
    for code in &documented {
        assert!(text.contains(&format!("\"{code}\"")), "`{code}` is documented and never told");
    }
    let is_code = |word: &&str| {
        word.contains('-')
            && word.starts_with(|first: char| first.is_ascii_lowercase())
            && !word.ends_with('-')
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    for word in text.split('"').filter(is_code).filter(|word| !NO_CODES.contains(word)) {
        assert!(documented.contains(&word), "`{word}` is told and not documented in docs/RULES.md");
    }
}
