//! The body of a call: bounded in size, in time, and in what it may swell to.

use super::refusal::{Refusal, RefusalKind};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use std::io::Read;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The longest body, as it comes and unpacked, in bytes. Clients keep their batches below 480 KiB.
pub(super) const LONGEST: usize = 500_000;
/// How much of a body that is not wanted is read all the same, so that its sender gets to read the answer.
const DRAINED: usize = 2 << 20;
/// For how long.
const DRAINING: Duration = Duration::from_secs(2);

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

/// What the headers say of a body: that it is JSON, how it is packed, and that it is not too long.
pub(super) fn look(headers: &HeaderMap) -> Result<Packing, Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim());
    let kind = text(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(RefusalKind::WrongType, "the body must be JSON: `Content-Type: application/json`"));
    }
    let packing = match text(header::CONTENT_ENCODING) {
        None => Packing::Plain,
        Some(packing) if packing.is_empty() || packing.eq_ignore_ascii_case("identity") => Packing::Plain,
        Some(packing) if packing.eq_ignore_ascii_case("gzip") => Packing::Gzip,
        Some(_) => {
            return Err(Refusal::new(RefusalKind::WrongType, "`Content-Encoding` may be gzip, and nothing else"));
        }
    };
    if length(headers).is_some_and(|length| length > LONGEST) { Err(too_large()) } else { Ok(packing) }
}

/// How long the body says it is.
pub(super) fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body, all of it within `patience`.
pub(super) async fn read(mut body: Body, patience: Duration) -> Result<Bytes, Refusal> {
    let deadline = Instant::now() + patience;
    let mut whole = Vec::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| {
            Refusal::new(RefusalKind::TooSlow, format!("the body did not arrive within {} s", patience.as_secs()))
        })?;
        let data = match frame {
            None => return Ok(whole.into()),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Err(Refusal::new(RefusalKind::Invalid, "the body broke off")),
        };
        if whole.len() + data.len() > LONGEST {
            drain(body).await;
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
}

/// Unpacks a body; stops as soon as it is longer than it may be.
pub(super) fn unpack(packed: &[u8]) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    let mut bounded = MultiGzDecoder::new(packed).take(LONGEST as u64 + 1);
    match bounded.read_to_end(&mut whole) {
        Ok(_) if whole.len() > LONGEST => Err(too_large()),
        Ok(_) => Ok(whole.into()),
        Err(_) => Err(Refusal::new(RefusalKind::Invalid, "the body is no gzip, or only a part of one")),
    }
}

/// Reads on for a while and forgets what it reads: a sender that is still writing does not read the answer.
pub(super) async fn drain(mut body: Body) {
    let deadline = Instant::now() + DRAINING;
    let mut left = DRAINED;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        if read >= left {
            return;
        }
        left -= read;
    }
}

fn too_large() -> Refusal {
    Refusal::new(RefusalKind::TooLarge, format!("the body is longer than {} kB; send smaller batches", LONGEST / 1000))
}
