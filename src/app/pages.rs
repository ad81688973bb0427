//! Walking over all customers in bounded pages, on as many threads as are useful.

use crate::domain::CustomerNumber;
use crate::store::{Result, Store, StoreError, StoredCustomer, View};
use futures_util::{Stream, StreamExt, stream};
use std::sync::Arc;

/// Customers read and judged at a time.
pub(super) const PAGE: u64 = 1024;

/// How many pages are in hand at once: one a core, and one more, for they are used in order, and a core whose page is
/// done before the one ahead of it is not left waiting.
pub(super) const AT_ONCE: usize = 3;

/// Judges every customer above `after` by `judge`, page by page; the pages' results come in the order of customer
/// numbers.
pub(super) fn judge_all<T, F>(
    store: Arc<dyn Store>,
    view: View,
    after: Option<CustomerNumber>,
    judge: F,
) -> impl Stream<Item = Result<Page<T>>>
where
    T: Send + 'static,
    F: Fn(&mut dyn Iterator<Item = StoredCustomer>) -> T + Send + Sync + 'static,
{
    let last = store.last_customer().0;
    let judge = Arc::new(judge);
    let from = after.map_or(0, |number| number.0);
    let starts = (from..last).step_by(usize::try_from(PAGE).unwrap_or(usize::MAX));
    stream::iter(starts)
        .map(move |start| {
            let end = CustomerNumber((start + PAGE).min(last));
            one_page(Arc::clone(&store), view.clone(), CustomerNumber(start), end, Arc::clone(&judge))
        })
        .buffered(AT_ONCE)
}

/// What a page came to.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The page reaches up to this number.
    pub(super) end: CustomerNumber,
    /// What `judge` made of it.
    pub(super) result: T,
}

/// Judges the customers of one page; also used alone, to judge a page again after a conflict.
pub(super) async fn one_page<T, F>(
    store: Arc<dyn Store>,
    view: View,
    after: CustomerNumber,
    end: CustomerNumber,
    judge: Arc<F>,
) -> Result<Page<T>>
where
    T: Send + 'static,
    F: Fn(&mut dyn Iterator<Item = StoredCustomer>) -> T + Send + Sync + 'static,
{
    let task = tokio::spawn(async move {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let (made, result) = tokio::sync::oneshot::channel();
        // Judged one by one where they are read: what a customer is made of is still at hand for the next one.
        let work = Box::new(move |customers: &mut dyn Iterator<Item = StoredCustomer>| {
            // Nobody waits for it any more if the tick was given up.
            drop(made.send(judge(customers)));
        });
        store.with_customers(Some(after), end, limit, &view, work).await?;
        let result = result.await.map_err(|_| StoreError::Closed)?;
        Ok(Page { end, result })
    });
    task.await.unwrap_or(Err(StoreError::Closed))
}
