//! The sources are as `docs/ARCHITECTURE.md` says: who may use whom, what is pure, where each outside crate lives.
//!
//! The checks read text, not a compiled program, so they also see code that is switched off. Code under `#[cfg(test)]`
//! is not held to the table.

mod checks;
mod snippets;
mod source;
mod table;

use checks::File;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The package's folder as it is now, which need not be where the test was built.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// All Rust files under `folder`, as paths under it with `/`, each with its text.
fn rust_files(folder: &Path) -> Vec<(String, String)> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(dir) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for path in entries.map(|entry| entry.expect("a folder entry can be read").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(folder).expect("it lies in the folder").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("a source file is UTF-8 text")));
            }
        }
    }
    found.sort();
    found
}

/// Files of `src/` that are part of the program.
fn program() -> Vec<File> {
    let files: Vec<File> = rust_files(&root().join("src")).iter().map(|(path, text)| File::new(path, text)).collect();
    assert!(files.len() > 10, "only {} files found under src/: the checks would check nothing", files.len());
    let for_tests: HashSet<String> = files.iter().flat_map(File::test_modules).collect();
    files.into_iter().filter(|file| !checks::is_for_tests(&file.path, &for_tests)).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn assert_holds(check: fn(&File) -> Vec<String>) {
    assert_none(&program().iter().flat_map(check).collect::<Vec<_>>());
}

#[test]
fn rooms_use_only_what_the_table_lets_them() {
    assert_holds(checks::forbidden_imports);
}

#[test]
fn stores_behind_the_trait_are_named_by_the_composition_root_alone() {
    assert_holds(checks::forbidden_inner_rooms);
}

#[test]
fn each_outside_crate_lives_in_one_room() {
    assert_holds(checks::crates_away_from_home);
}

#[test]
fn pure_rooms_have_no_waiting_file_network_environment_clock_or_chance() {
    assert_holds(checks::impurities);
}

#[test]
fn every_room_opens_with_its_card() {
    assert_holds(checks::missing_card);
}

#[test]
fn no_lint_is_switched_off_without_a_reason() {
    assert_holds(checks::allowed_lints);
}

#[test]
fn files_are_short_and_named_for_what_is_in_them() {
    let folders = ["src", "tests", "benches"];
    let files: Vec<(String, String)> = folders
        .iter()
        .flat_map(|folder| {
            rust_files(&root().join(folder)).into_iter().map(move |(path, text)| (format!("{folder}/{path}"), text))
        })
        .collect();
    let all: HashSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let faults = files.iter().flat_map(|(path, text)| {
        [checks::too_long(path, text), checks::empty_name(path), checks::beside_its_folder(path, &all)]
    });
    assert_none(&faults.flatten().collect::<Vec<_>>());
}

#[test]
fn every_crate_with_a_home_is_a_dependency() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    let missing = table::CRATE_HOMES
        .iter()
        .filter(|(name, _)| {
            !manifest.contains(&format!("\n{} = ", name.replace('_', "-")))
                && !manifest.contains(&format!("\n{name} = "))
        })
        .map(|(name, home)| format!("`{name}` has its home in `{home}` and is no dependency"));
    assert_none(&missing.collect::<Vec<_>>());
}
