//! Two customers become one.
//!
//! However much is known of them it is one commit of a few rows, and one for each purchase with an id: the logs stay where
//! they are. Whoever decided on either record has a conflict, reads again, and finds the one that stands.

use super::dirty::{set_wake, wake_by};
use super::fault::Fault;
use super::ingest::{Known, Work};
use super::keys::{self, Kind};
use super::live::Effect;
use super::logs::Logs;
use super::{members, rows, totals};
use crate::domain::{Consent, CustomerNumber, ProfileRow, Text, Time, is_anonymous, objections};
use crate::store::{Verdict, derive};
use std::collections::{BTreeMap, BTreeSet};

impl Work<'_, '_> {
    /// Takes in that two ids are of one customer; see [`crate::domain::Arrival::Merge`].
    pub(super) fn merge(&mut self, from: &str, into: &str, received_at: Time) -> Result<Verdict, Fault> {
        let (gone, stays) = (self.number(from)?, self.number(into)?);
        if from == into || gone.is_some() && gone == stays || self.is_taken(from, gone) {
            return Ok(Verdict::Duplicate);
        }
        let gone = gone.and_then(|number| self.customers.remove(&number));
        let stays = stays.and_then(|number| self.customers.remove(&number));
        let mut known = match (gone, stays) {
            (Some(gone), Some(mut known)) => {
                self.absorb(&mut known, gone, received_at)?;
                known
            }
            (Some(mut known), None) => {
                self.name(into, known.number)?;
                self.object(&mut known, into, received_at)?;
                self.draft.put(keys::alias(known.number, &known.customer.id), rows::mark());
                known.customer.id = into.into();
                known
            }
            (None, stays) => {
                let mut known = stays.map_or_else(|| self.newcomer(into, received_at), Ok)?;
                self.name(from, known.number)?;
                self.object(&mut known, from, received_at)?;
                known
            }
        };
        for id in [from, into].into_iter().filter(|id| **id != *known.customer.id) {
            self.draft.put(keys::alias(known.number, id), rows::mark());
        }
        // Also where only a name was added: whoever builds upon this commit by that name relies on the record.
        known.version = self.shared.next_version();
        known.changed = true;
        self.keep_withdrawals(&known.customer, [from, into]);
        self.mark(&mut known, received_at);
        self.customers.insert(known.number, known);
        Ok(Verdict::Stored)
    }

    /// Whether an anonymous id has become somebody's who has an id of their own.
    fn is_taken(&self, id: &str, number: Option<CustomerNumber>) -> bool {
        let known = number.and_then(|number| self.customers.get(&number));
        is_anonymous(id) && known.is_some_and(|known| !is_anonymous(&known.customer.id))
    }

    fn absorb(&mut self, known: &mut Known, mut gone: Known, now: Time) -> Result<(), Fault> {
        if let Some(wake) = gone.customer.wake {
            set_wake(&mut self.draft, gone.number, &mut gone.customer, None);
            wake_by(&mut self.draft, known.number, &mut known.customer, wake);
        }
        self.draft.remove(keys::customer(gone.number));
        self.draft.put(keys::absorbed(gone.number), rows::write(&known.number)?);
        self.draft.effect(Effect::LookedAt(gone.number));
        self.draft.effect(Effect::Absorbed);
        let brings_rows = !gone.logs().rows(&self.draft, Kind::Profile)?.is_empty();
        let brings_events = !gone.logs().rows(&self.draft, Kind::Event)?.is_empty();
        for (key, _) in self.draft.prefix(&keys::of_customer(Kind::Purchase, gone.number))? {
            self.draft.remove(key);
        }
        members::follow(&mut self.draft, gone.number, &gone.customer.watch.holding, &BTreeSet::new());
        self.draft.put(keys::alias(known.number, &gone.customer.id), rows::mark());
        let before = [known.customer.consent.clone(), gone.customer.consent.clone()];
        let held = known.customer.watch.holding.clone();
        known.customer.absorb(gone.number, gone.customer);
        members::follow(&mut self.draft, known.number, &held, &known.customer.watch.holding);
        if brings_rows {
            self.join_profiles(known)?;
            self.keep_objections(known, before.each_ref(), now)?;
        }
        if brings_events {
            let logs = Logs::of(known.number, &known.customer);
            known.customer.activity = totals::rebuild(&mut self.draft, logs, now, self.wanted)?;
        }
        Ok(())
    }

    /// What either had withdrawn stays so, whatever the other said.
    pub(super) fn keep_objections(
        &mut self,
        known: &mut Known,
        before: [&BTreeMap<Text, Consent>; 2],
        now: Time,
    ) -> Result<(), Fault> {
        let rows = known.logs().rows(&self.draft, Kind::Profile)?;
        let rows: Vec<ProfileRow> = rows.iter().map(|(_, row)| rows::read(row)).collect::<Result<_, _>>()?;
        let Some(objection) = objections(before, &rows, now) else { return Ok(()) };
        let key = keys::profile(known.number, objection.effective_at, self.shared.next_version());
        self.draft.put(key, rows::write(&objection)?);
        self.fold_profile(known)
    }

    /// Attributes and consent as if all rows had come under one id.
    fn join_profiles(&mut self, known: &mut Known) -> Result<(), Fault> {
        let all = known.logs().rows(&self.draft, Kind::Profile)?;
        let first = all.iter().filter_map(|(key, _)| keys::profile_version(key)).min();
        for (key, row) in all {
            let (number, version) = (keys::row_number(&key), keys::profile_version(&key));
            let (Some(number), Some(version)) = (number, version) else {
                return Err(Fault::Damaged("a profile row's key is cut".into()));
            };
            let row: ProfileRow = rows::read(&row)?;
            if derive::holds_since_told(&row, Some(version) == first) {
                let row = ProfileRow { effective_at: row.received_at, ..row };
                self.draft.remove(key);
                self.draft.put(keys::profile(number, row.effective_at, version), rows::write(&row)?);
            }
        }
        known.has_rows = Some(true);
        self.fold_profile(known)
    }
}
