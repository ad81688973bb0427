//! Storing what arrives.
//!
//! Arrivals of one lane are prepared one batch after the other; while one is being made durable the next is prepared
//! upon it, and the rows that the one after needs are read. Where somebody else changed a customer meanwhile, the batch
//! and all that stood upon it are prepared again.

use super::dirty;
use super::draft::{Change, Draft, Origin, Was};
use super::fault::Fault;
use super::fetch::Fetched;
use super::journal::{Told, withdrawn};
use super::keys::{self, Kind};
use super::live::Effect;
use super::logs::Logs;
use super::queue::BACKGROUND_ROWS;
use super::shared::{Shared, Shown};
use super::totals::{self, Wanted};
use super::{lock, rows};
use crate::domain::{Arrival, Consent, Customer, CustomerNumber, Event, ProfileRow, Time, message_fingerprint};
use crate::store::derive::Newcomer;
use crate::store::{Marking, Urgency, Verdict, derive};
use foldhash::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// For how many batches behind the next one rows are read ahead: who reads has only the time in which the committer waits for the
/// disk.
const READING: usize = 2;
/// For so few arrivals nothing is read ahead: to have another thread do it would take longer.
const FEW: usize = 8;
/// How many batches of one call may be on their way.
const AHEAD: usize = 4;
/// An arrival seldom makes more rows than this.
const ROWS_EACH: usize = 6;

#[derive(Debug)]
struct Input {
    arrivals: Vec<Arrival>,
    wanted: Wanted,
    urgency: Urgency,
    marking: Marking,
}

impl Input {
    /// The next arrivals from there on: as many as make one batch if each makes so many rows.
    fn portion(&self, from: usize, rows_each: usize) -> Range<usize> {
        let most = match self.urgency {
            Urgency::Interactive => self.arrivals.len(),
            Urgency::Background => (BACKGROUND_ROWS - ROWS_EACH) / rows_each.clamp(1, ROWS_EACH),
        };
        from..self.arrivals.len().min(from + most)
    }
}

/// A batch on its way.
struct Piece {
    range: Range<usize>,
    rows: usize,
    verdicts: Vec<Verdict>,
    answer: oneshot::Receiver<Result<(), Fault>>,
}

impl Piece {
    /// Waits for it; its range, if it has to be done again.
    async fn settle(self, verdicts: &mut [Verdict]) -> Result<Option<Range<usize>>, Fault> {
        match self.answer.await.map_err(|_| Fault::Closed)? {
            Ok(()) => {
                verdicts[self.range].copy_from_slice(&self.verdicts);
                Ok(None)
            }
            Err(Fault::Conflict) => Ok(Some(self.range)),
            Err(fault) => Err(fault),
        }
    }
}

impl Shared {
    /// Stores arrivals; see [`crate::store::Store::ingest`].
    pub(super) async fn ingest(
        self: &Arc<Self>,
        arrivals: Vec<Arrival>,
        wanted: Wanted,
        urgency: Urgency,
        marking: Marking,
    ) -> Result<Vec<Verdict>, Fault> {
        let total = arrivals.len();
        let mut verdicts = vec![Verdict::Stored; total];
        let input = Arc::new(Input { arrivals, wanted, urgency, marking });
        let (mut ahead, mut rows_each) = (VecDeque::new(), ROWS_EACH);
        let mut portions = Portions::new(self, &input);
        while let Some((mut portion, fetched)) = portions.next(rows_each).await? {
            while !portion.is_empty() {
                let piece = self.send(&input, portion.clone(), fetched.clone()).await?;
                portion.start = piece.range.end;
                rows_each = piece.rows.div_ceil(piece.range.len().max(1));
                ahead.push_back(piece);
                if ahead.len() >= AHEAD {
                    self.settle_first(&input, &mut ahead, &mut verdicts).await?;
                }
            }
        }
        while !ahead.is_empty() {
            self.settle_first(&input, &mut ahead, &mut verdicts).await?;
        }
        Ok(verdicts)
    }

