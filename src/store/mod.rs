//! Keeping customers, decisions and deliveries over restarts.
//!
//! What it is for: the [`Store`] trait that everything else speaks to, the embedded sled store behind it, an in-memory
//! model with the same behaviour, and one contract suite that both pass.
//! Invariants: a call that changes something answers when the change is durable, and it is whole or not there at all;
//! what readers act upon (claims, answers) is durable; a delivery id is made once; a delivery of a tick is not due before
//! the tick is complete; a customer who is to be looked at again has one row that says when, as the record says, and one
//! member row for each rule that the record says holds; of two customers who were merged one record is left, which both
//! ids and both numbers mean from then on.
//! Deliberately not here: what a rule is, when something is due, what an attempt's outcome means.

mod derive;
mod error;
pub mod memory;
mod overdue;
pub mod sled;

#[cfg(test)]
mod contract;

pub use error::{DuplicateKey, StoreError};

use crate::domain::{
    Arrival, CapSlot, Customer, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Enrollment, EnrollmentChange, Event,
    Interest, Lane, Planned, ProfileRow, Reason, RuleMemory, RuleState, Span, State, Suppression, Text, Tick, Time,
    Watch,
};
use async_trait::async_trait;

/// What answers of the store come to.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Who waits for a change: interactive ones go first, background ones when none of those wait, or in their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Someone waits for the answer.
    Interactive,
    /// Imports, ticks, upkeep.
    Background,
}

/// Whether arrivals make the rules look at the customers whom they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marking {
    /// They do not: nobody looks at customers when they change.
    Leave,
    /// The wake of each becomes the earlier of what it is and the arrival's `received_at`, and [`Watch::quiet`] is set:
    /// imports of what is past, which start nothing. An event that nobody names ([`Interest::concerns`]) makes dirty
    /// only whom it makes known; a profile row or a merge always does.
    Quiet,
    /// The same wake, with the same exception. Events of [`Interest::triggers`] are added to [`Watch::pending`]
    /// besides, in the order of their times and then of ids.
    Dirty,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Stored.
    Stored,
    /// Seen before, or a merge that changes nothing; nothing changed.
    Duplicate,
}

/// A customer record as read, with the version that a commit must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCustomer {
    /// The customer's number.
    pub number: CustomerNumber,
    /// The record's version; every write makes it larger.
    pub version: u64,
    /// The record, its totals fit for the [`View`] it was read with.
    pub customer: Customer,
}

/// How customers are to be read.
#[derive(Debug, Clone)]
pub struct View {
    /// What the totals must hold. A record made under another interest is rebuilt from the log for this reader.
    pub interest: std::sync::Arc<Interest>,
    /// The instant of the reader: events later than it are not counted.
    pub now: Time,
    /// Whether the past is asked for: then totals and attributes are those that were known to hold at `now`
    /// (profile rows and events later than `now` are left out), and memory, consent and slots later than `now` too, and
    /// the watch, which is of the present.
    pub backtest: bool,
}

/// A customer as a [`View`] shows them, with what came before its instant and what came after: all that a life from then
/// on is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The customer, as of the view's instant.
    pub stored: StoredCustomer,
    /// Profile rows that take effect later than the view's instant, in the order of these times and then of arrival.
    pub rows: Vec<ProfileRow>,
    /// All events, oldest first, those later than the view's instant among them.
    pub events: Vec<Event>,
    /// The enrollments that were made by the view's instant, oldest first; an ending that came later is left out.
    pub enrollments: Vec<Enrollment>,
    /// The deliveries of these that had been decided by the view's instant and are still kept, as they are now.
    pub deliveries: Vec<Delivery>,
}

