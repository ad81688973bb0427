//! What is kept in memory of what is durable: counts, zones, open ticks, waiting deliveries and customers.

use super::due::DueIndex;
use super::fault::Fault;
use super::keys::{self, DueKey, Kind};
use super::reader::Reader;
use super::rows;
use super::wakes::WakeIndex;
use crate::domain::{CustomerNumber, DeliveryId, State, Tick, Time};
use std::collections::BTreeSet;

/// Name of the meta row that holds the counts.
const COUNTS: &str = "counts";

/// Counts that are written with every round.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(super) struct Counts {
    /// The round that wrote them.
    #[n(0)]
    pub(super) round: u64,
    /// No record has a version above this one.
    #[n(1)]
    pub(super) versions: u64,
    /// The highest customer number given.
    #[n(2)]
    pub(super) last_customer: u64,
    /// How many customers there are, those who were merged into others not counted.
    #[n(3)]
    pub(super) customers: u64,
    /// Deliveries by state, in the order of [`State::ALL`].
    #[n(4)]
    pub(super) deliveries: Vec<u64>,
}

impl Counts {
    /// The row's key.
    pub(super) fn key() -> Vec<u8> {
        keys::meta(COUNTS)
    }

    /// As stored; of a new store, nothing.
    pub(super) fn load(reader: Reader<'_>) -> Result<Self, Fault> {
        reader.get(&Self::key())?.map_or_else(|| Ok(Self::default()), |row| rows::read(&row))
    }

    /// Takes in what a commit changes.
    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Arrived(number) => {
                self.last_customer = self.last_customer.max(*number);
                self.customers += 1;
            }
            Effect::Absorbed => self.customers = self.customers.saturating_sub(1),
            Effect::Moved { from, to } => {
                self.deliveries.resize(State::ALL.len(), 0);
                if let Some(from) = from {
                    let count = &mut self.deliveries[*from as usize];
                    *count = count.saturating_sub(1);
                }
                if let Some(to) = to {
                    self.deliveries[*to as usize] += 1;
                }
            }
            Effect::Zone(_)
            | Effect::Tick { .. }
            | Effect::Waits(_)
            | Effect::WaitsNoMore(_)
            | Effect::Wakes { .. }
            | Effect::Objected
            | Effect::LookedAt(_) => {}
        }
    }
}

/// What a commit changes in memory once it is durable.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// A customer of that number came.
    Arrived(u64),
    /// A customer was merged into another.
    Absorbed,
    /// A zone is in use.
    Zone(String),
    /// A tick is open, or is not any more.
    Tick {
        /// Which.
        at: Time,
        /// Whether it is complete.
        complete: bool,
    },
    /// A delivery was made, changed its state, or was removed.
    Moved {
        /// What it was.
        from: Option<State>,
        /// What it is.
        to: Option<State>,
    },
    /// A delivery waits.
    Waits(DueKey),
    /// A delivery waits no more where it did.
    WaitsNoMore(DueKey),
    /// The wake of a customer changed.
    Wakes {
        /// Whose.
        number: CustomerNumber,
        /// What it was.
        from: Option<Time>,
        /// What it is.
        to: Option<Time>,
    },
    /// Something is kept of somebody of whom only the hash of an id is known.
    Objected,
    /// A decision set the wake of a customer, or the customer was merged into another, so a lease ends.
    LookedAt(CustomerNumber),
}

impl Effect {
    /// The delivery whose due row it makes.
    const fn made_due(&self) -> Option<DeliveryId> {
        if let Self::Waits(key) = self { Some(key.id) } else { None }
    }

    /// The customer whose wake row it makes.
    const fn made_wake(&self) -> Option<CustomerNumber> {
        if let Self::Wakes { number, to: Some(_), .. } = self { Some(*number) } else { None }
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// As of the last durable round.
    pub(super) counts: Counts,
    /// Zones in use.
    pub(super) zones: BTreeSet<String>,
    /// Ticks that are not complete.
    pub(super) open_ticks: BTreeSet<Time>,
    /// Which deliveries wait.
    pub(super) due: DueIndex,
    /// Which customers are to be looked at.
    pub(super) wakes: WakeIndex,
    /// Whether there may be withdrawals, or occurrences that were used up, of those of whom only the hash of an id is known.
    pub(super) objections: bool,
}

impl Live {
    /// Reads it from the rows: one look per zone, tick and group of waiting deliveries, and one at the wakes.
    pub(super) fn load(reader: Reader<'_>) -> Result<Self, Fault> {
        let mut live = Self { counts: Counts::load(reader)?, ..Self::default() };
        for row in reader.prefix(&Kind::Zone.all()) {
            live.zones.extend(keys::text(&row?.0));
        }
        for row in reader.prefix(&Kind::Tick.all()) {
            let (_, tick): (u64, Tick) = rows::read_versioned(&row?.1)?;
            if !tick.complete {
                live.open_ticks.insert(tick.at);
            }
        }
        let mut from = Some(Kind::Due.all());
        while let Some(start) = from {
            let Some(first) = reader.first_due(&start)? else { break };
            from = keys::after_prefix(&keys::due_group(&first.group));
            live.due.found(first);
        }
        for kind in [Kind::Objection, Kind::Spent] {
            live.objections |= reader.prefix(&kind.all()).next().transpose()?.is_some();
        }
        live.wakes = reader.first_wake()?.map(WakeIndex::starting).unwrap_or_default();
        Ok(live)
    }

    /// A round with these effects is about to be written.
    pub(super) fn begin(&mut self, effects: &[Effect]) {
        self.due.begin(effects.iter().filter_map(Effect::made_due));
        self.wakes.begin(effects.iter().filter_map(Effect::made_wake));
    }

    /// Takes in what became durable.
    pub(super) fn publish(&mut self, counts: Counts, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Zone(zone) => {
                    self.zones.insert(zone);
                }
                Effect::Tick { at, complete: true } => {
                    self.open_ticks.remove(&at);
                }
                Effect::Tick { at, complete: false } => {
                    self.open_ticks.insert(at);
                }
                Effect::Waits(key) => self.due.insert(key),
                Effect::WaitsNoMore(key) => self.due.remove(&key),
                Effect::Wakes { number, from, to } => self.wakes.change(number, from, to),
                Effect::LookedAt(number) => self.wakes.release(number),
                Effect::Objected => self.objections = true,
                Effect::Arrived(_) | Effect::Absorbed | Effect::Moved { .. } => {}
            }
        }
        self.counts = counts;
        self.due.settle();
        self.wakes.settle();
    }
}
