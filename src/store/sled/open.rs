//! Opening a store: new, existing, in use, foreign, damaged.

use super::backup::Taps;
use super::committer;
use super::disk::{self, BallastPolicy, Disk};
use super::fault::Fault;
use super::journal;
use super::live::{Counts, Live};
use super::lock::FolderLock;
use super::queue::Queue;
use super::reader::Reader;
use super::shared::{Intake, Progress, Shared};
use super::{SledStore, aside, compact, keys, lock, migrate, rows};
use crate::domain::DeliveryKey;
use crate::store::{Result, StoreError};
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Format of the store as a whole; a higher one is refused.
pub(super) const FORMAT: u32 = 2;
/// How long to wait for an earlier holder's last thread to let sled's file go.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Whether a store may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Where there is none, one is made: `run`, `import`, `init`, `demo`, `restore`.
    Create,
    /// There must be one: everything else.
    MustExist,
}

/// How a store is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SledSettings {
    /// How much of the store sled's page cache may hold.
    pub cache: Cache,
    /// Whether room is set aside for the day on which the disk is full.
    pub ballast: BallastPolicy,
}

/// How large sled's page cache is. It is no cap on memory: pages count with their size on disk and are larger in memory,
/// and where a store grows far beyond its cache, sled uses more memory and not less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cache {
    /// So many bytes.
    Bytes(u64),
    /// 1 GiB: for a command that ends, and for a store that is being filled.
    #[default]
    Large,
    /// 10.5 % of the store's size on disk, at least 56 MiB and at most 1 GiB: for a daemon, which is to leave a small
    /// machine's memory to others. The customers, whom every rule reads, are nearly as much, and of what is read from end to
    /// end again and again a cache that is a little too small keeps nothing.
    OfStore,
}

impl Cache {
    const LARGEST: u64 = 1 << 30;
    const SMALLEST: u64 = 56 << 20;

    /// For the store in a folder as it now is; for one that is yet to be made, as for an empty one.
    #[must_use]
    pub fn bytes(self, folder: &Path) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Large => Self::LARGEST,
            Self::OfStore => {
                let size = std::fs::metadata(folder.join("db")).map_or(0, |found| found.len());
                (size / 200 * 21).clamp(Self::SMALLEST, Self::LARGEST)
            }
        }
    }
}

impl SledStore {
    /// Opens the store in a folder. Blocks, after a crash for as long as sled needs to read its log.
    ///
    /// A damaged store is not touched with [`OpenMode::MustExist`]. With [`OpenMode::Create`] its files are moved into a
    /// folder `damaged-N` inside, and until a store is put in its place or that folder is moved away, nothing is opened or
    /// made there.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::OtherUser`], [`StoreError::InUse`], [`StoreError::Newer`],
    /// [`StoreError::Damaged`], [`StoreError::SetAside`], [`StoreError::NoSpace`], [`StoreError::Io`].
    pub fn open(folder: &Path, mode: OpenMode) -> Result<Self> {
        Self::open_with(folder, mode, SledSettings::default())
    }

    /// As [`SledStore::open`], with settings.
    pub fn open_with(folder: &Path, mode: OpenMode, settings: SledSettings) -> Result<Self> {
        Self::open_as(folder, &journal::folder_of(folder), mode, settings)
    }

    /// As [`SledStore::open_with`], with the journal of another folder.
    pub(super) fn open_as(folder: &Path, journal: &Path, mode: OpenMode, settings: SledSettings) -> Result<Self> {
        prepare_folder(folder, mode)?;
        // Before the lock, whose file would be made where there is no store.
        if !compact::is_begun(folder)
            && let Err(refusal @ (Refusal::Missing | Refusal::SetAside(_))) = check_files(folder, mode)
        {
            return Err(refusal.into_error(folder));
        }
        let lock = FolderLock::take(folder)?;
        compact::bring_to_its_end(folder, &lock).map_err(StoreError::Io)?;
        journal::check(journal).map_err(StoreError::Journal)?;
        let opened = check_files(folder, mode).and_then(|()| open_shared(folder, journal, mode, settings));
        let shared = Arc::new(match opened {
            Ok(shared) => shared,
            Err(Refusal::Fault(Fault::Damaged(detail))) => return Err(damaged(folder, mode, detail, &lock)),
            Err(refusal) => return Err(refusal.into_error(folder)),
        });
        let disk = Disk::open(folder, settings.ballast).map_err(|fault| fault.into_error(folder))?;
        let thread = std::thread::Builder::new().name("retaind-commit".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                committer::run(&shared, disk);
                // Held until sled has let its files go.
                drop(lock);
            }
        });
        Ok(Self { shared, committer: Mutex::new(Some(thread.map_err(StoreError::Io)?)) })
    }
}