    /// Waits for the first batch on its way. If it has to be done again, so have all that stand upon it.
    async fn settle_first(
        self: &Arc<Self>,
        input: &Arc<Input>,
        ahead: &mut VecDeque<Piece>,
        verdicts: &mut [Verdict],
    ) -> Result<(), Fault> {
        let Some(piece) = ahead.pop_front() else { return Ok(()) };
        let Some(range) = piece.settle(verdicts).await? else { return Ok(()) };
        let mut again = vec![range];
        for piece in ahead.drain(..) {
            again.extend(piece.settle(verdicts).await?);
        }
        for range in again {
            self.send_again(input, range, verdicts).await?;
        }
        Ok(())
    }

    async fn send_again(
        self: &Arc<Self>,
        input: &Arc<Input>,
        mut range: Range<usize>,
        verdicts: &mut [Verdict],
    ) -> Result<(), Fault> {
        while !range.is_empty() {
            let piece = self.send(input, range.clone(), None).await?;
            let end = piece.range.end;
            if piece.settle(verdicts).await?.is_none() {
                range.start = end;
            }
        }
        Ok(())
    }

    /// Prepares the first arrivals of a range, as many as one commit takes, and hands them to the committer.
    async fn send(
        self: &Arc<Self>,
        input: &Arc<Input>,
        range: Range<usize>,
        mut fetched: Option<Arc<Fetched>>,
    ) -> Result<Piece, Fault> {
        self.check()?;
        let turn = self.intake(input.urgency).turn.lock().await;
        let from = range.start;
        let (change, verdicts) = loop {
            let (work, range, ahead) = (Arc::clone(input), range.clone(), fetched.clone());
            let prepared = self.blocking(move |shared| {
                let read_at = shared.progress.applied.load(Ordering::SeqCst);
                let overlay = &shared.intake(work.urgency).overlay;
                shared.look(|reader| {
                    let draft = Draft::upon(reader, overlay, ahead.as_deref(), read_at);
                    prepare(shared, draft, &work, range)
                })
            });
            match prepared.await {
                // What was read ahead may be of before an erasure.
                Err(Fault::Conflict) => fetched = None,
                prepared => break prepared?,
            }
        };
        let rows = change.rows.len();
        let answer = self.submit(change, input.urgency, Shown::Yes).await?;
        drop(turn);
        Ok(Piece { range: from..from + verdicts.len(), rows, verdicts, answer })
    }
}

/// Rows being read ahead.
type Reading = JoinHandle<Result<Fetched, Fault>>;

/// Arrivals, so many as one commit takes, with the rows that they need: read ahead, but for a few that are alone. Those of
/// other calls are prepared meanwhile.
struct Portions<'s> {
    shared: &'s Arc<Shared>,
    input: &'s Arc<Input>,
    from: usize,
    reading: VecDeque<(Range<usize>, Reading)>,
}

impl<'s> Portions<'s> {
    fn new(shared: &'s Arc<Shared>, input: &'s Arc<Input>) -> Self {
        Self { shared, input, from: 0, reading: VecDeque::new() }
    }

    /// The next one, and begins to read for those behind it.
    async fn next(&mut self, rows_each: usize) -> Result<Option<(Range<usize>, Option<Arc<Fetched>>)>, Fault> {
        let mut alone = None;
        if self.reading.is_empty() {
            let portion = self.input.portion(self.from, rows_each);
            self.from = portion.end;
            if portion.len() > FEW {
                self.read_ahead(portion);
            } else {
                alone = Some(portion);
            }
        }
        let first = self.reading.pop_front();
        while self.reading.len() < READING && self.from < self.input.arrivals.len() {
            let portion = self.input.portion(self.from, rows_each);
            self.from = portion.end;
            self.read_ahead(portion);
        }
        match (first, alone) {
            (Some((portion, reading)), _) => Ok(Some((portion, Some(Arc::new(read(reading).await?))))),
            (None, Some(portion)) if !portion.is_empty() => Ok(Some((portion, None))),
            _ => Ok(None),
        }
    }

    fn read_ahead(&mut self, portion: Range<usize>) {
        let (shared, input, range) = (Arc::clone(self.shared), Arc::clone(self.input), portion.clone());
        let reading = tokio::task::spawn_blocking(move || {
            Fetched::read(&shared, input.urgency, &input.arrivals[range], &input.wanted.interest.purchase)
        });
        self.reading.push_back((portion, reading));
    }
}