/// One customer's decision at one instant, as the engine made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whom it concerns.
    pub customer: CustomerNumber,
    /// The version of the record that it was decided on.
    pub version: u64,
    /// Memories to be set, by rule.
    pub memories: Vec<(Text, RuleMemory)>,
    /// Places to be reserved under the caps.
    pub slots: Vec<CapSlot>,
    /// Enrollments to be made. One that exists already makes the whole batch [`StoreError::Duplicate`].
    pub enrollments: Vec<Enrollment>,
    /// Deliveries to be made, with due rows where their state waits. The same holds for them.
    pub deliveries: Vec<Delivery>,
    /// When the customer is to be looked at again.
    pub wake: WakeChange,
    /// What the rules made of the customer, in place of what the record has; `None` leaves that.
    pub watch: Option<Watch>,
    /// By rule with a schedule, whether its condition holds now: its member row is made or removed, or stays where that
    /// is so already, and [`Watch::holding`] follows, that of a `watch` of this decision, too.
    pub members: Vec<(Text, bool)>,
    /// Enrollments that go on or end, those of this decision among them. One that is not there, or ended before, is left
    /// as it is; deliveries are made in any case.
    pub changes: Vec<EnrollmentChange>,
}

impl Decision {
    /// One that changes nothing yet.
    #[must_use]
    pub const fn none(customer: CustomerNumber, version: u64) -> Self {
        Self {
            customer,
            version,
            memories: Vec::new(),
            slots: Vec::new(),
            enrollments: Vec::new(),
            deliveries: Vec::new(),
            wake: WakeChange::Keep,
            watch: None,
            members: Vec::new(),
            changes: Vec::new(),
        }
    }
}

/// What a decision does to a customer's wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeChange {
    /// Nothing; a lease on the customer goes on.
    Keep,
    /// It is that instant from now on, or none; a lease on the customer ends.
    Set(Option<Time>),
}

/// Decisions of a page of customers, committed together with the tick's new cursor and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionBatch {
    /// The tick as it is after this page, if a tick asked for it. It replaces the stored one.
    pub tick: Option<Tick>,
    /// Rule states that change with it, such as a pause by the brake when the tick completes.
    pub rules: Vec<(Text, RuleState)>,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Who waits.
    pub urgency: Urgency,
}

/// What a recorded change of a delivery does to its place under the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotChange {
    /// Nothing.
    Keep,
    /// It is given back.
    Free,
    /// It moves to that instant; one that was given back is reserved anew.
    Move(Time),
}

/// A change of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryChange {
    /// The state that the caller saw; another one makes it a [`StoreError::Conflict`].
    pub from: State,
    /// `attempts` that the caller saw, for the same reason.
    pub from_attempts: u32,
    /// The delivery as it is to be. Its due row is made, moved or removed to fit.
    pub delivery: Delivery,
    /// What happens to its cap slot.
    pub slot: SlotChange,
    /// An address to be suppressed with it.
    pub suppress: Option<Suppression>,
    /// Whether the customer is to remember that the rule sent something: [`RuleMemory::sent_at`] becomes the later of what
    /// it is and the delivery's `sent_at`. Without a memory of the rule, nothing is remembered.
    /// They are to be looked at for it: the wake becomes the earlier of what it is and `sent_at`.
    pub remember: bool,
}

/// What is waiting in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    /// The lane.
    pub lane: Lane,
    /// When the earliest waiting delivery is due.
    pub next_due: Time,
}

/// How many deliveries of a lane wait past their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The lane.
    pub lane: Lane,
    /// How many, by the ages that were asked for: at each place those that are late by at most that age and by more than
    /// the one before; at the last place those that are later than all of them.
    pub counts: Vec<u64>,
}

/// The disk that a store lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are free for this user.
    pub free_bytes: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// Which deliveries to list, all conditions together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only to the customer of this id of the outside's, under whichever id it was decided. The store sees to it.
    pub customer: Option<String>,
    /// Only with this reason.
    pub reason: Option<Reason>,
}

impl DeliveryFilter {
    /// Whether a delivery passes all conditions but that of the customer, whose other ids only the store knows.
    #[must_use]
    pub fn passes(&self, delivery: &Delivery) -> bool {
        self.state.is_none_or(|state| state == delivery.state)
            && self.rule.as_ref().is_none_or(|rule| *rule == delivery.rule)
            && self.reason.is_none_or(|reason| Some(reason) == delivery.reason)
    }
}

/// Counts for `status` and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Customers stored; those who were merged into others are not counted.
    pub customers: u64,
    /// Deliveries by state, kept up as they change.
    pub deliveries: Vec<(State, u64)>,
    /// Bytes on disk, if the store has any.
    pub disk_bytes: u64,
    /// The disk it lies on, if it does.
    pub room: Option<Room>,
    /// Whether there is room for a change.
    pub writable: bool,
}

