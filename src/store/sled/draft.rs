//! A commit while it is being prepared, and when it is ready.

use super::disk::Need;
use super::fault::Fault;
use super::fetch::Fetched;
use super::journal::Record;
use super::keys;
use super::live::Effect;
use super::lock;
use super::reader::{Reader, Row};
use super::rows;
use crate::domain::CustomerNumber;
use crate::store::DuplicateKey;
use ::sled::IVec;
use foldhash::{HashMap, HashSet};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

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
    /// What the journal is to say.
    pub(super) journal: Vec<Record>,
    /// What room it may have.
    pub(super) need: Need,
}

impl Change {
    /// Bytes of all rows.
    pub(super) fn size(&self) -> u64 {
        let sizes = self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len()));
        sizes.sum::<usize>() as u64
    }
}

/// Rows of commits that are on their way and can be built upon: who prepares the next commit of the same lane sees
/// them. If one of them fails, what was built upon it conflicts. A row stays until it can be read from the tree, and for
/// whoever reads ahead, until what they read before it came into the tree is used up.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    rows: Mutex<Rows>,
    /// Commits that were answered since somebody looked at the rows. Taking their rows away is left to whoever looks
    /// next: the committer has more to do than anybody else.
    answered: Mutex<Vec<Answered>>,
}

/// A commit that is not on its way any more.
#[derive(Debug)]
struct Answered {
    job: u64,
    rows: Vec<(IVec, Option<IVec>)>,
    /// The round that put them into the tree; `None` if they will never be.
    applied: Option<u64>,
}

#[derive(Debug, Default)]
struct Rows {
    shown: BTreeMap<IVec, Entry>,
    /// The last rounds that were applied when the readings ahead in use began.
    reading: Vec<u64>,
    /// Rows that the tree has, by the round that put them there, oldest first.
    applied: VecDeque<(u64, u64, IVec)>,
}

#[derive(Debug)]
struct Entry {
    job: u64,
    value: Option<IVec>,
    /// The round that put it into the tree.
    applied: Option<u64>,
}

impl Rows {
    fn take_away(&mut self, answered: Answered) {
        let Answered { job, rows, applied } = answered;
        for (key, _) in rows {
            let Some(entry) = self.shown.get_mut(&key).filter(|entry| entry.job == job) else { continue };
            entry.applied = applied;
            match applied {
                Some(round) => self.applied.push_back((round, job, key)),
                None => drop(self.shown.remove(&key)),
            }
        }
        self.forget();
    }

    /// Forgets what nobody needs who is reading ahead.
    fn forget(&mut self) {
        let oldest = self.reading.iter().min().copied().unwrap_or(u64::MAX);
        while let Some((round, job, key)) = self.applied.pop_front_if(|(round, ..)| *round <= oldest) {
            if self.shown.get(&key).is_some_and(|entry| entry.job == job && entry.applied == Some(round)) {
                self.shown.remove(&key);
            }
        }
    }
}

impl Overlay {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        let mut rows = lock(&self.rows);
        // Taken in their order, and before anybody else sees the rows.
        let answered = std::mem::take(&mut *lock(&self.answered));
        for one in answered {
            rows.take_away(one);
        }
        rows
    }

    /// Shows the rows of a commit.
    pub(super) fn add(&self, job: u64, rows: &[(IVec, Option<IVec>)]) {
        let rows = rows.iter();
        let entries = rows.map(|(key, value)| (key.clone(), Entry { job, value: value.clone(), applied: None }));
        self.rows().shown.extend(entries);
    }

    /// Takes them away, because that round put them into the tree, or because they will never be.
    pub(super) fn remove(&self, job: u64, rows: Vec<(IVec, Option<IVec>)>, applied: Option<u64>) {
        lock(&self.answered).push(Answered { job, rows, applied });
    }

    /// Somebody begins to read ahead: answers the last round that was applied, up to which they will see everything.
    pub(super) fn begin_reading(&self, applied: &AtomicU64) -> u64 {
        let mut rows = self.rows();
        let read_at = applied.load(Ordering::SeqCst);
        rows.reading.push(read_at);
        read_at
    }

    /// What was read from there on is used up.
    pub(super) fn end_reading(&self, read_at: u64) {
        let mut rows = self.rows();
        if let Some(index) = rows.reading.iter().position(|begun| *begun == read_at) {
            rows.reading.swap_remove(index);
        }
        rows.forget();
    }

    /// A row, for whom the tree was read at that round.
    fn get(&self, key: &[u8], read_at: u64) -> Shown {
        match self.rows().shown.get(key).filter(|entry| entry.applied.is_none_or(|round| round > read_at)) {
            Some(Entry { value: Some(value), .. }) => Shown::Written(value.clone()),
            Some(Entry { value: None, .. }) => Shown::Removed,
            None => Shown::Untouched,
        }
    }

    /// Rows that the tree may lack.
    fn prefix(&self, prefix: &[u8]) -> Vec<(IVec, Option<IVec>)> {
        let rows = self.rows();
        let rows = rows.shown.range(IVec::from(prefix)..).take_while(|(key, _)| key.starts_with(prefix));
        rows.filter(|(_, entry)| entry.applied.is_none())
            .map(|(key, entry)| (key.clone(), entry.value.clone()))
            .collect()
    }
}

