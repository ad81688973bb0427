//! What everything in the composition root shares.

use super::operations::metrics::Told;
use super::reload::{Fixed, Memory};
use super::ticks::Planner;
use super::watch::Bell;
use crate::clock::Clock;
use crate::config::BackupSettings;
use crate::delivery::{Pauses, Worker, World};
use crate::domain::{Class, Diagnostic, Reason, Time};
use crate::engine;
use crate::http::{Failure, FailureKind, ReloadStatus, Senders};
use crate::store::{Result, Store};
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Name of the store's flag that stops all sending.
const PAUSED: &str = "paused";
/// Name of the flag that stops all marketing; its value says why.
pub(super) const MARKETING_PAUSED: &str = "paused-marketing";

/// Store, rules, clock and what is paused; of a daemon, or of one command without one.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) world: Arc<ArcSwap<World>>,
    pub(crate) pauses: Arc<Pauses>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings file, as the user named it.
    pub(crate) settings_file: PathBuf,
    pub(crate) store_path: PathBuf,
    /// Errors in rules and templates, of which a command without a daemon may need none.
    pub(crate) broken: Vec<Diagnostic>,
    /// Nightly backups, as the settings wanted them when this began.
    pub(crate) backup: Option<BackupSettings>,
    /// The daemon's own parts; `None` when a command works without one.
    pub(crate) daemon: Option<DaemonParts>,
}

/// What only a running daemon has.
pub(crate) struct DaemonParts {
    pub(crate) worker: Worker,
    /// Rings for the watcher.
    pub(crate) bell: Bell,
    pub(crate) started_at: Time,
    /// The settings that it keeps until it ends.
    pub(crate) fixed: Fixed,
    /// Says that the schedules may have changed.
    pub(crate) replan: Arc<Replan>,
    /// The instant of the tick loop's last look that was finished.
    pub(crate) looked_at: watch::Sender<Time>,
    /// Who may send to the public listener.
    pub(crate) senders: Arc<Senders>,
    pub(crate) reloading: tokio::sync::Mutex<Memory>,
    /// Whether the files are to be watched.
    pub(crate) follow: watch::Sender<bool>,
    /// Nightly backups, as the settings want them.
    pub(crate) nightly: watch::Sender<Option<BackupSettings>>,
    /// Why the last one came to nothing, if so.
    pub(crate) backup_failed: Mutex<Option<(Time, String)>>,
    pub(crate) last_reload: Mutex<Option<ReloadStatus>>,
    /// What gauges have told of rules and lanes.
    pub(crate) told: Mutex<Told>,
    /// Renders the metrics.
    pub(crate) metrics: Option<crate::telemetry::Metrics>,
}

/// Asks the tick loop to plan anew.
#[derive(Debug, Default)]
pub(crate) struct Replan {
    wanted: AtomicBool,
    pub(crate) wake: Notify,
}

impl Replan {
    pub(crate) fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Makes the planner forget when that was asked for.
    pub(crate) fn apply(&self, planner: &mut Planner) {
        if self.wanted.swap(false, Ordering::SeqCst) {
            planner.forget();
        }
    }
}

impl Shared {
    /// For what needs the rules: that they have no errors.
    pub(crate) fn sound_rules(&self) -> std::result::Result<(), Failure> {
        if self.broken.iter().any(Diagnostic::is_error) {
            return Err(Failure::new(FailureKind::Rules, "the rules or templates have errors").with(&self.broken));
        }
        Ok(())
    }

    /// Reads from the store what is paused.
    pub(crate) async fn load_pauses(&self) -> Result<()> {
        self.pauses.set_all(self.store.flag(PAUSED).await?.is_some());
        self.pauses.set_marketing(self.store.flag(MARKETING_PAUSED).await?.is_some());
        for (rule, state) in self.store.rule_states().await? {
            self.pauses.set_rule(&rule, state.paused);
        }
        Ok(())
    }

    /// Stops or starts all sending, durably; to start it also ends the pause of marketing. Answers whether anything was
    /// stopped before.
    pub(crate) async fn set_paused(&self, paused: bool) -> Result<bool> {
        let before = if paused { self.pauses.all() } else { self.pauses.stops(Class::Marketing) };
        self.store.set_flag(PAUSED, paused.then_some("by a person")).await?;
        self.pauses.set_all(paused);
        if !paused {
            self.store.set_flag(MARKETING_PAUSED, None).await?;
            self.pauses.set_marketing(false);
        }
        self.wake();
        Ok(before)
    }

