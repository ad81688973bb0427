use super::{Entry, Record, folder_of, read};
use crate::domain::{DeliveryKey, ProfileRow, Suppression};
use crate::store::contract::sample::{begin, change, day, ingest, mail, merge, profile, queue, row};
use crate::store::sled::OpenMode;
use crate::store::sled::tests::open;
use crate::store::{Store, StoreError, Urgency};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn says(n: i64, consent: &[(&str, bool)]) -> ProfileRow {
    let consent = consent.iter().map(|(name, granted)| ((*name).into(), *granted)).collect();
    ProfileRow { consent, ..row(n, &[]) }
}

fn entries(folder: &Path, key: &DeliveryKey) -> Vec<Record> {
    let said = read(&folder_of(folder), key).unwrap();
    assert_eq!(said.unreadable, 0);
    let rounds: Vec<u64> = said.entries.iter().map(|entry| entry.round).collect();
    assert!(rounds.is_sorted());
    said.entries.into_iter().map(|entry| entry.record).collect()
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(folder_of(folder)).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[tokio::test]
async fn withdrawals_and_grants_that_undo_them_are_kept_and_first_grants_are_not() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let store = open(&folder, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    ingest(&store, vec![profile("c", says(1, &[("marketing", true), ("offers", false)]))]).await;
    ingest(&store, vec![profile("c", says(2, &[("marketing", false), ("offers", false)]))]).await;
    ingest(&store, vec![profile("c", says(3, &[("marketing", true)])), profile("d", row(3, &[("plan", "pro")]))]).await;
    let customer = key.hash_of_customer("c");
    let expected = [
        Record::Withdrawn { customer, name: "offers".into(), at: day(1) },
        Record::Withdrawn { customer, name: "marketing".into(), at: day(2) },
        Record::Granted { customer, name: "marketing".into(), at: day(3) },
    ];
    assert_eq!(entries(&folder, &key), expected);
    let text = std::fs::read_to_string(only_file(&folder)).unwrap();
    assert!(!text.contains("\"c\"") && text.contains("\"marketing\""));
}

#[tokio::test]
async fn what_one_of_two_has_withdrawn_is_kept_for_both_ids_when_they_become_one() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let store = open(&folder, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    ingest(&store, vec![profile("c", says(1, &[("marketing", true)])), profile("d", says(2, &[("marketing", false)]))])
        .await;
    ingest(&store, vec![merge("d", "c", 3)]).await;
    let of = |id| Record::Withdrawn { customer: key.hash_of_customer(id), name: "marketing".into(), at: day(2) };
    assert_eq!(entries(&folder, &key), [of("d"), of("d"), of("c")]);
}

#[tokio::test]
async fn suppressions_and_their_ends_are_kept_as_hashes() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let store = open(&folder, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    let ana = Suppression { address: "Ana@x.example".into(), reason: "550 no ana@x.example here".into(), at: day(1) };
    store.suppress(vec![ana.clone(), ana.clone()]).await.unwrap();
    store.unsuppress(" ana@X.example").await.unwrap();
    store.unsuppress("ana@x.example").await.unwrap();
    let queued = queue(&store, "c", |to| vec![mail(1, to, 2)]).await;
    let sending = begin(&store, &queued[0], day(2)).await;
    let mut failed = change(&sending, crate::domain::State::Failed);
    failed.suppress = Some(Suppression { at: day(2), ..ana });
    store.record(vec![failed], Urgency::Interactive).await.unwrap();
    let address = key.hash_of_address("ana@x.example");
    let suppressed = |n| Record::Suppressed { address, at: day(n) };
    assert_eq!(entries(&folder, &key), [suppressed(1), Record::Unsuppressed { address }, suppressed(2)]);
    assert!(!std::fs::read_to_string(only_file(&folder)).unwrap().contains("ana"));
}

#[tokio::test]
async fn a_torn_line_is_cut_off_and_the_journal_goes_on_after_a_restart() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let store = open(&folder, OpenMode::Create).unwrap();
    let key = store.delivery_key();
    ingest(&store, vec![profile("c", says(1, &[("marketing", false)]))]).await;
    store.close().await.unwrap();
    let file = only_file(&folder);
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"17 5 withdr").unwrap();
    assert_eq!(entries(&folder, &key).len(), 1);
    let store = open(&folder, OpenMode::MustExist).unwrap();
    ingest(&store, vec![profile("d", says(2, &[("marketing", false)]))]).await;
    assert_eq!(entries(&folder, &key).len(), 2);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder_of(&folder))), (0o600, 0o700));
}

#[test]
fn a_changed_line_is_counted_and_the_others_are_read() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, key) = (parent.path().join("store"), DeliveryKey::new([3; 32]));
    let mut journal = super::Journal::new(&folder_of(&folder), &key);
    let record = |n: i64| Record::Erased { customer: key.hash_of_customer("c"), at: day(n) };
    for n in 1_i64..4 {
        journal.append(n.unsigned_abs(), vec![record(n)]).unwrap();
    }
    let file = only_file(&folder);
    let mut bytes = std::fs::read(&file).unwrap();
    let second = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0;
    bytes[second + 1] = b'9';
    std::fs::write(&file, bytes).unwrap();
    let said = read(&folder_of(&folder), &key).unwrap();
    let left = [1, 3].map(|n: i64| Entry { round: n.unsigned_abs(), record: record(n) });
    assert_eq!((said.entries.as_slice(), said.unreadable), (left.as_slice(), 1));
    assert!(read(&folder_of(&folder), &DeliveryKey::new([4; 32])).unwrap().entries.is_empty(), "another store's");
}

#[tokio::test]
async fn what_the_journal_cannot_take_is_not_stored() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let store = open(&folder, OpenMode::Create).unwrap();
    // A file where the folder is to be.
    std::fs::write(folder_of(&folder), "").unwrap();
    let ana = Suppression { address: "ana@x.example".into(), reason: "manual".into(), at: day(1) };
    assert!(matches!(store.suppress(vec![ana.clone()]).await, Err(StoreError::Io(_))));
    store.set_flag("other", Some("work goes on")).await.unwrap();
    assert_eq!(store.suppression("ana@x.example").await.unwrap(), None);
    std::fs::remove_file(folder_of(&folder)).unwrap();
    assert_eq!(store.suppress(vec![ana]).await.unwrap(), 1);
}
