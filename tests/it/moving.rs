//! A store is exported and goes on elsewhere; one is written anew; a damaged one is told what helps.

use crate::backups::{answered_orders, shop, subjects};
use crate::ingestion::{FIRST, address, call};
use crate::project::Project;
use crate::world::Mailbox;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Mail goes out slowly, so that much of it is still to go when it is exported.
const SLOWLY: &str = "rate: 2/s, ";

fn deliveries(project: &Project) -> BTreeSet<(String, String)> {
    let all = project.json(&["deliveries", "list"]);
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    all.as_array().into_iter().flatten().map(|one| (text(one, "id"), text(one, "customer"))).collect()
}

fn waits(project: &Project, count: u64) -> Value {
    project.json_until(&["status"], |status| status["deliveries"]["sent"].as_u64() == Some(count))
}

#[test]
fn a_store_that_was_exported_goes_on_elsewhere_and_mails_nobody_twice() {
    let mailbox = Mailbox::open();
    let old = shop(&mailbox, SLOWLY, "");
    let daemon = old.start();
    let at = address(&daemon);
    answered_orders(at, 1..=40);
    old.json_until(&["status"], |status| status["deliveries"]["sent"].as_u64() >= Some(4));
    // While it works: what is made of that sends nothing by itself.
    let going = old.json(&["export", "going"]);
    assert_eq!(going["sending"], "went_on", "{going}");
    daemon.stop();
    let rested = old.json(&["export", "rested"]);
    assert_eq!((&rested["sending"], &rested["customers"]), (&json!("rested"), &json!(40)), "{rested}");
    let sent = subjects(&mailbox.all());
    assert!(sent.len() < 80, "all was sent before it was exported");
    let folder = |name: &str| old.path().join(name).display().to_string();
    old.run(&["export", "rested"]).exits(1);
    old.run(&["import", "export", &folder("rested")]).exits(74);

    let new = shop(&mailbox, "", "");
    let report = new.json(&["import", "export", &folder("rested")]);
    assert_eq!((&report["goes_on"], &report["held"]), (&json!(true), &json!(0)), "{report}");
    assert_eq!(deliveries(&new), deliveries(&old), "the same ids");
    let daemon = new.start();
    // Senders repeat themselves, and new orders come.
    answered_orders(address(&daemon), 1..=42);
    waits(&new, 84);
    daemon.stop();
    assert_eq!(subjects(&mailbox.all()).len(), 84);

    let third = shop(&mailbox, "", "");
    let report = third.json(&["import", "export", &folder("going")]);
    assert_eq!(report["goes_on"], false, "{report}");
    assert!(report["held"].as_u64() > Some(0), "{report}");
    let daemon = third.start();
    let status = third.json(&["status"]);
    assert!(status["marketing_paused"].is_string(), "{status}");
    assert_eq!(call(address(&daemon), FIRST, "identify", &json!({"userId": "c1"})).0, 200);
    daemon.stop();
    assert_eq!(subjects(&mailbox.all()).len(), 84, "nothing was sent again");
}

#[test]
fn a_paused_daemon_is_exported_while_it_runs_and_goes_on_elsewhere_when_it_is_resumed() {
    let mailbox = Mailbox::open();
    let old = shop(&mailbox, SLOWLY, "");
    let daemon = old.start();
    answered_orders(address(&daemon), 1..=20);
    old.json_until(&["status"], |status| status["deliveries"]["sent"].as_u64() >= Some(4));
    old.run(&["pause"]).exits(0);
    old.json_until(&["deliveries", "list", "--state", "sending"], |list| list.as_array().is_some_and(Vec::is_empty));
    let exported = old.json(&["export", "paused"]);
    assert_eq!(exported["sending"], "rested", "{exported}");
    let before = subjects(&mailbox.all()).len();
    daemon.stop();
    let new = shop(&mailbox, "", "");
    new.json(&["import", "export", &old.path().join("paused").display().to_string()]);
    let daemon = new.start();
    assert!(new.run(&["status"]).exits(0).out.contains("paused"));
    assert_eq!(subjects(&mailbox.all()).len(), before);
    new.run(&["resume"]).exits(0);
    waits(&new, 40);
    daemon.stop();
    assert_eq!(subjects(&mailbox.all()).len(), 40);
}

#[test]
fn a_store_is_written_anew_when_no_daemon_runs_and_holds_what_it_held() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "");
    let daemon = project.start();
    answered_orders(address(&daemon), 1..=10);
    waits(&project, 20);
    let refused = project.run(&["compact"]).exits(74);
    assert!(refused.err.contains("in use by retaind run"), "{}", refused.err);
    daemon.stop();
    let before = deliveries(&project);
    let report = project.json(&["compact"]);
    assert!(report["rows"].as_u64() > Some(100) && report["after"].as_u64() > Some(0), "{report}");
    assert_eq!(deliveries(&project), before);
    assert!(!Path::new(&project.path().join("data/compacting")).exists());
    let daemon = project.start();
    answered_orders(address(&daemon), 1..=11);
    waits(&project, 22);
    daemon.stop();
    assert_eq!(subjects(&mailbox.all()).len(), 22);
}

#[test]
fn whoever_starts_a_damaged_store_is_told_the_newest_whole_backup_and_the_command_that_restores_it() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "backup: {folder: kept}\n");
    let daemon = project.start();
    answered_orders(address(&daemon), 1..=3);
    waits(&project, 6);
    daemon.stop();
    std::fs::create_dir_all(project.path().join("kept")).expect("a folder can be made");
    for file in project.path().join("kept").read_dir().expect("it is there") {
        std::fs::remove_file(file.expect("it is there").path()).expect("a file can be removed");
    }
    let (whole, cut) = ("kept/retaind-20260102T033000Z.backup", "kept/retaind-20260103T033000Z.backup");
    project.run(&["backup", whole]).exits(0);
    project.write(cut, "half of it");
    std::fs::remove_file(project.path().join("data/db")).expect("a file can be removed");
    let told = project.run(&["customers", "list"]).exits(74).err;
    assert!(told.contains("data away, then `retaind restore ") && told.contains(whole), "{told}");
    for _ in 0..2 {
        let told = project.run(&["run"]).exits(74).err;
        assert!(told.contains("damaged-1") && !told.contains("away, then"), "{told}");
        let command = told.split('`').find(|part| part.starts_with("retaind restore ")).expect("it is named");
        assert!(command.ends_with(whole), "{told}");
    }
    assert!(!project.shell(&format!("retaind restore {whole} || echo failed")).contains("failed"));
    assert_eq!(deliveries(&project).len(), 6);
}