/// What an erasure removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Ids.
    pub ids: u64,
    /// Events.
    pub events: u64,
    /// Enrollments.
    pub enrollments: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Of these, attempts that were under way.
    pub under_way: u64,
    /// Classes and topics of which a withdrawal is kept.
    pub objections: u64,
}

/// What is said in a backup of when and by what it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupStamp {
    /// When it was begun.
    pub made_at: Time,
    /// The version of the program.
    pub version: String,
}

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSummary {
    /// When it was begun.
    pub made_at: Time,
    /// The version of the program that made it.
    pub version: String,
    /// Customers in it, those who were merged into others not counted.
    pub customers: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Rounds of the committer behind them.
    pub rounds: u64,
    /// The file's length.
    pub bytes: u64,
}

/// What is done with customers while they are read; it must not wait for anything.
pub type CustomerWork = Box<dyn FnOnce(&mut dyn Iterator<Item = StoredCustomer>) + Send>;

/// As [`CustomerWork`], with their histories.
pub type HistoryWork = Box<dyn FnOnce(&mut dyn Iterator<Item = History>) + Send>;

/// A store of customers, decisions and deliveries.
///
/// Every changing call answers once the change is durable. Pages come in the order of keys. Any call may answer
/// [`StoreError`]; which ones, the calls say where it matters.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The key that delivery ids are made with; random, made with the store, never changed.
    fn delivery_key(&self) -> DeliveryKey;

    /// Stores what arrives, in order, deduplicated by [`Event::fingerprint`], keeping totals up to date under
    /// `interest`. `marking` says whether customers become dirty by it, in the same commit; a duplicate changes
    /// nobody. The answers stand in the order of the arrivals. A merge is one commit, however much is known of both; what
    /// arrives behind it in the same call sees it. Retries conflicts itself.
    async fn ingest(
        &self,
        arrivals: Vec<Arrival>,
        interest: &Interest,
        urgency: Urgency,
        marking: Marking,
    ) -> Result<Vec<Verdict>>;

    /// One customer by the outside's id.
    async fn customer(&self, id: &str, view: &View) -> Result<Option<StoredCustomer>>;

    /// One customer by number. The number of one who was merged into another means the other, whose own number the answer
    /// bears; here and wherever a number is asked for, but in [`Store::decide`]: there it is a conflict.
    async fn customer_by_number(&self, number: CustomerNumber, view: &View) -> Result<Option<StoredCustomer>>;

    /// Up to `limit` customers with numbers above `after` and not above `up_to`, in the order of numbers.
    async fn customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
    ) -> Result<Vec<StoredCustomer>>;

    /// As [`Store::customers`], but gives the customers to `work` one at a time where they are read, so that a page is
    /// never in memory as a whole. What `work` made of them counts only if the answer is `Ok`: it ends early where
    /// reading fails, and only then is what it saw durable.
    async fn with_customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: CustomerWork,
    ) -> Result<()> {
        let page = self.customers(after, up_to, limit, view).await?;
        work(&mut page.into_iter());
        Ok(())
    }

    /// As [`Store::with_customers`], for the customers whose own numbers these are, in their order; a number that is nobody's
    /// is passed over, and so is that of one who was merged into another.
    async fn with_customers_of(&self, numbers: Vec<CustomerNumber>, view: &View, work: CustomerWork) -> Result<()> {
        let mut page = Vec::with_capacity(numbers.len());
        for number in numbers {
            page.extend(self.customer_by_number(number, view).await?.filter(|found| found.number == number));
        }
        work(&mut page.into_iter());
        Ok(())
    }

    /// The same by the outside's ids, of which one customer may have several.
    async fn with_customers_named(&self, ids: Vec<String>, view: &View, work: CustomerWork) -> Result<()> {
        let mut page = Vec::with_capacity(ids.len());
        for id in ids {
            page.extend(self.customer(&id, view).await?);
        }
        work(&mut page.into_iter());
        Ok(())
    }

    /// As [`Store::with_customers`], with the history of each: one at a time, so that no more than one customer's log is in
    /// memory, however long it is. What two customers brought into a merge is one history.
    async fn with_histories(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: HistoryWork,
    ) -> Result<()>;

    /// The highest number given so far; number 0 is never given. Pages leave out those who were merged into others.
    fn last_customer(&self) -> CustomerNumber;

    /// The time zones that customers have or had, as stored.
    fn zones(&self) -> Vec<String>;

    /// A customer's events, newest first, at most `limit`, only those before `before` if given.
    async fn events(&self, customer: CustomerNumber, before: Option<Time>, limit: usize) -> Result<Vec<Event>>;

    /// All that was ever told of a customer's profile and consent, in the order in which it took effect and then arrived.
    async fn profile_rows(&self, customer: CustomerNumber) -> Result<Vec<ProfileRow>>;

    /// All ids under which a customer is known, that of the record first.
    async fn ids(&self, customer: CustomerNumber) -> Result<Vec<String>>;

    /// Removes all that is known of the customer of an id, in one commit; `None` if there is none. What they withdrew, which
    /// occurrences were used up, and that their address is suppressed, is kept as keyed hashes: who comes back with one of
    /// their ids has withdrawn it, and an enrollment in such an occurrence is a [`StoreError::Duplicate`]. A delivery of theirs that
    /// is in somebody's hands is gone when that is recorded: a [`StoreError::Conflict`].
    async fn erase(&self, id: &str, now: Time) -> Result<Option<Erased>>;

    /// Up to `limit` customers for whom the rule's condition held when it was last decided, with numbers above `after`, in
    /// the order of numbers: those of whom there is a member row. Those who were merged into others are not among them;
    /// who has absorbed them is, where the condition held for either.
    async fn members(&self, rule: &str, after: Option<CustomerNumber>, limit: usize) -> Result<Vec<CustomerNumber>>;

    /// A customer's enrollments, newest first, at most `limit`.
    async fn enrollments(&self, customer: CustomerNumber, limit: usize) -> Result<Vec<Enrollment>>;

    /// Brings stored totals under `interest`, for up to `limit` customers above `after`; answers the last number
    /// looked at, or `None` when all are done.
    async fn rebuild(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        interest: &Interest,
        now: Time,
    ) -> Result<Option<CustomerNumber>>;

    /// Makes dirty, for rescans, up to `limit` customers above `after`: the wake of each becomes the earlier of what it
    /// is and `at`. Also of those who are dirty already the record gets a new version, so that a decision that is on its
    /// way is made again. Answers the last number looked at, or `None` when all are done.
    async fn mark_dirty(&self, after: Option<CustomerNumber>, limit: usize, at: Time)
    -> Result<Option<CustomerNumber>>;

    /// Takes up to `limit` customers whose wake is at or before `now`, durable and under no lease, in the order of
    /// wakes and then of numbers, and puts them under a lease of `lease` from `now`. A lease ends with a decision that
    /// sets the wake, with [`Store::release_dirty`], its time, or the process. A customer who is marked while under a
    /// lease stays under it: the record has a new version, so what was decided without the mark is a
    /// [`StoreError::Conflict`]. One whom somebody without the lease decided meanwhile may have another wake when
    /// read: give the lease back.
    async fn take_dirty(&self, now: Time, limit: usize, lease: Span) -> Result<Vec<CustomerNumber>>;

    /// Gives leases on customers back: their wakes stand as they are.
    async fn release_dirty(&self, customers: &[CustomerNumber]);

    /// The earliest instant at which [`Store::take_dirty`] has somebody, as far as is stored; those under a lease
    /// count from its end.
    async fn next_wake(&self) -> Result<Option<Time>>;

    /// Commits a page of decisions, at most one for each customer: all of it or nothing. Members that the stored tick
    /// has and the given one lacks stay, and the tick is open again from its first customer. [`StoreError::Conflict`] when a customer's version is not
    /// the named one: read again and decide again. [`StoreError::Duplicate`] when an enrollment or delivery exists:
    /// leave that customer's rule out and commit again.
    async fn decide(&self, batch: DecisionBatch) -> Result<()>;

    /// Ticks that are not complete, earliest first.
    async fn open_ticks(&self) -> Result<Vec<Tick>>;

    /// Up to when each (rule, zone) is planned.
    async fn planned(&self) -> Result<Vec<Planned>>;

    /// Makes ticks and moves planning on, in one commit. A tick that exists at the same instant takes in the new
    /// members, and if there are any it is open again from its first customer; members it already has are left alone.
    async fn plan(&self, ticks: Vec<Tick>, planned: Vec<Planned>) -> Result<()>;

    /// States of all rules that have one, by name.
    async fn rule_states(&self) -> Result<Vec<(Text, RuleState)>>;

    /// Sets states of rules.
    async fn set_rule_states(&self, states: Vec<(Text, RuleState)>) -> Result<()>;

    /// The earliest instant at which each lane has something to claim, as far as is stored: waiting deliveries of no
    /// incomplete tick count from their due instant, those under a lease from its end.
    async fn lanes(&self) -> Result<Vec<LaneStatus>>;

    /// How many deliveries wait that were due at `now`, those under a lease among them, by lane and by the ascending
    /// `ages`. Lanes without any are left out, and what an incomplete tick holds back. Of a lane with more than `limit` so
    /// many are counted, the oldest of each tick first.
    async fn overdue(&self, now: Time, ages: &[Span], limit: usize) -> Result<Vec<Overdue>>;

    /// Takes up to `limit` deliveries of the lane that are due at `now`, durable, of no incomplete tick and under no
    /// lease, in the order of their due instants, and puts them under a lease of `lease` from `now`. A lease ends
    /// with [`Store::record`], [`Store::release`], its time, or the process.
    async fn claim(&self, lane: &Lane, now: Time, limit: usize, lease: Span) -> Result<Vec<Delivery>>;

    /// Gives leases back unused.
    async fn release(&self, deliveries: &[DeliveryId]);

    /// Records changes of deliveries, in order, all or nothing. [`StoreError::Conflict`] when a delivery is not as it was
    /// seen, is gone, or [`State::may_become`] forbids the change. A change away from a waiting state removes the due row, one
    /// into it makes one at `due_at`. Retries conflicts on customer records itself.
    async fn record(&self, changes: Vec<DeliveryChange>, urgency: Urgency) -> Result<()>;

    /// At start: every `sending` delivery becomes `uncertain`, its `uncertain` count one higher, due at once.
    /// Answers how many.
    async fn recover(&self, now: Time) -> Result<u64>;

    /// One delivery. Its customer's number, here and in claims and lists, is that of whom the customer was merged into.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>>;

    /// Up to `limit` deliveries that pass the filter, with ids above `after`, in the order of ids.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>>;

    /// Removes finished deliveries whose last change is before `before`, at most `limit`, oldest first; answers how
    /// many. The last change is the latest of the instants in the record, `due_at` among them. Complete ticks as old
    /// go, too.
    async fn prune(&self, before: Time, limit: usize) -> Result<u64>;

    /// Whether an address (in any form) is suppressed.
    async fn suppression(&self, address: &str) -> Result<Option<Suppression>>;

    /// Up to `limit` suppressions with addresses above `after`.
    async fn suppressions(&self, after: Option<&str>, limit: usize) -> Result<Vec<Suppression>>;

    /// Adds suppressions; one that exists is left as it is. Answers how many were new.
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<u64>;

    /// Removes a suppression; answers whether there was one.
    async fn unsuppress(&self, address: &str) -> Result<bool>;

    /// A small durable setting of the daemon's own, such as `paused`.
    async fn flag(&self, name: &str) -> Result<Option<String>>;

    /// Sets or clears it.
    async fn set_flag(&self, name: &str, value: Option<&str>) -> Result<()>;

    /// Counts.
    async fn stats(&self) -> Result<Stats>;

    /// Why nothing new is stored at present; what must be recorded may be all the same. `None` while all is well.
    fn trouble(&self) -> Option<StoreError> {
        None
    }

    /// Writes a copy of everything while the store is in use: all that was answered before the call's answer is in it, and
    /// nothing is there by half. `into` may make the call wait for as long as it likes, but one that is slower than what is
    /// stored meanwhile is given up. [`StoreError::Backup`] where `into` fails.
    async fn backup(&self, _: BackupStamp, _: Box<dyn std::io::Write + Send>) -> Result<BackupSummary> {
        Err(StoreError::Backup(std::io::Error::other("a store of this kind has none")))
    }

    /// Makes everything durable and lets the files go. Later calls answer [`StoreError::Closed`].
    async fn close(&self) -> Result<()>;
}
