//! Takes in what is saved in the project's folder.

use super::reload::{self, Followed};
use super::shared::Shared;
use crate::domain::Text;
use crate::files::{Watch, WatchError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is gone from the files counts as removed after so long. Editors and version control remove a file and write it
/// again, and the deliveries of a removed rule are cancelled for good.
const GONE: Duration = Duration::from_secs(2);

/// How long after it could not be watched a folder is tried again.
const AGAIN: Duration = Duration::from_secs(15);

/// Rules and steps, as (rule, step), that the files lack and the rules in use have.
#[derive(Debug, Default)]
pub(super) struct Gone(BTreeMap<(Text, Text), Instant>);

impl Gone {
    /// How long to wait before those may be taken for removed; `None` when all have been gone long enough.
    pub(super) fn wait(&mut self, away: &[(Text, Text)], now: Instant) -> Option<Duration> {
        let since = away.iter().map(|one| (one.clone(), self.0.get(one).copied().unwrap_or(now)));
        self.0 = since.collect();
        let youngest = self.0.values().max()?;
        let left = GONE.saturating_sub(now.saturating_duration_since(*youngest));
        (!left.is_zero()).then_some(left)
    }

    /// Everything is there, or was judged.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Watches for as long as the settings want it, until told to stop. A reload that has begun is finished.
pub(super) async fn run(core: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let Some(daemon) = &core.daemon else { return };
    let mut wanted = daemon.follow.subscribe();
    let (mut gone, mut eyes) = (Gone::default(), Eyes::default());
    while !*stop.borrow() {
        let is_wanted = *wanted.borrow_and_update();
        // Opened before the files are read: what is saved from now on is noticed.
        let opened = if is_wanted { eyes.open(&core).await } else { eyes.close() };
        let look_again = if opened { look(&core, &mut gone).await } else { is_wanted.then_some(AGAIN) };
        let pause = async {
            match look_again {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.changed() => {}
            Ok(()) = wanted.changed() => {}
            () = eyes.changed() => {}
            () = pause => {}
        }
    }
}

/// Takes in what there is; answers after what time to look again though nothing changes.
async fn look(core: &Arc<Shared>, gone: &mut Gone) -> Option<Duration> {
    match reload::follow(core, gone).await {
        Ok(Followed::Waits(wait)) => Some(wait),
        Ok(Followed::Unchanged | Followed::Tried) => None,
        Err(failure) => {
            tracing::warn!(%failure, "what was saved could not be taken in; trying again in a while");
            Some(AGAIN)
        }
    }
}

/// The watch on the folders, as far as there can be one.
#[derive(Default)]
struct Eyes {
    watch: Option<Watch>,
    /// Whether it was told that they cannot be watched.
    warned: bool,
}

impl Eyes {
    /// Watches the folders as they are now: those watched before may be others of the same name. Answers whether it
    /// could be done; when not, that is told once.
    async fn open(&mut self, core: &Shared) -> bool {
        // First, for it counts against the system's limit.
        self.watch = None;
        let settings_file = core.settings_file.clone();
        match tokio::task::spawn_blocking(move || Watch::open(&settings_file)).await {
            Ok(Ok(watch)) => self.watch = Some(watch),
            Ok(Err(error)) => self.warn(&error),
            Err(error) => tracing::error!(%error, "the watch on the files broke"),
        }
        if self.watch.is_some() && std::mem::take(&mut self.warned) {
            tracing::info!("the project's folder is watched again");
        }
        self.watch.is_some()
    }

    fn close(&mut self) -> bool {
        self.watch = None;
        false
    }

    fn warn(&mut self, error: &WatchError) {
        if !std::mem::replace(&mut self.warned, true) {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, cause, "saved files are not noticed; `retaind reload` and SIGHUP take them in");
        }
    }

    /// Waits until something was saved; for ever without a watch.
    async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GONE, Gone};
    use crate::domain::Text;
    use std::time::{Duration, Instant};

    fn step(rule: &str) -> (Text, Text) {
        (rule.into(), "mail".into())
    }

    #[test]
    fn what_is_gone_is_waited_for_two_seconds_from_when_it_was_missed() {
        let (mut gone, start) = (Gone::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(gone.wait(&[], start), None);
        assert_eq!(gone.wait(&[step("a")], start), Some(GONE));
        assert_eq!(gone.wait(&[step("a")], start + second), GONE.checked_sub(second));
        assert_eq!(gone.wait(&[step("a"), step("b")], start + second), Some(GONE), "the second has its own time");
        assert_eq!(gone.wait(&[step("a")], start + 2 * second), None);
    }

    #[test]
    fn what_came_back_and_goes_again_is_waited_for_again() {
        let (mut gone, start) = (Gone::default(), Instant::now());
        assert_eq!(gone.wait(&[step("a")], start), Some(GONE));
        assert_eq!(gone.wait(&[], start + GONE / 2), None);
        assert_eq!(gone.wait(&[step("a")], start + GONE), Some(GONE));
        gone.forget();
        assert_eq!(gone.wait(&[step("a")], start + 2 * GONE), Some(GONE));
    }
}
