use super::{CHAIN, Mark, Migration, Page, Pass, migrate, written_by};
use crate::domain::{Enrollment, State, Time};
use crate::store::contract::sample::{EVERYONE, view};
use crate::store::sled::backup::tests::request;
use crate::store::sled::fault::Fault;
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::live::Counts;
use crate::store::sled::open::FORMAT;
use crate::store::sled::reader::Reader;
use crate::store::sled::restore::Restoring;
use crate::store::sled::tests::older::{kept, rows, unpack};
use crate::store::sled::tests::{bare, copy, open};
use crate::store::sled::{OpenMode, rows as forms};
use crate::store::{DeliveryFilter, Store};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type AllRows = Vec<(Vec<u8>, Vec<u8>)>;

/// Without those of the store itself, which a migration and opening change.
fn held(rows: AllRows) -> AllRows {
    rows.into_iter().filter(|(key, _)| key[0] != Kind::Meta as u8).collect()
}

fn old_store() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let store = parent.path().join("store");
    unpack("format-1", &store);
    (parent, store)
}

/// What the program that made the store said of it.
fn said(what: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(kept("format-1").join(what)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_chain_has_no_gap_and_leads_to_the_format_that_is_written() {
    let formats: Vec<u32> = CHAIN.iter().map(|step| step.to).collect();
    assert_eq!(formats, (2..=FORMAT).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_store_of_format_1_holds_after_its_migration_what_its_own_program_said_of_it() {
    let (_parent, folder) = old_store();
    let before = held(rows(&folder));
    drop(open(&folder, OpenMode::MustExist).unwrap());
    assert_eq!(held(rows(&folder)), before, "nothing is lost or changed");
    let db = bare(&folder);
    let format: u32 = forms::read(&db.get(keys::meta("format")).unwrap().unwrap()).unwrap();
    let by: String = forms::read(&db.get(written_by()).unwrap().unwrap()).unwrap();
    assert_eq!((format, by.as_str()), (FORMAT, env!("CARGO_PKG_VERSION")));
    assert!(db.get(Mark::key()).unwrap().is_none(), "it is finished");
    drop(db);

    let store = open(&folder, OpenMode::MustExist).unwrap();
    let now = view(365 * 70);
    for told in said("customers.json") {
        let seen = store.customer(told["id"].as_str().unwrap(), &now).await.unwrap().unwrap().customer;
        assert_eq!(told["arrived_at"], seen.arrived_at.to_string());
        assert_eq!(told["orders"]["count"].as_u64().unwrap_or(0), seen.activity.orders.count, "{}", seen.id);
        assert_eq!(told["email"].as_str(), seen.email());
    }
    let mut states: BTreeMap<State, u64> = BTreeMap::new();
    for told in said("deliveries.json") {
        let id = told["id"].as_str().unwrap().parse().unwrap();
        let found = store.delivery(id).await.unwrap().unwrap();
        assert_eq!((told["state"].as_str(), told["rule"].as_str()), (Some(found.state.word()), Some(&*found.rule)));
        assert_eq!(
            (told["due_at"].as_str(), &told["attempts"]),
            (Some(&*found.due_at.to_string()), &found.attempts.into())
        );
        *states.entry(found.state).or_default() += 1;
    }
    let counted = store.stats().await.unwrap().deliveries;
    assert_eq!(counted.into_iter().filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>(), states);
    for told in said("suppressions.json") {
        let found = store.suppression(told["address"].as_str().unwrap()).await.unwrap().unwrap();
        assert_eq!(told["since"].as_str().or(told["at"].as_str()), Some(&*found.at.to_string()));
    }
}

#[tokio::test]
async fn a_store_of_format_1_goes_on_where_its_own_program_was_killed() {
    let (_parent, folder) = old_store();
    let store = open(&folder, OpenMode::MustExist).unwrap();
    let sending = DeliveryFilter { state: Some(State::Sending), ..DeliveryFilter::default() };
    let under_way = store.deliveries(&sending, None, 9).await.unwrap();
    assert_eq!(under_way.len(), 1);
    assert_eq!(store.recover(Time::MAX).await.unwrap(), 1);
    assert_eq!(store.delivery(under_way[0].id).await.unwrap().unwrap().state, State::Uncertain);
    let ana = store.customer("ana", &view(365 * 70)).await.unwrap().unwrap();
    let entered: Vec<Enrollment> = store.enrollments(ana.number, 9).await.unwrap();
    assert!(entered.iter().any(|one| one.rule.as_ref() as &str == "thanks"), "{entered:?}");
    assert!(ana.customer.consents_to("offers") && !ana.customer.watch.active.is_empty());
    assert_eq!(store.customers(None, EVERYONE, 9, &view(365 * 70)).await.unwrap().len(), 4);
}

/// Writes a row for each customer that the store has, two at a time, and doubles what it reads, so that a page that is
/// written twice shows.
fn number_customers(reader: Reader<'_>, from: &[u8]) -> Result<Page, Fault> {
    page_of_test()?;
    let mut page = Page::default();
    let from = if from.is_empty() { Kind::Customer.all() } else { from.to_vec() };
    for row in reader.between(from, keys::after_prefix(&Kind::Customer.all())).take(2) {
        let (key, _) = row?;
        let mirror = [b"~", &key[..]].concat();
        let count = reader.get(&mirror)?.map_or(Ok(0), |row| forms::read::<u64>(&row))?;
        page.rows.push((mirror.into(), Some(forms::write(&(count + 1))?)));
        page.next = Some([&key[..], &[0]].concat());
    }
    Ok(page)
}

fn forget_zones(reader: Reader<'_>, _: &[u8]) -> Result<Page, Fault> {
    page_of_test()?;
    let gone = reader.prefix(&Kind::Zone.all()).map(|row| Ok((row?.0, None)));
    Ok(Page { rows: gone.collect::<Result<_, Fault>>()?, next: None })
}

const PASSES: &[Pass] = &[number_customers, forget_zones];
const LONGER: &[Migration] = &[
    Migration { to: 2, passes: PASSES },
    Migration { to: 3, passes: &[number_customers] },
    Migration { to: 4, passes: &[] },
];

thread_local! {
    /// After so many pages it is broken off.
    static STOP: Cell<u32> = const { Cell::new(u32::MAX) };
}

fn page_of_test() -> Result<(), Fault> {
    let left = STOP.get();
    STOP.set(left.wrapping_sub(1));
    if left == 0 { Err(Fault::Closed) } else { Ok(()) }
}

fn run(folder: &Path, stop: u32) -> Result<u32, Fault> {
    STOP.set(stop);
    let db = bare(folder);
    let done = migrate(&db, folder, LONGER);
    if done.is_err() {
        // As it lies there now; sled would write more when it is closed.
        let copied = folder.with_file_name("killed");
        std::fs::create_dir(&copied).unwrap();
        copy(folder, &copied);
        drop(db);
        drop(std::fs::remove_dir_all(folder));
        std::fs::rename(copied, folder).unwrap();
    }
    done
}

#[test]
fn a_migration_that_is_killed_after_any_page_goes_on_there_and_does_nothing_twice() {
    let (_parent, whole) = old_store();
    assert_eq!(run(&whole, u32::MAX).unwrap(), 1);
    let expected = rows(&whole);
    assert!(
        expected.iter().filter(|(key, _)| key[0] == b'~').all(|(_, value)| forms::read::<u64>(value).unwrap() == 2)
    );
    assert!(!expected.iter().any(|(key, _)| key[0] == Kind::Zone as u8 || *key == Mark::key()));
    for stop in 0.. {
        let (_parent, folder) = old_store();
        if run(&folder, stop).is_ok() {
            assert!(stop > 4, "it was broken off in every pass");
            break;
        }
        run(&folder, u32::MAX).unwrap();
        assert_eq!(rows(&folder), expected, "broken off after {stop} pages");
    }
    let (_parent, folder) = old_store();
    let runs = 1 + (0..99).take_while(|_| run(&folder, 1).is_err()).count();
    assert!((5..99).contains(&runs), "a page each: {runs}");
    assert_eq!(rows(&folder), expected);
    assert_eq!(run(&whole, u32::MAX).unwrap(), 4, "once is enough");
    assert_eq!(rows(&whole), expected);
}

#[test]
fn a_store_that_is_half_migrated_is_refused_by_older_programs() {
    let (_parent, folder) = old_store();
    assert!(run(&folder, 1).is_err());
    let db = bare(&folder);
    assert_eq!(super::format(Reader::new(&db)).unwrap(), 2);
    assert!(db.get(Mark::key()).unwrap().is_some());
}

const FOLDER: &str = "RETAIND_TEST_STORE";

/// One row a page, a line for each.
fn slowly(reader: Reader<'_>, from: &[u8]) -> Result<Page, Fault> {
    let from = if from.is_empty() { b"z~".to_vec() } else { from.to_vec() };
    let Some((key, value)) = reader.between(from, None).next().transpose()? else { return Ok(Page::default()) };
    writeln!(std::io::stdout(), "\npage")?;
    let count: u64 = forms::read(&value)?;
    Ok(Page { rows: vec![(key.clone(), Some(forms::write(&(count + 1))?))], next: Some([&key[..], &[0]].concat()) })
}

#[test]
#[ignore = "the other side of the test below, which runs it"]
fn migrates() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    migrate(&bare(&folder), &folder, &[Migration { to: 2, passes: &[slowly] }]).unwrap();
}

#[test]
fn a_process_that_is_killed_while_it_migrates_leaves_a_store_that_goes_on() {
    const ROWS: u64 = 400;
    let (_parent, folder) = old_store();
    let db = bare(&folder);
    for n in 0..ROWS {
        db.insert([b"z~", &n.to_be_bytes()[..]].concat(), forms::write(&7_u64).unwrap()).unwrap();
    }
    drop(db);
    let mut runs = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::sled::migrate::tests::migrates", "--ignored", "--nocapture"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pages =
            BufReader::new(child.stdout.take().unwrap()).lines().filter(|line| line.as_ref().unwrap() == "page");
        for (n, _) in pages.enumerate() {
            if n == 120 {
                child.kill().unwrap();
            }
        }
        runs += 1;
        if child.wait().unwrap().success() {
            break;
        }
        assert!(runs < 9, "nothing moves");
    }
    assert!(runs > 3, "it was killed a few times: {runs}");
    let migrated = rows(&folder).into_iter().filter(|(key, _)| key.starts_with(b"z~"));
    let counts: Vec<u64> = migrated.map(|(_, value)| forms::read(&value).unwrap()).collect();
    assert_eq!(counts, vec![8; 400], "each row once");
    let store = open(&folder, OpenMode::MustExist);
    drop(store);
    assert_eq!(Counts::load(Reader::new(&bare(&folder))).unwrap().customers, 4);
}

#[tokio::test]
async fn a_backup_of_a_store_of_format_1_is_restored_and_then_migrated() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("store");
    let restoring = Restoring::begin(request(&kept("format-1.backup"), &folder, Time(0))).unwrap();
    restoring.finish().await.unwrap();
    let (_parent, direct) = old_store();
    drop(open(&direct, OpenMode::MustExist).unwrap());
    assert_eq!(held(rows(&folder)), held(rows(&direct)), "as the store itself is");
    assert_eq!(super::format(Reader::new(&bare(&folder))).unwrap(), FORMAT);
}
