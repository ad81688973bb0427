//! Something to wait for that comes by itself when it is late.

use std::time::Duration;
use tokio::sync::Notify;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The bell was rung.
    Rung,
    /// It stayed silent for too long.
    Overdue,
}

/// Wakes one waiter. Rings that come while nobody waits count as one.
#[derive(Debug)]
pub struct Bell {
    notify: Notify,
    patience: Duration,
}

impl Bell {
    /// A bell whose waiters wake by themselves after `patience`.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { notify: Notify::new(), patience }
    }

    /// Wakes the waiter, or the next one to come.
    pub fn ring(&self) {
        self.notify.notify_one();
    }

    /// Waits for a ring, or until patience is over. May be dropped at any time without losing a ring.
    pub async fn wait(&self) -> Wake {
        match tokio::time::timeout(self.patience, self.notify.notified()).await {
            Ok(()) => Wake::Rung,
            Err(_) => Wake::Overdue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Wake};
    use std::time::Duration;

    #[tokio::test]
    async fn a_silent_bell_does_not_hold_up_its_waiter() {
        assert_eq!(Bell::new(Duration::from_millis(1)).wait().await, Wake::Overdue);
    }

    #[tokio::test]
    async fn rings_while_nobody_waits_count_as_one() {
        let bell = Bell::new(Duration::from_millis(1));
        bell.ring();
        bell.ring();
        assert_eq!(bell.wait().await, Wake::Rung);
        assert_eq!(bell.wait().await, Wake::Overdue);
    }
}
