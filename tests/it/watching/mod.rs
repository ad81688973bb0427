//! What the daemon tells of itself: metrics as Prometheus reads them, the alerts over them, log lines in every form, and
//! the one screen of `status`.

mod alerts;
mod logs;
mod scrape;

use crate::project::{Daemon, Project, skipped};
use crate::world::{LIMIT, Mailbox, Receiver};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A mail and a call for everybody; service.
const HELLO: &str = r#"rule: hello
class: service
trigger: {schedule: "* * * * * *"}
when: everyone
again_after: never
steps:
  - {id: letter, email: hello}
  - {id: crm, webhook: {to: crm, type: customer.hello, data: {id: "{{ customer.id }}", email: "{{ customer.email }}"}}}
"#;

const TEMPLATE: &str = "---\nsubject: A word\n---\nHello {{ customer.first_name or 'there' }}.\n";

/// `base64("first-key:")`
const KEY: &str = "Zmlyc3Qta2V5Og==";

/// A project that takes events in, and the world that it sends to.
struct Shop {
    project: Project,
    mailbox: Mailbox,
    receiver: Receiver,
}

impl Shop {
    fn new() -> Self {
        let (project, mailbox, receiver) = (Project::new(), Mailbox::open(), Receiver::open());
        let settings = format!(
            r#"business: {{name: Shop, address: "1 Main Street", timezone: UTC}}
email: {{from: Shop <hello@shop.test>, transport: "smtp://{}", tls: none}}
endpoints:
  crm: {{url: "http://{}/hook", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}
http: {{public: "127.0.0.1:0", write_keys: [{{file: write.key}}]}}
"#,
            mailbox.address, receiver.address
        );
        project.write("retaind.yaml", &settings).write("schema.yaml", "customer:\n  tier: string\n");
        project.write("crm.secret", &receiver.secret()).write("write.key", "first-key\n");
        project.write("templates/hello/en.md", TEMPLATE).write("rules/hello.yaml", HELLO);
        Self { project, mailbox, receiver }
    }

    /// Its daemon, with these arguments behind `run`, all of what it can say in its log.
    fn start(&self, args: &[&str]) -> Daemon {
        let mut command = self.project.command(&[&["run"], args].concat());
        command.env("RETAIND_LOG", "trace");
        self.project.start_as(command)
    }

    /// What the admin socket answers to a request without a body.
    fn ask(&self, method: &str, path: &str) -> String {
        let mut socket = UnixStream::connect(self.project.path().join("data/admin.sock")).expect("the admin socket");
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("it is asked");
        let mut text = String::new();
        socket.read_to_string(&mut text).expect("it answers");
        text
    }

    /// The metrics as they are now.
    fn scrape(&self) -> Scrape {
        let answer = self.ask("GET", "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Scrape(answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
    }

    /// Scrapes until the answer passes.
    #[track_caller]
    fn scrape_until(&self, test: impl Fn(&Scrape) -> bool) -> Scrape {
        let end = Instant::now() + LIMIT;
        loop {
            let scrape = self.scrape();
            if test(&scrape) {
                return scrape;
            }
            assert!(Instant::now() < end, "{}", scrape.0);
        }
    }

    fn import(&self, ids: &[&str]) {
        let rows: Vec<_> = ids.iter().map(|id| format!("{id}@customers.test,{id}@customers.test")).collect();
        self.project.write("new.csv", &format!("id,email\n{}\n", rows.join("\n")));
        self.project.run(&["import", "customers", "new.csv"]).exits(0);
    }
}

/// An answer of `/metrics`.
struct Scrape(String);

impl Scrape {
    /// The value of a series, by its name and labels in any order.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: BTreeMap<_, _> = labels.iter().copied().collect();
        self.0.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, inner) = series.split_once('{').unwrap_or((series, "}"));
            let pairs = inner.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
            let pairs =
                pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, value.trim_matches('"')));
            (found == name && pairs.collect::<BTreeMap<_, _>>() == wanted).then(|| value.parse().ok())?
        })
    }
}

/// Sends a call to the public listener; the whole answer.
fn send(address: SocketAddr, what: &str, body: &Value) -> String {
    let body = body.to_string();
    let request = format!(
        "POST /v1/{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {KEY}\r\n\
        content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// The name of the call in an answer.
fn request_id(answer: &str) -> &str {
    let line = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
    line.unwrap_or_else(|| panic!("no name: {answer}"))
}

/// Runs promtool in a folder with that input; `None`, and said so, where it is not installed.
fn promtool(test: &str, folder: &Path, args: &[&str], input: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(args).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        skipped(test, "promtool is not installed (Debian's package `prometheus`)");
        return None;
    };
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("promtool reads");
    let ended = child.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    Some((ended.status.success(), said.into_owned()))
}
