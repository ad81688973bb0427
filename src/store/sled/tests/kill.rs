//! A real process, really killed.

use super::{Folder, OpenMode, open};
use crate::domain::{Event, Time};
use crate::store::contract::sample::{
    DAY, EVERYONE, arrival, batch, customer, day, decision, mail, mark, order, view, webhook,
};
use crate::store::{Decision, DeliveryFilter, Store, WakeChange};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = "RETAIND_TEST_STORE";
/// Events of one call.
const EACH: u64 = 3;

/// Writes until it is killed; a line for each call that was answered.
#[tokio::test]
#[ignore = "the other side of the test below, which runs it"]
async fn writer() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let store = open(Path::new(&folder), OpenMode::Create).unwrap();
    let mut said = std::io::stdout();
    let first = store.last_customer().0 + 1;
    for n in first..first + 5000 {
        let name = format!("c{n}");
        let event = |m: u64| Event { at: Time(0), ..order(0, &format!("{n}/{m}"), 1) };
        mark(&store, (0..EACH).map(|m| arrival(&name, event(m))).collect()).await;
        writeln!(said, "\nstored {n}").unwrap();
        let seen = customer(&store, &name, 1).await;
        let mut deliveries = vec![mail(1, &seen, 2), webhook(2, &seen, 2, "crm")];
        for (delivery, step) in deliveries.iter_mut().zip(["mail", "crm"]) {
            delivery.id = store.delivery_key().delivery_id("win-back", &name, "o", step);
        }
        let decision = Decision { wake: WakeChange::Set(None), ..decision(&seen, deliveries) };
        store.decide(batch(vec![decision])).await.unwrap();
        writeln!(said, "\ndecided {n}").unwrap();
    }
}

/// Runs the writer, kills it after so many answers, and says up to which customer it answered what.
fn run_and_kill(folder: &Path, answers: usize) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::tests::kill::writer", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stored, mut decided, mut answered) = (0, 0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (counter, number) = match line.split_once(' ') {
            Some(("stored", number)) => (&mut stored, number),
            Some(("decided", number)) => (&mut decided, number),
            _ => continue,
        };
        *counter = number.parse().unwrap_or(*counter);
        answered += 1;
        if answered == answers {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered >= answers, "the writer ended by itself");
    (stored, decided)
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_and_nothing_is_half_there() {
    let folder = Folder::new();
    for (run, answers) in [1, 40, 101, 254].into_iter().enumerate() {
        let (stored, decided) = run_and_kill(folder.path(), answers);
        let store = open(folder.path(), OpenMode::MustExist).unwrap();
        assert!(store.last_customer().0 >= stored);
        let customers = store.customers(None, EVERYONE, 10_000, &view(1)).await.unwrap();
        for seen in &customers {
            assert_eq!(seen.customer.activity.orders.count, EACH);
            assert_eq!(store.events(seen.number, None, 9).await.unwrap().len() as u64, EACH);
            let enrolled = store.enrollments(seen.number, 9).await.unwrap();
            assert!(seen.number.0 != decided || enrolled.len() == 1, "a decision that was answered is gone");
            assert_eq!(seen.customer.memory.len(), enrolled.len());
            assert_eq!(seen.customer.slots.len(), enrolled.len());
            for id in enrolled.iter().flat_map(|enrollment| &enrollment.deliveries) {
                assert!(store.delivery(*id).await.unwrap().is_some());
            }
        }
        let undecided = customers.iter().filter(|seen| seen.customer.memory.is_empty());
        let dirty = store.take_dirty(day(0), 10_000, DAY).await.unwrap();
        assert_eq!(dirty, undecided.map(|seen| seen.number).collect::<Vec<_>>());
        let queued = store.deliveries(&DeliveryFilter::default(), None, 100_000).await.unwrap();
        let enrolled = customers.iter().filter(|seen| !seen.customer.memory.is_empty()).count();
        assert_eq!(queued.len(), 2 * enrolled);
        assert!(enrolled + run + 1 >= customers.len(), "each run leaves at most its last customer undecided");
        let counted: u64 = store.stats().await.unwrap().deliveries.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, queued.len() as u64);
    }
}
