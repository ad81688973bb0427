//! Bringing a store to the format that this version writes.
//!
//! Formats are counted. From each to the next there is one migration, and a store that is several behind goes through
//! them in turn, when it is opened and before anything else is read of it. The format is set first, so that no older
//! program opens what is half done; how far a migration is stands in a row that is written in the same batch as each
//! page of its rows. So one that was killed goes on where it was, and nothing is done twice.

mod chain;
mod consent;

pub(super) use chain::CHAIN;

use super::committer::{Rows, batch};
use super::disk::{BallastPolicy, Disk, Need};
use super::fault::Fault;
use super::reader::Reader;
use super::{keys, rows};
use std::path::Path;
use std::time::Instant;

/// One step, from the format before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// The format that a store has after it.
    pub(super) to: u32,
    /// What is done, one after the other; a format that only forbids older programs to write has nothing to be done.
    pub(super) passes: &'static [Pass],
}

/// One way through the rows: given the store as the pages before have left it, and where the last one ended (nothing, at
/// the beginning), answers the next page. A page is written as a whole or not at all, and is asked for again only if it was
/// not. It must read only by the reader, and name no clock.
pub(super) type Pass = fn(Reader<'_>, &[u8]) -> Result<Page, Fault>;

/// What a pass changes next.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Rows as they are to be, `None` where one is to be gone: some hundreds at most.
    pub(super) rows: Rows,
    /// Where the next page begins, in whatever form the pass likes; `None` after the last one.
    pub(super) next: Option<Vec<u8>>,
}

/// How far a migration is.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
struct Mark {
    /// Which one.
    #[n(0)]
    to: u32,
    /// In which of its passes.
    #[n(1)]
    pass: u32,
    /// Where the next page begins.
    #[cbor(n(2), with = "minicbor::bytes")]
    from: Vec<u8>,
}

impl Mark {
    fn key() -> Vec<u8> {
        keys::meta("migration")
    }
}

/// The key of the row that says which version of the program brought the store to its format, or made it.
pub(super) fn written_by() -> Vec<u8> {
    keys::meta("written-by")
}

/// Takes the store through all migrations that it lacks; answers the format that it had. The store's format must not be
/// newer than the last of the chain.
pub(super) fn migrate(db: &::sled::Db, folder: &Path, chain: &[Migration]) -> Result<u32, Fault> {
    let reader = Reader::new(db);
    let found = format(reader)?;
    let mut runner = Runner { db, disk: Disk::open(folder, BallastPolicy::Keep)?, written: 0 };
    let begun = reader.get(&Mark::key())?.map(|row| rows::read::<Mark>(&row)).transpose()?;
    if let Some(mark) = begun {
        tracing::info!(format = mark.to, "bringing the store to its new format goes on where it was broken off");
        let step = chain.iter().find(|step| step.to == mark.to);
        runner.finish(step.ok_or_else(|| Fault::Damaged("it is in no format that there was".into()))?, mark)?;
    }
    for step in chain.iter().filter(|step| step.to > found) {
        let since = Instant::now();
        tracing::info!(
            from = step.to - 1,
            to = step.to,
            "bringing the store to a new format; older versions cannot read it then"
        );
        let mark = runner.begin(step)?;
        runner.finish(step, mark)?;
        tracing::info!(format = step.to, rows = runner.written, took = ?since.elapsed(), "the store has its new format");
    }
    Ok(found)
}

/// The format of a store.
pub(super) fn format(reader: Reader<'_>) -> Result<u32, Fault> {
    let row = reader.get(&keys::meta("format"))?;
    rows::read(&row.ok_or_else(|| Fault::Damaged("what makes it a store is gone".into()))?)
}

struct Runner<'d> {
    db: &'d ::sled::Db,
    disk: Disk,
    written: usize,
}

impl Runner<'_> {
    /// From now on no older program opens it.
    fn begin(&mut self, step: &Migration) -> Result<Mark, Fault> {
        self.written = 0;
        let mark = Mark { to: step.to, pass: 0, from: Vec::new() };
        let begun = vec![
            (keys::meta("format").into(), Some(rows::write(&step.to)?)),
            (written_by().into(), Some(rows::write(&env!("CARGO_PKG_VERSION").to_owned())?)),
            (Mark::key().into(), Some(rows::write(&mark)?)),
        ];
        self.write(&begun)?;
        Ok(mark)
    }

    fn finish(&mut self, step: &Migration, mut mark: Mark) -> Result<(), Fault> {
        while let Some(pass) = usize::try_from(mark.pass).ok().and_then(|pass| step.passes.get(pass)) {
            let mut page = pass(Reader::new(self.db), &mark.from)?;
            self.written += page.rows.len();
            mark = match page.next {
                Some(from) => Mark { from, ..mark },
                None => Mark { pass: mark.pass + 1, from: Vec::new(), ..mark },
            };
            page.rows.push((Mark::key().into(), Some(rows::write(&mark)?)));
            self.write(&page.rows)?;
        }
        self.write(&vec![(Mark::key().into(), None)])
    }

    /// Makes rows durable, all of them or none.
    fn write(&mut self, rows: &Rows) -> Result<(), Fault> {
        let bytes =
            rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len())).sum::<usize>();
        // What was given up on a full disk is laid again first, or nothing would ever be taken.
        self.disk.tend();
        self.disk.make_room(Need::News, bytes as u64)?;
        self.db.apply_batch(batch(rows))?;
        self.db.flush()?;
        self.disk.sync()
    }
}

#[cfg(test)]
mod tests;
