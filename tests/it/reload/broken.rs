//! Broken files, one after another, in the folder of a daemon that sends.

use super::{Shop, assert_once, note, versions};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What is put in a file's place.
enum Damage {
    Text(&'static str),
    /// What was there, and this behind it.
    More(&'static str),
    Bytes(&'static [u8]),
    /// So many bytes.
    Large(usize),
    Folder,
    Fifo,
    /// A link to there.
    Link(&'static str),
    /// An alias of aliases of aliases.
    Bomb,
    /// Lists in lists.
    Deep,
}

use Damage::{Bomb, Bytes, Deep, Fifo, Folder, Large, Link, More, Text};

/// A rule that lacks nothing but what stands in its last line.
macro_rules! rule {
    ($name:literal, $rest:literal) => {
        concat!("rule: ", $name, "\nclass: service\nagain_after: never\n", $rest, "\n")
    };
}

const SCHEDULE: &str = "trigger: {schedule: \"0 0 1 1 *\"}";

/// The file, what happens to it, and the kind of an error of it.
const BROKEN: &[(&str, Damage, &str)] = &[
    ("rules/b01.yaml", Text("rule: [b01\n"), "yaml-syntax"),
    ("rules/b02.yaml", Text(""), "empty-file"),
    ("rules/b03.yaml", Text("# nothing but a comment\n"), "empty-file"),
    ("rules/b04.yaml", Text("rule: b04\n\tclass: service\n"), "yaml-tab"),
    ("rules/b05.yaml", Bytes(b"rule: b05\nwhen: \"\xff\xfe\"\n"), "not-utf8"),
    ("rules/b06.yaml", Bytes(b"rule: b06\0\n"), "nul"),
    ("rules/b07.yaml", Large(10 << 20), "unreadable"),
    ("rules/b08.yaml", Bomb, "yaml-anchor"),
    ("rules/b09.yaml", Deep, "yaml-depth"),
    ("rules/b10.yaml", Folder, "unreadable"),
    ("rules/b11.yaml", Fifo, "unreadable"),
    ("rules/b12.yaml", Link("nowhere.yaml"), "unreadable"),
    ("rules/b13.yaml", Link("b13.yaml"), "unreadable"),
    ("rules/b14.yaml", Link("/dev/zero"), "unreadable"),
    ("rules/z15.yaml", Text("rule: note\nclass: service\nwhen: everyone\n"), "file-name"),
    ("rules/b16.yaml", Text(rule!("b16", "prioritty: 5\nwhen: everyone")), "unknown-key"),
    ("rules/b17.yaml", Text(rule!("b17", "class: service\nwhen: everyone")), "duplicate-key"),
    (
        "rules/b18.yaml",
        Text(rule!("b18", "SCHEDULE\nwhen: customer.teir == \"gold\"\nsteps: [{email: hello}]")),
        "unknown-attribute",
    ),
    ("rules/b19.yaml", Text(rule!("b19", "SCHEDULE\nwhen: orders.count >\nsteps: [{email: hello}]")), "syntax"),
    ("rules/b20.yaml", Text(rule!("b20", "SCHEDULE\nwhen:\nsteps: [{email: hello}]")), "empty-value"),
    ("rules/b21.yaml", Text(rule!("b21", "SCHEDULE\nwhen: !x\nsteps: [{email: hello}]")), "yaml-tag"),
    (
        "rules/b22.yaml",
        Text(rule!("b22", "SCHEDULE\nwhen: in_segment(\"vip\")\nsteps: [{email: hello}]")),
        "unknown-segment",
    ),
    ("rules/b23.yaml", Text(rule!("b23", "SCHEDULE\nwhen: everyone\nsteps: [{email: helo}]")), "unknown-template"),
    (
        "rules/b24.yaml",
        Text(rule!("b24", "SCHEDULE\nwhen: everyone\nsteps: [{webhook: {to: cmr, type: a.b}}]")),
        "unknown-endpoint",
    ),
    (
        "rules/b25.yaml",
        Text(rule!("b25", "trigger: {schedule: \"61 * * * *\"}\nwhen: everyone\nsteps: [{email: hello}]")),
        "bad-cron",
    ),
    (
        "rules/b26.yaml",
        Text(rule!("b26", "trigger: {event: Order Complete}\nwhen: everyone\nsteps: [{email: hello}]")),
        "unknown-event",
    ),
    ("rules/segments.yaml", Text("a: {when: in_segment(\"b\")}\nb: {when: in_segment(\"a\")}\n"), "segment-cycle"),
    ("templates/hello/en.md", Text("---\nsubject: A word\n---\n{{ customer.first_nam }}\n"), "unknown-name"),
    ("templates/hello/hr.md", Bytes(b"---\nsubject: \xff\n---\n"), "not-utf8"),
    ("schema.yaml", More("  age: text\n"), "unknown-type"),
    ("retaind.yaml", More("busines: {name: Shop}\n"), "unknown-key"),
    ("retaind.yaml", Bytes(b"\xff\xfe\x00"), "not-utf8"),
    ("retaind.yaml", Fifo, "unreadable"),
];

/// Puts it there in one step, as `mv` does, so that nothing is seen of it before it is whole.
fn put(folder: &Path, file: &str, damage: &Damage) {
    let (new, place) = (folder.join("new"), folder.join(file));
    match damage {
        Text(text) => fs::write(&new, text.replace("SCHEDULE", SCHEDULE)),
        More(text) => {
            fs::copy(&place, &new).and_then(|_| fs::read_to_string(&new)).and_then(|old| fs::write(&new, old + text))
        }
        Bytes(bytes) => fs::write(&new, bytes),
        Large(length) => fs::write(&new, "#".repeat(*length)),
        Folder => fs::create_dir(&new),
        Fifo => mknodat(CWD, &new, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(Into::into),
        Link(to) => symlink(to, &new),
        Bomb => {
            let lines = (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(",")));
            fs::write(&new, format!("a0: &a0 x\n{}", lines.collect::<String>()))
        }
        Deep => fs::write(&new, format!("rule: {}{}\n", "[".repeat(20_000), "]".repeat(20_000))),
    }
    .expect("the damage can be made");
    fs::rename(new, place).expect("it can be put there");
}

fn mend(folder: &Path, file: &str, before: Option<&Vec<u8>>) {
    let place = folder.join(file);
    match before {
        Some(bytes) => {
            fs::write(folder.join("new"), bytes).expect("the old file can be written");
            fs::rename(folder.join("new"), place).expect("it can be put back");
        }
        None if place.is_dir() => fs::remove_dir(place).expect("the folder can be removed"),
        None => fs::remove_file(place).expect("the file can be removed"),
    }
}

/// Whether the last reload was refused because of that file, and of it alone.
fn is_refused_for(status: &Value, file: &str, code: &str) -> bool {
    let reload = &status["last_reload"];
    let none = Vec::new();
    let problems = reload["problems"].as_array().unwrap_or(&none);
    let errors: Vec<_> = problems.iter().filter(|problem| problem["severity"] == "error").collect();
    reload["ok"] == false
        && reload["by"] == "watch"
        && errors.iter().all(|problem| problem["file"].as_str().is_some_and(|name| name.ends_with(file)))
        && errors.iter().any(|error| error["code"] == code)
}

#[test]
fn broken_files_under_a_daemon_that_sends_change_nothing_and_the_next_good_one_is_taken() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let folder = shop.project.path().to_path_buf();
    shop.receiver.wait(1);
    let (rules, start) = (shop.rules(), shop.receiver.all().len());
    for (file, damage, code) in BROKEN {
        let before = fs::read(folder.join(file)).ok();
        put(&folder, file, damage);
        // A broken settings file keeps commands from finding the daemon by it, so they are told the good one.
        fs::write(folder.join("asking.yaml"), "store: {path: data}\n").expect("settings to ask with");
        let asking = ["--config", "asking.yaml", "status"];
        let status = shop.project.json_until(&asking, |status| is_refused_for(status, file, code));
        let first = &status["last_reload"]["problems"][0];
        assert!(first["line"].as_u64() >= Some(1) && first["column"].as_u64() >= Some(1), "{file}: {first}");
        assert!(first["message"].as_str().is_some_and(|message| !message.is_empty()), "{file}: {first}");
        let shown = shop.project.run(&asking).exits(0).out;
        let place = format!("{file}:{}:{}", first["line"], first["column"]);
        assert!(shown.contains("refused") && shown.contains(&place), "{file}: {shown}");
        assert_eq!(shop.metric("retaind_last_reload_ok"), Some(0.0), "{file}");
        let errors = shop.metric(&format!("retaind_rule_file_errors{{file=\"{file}\"}}"));
        assert!(errors >= Some(1.0), "{file}: {errors:?}");
        assert!(daemon.log().contains(&place), "{file}: {}", daemon.log());
        mend(&folder, file, before.as_ref());
    }
    // What was broken is mended, and what was in use all the time is what the files say.
    shop.status(|status| status["last_reload"]["ok"] == true);
    assert_eq!(shop.rules(), rules);
    let hooks = shop.receiver.all();
    assert!(hooks.len() > start + BROKEN.len(), "{} calls, {start} before: it sent all the while", hooks.len());
    assert_eq!(versions(&hooks), ["1"].into());
    assert_eq!(shop.metric("retaind_last_reload_ok"), Some(1.0));
    for (file, ..) in BROKEN {
        let errors = shop.metric(&format!("retaind_rule_file_errors{{file=\"{file}\"}}"));
        assert_eq!(errors, Some(0.0), "{file}");
    }
    shop.project.write("rules/note.yaml", &note(2));
    shop.takes(2);
    let seen = hooks.len();
    shop.project.json_until(&["status"], |_| versions(&shop.receiver.all()[seen..]).contains("2"));
    daemon.stop();
    assert_once(&shop.receiver.all());
}

#[test]
fn a_rule_whose_file_is_broken_says_so_in_the_list_and_goes_on_as_it_was() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    shop.project.write("rules/note.yaml", &note(2).replace("when: everyone", "when: customer.teir == \"gold\""));
    shop.status(|status| is_refused_for(status, "rules/note.yaml", "unknown-attribute"));
    let list = shop.project.run(&["rules", "list"]).exits(0);
    assert!(list.err.contains("rules/note.yaml:5:"), "{}", list.err);
    let rules = shop.project.json(&["rules", "list"]);
    let find = |name: &str| rules.as_array().expect("a list").iter().find(|rule| rule["rule"] == name).cloned();
    let (note_rule, hello) = (find("note").expect("it stays"), find("hello").expect("it stays"));
    assert_eq!(note_rule["description"], "version 1");
    assert_eq!(note_rule["problem"]["line"], 5, "{note_rule:#}");
    assert_eq!(note_rule["problem"]["line_text"], "when: customer.teir == \"gold\"", "{note_rule:#}");
    assert_eq!(hello["problem"], Value::Null, "{hello:#}");
    let reload = shop.project.run(&["reload"]).exits(65);
    assert!(reload.err.contains("5 | when: customer.teir == \"gold\"\n  |                ^^^^\n"), "{}", reload.err);
    shop.project.write("rules/note.yaml", &note(3));
    shop.takes(3);
    assert_eq!(shop.project.run(&["rules", "list"]).exits(0).err, "");
    daemon.stop();
}

#[test]
fn settings_that_cannot_be_read_show_no_line_in_the_status() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let settings = fs::read_to_string(shop.project.path().join("retaind.yaml")).expect("the settings");
    shop.project.write("asking.yaml", "store: {path: data}\n");
    shop.project.write("retaind.yaml", &format!("{settings}email: {{password: hunter2\n"));
    let status = shop.project.json_until(&["--config", "asking.yaml", "status"], |status| {
        is_refused_for(status, "retaind.yaml", "yaml-syntax")
    });
    assert!(!status.to_string().contains("hunter2"), "{status:#}");
    assert!(!daemon.log().contains("hunter2"), "{}", daemon.log());
    daemon.stop();
}
