//! An import through a running daemon that goes on for as long as something else is measured.

use crate::admin::Admin;
use crate::people::{self, EVENTS_EACH};
use anyhow::Context;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Rows of one chunk of the body.
const CHUNK: u64 = 500;
/// It has begun when so many rows are sent: more than what fits into pipes, so the daemon stores them.
const BEGUN: u64 = 20_000;

/// An import under way.
pub(crate) struct Import {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<f64>>,
}

impl Import {
    /// Begins to import purchases that are not in the store yet, and comes back when rows are being stored.
    pub(crate) fn begin(admin: &Admin, customers: u64) -> anyhow::Result<Self> {
        let mut stream = admin.connect()?;
        stream.set_write_timeout(Some(Duration::from_mins(1)))?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        let enough = Arc::new(AtomicBool::new(false));
        let (told, ready) = std::sync::mpsc::sync_channel(1);
        let until = Arc::clone(&enough);
        let thread = std::thread::spawn(move || {
            let begin = Instant::now();
            write!(stream, "POST /v1/import/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n")?;
            write!(stream, "transfer-encoding: chunked\r\n\r\n")?;
            let mut rows = customers * EVENTS_EACH;
            let first = rows;
            while !until.load(Ordering::Relaxed) {
                send_chunk(&mut stream, rows, customers)?;
                rows += CHUNK;
                if rows == first + BEGUN {
                    told.send(())?;
                }
            }
            stream.write_all(b"0\r\n\r\n")?;
            let stored = stored(stream)?;
            anyhow::ensure!(stored == rows - first, "{stored} of {} rows were stored", rows - first);
            Ok(stored as f64 / begin.elapsed().as_secs_f64())
        });
        let import = Self { enough, thread };
        match ready.recv() {
            Ok(()) => Ok(import),
            Err(_) => Err(import.end().err().unwrap_or_else(|| anyhow::anyhow!("the import ended before it began"))),
        }
    }

    /// Ends it; answers how many rows a second it stored.
    pub(crate) fn end(self) -> anyhow::Result<f64> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the import broke"))?
    }
}

fn send_chunk(stream: &mut UnixStream, first: u64, customers: u64) -> anyhow::Result<()> {
    let mut chunk = Vec::new();
    people::events(&mut chunk, first..first + CHUNK, customers)?;
    write!(stream, "{:x}\r\n", chunk.len())?;
    stream.write_all(&chunk)?;
    Ok(stream.write_all(b"\r\n")?)
}

/// What the report at the end of the answer says.
fn stored(mut stream: UnixStream) -> anyhow::Result<u64> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let report = text.rsplit_once("\"stored\":").with_context(|| format!("there is no report: {text}"))?.1;
    Ok(report.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?)
}
