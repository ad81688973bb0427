//! Random operations, with kills and restarts between them, against the model.

use super::{Folder, OpenMode, SledStore, copy, open};
use crate::domain::{
    Active, Activity, Arrival, Class, Customer, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Ending,
    EnrollmentChange, Entry, Event, Lane, Membership, ProfileRow, Span, State, Suppression, Tick, Time, Watch,
    anonymous_id,
};
use crate::store::contract::sample::{
    DAY, EVERYONE, arrival, batch, change, dated, day, decision, interest, mail, member, merge, order, profile, row,
    watched, webhook,
};
use crate::store::memory::MemoryStore;
use crate::store::sled::fault::Fault;
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::rows;
use crate::store::sled::window::WINDOW;
use crate::store::{
    Decision, DecisionBatch, DeliveryFilter, Marking, SlotChange, Store, StoreError, StoredCustomer, Urgency, View,
    WakeChange,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

#[derive(Debug, Clone)]
enum Step {
    Ingest(Vec<Thing>, Urgency, Marking),
    Decide {
        customer: u8,
        deliveries: Vec<u8>,
        tick: Option<(i64, bool)>,
        stale: bool,
        wake: WakeChange,
        look: Look,
    },
    MarkDirty {
        after: u64,
        limit: usize,
        ago: i64,
    },
    TakeDirty {
        limit: usize,
        lease: i64,
    },
    ReleaseDirty(Vec<u64>),
    Plan {
        day: i64,
        rule: &'static str,
    },
    Claim {
        lane: Lane,
        limit: usize,
        lease: i64,
    },
    Release(Vec<u8>),
    Record {
        delivery: u8,
        state: State,
        due: i64,
        slot: SlotChange,
        as_seen: bool,
        remember: bool,
    },
    Recover,
    Prune {
        age: i64,
        limit: usize,
    },
    Suppress(&'static str),
    Unsuppress(&'static str),
    Rebuild {
        limit: usize,
    },
    /// The process dies; what was answered is there.
    Kill,
    /// It ends in good order.
    Restart,
}

/// What a decision makes of the watch and of enrollments.
#[derive(Debug, Clone)]
struct Look {
    watch: Option<u8>,
    members: Vec<(&'static str, bool)>,
    /// Of which occurrence, a delivery, and whether it ends.
    changes: Vec<(u8, u8, u8)>,
}

/// Rules that may hold for a customer.
const RULES: [&str; 3] = ["x", "xy", "z"];

fn look() -> impl Strategy<Value = Look> {
    let members = proptest::collection::vec((proptest::sample::select(&RULES[..]), any::<bool>()), 0..3);
    let changes = proptest::collection::vec((0..30_u8, 0..30_u8, 0..3_u8), 0..4);
    (proptest::option::of(0..12_u8), members, changes).prop_map(|(watch, members, changes)| Look {
        watch,
        members,
        changes,
    })
}

impl Look {
    /// The watch that comes after one.
    fn after(mut watch: Watch, n: u8) -> Watch {
        watch.pending.truncate(usize::from(n % 3));
        watch.quiet = n.is_multiple_of(2);
        let membership = Membership { inside: n.is_multiple_of(3), crossings: n.into(), meaning: 1 };
        watch.segments.insert(format!("s{}", n % 2).into(), membership);
        watch.active.truncate(2);
        watch.active.push(Active {
            rule: "a".into(),
            occurrence: format!("o{}", n % 4).into(),
            entered_at: day((n % 5).into()),
            held_out: n.is_multiple_of(5),
            anchor: None,
            instant: None,
            done: vec![format!("step {}", n % 3).into()],
            entry: Entry::default(),
            unsent_until: None,
        });
        match n % 4 {
            0 => watch.holding.clear(),
            1 => drop(watch.holding.insert("z".into())),
            _ => {}
        }
        watch
    }

    fn decide(&self, seen: &StoredCustomer, decision: &mut Decision) {
        decision.watch = self.watch.map(|n| Self::after(seen.customer.watch.clone(), n));
        decision.members = self.members.iter().map(|(rule, holds)| ((*rule).into(), *holds)).collect();
        decision.changes = self
            .changes
            .iter()
            .map(|(occurrence, delivery, change)| EnrollmentChange {
                rule: "win-back".into(),
                occurrence: format!("o{occurrence}").into(),
                deliveries: vec![id(*delivery)],
                ending: (*change == 1).then(|| Ending { at: day((*delivery).into()), reason: None, conversion: None }),
                resumed: *change == 2,
            })
            .collect();
    }
}

/// Something that arrives; times are days before today.
#[derive(Debug, Clone)]
enum Thing {
    Event { customer: u8, name: &'static str, order: u8, message: u8, age: i64 },
    Profile { customer: u8, value: u8, dated: Option<i64> },
    Merge { from: u8, into: u8 },
}

/// Ids that customers have: their own, and anonymous ones.
const IDS: u8 = 6;

fn name(n: u8) -> String {
    if n < 4 { format!("c{n}") } else { anonymous_id(&format!("c{n}")) }
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        8 => (0..IDS, event_name(), 0..6_u8, 0..20_u8, -3..9_i64).prop_map(|(customer, name, order, message, age)| Thing::Event {
            customer,
            name,
            order,
            message,
            age
        }),
        8 => (0..IDS, 0..4_u8, proptest::option::of(-2..9_i64)).prop_map(|(customer, value, dated)| Thing::Profile {
            customer,
            value,
            dated
        }),
        1 => (0..IDS, 0..IDS).prop_map(|(from, into)| Thing::Merge { from, into }),
    ]
}

/// What counts, what may start something, and what nobody names.
fn event_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("Order Completed"), 2 => Just("Cart Updated"), 1 => Just("Page Viewed")]
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![
        Just(Lane::Mail(Class::Marketing)),
        Just(Lane::Mail(Class::Service)),
        Just(Lane::Endpoint("crm".into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let urgency = prop_oneof![Just(Urgency::Interactive), Just(Urgency::Background)];
    let slot =
        prop_oneof![Just(SlotChange::Keep), Just(SlotChange::Free), (0..9_i64).prop_map(|n| SlotChange::Move(day(n)))];
    let address = || prop_oneof![Just("a@x.example"), Just(" B@x.example")];
    let tick = proptest::option::of((0..3_i64, any::<bool>()));
    let marking = prop_oneof![1 => Just(Marking::Leave), 1 => Just(Marking::Quiet), 2 => Just(Marking::Dirty)];
    let wake = prop_oneof![
        3 => Just(WakeChange::Keep),
        1 => Just(WakeChange::Set(None)),
        2 => (0..12_i64).prop_map(|n| WakeChange::Set(Some(day(n)))),
    ];
    prop_oneof![
        6 => (proptest::collection::vec(thing(), 1..8), urgency, marking)
            .prop_map(|(things, urgency, marking)| Step::Ingest(things, urgency, marking)),
        4 => (1..7_u8, proptest::collection::vec(0..30_u8, 0..4), tick, proptest::bool::weighted(0.1), wake, look())
            .prop_map(|(customer, deliveries, tick, stale, wake, look)| Step::Decide { customer, deliveries, tick, stale, wake, look }),
        1 => (0..6_u64, 1..4_usize, -3..9_i64).prop_map(|(after, limit, ago)| Step::MarkDirty { after, limit, ago }),
        3 => (1..4_usize, 0..4_i64).prop_map(|(limit, lease)| Step::TakeDirty { limit, lease }),
        1 => proptest::collection::vec(0..6_u64, 0..4).prop_map(Step::ReleaseDirty),
        1 => (0..3_i64, prop_oneof![Just("a"), Just("b")]).prop_map(|(day, rule)| Step::Plan { day, rule }),
        3 => (lane(), 1..4_usize, 0..4_i64).prop_map(|(lane, limit, lease)| Step::Claim { lane, limit, lease }),
        1 => proptest::collection::vec(0..30_u8, 0..9).prop_map(Step::Release),
        8 => (0..30_u8, 0..9_usize, -2..5_i64, slot, proptest::bool::weighted(0.9), any::<bool>())
            .prop_map(|(delivery, state, due, slot, as_seen, remember)| {
                Step::Record { delivery, state: State::ALL[state], due, slot, as_seen, remember }
            }),
        1 => Just(Step::Recover),
        1 => (0..6_i64, 1..9_usize).prop_map(|(age, limit)| Step::Prune { age, limit }),
        1 => address().prop_map(Step::Suppress),
        1 => address().prop_map(Step::Unsuppress),
        1 => (1..6_usize).prop_map(|limit| Step::Rebuild { limit }),
        2 => Just(Step::Kill),
        1 => Just(Step::Restart),
    ]
}

/// Both stores and the day.
struct World {
    folder: Folder,
    sled: Option<SledStore>,
    model: MemoryStore,
    today: i64,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        let sled = open(folder.path(), OpenMode::Create).unwrap();
        Self { folder, sled: Some(sled), model: MemoryStore::new(DeliveryKey::new([0; 32])), today: 1 }
    }

    fn stores(&self) -> [&dyn Store; 2] {
        [self.sled.as_ref().unwrap(), &self.model]
    }

    fn view(&self, ago: i64, backtest: bool) -> View {
        View { interest: Arc::new(watched()), now: day(self.today - ago), backtest }
    }

    async fn kill(&mut self) {
        let left = Folder::new();
        copy(self.folder.path(), left.path());
        self.sled = Some(open(left.path(), OpenMode::MustExist).unwrap());
        self.folder = left;
        self.forget_leases().await;
    }

    async fn restart(&mut self) {
        self.sled.take().unwrap().close().await.unwrap();
        self.sled = Some(open(self.folder.path(), OpenMode::MustExist).unwrap());
        self.forget_leases().await;
    }

    /// Leases end with the process.
    async fn forget_leases(&self) {
        self.model.release(&(0..30).map(id).collect::<Vec<_>>()).await;
        self.model.release_dirty(&(0..9).map(CustomerNumber).collect::<Vec<_>>()).await;
    }

    fn arrival(&self, thing: &Thing) -> Arrival {
        match *thing {
            Thing::Event { customer, name: event, order: id, message, age } => {
                let made = order(self.today - age, &format!("o{id}"), i64::from(message));
                let message_id = (message < 15).then(|| format!("m{message}").into());
                let made = Event { name: event.into(), received_at: day(self.today), message_id, ..made };
                arrival(&name(customer), made)
            }
            Thing::Profile { customer, value, dated: age } => {
                let zone = ["", "Africa/Nairobi", "Europe/Zagreb", "Asia/Yerevan"][usize::from(value)];
                let consent = [("marketing".into(), value % 2 == 0)].into();
                let row =
                    ProfileRow { consent, ..row(self.today, &[("timezone", zone), ("plan", &value.to_string())]) };
                let name = name(customer);
                age.map_or_else(|| profile(&name, row.clone()), |age| dated(&name, self.today - age, row.clone()))
            }
            Thing::Merge { from, into } => merge(&name(from), &name(into), self.today),
        }
    }

    /// Does a step on one of the stores, and says what came of it.
    async fn take(&self, store: &dyn Store, step: &Step) -> String {
        let now = day(self.today);
        match step {
            Step::Ingest(things, urgency, marking) => {
                let arrivals = things.iter().map(|thing| self.arrival(thing)).collect();
                said(&store.ingest(arrivals, &watched(), *urgency, *marking).await)
            }
            Step::Decide { customer, deliveries, tick, stale, wake, look } => {
                let number = CustomerNumber(u64::from(*customer));
                let Some(seen) = store.customer_by_number(number, &self.view(0, false)).await.unwrap() else {
                    return "nobody".into();
                };
                let mut batch = self.decision(&seen, deliveries, *tick, *stale);
                for decision in &mut batch.decisions {
                    decision.wake = *wake;
                    look.decide(&seen, decision);
                }
                said(&store.decide(batch).await)
            }
            Step::MarkDirty { after, limit, ago } => {
                said(&store.mark_dirty(Some(CustomerNumber(*after)), *limit, day(self.today - ago)).await)
            }
            Step::TakeDirty { limit, lease } => said(&store.take_dirty(now, *limit, Span(DAY.0 * lease)).await),
            Step::ReleaseDirty(numbers) => {
                store.release_dirty(&numbers.iter().copied().map(CustomerNumber).collect::<Vec<_>>()).await;
                String::new()
            }
            Step::Plan { day: n, rule } => {
                let tick = Tick { at: day(*n), members: vec![member(rule)], cursor: None, complete: false };
                said(&store.plan(vec![tick], vec![]).await)
            }
            Step::Claim { lane, limit, lease } => said(&store.claim(lane, now, *limit, Span(DAY.0 * lease)).await),
            Step::Release(ids) => {
                store.release(&ids.iter().map(|n| id(*n)).collect::<Vec<_>>()).await;
                String::new()
            }
            Step::Record { delivery, state, due, slot, as_seen, remember } => {
                let Some(seen) = store.delivery(id(*delivery)).await.unwrap() else { return "none".into() };
                let mut change = change(&seen, *state);
                change.from_attempts += u32::from(!*as_seen);
                change.delivery.attempts += u32::from(*state == State::Sending);
                change.delivery.due_at = day(self.today + due);
                change.delivery.sent_at = (*state == State::Sent).then(|| day(self.today - due));
                (change.slot, change.remember) = (*slot, *remember);
                said(&store.record(vec![change], Urgency::Interactive).await)
            }
            Step::Recover => said(&store.recover(now).await),
            Step::Prune { age, limit } => said(&store.prune(day(self.today - age), *limit).await),
            Step::Suppress(address) => {
                let new = Suppression { address: (*address).into(), reason: "manual".into(), at: now };
                said(&store.suppress(vec![new]).await)
            }
            Step::Unsuppress(address) => said(&store.unsuppress(address).await),
            Step::Rebuild { limit } => said(&store.rebuild(None, *limit, &watched(), now).await),
            Step::Kill | Step::Restart => String::new(),
        }
    }

    fn decision(&self, seen: &StoredCustomer, ids: &[u8], tick: Option<(i64, bool)>, stale: bool) -> DecisionBatch {
        let of_tick = tick.map(|(n, _)| day(n));
        let deliveries: Vec<Delivery> = ids
            .iter()
            .map(|n| {
                let due = self.today + i64::from(n % 3);
                let made = if n % 2 == 0 { mail(0, seen, due) } else { webhook(0, seen, due, "crm") };
                Delivery { id: id(*n), occurrence: format!("o{n}").into(), tick: of_tick, ..made }
            })
            .collect();
        let mut decision = decision(seen, deliveries);
        if ids.is_empty() {
            decision.enrollments.clear();
        }
        decision.version -= u64::from(stale);
        let tick = tick.map(|(n, complete)| Tick {
            at: day(n),
            members: vec![member("a")],
            cursor: Some(seen.number),
            complete,
        });
        DecisionBatch { tick, ..batch(vec![decision]) }
    }

    /// Everything that a store can be asked, as text.
    async fn picture(&self, store: &dyn Store) -> String {
        let mut text = String::new();
        for (ago, backtest) in [(0, false), (2, false), (0, true), (4, true)] {
            let page = store.customers(None, EVERYONE, 100, &self.view(ago, backtest)).await.unwrap();
            for mut seen in page {
                seen.version = 0;
                if ago > 0 {
                    // Of events that no rule names, only a present reader is told.
                    seen.customer.activity = Activity { uncounted_from: None, ..seen.customer.activity };
                }
                // In which order events of one instant are kept is nobody's business.
                for totals in &mut seen.customer.activity.totals {
                    totals.recent.sort_by_key(|recent| format!("{recent:?}"));
                }
                writeln!(text, "{ago} {backtest} {seen:?}").unwrap();
            }
        }
        for n in 0..IDS {
            let seen = store.customer(&name(n), &self.view(0, false)).await.unwrap();
            writeln!(text, "{n} {:?}", seen.map(|seen| seen.number)).unwrap();
            let to = DeliveryFilter { customer: Some(name(n)), ..DeliveryFilter::default() };
            text += &said(&store.deliveries(&to, None, 100).await);
        }
        for number in (1..=store.last_customer().0).map(CustomerNumber) {
            text += &said(&store.events(number, None, 100).await);
            text += &said(&store.enrollments(number, 100).await);
        }
        for rule in RULES {
            text += &said(&store.members(rule, None, 100).await);
            text += &said(&store.members(rule, Some(CustomerNumber(2)), 1).await);
        }
        text += &said(&store.deliveries(&DeliveryFilter::default(), None, 100).await);
        text += &said(&store.lanes().await);
        text += &said(&store.next_wake().await);
        text += &said(&store.open_ticks().await);
        text += &said(&store.suppressions(None, 100).await);
        let stats = store.stats().await.unwrap();
        writeln!(text, "{} {:?} {:?}", stats.customers, stats.deliveries, store.zones()).unwrap();
        text
    }
}

fn id(n: u8) -> DeliveryId {
    DeliveryId([n; 16])
}

fn said<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> String {
    format!("{answer:?}\n")
}

/// Each customer with a wake has one row, of that instant, and nobody else has any.
fn one_wake_row_each(store: &SledStore) {
    let seen = store.shared.look(|reader| {
        let rows = reader.prefix(&Kind::Wake.all()).map(|row| Ok(keys::read_wake(&row?.0).unwrap()));
        let customers = reader.prefix(&Kind::Customer.all()).map(|row| {
            let (key, value) = row?;
            let (_, customer): (u64, Customer) = rows::read_versioned(&value)?;
            Ok(customer.wake.map(|wake| (wake, keys::customer_number(&key).unwrap())))
        });
        let records = customers.filter_map(Result::transpose);
        Ok((rows.collect::<Result<BTreeSet<_>, Fault>>()?, records.collect::<Result<_, Fault>>()?))
    });
    let (rows, records) = seen.unwrap();
    assert_eq!(rows, records);
}

/// Of each rule that holds for a customer there is a row, and no other.
fn one_member_row_for_each_rule_that_holds(store: &SledStore) {
    let seen = store.shared.look(|reader| {
        let keys = reader.prefix(&Kind::Member.all()).map(|row| Ok(row?.0.to_vec()));
        let mut records = BTreeSet::new();
        for row in reader.prefix(&Kind::Customer.all()) {
            let (key, value) = row?;
            let (_, customer): (u64, Customer) = rows::read_versioned(&value)?;
            let number = keys::customer_number(&key).unwrap();
            records.extend(customer.watch.holding.iter().map(|rule| keys::member(rule, number)));
        }
        Ok((keys.collect::<Result<BTreeSet<_>, Fault>>()?, records))
    });
    let (rows, records) = seen.unwrap();
    assert_eq!(rows, records);
}

async fn compare(steps: Vec<Step>) {
    let mut world = World::new();
    for step in steps {
        match step {
            Step::Kill => world.kill().await,
            Step::Restart => world.restart().await,
            _ => {
                let [sled, model] = world.stores();
                assert_eq!(world.take(sled, &step).await, world.take(model, &step).await, "{step:?}");
                world.today += i64::from(matches!(step, Step::Ingest(..)));
            }
        }
        let [sled, model] = world.stores();
        assert_eq!(world.picture(sled).await, world.picture(model).await, "after {step:?}");
        one_wake_row_each(world.sled.as_ref().unwrap());
        one_member_row_for_each_rule_that_holds(world.sled.as_ref().unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_say_the_same_whatever_happens(steps in proptest::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(steps));
    }
}

#[tokio::test]
async fn far_more_waiting_deliveries_than_are_kept_in_memory_survive_a_kill() {
    let mut world = World::new();
    let total = 3 * WINDOW + 5;
    let store = world.sled.as_ref().unwrap();
    let seen = crate::store::contract::sample::customers(store, &["c"]).await.remove(0);
    let mut waiting = (0..total).map(|n| Delivery {
        id: DeliveryId((n as u128).to_be_bytes()),
        due_at: Time(i64::try_from(n).unwrap()),
        ..mail(1, &seen, 1)
    });
    loop {
        let some: Vec<_> = waiting.by_ref().take(1000).collect();
        if some.is_empty() {
            break;
        }
        let mut decision = decision(&seen, some);
        (decision.memories, decision.slots, decision.enrollments) = Default::default();
        store.decide(batch(vec![decision])).await.unwrap();
    }
    world.kill().await;
    let store = world.sled.as_ref().unwrap();
    let mut taken = Vec::new();
    loop {
        let some = store.claim(&Lane::Mail(Class::Marketing), Time::MAX, 999, DAY).await.unwrap();
        if some.is_empty() {
            break;
        }
        taken.extend(some.iter().map(|delivery| delivery.due_at.0));
    }
    assert_eq!(taken, (0..i64::try_from(total).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn far_more_dirty_customers_than_are_kept_in_memory_survive_a_kill() {
    let mut world = World::new();
    let total = 2 * WINDOW + 5;
    let arrivals = (0..total).map(|n| {
        let row = row(0, &[]);
        profile(&format!("c{n}"), ProfileRow { received_at: Time(i64::try_from(n / 3).unwrap()), ..row })
    });
    let store = world.sled.as_ref().unwrap();
    store.ingest(arrivals.collect(), &interest(), Urgency::Background, Marking::Dirty).await.unwrap();
    assert_eq!(store.take_dirty(Time(9), 30, DAY).await.unwrap().len(), 30);
    world.kill().await;
    let store = world.sled.as_ref().unwrap();
    assert_eq!(store.next_wake().await.unwrap(), Some(Time(0)), "the leases are gone");
    let mut taken = Vec::new();
    loop {
        let some = store.take_dirty(day(1), 999, DAY).await.unwrap();
        if some.is_empty() {
            break;
        }
        taken.extend(some.iter().map(|number| number.0));
    }
    assert_eq!(taken, (1..=total as u64).collect::<Vec<_>>());
    assert_eq!(store.next_wake().await.unwrap(), Some(day(2)));
}
