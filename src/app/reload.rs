//! Reload: everything is read and compiled, then swapped, or nothing changes.

use super::follow::Gone;
use super::project::{self, Loaded, Seen};
use super::shared::{DaemonParts, Shared};
use super::supervisor::Reloading;
use super::{build, live, operations};
use crate::config::{Admin, BackupSettings, Settings, StoreSettings};
use crate::delivery::World;
use crate::domain::{CustomerNumber, Diagnostic, Text};
use crate::http::{
    Failure, FailureKind, KeyRate, Problem, ReloadBy, ReloadReport, ReloadStatus, Result, take_a_restart,
};
use crate::telemetry::names::{self, label};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Customers brought under a new interest in one commit.
const REBUILD: usize = 100;

/// How often files that change while they are read are read again.
const READS: usize = 3;

/// After so long they are looked at again, if nobody asked for them now.
const STILL: Duration = Duration::from_millis(250);

/// The most problems that one reload writes into the log.
const MOST_LOGGED: usize = ReloadStatus::MOST_PROBLEMS;

/// The most files that the metrics tell apart over the daemon's life; the rest is counted together.
const MOST_FILES: usize = 100;

/// What a daemon remembers from one reload to the next. Whoever holds it is the only one who reloads, so that the files
/// that were read last are the ones in use.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What was read when it was last compiled, whether it came into use or not.
    tried: Option<Seen>,
    /// Files that the metrics have told of.
    files: BTreeSet<String>,
}

impl Memory {
    /// Of a daemon that works with what was read then.
    pub(super) const fn of(seen: Seen) -> Self {
        Self { tried: Some(seen), files: BTreeSet::new() }
    }
}

/// The settings that a daemon takes when it starts and keeps until it ends.
#[derive(Debug)]
pub(crate) struct Fixed {
    store: StoreSettings,
    admin: Admin,
    public: Option<SocketAddr>,
}

impl Fixed {
    pub(super) fn of(settings: &Settings) -> Self {
        let Settings { store, http, .. } = settings;
        Self { store: store.clone(), admin: http.admin.clone(), public: http.public }
    }

    /// Of settings that are read now, those that come into use with a restart only.
    fn changed(&self, settings: &Settings) -> Vec<String> {
        let now = Self::of(settings);
        // The socket that no setting names lies in the store's folder and moves with it.
        let moves = self.in_store() && now.in_store();
        let all = [
            ("store.path", self.store.path != now.store.path),
            ("store.cache", self.store.cache != now.store.cache),
            ("http.admin", self.admin != now.admin && !moves),
            ("http.public", self.public != now.public),
        ];
        all.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
    }

    fn in_store(&self) -> bool {
        matches!(&self.admin, Admin::Socket(path) if path.parent() == Some(&self.store.path))
    }
}

/// What came of a look at files that changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// They say what they said at the last try.
    Unchanged,
    /// They would take a rule or a step away that was there a moment ago: look again after so long.
    Waits(Duration),
    /// They came into use, or were refused and that told.
    Tried,
}

/// What new files came to.
struct New {
    world: World,
    keys: (Vec<SecretString>, KeyRate),
    watch: bool,
    backup: Option<BackupSettings>,
    /// Names of settings that come into use with a restart only.
    restart: Vec<String>,
}

/// Reads everything again because somebody asked for it, and acts at once.
pub(super) async fn reload(core: &Arc<Shared>, by: ReloadBy) -> Result<ReloadReport> {
    let Some(daemon) = &core.daemon else {
        return Err(Failure::new(FailureKind::Conflict, "no daemon runs, so there is nothing to reload"));
    };
    let mut memory = daemon.reloading.lock().await;
    let _told = Reloading::begin();
    let (loaded, _) = read(core).await?;
    memory.tried = Some(loaded.seen.clone());
    let ready = match compiled(&loaded, &core.world.load(), &daemon.fixed) {
        Ok(new) => live(core, new).await,
        Err(failure) => Err(failure),
    };
    finish(core, daemon, (&mut memory, by), &loaded, ready).await
}

/// Takes in what is ready and tells what came of it; not before it is so, for who reads that it is taken acts on it.
async fn finish(
    core: &Arc<Shared>,
    daemon: &DaemonParts,
    (memory, by): (&mut Memory, ReloadBy),
    loaded: &Loaded,
    ready: Result<Ready>,
) -> Result<ReloadReport> {
    let taken = match ready {
        Ok(ready) => Ok(take(core, daemon, by, loaded, ready).await),
        Err(failure) => Err(failure),
    };
    note(core, daemon, memory, by, loaded, taken.as_ref().map(|(report, _)| report));
    let (report, cancelled) = taken?;
    cancelled.map_err(operations::failure)?;
    Ok(report)
}

