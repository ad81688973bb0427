//! What systemd is told (`sd_notify`): ready, alive, reloading, stopping. Without systemd all of it does nothing.

use super::shared::Shared;
use crate::domain::Span;
use sd_notify::NotifyState;

/// The outbox worker and the watcher look for work every second; silent for longer than this one of them hangs, and the
/// watchdog is to bite.
const SILENT: Span = Span::seconds(20);

/// Everything is open and compiled.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload under way: systemd is told that it begins, and that all is ready when this is dropped, whatever it came to.
pub(crate) struct Reloading(());

impl Reloading {
    pub(crate) fn begin() -> Self {
        reloading();
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// A reload begins; systemd compares the time to tell one reload from the next.
fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The drain begins.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Opening a large store takes longer than systemd waits by itself: asks for that many seconds more from now.
pub(crate) fn starting_takes(seconds: u32) {
    tell(&[NotifyState::ExtendTimeoutUsec(seconds.saturating_mul(1_000_000))]);
}

/// Called by the loop that works ticks off: tells the watchdog that it is alive, if the outbox worker and the watcher are too.
pub(crate) fn alive(core: &Shared) {
    let Some(daemon) = &core.daemon else { return };
    let silent_since = daemon.worker.progress().last_pass.min(daemon.bell.progress().alive_at);
    if core.clock.now().since(silent_since) < SILENT {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
