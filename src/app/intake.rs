//! What the public listener takes in, stored.

use super::shared::Shared;
use crate::delivery::World;
use crate::domain::{Arrival, Proof, Text, Time};
use crate::http::{Call, Intake, NotTaken, Verdict, VerdictResult};
use crate::ingest::{CallForm, CallMessage, MessageKind, read_call};
use crate::store::{self, Marking, StoreError, Urgency};
use crate::telemetry::names::{self, label};
use async_trait::async_trait;
use axum::body::Bytes;
use std::net::IpAddr;
use std::sync::Arc;

/// Bodies longer than this are read on a thread where that keeps nobody waiting.
const LONG: usize = 16 << 10;

/// After how many seconds to try again when the disk is full, and when the store is being closed.
const FULL: u64 = 30;
const CLOSED: u64 = 5;

/// Takes in calls, for a daemon's store.
pub(crate) struct StoreIntake(pub(crate) Arc<Shared>);

#[async_trait]
impl Intake for StoreIntake {
    async fn take(&self, call: Call, body: Bytes, caller: Option<IpAddr>) -> Result<Vec<Verdict>, NotTaken> {
        let world = self.0.world.load_full();
        let messages = read(call, body, Arc::clone(&world), self.0.clock.now()).await?;
        let mut arrivals = Vec::with_capacity(messages.len());
        let messages: Vec<Sorted> = messages.into_iter().map(|message| Sorted::of(message, &mut arrivals)).collect();
        if let Some(caller) = caller {
            let caller = Text::from(caller.to_string());
            prove(&mut arrivals, |proof| proof.caller = Some(caller.clone()));
        }
        let stored = if arrivals.is_empty() {
            Vec::new()
        } else {
            let marking = marking(&world);
            let customers = if marking == Marking::Leave { Vec::new() } else { customers(&arrivals) };
            let stored = self.0.store.ingest(arrivals, &world.interest, Urgency::Interactive, marking);
            let stored = stored.await.map_err(|error| unavailable(&error))?;
            self.0.hurry(customers);
            stored
        };
        let mut stored = stored.into_iter();
        Ok(messages.into_iter().map(|message| message.verdict(&mut stored)).collect())
    }
}

/// Notes with each arrival that tells of consent how it came.
pub(super) fn prove<'a>(arrivals: impl IntoIterator<Item = &'a mut Arrival>, mut note: impl FnMut(&mut Proof)) {
    for arrival in arrivals {
        if let Arrival::Profile { row, .. } = arrival {
            row.prove(&mut note);
        }
    }
}

/// Whether customers are to be looked at when something of theirs arrives: where there are rules, for those with a schedule
/// know their members by it.
pub(super) fn marking(world: &World) -> Marking {
    if world.rules.rules.is_empty() && world.rules.segments.is_empty() { Marking::Leave } else { Marking::Dirty }
}

/// Whose arrivals they are, each once in a row.
fn customers(arrivals: &[Arrival]) -> Vec<String> {
    let mut customers: Vec<&String> = arrivals
        .iter()
        .map(|arrival| match arrival {
            Arrival::Profile { customer, .. } | Arrival::Event { customer, .. } => customer,
            Arrival::Merge { into, .. } => into,
        })
        .collect();
    customers.dedup();
    customers.into_iter().cloned().collect()
}

/// Reads a body, off the runtime's threads if it is a long one.
async fn read(call: Call, body: Bytes, world: Arc<World>, now: Time) -> Result<Vec<CallMessage>, NotTaken> {
    let is_long = body.len() > LONG;
    let work = move || read_call(form(call), &body, &world.schema, now);
    let read = if is_long {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "reading a call broke");
            metrics::counter!(names::PANICS, label::PART => "intake").increment(1);
            NotTaken::Unavailable { message: "it could not be read".to_owned(), retry_after: FULL }
        })?
    } else {
        work()
    };
    read.map_err(|bad| NotTaken::Malformed(bad.to_string()))
}

const fn form(call: Call) -> CallForm {
    match call {
        Call::Identify => CallForm::One(MessageKind::Identify),
        Call::Track => CallForm::One(MessageKind::Track),
        Call::Page => CallForm::One(MessageKind::Page),
        Call::Screen => CallForm::One(MessageKind::Screen),
        Call::Group => CallForm::One(MessageKind::Group),
        Call::Alias => CallForm::One(MessageKind::Alias),
        Call::Batch | Call::Import => CallForm::Many,
    }
}

/// Nothing of the store's troubles is the sender's fault: it keeps what it has and sends it again.
fn unavailable(error: &StoreError) -> NotTaken {
    let (message, retry_after) = match error {
        StoreError::NoSpace(_) => ("there is no space left to store it", FULL),
        StoreError::Io(_) => ("the store cannot be written at present", FULL),
        StoreError::Closed => ("the daemon is stopping", CLOSED),
        _ => ("the store does not take it at present", CLOSED),
    };
    // Of a disk that is full or fails the store says so, once; calls may be many.
    if error.may_pass() {
        tracing::debug!(%error, "a call could not be stored; its sender was asked to send it again");
    } else {
        tracing::warn!(%error, "a call could not be stored; its sender was asked to send it again");
    }
    NotTaken::Unavailable { message: message.to_owned(), retry_after }
}

/// A message whose arrivals are on their way to the store.
struct Sorted {
    kind: Option<MessageKind>,
    message_id: Option<String>,
    /// How many they are, or why there are none.
    arrivals: Result<usize, String>,
}

impl Sorted {
    fn of(message: CallMessage, arrivals: &mut Vec<Arrival>) -> Self {
        let CallMessage { kind, message_id, read } = message;
        let count = read.map(|read| {
            let count = read.len();
            arrivals.extend(read);
            count
        });
        Self { kind, message_id, arrivals: count }
    }

    /// What became of it; takes its arrivals' answers. A message is a duplicate when all that it says was known.
    fn verdict(self, stored: &mut impl Iterator<Item = store::Verdict>) -> Verdict {
        let (result, reason) = match self.arrivals {
            Err(reason) => (VerdictResult::Refused, Some(reason)),
            Ok(count) => {
                // All of its answers are taken, or the next message would get them.
                let new = stored.take(count).filter(|one| *one == store::Verdict::Stored).count();
                (if new > 0 { VerdictResult::Stored } else { VerdictResult::Duplicate }, None)
            }
        };
        let kind = self.kind.map_or("unknown", MessageKind::word);
        let word = match result {
            VerdictResult::Stored => "stored",
            VerdictResult::Duplicate => "duplicate",
            VerdictResult::Refused => "refused",
        };
        metrics::counter!(names::ARRIVALS, label::KIND => kind, label::RESULT => word).increment(1);
        Verdict { result, message_id: self.message_id, reason }
    }
}
