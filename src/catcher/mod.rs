//! The world in small: a mail server and a webhook receiver on loopback.
//!
//! What it is for: `retaind demo`, and every test and benchmark that sends something. Both keep what they accepted and
//! can be told to fail in chosen ways.
//! Invariants: what is kept was accepted, and is kept before the answer leaves; memory is bounded; dropping a catcher
//! stops it and everything it serves; faults are chosen by rule or by seed, so a run can be repeated.
//! Deliberately not here: anything of the sending side. Signatures are verified by this room's own code, so that an error
//! in signing does not hide itself.

mod faults;
mod hook;
mod mail;
mod smtp;
#[cfg(test)]
mod tests;

pub use faults::{HookAct, HookFaults, MailAct, MailFaults, MailStage, When};
pub use hook::{CaughtHook, HookCatcher};
pub use mail::{CaughtMail, MailCatcher};

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Why a catcher cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CatcherError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The folder for mails cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
    /// The secret is not `whsec_` and base64.
    #[error("the secret is not whsec_ and base64")]
    Secret,
}

/// How many caught things are kept; older ones are forgotten, not uncounted.
const KEPT: usize = 20_000;
/// How many bytes of them are kept.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// What was caught, the latest of it.
struct Kept<T> {
    items: Mutex<(VecDeque<(T, usize)>, usize)>,
    count: watch::Sender<u64>,
    numbers: AtomicU64,
}

impl<T: Clone> Kept<T> {
    fn new() -> Self {
        Self { items: Mutex::default(), count: watch::Sender::new(0), numbers: AtomicU64::new(0) }
    }

    /// Keeps an item that is `size` bytes large.
    fn push(&self, item: T, size: usize) {
        let mut guard = lock(&self.items);
        let (items, bytes) = &mut *guard;
        items.push_back((item, size));
        *bytes += size;
        while items.len() > KEPT || (*bytes > KEPT_BYTES && items.len() > 1) {
            if let Some((_, size)) = items.pop_front() {
                *bytes -= size;
            }
        }
        self.count.send_modify(|count| *count += 1);
    }

    /// A number that no other item gets, from 1.
    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn all(&self) -> Vec<T> {
        lock(&self.items).0.iter().map(|(item, _)| item.clone()).collect()
    }

    fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// Comes back when `count` items were caught since the start.
    async fn wait_for(&self, count: u64) {
        let mut seen = self.count.subscribe();
        // The sender lives as long as `self`, so this ends by the count alone.
        drop(seen.wait_for(|seen| *seen >= count).await);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
