//! Changed files under a running daemon: what is broken changes nothing and is told everywhere, what is good comes into
//! use by itself, and neither does anything to what is being sent.

mod broken;
mod editors;
mod projects;
mod storms;
mod watching;

use crate::project::{Daemon, Project};
use crate::world::{Hook, Receiver};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A call for every customer, every second.
const NOTE: &str = r#"rule: note
description: version 1
class: service
trigger: {schedule: "* * * * * *"}
when: everyone
again_after: 1s
pause_if: {more_than: 1000000, per: 1d}
steps:
  - {id: crm, webhook: {to: crm, type: customer.note, data: {id: "{{ customer.id }}", version: "1"}}}
"#;

/// A rule that another one asks about, so that there are two, and a mail.
const HELLO: &str = r#"rule: hello
class: service
trigger: {schedule: "0 0 1 1 *"}
when: customer.tier == "gold"
again_after: never
steps:
  - {id: letter, email: hello}
"#;

const SCHEMA: &str = "customer:\n  tier: {type: string, one_of: [gold, plain]}\n";

const TEMPLATE: &str = "---\nsubject: A word\n---\nHello {{ customer.first_name or 'there' }}.\n";

/// The rule as it says at its `version`.
fn note(version: u32) -> String {
    NOTE.replace("version 1", &format!("version {version}"))
        .replace("version: \"1\"", &format!("version: \"{version}\""))
}

/// A project that sends all the time, and the world that it sends to.
struct Shop {
    project: Project,
    receiver: Receiver,
}

impl Shop {
    fn new() -> Self {
        Self::with("")
    }

    /// With more in its settings.
    fn with(settings: &str) -> Self {
        let (project, receiver) = (Project::new(), Receiver::open());
        let base = format!(
            r#"business: {{name: Shop, address: "1 Main Street", timezone: UTC}}
email: {{from: Shop <hello@shop.test>, transport: "file:outbox"}}
endpoints:
  crm: {{url: "http://{}/hook", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}
"#,
            receiver.address
        );
        project.write("retaind.yaml", &(base + settings)).write("schema.yaml", SCHEMA);
        project.write("crm.secret", &receiver.secret()).write("templates/hello/en.md", TEMPLATE);
        project.write("rules/note.yaml", NOTE).write("rules/hello.yaml", HELLO);
        let rows: Vec<String> = ('a'..='t').map(|id| format!("{id},{id}@customers.test,plain")).collect();
        project.write("new.csv", &format!("id,email,tier\n{}\n", rows.join("\n")));
        project.run(&["import", "customers", "new.csv"]).exits(0);
        Self { project, receiver }
    }

    /// Its settings as they are in the file.
    fn settings(&self) -> String {
        std::fs::read_to_string(self.project.path().join("retaind.yaml")).expect("the settings are there")
    }

    /// Waits for a state of the daemon.
    #[track_caller]
    fn status(&self, test: impl Fn(&Value) -> bool) -> Value {
        self.project.json_until(&["status"], test)
    }

    /// Waits until the rule `note` is the one of that version; by whatever way it came there.
    #[track_caller]
    fn takes(&self, version: u32) {
        let wanted = format!("version {version}");
        self.project.json_until(&["rules", "list"], |rules| {
            rules.as_array().is_some_and(|rules| rules.iter().any(|rule| rule["description"] == wanted.as_str()))
        });
    }

    /// What each rule is, without what changes by itself.
    fn rules(&self) -> Vec<Value> {
        let mut rules = self.project.json(&["rules", "list"]).as_array().expect("a list").clone();
        for rule in &mut rules {
            let rule = rule.as_object_mut().expect("a rule");
            for name in ["next_due", "last_tick", "problem"] {
                rule.remove(name);
            }
        }
        rules
    }

    /// The value of a metric, by its name and labels as they are written.
    fn metric(&self, name: &str) -> Option<f64> {
        let mut socket = UnixStream::connect(self.project.path().join("data/admin.sock")).expect("the admin socket");
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it is asked");
        let mut text = String::new();
        socket.read_to_string(&mut text).expect("it answers");
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// For so long, asks again and again: the answer must pass.
    #[track_caller]
    fn stays(&self, time: Duration, args: &[&str], test: impl Fn(&Value) -> bool) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let answer = self.project.json(args);
            assert!(test(&answer), "{answer:#}");
        }
    }
}

/// No call came twice, and each was signed.
#[track_caller]
fn assert_once(hooks: &[Hook]) {
    let ids: BTreeSet<&str> = hooks.iter().map(Hook::id).collect();
    assert_eq!(ids.len(), hooks.len(), "calls came twice");
    assert!(hooks.iter().all(|hook| hook.signed));
}

/// The versions of the rule that calls came from.
fn versions(hooks: &[Hook]) -> BTreeSet<&str> {
    hooks.iter().filter_map(|hook| hook.body["data"]["version"].as_str()).collect()
}

/// Resident memory of a daemon, in MB.
fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") / 1024
}
