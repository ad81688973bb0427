//! A running daemon is backed up, its store is lost, and the backup restored.

use crate::ingestion::{FIRST, address, call};
use crate::project::Project;
use crate::world::{LIMIT, Mail, Mailbox};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

const RECEIPT: &str = "rule: receipt\nclass: service\ntrigger: {event: Order Completed, once_per: order_id}\nwhen: everyone\nsteps: [{email: receipt}]\n";
const OFFER: &str = "rule: offer\nclass: marketing\ntrigger: {event: Order Completed, once_per: order_id}\nwhen: everyone\nsteps: [{email: offer}]\n";

/// A shop that answers each order with a receipt and an offer; `mail` are settings of its mail, `more` are others.
pub(crate) fn shop(mailbox: &Mailbox, mail: &str, more: &str) -> Project {
    let project = Project::new();
    let settings = format!(
        "business: {{name: Shop, address: \"1 Main Street\", timezone: UTC}}\n\
        email: {{{mail}from: Shop <hello@shop.test>, transport: \"smtp://{}\", tls: none}}\n\
        http: {{public: \"127.0.0.1:0\", write_keys: [{{file: write.key}}]}}\n\
        frequency_caps: {{marketing: []}}\nquiet_hours: {{from: \"00:00\", to: \"00:00\"}}\n{more}",
        mailbox.address
    );
    let template = |what: &str| format!("---\nsubject: \"{what} {{{{ event.order_id }}}}\"\n---\nThank you.\n");
    project
        .write("retaind.yaml", &settings)
        .write("schema.yaml", "events: {Order Completed: {order_id: string, revenue: number}}\n")
        .write("write.key", "first-key\n")
        .write("rules/receipt.yaml", RECEIPT)
        .write("rules/offer.yaml", OFFER)
        .write("templates/receipt/en.md", &template("Receipt"))
        .write("templates/offer/en.md", &template("Offer"));
    project
}

fn known(number: u32, consents: bool) -> Value {
    json!({"userId": format!("c{number}"), "traits": {
        "email": format!("c{number}@customers.test"), "consent": {"marketing": consents},
    }})
}

fn order(customer: u32, number: &str) -> Value {
    json!({"userId": format!("c{customer}"), "event": "Order Completed", "messageId": format!("m{number}"),
        "properties": {"order_id": number, "revenue": 5}})
}

/// Sends a customer and an order, again and again; `answered` counts those that were both answered with success.
fn send_on(at: SocketAddr, answered: &AtomicU32, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let number = answered.load(Ordering::SeqCst) + 1;
        assert_eq!(call(at, FIRST, "identify", &known(number, true)).0, 200);
        assert_eq!(call(at, FIRST, "track", &order(number, &format!("o{number}"))).0, 200);
        answered.store(number, Ordering::SeqCst);
    }
}

