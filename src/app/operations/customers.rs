//! `customers list`, `show`.

use super::{failure, page_size};
use crate::app::shared::Shared;
use crate::domain::CustomerNumber;
use crate::http::{CustomerDetail, CustomerLine, CustomerQuery, DeliveryView, Failure, FailureKind, Page, Result};
use crate::store::View;
use std::sync::Arc;

/// How much of a customer's history `show` gives.
const HISTORY: usize = 50;

fn view(core: &Shared) -> View {
    let interest = Arc::clone(&core.world.load().interest);
    View { interest, now: core.clock.now(), backtest: false }
}

pub(super) async fn list(core: &Shared, query: &CustomerQuery) -> Result<Page<CustomerLine>> {
    let after = match &query.after {
        None => None,
        Some(text) => Some(CustomerNumber(
            text.parse().map_err(|_| Failure::new(FailureKind::Invalid, "`after` is what a page's `next` said"))?,
        )),
    };
    let limit = page_size(query.limit);
    let last = core.store.last_customer();
    let found = core.store.customers(after, last, limit, &view(core)).await.map_err(failure)?;
    let next = (found.len() == limit).then(|| found.last().map(|stored| stored.number.0.to_string())).flatten();
    Ok(Page { items: found.iter().map(|stored| CustomerLine::from(&stored.customer)).collect(), next })
}

pub(super) async fn show(core: &Shared, id: &str) -> Result<CustomerDetail> {
    let found = core.store.customer(id, &view(core)).await.map_err(failure)?;
    let Some(stored) = found else { return Err(Failure::not_found("customer", id)) };
    let mut detail = CustomerDetail::of(&stored.customer);
    if let Some(address) = stored.customer.email() {
        detail.suppression = core.store.suppression(address).await.map_err(failure)?;
    }
    let enrollments = core.store.enrollments(stored.number, HISTORY).await.map_err(failure)?;
    for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
        if let Some(delivery) = core.store.delivery(*id).await.map_err(failure)? {
            detail.deliveries.push(DeliveryView::from(&delivery));
        }
    }
    detail.enrollments = enrollments.iter().map(Into::into).collect();
    let events = core.store.events(stored.number, None, HISTORY).await.map_err(failure)?;
    detail.events = events.iter().map(Into::into).collect();
    Ok(detail)
}
