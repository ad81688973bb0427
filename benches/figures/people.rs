//! Made-up customers and what they bought: the same for every run.

use retaind::domain::{Arrival, Schema, Time};
use retaind::ingest::{CustomersCsv, EventsNdjson, ImportOptions, Row};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Now, in all benchmarks: 2026-11-20T12:00:00Z, a Friday.
pub(crate) const NOW: Time = Time(1_795_176_000_000);
/// Events a customer.
pub(crate) const EVENTS_EACH: u64 = 3;
/// Events lie within so many milliseconds before [`NOW`].
const PAST: u64 = 400 * 86_400_000;
/// Larger than any number of customers, and prime, so that it leads through all of them in a wild order.
const STRIDE: u64 = 2_147_483_647;

/// Steele, Lea and Flood's `SplitMix64`: numbers that look random.
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// The outside's id of the customer that comes `n`th; ids sort wildly, as those of shops do.
pub(crate) fn id(n: u64) -> String {
    format!("c-{:012x}", mix(n) >> 16)
}

/// Whose event the `i`th is, the customer and how many theirs before it.
pub(crate) const fn owner(i: u64, customers: u64) -> (u64, u64) {
    ((i % customers) * (STRIDE % customers) % customers, i / customers)
}

/// The id of the `i`th purchase.
pub(crate) fn order_id(i: u64) -> String {
    format!("order-{i:09}")
}

/// When the `i`th event happened; they come in the order of time, as a shop's export does. More than so many happen now.
fn at(i: u64, events: u64) -> Time {
    let before = PAST.saturating_sub(PAST / events * i);
    Time(NOW.0 - i64::try_from(before).unwrap_or(i64::MAX))
}

/// Writes a file of these customers.
pub(crate) fn write_customers(file: &Path, customers: Range<u64>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "id,email,first_name,last_name,locale,country,timezone,consent.marketing")?;
    for n in customers {
        let seed = mix(n ^ 0xc0ff_ee00);
        let country = ["HR", "DE", "AT", "SI"][usize::try_from(seed % 4)?];
        let zone = ["Europe/Zagreb", "Europe/Berlin", "Europe/Vienna", "Europe/Ljubljana"][usize::try_from(seed % 4)?];
        let (first, last) = (seed % 977, seed / 977 % 7919);
        writeln!(
            out,
            "{},p{n}@example.org,First{first},Lastname{last},hr-HR,{country},{zone},{}",
            id(n),
            !seed.is_multiple_of(10)
        )?;
    }
    Ok(out.flush()?)
}

/// Writes a file of these purchases of so many customers, of which there are [`EVENTS_EACH`] a customer.
pub(crate) fn write_events(file: &Path, purchases: Range<u64>, customers: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    events(&mut out, purchases, customers)?;
    Ok(out.flush()?)
}

/// These purchases as lines of an import.
pub(crate) fn events(out: &mut impl Write, purchases: Range<u64>, customers: u64) -> anyhow::Result<()> {
    let events = customers * EVENTS_EACH;
    for i in purchases {
        let (seed, (n, _)) = (mix(i ^ 0x0bad_5eed), owner(i, customers));
        writeln!(
            out,
            r#"{{"type":"track","messageId":"m-{seed:016x}","userId":"{}","event":"Order Completed","timestamp":"{}","properties":{{"order_id":"{}","revenue":{}.{:02},"currency":"EUR"}}}}"#,
            id(n),
            at(i, events),
            order_id(i),
            5 + seed % 200,
            seed / 200 % 100,
        )?;
    }
    Ok(())
}

const OPTIONS: ImportOptions = ImportOptions { ignore_unknown: false, received_at: NOW };

/// A file of customers, read as `retaind import` reads it.
pub(crate) fn read_customers(file: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Arrival>> + use<>> {
    let rows = CustomersCsv::new(File::open(file)?, Arc::new(Schema::default()), OPTIONS)?;
    Ok(rows.map(|row| arrival(row?)))
}

/// A file of events, read as `retaind import` reads it.
pub(crate) fn read_events(file: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Arrival>> + use<>> {
    let rows = EventsNdjson::new(File::open(file)?, Arc::new(Schema::default()), OPTIONS);
    Ok(rows.map(|row| arrival(row?)))
}

fn arrival(row: Row) -> anyhow::Result<Arrival> {
    match row {
        Row::Arrival(arrival) | Row::Part(arrival) => Ok(arrival),
        Row::Refused(refused) => anyhow::bail!("line {} was refused: {}", refused.line, refused.reason),
    }
}
