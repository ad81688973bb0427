//! Stores filled for a benchmark that measures something else.

use crate::{people, scratch};
use retaind::domain::{Arrival, Interest};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Marking, Store, Urgency};
use std::path::{Path, PathBuf};

/// Arrivals of one call.
const BATCH: usize = 20_000;

/// Makes a store of so many customers and their events, and closes it. Where `RETAIND_BENCH_STORES` names a folder,
/// stores are kept there and copied from there: to fill a large one takes minutes.
pub(crate) fn store(folder: &Path, customers: u64, interest: &Interest) -> anyhow::Result<()> {
    let Some(kept) = std::env::var_os("RETAIND_BENCH_STORES") else { return fill(folder, customers, interest) };
    let kept = PathBuf::from(kept).join(format!("{customers}-{:x}", interest.fingerprint()));
    if !kept.exists() {
        fill(folder, customers, interest)?;
        return scratch::copy(folder, &kept);
    }
    scratch::copy(&kept, folder)
}

fn fill(folder: &Path, customers: u64, interest: &Interest) -> anyhow::Result<()> {
    let files = scratch::folder()?;
    let (csv, ndjson) = (files.path().join("customers.csv"), files.path().join("events.ndjson"));
    people::write_customers(&csv, 0..customers)?;
    people::write_events(&ndjson, 0..customers * people::EVENTS_EACH, customers)?;
    let store = SledStore::open(folder, OpenMode::Create)?;
    scratch::runtime()?.block_on(async {
        ingest(&store, people::read_customers(&csv)?, interest).await?;
        ingest(&store, people::read_events(&ndjson)?, interest).await?;
        Ok(store.close().await?)
    })
}

async fn ingest(
    store: &SledStore,
    arrivals: impl Iterator<Item = anyhow::Result<Arrival>>,
    interest: &Interest,
) -> anyhow::Result<()> {
    let mut arrivals = arrivals.peekable();
    while arrivals.peek().is_some() {
        let batch = arrivals.by_ref().take(BATCH).collect::<anyhow::Result<Vec<_>>>()?;
        store.ingest(batch, interest, Urgency::Background, Marking::Leave).await?;
    }
    Ok(())
}