/// Reads everything again because something of it was saved. The same bytes as at the last try are left alone, and what
/// would take something away waits until it has been gone for a while.
pub(super) async fn follow(core: &Arc<Shared>, gone: &mut Gone) -> Result<Followed> {
    let Some(daemon) = &core.daemon else { return Ok(Followed::Unchanged) };
    let mut memory = daemon.reloading.lock().await;
    if let Some(tried) = memory.tried.clone()
        && off_thread(core, move |_| tried.is_current()).await?
    {
        gone.forget();
        return Ok(Followed::Unchanged);
    }
    let (loaded, is_still) = read(core).await?;
    if !is_still {
        return Ok(Followed::Waits(STILL));
    }
    let old = core.world.load_full();
    let new = compiled(&loaded, &old, &daemon.fixed);
    let away = new.as_ref().map(|new| removed_steps(&old, &new.world)).unwrap_or_default();
    if let Some(wait) = gone.wait(&away, Instant::now()) {
        tracing::debug!(?away, "gone from the files; waiting whether it comes back");
        return Ok(Followed::Waits(wait));
    }
    gone.forget();
    memory.tried = Some(loaded.seen.clone());
    let _told = Reloading::begin();
    let ready = match new {
        Ok(new) => live(core, new).await,
        Err(failure) => Err(failure),
    };
    match finish(core, daemon, (&mut memory, ReloadBy::Watch), &loaded, ready).await {
        Ok(_) => Ok(Followed::Tried),
        Err(failure) if matches!(failure.kind, FailureKind::Rules | FailureKind::Settings) => Ok(Followed::Tried),
        Err(failure) => {
            // Not the files are at fault, so the same files may do the next time.
            memory.tried = None;
            Err(failure)
        }
    }
}

/// Reads and compiles everything, and again if something of it changed meanwhile. Answers whether the last reading is what
/// the files still say; if not, some of it may be from before and some from after.
async fn read(core: &Shared) -> Result<(Loaded, bool)> {
    off_thread(core, |settings_file| {
        for _ in 1..READS {
            let loaded = project::load(settings_file);
            if loaded.seen.is_current() {
                return (loaded, true);
            }
        }
        let loaded = project::load(settings_file);
        let is_still = loaded.seen.is_current();
        (loaded, is_still)
    })
    .await
}

/// Does something with the files of the project where waiting for a disk holds nobody up.
async fn off_thread<T: Send + 'static>(core: &Shared, work: impl FnOnce(&Path) -> T + Send + 'static) -> Result<T> {
    let settings_file = core.settings_file.clone();
    let done = tokio::task::spawn_blocking(move || work(&settings_file)).await;
    done.map_err(|error| Failure::from_error(FailureKind::Internal, &error))
}

/// Everything that files without an error come to, or why they cannot be used.
fn compiled(loaded: &Loaded, old: &World, fixed: &Fixed) -> Result<New> {
    let project = match &loaded.project {
        Some(project) if !loaded.has_errors() => project,
        _ => {
            let kind = if loaded.bad_settings { FailureKind::Settings } else { FailureKind::Rules };
            let failure = Failure::new(kind, "the files have errors; what was in use stays in use");
            return Err(failure.with(&loaded.diagnostics));
        }
    };
    if !loaded.has_rules && !old.rules.rules.is_empty() {
        // Taking it for "no rules any more" would cancel everything that is queued.
        return Err(Failure::new(FailureKind::Rules, "the folder rules/ is gone; what was in use stays in use"));
    }
    let built = build::world(project).and_then(|world| build::write_keys(project).map(|keys| (world, keys)));
    let (world, keys) = built.map_err(|error| Failure::from_error(FailureKind::Settings, error.as_ref()))?;
    let Settings { reload, backup, .. } = &project.settings;
    let restart = fixed.changed(&project.settings);
    Ok(New { world, keys, watch: reload.watch, backup: backup.clone(), restart })
}

/// What is about to come into use: the rules are live in the store.
struct Ready {
    new: New,
    live: live::Live,
}

/// Makes new rules go live, before anything that arrives is kept for them: what it starts depends on that.
async fn live(core: &Shared, mut new: New) -> Result<Ready> {
    let _editing = core.pauses.editing().await;
    let live = live::go_live(core.store.as_ref(), &new.world, core.clock.now()).await.map_err(operations::failure)?;
    live.tell(&mut new.world.rules);
    Ok(Ready { new, live: live.since })
}

