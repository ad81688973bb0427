//! Imports over HTTP: rows stream in, lines about them stream out, and neither is ever held whole.

use super::wire::{ImportKind, ImportLine, ImportRequest};
use super::{Failure, ImportSink, Operations, router::Shared};
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde::Deserialize;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use tracing::Instrument;

/// How many lines go into one chunk of the answer at most.
const LINES_PER_CHUNK: usize = 64;

/// The options in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Options {
    ignore_unknown: bool,
    live: bool,
    file: Option<String>,
}

/// Begins an import and answers at once; what becomes of it stands in the lines of the answer.
pub(super) async fn import(
    State(operations): Shared,
    Path(kind): Path<String>,
    options: Result<Query<Options>, QueryRejection>,
    body: Body,
) -> Result<Response, Failure> {
    let options = options?.0;
    let kind = [ImportKind::Customers, ImportKind::Events, ImportKind::Suppressions]
        .into_iter()
        .find(|known| known.word() == kind)
        .ok_or_else(|| Failure::not_found("kind of import", &kind))?;
    let Options { ignore_unknown, live, file } = options;
    let request = ImportRequest { kind, ignore_unknown, live, file };
    let (sink, lines) = ImportSink::channel();
    tokio::spawn(take_in(operations, request, body, sink).in_current_span());
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(encoded(lines))).into_response())
}

/// Does the import and says last what it came to.
async fn take_in(operations: Arc<dyn Operations>, request: ImportRequest, body: Body, sink: ImportSink) {
    let source = Box::pin(BodyReader { stream: body.into_data_stream(), rest: Bytes::new() });
    let kind = request.kind.word();
    let last = match operations.import(request, source, sink.clone()).await {
        Ok(report) => ImportLine::Report(report),
        Err(failure) => ImportLine::Error(failure),
    };
    if sink.send(last).await.is_err() {
        tracing::warn!(kind, "an import ended after the command that began it had gone away");
    }
}

/// The lines as JSON, several to a chunk when they come fast.
fn encoded(lines: mpsc::Receiver<ImportLine>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(lines, |mut lines| async move {
        let mut batch = Vec::new();
        if lines.recv_many(&mut batch, LINES_PER_CHUNK).await == 0 {
            return None;
        }
        let mut chunk = Vec::new();
        for line in batch {
            if serde_json::to_writer(&mut chunk, &line).is_ok() {
                chunk.push(b'\n');
            }
        }
        Some((Ok(chunk.into()), lines))
    })
}

/// A request's body as something to read from.
struct BodyReader {
    stream: BodyDataStream,
    /// What the last chunk still holds.
    rest: Bytes,
}

impl AsyncRead for BodyReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = buffer.remaining().min(self.rest.len());
        buffer.put_slice(&self.rest.split_to(length));
        Poll::Ready(Ok(()))
    }
}
