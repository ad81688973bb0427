//! The daemon: start, work, reload, drain.

use super::intake::StoreIntake;
use super::operations::Ops;
use super::project::{self, Loaded, Project};
use super::shared::{DaemonParts, Replan, Shared};
use super::ticks::{Planner, Progress, TickRunner};
use super::watch::{self as watcher, Bell};
use super::{build, follow, live, nightly, reload, supervisor};
use crate::channels::webhook::{Poster, PosterSettings};
use crate::clock::Clock;
use crate::delivery::{Pauses, Worker};
use crate::domain::Time;
use crate::http::{Intake, Operations, Senders};
use crate::schedule::{Ticker, Wake};
use crate::store::{Store, StoreError};
use crate::telemetry::names;
use anyhow::Context;
use arc_swap::ArcSwap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long deliveries in hand may take to finish after SIGTERM; less than systemd's patience (`TimeoutStopSec`).
const DRAIN: Duration = Duration::from_secs(25);

/// Finished deliveries are kept that long.
const KEEP_FINISHED: crate::domain::Span = crate::domain::Span::days(90);

/// A daemon that has started.
pub(crate) struct Daemon {
    core: Arc<Shared>,
    stop: watch::Sender<bool>,
    working: tokio::task::JoinHandle<Result<usize, StoreError>>,
    ticking: tokio::task::JoinHandle<Result<(), StoreError>>,
    watching: tokio::task::JoinHandle<Result<(), StoreError>>,
    following: Option<tokio::task::JoinHandle<()>>,
}

/// Starts working: what was being sent when the last process ended is found, pauses are read, the loops begin.
pub(crate) async fn start(
    project: Project,
    settings_file: &Path,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Option<crate::telemetry::Metrics>,
) -> anyhow::Result<Daemon> {
    let now = clock.now();
    let found = store.recover(now).await.context("deliveries that were being sent could not be taken up")?;
    metrics::counter!(names::RECOVERED).increment(found);
    if found > 0 {
        tracing::warn!(deliveries = found, "were being sent when the last process ended; they are uncertain");
    }
    let mut world = build::world(&project)?;
    let (keys, rate) = build::write_keys(&project)?;
    let poster = Poster::new(PosterSettings::default()).context("webhooks cannot be sent")?;
    let live = live::go_live(store.as_ref(), &world, now).await.context("the rules could not go live")?;
    live.tell(&mut world.rules);
    let world = Arc::new(ArcSwap::from_pointee(world));
    let pauses = Arc::new(Pauses::default());
    let worker = Worker::new(Arc::clone(&store), Arc::clone(&world), Arc::clone(&pauses), Arc::clone(&clock), poster);
    let senders = Senders::new(&keys, rate);
    senders.trust(project.settings.http.trusted_proxies.clone());
    let daemon = DaemonParts {
        worker: worker.clone(),
        bell: Bell::new(now, live.since),
        started_at: now,
        fixed: reload::Fixed::of(&project.settings),
        replan: Arc::new(Replan::default()),
        looked_at: watch::Sender::new(Time::MIN),
        senders: Arc::new(senders),
        reloading: tokio::sync::Mutex::default(),
        follow: watch::Sender::new(project.settings.reload.watch),
        nightly: watch::Sender::new(project.settings.backup.clone()),
        backup_failed: std::sync::Mutex::default(),
        last_reload: std::sync::Mutex::default(),
        told: std::sync::Mutex::default(),
        metrics,
    };
    let core = Arc::new(Shared {
        store,
        world,
        pauses,
        clock,
        settings_file: settings_file.to_path_buf(),
        store_path: project.settings.store.path.clone(),
        broken: Vec::new(),
        backup: project.settings.backup.clone(),
        daemon: Some(daemon),
    });
    core.load_pauses().await.context("what is paused could not be read")?;
    reload::cancel_removed(&core, &[]).await.context("deliveries of removed rules could not be cancelled")?;
    tokio::spawn(reload::rebuild(Arc::clone(&core)));
    let (stop, stopped) = watch::channel(false);
    let working = {
        let (worker, stopped) = (worker.clone(), stopped.clone());
        tokio::spawn(async move { worker.run(stopped, DRAIN).await })
    };
    tokio::spawn(nightly::run(Arc::clone(&core), stopped.clone()));
    let watching = tokio::spawn(watcher::run(Arc::clone(&core), stopped.clone()));
    let ticking = tokio::spawn(tick_loop(Arc::clone(&core), worker, stopped));
    Ok(Daemon { core, stop, working, ticking, watching, following: None })
}

