//! The file that is imported, as a body that streams.

use crate::cli::error::Error;
use anyhow::Context as _;
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// An open file, or standard input.
pub(super) struct Source {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    length: Option<u64>,
    watch: Watch,
}

/// Sees how far the source is read, and what went wrong with it.
#[derive(Clone)]
pub(super) struct Watch {
    name: PathBuf,
    sent: Arc<AtomicU64>,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Source {
    /// Opens `file`; `-` is standard input.
    pub(super) async fn open(file: &Path) -> Result<Self, Error> {
        let watch = Watch { name: file.to_owned(), sent: Arc::default(), failed: Arc::default() };
        if file == Path::new("-") {
            if io::stdin().is_terminal() {
                return Err(Error::Usage("name a FILE, or give the rows on standard input".into()));
            }
            return Ok(Self { reader: Box::pin(tokio::io::stdin()), length: None, watch });
        }
        let cannot = || format!("cannot read {}", file.display());
        let opened = tokio::fs::File::open(file).await.with_context(cannot)?;
        let metadata = opened.metadata().await.with_context(cannot)?;
        if metadata.is_dir() {
            return Err(Error::Other(anyhow::anyhow!("{} is a folder", file.display())));
        }
        Ok(Self { reader: Box::pin(opened), length: metadata.is_file().then_some(metadata.len()), watch })
    }

    /// Its length, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The rows, read as they are asked for.
    pub(super) fn into_body(self) -> Body {
        let watch = self.watch;
        let chunks = stream::try_unfold(self.reader, move |mut reader| {
            let watch = watch.clone();
            async move {
                let mut chunk = Vec::with_capacity(CHUNK);
                match (&mut reader).take(CHUNK as u64).read_to_end(&mut chunk).await {
                    Ok(0) => Ok(None),
                    Ok(read) => {
                        watch.sent.fetch_add(read as u64, Ordering::Relaxed);
                        Ok(Some((Bytes::from(chunk), reader)))
                    }
                    Err(error) => Err(watch.failed_with(error)),
                }
            }
        });
        Body::from_stream(chunks)
    }
}

impl Watch {
    /// Bytes read so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why reading failed, if it did.
    pub(super) fn failure(&self) -> Option<Error> {
        let error = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Error::Other(anyhow::Error::new(error).context(format!("cannot read {}", self.name.display()))))
    }

    /// Keeps the error and answers one for the body.
    fn failed_with(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        kind.into()
    }
}
