//! The journal beside the store: withdrawals, suppressions and erasures that outlive it.
//!
//! A backup is older than the store that was lost. What customers asked for since then stands here, as keyed hashes, and
//! a restore does it again. The folder lies beside the store's and not in it, so that it is left where the store's is
//! set aside or deleted. Lines are only ever appended, and are durable before the round that they belong to is.

mod consent;
mod record;

pub(super) use consent::{Told, withdrawn};
pub(super) use record::{Entry, Record};

use super::fault::Fault;
use crate::domain::{DeliveryKey, KeyedHash};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first line of every file.
const HEAD: &str = "retaind journal 1\n";

/// The folder of the journal of the store in `folder`: its own name with `.journal` behind it.
pub(super) fn folder_of(folder: &Path) -> PathBuf {
    let whole = if folder.file_name().is_some() { None } else { folder.canonicalize().ok() };
    let folder = whole.as_deref().unwrap_or(folder);
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".journal");
    folder.with_file_name(name)
}

/// That a journal could be written: before a store is used, not with the first withdrawal.
pub(super) fn check(journal: &Path) -> io::Result<()> {
    let (place, missing) = match std::fs::metadata(journal) {
        Ok(_) => (journal, false),
        Err(error) if error.kind() == ErrorKind::NotFound => (parent(journal), true),
        Err(error) => return Err(told(journal, &error)),
    };
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(place, access).map_err(|error| {
        let error = io::Error::from(error);
        if missing { cannot_be_made(journal, &error) } else { told(journal, &error) }
    })
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn told(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the journal at {}: {error}", path.display()))
}

fn cannot_be_made(path: &Path, error: &io::Error) -> io::Error {
    let advice = "make it for the user of the store, or name a store one folder deeper";
    io::Error::new(error.kind(), format!("the journal beside the store, {}: {error}; {advice}", path.display()))
}

/// Appends. Made with the first line that there is to write.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Up to where lines are whole and durable.
    length: u64,
    /// Whether something may stand behind that.
    torn: bool,
}

impl Journal {
    /// In that folder, of the store with that key. Journals of several stores can lie in one folder.
    pub(super) fn new(journal: &Path, key: &DeliveryKey) -> Self {
        Self { path: file_of(journal, key.hash_of_store()), file: None }
    }

    /// Appends the records of a round; they are durable then.
    pub(super) fn append(&mut self, round: u64, records: Vec<Record>) -> Result<(), Fault> {
        if records.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for record in records {
            Entry { round, record }.write(&mut lines);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(Open::at(&self.path).map_err(|error| fault(&self.path, &error))?),
        };
        file.append(lines.as_bytes()).map_err(|error| fault(&self.path, &error))?;
        file.file.sync_data().map_err(|error| Fault::SyncFailed(Arc::new(told(&self.path, &error))))
    }
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    told(path, error).into()
}

/// One file for each store that wrote here.
fn file_of(folder: &Path, store: KeyedHash) -> PathBuf {
    folder.join(format!("{store}.log"))
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let folder = parent(path);
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            File::open(parent(folder))?.sync_all()?;
        }
        let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
        let mut open = Self { length: whole_lines(path)?, file, torn: true };
        if open.length == 0 {
            open.append(HEAD.as_bytes())?;
            open.file.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        Ok(open)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            // What a kill or a full disk left of a line that was never answered for.
            self.file.set_len(self.length)?;
        }
        self.torn = true;
        self.file.write_all(lines)?;
        self.length += lines.len() as u64;
        self.torn = false;
        Ok(())
    }
}

/// The length of a file up to its last line end.
fn whole_lines(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::FileExt;
    let file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut block = [0; 4096];
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let read = &mut block[..usize::try_from(end - begin).unwrap_or(0)];
        file.read_exact_at(read, begin)?;
        if let Some(index) = read.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + index as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// In the order in which it happened.
    pub(super) entries: Vec<Entry>,
    /// How many lines are not as they were written.
    pub(super) unreadable: u64,
    /// Whether there is one.
    pub(super) is_there: bool,
}

impl Said {
    /// The last round of all.
    pub(super) fn last_round(&self) -> u64 {
        self.entries.iter().map(|entry| entry.round).max().unwrap_or(0)
    }
}

/// Takes another folder's journal over into that one, unless it has the same store's already. An error if the other folder
/// has none of the store's: it was named, so there should be one.
pub(super) fn bring(from: &Path, to: &Path, key: &DeliveryKey) -> io::Result<()> {
    let (from, to) = (file_of(from, key.hash_of_store()), file_of(to, key.hash_of_store()));
    if !from.exists() {
        let message = format!("there is no journal of this store: {} is not there", from.display());
        return Err(io::Error::new(ErrorKind::NotFound, message));
    }
    if to.exists() {
        return Ok(());
    }
    let copied = || {
        let whole = usize::try_from(whole_lines(&from)?).unwrap_or(usize::MAX);
        let mut lines = std::fs::read(&from)?;
        lines.truncate(whole);
        let mut open = Open::at(&to)?;
        open.file.set_len(0)?;
        open.length = 0;
        open.append(&lines)?;
        open.file.sync_all()
    };
    copied().map_err(|error| told(&to, &error))
}

/// Reads what a store with that key wrote into a journal's folder; nothing if there is none.
pub(super) fn read(journal: &Path, key: &DeliveryKey) -> io::Result<Said> {
    let path = file_of(journal, key.hash_of_store());
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Said::default()),
        Err(error) => return Err(told(&path, &error)),
    };
    let mut said = Said { is_there: true, ..Said::default() };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n').skip(1) {
        let line = std::str::from_utf8(&line[..line.len() - 1]).ok();
        match line.and_then(Entry::read) {
            Some(entry) => said.entries.push(entry),
            None => said.unreadable += 1,
        }
    }
    if !bytes.starts_with(HEAD.as_bytes()) && !bytes.is_empty() {
        said.unreadable += 1;
    }
    Ok(said)
}

#[cfg(test)]
mod tests;