async fn read(reading: Reading) -> Result<Fetched, Fault> {
    match reading.await {
        Ok(fetched) => fetched,
        Err(error) if error.is_panic() => Err(Fault::Damaged("reading it failed in an unforeseen way".into())),
        Err(_) => Err(Fault::Closed),
    }
}

fn prepare(
    shared: &Shared,
    draft: Draft<'_>,
    input: &Input,
    range: Range<usize>,
) -> Result<(Change, Vec<Verdict>), Fault> {
    let most = match input.urgency {
        Urgency::Interactive => usize::MAX,
        Urgency::Background => BACKGROUND_ROWS,
    };
    let (wanted, marking) = (&input.wanted, input.marking);
    let mut work = Work { shared, draft, wanted, marking, names: HashMap::default(), customers: HashMap::default() };
    let mut verdicts = Vec::new();
    for arrival in &input.arrivals[range] {
        if work.rows() + ROWS_EACH > most && !verdicts.is_empty() {
            break;
        }
        verdicts.push(work.take(arrival)?);
    }
    Ok((work.finish()?, verdicts))
}

/// A customer in hand.
pub(super) struct Known {
    pub(super) number: CustomerNumber,
    pub(super) customer: Customer,
    /// 0 of a newcomer of whom nothing is stored yet.
    pub(super) version: u64,
    /// Whether there are profile rows, as far as known.
    pub(super) has_rows: Option<bool>,
    pub(super) changed: bool,
    /// What arrivals have told of consent.
    pub(super) told: Option<Told>,
}

impl Known {
    pub(super) fn logs(&self) -> Logs<'_> {
        Logs::of(self.number, &self.customer)
    }
}

/// Arrivals that become one commit.
pub(super) struct Work<'w, 't> {
    pub(super) shared: &'w Shared,
    pub(super) draft: Draft<'t>,
    pub(super) wanted: &'w Wanted,
    marking: Marking,
    /// Whom the ids that were asked for mean.
    pub(super) names: HashMap<String, CustomerNumber>,
    pub(super) customers: HashMap<CustomerNumber, Known>,
}

impl Work<'_, '_> {
    fn rows(&self) -> usize {
        self.draft.len() + self.customers.len()
    }

    fn take(&mut self, arrival: &Arrival) -> Result<Verdict, Fault> {
        match arrival {
            Arrival::Profile { customer, row, dated, message_id } => {
                self.profile((customer, message_id.as_deref()), row, *dated)
            }
            Arrival::Event { customer, event } => self.event(customer, event),
            Arrival::Merge { from, into, received_at } => self.merge(from, into, *received_at),
        }
    }

    /// The customer of that id, made if unknown, out of the map while it is worked on.
    fn known(&mut self, id: &str, arrived_at: Time) -> Result<Known, Fault> {
        match self.number(id)?.and_then(|number| self.customers.remove(&number)) {
            Some(known) => Ok(known),
            None => self.newcomer(id, arrived_at),
        }
    }

    /// The number of the customer of that id, if known, who is in the map then.
    pub(super) fn number(&mut self, id: &str) -> Result<Option<CustomerNumber>, Fault> {
        let named = match self.names.get(id) {
            Some(number) => *number,
            None => match self.draft.get(&keys::name(id))? {
                Some(row) => rows::read(&row)?,
                None => return Ok(None),
            },
        };
        let number = self.load(id, named)?;
        if self.names.get(id) != Some(&number) {
            self.names.insert(id.to_owned(), number);
        }
        Ok(Some(number))
    }

    /// Puts the customer whom a number means into the map; answers the customer's own number.
    fn load(&mut self, id: &str, mut number: CustomerNumber) -> Result<CustomerNumber, Fault> {
        let named = number;
        loop {
            if self.customers.contains_key(&number) {
                return Ok(number);
            }
            let key = keys::customer(number);
            if let Some(row) = self.draft.get(&key)? {
                let (version, customer) = rows::read_versioned(&row)?;
                self.draft.rely(key, Was::Version(version));
                let known = Known { number, customer, version, has_rows: None, changed: false, told: None };
                self.customers.insert(number, known);
                return Ok(number);
            }
            number = match self.draft.get(&keys::absorbed(number))? {
                Some(row) => rows::read(&row)?,
                // Erased since the id was read, or whoever reads ahead was.
                None if self.names_another(id, named)? => return Err(Fault::Conflict),
                // A commit that was built upon failed just now.
                None if [&keys::name(id), &key].map(|key| self.draft.origin(key)).contains(&Origin::OnItsWay) => {
                    return Err(Fault::Conflict);
                }
                None => return Err(Fault::Damaged("a customer is gone".into())),
            };
        }
    }

