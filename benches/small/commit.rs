//! One durable commit of the store with nobody else waiting; most of it is the disk.

use crate::shop::{self, NOW};
use divan::Bencher;
use retaind::domain::{Arrival, Interest};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Marking, Store, Urgency};

/// One event made durable.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn ingest_one_event(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SledStore::open(folder.path(), OpenMode::Create).expect("a store");
    let (runtime, interest, mut n) = (tokio::runtime::Runtime::new().expect("a runtime"), Interest::default(), 0);
    let next = || {
        n += 1;
        Arrival::Event { customer: format!("c-{}", n % 100), event: shop::purchase(n, NOW) }
    };
    bencher.with_inputs(next).bench_local_values(|arrival| {
        runtime.block_on(store.ingest(vec![arrival], &interest, Urgency::Interactive, Marking::Leave))
    });
    runtime.block_on(store.close()).expect("the store closes");
}

/// A small setting made durable.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn set_a_flag(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SledStore::open(folder.path(), OpenMode::Create).expect("a store");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    bencher.bench_local(|| runtime.block_on(store.set_flag("paused", Some("by a person"))));
    runtime.block_on(store.close()).expect("the store closes");
}
