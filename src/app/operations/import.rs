//! `import`: rows from outside into the store, in bounded memory.
//!
//! Three stages run at once: the source is read, rows are parsed on a thread of their own, and batches are made durable, one
//! after the other: of two undated rows of one customer the later one holds.

use super::failure;
use super::suppressions::is_address;
use crate::app::intake::{marking, prove};
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{Arrival, Schema, Suppression, Text, Time, normalized_address};
use crate::http::{
    Failure, FailureKind, Gone, ImportKind, ImportProgress, ImportReport, ImportRequest, ImportSink, ImportSource,
    RefusedRow, Result,
};
use crate::ingest::{CustomersCsv, EventsNdjson, ImportOptions, IngestError, Rejects, Row, text_lines};
use crate::store::{Marking, Urgency, Verdict};
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// Rows stored by one call of the store. At the end of a call it runs empty, so calls are large.
const BATCH: usize = 8000;

/// A call has no more rows than stand in so many bytes of the source, and one more.
const BATCH_BYTES: u64 = 8 << 20;

/// Bytes read from the source at a time.
const CHUNK: usize = 256 << 10;

/// Batches that may wait to be stored.
const WAITING: usize = 1;

/// A batch, with the count of rows read up to its end.
struct Batch<T> {
    rows: u64,
    items: Vec<T>,
    /// Places of those items that are only parts of rows, and are not counted.
    parts: BTreeSet<usize>,
}

pub(super) async fn import(
    core: &Shared,
    request: ImportRequest,
    source: ImportSource,
    sink: ImportSink,
) -> Result<ImportReport> {
    let bytes = Arc::new(AtomicU64::new(0));
    let reader = feed(source, Arc::clone(&bytes));
    let world = core.world.load_full();
    let schema = Arc::new(world.schema.clone());
    let options = ImportOptions { ignore_unknown: request.ignore_unknown, received_at: core.clock.now() };
    let marking = marking_of(core, &world, request.live);
    match request.kind {
        ImportKind::Suppressions => suppressions(core, reader, sink, &bytes).await,
        kind => {
            let (batches, mut parsed) = mpsc::channel(WAITING);
            let refusals = sink.clone();
            let parser = tokio::task::spawn_blocking(move || parse(kind, reader, schema, options, &refusals, &batches));
            let mut report = ImportReport::default();
            let file = request.file.map(Text::from);
            while let Some(mut batch) = parsed.recv().await {
                prove(&mut batch.items, |proof| proof.file.clone_from(&file));
                let stored = core.store.ingest(batch.items, &world.interest, Urgency::Background, marking);
                for (place, verdict) in stored.await.map_err(failure)?.into_iter().enumerate() {
                    match verdict {
                        _ if batch.parts.contains(&place) => {}
                        Verdict::Stored => report.stored += 1,
                        Verdict::Duplicate => report.duplicates += 1,
                    }
                }
                core.ring();
                // Only what is durable counts as progress.
                sink.progress(ImportProgress { rows: batch.rows, bytes: bytes.load(Ordering::Relaxed) }).await?;
            }
            let parsed = parser.await.map_err(|error| Failure::from_error(FailureKind::Internal, &error))??;
            report.rows = parsed.rows;
            report.refused = parsed.refused;
            core.wake();
            Ok(report)
        }
    }
}

/// What is imported starts nothing, unless it is to be taken as if it came in now. Without a daemon customers are marked
/// whatever the rules are: those that the daemon was stopped with may have errors now.
fn marking_of(core: &Shared, world: &World, live: bool) -> Marking {
    match marking(world) {
        Marking::Leave if core.daemon.is_some() => Marking::Leave,
        _ if live => Marking::Dirty,
        _ => Marking::Quiet,
    }
}

/// Rows read and refused.
#[derive(Default)]
struct Parsed {
    rows: u64,
    refused: u64,
}

fn parse(
    kind: ImportKind,
    reader: ChunkReader,
    schema: Arc<Schema>,
    options: ImportOptions,
    sink: &ImportSink,
    batches: &mpsc::Sender<Batch<Arrival>>,
) -> Result<Parsed> {
    let taken = Arc::clone(&reader.taken);
    let to = Destination { sink, batches, taken: &taken };
    match kind {
        ImportKind::Customers => {
            let rows = CustomersCsv::new(reader, schema, options).map_err(|error| unusable(&error))?;
            let rejects = Rejects::customers(Vec::new(), rows.header().clone());
            send_rows(rows, rejects, &to)
        }
        ImportKind::Events | ImportKind::Suppressions => {
            send_rows(EventsNdjson::new(reader, schema, options), Rejects::events(Vec::new()), &to)
        }
    }
}

/// Where rows go.
struct Destination<'d> {
    sink: &'d ImportSink,
    batches: &'d mpsc::Sender<Batch<Arrival>>,
    /// Bytes of the source that the parser has taken.
    taken: &'d AtomicU64,
}

