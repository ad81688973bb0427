use super::problem::BackupProblem;
use super::read::Contents;
use crate::domain::{Arrival, State, Suppression, Time};
use crate::store::contract::sample::{
    arrival, batch, begin, change, customer, customers, day, decision, ingest, mail, merge, order, profile, row, view,
};
use crate::store::sled::restore::{RestoreFrom, RestoreRequest, Restoring};
use crate::store::sled::tests::open;
use crate::store::sled::{OpenMode, SledSettings, SledStore, verify_backup};
use crate::store::{BackupStamp, BackupSummary, DeliveryFilter, Store, StoreError, Urgency};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are looked at afterwards.
#[derive(Clone, Default)]
struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Before its first piece is taken, more must have been answered.
    answered: Option<Arc<AtomicU64>>,
}

/// So many answers, each of some rounds.
const MORE: u64 = 40;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(answered) = self.answered.take() {
            let enough = answered.load(Ordering::SeqCst) + MORE;
            while answered.load(Ordering::SeqCst) < enough {
                std::thread::yield_now();
            }
        }
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(in crate::store::sled) async fn backup(store: &SledStore, path: &Path) -> BackupSummary {
    backup_into(store, path, Sink::default()).await
}

/// Makes one while the store is written: since it was begun, something was answered.
pub(in crate::store::sled) async fn backup_under_way(
    store: &SledStore,
    path: &Path,
    writing: &Writing,
) -> BackupSummary {
    let answered = Some(Arc::clone(&writing.answered));
    backup_into(store, path, Sink { answered, ..Sink::default() }).await
}

async fn backup_into(store: &SledStore, path: &Path, sink: Sink) -> BackupSummary {
    let stamp = BackupStamp { made_at: day(9), version: "1.2.3".into() };
    let summary = store.backup(stamp, Box::new(sink.clone())).await.unwrap();
    let bytes = sink.bytes.lock().unwrap().clone();
    assert_eq!(summary.bytes, bytes.len() as u64);
    std::fs::write(path, bytes).unwrap();
    summary
}

pub(in crate::store::sled) fn request(file: &Path, folder: &Path, now: Time) -> RestoreRequest {
    let (from, folder) = (RestoreFrom::Backup(file.to_owned()), folder.to_owned());
    RestoreRequest { from, folder, journal: None, settings: SledSettings::default(), now }
}

/// All rows, but those that tell of rounds.
fn rows(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let db = crate::store::sled::tests::bare(folder);
    let rows = db.iter().map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec()));
    rows.filter(|(key, _)| *key != crate::store::sled::live::Counts::key()).collect()
}

struct Place {
    _parent: tempfile::TempDir,
    store: PathBuf,
    other: PathBuf,
    file: PathBuf,
}

fn place() -> Place {
    let parent = tempfile::tempdir().unwrap();
    let within = |name: &str| parent.path().join(name);
    Place { store: within("store"), other: within("other"), file: within("backup"), _parent: parent }
}

#[tokio::test]
async fn a_backup_of_a_store_at_rest_holds_every_row_and_says_how_much_that_is() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    customers(&store, &["a", "b"]).await;
    ingest(&store, vec![arrival("a", order(1, "o", 5)), merge("b", "c", 2)]).await;
    let summary = backup(&store, &place.file).await;
    store.close().await.unwrap();
    assert_eq!((summary.customers, summary.made_at, summary.rounds), (2, day(9), 0));
    assert_eq!(verify_backup(&place.file).unwrap(), summary);
    let restoring = Restoring::begin(request(&place.file, &place.other, day(10))).unwrap();
    restoring.finish().await.unwrap();
    assert_eq!(rows(&place.other), rows(&place.store));
}

