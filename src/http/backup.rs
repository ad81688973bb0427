//! A backup over HTTP: it streams out as it is made, and is never held whole.

use super::operations::BackupSink;
use super::router::Shared;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::io::{self, Write};
use tokio::sync::mpsc;

/// How many pieces may wait for a reader who is slow.
const PIECES: usize = 4;

/// Begins a backup and answers at once. One that fails half-way breaks the answer off; what was read of it until then lacks
/// its end, by which a backup is known to be whole.
pub(super) async fn backup(State(operations): Shared) -> Response {
    let (sender, pieces) = mpsc::channel(PIECES);
    let sink: BackupSink = Box::new(Pieces(sender.clone()));
    tokio::spawn(async move {
        if let Err(failure) = operations.backup(sink).await {
            tracing::warn!(error = %failure, "a backup came to nothing");
            // Whoever read it may have gone, and be the reason.
            drop(sender.send(Err(io::Error::other(failure))).await);
        }
    });
    let pieces = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    ([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(pieces)).into_response()
}

/// Writes into the answer, from a thread where waiting is no harm.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for the backup has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