fn send_rows(
    rows: impl Iterator<Item = std::result::Result<Row, IngestError>>,
    mut rejects: Rejects<Vec<u8>>,
    to: &Destination<'_>,
) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    let (mut items, mut parts, mut sent) = (Vec::new(), BTreeSet::new(), 0);
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                send(to.batches, &parsed, items, parts)?;
                return Err(unusable(&error));
            }
        };
        match row {
            Row::Part(arrival) => {
                parts.insert(items.len());
                items.push(arrival);
                continue;
            }
            Row::Arrival(arrival) => items.push(arrival),
            Row::Refused(refused) => {
                parsed.refused += 1;
                rejects.write(&refused).map_err(|error| unusable(&error))?;
                let rejects = String::from_utf8_lossy(&rejects.take()).into_owned();
                to.sink.refused_blocking(RefusedRow { line: refused.line, reason: refused.reason, rejects })?;
            }
        }
        parsed.rows += 1;
        let taken = to.taken.load(Ordering::Relaxed);
        if items.len() >= BATCH || taken - sent >= BATCH_BYTES {
            send(to.batches, &parsed, std::mem::take(&mut items), std::mem::take(&mut parts))?;
            sent = taken;
        }
    }
    send(to.batches, &parsed, items, parts)?;
    Ok(parsed)
}

fn send(
    batches: &mpsc::Sender<Batch<Arrival>>,
    parsed: &Parsed,
    items: Vec<Arrival>,
    parts: BTreeSet<usize>,
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    batches.blocking_send(Batch { rows: parsed.rows, items, parts }).map_err(|_| Gone.into())
}

/// A refused line of a list, under its reason; both are passed over or read again when the file is imported again.
fn refused_line(line: u64, reason: String, text: &str) -> RefusedRow {
    let rejects = format!("# line {line}: {reason}\n{text}\n");
    RefusedRow { line, reason, rejects }
}

fn unusable(error: &IngestError) -> Failure {
    Failure::from_error(FailureKind::Invalid, error)
}

/// One address a line, or `address,reason`; a first line without an `@` is a heading, `#` begins a remark.
async fn suppressions(core: &Shared, reader: ChunkReader, sink: ImportSink, bytes: &AtomicU64) -> Result<ImportReport> {
    let now = core.clock.now();
    let refusals = sink.clone();
    let (batches, mut parsed) = mpsc::channel(WAITING);
    let parser = tokio::task::spawn_blocking(move || parse_suppressions(reader, now, &refusals, &batches));
    let mut report = ImportReport::default();
    while let Some(batch) = parsed.recv().await {
        let count = batch.items.len() as u64;
        let added = core.store.suppress(batch.items).await.map_err(failure)?;
        report.stored += added;
        report.duplicates += count - added;
        sink.progress(ImportProgress { rows: batch.rows, bytes: bytes.load(Ordering::Relaxed) }).await?;
    }
    let parsed = parser.await.map_err(|error| Failure::from_error(FailureKind::Internal, &error))??;
    report.rows = parsed.rows;
    report.refused = parsed.refused;
    Ok(report)
}

fn parse_suppressions(
    reader: ChunkReader,
    now: Time,
    sink: &ImportSink,
    batches: &mpsc::Sender<Batch<Suppression>>,
) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    let mut items = Vec::new();
    for line in text_lines(reader) {
        let (number, line) = match line.map_err(|error| unusable(&error))? {
            Ok(line) => line,
            Err(refused) => {
                parsed.rows += 1;
                parsed.refused += 1;
                let text = String::from_utf8_lossy(&refused.raw);
                sink.refused_blocking(refused_line(refused.line, refused.reason, &text))?;
                continue;
            }
        };
        let (address, reason) = line.split_once(',').unwrap_or((&line, ""));
        let address = normalized_address(address.trim_matches('"'));
        if address.is_empty() || line.starts_with('#') || number == 1 && !address.contains('@') {
            continue;
        }
        parsed.rows += 1;
        if !is_address(&address) {
            parsed.refused += 1;
            let reason = format!("{address:?} is no e-mail address");
            sink.refused_blocking(refused_line(number, reason, &line))?;
            continue;
        }
        let reason = reason.trim().trim_matches('"');
        let reason = if reason.is_empty() { "imported" } else { reason }.to_owned();
        items.push(Suppression { address, reason, at: now });
        if items.len() >= 100 {
            send_suppressions(batches, &parsed, std::mem::take(&mut items))?;
        }
    }
    send_suppressions(batches, &parsed, items)?;
    Ok(parsed)
}

fn send_suppressions(
    batches: &mpsc::Sender<Batch<Suppression>>,
    parsed: &Parsed,
    items: Vec<Suppression>,
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    batches.blocking_send(Batch { rows: parsed.rows, items, parts: BTreeSet::new() }).map_err(|_| Gone.into())
}

/// Reads chunks that arrive over a channel; for parsers that read blockingly.
struct ChunkReader {
    chunks: mpsc::Receiver<std::io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    /// Bytes that the parser has taken.
    taken: Arc<AtomicU64>,
}

/// Reads the source in a task of its own, a few chunks ahead of the parser.
fn feed(mut source: ImportSource, bytes: Arc<AtomicU64>) -> ChunkReader {
    let (sender, chunks) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = source.read(&mut chunk).await;
            let last = match &read {
                Ok(0) => return,
                Ok(count) => {
                    chunk.truncate(*count);
                    bytes.fetch_add(*count as u64, Ordering::Relaxed);
                    false
                }
                Err(_) => true,
            };
            if sender.send(read.map(|_| chunk)).await.is_err() || last {
                return;
            }
        }
    });
    ChunkReader { chunks, chunk: Vec::new(), at: 0, taken: Arc::default() }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.chunk.len() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => {
                    self.chunk = chunk?;
                    self.at = 0;
                }
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