/// Sends customers, each with an order, that are answered with success.
pub(crate) fn answered_orders(at: SocketAddr, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        assert_eq!(call(at, FIRST, "identify", &known(number, true)).0, 200);
        assert_eq!(call(at, FIRST, "track", &order(number, &format!("o{number}"))).0, 200);
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn subjects(mails: &[Mail]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for mail in mails {
        let subject = mail.headers["subject"].clone();
        assert!(seen.insert(format!("{subject} to {}", mail.to)), "{subject} came twice to {}", mail.to);
    }
    seen
}

#[test]
fn a_store_that_is_lost_comes_back_with_all_that_was_answered_before_the_backup_and_mails_nobody_twice() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "");
    let daemon = project.start();
    let at = address(&daemon);
    let (answered, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let sending = {
        let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
        std::thread::spawn(move || send_on(at, &answered, &stop))
    };
    let so_far = || answered.load(Ordering::SeqCst);
    wait_until("customers come", || so_far() >= 30);
    let before = so_far();
    let backup = project.json(&["backup", "a.backup"]);
    let behind = so_far();
    assert!(backup["customers"].as_u64().is_some_and(|count| count >= u64::from(before)), "{backup}");
    wait_until("customers go on coming", || so_far() >= behind + 10);
    stop.store(true, Ordering::SeqCst);
    sending.join().expect("the sender ends");
    let all = so_far();
    project.json_until(&["status"], |status| status["deliveries"]["sent"].as_u64() == Some(2 * u64::from(all)));
    // After the backup: one customer withdraws, another's address is suppressed.
    assert_eq!(call(at, FIRST, "identify", &known(1, false)).0, 200);
    project.run(&["suppressions", "add", "c2@customers.test"]).exits(0);
    daemon.stop();
    let sent = subjects(&mailbox.all());
    assert_eq!(sent.len(), 2 * all as usize);

    // The disk is lost, what lies beside the store is not.
    std::fs::remove_dir_all(project.path().join("data")).expect("a folder can be removed");
    let report = project.json(&["restore", "a.backup"]);
    assert_eq!((&report["withdrawn"], &report["suppressed"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(report["journal"], true, "{report}");
    assert_eq!(report["backup"]["customers"], backup["customers"], "{report}");
    project.run(&["restore", "a.backup"]).exits(74);

    let daemon = project.start();
    let at = address(&daemon);
    let status = project.json(&["status"]);
    assert!(status["marketing_paused"].as_str().is_some_and(|why| why.contains("was restored")), "{status}");
    for number in 1..=before {
        let shown = project.json(&["customers", "show", &format!("c{number}")]);
        assert_eq!(shown["orders"]["count"], 1, "{shown}");
        assert_eq!(shown["consent"]["marketing"]["granted"], number != 1, "{shown}");
    }
    // What senders repeat, because they do not know what became of it, mails nobody again either.
    for number in 1..=before {
        assert_eq!(call(at, FIRST, "track", &order(number, &format!("o{number}"))).0, 200);
    }
    for number in [1, 2, 3] {
        assert_eq!(call(at, FIRST, "track", &order(number, &format!("new{number}"))).0, 200);
    }
    mailbox.wait_for_subject("Receipt new3");
    let explained = project.run(&["explain", "c3", "--rule", "offer"]).exits(0);
    assert!(explained.out.contains("MARKETING IS PAUSED"), "{}", explained.out);
    assert!(project.run(&["plan"]).exits(0).out.contains("MARKETING IS PAUSED"));
    assert!(project.run(&["status"]).exits(0).out.contains("marketing is paused: a backup of"));
    let new = |subject: &str, number: u32| format!("{subject} new{number} to c{number}@customers.test");
    project.json_until(&["deliveries", "list", "--state", "suppressed"], |list| {
        list.as_array().is_some_and(|list| list.iter().any(|one| one["customer"] == "c2" && one["rule"] == "receipt"))
    });
    let now = subjects(&mailbox.all());
    let more: BTreeSet<_> = now.difference(&sent).cloned().collect();
    assert_eq!(more, [new("Receipt", 1), new("Receipt", 3)].into());

    let resumed = project.json(&["resume"]);
    assert_eq!((&resumed["before"], &resumed["paused"]), (&json!(true), &json!(false)), "{resumed}");
    mailbox.wait_for_subject("Offer new3");
    project.json_until(&["status"], |status| {
        status["lanes"].as_array().is_some_and(Vec::is_empty) && status["marketing_paused"].is_null()
    });
    let now = subjects(&mailbox.all());
    let more: BTreeSet<_> = now.difference(&sent).cloned().collect();
    assert_eq!(more, [new("Receipt", 1), new("Receipt", 3), new("Offer", 3)].into());
    daemon.stop();
}

#[test]
fn what_waited_when_the_backup_was_made_is_held_until_a_person_lets_it_go() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "");
    let daemon = project.start();
    project.run(&["pause"]).exits(0);
    let at = address(&daemon);
    assert_eq!(call(at, FIRST, "identify", &known(1, true)).0, 200);
    assert_eq!(call(at, FIRST, "track", &order(1, "o1")).0, 200);
    project.json_until(&["status"], |status| status["deliveries"]["queued"] == 2);
    project.run(&["backup", "a.backup"]).exits(0);
    // After the backup they go out.
    project.run(&["resume"]).exits(0);
    mailbox.wait(2);
    daemon.stop();
    let settings = std::fs::read_to_string(project.path().join("retaind.yaml")).expect("settings");
    project.write("retaind.yaml", &format!("{settings}store: {{path: other}}\n"));
    let told = project.run(&["restore", "a.backup", "--journal", "data.journal"]);
    assert_eq!(told.code, Some(2), "nobody withdrew anything, so there is no journal: {}", told.err);
    let report = project.json(&["restore", "a.backup"]);
    assert_eq!(report["held"], 2, "{report}");
    let daemon = project.start();
    let held = project.json(&["deliveries", "list", "--state", "held"]);
    let reasons: Vec<&Value> = held.as_array().expect("a list").iter().map(|one| &one["reason"]).collect();
    assert_eq!(reasons, [&json!("restored"), &json!("restored")]);
    // All sending was paused in the backup, and is not what marketing is paused for.
    project.run(&["resume"]).exits(0);
    project.json_until(&["status"], |status| status["next_tick"].is_null() && status["readiness"]["ready"] == true);
    assert_eq!(mailbox.all().len(), 2);
    project.run(&["deliveries", "retry", "--state", "held"]).exits(0);
    let mails = mailbox.wait(4);
    let ids: BTreeSet<&str> = mails.iter().map(Mail::id).collect();
    assert_eq!(ids.len(), 2, "what a person sends again keeps its id");
    daemon.stop();
}

#[test]
fn a_file_that_is_not_whole_is_refused_and_nothing_is_made_of_it() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "");
    project
        .write("people.csv", "id,email\nc1,c1@customers.test\n")
        .run(&["import", "customers", "people.csv"])
        .exits(0);
    let made = project.run(&["backup", "a.backup"]).exits(0);
    assert!(made.out.contains("1 customer"), "{}", made.out);
    assert!(project.run(&["backup", "--verify", "a.backup"]).exits(0).out.contains("1 customer"));
    let bytes = std::fs::read(project.path().join("a.backup")).expect("it is there");
    assert!(!project.path().join("a.backup.part").exists());
    std::fs::rename(project.path().join("data"), project.path().join("lost")).expect("a folder can be renamed");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 4;
    let cut = bytes[..bytes.len() - 9].to_vec();
    for (broken, why) in
        [(flipped, "it is damaged at byte"), (cut, "it is cut off after"), (b"x".to_vec(), "no backup")]
    {
        std::fs::write(project.path().join("broken"), &broken).expect("a file can be written");
        for args in [&["restore", "broken"][..], &["restore", "broken", "--dry-run"], &["backup", "--verify", "broken"]]
        {
            let refused = project.run(args).exits(74);
            assert!(refused.err.contains(why), "{}", refused.err);
        }
        assert!(!project.path().join("data").exists());
    }
    project.run(&["restore", "a.backup", "--dry-run"]).exits(0);
    assert!(!project.path().join("data").exists());
    let restored = project.run(&["restore", "a.backup"]).exits(0);
    assert!(restored.err.contains("there is no journal of the lost store"), "{}", restored.err);
    assert_eq!(project.json(&["customers", "show", "c1"])["id"], "c1");
    // A folder is no file, and a disk that takes nothing is told.
    assert_eq!(project.run(&["backup", "rules"]).code, Some(1));
    assert_eq!(project.run(&["backup", "nowhere/a.backup"]).code, Some(1));
}