    /// Whether an id is that of nobody, or of another customer, by now.
    fn names_another(&self, id: &str, number: CustomerNumber) -> Result<bool, Fault> {
        let row = self.draft.reader().get(&keys::name(id))?;
        Ok(row.map(|row| rows::read::<CustomerNumber>(&row)).transpose()? != Some(number))
    }

    /// Gives a customer an id that nobody has.
    pub(super) fn name(&mut self, id: &str, number: CustomerNumber) -> Result<(), Fault> {
        let name = keys::name(id);
        self.draft.rely(name.clone(), Was::Absent);
        self.draft.put(name, rows::write(&number)?);
        self.names.insert(id.to_owned(), number);
        Ok(())
    }

    /// A customer of an id that nobody has.
    pub(super) fn newcomer(&mut self, id: &str, arrived_at: Time) -> Result<Known, Fault> {
        let number = CustomerNumber(self.shared.numbers.fetch_add(1, Ordering::SeqCst) + 1);
        self.name(id, number)?;
        self.draft.effect(Effect::Arrived(number.0));
        let mut customer = Customer::new(id, arrived_at);
        customer.activity.fingerprint = self.wanted.fingerprint;
        let mut known = Known { number, customer, version: 0, has_rows: Some(false), changed: true, told: None };
        self.object(&mut known, id, arrived_at)?;
        Ok(known)
    }

    fn profile(
        &mut self,
        (id, message_id): (&str, Option<&str>),
        row: &ProfileRow,
        dated: bool,
    ) -> Result<Verdict, Fault> {
        let seen = message_id.map(|message_id| keys::seen(&message_fingerprint(message_id)));
        if let Some(seen) = &seen
            && self.draft.get(seen)?.is_some()
        {
            // The answer counts only if that other commit does.
            self.draft.rely(seen.clone(), Was::Present);
            return Ok(Verdict::Duplicate);
        }
        let mut known = self.known(id, row.received_at)?;
        if let Some(seen) = seen {
            self.draft.rely(seen.clone(), Was::Absent);
            self.draft.put(seen, rows::write(&known.number)?);
        }
        if !row.consent.is_empty() {
            known.told.get_or_insert_with(|| Told::of(&known.customer)).under(id);
        }
        let mut row = row.clone();
        if !dated {
            let has_rows = self.has_rows(&known)?;
            known.has_rows = Some(has_rows);
            row.effective_at = if has_rows { row.received_at } else { Time::MIN };
        }
        known.version = self.shared.next_version();
        self.draft.put(keys::profile(known.number, row.effective_at, known.version), rows::write(&row)?);
        if known.has_rows == Some(false) || derive::comes_last(&known.customer, &row) {
            known.customer.update(&row);
        } else {
            self.fold_profile(&mut known)?;
        }
        self.zone(&row)?;
        (known.has_rows, known.changed) = (Some(true), true);
        self.mark(&mut known, row.received_at);
        self.customers.insert(known.number, known);
        Ok(Verdict::Stored)
    }

    /// Makes attributes and consent anew from all rows.
    pub(super) fn fold_profile(&self, known: &mut Known) -> Result<(), Fault> {
        let rows = known.logs().rows(&self.draft, Kind::Profile)?;
        let rows = rows.iter().map(|(_, row)| rows::read(row)).collect::<Result<Vec<_>, _>>()?;
        derive::fold(&mut known.customer, &rows);
        Ok(())
    }

    fn has_rows(&self, known: &Known) -> Result<bool, Fault> {
        if let Some(has_rows) = known.has_rows {
            return Ok(has_rows);
        }
        if known.customer.updated_at > Time::MIN {
            return Ok(true);
        }
        Ok(!known.logs().rows(&self.draft, Kind::Profile)?.is_empty())
    }

