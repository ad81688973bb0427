//! What systemd is told (`sd_notify`): ready, alive, reloading, stopping. Without systemd all of it does nothing.

use crate::clock::Clock;
use crate::delivery::Worker;
use crate::domain::Span;
use sd_notify::NotifyState;

/// The outbox worker looks for work every second; silent for longer than this it hangs, and the watchdog is to bite.
const WORKER_SILENT: Span = Span::seconds(20);

/// Everything is open and compiled.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload begins; systemd compares the time to tell one reload from the next.
pub(crate) fn reloading() {
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

/// Called by the loop that works ticks off: tells the watchdog that it is alive, if the outbox worker is too.
pub(crate) fn alive(worker: &Worker, clock: &dyn Clock) {
    if clock.now().since(worker.progress().last_pass) < WORKER_SILENT {
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
