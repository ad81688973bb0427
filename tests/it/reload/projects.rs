//! The broken projects of `tests/bad`, one after another, in the folder of a daemon that sends.

use super::{Shop, assert_once, note, versions};
use crate::bad;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Of the projects whose only fault lies in one rule every so manieth is taken; of the others all are.
const EVERY: usize = 9;

/// Broken projects that a daemon refuses, by name.
fn refused() -> Vec<String> {
    let snapshot = |name: &String| fs::read_to_string(bad::folder().join(name).join("expected.snap"));
    let has_error = |name: &String| snapshot(name).is_ok_and(|shown| shown.contains("\nerror["));
    let refused = bad::names().into_iter().filter(has_error);
    let (of_rules, others): (Vec<_>, Vec<_>) =
        refused.partition(|name| bad::files(name).keys().all(|file| file.starts_with("rules/")));
    others.into_iter().chain(of_rules.into_iter().step_by(EVERY)).collect()
}

/// Puts files in place, each in one step, as `mv` does; without its bytes one is removed.
fn put(folder: &Path, files: &BTreeMap<String, Option<Vec<u8>>>) {
    for (file, bytes) in files {
        let place = folder.join(file);
        let Some(bytes) = bytes else {
            fs::remove_file(place).expect("it was put there");
            continue;
        };
        fs::create_dir_all(place.parent().expect("a folder")).expect("its folder can be made");
        fs::write(folder.join("new"), bytes).expect("it can be written");
        fs::rename(folder.join("new"), place).expect("it can be put there");
    }
}

/// The errors among some problems, as (file, line, column, code).
fn errors(problems: &Value) -> BTreeSet<(String, u64, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let all = problems.as_array().map_or(&[][..], Vec::as_slice).iter();
    let errors = all.filter(|one| one["severity"] == "error" && !text(&one["file"]).ends_with(".test.yaml"));
    errors.map(|one| (text(&one["file"]), number(&one["line"]), number(&one["column"]), text(&one["code"]))).collect()
}

/// A shop that has all that the broken projects are based on.
fn based() -> Shop {
    let shop = Shop::new();
    let mut base = bad::files("base");
    // What the shop sends is signed with its own.
    base.remove("crm.secret");
    let settings = String::from_utf8(base.remove("retaind.yaml").expect("settings")).expect("a text");
    let own = shop.settings();
    let endpoint = own.lines().find(|line| line.trim_start().starts_with("crm:")).expect("the shop's endpoint");
    let of_base = settings.lines().find(|line| line.trim_start().starts_with("crm:")).expect("an endpoint");
    base.insert("retaind.yaml".into(), settings.replace(of_base, endpoint).into_bytes());
    put(shop.project.path(), &base.into_iter().map(|(file, bytes)| (file, Some(bytes))).collect());
    // A broken settings file keeps commands from finding the daemon by it, so they are told a good one.
    shop.project.write("asking.yaml", "store: {path: data}\n");
    shop
}

#[test]
fn broken_projects_under_a_daemon_that_sends_change_nothing_and_the_next_good_file_is_taken() {
    let shop = based();
    let daemon = shop.project.start();
    let folder = shop.project.path();
    shop.receiver.wait(1);
    let (rules, start) = (shop.rules(), shop.receiver.all().len());
    let names = refused();
    assert!(names.len() >= 30, "{names:?}");
    for name in &names {
        let broken = bad::files(name).into_iter().filter(|(file, _)| file != "crm.secret");
        let broken: BTreeMap<_, _> = broken.map(|(file, bytes)| (file, Some(bytes))).collect();
        let before: BTreeMap<_, _> =
            broken.keys().map(|file| (file.clone(), fs::read(folder.join(file)).ok())).collect();
        put(folder, &broken);
        // What the daemon found is what `check` finds in the same folder.
        let expected = errors(&shop.project.run(&["check", "--format", "json"]).json());
        assert!(!expected.is_empty(), "{name}");
        let status = shop.project.json_until(&["--config", "asking.yaml", "status"], |status| {
            errors(&status["last_reload"]["problems"]) == expected
        });
        assert_eq!(
            (&status["last_reload"]["ok"], &status["last_reload"]["by"]),
            (&false.into(), &"watch".into()),
            "{name}"
        );
        put(folder, &before);
    }
    // What was broken is mended, and what was in use all the time is what the files say.
    shop.status(|status| status["last_reload"]["ok"] == true);
    assert_eq!(shop.rules(), rules);
    let hooks = shop.receiver.all();
    assert!(hooks.len() > start, "{} calls, {start} before: it sent all the while", hooks.len());
    assert_eq!(versions(&hooks), ["1"].into());
    shop.project.write("rules/note.yaml", &note(2));
    shop.takes(2);
    let seen = hooks.len();
    shop.project.json_until(&["status"], |_| versions(&shop.receiver.all()[seen..]).contains("2"));
    daemon.stop();
    assert_once(&shop.receiver.all());
}
