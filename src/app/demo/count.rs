//! What the rules made of the customers, as it is kept with them.

use super::{Daemon, DemoReport};
use crate::app::StartError;
use crate::app::project::Project;
use crate::engine;
use crate::store::View;
use std::sync::Arc;

/// Customers read at a time.
const PAGE: usize = 500;

/// Adds the enrollments, and the steps that wait for their day.
pub(super) async fn enrollments(daemon: &Daemon, project: &Project, report: &mut DemoReport) -> anyhow::Result<()> {
    let core = daemon.shared();
    for rule in &project.rules.rules {
        report.rules.entry(rule.id.to_string()).or_default();
    }
    let world = core.world.load_full();
    let view = View { interest: Arc::clone(&world.interest), now: core.clock.now(), backtest: false };
    let (last, mut after) = (core.store.last_customer(), None);
    loop {
        let page = core.store.customers(after, last, PAGE, &view).await.map_err(StartError::Store)?;
        let Some(end) = page.last() else { return Ok(()) };
        after = Some(end.number);
        for customer in page.into_iter().map(|stored| stored.customer) {
            let zone = world.zone_of(&customer);
            for rule in &project.rules.rules {
                let counted = report.rules.entry(rule.id.to_string()).or_default();
                if let Some(memory) = customer.memory.get(&rule.id) {
                    let counted = if memory.held_out { &mut counted.held_out } else { &mut counted.enrolled };
                    *counted += u64::from(memory.enrollments);
                }
                let active = customer.watch.active.iter().filter(|active| active.rule == rule.id);
                let waiting: usize = active.map(|active| engine::waiting(rule, active, &zone).len()).sum();
                counted.waiting += waiting as u64;
            }
        }
    }
}