/// Whether those who write are to go on, and how often they were answered.
#[derive(Clone, Default)]
pub(in crate::store::sled) struct Writing {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Writing {
    pub(in crate::store::sled) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Writes until it is told to stop: each customer with an order, a mail that is sent or waits, and a suppression.
pub(in crate::store::sled) async fn write_on(store: Arc<SledStore>, writer: u32, writing: Writing) -> Vec<String> {
    let mut answered = Vec::new();
    while !writing.stop.load(Ordering::SeqCst) {
        let n = answered.len();
        let id = format!("{writer}-{n}");
        let arrivals = vec![profile(&id, row(1, &[("email", "a@b.example")])), arrival(&id, order(1, &id, 3))];
        ingest(&*store, arrivals).await;
        let seen = customer(&*store, &id, 1).await;
        let mut one = mail(1, &seen, 2);
        one.id = store.delivery_key().delivery_id("win-back", &id, "o", "mail");
        store.decide(batch(vec![decision(&seen, vec![one.clone()])])).await.unwrap();
        if n.is_multiple_of(2) {
            let sending = begin(&*store, &one, day(2)).await;
            let mut sent = change(&sending, State::Sent);
            sent.delivery.sent_at = Some(day(2));
            store.record(vec![sent], Urgency::Interactive).await.unwrap();
        }
        let address = format!("{id}@x.example");
        store.suppress(vec![Suppression { address, reason: "manual".into(), at: day(1) }]).await.unwrap();
        answered.push(id);
        writing.answered.fetch_add(1, Ordering::SeqCst);
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_before_the_end_of_a_backup_is_in_it_and_nothing_is_torn() {
    let place = place();
    let store = Arc::new(open(&place.store, OpenMode::Create).unwrap());
    // More than one page of rows.
    let many: Vec<Arrival> =
        (0..3000).map(|n| profile(&format!("m{n}"), row(1, &[("note", &"x".repeat(600))]))).collect();
    store
        .ingest(many, &crate::store::contract::sample::interest(), Urgency::Background, crate::store::Marking::Dirty)
        .await
        .unwrap();
    let writing = Writing::default();
    let tasks: Vec<_> = (0..4).map(|n| tokio::spawn(write_on(Arc::clone(&store), n, writing.clone()))).collect();
    let last = store.stats().await.unwrap().customers;
    let summary = backup_under_way(&store, &place.file, &writing).await;
    // What was answered by now may be in it or not.
    writing.stop();
    let mut answered = Vec::new();
    for task in tasks {
        answered.extend(task.await.unwrap());
    }
    store.close().await.unwrap();
    assert!(summary.rounds > 20, "it was written meanwhile: {summary:?}");
    let restoring = Restoring::begin(request(&place.file, &place.other, day(10))).unwrap();
    restoring.finish().await.unwrap();
    let copy = open(&place.other, OpenMode::MustExist).unwrap();
    let stats = copy.stats().await.unwrap();
    assert_eq!(stats.customers, summary.customers);
    assert!(stats.customers >= last && stats.customers <= 3000 + answered.len() as u64 + 4);
    let (mut whole, mut missing) = (0_u64, Vec::new());
    for id in &answered {
        let Some(seen) = copy.customer(id, &view(3)).await.unwrap() else {
            missing.push(id);
            continue;
        };
        whole += 1;
        // The order came in the same commit.
        assert_eq!(seen.customer.activity.orders.count, 1, "{id}");
        assert_eq!(copy.events(seen.number, None, 9).await.unwrap().len(), 1);
        let made = copy.enrollments(seen.number, 9).await.unwrap();
        for delivery in made.iter().flat_map(|enrollment| &enrollment.deliveries) {
            assert!(copy.delivery(*delivery).await.unwrap().is_some(), "{id}: a delivery without its row");
        }
        assert_eq!(made.len(), seen.customer.memory.len());
    }
    assert!(whole >= last.saturating_sub(3000));
    // Of each writer those are missing that came last, and no other.
    for writer in 0..4 {
        let numbers = |ids: &[&String]| -> Vec<usize> {
            let own = format!("{writer}-");
            ids.iter().filter_map(|id| id.strip_prefix(&own)?.parse().ok()).collect()
        };
        let total = numbers(&answered.iter().collect::<Vec<_>>()).len();
        let gone = numbers(&missing);
        assert_eq!(gone, (total - gone.len()..total).collect::<Vec<_>>());
    }
    // Counts agree with rows.
    for (state, count) in stats.deliveries {
        let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
        assert_eq!(copy.deliveries(&filter, None, usize::MAX).await.unwrap().len() as u64, count, "{state}");
    }
}

fn problem_of(bytes: &[u8]) -> Option<BackupProblem> {
    match Contents::new(bytes) {
        Ok(contents) => contents.verify().err(),
        Err(problem) => Some(problem),
    }
}

#[tokio::test]
async fn a_cut_or_changed_file_is_refused_wherever_it_was_cut_or_changed_and_nothing_is_made() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    customers(&store, &["a", "b"]).await;
    backup(&store, &place.file).await;
    let bytes = std::fs::read(&place.file).unwrap();
    assert!(problem_of(&bytes).is_none());
    for length in 0..bytes.len() {
        let problem = problem_of(&bytes[..length]).unwrap();
        assert!(matches!(problem, BackupProblem::Foreign | BackupProblem::Cut { .. }), "{length}: {problem}");
    }
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1 << (index % 8);
        assert!(problem_of(&changed).is_some(), "byte {index}");
    }
    let behind = [&bytes[..], b"x"].concat();
    assert!(problem_of(&behind).unwrap().to_string().contains("behind its end"));
    let newer = [b"retaind backup 2\n", &bytes[17..]].concat();
    assert!(matches!(problem_of(&newer), Some(BackupProblem::Newer { found: 2, known: 1 })));
    // A frame more or less, each sound in itself.
    let lengths = |from: usize| 13 + u32::from_be_bytes(bytes[from + 5..from + 9].try_into().unwrap()) as usize;
    let second = 17 + lengths(17);
    let third = second + lengths(second);
    let without = [&bytes[..second], &bytes[third..]].concat();
    assert!(problem_of(&without).unwrap().to_string().contains("the sum over all of it"));

    std::fs::write(&place.file, &bytes[..bytes.len() - 5]).unwrap();
    let refused = Restoring::begin(request(&place.file, &place.other, day(10))).unwrap_err();
    assert!(refused.to_string().contains("cut off after"), "{refused}");
    assert!(!place.other.exists());
    std::fs::write(&place.file, &bytes).unwrap();
    let refused = Restoring::begin(request(&place.file, &place.store, day(10))).unwrap_err();
    assert!(matches!(refused, StoreError::Occupied(_)), "{refused}");
}

/// Fails after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_says_so_and_the_store_goes_on() {
    let place = place();
    let store = open(&place.store, OpenMode::Create).unwrap();
    customers(&store, &["a"]).await;
    for room in [0, 40] {
        let failed = store.backup(BackupStamp::default(), Box::new(Full(room))).await.unwrap_err();
        assert!(matches!(failed, StoreError::Backup(_)), "{failed}");
    }
    customers(&store, &["b"]).await;
    backup(&store, &place.file).await;
}
