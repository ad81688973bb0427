//! The lock on a store's folder, which says who holds it.

use crate::store::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Name of the lock file.
const NAME: &str = "lock";
/// How long to wait for a holder that is just writing its name.
const PATIENCE: Duration = Duration::from_millis(500);

/// A held lock; the system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let open = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path);
        let mut file = open.map_err(StoreError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: folder.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::Io(error)),
        }
        // What a killed holder left stands until here. That nothing can be written is no reason not to go on.
        let written = file.set_len(0).and_then(|()| file.write_all(introduction().as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "the lock file could not be written");
        }
        Ok(Self { _file: file })
    }
}

/// Who we are: `retaind run (pid 4711)`.
fn introduction() -> String {
    let mut words = std::env::args_os()
        .take(2)
        .map(|word| Path::new(&word).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()));
    let command = [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!("{command} (pid {})", std::process::id())
}

fn holder(file: &mut File) -> String {
    let since = Instant::now();
    loop {
        let mut text = String::new();
        let read = std::io::Seek::rewind(file).and_then(|()| file.read_to_string(&mut text));
        if read.is_ok() && !text.is_empty() {
            return text;
        }
        if since.elapsed() > PATIENCE {
            return "another process".into();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
