//! The ceiling of the store: sled alone, given the rows that the store would write.
//!
//! It knows how the store's keys are made (`store/sled/keys.rs`); where that changes, a row is not found and the
//! benchmark says so.

use anyhow::Context;
use retaind::store::sled::Cache;
use std::collections::HashMap;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

/// A row as it stands in the tree.
pub(crate) type Row = (sled::IVec, sled::IVec);

/// sled as the store sets it up, and nothing else.
pub(crate) struct Bare {
    db: sled::Db,
    file: File,
}

impl Bare {
    /// Opens or makes one, as a command does. The store that wrote the folder must be closed.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::open_with(folder, Cache::Large)
    }

    /// As [`Bare::open`], with that cache.
    pub(crate) fn open_with(folder: &Path, cache: Cache) -> anyhow::Result<Self> {
        let cache = cache.bytes(folder);
        let db = sled::Config::new().path(folder).cache_capacity(cache).flush_every_ms(None).open()?;
        Ok(Self { db, file: File::open(folder.join("db"))? })
    }

    /// Writes rows, so many in a batch, each batch durable before the next; answers seconds.
    pub(crate) fn write(&self, rows: &[Row], per_batch: usize) -> anyhow::Result<f64> {
        let begin = Instant::now();
        for rows in rows.chunks(per_batch.max(1)) {
            let mut batch = sled::Batch::default();
            for (key, value) in rows {
                batch.insert(key.clone(), value.clone());
            }
            self.db.apply_batch(batch)?;
            self.db.flush()?;
            self.file.sync_data()?;
        }
        Ok(begin.elapsed().as_secs_f64())
    }

    /// One row.
    pub(crate) fn row(&self, key: Vec<u8>) -> anyhow::Result<Row> {
        let value = self.db.get(&key)?.with_context(|| format!("there is no row {}", key.escape_ascii()))?;
        Ok((key.into(), value))
    }

    /// The only row, or the `n`th, of a prefix.
    pub(crate) fn nth(&self, prefix: &[u8], n: usize) -> anyhow::Result<Row> {
        let row = self.db.scan_prefix(prefix).nth(n);
        Ok(row.with_context(|| format!("there is no row {n} of {}", prefix.escape_ascii()))??)
    }

    /// All rows of a prefix.
    pub(crate) fn prefix(&self, prefix: &[u8]) -> sled::Iter {
        self.db.scan_prefix(prefix)
    }

    /// Reads all rows of a kind within a range of customer numbers on two threads; answers how many and seconds.
    pub(crate) fn scan(&self, kind: u8, numbers: RangeInclusive<u64>) -> anyhow::Result<(usize, f64)> {
        let middle = u64::midpoint(*numbers.start(), *numbers.end());
        let begin = Instant::now();
        let count = |from: u64, to: u64| -> sled::Result<usize> {
            let mut bytes = 0_usize;
            let mut rows = 0;
            for row in self.db.range(key(kind, from)..=key(kind, to)) {
                bytes = bytes.wrapping_add(std::hint::black_box(row?.1).len());
                rows += 1;
            }
            std::hint::black_box(bytes);
            Ok(rows)
        };
        let halves = std::thread::scope(|scope| {
            let first = scope.spawn(|| count(*numbers.start(), middle));
            let second = count(middle + 1, *numbers.end());
            (first.join(), second)
        });
        let first = halves.0.map_err(|_| anyhow::anyhow!("a reader panicked"))??;
        Ok((first + halves.1?, begin.elapsed().as_secs_f64()))
    }

    /// The wake rows, by the number of the customer.
    pub(crate) fn wakes(&self) -> anyhow::Result<HashMap<u64, Row>> {
        let with_number = |row: sled::Result<Row>| {
            let row = row?;
            let end = row.0.len().checked_sub(8).context("a wake row's key is cut")?;
            Ok((u64::from_be_bytes(row.0[end..].try_into()?), row))
        };
        self.db.scan_prefix(b"w").map(with_number).collect()
    }

    /// The number of the customer of an external id.
    pub(crate) fn number(&self, id: &str) -> anyhow::Result<(u64, Row)> {
        let row = self.row([b"x", id.as_bytes()].concat())?;
        // Behind the byte of the format.
        let number = minicbor::decode(row.1.get(1..).context("a row is empty")?)?;
        Ok((number, row))
    }
}

/// A key that begins with a customer number.
pub(crate) fn key(kind: u8, number: u64) -> Vec<u8> {
    [&[kind][..], &number.to_be_bytes()].concat()
}

/// How many rounds the store in a folder has made durable, by its mark; it must be closed.
pub(crate) fn rounds(folder: &Path) -> anyhow::Result<u64> {
    let mark = std::fs::read_to_string(folder.join("store.mark"))?;
    Ok(mark.lines().nth(1).context("store.mark")?.parse()?)
}
