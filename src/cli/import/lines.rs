//! The lines of an import's answer, as they come.

use crate::cli::admin::broken_off;
use crate::cli::error::Error;
use crate::http::{Failure, FailureKind, ImportLine};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;

/// Cuts a body into lines.
pub(super) struct Lines {
    body: BodyDataStream,
    /// What has come and was not answered yet.
    buffer: Vec<u8>,
    /// How much of `buffer` was answered or holds no line break.
    start: usize,
    looked: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body: body.into_data_stream(), buffer: Vec::new(), start: 0, looked: 0 }
    }

    /// The next line; `None` when the body ends.
    pub(super) async fn next(&mut self) -> Result<Option<ImportLine>, Error> {
        loop {
            if let Some(length) = self.buffer[self.looked..].iter().position(|byte| *byte == b'\n') {
                let end = self.looked + length;
                let line = parse(&self.buffer[self.start..end]);
                (self.start, self.looked) = (end + 1, end + 1);
                return line.map(Some);
            }
            self.buffer.drain(..self.start);
            (self.start, self.looked) = (0, self.buffer.len());
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(broken_off(&error).into()),
                None => return Ok(None),
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<ImportLine, Error> {
    serde_json::from_slice(line).map_err(|error| {
        let message = "the daemon's answer is not understood; is it another version of retaind?";
        Failure::new(FailureKind::Internal, message).because(&error).into()
    })
}
