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
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let command = command(words.map(|word| word.to_string_lossy().into_owned())).unwrap_or_default();
    format!("{program} {command} (pid {})", std::process::id())
}

/// The first word that is neither an option nor the value of one.
fn command(mut words: impl Iterator<Item = String>) -> Option<String> {
    while let Some(word) = words.next() {
        match word.as_str() {
            "--config" | "--color" => drop(words.next()),
            option if option.starts_with('-') => {}
            _ => return Some(word),
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn the_holder_is_named_by_its_command_whatever_options_come_first() {
        for line in ["run", "-v run", "--config x.yaml run --log-format json", "--config=x.yaml run"] {
            let words = line.split(' ').map(str::to_owned);
            assert_eq!(command(words).as_deref(), Some("run"), "{line}");
        }
    }
}
