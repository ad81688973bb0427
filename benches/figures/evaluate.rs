//! Evaluating all rules over all customers from the store, by the code that `plan` and the ticks share, against bare
//! sled reading the same rows on two threads.

use crate::bare::Bare;
use crate::project::{NOBODY, Project, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, scratch};
use retaind::app;
use retaind::http::PlanRequest;
use retaind::store::sled::OpenMode;
use std::path::Path;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let million = customers as f64 / 1e6;
    let mut rows = Vec::new();
    for (rules, what, first, warm) in
        [(Rules::Totals, "20 over totals", 5.0, 2.5), (Rules::FiveWindowed, "15 over totals, 5 windowed", 6.0, 6.0)]
    {
        let folder = scratch::folder()?;
        let project = Project::write(folder.path(), rules, NOBODY)?;
        fill::store(&project.store(), customers, &project.load()?.rules.interest)?;
        let [cold_seconds, warm_seconds, cpu_seconds] = plan_twice(&project)?;
        let [cold_ceiling, warm_ceiling] = scan_twice(&project.store(), customers)?;
        let row = |when: &str, figure, ceiling, most: f64| Row {
            what: format!("{what}, {when}"),
            figure,
            ceiling: Some(ceiling),
            unit: Unit::Seconds,
            limit: Limit::AtMost(most * million),
        };
        rows.push(row("right after start", cold_seconds, cold_ceiling, first));
        rows.push(row("warm", warm_seconds, warm_ceiling, warm));
        let cpu = row("warm, processor time", cpu_seconds, warm_ceiling, 0.0);
        rows.push(Row { ceiling: None, limit: Limit::None, ..cpu });
    }
    show(&format!("20 rules over {customers} customers from the store"), &rows);
    Ok(())
}

/// Seconds of the first plan after the store was opened, and of the best of three after it, and its processor time.
fn plan_twice(project: &Project) -> anyhow::Result<[f64; 3]> {
    let runtime = scratch::runtime()?;
    let (operations, closer) = runtime.block_on(app::offline(&project.settings(), OpenMode::MustExist))?;
    let once = || {
        let (report, seconds) = scratch::timed(|| Ok(runtime.block_on(operations.plan(PlanRequest::default()))?))?;
        let matched: u64 = report.rules.iter().map(|rule| rule.matched).sum();
        anyhow::ensure!(report.rules.len() == 20 && matched > 0, "the rules match nobody");
        Ok(seconds)
    };
    let first = once()?;
    let cpu = machine::cpu_seconds("self")?;
    let warm = once()?.min(once()?).min(once()?);
    let cpu = (machine::cpu_seconds("self")? - cpu) / 3.0;
    runtime.block_on(closer.close())?;
    Ok([first, warm, cpu])
}

fn scan_twice(store: &Path, customers: u64) -> anyhow::Result<[f64; 2]> {
    let bare = Bare::open(store)?;
    let once = || {
        let (rows, seconds) = bare.scan(b'c', 1..=customers)?;
        anyhow::ensure!(rows as u64 == customers, "{rows} customers were read");
        Ok(seconds)
    };
    Ok([once()?, once()?.min(once()?).min(once()?)])
}
