//! What lies outside the daemon: a mail server and a webhook receiver on loopback that remember what they took.

mod hooks;
mod mail;

pub(crate) use hooks::{Hook, Receiver};
pub(crate) use mail::{Mail, Mailbox};

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything that must happen may take, on a slow and busy machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// What arrived, in order, with a way to wait for more.
#[derive(Debug)]
struct Arrived<T> {
    items: Mutex<Vec<T>>,
    more: Condvar,
}

impl<T: Clone + std::fmt::Debug> Arrived<T> {
    fn new() -> Self {
        Self { items: Mutex::new(Vec::new()), more: Condvar::new() }
    }

    fn add(&self, item: T) {
        locked(&self.items).push(item);
        self.more.notify_all();
    }

    fn all(&self) -> Vec<T> {
        locked(&self.items).clone()
    }

    /// Waits until at least `count` of them pass `test`, and answers all that arrived.
    fn wait(&self, count: usize, test: impl Fn(&T) -> bool) -> Vec<T> {
        let end = Instant::now() + LIMIT;
        let mut items = locked(&self.items);
        while items.iter().filter(|item| test(item)).count() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only this arrived within {LIMIT:?}: {items:#?}");
            items = self.more.wait_timeout(items, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        items.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
