//! Events that come in at a steady pace, and how soon what they start is decided and durable.

use crate::bare::Bare;
use crate::memory::Daemon;
use crate::project::{NOBODY, Project, Receivers, Rules, WRITE_KEY};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, people, process, scratch};
use anyhow::Context;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Events a second.
const PACE: u64 = 200;
/// How long.
const SECONDS: u64 = 20;
/// Of this histogram the figures are made: from the receipt of an event to the durable decision.
const LATENESS: &str = "retaind_look_lateness_seconds";

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let folder = scratch::folder()?;
    let public = process::free_port()?;
    let project = Project::write(folder.path(), Rules::AtOnce, Receivers { public, ..NOBODY })?;
    fill::store(&project.store(), customers, &project.load()?.rules.interest)?;
    let begin = Instant::now();
    let daemon = Daemon::start(&project)?;
    daemon.wait_for("everybody was looked at")?;
    let scan = begin.elapsed().as_secs_f64();
    let pid = daemon.process.0.id().to_string();
    let after_scan = daemon.resident()?;

    let idle = machine::cpu_seconds(&pid)?;
    std::thread::sleep(Duration::from_secs(5));
    let idle = (machine::cpu_seconds(&pid)? - idle) / 5.0 * 1000.0;

    let socket = folder.path().join("admin.sock");
    let before = Lateness::read(&socket)?;
    let cpu = machine::cpu_seconds(&pid)?;
    let sent = scratch::runtime()?.block_on(send(public, customers))?;
    let cpu = (machine::cpu_seconds(&pid)? - cpu) / sent as f64 * 1000.0;
    let lateness = settled(&socket, &before, sent)?;
    drop(daemon);
    let ceiling = two_commits(folder.path())?;

    let row = |what: &str, figure, unit, limit| Row { what: what.to_owned(), figure, ceiling: None, unit, limit };
    let p99 = lateness.within(0.99)? * 1000.0;
    let decided = format!("{sent} events at {PACE}/s, 50 rules: p99 from receipt to durable decision, at most");
    show(
        &format!("acting at once with {customers} customers"),
        &[
            Row { ceiling: Some(ceiling), ..row(&decided, p99, Unit::Milliseconds, Limit::AtMost(10.0)) },
            row("processor time of an event", cpu, Unit::Milliseconds, Limit::None),
            row("everybody looked at once, since the start", scan, Unit::Seconds, Limit::None),
            row("resident then", after_scan, Unit::Megabytes, Limit::None),
            row("processor time of a second with nothing to do", idle, Unit::Milliseconds, Limit::AtMost(10.0)),
        ],
    );
    Ok(())
}

/// Sends purchases at a steady pace, whatever becomes of those before; answers how many.
async fn send(port: u16, customers: u64) -> anyhow::Result<u64> {
    // Another part of the process may have installed it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(64).build()?;
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    let mut calls = Vec::new();
    for n in 0..PACE * SECONDS {
        tick.tick().await;
        let body = format!(
            "{{\"userId\":\"{}\",\"event\":\"Order Completed\",\"messageId\":\"now-{n}\",\"properties\":{{\"order_id\":\"now-{n}\",\"revenue\":{}}}}}",
            people::id(n * 7919 % customers),
            n % 100,
        );
        let call = client.post(format!("http://127.0.0.1:{port}/v1/track")).basic_auth(WRITE_KEY, Some(""));
        let call = call.header("content-type", "application/json").body(body).send();
        calls.push(tokio::spawn(call));
    }
    let mut sent = 0;
    for call in calls {
        let answer = call.await??;
        anyhow::ensure!(answer.status().is_success(), "an event was answered {}", answer.status());
        sent += 1;
    }
    Ok(sent)
}

/// What was counted up to each bound, in seconds; ascending.
#[derive(Debug, Clone)]
struct Lateness(Vec<(f64, u64)>);

impl Lateness {
    fn read(socket: &Path) -> anyhow::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let bucket = |line: &str| {
            let (bound, count) = line.strip_prefix(LATENESS)?.strip_prefix("_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count.trim().parse().ok()?))
        };
        let buckets: Vec<_> = text.lines().filter_map(bucket).collect();
        anyhow::ensure!(!buckets.is_empty(), "the metrics have no buckets of {LATENESS}");
        Ok(Self(buckets))
    }

    fn since(&self, before: &Self) -> Self {
        Self(self.0.iter().zip(&before.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// The bound within which that share lies.
    fn within(&self, share: f64) -> anyhow::Result<f64> {
        let wanted = self.count() as f64 * share;
        let bound = self.0.iter().find(|(_, count)| *count as f64 >= wanted);
        Ok(bound.context("nothing was counted")?.0)
    }
}

/// When all of them were looked at. Two of one customer may be one look.
fn settled(socket: &Path, before: &Lateness, sent: u64) -> anyhow::Result<Lateness> {
    let begin = Instant::now();
    loop {
        let lateness = Lateness::read(socket)?.since(before);
        if lateness.count() >= sent * 9 / 10 && begin.elapsed() > Duration::from_secs(2) {
            return Ok(lateness);
        }
        anyhow::ensure!(begin.elapsed() < Duration::from_mins(1), "only {} looks were made", lateness.count());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The p99 of two durable commits of bare sled, one after the other, in milliseconds: an event is made durable, and then
/// what it starts.
fn two_commits(folder: &Path) -> anyhow::Result<f64> {
    let bare = Bare::open(&folder.join("bare"))?;
    let mut all = Vec::new();
    for n in 0_u64..1000 {
        let commit = |part: u8| {
            vec![(sled::IVec::from([&[part], &n.to_be_bytes()[..]].concat()), sled::IVec::from(vec![7; 400]))]
        };
        all.push(bare.write(&commit(0), 1)? + bare.write(&commit(1), 1)?);
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() * 99 / 100] * 1000.0)
}
