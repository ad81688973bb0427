//! The ways in which people and their tools save files.

use super::{NOTE, Shop, note};
use crate::project::skipped;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Runs a tool in a folder; it must succeed.
#[track_caller]
fn tool(folder: &Path, args: &[&str]) {
    let mut command = Command::new(args[0]);
    command.args(&args[1..]).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", folder);
    let ran = command.output().unwrap_or_else(|error| panic!("{args:?}: {error}"));
    assert!(ran.status.success(), "{args:?}: {ran:?}");
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success())
}

#[test]
fn a_file_that_is_saved_in_any_way_comes_into_use() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let rules = shop.project.path().join("rules");
    let file = rules.join("note.yaml");
    // Emptied and written in two pieces, the first of which is no whole rule.
    let text = note(2);
    let (first, second) = text.split_at(text.len() / 2);
    let mut open = fs::File::create(&file).expect("it can be emptied");
    open.write_all(first.as_bytes()).and_then(|()| open.sync_all()).expect("half of it");
    open.write_all(second.as_bytes()).expect("the other half");
    drop(open);
    shop.takes(2);
    // Beside it, then put in its place.
    fs::write(rules.join(".note.yaml.tmp"), note(3)).expect("a new file");
    fs::rename(rules.join(".note.yaml.tmp"), &file).expect("in its place");
    shop.takes(3);
    // As vim does with a backup: a name that only tries whether the folder can be written, the old file moved aside.
    fs::write(rules.join("4913"), "").and_then(|()| fs::remove_file(rules.join("4913"))).expect("a try");
    fs::write(rules.join(".note.yaml.swp"), "not a rule").expect("a swap file");
    fs::rename(&file, rules.join("note.yaml~")).expect("a backup");
    fs::write(&file, note(4)).expect("a new file");
    fs::remove_file(rules.join("note.yaml~")).expect("no backup any more");
    shop.takes(4);
    fs::remove_file(rules.join(".note.yaml.swp")).expect("no swap file any more");
    // Removed, then written.
    fs::remove_file(&file).and_then(|()| fs::write(&file, note(5))).expect("a new file");
    shop.takes(5);
    let status = shop.project.json(&["status"]);
    assert_eq!((&status["last_reload"]["ok"], &status["last_reload"]["by"]), (&true.into(), &"watch".into()));
    daemon.stop();
}

#[test]
fn what_vim_itself_saves_comes_into_use() {
    if !has("vim") {
        return skipped("what_vim_itself_saves_comes_into_use", "there is no vim");
    }
    let shop = Shop::new();
    let daemon = shop.project.start();
    for (version, copy) in [(2, "yes"), (3, "no"), (4, "auto")] {
        let (set, change) =
            (format!("set backup backupcopy={copy}"), format!("%s/ersion \\(\\d\\|: \"\\d\\)/ersion {version}/"));
        let change = change
            .replace(&format!("/ersion {version}/"), &format!("/\\=substitute(submatch(0),'\\d','{version}','')/"));
        tool(
            shop.project.path(),
            &["vim", "-u", "NONE", "-N", "-es", "-c", &set, "-c", &change, "-c", "wq", "rules/note.yaml"],
        );
        shop.takes(version);
    }
    daemon.stop();
}

#[test]
fn another_branch_comes_into_use_when_it_is_checked_out() {
    if !has("git") {
        return skipped("another_branch_comes_into_use_when_it_is_checked_out", "there is no git");
    }
    let shop = Shop::new();
    let folder = shop.project.path();
    shop.project.write(".gitignore", "data\nnotify\ndaemon.log\noutbox\n");
    let git = |args: &[&str]| {
        let start = ["git", "-c", "user.name=A", "-c", "user.email=a@shop.test", "-c", "commit.gpgsign=false"];
        tool(folder, &[&start, args].concat());
    };
    git(&["init", "-q", "-b", "one"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "-b", "two"]);
    // On this branch a template's folder has another name, and one rule is another.
    git(&["mv", "templates/hello", "templates/greeting"]);
    git(&["mv", "rules/hello.yaml", "rules/greeting.yaml"]);
    let greeting = super::HELLO.replace("rule: hello", "rule: greeting").replace("email: hello", "email: greeting");
    shop.project.write("rules/greeting.yaml", &greeting).write("rules/note.yaml", &note(2));
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "two"]);
    git(&["checkout", "-q", "one"]);
    let daemon = shop.project.start();
    for (branch, version, rule) in [("two", 2, "greeting"), ("one", 1, "hello"), ("two", 2, "greeting")] {
        git(&["checkout", "-q", branch]);
        shop.takes(version);
        let rules = shop.project.json(&["rules", "list"]);
        let names: Vec<_> = rules.as_array().expect("a list").iter().map(|rule| &rule["rule"]).collect();
        assert_eq!(names, [rule, "note"], "{branch}");
    }
    // What is saved in a folder that came with the branch is noticed, too.
    let template = folder.join("templates/greeting/en.md");
    fs::write(template, "---\nsubject: {{\n---\n").expect("a broken template");
    shop.status(|status| status["last_reload"]["problems"][0]["file"] == "templates/greeting/en.md");
    daemon.stop();
}

#[test]
fn a_folder_that_is_put_in_the_place_of_another_comes_into_use_and_is_watched() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let folder = shop.project.path();
    let release = |name: &str, version: u32| {
        shop.project.write(&format!("{name}/note.yaml"), &note(version));
        fs::copy(folder.join("rules/hello.yaml"), folder.join(name).join("hello.yaml")).expect("the other rule");
    };
    release("release-2", 2);
    fs::rename(folder.join("rules"), folder.join("old")).expect("the old folder aside");
    fs::rename(folder.join("release-2"), folder.join("rules")).expect("the new one in its place");
    shop.takes(2);
    shop.project.write("rules/note.yaml", &note(3));
    shop.takes(3);
    // What is saved in the folder that was replaced is nobody's concern; what follows is.
    shop.project.write("old/note.yaml", "rule: [\n");
    // A link to a folder, changed as a whole.
    release("release-4", 4);
    fs::rename(folder.join("rules"), folder.join("release-3")).expect("the folder aside");
    symlink("release-4", folder.join("rules")).expect("a link in its place");
    shop.takes(4);
    release("release-5", 5);
    symlink("release-5", folder.join("next")).expect("a new link");
    fs::rename(folder.join("next"), folder.join("rules")).expect("in the place of the old one");
    shop.takes(5);
    shop.project.write("release-5/note.yaml", &note(6));
    shop.takes(6);
    assert_eq!(shop.metric("retaind_reloads_total{result=\"refused\"}"), None);
    daemon.stop();
}

#[test]
fn a_folder_of_rules_that_is_gone_is_refused_and_its_return_is_noticed() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let folder = shop.project.path();
    fs::rename(folder.join("rules"), folder.join("old")).expect("it can be moved away");
    let status = shop.status(|status| status["last_reload"]["ok"] == false);
    let message = status["last_reload"]["message"].as_str().expect("why");
    assert!(message.contains("the folder rules/ is gone"), "{message}");
    assert!(shop.project.run(&["status"]).exits(0).out.contains("the folder rules/ is gone"));
    assert_eq!(shop.rules().len(), 2);
    fs::rename(folder.join("old"), folder.join("rules")).expect("it can be moved back");
    shop.project.write("rules/note.yaml", &NOTE.replace("version 1", "version 7"));
    shop.takes(7);
    daemon.stop();
}