    /// Pauses or resumes a rule, durably.
    pub(crate) async fn set_rule_paused(&self, rule: &str, reason: Option<Reason>) -> Result<()> {
        let _editing = self.pauses.editing().await;
        let mut states = self.store.rule_states().await?;
        let mut state =
            states.iter_mut().find(|(name, _)| name == rule).map(|(_, state)| state.clone()).unwrap_or_default();
        state.paused = reason;
        state.paused_at = reason.map(|_| self.clock.now());
        let world = self.world.load();
        if reason.is_none() && world.rules.get(rule).is_some_and(|rule| engine::brakes_at_once(rule)) {
            // A person let it go on: else the very next would stop it again.
            state.volume.clear();
        }
        drop(world);
        self.store.set_rule_states(vec![(rule.into(), state)]).await?;
        self.pauses.set_rule(rule, reason);
        Ok(())
    }

    /// Whether everything due at `now` was worked off: planned, decided, sent or put off.
    pub(crate) async fn is_idle(&self, now: Time) -> Result<bool> {
        let Some(daemon) = &self.daemon else { return Ok(true) };
        if *daemon.looked_at.borrow() < now || !self.store.open_ticks().await?.is_empty() {
            return Ok(false);
        }
        let Some(rounds) = self.has_looked(now).await? else { return Ok(false) };
        if self.store.lanes().await?.iter().any(|lane| lane.next_due <= now) {
            return Ok(false);
        }
        // Asked last: what a lane does not show any more because it was claimed is in hand by now.
        let progress = daemon.worker.progress();
        // What was sent may be remembered, and looked at for that.
        Ok(progress.last_pass >= now && progress.in_hand == 0 && self.has_looked(now).await? == Some(rounds))
    }

    /// Whether the watcher has looked at all whose time has come at `now`, and in how many rounds so far.
    async fn has_looked(&self, now: Time) -> Result<Option<u64>> {
        let Some(daemon) = &self.daemon else { return Ok(None) };
        if self.store.next_wake().await?.is_some_and(|wake| wake <= now) {
            return Ok(None);
        }
        // Asked last: whom the store does not show any more because they were taken are in hand by now.
        let progress = daemon.bell.progress();
        Ok((progress.last_pass >= now && !progress.busy && progress.scanned).then_some(progress.rounds))
    }

    /// Waits until [`Shared::is_idle`]: looks again whenever a loop says that it has looked, or something is done.
    pub(crate) async fn settled(&self, now: Time) -> Result<()> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let (mut looked, mut working) = (daemon.looked_at.subscribe(), daemon.worker.watch());
        let mut watching = daemon.bell.watch();
        loop {
            looked.mark_unchanged();
            working.mark_unchanged();
            watching.mark_unchanged();
            if self.is_idle(now).await? {
                if !working.has_changed().unwrap_or(false) {
                    return Ok(());
                }
                // What was in hand when the lanes were asked may have been given back before the hand was.
                continue;
            }
            daemon.replan.wake.notify_one();
            daemon.worker.wake();
            daemon.bell.ring();
            tokio::select! {
                Ok(()) = looked.changed() => {}
                Ok(()) = working.changed() => {}
                Ok(()) = watching.changed() => {}
                else => return Err(crate::store::StoreError::Closed),
            }
        }
    }

    /// Says that customers may have changed, to the watcher, if there is one.
    pub(crate) fn ring(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.bell.ring();
        }
    }

    /// As [`Shared::ring`], for customers to whom something happened just now.
    pub(crate) fn hurry(&self, customers: Vec<String>) {
        if let Some(daemon) = &self.daemon {
            daemon.bell.hurry(customers);
            daemon.bell.ring();
        }
    }

    /// Wakes the worker, if there is one.
    pub(crate) fn wake(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.worker.wake();
        }
    }
}

impl DaemonParts {
    pub(crate) fn reloaded(&self, status: ReloadStatus) {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    pub(crate) fn last_reload(&self) -> Option<ReloadStatus> {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
