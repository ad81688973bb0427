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
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// So many rows of a file are imported, then written bare, in turns: a shared machine is now faster and now slower, and a
/// ratio counts only if both meet the same.
const STRETCH: u64 = 50_000;
/// And no more stretches than this, because each opens both stores anew.
const STRETCHES: u64 = 8;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let folder = scratch::folder()?;
    let project = Project::write(&folder.path().join("project"), Rules::FiveWindowed, NOBODY)?;
    let bare = folder.path().join("bare");
    let turns = Turns { project: &project, file: folder.path().join("rows"), bare: &bare };

    let profiles = turns.of(ImportKind::Customers, customers, people::write_customers, profile_rows)?;
    let events = customers * EVENTS_EACH;
    let purchases = turns.of(
        ImportKind::Events,
        events,
        |file, numbers| people::write_events(file, numbers, customers),
        |from, numbers| event_rows(from, numbers, customers),
    )?;
    show(&format!("import of {customers} customers and {events} events"), &[profiles, purchases]);
    Ok(())
}

/// Ours and bare sled in turns.
struct Turns<'t> {
    project: &'t Project,
    file: PathBuf,
    bare: &'t Path,
}

impl Turns<'_> {
    /// Imports so many rows of a kind, stretch by stretch, and writes what the store made of each.
    fn of(
        &self,
        kind: ImportKind,
        count: u64,
        write: impl Fn(&Path, Range<u64>) -> anyhow::Result<()>,
        rows: impl Fn(&Bare, Range<u64>) -> anyhow::Result<Vec<bare::Row>>,
    ) -> anyhow::Result<Row> {
        let stretch = STRETCH.max(count.div_ceil(STRETCHES));
        let (mut ours, mut ceiling, mut rounds) = (0.0, 0.0, 0);
        for begin in (0..count).step_by(usize::try_from(stretch)?) {
            let numbers = begin..count.min(begin + stretch);
            write(&self.file, numbers.clone())?;
            let (made, seconds) = import(self.project, &self.file, kind)?;
            (ours, rounds) = (ours + seconds, rounds + made);
            let rows = rows(&Bare::open(&self.project.store())?, numbers)?;
            ceiling += Bare::open(self.bare)?.write(&rows, usize::try_from(rows.len() as u64 / made.max(1))?)?;
        }
        let rate = |seconds: f64| count as f64 / seconds;
        Ok(Row {
            what: format!("{} ({} rows in a round)", kind_name(kind), 4 * count / rounds.max(1)),
            figure: rate(ours),
            ceiling: Some(rate(ceiling)),
            unit: Unit::PerSecond,
            limit: Limit::Ratio(0.6),
        })
    }
}

const fn kind_name(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Customers => "customers",
        _ => "events",
    }
}

/// Imports a file into the project's store, as the command does where no daemon runs; answers how many rounds of the
/// committer that took, and seconds.
fn import(project: &Project, file: &Path, kind: ImportKind) -> anyhow::Result<(u64, f64)> {
    let before = bare::rounds(&project.store()).unwrap_or(0);
    let seconds = scratch::runtime()?.block_on(async {
        let (operations, closer) = app::offline(&project.settings(), OpenMode::Create).await?;
        let (sink, mut lines) = ImportSink::channel();
        let listening = tokio::spawn(async move { while lines.recv().await.is_some() {} });
        let request = ImportRequest { kind, ignore_unknown: false, live: false, file: None };
        let source = Box::pin(tokio::fs::File::open(file).await?);
        let begin = Instant::now();
        let report = operations.import(request, source, sink).await?;
        let seconds = begin.elapsed().as_secs_f64();
        anyhow::ensure!(report.refused == 0 && report.duplicates == 0, "not all rows were stored: {report:?}");
        listening.await?;
        drop(operations);
        closer.close().await?;
        Ok(seconds)
    })?;
    Ok((bare::rounds(&project.store())? - before, seconds))
}

/// Name, customer, profile and wake row of each customer: an import makes the rules look at whom it changes.
fn profile_rows(from: &Bare, numbers: Range<u64>) -> anyhow::Result<Vec<bare::Row>> {
    let wakes = from.wakes()?;
    let mut rows = Vec::new();
    for n in numbers {
        let (number, name) = from.number(&people::id(n))?;
        let wake = wakes.get(&number).cloned().context("a customer has no wake row")?;
        rows.extend([name, from.row(bare::key(b'c', number))?, from.nth(&bare::key(b'p', number), 0)?, wake]);
    }
    Ok(rows)
}

/// Fingerprint, event, purchase and customer row of each event, in the order of arrival.
fn event_rows(from: &Bare, numbers: Range<u64>, customers: u64) -> anyhow::Result<Vec<bare::Row>> {
    let mut rows = Vec::new();
    for i in numbers {
        let (n, before) = people::owner(i, customers);
        let (number, _) = from.number(&people::id(n))?;
        let event = from.nth(&bare::key(b'e', number), usize::try_from(before)?)?;
        let fingerprint = &event.0[event.0.len() - 16..];
        let seen = from.row([b"d", fingerprint].concat())?;
        let purchase = [&bare::key(b'u', number)[..], people::order_id(i).as_bytes()].concat();
        rows.extend([seen, event, from.row(purchase)?, from.row(bare::key(b'c', number))?]);
    }
    Ok(rows)
}