/// What commits on their way do to a row.
enum Shown {
    Written(IVec),
    Removed,
    Untouched,
}

/// A commit being prepared. It reads what it has written itself, then what is on its way, then what was read ahead,
/// then the tree.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    reader: Reader<'t>,
    overlay: Option<&'t Overlay>,
    fetched: Option<&'t Fetched>,
    read_at: u64,
    reads: HashMap<IVec, Was>,
    leaning_on: HashSet<IVec>,
    rows: BTreeMap<IVec, Option<IVec>>,
    effects: Vec<Effect>,
    journal: Vec<Record>,
    need: Need,
}

impl<'t> Draft<'t> {
    /// Nothing yet. `read_at` is the last round that was applied.
    pub(super) fn new(reader: Reader<'t>, read_at: u64) -> Self {
        Self {
            reader,
            overlay: None,
            fetched: None,
            read_at,
            reads: HashMap::default(),
            leaning_on: HashSet::default(),
            rows: BTreeMap::new(),
            effects: Vec::new(),
            journal: Vec::new(),
            need: Need::default(),
        }
    }

    /// Nothing yet, upon what is on its way. What was read ahead may be older than `read_at`; the commit is then compared
    /// with all that was written since that was read.
    pub(super) fn upon(reader: Reader<'t>, overlay: &'t Overlay, fetched: Option<&'t Fetched>, read_at: u64) -> Self {
        let read_at = fetched.map_or(read_at, |fetched| fetched.read_at().min(read_at));
        Self { overlay: Some(overlay), fetched, ..Self::new(reader, read_at) }
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
        match self.overlay.map_or(Shown::Untouched, |overlay| overlay.get(key, self.read_at)) {
            Shown::Untouched => match self.fetched.and_then(|fetched| fetched.get(key)) {
                Some(row) => Ok(row.clone()),
                None => self.reader.get(key),
            },
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

    /// The record of the customer whom a number means, with the customer's own number.
    pub(super) fn record(&mut self, mut number: CustomerNumber) -> Result<Option<(CustomerNumber, IVec)>, Fault> {
        loop {
            if let Some(row) = self.get(&keys::customer(number))? {
                return Ok(Some((number, row)));
            }
            let Some(row) = self.get(&keys::absorbed(number))? else { return Ok(None) };
            number = rows::read(&row)?;
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

    /// Whether this commit removes that row.
    pub(super) fn removes(&self, key: &[u8]) -> bool {
        self.rows.get(key).is_some_and(Option::is_none)
    }

    /// Something follows in memory.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// The journal is to say it, durably, before the commit is made.
    pub(super) fn journal(&mut self, record: Record) {
        if record.restricts() {
            self.need = Need::Record;
        }
        self.journal.push(record);
    }

    /// What room it may have; withdrawals may have the last.
    pub(super) fn needs(&mut self, need: Need) {
        self.need = need;
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
            journal: self.journal,
            need: self.need,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Overlay, Shown};
    use ::sled::IVec;
    use std::sync::atomic::AtomicU64;

    fn value(overlay: &Overlay, read_at: u64) -> Option<IVec> {
        match overlay.get(b"k", read_at) {
            Shown::Written(value) => Some(value),
            Shown::Removed | Shown::Untouched => None,
        }
    }

    fn row(value: &str) -> Vec<(IVec, Option<IVec>)> {
        vec![("k".into(), Some(value.into()))]
    }

    #[test]
    fn a_row_that_was_applied_is_shown_to_who_read_the_tree_before() {
        let overlay = Overlay::default();
        let read_at = overlay.begin_reading(&AtomicU64::new(4));
        overlay.add(1, &row("new"));
        overlay.remove(1, row("new"), Some(5));
        assert_eq!(value(&overlay, read_at), Some("new".into()));
        assert_eq!(value(&overlay, 5), None, "who reads now finds it in the tree");
        assert!(overlay.prefix(b"k").is_empty(), "a prefix is read now");
        overlay.end_reading(read_at);
        assert_eq!(value(&overlay, read_at), None);
    }

    #[test]
    fn a_row_that_will_never_be_is_shown_to_nobody() {
        let overlay = Overlay::default();
        let read_at = overlay.begin_reading(&AtomicU64::new(4));
        overlay.add(1, &row("lost"));
        overlay.remove(1, row("lost"), None);
        assert_eq!(value(&overlay, read_at), None);
    }

    #[test]
    fn a_later_commit_of_the_row_stays_when_an_earlier_one_is_forgotten() {
        let overlay = Overlay::default();
        let read_at = overlay.begin_reading(&AtomicU64::new(4));
        overlay.add(1, &row("first"));
        overlay.add(2, &row("second"));
        overlay.remove(1, row("first"), Some(5));
        overlay.end_reading(read_at);
        assert_eq!(value(&overlay, 5), Some("second".into()));
        overlay.remove(2, row("second"), Some(6));
        assert_eq!(value(&overlay, 5), None);
    }
}
