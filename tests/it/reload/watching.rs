//! When files are watched, what waits, and what does not.

use super::{Shop, note};
use crate::project::skipped;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Deliveries of the rule in that state.
fn count(deliveries: &Value, state: &str) -> usize {
    deliveries.as_array().map_or(0, |all| all.iter().filter(|one| one["state"] == state).count())
}

const DELIVERIES: [&str; 4] = ["deliveries", "list", "--rule", "note"];

#[test]
fn a_rule_whose_file_is_gone_for_a_moment_keeps_its_deliveries_and_one_that_stays_away_loses_them() {
    let shop = Shop::new();
    shop.project.run(&["pause"]).exits(0);
    let daemon = shop.project.start();
    let queued = shop.project.json_until(&DELIVERIES, |all| count(all, "queued") >= 20);
    assert_eq!(count(&queued, "cancelled"), 0);
    shop.project.remove("rules/note.yaml");
    // Longer than a burst may last, shorter than a file may be gone.
    shop.stays(Duration::from_millis(1200), &["rules", "list"], |rules| rules.to_string().contains("\"note\""));
    shop.project.write("rules/note.yaml", &note(2));
    shop.takes(2);
    assert_eq!(count(&shop.project.json(&DELIVERIES), "cancelled"), 0);
    let gone_at = Instant::now();
    shop.project.remove("rules/note.yaml");
    shop.project.json_until(&["rules", "list"], |rules| !rules.to_string().contains("\"note\""));
    assert!(gone_at.elapsed() >= Duration::from_secs(2), "{:?}", gone_at.elapsed());
    let all = shop.project.json_until(&DELIVERIES, |all| count(all, "queued") == 0);
    assert!(count(&all, "cancelled") >= 20, "{all:#}");
    assert_eq!(all[0]["reason"], "rule_removed");
    daemon.stop();
}

#[test]
fn a_project_that_is_mounted_behind_a_link_is_taken_in_when_the_link_is_another() {
    let shop = Shop::new();
    let folder = shop.project.path();
    let files = ["retaind.yaml", "schema.yaml", "rules", "templates"];
    fs::create_dir(folder.join("..1")).expect("a folder");
    for file in files {
        fs::rename(folder.join(file), folder.join("..1").join(file)).expect("it can be moved");
        symlink(Path::new("..data").join(file), folder.join(file)).expect("a link");
    }
    symlink("..1", folder.join("..data")).expect("a link");
    let daemon = shop.project.start();
    shop.takes(1);
    fs::create_dir(folder.join("..2")).expect("a folder");
    for file in ["retaind.yaml", "schema.yaml", "rules/note.yaml", "rules/hello.yaml", "templates/hello/en.md"] {
        let (from, to) = (folder.join("..1").join(file), folder.join("..2").join(file));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).expect("a copy");
    }
    fs::write(folder.join("..2/rules/note.yaml"), note(2)).expect("another rule");
    symlink("..2", folder.join("..new")).expect("a link");
    fs::rename(folder.join("..new"), folder.join("..data")).expect("the link is put in place");
    shop.takes(2);
    assert_eq!(shop.project.json(&["status"])["last_reload"]["by"], "watch");
    // What lies behind the new link is watched as what lay behind the old.
    fs::write(folder.join("..2/rules/note.yaml"), note(3)).expect("another rule");
    shop.takes(3);
    daemon.stop();
}

#[test]
fn a_command_or_a_signal_takes_a_removal_in_at_once() {
    let shop = Shop::new();
    let mut daemon = shop.project.start();
    shop.project.remove("rules/note.yaml");
    let reload = shop.project.json(&["reload"]);
    assert_eq!(reload["removed"], serde_json::json!(["note"]));
    assert_eq!(shop.project.json(&["status"])["last_reload"]["by"], "command");
    shop.project.write("rules/note.yaml", &note(2));
    shop.takes(2);
    shop.project.remove("rules/note.yaml");
    daemon.signal("HUP");
    let status = shop.status(|status| status["last_reload"]["by"] == "signal");
    assert_eq!((&status["last_reload"]["ok"], &status["rules"]["count"]), (&true.into(), &1.into()));
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    daemon.stop();
}

#[test]
fn systemd_is_told_of_each_reload_whoever_asked_and_whatever_it_came_to() {
    let shop = Shop::new();
    let mut daemon = shop.project.start();
    for broken in [false, true] {
        shop.project.write("rules/note.yaml", if broken { "rule: [" } else { NOTE_2 });
        daemon.wait_for("RELOADING=1");
        daemon.wait_for("READY=1");
        shop.project.run(&["reload"]).exits(if broken { 65 } else { 0 });
        daemon.wait_for("RELOADING=1");
        daemon.wait_for("READY=1");
        daemon.signal("HUP");
        daemon.wait_for("RELOADING=1");
        daemon.wait_for("READY=1");
    }
    daemon.stop();
}

