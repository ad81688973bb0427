//! `retaind run`: from the settings file to the exit code.

use super::daemon::{self, read_project, require};
use super::{StartError, jumps, reload, supervisor};
use crate::clock::{Clock, SystemClock};
use crate::http::{AdminListener, PublicLimits, PublicListener, ReloadBy};
use crate::store::sled::{BallastPolicy, Cache, OpenMode, RoundEnded, SledSettings};
use crate::telemetry::{Metrics, names};
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often systemd is asked for more time while the store opens, and for how much.
const STARTING: (Duration, u32) = (Duration::from_secs(20), 60);

/// How long answers under way may take after SIGTERM.
const ADMIN_GRACE: Duration = Duration::from_secs(2);

/// The same, for calls that bring events.
const PUBLIC_GRACE: Duration = Duration::from_secs(10);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What keeps it from starting, or made it stop; [`super::exit_code`] knows the code.
pub(super) async fn run(settings_file: &Path) -> anyhow::Result<()> {
    let loaded = read_project(settings_file).await?;
    let seen = loaded.seen.clone();
    let project = require(loaded)?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let recorder = Metrics::install();
    crate::telemetry::log_panics();
    // Before it is opened, which is written down.
    for doubt in jumps::doubts(SystemClock.now(), jumps::last_written(&project.settings.store.path)) {
        tracing::warn!("the clock cannot be right: {doubt}; put it right, for times are taken from it");
    }
    let kept = SledSettings { cache: Cache::OfStore, ballast: BallastPolicy::Lay };
    let store = patiently(super::open_store(&project.settings, OpenMode::Create, kept)).await?;
    store.on_round(count_round);
    let address = super::admin_address(&project.settings)?;
    let listener = AdminListener::bind(&address).await.context("the admin interface cannot be offered")?;
    let public = match project.settings.http.public {
        Some(address) => Some(PublicListener::bind(address).await.context("events cannot be taken in")?),
        None => None,
    };
    let mut daemon =
        daemon::start(project, settings_file, Arc::new(store), Arc::new(SystemClock), Some(recorder)).await?;
    let (stop_admin, admin_stopped) = oneshot::channel::<()>();
    let admin =
        tokio::spawn(listener.serve(daemon.operations(), async move { drop(admin_stopped.await) }, ADMIN_GRACE));
    let (stop_public, public_stopped) = oneshot::channel::<()>();
    let public = public.map(|listener| serve_public(listener, &daemon, public_stopped));
    let clocks = tokio::spawn(jumps::watch(SystemClock));
    supervisor::ready();
    daemon.follow(seen).await;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "ready");
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            error = daemon.failed() => break Some(error),
            _ = hangup.recv() => {
                // Its problems are in the log; the old rules stay.
                let done = reload::reload(daemon.shared(), ReloadBy::Signal).await;
                tracing::debug!(ok = done.is_ok(), "SIGHUP handled");
            }
        }
    };
    supervisor::stopping();
    clocks.abort();
    if let Some(error) = ended {
        return Err(StartError::Store(error).into());
    }
    tracing::info!("stopping");
    drop((stop_admin, stop_public));
    daemon.stop();
    // What is under way there is stored before the store is closed.
    if let Some(public) = public {
        public.await.context("the public listener broke")?;
    }
    let drained = daemon.drain().await;
    if let Err(error) = admin.await.context("the admin interface broke")? {
        tracing::warn!(%error, "the admin interface failed");
    }
    drained
}

/// Counts a round of the store.
fn count_round(round: RoundEnded) {
    if round.durable {
        metrics::histogram!(names::COMMIT_SECONDS).record(round.took);
    } else {
        metrics::counter!(names::COMMIT_FAILURES).increment(1);
    }
}

/// Lets the public listener answer; what it began is finished when the task is.
fn serve_public(listener: PublicListener, daemon: &daemon::Daemon, stopped: oneshot::Receiver<()>) -> JoinHandle<()> {
    match listener.address() {
        Ok(address) => tracing::info!(%address, "taking events in"),
        Err(error) => tracing::warn!(%error, "taking events in, at an address that the system does not tell"),
    }
    let stop = async move { drop(stopped.await) };
    tokio::spawn(listener.serve(daemon.intake(), PublicLimits::default(), stop, PUBLIC_GRACE))
}

/// Waits for a part of the start that may take long (reading a large store after a crash), and asks systemd for more
/// time as long as it goes on.
async fn patiently<T>(part: impl Future<Output = T>) -> T {
    let mut part = std::pin::pin!(part);
    loop {
        supervisor::starting_takes(STARTING.1);
        tokio::select! {
            done = &mut part => return done,
            () = tokio::time::sleep(STARTING.0) => {}
        }
    }
}
