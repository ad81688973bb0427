//! Reload: everything is read and compiled, then swapped, or nothing changes.

use super::project;
use super::shared::Shared;
use super::{build, live, operations};
use crate::delivery::World;
use crate::domain::{CustomerNumber, Text};
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
    let world = match &loaded.project {
        Some(project) if !loaded.has_errors() => {
            if loaded.has_rules || old.rules.rules.is_empty() {
                build::world(project)
                    .and_then(|world| build::write_keys(project).map(|keys| (world, keys)))
                    .map_err(|error| Failure::from_error(FailureKind::Settings, error.as_ref()))
            } else {
                // Taking it for "no rules any more" would cancel everything that is queued.
                Err(Failure::new(FailureKind::Rules, "the folder rules/ is gone; what was in use stays in use"))
            }
        }
        _ => {
            let kind = if loaded.bad_settings { FailureKind::Settings } else { FailureKind::Rules };
            Err(Failure::new(kind, "the files have errors; what was in use stays in use").with(&loaded.diagnostics))
        }
    };
    let now = core.clock.now();
    let failed = world.is_err();
    daemon.reloaded(ReloadStatus { at: now, ok: !failed, errors: errors.max(u64::from(failed)) });
    metrics::gauge!(names::LAST_RELOAD_OK).set(if failed { 0.0 } else { 1.0 });
    let result = if failed { "refused" } else { "ok" };
    metrics::counter!(names::RELOADS, label::RESULT => result).increment(1);
    let (world, (keys, rate)) = world.inspect_err(|failure| {
        let causes = failure.causes.join(": ");
        tracing::error!(errors, %failure, causes, "reload refused; what was in use stays in use");
    })?;
    let names = |world: &World| -> BTreeSet<Text> { world.rules.rules.iter().map(|rule| rule.id.clone()).collect() };
    let (before, after) = (names(&old), names(&world));
    let report = ReloadReport {
        rules: world.rules.rules.len() as u64,
        templates,
        added: after.difference(&before).map(Into::into).collect(),
        removed: before.difference(&after).map(Into::into).collect(),
        diagnostics: loaded.diagnostics.iter().map(Problem::from).collect(),
    };
    let removed = removed_steps(&old, &world);
    // Before what arrives is kept for them, for what it starts depends on it.
    let live = {
        let _editing = core.pauses.editing().await;
        live::go_live(core.store.as_ref(), &world, now).await.map_err(operations::failure)?
    };
    daemon.bell.set_live(live);
    let changed_interest = world.interest.fingerprint() != old.interest.fingerprint();
    core.world.store(Arc::new(world));
    daemon.worker.reloaded();
    daemon.bell.world_changed();
    daemon.senders.replace(&keys, rate);
    daemon.replan.ask();
    cancel_removed(core, &removed).await.map_err(operations::failure)?;
    daemon.worker.wake();
    if changed_interest {
        tokio::spawn(rebuild(Arc::clone(core)));
    }
    tracing::info!(rules = report.rules, added = ?report.added, removed = ?report.removed, "reloaded");
    Ok(report)
}

/// Steps that were and are no more, as (rule, step); a rule that is gone has all of its steps here.
fn removed_steps(old: &World, new: &World) -> Vec<(Text, Text)> {
    let steps = |world: &World| -> BTreeSet<(Text, Text)> {
        let of = |rule: &crate::rules::Rule| -> Vec<(Text, Text)> {
            rule.steps.iter().map(|step| (rule.id.clone(), step.id.clone())).collect()
        };
        world.rules.rules.iter().flat_map(|rule| of(rule)).collect()
    };
    steps(old).difference(&steps(new)).cloned().collect()
}

/// Cancels what removed steps had queued, and what belongs to rules that were removed while nothing ran.
pub(super) async fn cancel_removed(core: &Shared, steps: &[(Text, Text)]) -> crate::store::Result<()> {
    let world = core.world.load_full();
    let known = core.store.rule_states().await?;
    let gone = known.into_iter().map(|(rule, _)| rule).filter(|rule| world.rules.get(rule).is_none());
    let rules: BTreeSet<Text> = gone.chain(steps.iter().map(|(rule, _)| rule.clone())).collect();
    // All deliveries are looked at, so once for all rules, and not at all where nothing is left to cancel.
    let left = core.store.stats().await?.deliveries.into_iter();
    if rules.is_empty() || left.filter(|(state, _)| !state.is_final()).all(|(_, count)| count == 0) {
        return Ok(());
    }
    let cancelled = operations::cancel_removed(core, |delivery| {
        rules.contains(delivery.rule.as_str())
            && (world.rules.get(&delivery.rule).is_none()
                || steps.iter().any(|(rule, step)| *rule == delivery.rule && *step == delivery.step))
    });
    let cancelled = cancelled.await?;
    if cancelled > 0 {
        tracing::warn!(?rules, deliveries = cancelled, "cancelled: their rule or its step was removed");
    }
    Ok(())
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
