//! What says that files of the project were saved.
//!
//! What it is for: watching the folders of a project (the one of the settings, `rules/`, `templates/` and each template's) and
//! saying, once it is quiet again, that something in them changed, or that a link on the way to them leads elsewhere now.
//! Invariants: folders are watched, never files, for editors put another file in a file's place; each folder by the one path
//! that has no link in it, for the system knows it only once; nothing below the folder of the settings is watched but rules
//! and templates, so neither the store nor an outbox ever wakes anybody; what is
//! told is only *that* something changed, so that an event which the system dropped, doubled or invented does no harm;
//! a burst is told once, and one that does not end is told every two seconds.
//! Deliberately not here: reading the files, whether they say anything new, and what becomes of it (`app/`).

mod links;
mod scope;

#[cfg(test)]
mod tests;

use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use scope::Scope;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// So long after the last change it is taken for finished.
const QUIET: Duration = Duration::from_millis(250);

/// A burst that goes on for longer is told all the same.
const LONGEST: Duration = Duration::from_secs(2);

/// Why the folders cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be watched", folder.display())]
pub struct WatchError {
    /// The folder.
    folder: PathBuf,
    /// What the system says.
    #[source]
    why: notify::Error,
}

/// A watch on the folders of a project as they were when it was opened. A folder that was put in the place of another
/// since is not watched: open another watch after each change.
pub struct Watch {
    changes: watch::Receiver<u64>,
    /// Watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the project of a settings file.
    ///
    /// # Errors
    /// The folder is not there, or the system's limit (`fs.inotify.max_user_watches`, `max_user_instances`, open files) is
    /// reached.
    pub fn open(settings_file: &Path) -> Result<Self, WatchError> {
        let scope = Scope::of(settings_file);
        let (told, changes) = watch::channel(0);
        let folder = scope.folder.clone();
        let folders = scope.folders();
        let of_links: Vec<bool> = folders.iter().map(|folder| scope.is_of_links(folder)).collect();
        let tell = move |event: Result<Event, notify::Error>| {
            if event.map_or(true, |event| concerns(&scope, &event)) {
                told.send_modify(|changes: &mut u64| *changes = changes.wrapping_add(1));
            }
        };
        let mut watcher = RecommendedWatcher::new(tell, Config::default())
            .map_err(|why| WatchError { folder: folder.clone(), why })?;
        for (each, is_of_links) in folders.into_iter().zip(of_links) {
            match watcher.watch(&each, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // Gone since it was listed, which is a change that the folder above tells of.
                Err(error) if is_gone(&error) && each != folder => {}
                // The files can be read, but who may put another link in its place lies in a folder that nobody may list.
                Err(error) if is_of_links && is_forbidden(&error) => {}
                Err(why) => return Err(WatchError { folder: each, why }),
            }
        }
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits until something changed and then nothing for a quarter of a second, or it has gone on for two seconds.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The watching thread is gone: nothing will be told any more.
            return std::future::pending().await;
        }
        let end = Instant::now() + LONGEST;
        while Instant::now() < end {
            let more = tokio::time::timeout(QUIET, self.changes.changed()).await;
            if !matches!(more, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Whether an event may mean that something was saved. One without a path says that some were lost.
fn concerns(scope: &Scope, event: &Event) -> bool {
    let is_a_look = matches!(event.kind, EventKind::Access(_));
    !is_a_look && (event.paths.is_empty() || event.paths.iter().any(|path| scope.concerns(path)))
}

fn is_forbidden(error: &notify::Error) -> bool {
    matches!(&error.kind, notify::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
