//! What says "look now".
//!
//! What it is for: waking the daemon's loops, by jobs of tokio-cron-scheduler: every second to look for ticks and due
//! deliveries, every five seconds for the upkeep of metrics, every hour for housekeeping.
//! Invariants: a job does nothing but ring a [`Bell`], so jobs that overlap or bunch up ring once; whoever waits wakes
//! by itself when a bell stays silent for too long, so a dead scheduler delays sending by two seconds and never stops
//! it; times are UTC.
//! Deliberately not here: *what* is due. The library is trusted with no more than this, because in it the offset of a
//! zone is frozen when a job is made (its issues 87 and 107: an hour off after a change of daylight saving), `repeated`
//! jobs can stop for ever (113), ticks missed while nothing ran are lost, and activations are dropped when its channels
//! of 200 are full. So `calendar` plans occurrences, and the store remembers up to when they are planned.

mod bell;

pub use bell::{Bell, Wake};

use std::sync::Arc;
use std::time::Duration;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every second.
const LOOK: &str = "* * * * * *";
/// Every five seconds.
const METRICS: &str = "*/5 * * * * *";
/// Four minutes past each hour, away from the full hours at which rules like to fire.
const HOUSEKEEPING: &str = "0 4 * * * *";

/// Why the scheduler does not start.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler does not start")]
pub struct ScheduleError(#[source] JobSchedulerError);

/// The bells, and the scheduler that rings them.
pub struct Ticker {
    scheduler: JobScheduler,
    look: Arc<Bell>,
    metrics: Arc<Bell>,
    housekeeping: Arc<Bell>,
}

impl Ticker {
    /// Starts ringing. Needs a tokio runtime.
    pub async fn start() -> Result<Self, ScheduleError> {
        let ticker = Self {
            scheduler: JobScheduler::new().await.map_err(ScheduleError)?,
            look: Arc::new(Bell::new(Duration::from_secs(2))),
            metrics: Arc::new(Bell::new(Duration::from_secs(15))),
            housekeeping: Arc::new(Bell::new(Duration::from_hours(2))),
        };
        ticker.ring(LOOK, &ticker.look).await.map_err(ScheduleError)?;
        ticker.ring(METRICS, &ticker.metrics).await.map_err(ScheduleError)?;
        ticker.ring(HOUSEKEEPING, &ticker.housekeeping).await.map_err(ScheduleError)?;
        ticker.scheduler.start().await.map_err(ScheduleError)?;
        Ok(ticker)
    }

    /// Waits until it is time to look for ticks and due deliveries: a second, two at most.
    pub async fn tick(&self) -> Wake {
        self.look.wait().await
    }

    /// Waits until it is time for the upkeep of metrics.
    pub async fn metrics(&self) -> Wake {
        self.metrics.wait().await
    }

    /// Waits until it is time for housekeeping.
    pub async fn housekeeping(&self) -> Wake {
        self.housekeeping.wait().await
    }

    /// The bell of [`Self::tick`], for whoever has something to be looked at before the second is over.
    #[must_use]
    pub fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.look)
    }

    /// Stops ringing; whoever waits still wakes when its patience is over.
    pub async fn stop(mut self) -> Result<(), ScheduleError> {
        self.scheduler.shutdown().await.map_err(ScheduleError)
    }

    async fn ring(&self, cron: &str, bell: &Arc<Bell>) -> Result<(), JobSchedulerError> {
        let bell = Arc::clone(bell);
        let job = Job::new_async(cron, move |_, _| {
            bell.ring();
            Box::pin(std::future::ready(()))
        })?;
        self.scheduler.add(job).await.map(|_| ())
    }
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").field("look", &self.look).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticker, Wake};

    #[tokio::test]
    async fn the_scheduler_rings_before_patience_is_over() {
        let ticker = Ticker::start().await.unwrap();
        assert_eq!(ticker.tick().await, Wake::Rung);
        ticker.stop().await.unwrap();
    }

    #[tokio::test]
    async fn whoever_has_news_can_ring_too() {
        let ticker = Ticker::start().await.unwrap();
        ticker.bell().ring();
        assert_eq!(ticker.tick().await, Wake::Rung);
        ticker.stop().await.unwrap();
    }
}