/// What a damaged store's opener is told. One that is to be made where there is none is set aside first, so that nobody
/// meets it twice and nothing is made in its place unasked.
fn damaged(folder: &Path, mode: OpenMode, detail: String, lock: &FolderLock) -> StoreError {
    // Without room sled cannot be opened either, and does not always say so.
    if disk::is_full(folder) {
        return Fault::NoSpace.into_error(folder);
    }
    let unmoved = |detail| Fault::Damaged(detail).into_error(folder);
    // What does not bear our mark may be anybody's, and is not moved.
    if mode == OpenMode::MustExist || !matches!(disk::read_mark(folder), Ok(Some(_))) {
        return unmoved(detail);
    }
    match aside::set_aside(folder, lock) {
        Ok(aside) => StoreError::Damaged { path: folder.to_owned(), detail, aside: Some(aside) },
        Err(error) => unmoved(format!("{detail}, and it could not be set aside ({error})")),
    }
}

pub(super) fn prepare_folder(folder: &Path, mode: OpenMode) -> Result<()> {
    match (std::fs::metadata(folder), mode) {
        (Ok(found), _) => check_owner(folder, &found)?,
        (Err(error), OpenMode::Create) if error.kind() == std::io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StoreError::Io)?;
        }
        (Err(error), OpenMode::MustExist) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(folder.to_owned()));
        }
        (Err(error), _) => return Err(StoreError::Io(error)),
    }
    Ok(())
}

fn check_owner(folder: &Path, found: &std::fs::Metadata) -> Result<()> {
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(StoreError::OtherUser { path: folder.to_owned(), owner: found.uid() });
    }
    if found.is_dir() && found.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(StoreError::Io)?;
    }
    Ok(())
}

/// sled makes whatever is missing, so what must be there is looked for before.
fn check_files(folder: &Path, mode: OpenMode) -> std::result::Result<(), Refusal> {
    let Some(missing) = ["db", "conf"].into_iter().find(|name| !folder.join(name).exists()) else { return Ok(()) };
    if disk::read_mark(folder)?.is_some() {
        return Err(Fault::Damaged(format!("the file `{missing}` is gone")).into());
    }
    if folder.join(super::restore::INSIDE).exists() {
        return Err(Fault::Damaged("a restore into its folder was broken off: restore the backup again".into()).into());
    }
    match (aside::last(folder).map_err(Fault::from)?, mode) {
        (Some(aside), _) => Err(Refusal::SetAside(aside)),
        (None, OpenMode::Create) => Ok(()),
        (None, OpenMode::MustExist) => Err(Refusal::Missing),
    }
}

/// Why a store is not opened.
pub(super) enum Refusal {
    Fault(Fault),
    Missing,
    SetAside(PathBuf),
    Newer(u32, Option<String>),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Refusal {
    /// As a fault, for what is known to be there.
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Missing | Self::SetAside(_) | Self::Newer(..) => Fault::Damaged("it is not what it was".into()),
        }
    }

    /// As the outside sees it.
    pub(super) fn into_error(self, folder: &Path) -> StoreError {
        match self {
            Self::Fault(fault) => fault.into_error(folder),
            Self::Missing => StoreError::Missing(folder.to_owned()),
            Self::SetAside(aside) => StoreError::SetAside { path: folder.to_owned(), aside },
            Self::Newer(found, by) => StoreError::Newer { path: folder.to_owned(), found, by, known: FORMAT },
        }
    }
}

fn open_shared(
    folder: &Path,
    journal: &Path,
    mode: OpenMode,
    settings: SledSettings,
) -> std::result::Result<Shared, Refusal> {
    disk::make_room_to_open(folder)?;
    let db = open_sled(folder, settings)?;
    let (delivery_key, live) = guarded(|| {
        let reader = Reader::new(&db);
        let mark = disk::read_mark(folder)?;
        match reader.get(&keys::meta("format"))? {
            Some(_) => check_format(reader)?,
            None if mark.is_some() || !db.is_empty() => {
                return Err(Fault::Damaged("what makes it a store is gone".into()).into());
            }
            None if mode == OpenMode::MustExist => return Err(Refusal::Missing),
            None => make_new(folder, &db)?,
        }
        if mark > Some(Counts::load(reader)?.round) {
            return Err(Fault::Damaged("the end of its log is gone".into()).into());
        }
        migrate::migrate(&db, folder, migrate::CHAIN)?;
        let live = Live::load(reader)?;
        disk::write_mark(folder, live.counts.round)?;
        let key = reader.get(&keys::meta("delivery-key"))?;
        let key = key.ok_or_else(|| Fault::Damaged("the key of its delivery ids is gone".into()))?;
        Ok((DeliveryKey::new(rows::read::<Bytes>(&key)?.0), live))
    })?;
    Ok(shared((folder, journal), settings, Opened { db, delivery_key, live }))
}

struct Opened {
    db: ::sled::Db,
    delivery_key: DeliveryKey,
    live: Live,
}

