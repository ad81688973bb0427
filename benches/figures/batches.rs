//! Events that come in over HTTP in batches, as fast as they are taken, against bare sled writing the same rows.
//!
//! The rules have schedules, so no event starts anything; but whoever bought is looked at, for the rules know their
//! members by it. What the looks write is extra work of ours: the ceiling has only what came in.

use crate::admin::Admin;
use crate::bare::{self, Bare};
use crate::calls::{self, Caller};
use crate::memory::Daemon;
use crate::people::{self, EVENTS_EACH};
use crate::project::{NOBODY, Project, Receivers, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, process, scratch};
use retaind::store::sled::Cache;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// Events of one call.
const BATCH: u64 = 100;
const CONNECTIONS: u64 = 8;
/// Ours and bare sled are measured in so many turns: a shared machine is now faster and now slower, and a ratio counts
/// only if both meet the same.
const TURNS: u64 = 4;
/// And no turn has more events than this.
const TURN: u64 = 50_000;
/// Of so many events memory must not show any more how many there were.
const LASTING: u64 = 1_000_000;
/// A look writes so many rows: the customer, and a wake that goes and one that comes.
const LOOK_ROWS: f64 = 3.0;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let events = scratch::size("RETAIND_BENCH_EVENTS", 100_000)?.next_multiple_of(10 * BATCH);
    let folder = scratch::folder()?;
    let public = process::free_port()?;
    let project = Project::write(folder.path(), Rules::FiveWindowed, Receivers { public, ..NOBODY })?;
    fill::store(&project.store(), customers, &project.load()?.rules.interest)?;
    let daemon = Daemon::start(&project)?;
    daemon.wait_for("everybody was looked at")?;
    daemon.stop()?;
    let mut shop = Shop { public, customers, next: customers * EVENTS_EACH, folder: folder.path() };
    let mut rows = vec![in_turns(&project, &mut shop, events)?];
    rows.extend(without_pause(&project, &mut shop, events)?);
    show(&format!("{BATCH} events in a call, {CONNECTIONS} connections, {customers} customers"), &rows);
    Ok(())
}

/// Where events are sent to, and which is next.
struct Shop<'f> {
    public: u16,
    customers: u64,
    next: u64,
    folder: &'f Path,
}

/// What sending came to.
struct Sent {
    events: Range<u64>,
    seconds: f64,
    /// Seconds of each call, ascending.
    calls: Vec<f64>,
}

impl Shop<'_> {
    /// Sends so many events, whole batches.
    fn send(&mut self, count: u64) -> anyhow::Result<Sent> {
        let events = self.next..self.next + count;
        self.next = events.end;
        let caller = Caller::new(self.public, "batch")?;
        let body = |n: u64, (first, customers): (u64, u64)| {
            let begin = first + n * BATCH;
            calls::purchases(begin..begin + BATCH, customers)
        };
        let begin = Instant::now();
        let sending = caller.send_all(0..count / BATCH, CONNECTIONS, body, (events.start, self.customers));
        let calls = scratch::runtime()?.block_on(sending)?;
        Ok(Sent { events, seconds: begin.elapsed().as_secs_f64(), calls })
    }

    fn admin(&self) -> Admin {
        Admin::of(self.folder)
    }
}

/// Events through a daemon, and then their rows written bare, turn by turn.
fn in_turns(project: &Project, shop: &mut Shop<'_>, events: u64) -> anyhow::Result<Row> {
    let bare = shop.folder.join("bare");
    scratch::copy(&project.store(), &bare)?;
    let turn = (events / TURNS).min(TURN).next_multiple_of(BATCH);
    let (mut ours, mut ceiling, mut per_round) = (0.0, 0.0, 0);
    for _ in 0..TURNS {
        let before = bare::rounds(&project.store())?;
        let daemon = Daemon::start(project)?;
        let sent = shop.send(turn)?;
        shop.admin().wait_until_looked()?;
        let looks = shop.admin().metrics()?.value_or_0("retaind_looks_total");
        daemon.stop()?;
        let rounds = bare::rounds(&project.store())? - before;
        let rows = rows(&Bare::open(&project.store())?, sent.events, shop.customers)?;
        // As many as a round of ours had on average, those of looks among them.
        let all = rows.len() + scratch::whole(looks * LOOK_ROWS);
        per_round = all / usize::try_from(rounds.max(1))?;
        ours += sent.seconds;
        // With as little memory as the daemon.
        ceiling += Bare::open_with(&bare, Cache::OfStore)?.write(&rows, per_round)?;
    }
    let rate = |seconds: f64| (turn * TURNS) as f64 / seconds;
    Ok(Row {
        what: format!("{} events, durable ({per_round} rows in a round)", turn * TURNS),
        figure: rate(ours),
        ceiling: Some(rate(ceiling)),
        unit: Unit::PerSecond,
        limit: Limit::Ratio(0.6),
    })
}

/// Fingerprint, event, purchase, customer and wake row of each event, as far as it has one, in the order of arrival. Wake
/// rows are those that the looks left, for they are as long as those that the events made.
fn rows(from: &Bare, events: Range<u64>, customers: u64) -> anyhow::Result<Vec<bare::Row>> {
    let wakes = from.wakes()?;
    let mut rows = Vec::new();
    for i in events {
        let (n, before) = people::owner(i, customers);
        let (number, _) = from.number(&people::id(n))?;
        let event = from.nth(&bare::key(b'e', number), usize::try_from(before)?)?;
        let seen = from.row([b"d", &event.0[event.0.len() - 16..]].concat())?;
        let purchase = [&bare::key(b'u', number)[..], people::order_id(i).as_bytes()].concat();
        rows.extend([seen, event, from.row(purchase)?, from.row(bare::key(b'c', number))?]);
        rows.extend(wakes.get(&number).cloned());
    }
    Ok(rows)
}

/// Events through one daemon that is never stopped: how long a call takes, and what becomes of its memory.
fn without_pause(project: &Project, shop: &mut Shop<'_>, events: u64) -> anyhow::Result<Vec<Row>> {
    let daemon = Daemon::start(project)?;
    let before = daemon.resident()?;
    let first = shop.send(events / 10)?;
    let early = daemon.resident()?;
    let rest = shop.send(events - events / 10)?;
    let late = daemon.resident()?;
    shop.admin().wait_until_looked()?;
    daemon.stop()?;
    let again = Daemon::start(project)?;
    let after_restart = again.resident()?;
    again.stop()?;
    let mut calls = [first.calls, rest.calls].concat();
    calls.sort_by(f64::total_cmp);
    let p99 = calls[calls.len() * 99 / 100] * 1000.0;
    let row = |what: String, figure, unit, limit| Row { what, figure, ceiling: None, unit, limit };
    let rate = events as f64 / (first.seconds + rest.seconds);
    // Before that the page cache is filling, whose size follows the store's.
    let flat = if events >= LASTING { Limit::AtMost(early * 1.1) } else { Limit::None };
    let memory = |what: &str, figure, limit| row(what.to_owned(), figure, Unit::Megabytes, limit);
    Ok(vec![
        row(format!("{events} events without a pause"), rate, Unit::PerSecond, Limit::None),
        row("p99 of a call then".to_owned(), p99, Unit::Milliseconds, Limit::AtMost(250.0)),
        memory("resident before", before, Limit::None),
        memory("resident after a tenth of them", early, Limit::None),
        memory("resident after all", late, flat),
        // What sled keeps of each page of the store, be it in the cache or not.
        memory("resident after a restart then", after_restart, Limit::None),
    ])
}