impl Daemon {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.core
    }

    pub(crate) fn operations(&self) -> Arc<dyn Operations> {
        Arc::new(Ops(Arc::clone(&self.core)))
    }

    /// What the public listener speaks to, and who may speak to it.
    pub(crate) fn intake(&self) -> (Arc<dyn Intake>, Arc<Senders>) {
        let senders = self.core.daemon.as_ref().map(|daemon| Arc::clone(&daemon.senders));
        (Arc::new(StoreIntake(Arc::clone(&self.core))), senders.unwrap_or_default())
    }

    /// Takes in from now on what is saved in the project's folder since it was `seen`.
    pub(crate) async fn follow(&mut self, seen: project::Seen) {
        if let Some(daemon) = &self.core.daemon {
            *daemon.reloading.lock().await = reload::Memory::of(seen);
            self.following = Some(tokio::spawn(follow::run(Arc::clone(&self.core), self.stop.subscribe())));
        }
    }

    /// Ends when one of the loops does by itself, which only a broken store makes it do.
    pub(crate) async fn failed(&mut self) -> StoreError {
        let ended = tokio::select! {
            result = &mut self.working => result.map(|done| done.map(drop)),
            result = &mut self.ticking => result,
            result = &mut self.watching => result,
        };
        match ended {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => StoreError::Closed,
        }
    }

    /// Begins no delivery and no tick any more; what is in hand goes on.
    pub(crate) fn stop(&self) {
        // Nobody listening means that the loops have ended already.
        self.stop.send_replace(true);
    }

    /// Stops claiming, lets what is in hand finish within the bound, closes the store.
    pub(crate) async fn drain(self) -> anyhow::Result<()> {
        self.stop();
        let left = self.working.await.context("the outbox worker broke")?;
        let ticked = self.ticking.await.context("the tick loop broke")?;
        let watched = self.watching.await.context("the watcher broke")?;
        if let Some(following) = self.following {
            following.await.context("the watch on the files broke")?;
        }
        self.core.store.close().await.context("the store could not be closed")?;
        match left? {
            0 => tracing::info!("stopped; nothing was in hand"),
            left => tracing::warn!(left, "stopped with deliveries in hand; they are found uncertain at the next start"),
        }
        ticked?;
        watched?;
        Ok(())
    }
}

/// Says after each page whether to go on, and feeds the watchdog, for a large tick takes longer than its patience.
struct Pages {
    stop: watch::Receiver<bool>,
    core: Arc<Shared>,
}

impl Progress for Pages {
    fn page_done(&self) -> bool {
        supervisor::alive(&self.core);
        !*self.stop.borrow()
    }
}

/// Plans and works off ticks, and does the upkeep, at every look.
async fn tick_loop(core: Arc<Shared>, worker: Worker, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
    let Some(daemon) = &core.daemon else { return Ok(()) };
    let ticker = match Ticker::start().await {
        Ok(ticker) => Some(ticker),
        Err(error) => {
            tracing::error!(%error, "the scheduler does not start; looking every second without it");
            None
        }
    };
    let mut planner = Planner::default();
    let runner = TickRunner::new(&core);
    let pages = Pages { stop: stop.clone(), core: Arc::clone(&core) };
    let mut upkeep = Upkeep::default();
    while !*stop.borrow() {
        daemon.replan.apply(&mut planner);
        match look(&core, &mut planner, &runner, &pages).await {
            Ok(0) => {}
            Ok(_) => worker.wake(),
            Err(error) if error.may_pass() || matches!(error, StoreError::Conflict) => {
                tracing::debug!(%error, "ticks wait; trying again at the next look");
            }
            Err(error) => return Err(error),
        }
        upkeep.look(&core).await?;
        supervisor::alive(&core);
        let look_now = async {
            match &ticker {
                Some(ticker) => {
                    if ticker.tick().await == Wake::Overdue {
                        metrics::counter!(names::OVERDUE_WAKES).increment(1);
                    }
                }
                None => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        tokio::select! {
            _ = stop.changed() => {}
            () = daemon.replan.wake.notified() => {}
            () = look_now => {}
        }
    }
    if let Some(ticker) = ticker
        && let Err(error) = ticker.stop().await
    {
        tracing::debug!(%error, "the scheduler did not stop");
    }
    Ok(())
}

async fn look(
    core: &Arc<Shared>,
    planner: &mut Planner,
    runner: &TickRunner,
    pages: &Pages,
) -> Result<usize, StoreError> {
    let now = core.clock.now();
    planner.plan(core.store.as_ref(), &core.world.load_full(), &core.pauses, now).await?;
    let completed = runner.run(&core.world, now, pages).await?;
    if let Some(daemon) = &core.daemon {
        daemon.looked_at.send_replace(now);
    }
    Ok(completed)
}

/// What is done now and then.
#[derive(Default)]
struct Upkeep {
    metrics_at: Time,
    pruned_at: Time,
}

impl Upkeep {
    async fn look(&mut self, core: &Shared) -> Result<(), StoreError> {
        use crate::domain::Span;
        let now = core.clock.now();
        if now.since(self.metrics_at).0.abs() >= Span::seconds(5).0 {
            self.metrics_at = now;
            if let Some(handle) = core.daemon.as_ref().and_then(|daemon| daemon.metrics.as_ref()) {
                handle.run_upkeep();
            }
        }
        if now.since(self.pruned_at).0.abs() >= Span::hours(1).0 {
            match core.store.prune(now.minus(KEEP_FINISHED), 1000).await {
                // A full page: more is waiting, so the next look goes on.
                Ok(1000..) => {}
                Err(error) if !error.may_pass() && !matches!(error, StoreError::Conflict) => return Err(error),
                Ok(_) | Err(_) => self.pruned_at = now,
            }
        }
        Ok(())
    }
}

/// Reads the project for a command that cannot go on without one.
pub(crate) fn require(loaded: Loaded) -> Result<Project, super::StartError> {
    let has_errors = loaded.has_errors();
    match loaded.project {
        Some(project) if !has_errors => {
            for warning in &loaded.diagnostics {
                tracing::warn!("{warning}");
            }
            Ok(project)
        }
        _ => Err(super::StartError::BadProject { diagnostics: loaded.diagnostics, bad_settings: loaded.bad_settings }),
    }
}

/// Reads the project of a settings file, off the runtime's threads.
pub(crate) async fn read_project(settings_file: &Path) -> anyhow::Result<Loaded> {
    let file = settings_file.to_path_buf();
    Ok(tokio::task::spawn_blocking(move || project::load(&file)).await?)
}