fn shared((folder, journal): (&Path, &Path), settings: SledSettings, opened: Opened) -> Shared {
    let counts = &opened.live.counts;
    Shared {
        folder: folder.to_owned(),
        journal: journal.to_owned(),
        settings,
        taps: Taps::default(),
        queue: Queue::new(),
        progress: Progress {
            started: AtomicU64::new(counts.round),
            applied: AtomicU64::new(counts.round),
            in_flight: Mutex::default(),
            settled: watch::Sender::new(counts.round),
            generation: AtomicU64::new(0),
        },
        rounds: super::rounds::Rounds::default(),
        fault: Mutex::new(None),
        versions: AtomicU64::new(counts.versions),
        numbers: AtomicU64::new(counts.last_customer),
        jobs: AtomicU64::new(0),
        intakes: [Intake::default(), Intake::default()],
        delivery_key: opened.delivery_key,
        live: Mutex::new(opened.live),
        db: RwLock::new(Some(opened.db)),
    }
}

/// The secret of delivery ids, as stored.
#[derive(minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub(super) struct Bytes(#[cbor(n(0), with = "minicbor::bytes")] pub(super) [u8; 32]);

fn check_format(reader: Reader<'_>) -> std::result::Result<(), Refusal> {
    let found = migrate::format(reader)?;
    if found <= FORMAT {
        return Ok(());
    }
    // Whatever that version keeps there; that it is newer is known all the same.
    let by = reader.get(&migrate::written_by())?.and_then(|row| rows::read(&row).ok());
    Err(Refusal::Newer(found, by))
}

fn make_new(folder: &Path, db: &::sled::Db) -> std::result::Result<(), Fault> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Fault::Io(Arc::new(std::io::Error::other(error))))?;
    let mut batch = ::sled::Batch::default();
    batch.insert(keys::meta("format"), rows::write(&FORMAT)?);
    batch.insert(migrate::written_by(), rows::write(&env!("CARGO_PKG_VERSION").to_owned())?);
    batch.insert(keys::meta("delivery-key"), rows::write(&Bytes(secret))?);
    batch.insert(Counts::key(), rows::write(&Counts::default())?);
    db.apply_batch(batch)?;
    db.flush()?;
    Disk::open(folder, BallastPolicy::Keep)?.sync()?;
    // The names of the files, too.
    Ok(std::fs::File::open(folder)?.sync_all()?)
}

/// sled, and our first reads, meet some damage by panicking.
fn guarded<T>(work: impl FnOnce() -> std::result::Result<T, Refusal>) -> std::result::Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Damaged("reading it failed in an unforeseen way".into()).into()))
}

/// Opens sled, which makes what is missing.
pub(super) fn open_sled(folder: &Path, settings: SledSettings) -> std::result::Result<::sled::Db, Refusal> {
    let since = Instant::now();
    loop {
        let config =
            ::sled::Config::new().path(folder).cache_capacity(settings.cache.bytes(folder)).flush_every_ms(None);
        match guarded(|| Ok(config.open().map_err(Fault::from)?)) {
            // Our own lock is held, so sled's can only be that of a thread that is just ending.
            Err(Refusal::Fault(Fault::Io(error))) if is_lock(&error) && since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(Refusal::Fault(Fault::Io(error))) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Fault::Damaged("its log ends too early".into()).into());
            }
            opened => return opened,
        }
    }
}

fn is_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Opens the tree anew after an error, as it was durable. What is left of an unfinished round is completed.
pub(super) fn again(shared: &Shared, unfinished: &committer::Rows) -> std::result::Result<Disk, Fault> {
    let mut db = shared.db.write().unwrap_or_else(PoisonError::into_inner);
    let closed = catch_unwind(AssertUnwindSafe(|| drop(db.take())));
    if closed.is_err() {
        tracing::debug!("sled did not close in good order");
    }
    let opened = open_sled(&shared.folder, shared.settings).map_err(Refusal::into_fault)?;
    let mut disk = Disk::open(&shared.folder, shared.settings.ballast)?;
    let live = guarded(|| {
        committer::complete(&opened, unfinished)?;
        disk.sync()?;
        Ok(Live::load(Reader::new(&opened))?)
    });
    let found = live.map_err(Refusal::into_fault)?;
    let mut live = lock(&shared.live);
    // A log that cannot be read to its end looks like a younger one.
    if found.counts.round < live.counts.round {
        return Err(Fault::Damaged("it lost what was durable while it was opened again".into()));
    }
    *live = found;
    drop(live);
    *db = Some(opened);
    Ok(disk)
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn a_daemons_cache_follows_its_stores_size_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let of = |size: u64| {
            std::fs::File::create(folder.path().join("db")).unwrap().set_len(size).unwrap();
            Cache::OfStore.bytes(folder.path())
        };
        assert_eq!(Cache::OfStore.bytes(folder.path()), 56 << 20, "nothing is there yet");
        assert_eq!([of(100 << 20), of(5000 << 20), of(40 << 30)], [56 << 20, 525 << 20, 1 << 30]);
    }
}