fn kept(project: &Project) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.path().join("nightly")).into_iter().flatten();
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

#[test]
fn the_daemon_makes_a_backup_of_its_own_and_keeps_so_many() {
    let mailbox = Mailbox::open();
    let project = shop(&mailbox, "", "backup: {folder: nightly, keep: 2}\n");
    project
        .write("people.csv", "id,email\nc1,c1@customers.test\n")
        .run(&["import", "customers", "people.csv"])
        .exits(0);
    for old in ["20200101T033000Z", "20200102T033000Z", "20200103T033000Z"] {
        project.write(&format!("nightly/retaind-{old}.backup"), "old");
    }
    project.write("nightly/mine.backup", "mine");
    let daemon = project.start();
    let status = project.json_until(&["status"], |status| {
        status["backup"]["kept"] == 2 && status["backup"]["bytes"].as_u64().is_some_and(|bytes| bytes > 100)
    });
    assert!(status["backup"]["failed"].is_null() && status["backup"]["next"].is_string(), "{status}");
    assert!(project.run(&["status"]).exits(0).out.contains("2 kept in"));
    let names: BTreeSet<String> =
        kept(&project).iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.contains("mine.backup") && names.contains("retaind-20200103T033000Z.backup"), "{names:?}");
    daemon.stop();
    std::fs::rename(project.path().join("data"), project.path().join("lost")).expect("a folder can be renamed");
    let newest = kept(&project).into_iter().max().expect("there is one");
    project.run(&["restore", &newest.to_string_lossy()]).exits(0);
    assert_eq!(project.json(&["customers", "show", "c1"])["id"], "c1");

    // A folder that cannot be made: told, and nothing stops.
    let settings = std::fs::read_to_string(project.path().join("retaind.yaml")).expect("settings");
    project.write("retaind.yaml", &settings.replace("folder: nightly", "folder: people.csv/nightly"));
    let daemon = project.start();
    let status = project.json_until(&["status"], |status| status["backup"]["failed"].is_string());
    assert_eq!(status["readiness"]["ready"], true, "{status}");
    daemon.stop();
}
