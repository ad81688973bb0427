//! `suppressions list`, `add`.

use super::{failure, page_size};
use crate::app::shared::Shared;
use crate::domain::{Suppression, normalized_address};
use crate::http::{Failure, FailureKind, Page, Result, SuppressionAdded, SuppressionQuery, SuppressionRequest};

pub(super) async fn list(core: &Shared, query: &SuppressionQuery) -> Result<Page<Suppression>> {
    let limit = page_size(query.limit);
    let items = core.store.suppressions(query.after.as_deref(), limit).await.map_err(failure)?;
    let next = (items.len() == limit).then(|| items.last().map(|entry| entry.address.clone())).flatten();
    Ok(Page { items, next })
}

pub(super) async fn add(core: &Shared, request: SuppressionRequest) -> Result<SuppressionAdded> {
    let address = normalized_address(&request.address);
    if !is_address(&address) {
        return Err(Failure::new(FailureKind::Invalid, format!("{address:?} is no e-mail address")));
    }
    let reason = request.reason.unwrap_or_else(|| "manual".to_owned());
    let suppression = Suppression { address, reason, at: core.clock.now() };
    let added = core.store.suppress(vec![suppression.clone()]).await.map_err(failure)? > 0;
    let stored = core.store.suppression(&suppression.address).await.map_err(failure)?;
    Ok(SuppressionAdded { suppression: stored.unwrap_or(suppression), added })
}

/// Whether it looks like an address: one `@` with something on both sides, and no blanks.
pub(super) fn is_address(text: &str) -> bool {
    let mut parts = text.split('@');
    matches!((parts.next(), parts.next(), parts.next()), (Some(local), Some(domain), None) if !local.is_empty() && !domain.is_empty())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
