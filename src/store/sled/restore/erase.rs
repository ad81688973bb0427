//! Customers whom a backup knows and who were erased after it.

use crate::domain::{CustomerNumber, Time};
use crate::store::sled::{SledStore, erase};
use crate::store::{Result, Urgency};

/// Removes them, each in one commit; answers how many there were. What they had withdrawn stays, as hashes.
pub(super) async fn erase(store: &SledStore, numbers: Vec<CustomerNumber>, now: Time) -> Result<u64> {
    let mut count = 0;
    for number in numbers {
        let erased = store.commit(Urgency::Background, move |shared, mut draft| {
            // Two of the ids may have been one customer's, who is gone then.
            let erased = erase::customer(shared, &mut draft, number, now)?;
            Ok((draft.finish(), erased))
        });
        count += u64::from(erased.await?.is_some());
    }
    Ok(count)
}
