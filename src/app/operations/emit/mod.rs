//! `emit`: one event, stored as the public listener stores it, or looked at to see what it would start.

mod plan;
mod read;
mod trial;

use super::failure;
use crate::app::shared::Shared;
use crate::domain::Arrival;
use crate::http::{EmitRequest, EmitResult, Emitted, Failure, FailureKind, Result};
use crate::store::{Marking, Urgency, Verdict, View};
use crate::telemetry::names::{self, label};
use std::sync::Arc;

pub(super) use plan::plan;

pub(super) async fn emit(core: &Shared, request: EmitRequest) -> Result<Emitted> {
    let world = core.world.load_full();
    let now = core.clock.now();
    let (customer, event) = read::event(&world.schema, &request, now)?;
    let view = View { interest: Arc::clone(&world.interest), now, backtest: false };
    let known = core.store.customer(&customer, &view).await.map_err(failure)?.is_some();
    let arrival = Arrival::Event { customer: customer.clone(), event: event.clone() };
    let stored = core.store.ingest(vec![arrival], &world.interest, Urgency::Interactive, Marking::Dirty);
    let verdict = stored.await.map_err(failure)?.first().copied();
    let verdict = verdict.ok_or_else(|| Failure::new(FailureKind::Internal, "the store did not answer"))?;
    let (result, result_word) = match verdict {
        Verdict::Stored => (EmitResult::Stored, "stored"),
        Verdict::Duplicate => (EmitResult::Duplicate, "duplicate"),
    };
    metrics::counter!(names::ARRIVALS, label::KIND => "track", label::RESULT => result_word).increment(1);
    core.hurry(vec![customer.clone()]);
    let stored = verdict == Verdict::Stored;
    Ok(Emitted {
        remarks: read::remarks(&world.schema, &event),
        event: event.name.into(),
        customer,
        at: event.at,
        message_id: event.message_id.map(Into::into),
        properties: event.properties.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect(),
        stored,
        result,
        new_customer: stored && !known,
        running: core.daemon.is_some(),
    })
}
