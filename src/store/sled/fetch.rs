//! Reading ahead what arrivals will need.
//!
//! sled lets nobody read while it applies a batch, so whoever prepares a commit row by row waits for the committer at each
//! of them. Read ahead, the rows of the next commit are fetched while the committer waits for the disk, and the work
//! upon them goes on while it applies.

use super::fault::Fault;
use super::keys;
use super::reader::Reader;
use super::rows;
use super::shared::Shared;
use crate::domain::{Arrival, CustomerNumber, Purchase, message_fingerprint, purchase_id};
use crate::store::Urgency;
use ::sled::IVec;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// Rows as they were read; `None` where there was none.
#[derive(Debug)]
pub(super) struct Fetched {
    shared: Arc<Shared>,
    urgency: Urgency,
    read_at: u64,
    rows: HashMap<Vec<u8>, Option<IVec>>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.shared.intake(self.urgency).overlay.end_reading(self.read_at);
    }
}

impl Fetched {
    /// Reads what these arrivals of a lane will need.
    pub(super) fn read(
        shared: &Arc<Shared>,
        urgency: Urgency,
        arrivals: &[Arrival],
        purchase: &Purchase,
    ) -> Result<Self, Fault> {
        let read_at = shared.intake(urgency).overlay.begin_reading(&shared.progress.applied);
        let rows = HashMap::with_capacity(4 * arrivals.len());
        let mut fetched = Self { shared: Arc::clone(shared), urgency, read_at, rows };
        shared.look(|reader| fetched.read_all(reader, arrivals, purchase))?;
        Ok(fetched)
    }

    fn read_all(&mut self, reader: Reader<'_>, arrivals: &[Arrival], purchase: &Purchase) -> Result<(), Fault> {
        for arrival in arrivals {
            let (id, event) = match arrival {
                Arrival::Profile { customer, message_id, .. } => {
                    if let Some(id) = message_id {
                        self.fetch(reader, keys::seen(&message_fingerprint(id)))?;
                    }
                    (customer, None)
                }
                Arrival::Event { customer, event } => (customer, Some(event)),
                Arrival::Merge { from, into, .. } => {
                    self.fetch_customer(reader, from)?;
                    (into, None)
                }
            };
            let Some(event) = event else {
                self.fetch_customer(reader, id)?;
                continue;
            };
            let fingerprint = event.fingerprint(id);
            if self.fetch(reader, keys::seen(&fingerprint))?.is_some() {
                continue;
            }
            let Some(number) = self.fetch_customer(reader, id)? else { continue };
            if let Some(id) = purchase_id(event, purchase) {
                self.fetch(reader, keys::purchase(number, &id))?;
            }
            // Not there, but its page will be in memory when the committer needs it.
            reader.get(&keys::event(number, event.at, &fingerprint))?;
        }
        Ok(())
    }

    /// Name and record of a customer, with all that lies between them; answers the number.
    fn fetch_customer(&mut self, reader: Reader<'_>, id: &str) -> Result<Option<CustomerNumber>, Fault> {
        let mut next = self.fetch(reader, keys::name(id))?;
        while let Some(row) = next {
            let number = rows::read(&row)?;
            if self.fetch(reader, keys::customer(number))?.is_some() {
                return Ok(Some(number));
            }
            next = self.fetch(reader, keys::absorbed(number))?;
        }
        Ok(None)
    }

    fn fetch(&mut self, reader: Reader<'_>, key: Vec<u8>) -> Result<Option<IVec>, Fault> {
        if let Some(row) = self.rows.get(&key) {
            return Ok(row.clone());
        }
        let row = reader.get(&key)?;
        self.rows.insert(key, row.clone());
        Ok(row)
    }

    /// The last round that was applied before anything was read.
    pub(super) const fn read_at(&self) -> u64 {
        self.read_at
    }

    /// A row, if it was read.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<IVec>> {
        self.rows.get(key)
    }
}