    fn zone(&mut self, row: &ProfileRow) -> Result<(), Fault> {
        let zone = row.attributes.get("timezone").and_then(Option::as_ref).and_then(|zone| zone.as_text());
        let Some(zone) = zone.filter(|zone| !zone.is_empty()) else { return Ok(()) };
        let key = keys::zone(zone);
        if lock(&self.shared.live).zones.contains(zone) {
            return Ok(());
        }
        if self.draft.get(&key)?.is_some() {
            self.draft.rely(key, Was::Present);
        } else {
            self.draft.put(key, rows::mark());
            self.draft.effect(Effect::Zone(zone.to_owned()));
        }
        Ok(())
    }

    fn event(&mut self, id: &str, event: &Event) -> Result<Verdict, Fault> {
        let fingerprint = event.fingerprint(id);
        let seen = keys::seen(&fingerprint);
        if self.draft.get(&seen)?.is_some() {
            // The answer counts only if that other commit does.
            self.draft.rely(seen, Was::Present);
            return Ok(Verdict::Duplicate);
        }
        let mut known = self.known(id, event.received_at)?;
        self.draft.rely(seen.clone(), Was::Absent);
        self.draft.put(seen, rows::write(&known.number)?);
        self.draft.put(keys::event(known.number, event.at, &fingerprint), rows::write(event)?);
        let arrived = (event, fingerprint);
        let logs = Logs::with(known.number, &known.customer.absorbed);
        totals::take_in(&mut self.draft, logs, &mut known.customer.activity, arrived, self.wanted)?;
        let newcomer = if known.version == 0 { Newcomer::Yes } else { Newcomer::No };
        known.version = self.shared.next_version();
        known.changed = true;
        let watch = (&mut known.customer.watch, newcomer);
        if derive::note_event(watch, self.marking, &self.wanted.interest, (event, &fingerprint)) {
            dirty::wake_by(&mut self.draft, known.number, &mut known.customer, event.received_at);
        }
        self.customers.insert(known.number, known);
        Ok(Verdict::Stored)
    }

    /// Takes in what somebody with that id, which is new here, withdrew before the store was lost or they were erased.
    pub(super) fn object(&mut self, known: &mut Known, id: &str, now: Time) -> Result<(), Fault> {
        if !lock(&self.shared.live).objections {
            return Ok(());
        }
        let hash = self.shared.delivery_key.hash_of_customer(id);
        let (before, mut objected) = (known.customer.consent.clone(), BTreeMap::new());
        for (key, at) in self.draft.prefix(&keys::objections(hash))? {
            let Some(name) = keys::objected(&key) else { continue };
            let row = ProfileRow {
                effective_at: rows::read(&at)?,
                attributes: [].into(),
                consent: [(name.as_str().into(), false)].into(),
                source: "journal".into(),
                received_at: now,
                proof: None,
            };
            let version = self.shared.next_version();
            self.draft.put(keys::profile(known.number, row.effective_at, version), rows::write(&row)?);
            self.draft.remove(key);
            let consent = Consent { granted: false, at: row.effective_at, source: row.source };
            objected.insert(name.into(), consent);
            known.has_rows = Some(true);
        }
        if objected.is_empty() {
            return Ok(());
        }
        self.fold_profile(known)?;
        self.keep_objections(known, [&before, &objected], now)
    }

    /// The journal knows by both ids what the one customer of them has withdrawn.
    pub(super) fn keep_withdrawals(&mut self, customer: &Customer, ids: [&str; 2]) {
        for id in ids {
            for record in withdrawn(customer, id, &self.shared.delivery_key) {
                self.draft.journal(record);
            }
        }
    }

    pub(super) fn mark(&mut self, known: &mut Known, received_at: Time) {
        if derive::note(&mut known.customer.watch, self.marking) {
            dirty::wake_by(&mut self.draft, known.number, &mut known.customer, received_at);
        }
    }

    fn finish(mut self) -> Result<Change, Fault> {
        for known in self.customers.into_values().filter(|known| known.changed) {
            let row = rows::write_versioned(known.version, &known.customer)?;
            self.draft.put(keys::customer(known.number), row);
            let told = known.told.map(|told| told.records(&known.customer, &self.shared.delivery_key));
            told.into_iter().flatten().for_each(|record| self.draft.journal(record));
        }
        Ok(self.draft.finish())
    }
}
