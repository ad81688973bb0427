//! Events that come in at a steady pace, and how soon what they start is decided and durable: with nothing else to do, and
//! while an import of events runs through the same daemon.

use crate::admin::{Admin, Times};
use crate::bare::Bare;
use crate::calls::Caller;
use crate::importing::Import;
use crate::memory::Daemon;
use crate::project::{NOBODY, Project, Receivers, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, people, process, scratch};
use std::path::Path;
use std::time::{Duration, Instant};

/// Events a second.
const PACE: u64 = 200;
/// How long.
const SECONDS: u64 = 20;
/// Of these times the figures are made: from the receipt of an event to the durable decision. What an import brings is not
/// among them, for it starts nothing.
const LATENESS: &str = "retaind_event_lateness_seconds";

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

    let admin = Admin::of(folder.path());
    let cpu = machine::cpu_seconds(&pid)?;
    let alone = decided(&admin, public, (0, customers))?;
    let cpu = (machine::cpu_seconds(&pid)? - cpu) / alone.count() as f64 * 1000.0;
    let import = Import::begin(&admin, customers)?;
    let besides = decided(&admin, public, (PACE * SECONDS, customers))?;
    let imported = import.end()?;
    drop(daemon);
    let ceiling = two_commits(folder.path())?;

    let row = |what: &str, figure, unit, limit| Row { what: what.to_owned(), figure, ceiling: None, unit, limit };
    let p99 = |what: &str, times: &Times, most| -> anyhow::Result<Row> {
        let figure = times.within(0.99)? * 1000.0;
        Ok(Row { ceiling: Some(ceiling), ..row(what, figure, Unit::Milliseconds, Limit::AtMost(most)) })
    };
    let what = format!("{} events at {PACE}/s, 50 rules: p99 from receipt to durable decision, at most", alone.count());
    show(
        &format!("acting at once with {customers} customers"),
        &[
            p99(&what, &alone, 10.0)?,
            p99("the same during an import of events, at most", &besides, 40.0)?,
            row("events of that import", imported, Unit::PerSecond, Limit::None),
            row("processor time of an event", cpu, Unit::Milliseconds, Limit::None),
            row("everybody looked at once, since the start", scan, Unit::Seconds, Limit::None),
            row("resident then", after_scan, Unit::Megabytes, Limit::None),
            row("processor time of a second with nothing to do", idle, Unit::Milliseconds, Limit::AtMost(10.0)),
        ],
    );
    Ok(())
}

/// Sends purchases at a steady pace, whatever becomes of those before, and waits until all are decided; answers how soon
/// they were.
fn decided(admin: &Admin, public: u16, (first, customers): (u64, u64)) -> anyhow::Result<Times> {
    // Not there before the first.
    let before = admin.metrics()?.times(LATENESS);
    let sent = scratch::runtime()?.block_on(send(public, first, customers))?;
    let since = |times: Times| times.since(&before);
    admin.wait(|metrics| Ok(since(metrics.times(LATENESS)).count() >= sent))?;
    Ok(since(admin.metrics()?.times(LATENESS)))
}

async fn send(port: u16, first: u64, customers: u64) -> anyhow::Result<u64> {
    let caller = Caller::new(port, "track")?;
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    let mut calls = Vec::new();
    for n in first..first + PACE * SECONDS {
        tick.tick().await;
        let body = format!(
            "{{\"userId\":\"{}\",\"event\":\"Order Completed\",\"messageId\":\"now-{n}\",\"properties\":{{\"order_id\":\"now-{n}\",\"revenue\":{}}}}}",
            people::id(n * 7919 % customers),
            n % 100,
        );
        let caller = caller.clone();
        calls.push(tokio::spawn(async move { caller.send(body).await }));
    }
    let sent = calls.len() as u64;
    for call in calls {
        call.await??;
    }
    Ok(sent)
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