/// Tells what was found: the log, `status`, the metrics.
fn note(
    core: &Shared,
    daemon: &DaemonParts,
    memory: &mut Memory,
    by: ReloadBy,
    loaded: &Loaded,
    taken: std::result::Result<&ReloadReport, &Failure>,
) {
    let refused = taken.err();
    let restart = taken.map(|report| report.restart.clone()).unwrap_or_default();
    for diagnostic in loaded.diagnostics.iter().take(MOST_LOGGED) {
        if diagnostic.is_error() {
            tracing::error!("{diagnostic}");
        } else {
            tracing::warn!("{diagnostic}");
        }
    }
    if let Some(more @ 1..) = loaded.diagnostics.len().checked_sub(MOST_LOGGED) {
        tracing::warn!("and {more} problems more; `retaind check` shows all");
    }
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count() as u64;
    let message = refused.map(|failure| {
        failure.causes.iter().fold(failure.message.clone(), |message, cause| format!("{message}: {cause}"))
    });
    if let Some(message) = &message {
        tracing::error!(errors, by = by.word(), "reload refused: {message}");
    }
    if let Some(rest) = take_a_restart(&restart) {
        tracing::warn!(by = by.word(), "{rest}: until then the daemon goes on with what it began with");
    }
    let ok = refused.is_none();
    daemon.reloaded(ReloadStatus {
        at: core.clock.now(),
        ok,
        by,
        errors: errors.max(u64::from(!ok)),
        message,
        problems: kept(&loaded.diagnostics, &core.settings_file),
        restart,
    });
    metrics::counter!(names::RELOADS, label::RESULT => if ok { "ok" } else { "refused" }).increment(1);
    memory.count(&loaded.diagnostics);
}

/// The problems as `status` goes on showing them, errors first. Of the settings no line is kept: one that cannot be read
/// may hold a secret in clear.
fn kept(diagnostics: &[Diagnostic], settings_file: &Path) -> Vec<Problem> {
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|diagnostic| diagnostic.is_error());
    let all = errors.into_iter().chain(warnings).take(ReloadStatus::MOST_PROBLEMS);
    let settings_file = settings_file.display().to_string();
    all.map(|diagnostic| Problem::from(diagnostic).without_lines_of(&settings_file)).collect()
}

impl Memory {
    /// Tells the metrics of each file how many errors it has; those that have none any more are told so.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    fn count(&mut self, diagnostics: &[Diagnostic]) {
        let mut counts: BTreeMap<String, u64> = self.files.iter().map(|file| (file.clone(), 0)).collect();
        for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            let file = diagnostic.place.file.display().to_string();
            let is_told_apart = counts.contains_key(&file) || counts.len() < MOST_FILES;
            *counts.entry(if is_told_apart { file } else { "other".to_owned() }).or_default() += 1;
        }
        for (file, errors) in &counts {
            metrics::gauge!(names::RULE_FILE_ERRORS, label::FILE => file.clone()).set(*errors as f64);
        }
        self.files = counts.into_keys().collect();
    }
}

/// Puts what was compiled in place of what was in use. Answers what that is, and whether what its steps had queued that are
/// gone could be cancelled.
async fn take(
    core: &Arc<Shared>,
    daemon: &DaemonParts,
    by: ReloadBy,
    loaded: &Loaded,
    ready: Ready,
) -> (ReloadReport, crate::store::Result<()>) {
    let Ready { new: New { world, keys: (keys, rate), watch, backup, restart }, live } = ready;
    let old = core.world.load_full();
    let names = |world: &World| -> BTreeSet<Text> { world.rules.rules.iter().map(|rule| rule.id.clone()).collect() };
    let (before, after) = (names(&old), names(&world));
    let report = ReloadReport {
        rules: world.rules.rules.len() as u64,
        templates: loaded.template_files as u64,
        added: after.difference(&before).map(Into::into).collect(),
        removed: before.difference(&after).map(Into::into).collect(),
        diagnostics: loaded.diagnostics.iter().map(Problem::from).collect(),
        restart,
    };
    let removed = removed_steps(&old, &world);
    daemon.bell.set_live(live);
    let changed_interest = world.interest.fingerprint() != old.interest.fingerprint();
    core.world.store(Arc::new(world));
    daemon.worker.reloaded();
    daemon.bell.world_changed();
    daemon.senders.replace(&keys, rate);
    daemon.follow.send_if_modified(|follow| std::mem::replace(follow, watch) != watch);
    daemon.nightly.send_if_modified(|wanted| {
        let changed = *wanted != backup;
        *wanted = backup;
        changed
    });
    daemon.replan.ask();
    let cancelled = cancel_removed(core, &removed).await;
    daemon.worker.wake();
    if changed_interest {
        tokio::spawn(rebuild(Arc::clone(core)));
    }
    tracing::info!(rules = report.rules, added = ?report.added, removed = ?report.removed, by = by.word(), "reloaded");
    (report, cancelled)
}

/// Steps that were and are no more, as (rule, step); a rule that is gone has all of its steps here.
pub(super) fn removed_steps(old: &World, new: &World) -> Vec<(Text, Text)> {
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
