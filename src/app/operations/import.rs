//! `import`: rows from outside into the store, in bounded memory.
//!
//! Three stages run at once: the source is read, rows are parsed on a thread of their own, and batches are made durable.

use super::failure;
use super::suppressions::is_address;
use crate::app::shared::Shared;
use crate::domain::{Arrival, Schema, Suppression, Time, normalized_address};
use crate::http::{
    Failure, FailureKind, Gone, ImportKind, ImportProgress, ImportReport, ImportRequest, ImportSink, ImportSource,
    RefusedRow, Result,
};
use crate::ingest::{CustomersCsv, EventsNdjson, ImportOptions, IngestError, Rejects, Row, text_lines};
use crate::store::{Marking, Urgency, Verdict};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// Rows stored by one call of the store.
const BATCH: usize = 500;

/// Bytes read from the source at a time.
const CHUNK: usize = 256 << 10;

/// Batches under way at once: one made durable while the next is prepared.
const UNDER_WAY: usize = 2;

/// A batch, with the count of rows read up to its end.
struct Batch<T> {
    rows: u64,
    items: Vec<T>,
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
    match request.kind {
        ImportKind::Suppressions => suppressions(core, reader, sink, &bytes).await,
        kind => {
            let (batches, mut parsed) = mpsc::channel(UNDER_WAY);
            let refusals = sink.clone();
            let parser = tokio::task::spawn_blocking(move || parse(kind, reader, schema, options, &refusals, &batches));
            let mut report = ImportReport::default();
            let mut under_way = VecDeque::new();
            while let Some(batch) = parsed.recv().await {
                let (store, interest) = (Arc::clone(&core.store), Arc::clone(&world));
                under_way.push_back((
                    batch.rows,
                    tokio::spawn(async move {
                        store.ingest(batch.items, &interest.interest, Urgency::Background, Marking::Leave).await
                    }),
                ));
                if under_way.len() >= UNDER_WAY {
                    settle(&mut under_way, &mut report, &sink, &bytes).await?;
                }
            }
            while !under_way.is_empty() {
                settle(&mut under_way, &mut report, &sink, &bytes).await?;
            }
            let parsed = parser.await.map_err(|error| Failure::from_error(FailureKind::Internal, &error))??;
            report.rows = parsed.rows;
            report.refused = parsed.refused;
            core.wake();
            Ok(report)
        }
    }
}

type Stored = tokio::task::JoinHandle<crate::store::Result<Vec<Verdict>>>;

/// Waits for the oldest batch under way, and tells how far the import is: only what is durable counts.
async fn settle(
    under_way: &mut VecDeque<(u64, Stored)>,
    report: &mut ImportReport,
    sink: &ImportSink,
    bytes: &AtomicU64,
) -> Result<()> {
    let Some((rows, task)) = under_way.pop_front() else { return Ok(()) };
    let stored = task.await.map_err(|error| Failure::from_error(FailureKind::Internal, &error))?;
    for verdict in stored.map_err(failure)? {
        match verdict {
            Verdict::Stored => report.stored += 1,
            Verdict::Duplicate => report.duplicates += 1,
        }
    }
    sink.progress(ImportProgress { rows, bytes: bytes.load(Ordering::Relaxed) }).await?;
    Ok(())
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
    match kind {
        ImportKind::Customers => {
            let rows = CustomersCsv::new(reader, schema, options).map_err(|error| unusable(&error))?;
            let rejects = Rejects::customers(Vec::new(), rows.header().clone());
            send_rows(rows, rejects, sink, batches)
        }
        ImportKind::Events | ImportKind::Suppressions => {
            send_rows(EventsNdjson::new(reader, schema, options), Rejects::events(Vec::new()), sink, batches)
        }
    }
}

fn send_rows(
    rows: impl Iterator<Item = std::result::Result<Row, IngestError>>,
    mut rejects: Rejects<Vec<u8>>,
    sink: &ImportSink,
    batches: &mpsc::Sender<Batch<Arrival>>,
) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    let mut items = Vec::with_capacity(BATCH);
    for row in rows {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                send(batches, &parsed, std::mem::take(&mut items))?;
                return Err(unusable(&error));
            }
        };
        parsed.rows += 1;
        match row {
            Row::Arrival(arrival) => items.push(arrival),
            Row::Refused(refused) => {
                parsed.refused += 1;
                rejects.write(&refused).map_err(|error| unusable(&error))?;
                let rejects = String::from_utf8_lossy(&rejects.take()).into_owned();
                sink.refused_blocking(RefusedRow { line: refused.line, reason: refused.reason, rejects })?;
            }
        }
        if items.len() >= BATCH {
            send(batches, &parsed, std::mem::replace(&mut items, Vec::with_capacity(BATCH)))?;
        }
    }
    send(batches, &parsed, items)?;
    Ok(parsed)
}

fn send(batches: &mpsc::Sender<Batch<Arrival>>, parsed: &Parsed, items: Vec<Arrival>) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    batches.blocking_send(Batch { rows: parsed.rows, items }).map_err(|_| Gone.into())
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
    let (batches, mut parsed) = mpsc::channel(UNDER_WAY);
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
    batches.blocking_send(Batch { rows: parsed.rows, items }).map_err(|_| Gone.into())
}

/// Reads chunks that arrive over a channel; for parsers that read blockingly.
struct ChunkReader {
    chunks: mpsc::Receiver<std::io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
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
    ChunkReader { chunks, chunk: Vec::new(), at: 0 }
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
        Ok(count)
    }
}
