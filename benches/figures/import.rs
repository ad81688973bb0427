//! Import: files of customers and of events into the store, against bare sled writing the very same rows.

use crate::bare::{self, Bare};
use crate::people::{self, EVENTS_EACH};
use crate::scratch;
use crate::table::{Limit, Row, Unit, show};
use retaind::domain::{Arrival, EventInterest, Interest, Span};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Store, Urgency};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// As `retaind import` has them: arrivals of one call of the store, and calls under way.
const BATCH: usize = 500;
const UNDER_WAY: usize = 2;
/// So many events' rows are held in memory for the ceiling.
const STRETCH: u64 = 100_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let folder = scratch::folder()?;
    let (csv, ndjson) = (folder.path().join("customers.csv"), folder.path().join("events.ndjson"));
    people::write_customers(&csv, customers)?;
    people::write_events(&ndjson, customers)?;
    let (ours, bare) = (folder.path().join("ours"), folder.path().join("bare"));

    let (first, seconds) = phase(&ours, people::read_customers(&csv)?)?;
    let ceiling = customers_ceiling(&ours, &bare, customers, first)?;
    let profiles = Phase { what: "customers", arrivals: customers, seconds, ceiling, per_round: first };

    let (second, seconds) = phase(&ours, people::read_events(&ndjson)?)?;
    let ceiling = events_ceiling(&ours, &bare, customers, second)?;
    let events = Phase { what: "events", arrivals: customers * EVENTS_EACH, seconds, ceiling, per_round: second };
    show(&format!("import of {customers} customers and {} events", events.arrivals), &[profiles.row(), events.row()]);
    Ok(())
}

struct Phase {
    what: &'static str,
    arrivals: u64,
    seconds: f64,
    ceiling: f64,
    per_round: usize,
}

impl Phase {
    fn row(&self) -> Row {
        let rate = |seconds: f64| self.arrivals as f64 / seconds;
        Row {
            what: format!("{} ({} rows in a round)", self.what, self.per_round),
            figure: rate(self.seconds),
            ceiling: Some(rate(self.ceiling)),
            unit: Unit::PerSecond,
            limit: Limit::Ratio(0.6),
        }
    }
}

/// What rules with a window and a sum over purchases ask to be kept.
pub(crate) fn interest() -> Interest {
    let of_purchases = EventInterest {
        sums: ["revenue".to_owned()].into(),
        longest_window: Some(Span::days(90)),
        ..EventInterest::default()
    };
    Interest { events: [("Order Completed".to_owned(), of_purchases)].into(), ..Interest::default() }
}

/// Imports into the store in a folder; answers how many rows a round of the committer had, and seconds.
fn phase(
    folder: &Path,
    arrivals: impl Iterator<Item = anyhow::Result<Arrival>> + Send + 'static,
) -> anyhow::Result<(usize, f64)> {
    let store = Arc::new(SledStore::open(folder, OpenMode::Create)?);
    let before = bare::rounds(folder)?;
    let runtime = scratch::runtime()?;
    let (count, seconds) = scratch::timed(|| runtime.block_on(import(store, arrivals)))?;
    let rounds = bare::rounds(folder)? - before;
    Ok((usize::try_from(count.div_ceil(rounds.max(1)))?, seconds))
}

/// The three stages of `retaind import`: reading, parsing, storing. Answers how many rows were written.
async fn import(
    store: Arc<SledStore>,
    arrivals: impl Iterator<Item = anyhow::Result<Arrival>> + Send + 'static,
) -> anyhow::Result<u64> {
    let (batches, mut parsed) = tokio::sync::mpsc::channel(UNDER_WAY);
    let parser = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let mut arrivals = arrivals.peekable();
        while arrivals.peek().is_some() {
            batches.blocking_send(arrivals.by_ref().take(BATCH).collect::<anyhow::Result<Vec<_>>>()?)?;
        }
        Ok(())
    });
    let (interest, mut under_way, mut rows) = (Arc::new(interest()), VecDeque::new(), 0);
    while let Some(batch) = parsed.recv().await {
        rows += batch.iter().map(|arrival| if matches!(arrival, Arrival::Event { .. }) { 4 } else { 3 }).sum::<u64>();
        let (store, interest) = (Arc::clone(&store), Arc::clone(&interest));
        under_way.push_back(tokio::spawn(async move { store.ingest(batch, &interest, Urgency::Background).await }));
        if under_way.len() >= UNDER_WAY
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.await??;
        }
    }
    for stored in under_way {
        stored.await??;
    }
    parser.await??;
    store.close().await?;
    Ok(rows)
}

/// Name, customer and profile row of each customer.
fn customers_ceiling(ours: &Path, bare: &Path, customers: u64, per_round: usize) -> anyhow::Result<f64> {
    let (from, to) = (Bare::open(ours)?, Bare::open(bare)?);
    let mut seconds = 0.0;
    for begin in (0..customers).step_by(usize::try_from(STRETCH)?) {
        let mut rows = Vec::new();
        for n in begin..customers.min(begin + STRETCH) {
            let (number, name) = from.number(&people::id(n))?;
            rows.extend([name, from.row(bare::key(b'c', number))?, from.nth(&bare::key(b'p', number), 0)?]);
        }
        seconds += to.write(&rows, per_round)?;
    }
    Ok(seconds)
}

/// Fingerprint, event, purchase and customer row of each event, in the order of arrival.
fn events_ceiling(ours: &Path, bare: &Path, customers: u64, per_round: usize) -> anyhow::Result<f64> {
    let (from, to) = (Bare::open(ours)?, Bare::open(bare)?);
    let (events, mut seconds) = (customers * EVENTS_EACH, 0.0);
    for begin in (0..events).step_by(usize::try_from(STRETCH)?) {
        let mut rows = Vec::new();
        for i in begin..events.min(begin + STRETCH) {
            let (n, before) = people::owner(i, customers);
            let (number, _) = from.number(&people::id(n))?;
            let event = from.nth(&bare::key(b'e', number), usize::try_from(before)?)?;
            let fingerprint = &event.0[event.0.len() - 16..];
            let seen = from.row([b"d", fingerprint].concat())?;
            let purchase = [&bare::key(b'u', number)[..], people::order_id(i).as_bytes()].concat();
            rows.extend([seen, event, from.row(purchase)?, from.row(bare::key(b'c', number))?]);
        }
        seconds += to.write(&rows, per_round)?;
    }
    Ok(seconds)
}
