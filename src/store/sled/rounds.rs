//! Who wants to know how the committer's rounds go.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// A round of the committer that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundEnded {
    /// From its beginning, when what waited was compared, until it was durable or failed.
    pub took: Duration,
    /// Whether it is durable.
    pub durable: bool,
}

/// Called on the committer's thread; must not wait for anything.
type Listener = Box<dyn Fn(RoundEnded) + Send + Sync>;

/// Tells of rounds that have ended, once somebody listens.
#[derive(Default)]
pub(super) struct Rounds(OnceLock<Listener>);

impl Rounds {
    /// Has `listener` told from now on. There is one; a second one is not told.
    pub(super) fn listen(&self, listener: Listener) {
        drop(self.0.set(listener));
    }

    pub(super) fn ended(&self, ended: RoundEnded) {
        if let Some(listener) = self.0.get() {
            listener(ended);
        }
    }
}

impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rounds").field(&self.0.get().is_some()).finish()
    }
}
