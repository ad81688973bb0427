//! `customers erase`.

use super::failure;
use crate::app::nightly;
use crate::app::shared::Shared;
use crate::http::{ErasedView, Failure, Result};

/// Erases a customer. What a rule or an attempt was just doing with them finds nobody any more: it is dropped, but for an attempt
/// that is on the wire already.
pub(super) async fn erase(core: &Shared, id: &str) -> Result<ErasedView> {
    let now = core.clock.now();
    let erased = core.store.erase(id, now).await.map_err(failure)?;
    let Some(erased) = erased else { return Err(Failure::not_found("customer", id)) };
    core.wake();
    // Neither id nor address: the log is kept longer than the store keeps them.
    tracing::info!(events = erased.events, deliveries = erased.deliveries, "a customer was erased");
    Ok(ErasedView {
        customer: id.to_owned(),
        erased_at: now,
        ids: erased.ids,
        events: erased.events,
        enrollments: erased.enrollments,
        deliveries: erased.deliveries,
        under_way: erased.under_way,
        objections: erased.objections,
        backups: nightly::traces(core).await,
    })
}
