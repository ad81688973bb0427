//! A year of every customer's life under twenty rules, from the store, against bare sled reading the same histories on two
//! threads.

use crate::bare::Bare;
use crate::project::{NOBODY, Project, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, people, scratch};
use retaind::app;
use retaind::domain::{Span, Time};
use retaind::http::{SimulateRequest, When};
use retaind::store::sled::OpenMode;
use std::path::Path;
use std::time::Duration;

const YEAR: Span = Span::days(365);
/// What a year of 100,000 customers may take on two cores.
const MOST: f64 = 60.0;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::FiveWindowed, NOBODY)?;
    fill::store(&project.store(), customers, &project.load()?.rules.interest)?;
    let mut rows = Vec::new();
    for (what, from) in
        [("the year before the last event", people::NOW.minus(YEAR)), ("the year to come", in_a_week()?)]
    {
        let Led { seconds, cpu, deliveries } = lead(&project, from)?;
        let row = |what: String, figure, ceiling| Row {
            what,
            figure,
            ceiling,
            unit: Unit::Seconds,
            limit: Limit::AtMost(MOST * customers as f64 / 100_000.0),
        };
        rows.push(row(format!("{what}, {deliveries} deliveries"), seconds, Some(scan(&project.store(), customers)?)));
        rows.push(Row { limit: Limit::None, ..row("  processor time".into(), cpu, None) });
        let each = cpu * 1000.0 / customers as f64;
        rows.push(Row { unit: Unit::Milliseconds, limit: Limit::None, ..row("  a customer-year".into(), each, None) });
    }
    show(&format!("a year of {customers} customers under 20 rules"), &rows);
    Ok(())
}

/// Later than now, so that nothing of the past arrives.
fn in_a_week() -> anyhow::Result<Time> {
    let now = std::time::UNIX_EPOCH.elapsed()?.as_millis();
    Ok(Time(i64::try_from(now)?).plus(Span::days(7)))
}

struct Led {
    seconds: f64,
    /// Seconds of all threads.
    cpu: f64,
    deliveries: u64,
}

fn lead(project: &Project, from: Time) -> anyhow::Result<Led> {
    let runtime = scratch::runtime()?;
    let (operations, closer) = runtime.block_on(app::offline(&project.settings(), OpenMode::MustExist))?;
    let request = SimulateRequest { from: When::At(from), to: When::At(from.plus(YEAR)), rule: None };
    let cpu = machine::cpu_seconds("self")?;
    let (report, seconds) = scratch::timed(|| Ok(runtime.block_on(operations.simulate(request))?))?;
    let cpu = machine::cpu_seconds("self")? - cpu;
    anyhow::ensure!(report.total > 0, "nothing goes out");
    runtime.block_on(closer.close())?;
    Ok(Led { seconds, cpu, deliveries: report.total })
}

/// A thread of the store that is just ending may still hold the folder.
fn opened(store: &Path) -> anyhow::Result<Bare> {
    for _ in 0..50 {
        match Bare::open(store) {
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
            bare => return bare,
        }
    }
    Bare::open(store)
}

/// Reads records, events, profile rows and enrollments.
fn scan(store: &Path, customers: u64) -> anyhow::Result<f64> {
    let bare = opened(store)?;
    let mut seconds = 0.0;
    for kind in *b"cepl" {
        seconds += bare.scan(kind, 1..=customers + 1)?.1;
    }
    Ok(seconds)
}
