//! The routes of the public listener.

use super::body::{self, Packing};
use super::intake::{Call, Intake, NotTaken, Verdict, VerdictResult};
use super::refusal::{Refusal, RefusalKind};
use super::senders::Peer;
use super::{Senders, openapi};
use crate::http::request;
use crate::telemetry::names::{self, label};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::Instrument;

/// Memory for bodies is counted in so many bytes.
const UNIT: usize = 1024;

/// The bounds of the public listener.
#[derive(Debug, Clone)]
pub struct PublicLimits {
    /// How many connections there may be at once.
    pub connections: usize,
    /// How long a connection may take to send the head of its next request.
    pub head: Duration,
    /// How long a request may take to send its body.
    pub body: Duration,
    /// How many bytes of bodies are held at once; what is more waits outside.
    pub held: usize,
    /// How long it may wait there, and then for the store.
    pub patience: Duration,
}

impl Default for PublicLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            head: Duration::from_secs(20),
            body: Duration::from_secs(30),
            held: 16 << 20,
            patience: Duration::from_secs(10),
        }
    }
}

struct Public {
    intake: Arc<dyn Intake>,
    senders: Arc<Senders>,
    limits: PublicLimits,
    room: Arc<Semaphore>,
}

/// The routes over `intake`, for `senders`.
pub fn public_router(intake: Arc<dyn Intake>, senders: Arc<Senders>, limits: PublicLimits) -> Router {
    let room = Arc::new(Semaphore::new(limits.held / UNIT));
    let public = Arc::new(Public { intake, senders, limits, room });
    let mut router = Router::new().route("/livez", get(livez)).route("/openapi.json", get(described));
    for call in Call::ALL {
        let path = format!("/v1/{}", call.word());
        let taken = post(move |State(public): State<Arc<Public>>, request| answer(public, call, request));
        router = router.route(&format!("{path}/"), taken.clone()).route(&path, taken);
    }
    let router = router.fallback(nowhere).method_not_allowed_fallback(wrong_method).with_state(public);
    router.layer(middleware::from_fn(request::named))
}

async fn livez() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

async fn described() -> Response {
    Json(openapi::document()).into_response()
}

async fn nowhere() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "there is nothing here; GET /openapi.json says what there is")
}

async fn wrong_method() -> Refusal {
    Refusal::new(RefusalKind::WrongMethod, "not with this method; GET /openapi.json says which")
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

/// What is answered to what was taken.
#[derive(Serialize)]
struct Taken {
    stored: usize,
    duplicates: usize,
    refused: usize,
    verdicts: Vec<Verdict>,
}

impl From<Vec<Verdict>> for Taken {
    fn from(verdicts: Vec<Verdict>) -> Self {
        let count = |result| verdicts.iter().filter(|verdict| verdict.result == result).count();
        Self {
            stored: count(VerdictResult::Stored),
            duplicates: count(VerdictResult::Duplicate),
            refused: count(VerdictResult::Refused),
            verdicts,
        }
    }
}

async fn answer(public: Arc<Public>, call: Call, request: Request) -> Response {
    let begun = Instant::now();
    let response = match take(&public, call, request).await {
        Ok(taken) => {
            let Taken { stored, duplicates, refused, .. } = taken;
            tracing::debug!(call = call.word(), stored, duplicates, refused, "taken");
            Json(taken).into_response()
        }
        Err(refusal) => {
            // The message may hold a piece of what was sent; the log must not.
            tracing::debug!(call = call.word(), status = refusal.kind.status().as_u16(), "not taken");
            refusal.into_response()
        }
    };
    let status = response.status();
    metrics::counter!(names::CALLS, label::KIND => call.word(), label::STATUS => status.as_u16().to_string())
        .increment(1);
    if status == StatusCode::OK {
        metrics::histogram!(names::CALL_SECONDS).record(begun.elapsed());
    }
    response
}

async fn take(public: &Arc<Public>, call: Call, request: Request) -> Result<Taken, Refusal> {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>();
    let caller = peer.map(|Peer(peer)| public.senders.caller(*peer, &head.headers));
    let looked = public.senders.admit(&head.headers).and_then(|()| body::look(&head.headers));
    let packing = match looked {
        Ok(packing) => packing,
        Err(refusal) => return Err(unread(&head.headers, body, refusal).await),
    };
    let permit = match public.room_for(&head.headers, packing).await {
        Ok(permit) => permit,
        Err(refusal) => return Err(unread(&head.headers, body, refusal).await),
    };
    let mut bytes = body::read(body, public.limits.body).await?;
    if packing == Packing::Gzip {
        bytes = tokio::task::spawn_blocking(move || body::unpack(&bytes)).await.map_err(|_| broken())??;
    }
    let verdicts = public.hand_over((call, caller), bytes, permit).await?;
    match <[Verdict; 1]>::try_from(verdicts) {
        Ok([Verdict { result: VerdictResult::Refused, reason, .. }]) if !call.is_batch() => {
            Err(Refusal::new(RefusalKind::Invalid, reason.unwrap_or_default()))
        }
        Ok(one) => Ok(Taken::from(Vec::from(one))),
        Err(verdicts) => Ok(verdicts.into()),
    }
}

/// A refusal of what was not read. One who waits to be told to go on does not send the body, so nothing is drained.
async fn unread(headers: &HeaderMap, body: Body, refusal: Refusal) -> Refusal {
    if !headers.contains_key(header::EXPECT) {
        body::drain(body).await;
    }
    refusal
}

impl Public {
    /// Room for a body, of the length it says it has, or the longest.
    async fn room_for(&self, headers: &HeaderMap, packing: Packing) -> Result<OwnedSemaphorePermit, Refusal> {
        let length = match packing {
            Packing::Plain => body::length(headers).unwrap_or(body::LONGEST),
            Packing::Gzip => 2 * body::LONGEST,
        };
        let units = u32::try_from(length.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        match timeout(self.limits.patience, Arc::clone(&self.room).acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal::later(RefusalKind::Unavailable, "too much is being taken in already", 2)),
        }
    }

    /// Hands a body over, in a task of its own: what was begun is finished, and the room is given back then.
    async fn hand_over(
        &self,
        (call, caller): (Call, Option<IpAddr>),
        bytes: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<Vec<Verdict>, Refusal> {
        let intake = Arc::clone(&self.intake);
        let taking = async move {
            let _held = permit;
            intake.take(call, bytes, caller).await
        };
        let task = tokio::spawn(taking.in_current_span());
        let taken = timeout(self.limits.patience, task).await.map_err(|_| {
            Refusal::later(RefusalKind::Unavailable, "the store is too slow at present; it may be stored yet", 5)
        })?;
        taken.map_err(|_| broken())?.map_err(|not_taken| match not_taken {
            NotTaken::Malformed(message) => Refusal::new(RefusalKind::Invalid, message),
            NotTaken::Unavailable { message, retry_after } => {
                Refusal::later(RefusalKind::Unavailable, message, retry_after)
            }
        })
    }
}

/// A part of the program broke. The sender keeps what it has and tries again.
fn broken() -> Refusal {
    tracing::error!("taking in a call broke");
    metrics::counter!(names::PANICS, label::PART => "intake").increment(1);
    Refusal::later(RefusalKind::Unavailable, "it could not be taken in", 30)
}
