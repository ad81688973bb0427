//! A commit while it is being prepared, and when it is ready.

use super::fault::Fault;
use super::live::Effect;
use super::lock;
use super::reader::{Reader, Row};
use crate::store::DuplicateKey;
use ::sled::IVec;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

/// What a row must be when the commit is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Was {
    /// Not there.
    Absent,
    /// Not there; if it is, that is a duplicate and no conflict.
    Unheard(DuplicateKey),
    /// There.
    Present,
    /// There, of this version.
    Version(u64),
}

/// Where a row was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the tree, so it holds unless somebody wrote it since.
    Tree,
    /// In a commit on its way, which may fail.
    OnItsWay,
}

/// A commit, ready to be made.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// The last round that was applied before anything was read for it.
    pub(super) read_at: u64,
    /// What was read and must still be so.
    pub(super) reads: Vec<(IVec, Was, Origin)>,
    /// Rows to be written (`Some`) and removed (`None`); no key twice.
    pub(super) rows: Vec<(IVec, Option<IVec>)>,
    /// What follows in memory.
    pub(super) effects: Vec<Effect>,
}

impl Change {
    /// Bytes of all rows.
    pub(super) fn size(&self) -> u64 {
        let sizes = self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len()));
        sizes.sum::<usize>() as u64
    }
}

/// Rows of commits that are on their way and can be built upon: who prepares the next commit of the same lane sees
/// them. If one of them fails, what was built upon it conflicts.
#[derive(Debug, Default)]
pub(super) struct Overlay(Mutex<BTreeMap<IVec, (u64, Option<IVec>)>>);

impl Overlay {
    /// Shows the rows of a commit.
    pub(super) fn add(&self, job: u64, rows: &[(IVec, Option<IVec>)]) {
        lock(&self.0).extend(rows.iter().map(|(key, value)| (key.clone(), (job, value.clone()))));
    }

    /// Takes them away, because the tree has them, or because they will never be.
    pub(super) fn remove(&self, job: u64, rows: &[(IVec, Option<IVec>)]) {
        let mut shown = lock(&self.0);
        for (key, _) in rows {
            if shown.get(key).is_some_and(|(owner, _)| *owner == job) {
                shown.remove(key);
            }
        }
    }

    fn get(&self, key: &[u8]) -> Shown {
        match lock(&self.0).get(key) {
            Some((_, Some(value))) => Shown::Written(value.clone()),
            Some((_, None)) => Shown::Removed,
            None => Shown::Untouched,
        }
    }

    fn prefix(&self, prefix: &[u8]) -> Vec<(IVec, Option<IVec>)> {
        let shown = lock(&self.0);
        let rows = shown.range(IVec::from(prefix)..).take_while(|(key, _)| key.starts_with(prefix));
        rows.map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    }
}

/// What commits on their way do to a row.
enum Shown {
    Written(IVec),
    Removed,
    Untouched,
}

/// A commit being prepared. It reads what it has written itself, then what is on its way, then the tree.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    reader: Reader<'t>,
    overlay: Option<&'t Overlay>,
    read_at: u64,
    reads: HashMap<IVec, Was>,
    leaning_on: HashSet<IVec>,
    rows: BTreeMap<IVec, Option<IVec>>,
    effects: Vec<Effect>,
}

impl<'t> Draft<'t> {
    /// Nothing yet. `read_at` is the last round that was applied.
    pub(super) fn new(reader: Reader<'t>, overlay: Option<&'t Overlay>, read_at: u64) -> Self {
        Self {
            reader,
            overlay,
            read_at,
            reads: HashMap::new(),
            leaning_on: HashSet::new(),
            rows: BTreeMap::new(),
            effects: Vec::new(),
        }
    }

    /// The tree alone, without what this commit or another on its way would change.
    pub(super) const fn reader(&self) -> Reader<'t> {
        self.reader
    }

    /// A row as this commit would leave it.
    pub(super) fn get(&mut self, key: &[u8]) -> Result<Option<IVec>, Fault> {
        if let Some(row) = self.rows.get(key) {
            return Ok(row.clone());
        }
        // The overlay first: a row leaves it only after the tree has it.
        match self.overlay.map_or(Shown::Untouched, |overlay| overlay.get(key)) {
            Shown::Untouched => self.reader.get(key),
            Shown::Written(row) => {
                self.leaning_on.insert(key.into());
                Ok(Some(row))
            }
            Shown::Removed => {
                self.leaning_on.insert(key.into());
                Ok(None)
            }
        }
    }

    /// Where a row was read.
    pub(super) fn origin(&self, key: &[u8]) -> Origin {
        if self.leaning_on.contains(key) { Origin::OnItsWay } else { Origin::Tree }
    }

    /// All rows with that prefix, in order, as this commit would leave them.
    pub(super) fn prefix(&self, prefix: &[u8]) -> Result<Vec<Row>, Fault> {
        let shown = self.overlay.map(|overlay| overlay.prefix(prefix)).unwrap_or_default();
        let own = self.rows.range(IVec::from(prefix)..).take_while(|(key, _)| key.starts_with(prefix));
        let mut rows = BTreeMap::new();
        for row in self.reader.prefix(prefix) {
            let (key, value) = row?;
            rows.insert(key, Some(value));
        }
        rows.extend(shown);
        rows.extend(own.map(|(key, value)| (key.clone(), value.clone())));
        Ok(rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    /// The commit is void unless the row is so then. What this commit wrote itself needs no such word.
    pub(super) fn rely(&mut self, key: impl Into<IVec>, was: Was) {
        let key = key.into();
        if !self.rows.contains_key(&key) {
            self.reads.entry(key).or_insert(was);
        }
    }

    /// Writes a row.
    pub(super) fn put(&mut self, key: impl Into<IVec>, value: IVec) {
        self.rows.insert(key.into(), Some(value));
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, key: impl Into<IVec>) {
        self.rows.insert(key.into(), None);
    }

    /// Something follows in memory.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// How many rows there are so far.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// It is ready.
    pub(super) fn finish(mut self) -> Change {
        let reads = std::mem::take(&mut self.reads).into_iter();
        let reads = reads.map(|(key, was)| {
            let origin = self.origin(&key);
            (key, was, origin)
        });
        Change {
            read_at: self.read_at,
            reads: reads.collect(),
            rows: self.rows.into_iter().collect(),
            effects: self.effects,
        }
    }
}
