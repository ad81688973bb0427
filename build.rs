//! What `retaind --version` tells of this build: the commit, its date, the target.
//!
//! The commit is asked of git, and only if this folder is the top of a work tree: a tarball has none, and one that lies
//! within another project's tree is not of that tree's commit. `RETAIND_COMMIT` says it where git cannot. The date is
//! that of `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>), else the commit's, never
//! today's, so that the same source makes the same program.

use std::path::Path;
use std::process::Command;

/// What the program is made of; a change to any of it that is not committed is told behind the commit.
const SOURCES: [&str; 6] = ["Cargo.lock", "Cargo.toml", "build.rs", "rules", "src", "templates"];

fn main() {
    for variable in ["RETAIND_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    // Files that are not there would make cargo run this at each build.
    for path in SOURCES.iter().filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    let tree = is_top_of_work_tree();
    if tree {
        watch_commit();
    }
    let commit = given("RETAIND_COMMIT").or_else(|| tree.then(commit).flatten());
    let date = given("SOURCE_DATE_EPOCH").or_else(|| tree.then(|| git(&["log", "-1", "--format=%ct"])).flatten());
    println!("cargo::rustc-env=RETAIND_BUILD_COMMIT={}", commit.unwrap_or_default());
    println!("cargo::rustc-env=RETAIND_BUILD_EPOCH={}", date.unwrap_or_default());
    println!("cargo::rustc-env=RETAIND_BUILD_TARGET={}", given("TARGET").unwrap_or_default());
}

/// Has cargo run this again when another commit is checked out or made.
fn watch_commit() {
    let path_of = |name: &str| git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).is_file());
    if let Some(log) = path_of("logs/HEAD") {
        // It grows with each, and is this work tree's own.
        println!("cargo::rerun-if-changed={log}");
        return;
    }
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for path in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()).filter_map(path_of) {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// The commit, with a `+` behind it if the sources are not quite those.
fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let clean = git_text(&status).is_some_and(|changes| changes.is_empty());
    Some(if clean { commit } else { commit + "+" })
}

fn is_top_of_work_tree() -> bool {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let top = git(&["rev-parse", "--show-toplevel"]).and_then(|top| Path::new(&top).canonicalize().ok());
    here.is_ok_and(|here| top == Some(here))
}

/// A variable that is set to something.
fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// What git answers, if there is a git and it answers something.
fn git(arguments: &[&str]) -> Option<String> {
    git_text(arguments).filter(|answer| !answer.is_empty())
}

/// The same, where nothing is an answer, too.
fn git_text(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim().to_owned())
}
