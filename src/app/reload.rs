//! Reload: everything is read and compiled, then swapped, or nothing changes.

use super::build;
use super::project;
use super::shared::Shared;
use crate::domain::CustomerNumber;
use crate::http::{Failure, FailureKind, Problem, ReloadReport, ReloadStatus, Result};
use crate::telemetry::names::{self, label};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Customers brought under a new interest in one commit.
const REBUILD: usize = 100;

pub(super) async fn reload(core: &Arc<Shared>) -> Result<ReloadReport> {
    let Some(daemon) = &core.daemon else {
        return Err(Failure::new(FailureKind::Conflict, "no daemon runs, so there is nothing to reload"));
    };
    // One at a time: the files that were read last are the ones in use.
    let _reloading = daemon.reloading.lock().await;
    let settings_file = core.settings_file.clone();
    let loaded = tokio::task::spawn_blocking(move || project::load(&settings_file))
        .await
        .map_err(|error| Failure::from_error(FailureKind::Internal, &error))?;
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count() as u64;
    for diagnostic in &loaded.diagnostics {
        if diagnostic.is_error() {
            tracing::error!("{diagnostic}");
        } else {
            tracing::warn!("{diagnostic}");
        }
    }
    let old = core.world.load_full();
    let templates = loaded.template_files as u64;
    let world = if let Some(project) = &loaded.project {
        build::world(project)
            .map_err(|error| Failure::new(FailureKind::Settings, "the settings cannot be used").because(error.as_ref()))
    } else {
        let kind = if loaded.bad_settings { FailureKind::Settings } else { FailureKind::Rules };
        Err(Failure::new(kind, "the old rules stay in use").with(&loaded.diagnostics))
    };
    let now = core.clock.now();
    let failed = world.is_err();
    daemon.reloaded(ReloadStatus { at: now, ok: !failed, errors: errors.max(u64::from(failed)) });
    metrics::gauge!(names::LAST_RELOAD_OK).set(if failed { 0.0 } else { 1.0 });
    let result = if failed { "refused" } else { "ok" };
    metrics::counter!(names::RELOADS, label::RESULT => result).increment(1);
    let world = world.inspect_err(|failure| tracing::error!(%failure, "reload failed; the old rules stay in use"))?;
    let names = |world: &crate::delivery::World| -> BTreeSet<String> {
        world.rules.rules.iter().map(|rule| rule.id.clone()).collect()
    };
    let (before, after) = (names(&old), names(&world));
    let report = ReloadReport {
        rules: world.rules.rules.len() as u64,
        templates,
        added: after.difference(&before).cloned().collect(),
        removed: before.difference(&after).cloned().collect(),
        diagnostics: loaded.diagnostics.iter().map(Problem::from).collect(),
    };
    let changed_interest = world.interest.fingerprint() != old.interest.fingerprint();
    core.world.store(Arc::new(world));
    daemon.replan.ask();
    daemon.worker.wake();
    if changed_interest {
        tokio::spawn(rebuild(Arc::clone(core)));
    }
    tracing::info!(rules = report.rules, added = ?report.added, removed = ?report.removed, "reloaded");
    Ok(report)
}

/// Brings stored totals under what the rules name now, in the background. Readers meanwhile rebuild what they need
/// from the log themselves, so nothing waits for this.
pub(super) async fn rebuild(core: Arc<Shared>) {
    let world = core.world.load_full();
    let fingerprint = world.interest.fingerprint();
    let mut after: Option<CustomerNumber> = None;
    loop {
        // Another reload has its own run.
        if core.world.load().interest.fingerprint() != fingerprint {
            return;
        }
        match core.store.rebuild(after, REBUILD, &world.interest, core.clock.now()).await {
            Ok(Some(last)) => after = Some(last),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "totals could not be brought up to date; they are rebuilt as they are read");
                return;
            }
        }
    }
}
