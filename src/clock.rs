//! The only reader of wall time.

use crate::domain::{Span, Time};
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> Time {
        jiff::Timestamp::now().into()
    }
}

/// A clock that stands until it is turned.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub const fn new(at: Time) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Turns it to `at`.
    pub fn set(&self, at: Time) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Turns it on by `span`.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }
}