const NOTE_2: &str = concat!(
    "rule: note\nclass: service\ntrigger: {schedule: \"* * * * * *\"}\nwhen: everyone\nagain_after: 1s\n",
    "steps: [{webhook: {to: crm, type: customer.note, data: {id: \"{{ customer.id }}\"}}}]\n"
);

#[test]
fn a_file_that_is_saved_as_it_was_does_nothing() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    shop.project.write("rules/note.yaml", &note(1)).write("retaind.yaml", &shop.settings());
    shop.stays(Duration::from_secs(1), &["status"], |status| status["last_reload"] == Value::Null);
    shop.project.write("rules/note.yaml", &note(2));
    shop.takes(2);
    assert_eq!(shop.metric("retaind_reloads_total{result=\"ok\"}"), Some(1.0));
    daemon.stop();
}

#[test]
fn watching_can_be_switched_off_and_on() {
    let shop = Shop::with("reload: {watch: false}\n");
    let daemon = shop.project.start();
    shop.project.write("rules/note.yaml", &note(2));
    shop.stays(Duration::from_secs(1), &["status"], |status| status["last_reload"] == Value::Null);
    shop.project.write("retaind.yaml", &shop.settings().replace("watch: false", "watch: true"));
    shop.project.run(&["reload"]).exits(0);
    shop.takes(2);
    shop.project.write("rules/note.yaml", &note(3));
    shop.takes(3);
    assert_eq!(shop.project.json(&["status"])["last_reload"]["by"], "watch");
    shop.project.write("retaind.yaml", &shop.settings().replace("watch: true", "watch: false"));
    shop.status(|_| shop.metric("retaind_reloads_total{result=\"ok\"}") == Some(3.0));
    shop.project.write("rules/note.yaml", &note(4));
    shop.stays(Duration::from_secs(1), &["rules", "list"], |rules| !rules.to_string().contains("version 4"));
    daemon.stop();
}

#[test]
fn where_nothing_more_can_be_watched_that_is_told_once_and_asking_still_works() {
    // In a user namespace of its own, whose limit is nobody else's.
    let limited = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", limited]);
        command
    };
    if !namespace().arg("true").output().is_ok_and(|ran| ran.status.success()) {
        let why = "no user namespace can be made";
        return skipped("where_nothing_more_can_be_watched_that_is_told_once_and_asking_still_works", why);
    }
    let shop = Shop::new();
    let plain = shop.project.command(&["run"]);
    let mut command = namespace();
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(shop.project.path());
    let mut daemon = shop.project.start_as(command);
    shop.project.write("rules/note.yaml", &note(2));
    daemon.signal("HUP");
    shop.takes(2);
    shop.project.write("rules/note.yaml", &note(3));
    shop.project.run(&["reload"]).exits(0);
    shop.takes(3);
    daemon.wait_for("READY=1");
    let log = daemon.log();
    assert_eq!(log.matches("saved files are not noticed").count(), 1, "{log}");
    daemon.stop();
}

#[test]
fn settings_that_take_a_restart_are_named_until_it_comes() {
    let shop = Shop::with("reload: {watch: false}\nhttp: {admin: here.sock}\n");
    let daemon = shop.project.start();
    let before = shop.settings();
    let put = |from: &str, to: &str| {
        assert!(shop.settings().contains(from), "{}", shop.settings());
        shop.project.write("retaind.yaml", &shop.settings().replace(from, to));
    };
    put("http: {admin: here.sock}", "http: {admin: here.sock, public: \"127.0.0.1:1\"}\nstore: {path: other}");
    let ran = shop.project.run(&["reload"]).exits(0);
    let words = "store.path and http.public take a restart";
    assert_eq!(ran.out, format!("reloaded: 2 rules, 1 template\n{words}\n"));
    let status = shop.project.run(&["status"]).exits(0).out;
    assert!(status.contains(&format!("by command: taken; {words}\n")), "{status}");
    assert!(shop.project.json(&["status"])["store"]["path"].as_str().is_some_and(|path| path.ends_with("data")));
    let reload = shop.project.json(&["reload"]);
    assert_eq!(reload["restart"], serde_json::json!(["store.path", "http.public"]), "still");
    // As it was: nothing waits for a restart any more.
    shop.project.write("retaind.yaml", &before);
    assert_eq!(shop.project.json(&["reload"])["restart"], serde_json::json!([]));
    assert_eq!(shop.project.json(&["status"])["last_reload"]["restart"], serde_json::json!([]));
    let log = daemon.log();
    assert!(log.contains(&format!("{words}: until then the daemon goes on with what it began with")), "{log}");
    daemon.stop();
}
