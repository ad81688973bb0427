//! Import: files of customers and of events into the store, against bare sled writing the very same rows.

use crate::bare::{self, Bare};
use crate::people::{self, EVENTS_EACH};
use crate::project::{NOBODY, Project, Rules};
use crate::scratch;
use crate::table::{Limit, Row, Unit, show};
use anyhow::Context;
use retaind::app;
use retaind::http::{ImportKind, ImportRequest, ImportSink};
use retaind::store::sled::OpenMode;
use std::path::Path;

/// So many events' rows are held in memory for the ceiling.
const STRETCH: u64 = 100_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let folder = scratch::folder()?;
    let (csv, ndjson) = (folder.path().join("customers.csv"), folder.path().join("events.ndjson"));
    people::write_customers(&csv, customers)?;
    people::write_events(&ndjson, customers)?;
    let project = Project::write(&folder.path().join("project"), Rules::FiveWindowed, NOBODY)?;
    let (ours, bare) = (project.store(), folder.path().join("bare"));

    let (per_round, seconds) = phase(&project, &csv, ImportKind::Customers)?;
    let ceiling = customers_ceiling(&ours, &bare, customers, per_round)?;
    let profiles = Phase { what: "customers", arrivals: customers, seconds, ceiling, per_round };

    let (per_round, seconds) = phase(&project, &ndjson, ImportKind::Events)?;
    let ceiling = events_ceiling(&ours, &bare, customers, per_round)?;
    let events = Phase { what: "events", arrivals: customers * EVENTS_EACH, seconds, ceiling, per_round };
    show(&format!("import of {customers} customers and {} events", events.arrivals), &[profiles.row(), events.row()]);
    Ok(())
}

struct Phase {
    what: &'static str,
    arrivals: u64,
    seconds: f64,
    ceiling: f64,
    per_round: usize,
}

impl Phase {
    fn row(&self) -> Row {
        let rate = |seconds: f64| self.arrivals as f64 / seconds;
        Row {
            what: format!("{} ({} rows in a round)", self.what, self.per_round),
            figure: rate(self.seconds),
            ceiling: Some(rate(self.ceiling)),
            unit: Unit::PerSecond,
            limit: Limit::Ratio(0.6),
        }
    }
}

/// Imports a file into the project's store, as the command does where no daemon runs; answers how many rows a round of
/// the committer had, and seconds.
fn phase(project: &Project, file: &Path, kind: ImportKind) -> anyhow::Result<(usize, f64)> {
    let before = bare::rounds(&project.store()).unwrap_or(0);
    let runtime = scratch::runtime()?;
    let (arrivals, seconds) = scratch::timed(|| runtime.block_on(import(project, file, kind)))?;
    let rows = arrivals * 4;
    let rounds = bare::rounds(&project.store())? - before;
    Ok((usize::try_from(rows.div_ceil(rounds.max(1)))?, seconds))
}

async fn import(project: &Project, file: &Path, kind: ImportKind) -> anyhow::Result<u64> {
    let (operations, closer) = app::offline(&project.settings(), OpenMode::Create).await?;
    let (sink, mut lines) = ImportSink::channel();
    let listening = tokio::spawn(async move { while lines.recv().await.is_some() {} });
    let request = ImportRequest { kind, ignore_unknown: false, live: false };
    let report = operations.import(request, Box::pin(tokio::fs::File::open(file).await?), sink).await?;
    anyhow::ensure!(report.refused == 0 && report.duplicates == 0, "not all rows were stored: {report:?}");
    listening.await?;
    drop(operations);
    closer.close().await?;
    Ok(report.stored)
}

/// Name, customer, profile and wake row of each customer: an import makes the rules look at whom it changes.
fn customers_ceiling(ours: &Path, bare: &Path, customers: u64, per_round: usize) -> anyhow::Result<f64> {
    let (from, to) = (Bare::open(ours)?, Bare::open(bare)?);
    let wakes = from.wakes()?;
    let mut seconds = 0.0;
    for begin in (0..customers).step_by(usize::try_from(STRETCH)?) {
        let mut rows = Vec::new();
        for n in begin..customers.min(begin + STRETCH) {
            let (number, name) = from.number(&people::id(n))?;
            let wake = wakes.get(&number).cloned().context("a customer has no wake row")?;
            rows.extend([name, from.row(bare::key(b'c', number))?, from.nth(&bare::key(b'p', number), 0)?, wake]);
        }
        seconds += to.write(&rows, per_round)?;
    }
    Ok(seconds)
}

/// Fingerprint, event, purchase and customer row of each event, in the order of arrival.
fn events_ceiling(ours: &Path, bare: &Path, customers: u64, per_round: usize) -> anyhow::Result<f64> {
    let (from, to) = (Bare::open(ours)?, Bare::open(bare)?);
    let (events, mut seconds) = (customers * EVENTS_EACH, 0.0);
    for begin in (0..events).step_by(usize::try_from(STRETCH)?) {
        let mut rows = Vec::new();
        for i in begin..events.min(begin + STRETCH) {
            let (n, before) = people::owner(i, customers);
            let (number, _) = from.number(&people::id(n))?;
            let event = from.nth(&bare::key(b'e', number), usize::try_from(before)?)?;
            let fingerprint = &event.0[event.0.len() - 16..];
            let seen = from.row([b"d", fingerprint].concat())?;
            let purchase = [&bare::key(b'u', number)[..], people::order_id(i).as_bytes()].concat();
            rows.extend([seen, event, from.row(purchase)?, from.row(bare::key(b'c', number))?]);
        }
        seconds += to.write(&rows, per_round)?;
    }
    Ok(seconds)
}
