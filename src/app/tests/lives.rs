//! A life comes to what the daemon comes to: made-up customers with made-up stories, once told to a life each and once to a
//! daemon with its store, its ticks, its watcher and its worker.

use super::{Plan, Shop};
use crate::clock::Clock;
use crate::delivery::World;
use crate::domain::{
    Arrival, Customer, CustomerNumber, DeliveryKey, Event, Number, ProfileRow, Reason, Span, State, Text, Time, Value,
};
use crate::engine::{Detail, Happened, Life, Scene, Terms, Timetable};
use crate::http::SuppressionRequest;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rules of every trigger, that get into each other's way.
pub(super) const RULES: [(&str, &str); 9] = [
    ("segments", "gold: {when: 'customer.tier == \"gold\"'}\n"),
    (
        "daily",
        "rule: daily
class: marketing
trigger: {schedule: \"0 10 * * *\", timezone: customer}
when:
- orders.count >= 1
- days_since(orders.last_at) >= 2
again_after: 5d
steps:
- email: hello
- {id: later, day: 3, email: hello, when: orders.count == at_entry.orders.count}
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "nightly",
        "rule: nightly
class: marketing
trigger: {schedule: \"0 22 * * *\"}
when: customer.tier == \"gold\"
again_after: 4d
priority: 70
holdout: 30%
steps:
- email: hello
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "delayed",
        "rule: delayed
class: marketing
trigger: {event: Order Completed, delay: 30h}
when: orders.count < 4
while: default(customer.tier, \"\") != \"gone\"
steps:
- email: hello
- {id: second, hour: 20, email: hello}
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "once",
        "rule: once
class: service
trigger: {event: Order Completed, once_per: order_id}
when: everyone
steps:
- webhook: {to: crm, type: order.once, data: {id: \"{{ customer.id }}\"}}
",
    ),
    (
        "ending",
        "rule: ending
class: service
trigger: {date: renews_on, at: \"09:00\"}
when: default(customer.tier, \"\") != \"gone\"
while: default(customer.tier, \"\") != \"gone\"
steps:
- {id: soon, day: -3, email: hello}
- {id: today, day: 0, email: hello}
- {id: over, hour: 30, email: hello}
",
    ),
    (
        "comes",
        "rule: comes
class: marketing
topic: offers
trigger: {enters: gold}
when: everyone
again_after: 3d
priority: 60
steps:
- email: hello
- {id: call, day: 1, webhook: {to: crm, type: customer.gold}}
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "goes",
        "rule: goes
class: service
trigger: {leaves: gold}
when: everyone
again_after: 1d
steps:
- email: hello
- {id: later, day: 2, email: hello, when: 'customer.tier != \"gold\"'}
",
    ),
    (
        "asks",
        "rule: asks
class: marketing
trigger: {schedule: \"30 9 * * 1,4\", timezone: customer}
when: '!sent(\"daily\", days(6)) && count(\"Order Completed\", days(9)) >= 1'
again_after: 2d
priority: 40
steps:
- email: hello
goal: {event: Order Completed, within: 6d}
",
    ),
];

/// How many stories, and how long they are; the clocks of Europe go forward in that time.
pub(super) const CUSTOMERS: usize = 24;
const DAYS: i64 = 22;

/// Numbers by chance, the same ones for the same seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub(super) fn number(&mut self, limit: usize) -> i64 {
        i64::try_from(self.below(limit)).unwrap()
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// What happens to somebody.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Order(String),
    Sets(&'static str, Option<Value>),
    Consents(&'static str, bool),
    Complains,
}

/// A story: what happens when, after the instant of arrival, which is the first.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) id: String,
    pub(super) deeds: Vec<(Time, Deed)>,
    pub(super) first: Vec<Deed>,
}

pub(super) fn story(number: usize, start: Time, chance: &mut Chance) -> Story {
    let zones = [Some("Africa/Nairobi"), Some("America/New_York"), Some("Europe/Zagreb"), None, Some("Mars/Base")];
    let text = |text: Option<&str>| text.map(|text| Value::Text(text.into()));
    let deed = |chance: &mut Chance| match chance.below(16) {
        0..6 => Deed::Order(format!("{number}-{}", chance.below(6))),
        6..9 => Deed::Sets("tier", text(*chance.of(&[Some("gold"), Some("iron"), Some("gold"), Some("gone"), None]))),
        9 => Deed::Sets("timezone", text(*chance.of(&zones))),
        10..12 => {
            let date = jiff::civil::date(2026, 3, 10).saturating_add(jiff::Span::new().days(chance.number(30)));
            Deed::Sets("renews_on", Some(Value::Date(date)))
        }
        12 => Deed::Sets("renews_on", None),
        13 => Deed::Consents("marketing", chance.below(3) > 0),
        14 => Deed::Consents("offers", chance.below(2) > 0),
        _ if chance.below(6) == 0 => Deed::Complains,
        _ => Deed::Sets("first_name", text(Some("Ana"))),
    };
    let id = format!("c{number}");
    let mut first =
        vec![Deed::Sets("timezone", text(*chance.of(&zones))), Deed::Consents("marketing", chance.below(4) > 0)];
    if chance.below(8) > 0 {
        first.push(Deed::Sets("email", text(Some(&format!("{id}@customers.example")))));
    }
    first.extend((0..3).map(|_| deed(chance)).filter(|deed| matches!(deed, Deed::Sets(..) | Deed::Consents(..))));
    let span = usize::try_from(Span::days(DAYS).0 / 1000).unwrap();
    // No two at one instant, and none at the instant of a tick.
    let offset = 7 + 11 * i64::try_from(number).unwrap();
    let mut at: BTreeSet<i64> = (0..18).map(|_| 1000 * chance.number(span) + offset).collect();
    at.insert(0);
    let mut at = at.into_iter().map(|millis| start.plus(Span(millis + 2000)));
    let arrival = at.next().unwrap();
    let mut deeds: Vec<(Time, Deed)> = at.map(|at| (at, deed(chance))).collect();
    deeds.insert(0, (arrival, Deed::Sets("first_name", text(Some("Ana")))));
    Story { id, deeds, first }
}

pub(super) fn row(deeds: &[&Deed], now: Time) -> ProfileRow {
    let mut row = ProfileRow {
        effective_at: Time::MIN,
        attributes: BTreeMap::new(),
        consent: BTreeMap::new(),
        source: "test".into(),
        received_at: now,
        proof: None,
    };
    for deed in deeds {
        match deed {
            Deed::Sets(name, value) => drop(row.attributes.insert((*name).into(), value.clone())),
            Deed::Consents(name, granted) => drop(row.consent.insert((*name).into(), *granted)),
            Deed::Order(_) | Deed::Complains => {}
        }
    }
    row
}

pub(super) fn order(id: &str, at: Time) -> Event {
    let properties =
        [("order_id".into(), Value::Text(id.into())), ("revenue".into(), Value::Number(Number::from(10)))].into();
    // The same order, told again, is another message.
    let message_id = Some(format!("{id} {at}").into());
    Event { name: "Order Completed".into(), at, received_at: at, message_id, properties }
}

/// A delivery by customer, rule, occurrence and step.
type Key = (String, Text, Text, Text);

/// What became of a delivery: its state, why if it is not sent, and when if it is.
type Fate = (State, Option<Reason>, Option<Time>);

#[derive(Default)]
struct Told {
    fates: BTreeMap<Key, Fate>,
    /// When anything happened.
    instants: BTreeSet<Time>,
}

impl Told {
    fn see(&mut self, happened: Happened<'_>, scene: &Scene<'_>) {
        self.instants.insert(scene.now);
        let (delivery, fate) = match happened {
            Happened::Asked(delivery) => (delivery, (delivery.state, delivery.reason, None)),
            Happened::Sent(delivery) => (delivery, (State::Sent, None, Some(scene.now))),
            Happened::Deferred { delivery, reason, .. } => (delivery, (State::Deferred, Some(reason), None)),
            Happened::Withheld { delivery, state, reason } => (delivery, (state, Some(reason), None)),
            Happened::Fired { .. } | Happened::Skipped { .. } | Happened::Ended { .. } => return,
        };
        let customer = delivery.customer_id.to_string();
        let key = (customer, delivery.rule.clone(), delivery.occurrence.clone(), delivery.step.clone());
        self.fates.insert(key, fate);
    }
}

/// Tells every story to a life.
fn led(stories: &[Story], world: &World, (start, end): (Time, Time)) -> Told {
    let since: BTreeMap<Text, Time> = world.rules.rules.iter().map(|rule| (rule.id.clone(), start)).collect();
    let zone_of = |customer: &Customer| world.zone_of(customer);
    let timetable = |zone: &TimeZone| Arc::new(Timetable::over(&world.rules, (&world.zone, zone), start, end));
    let key = DeliveryKey::new([7; 32]);
    let terms = Terms {
        rules: &world.rules,
        live: &since,
        paused: &|_| None,
        policy: &world.policy,
        key: &key,
        interest: &world.interest,
        zone_of: &zone_of,
        timetable: &timetable,
        only_to: &[],
        detail: Detail::All,
    };
    let mut told = Told::default();
    let mut see = |happened: Happened<'_>, scene: &Scene<'_>| told.see(happened, scene);
    for story in stories {
        let arrival = story.deeds[0].0;
        let mut customer = Customer::new(story.id.as_str(), arrival);
        customer.update(&row(&story.first.iter().collect::<Vec<_>>(), arrival));
        let mut life = Life::new(CustomerNumber(1), customer, Vec::new(), arrival, &terms);
        life.look(&mut see);
        for (at, deed) in &story.deeds {
            life.run_until(*at, &mut see);
            match deed {
                Deed::Order(id) => life.happen(order(id, *at), &mut see),
                Deed::Sets(..) | Deed::Consents(..) => life.learn(&row(&[deed], *at), &mut see),
                Deed::Complains => life.suppress(true),
            }
        }
        life.run_until(end, &mut see);
    }
    told
}

/// Tells every story to the daemon of a shop, which looks at each of the instants.
async fn lived(stories: &[Story], shop: &Shop, instants: &BTreeSet<Time>) {
    let mut deeds: BTreeMap<Time, Vec<(&Story, &Deed)>> = BTreeMap::new();
    for story in stories {
        story.deeds.iter().for_each(|(at, deed)| deeds.entry(*at).or_default().push((story, deed)));
    }
    let all: BTreeSet<Time> = instants.iter().chain(deeds.keys()).copied().collect();
    for at in all {
        shop.pass(at.since(shop.clock.now())).await;
        for (story, deed) in deeds.remove(&at).unwrap_or_default() {
            arrive(shop, story, (at, deed)).await;
        }
    }
}

/// Lets a deed of a story arrive that happens now, and settles.
pub(super) async fn arrive(shop: &Shop, story: &Story, (at, deed): (Time, &Deed)) {
    let customer = story.id.clone();
    let profile = |row| Arrival::Profile { customer: customer.clone(), row, dated: false, message_id: None };
    if at == story.deeds[0].0 {
        shop.arrive(vec![profile(row(&story.first.iter().collect::<Vec<_>>(), at))]).await;
        shop.settle().await;
    }
    match deed {
        Deed::Order(id) => shop.arrive(vec![Arrival::Event { customer, event: order(id, at) }]).await,
        Deed::Sets(..) | Deed::Consents(..) => shop.arrive(vec![profile(row(&[deed], at))]).await,
        Deed::Complains => {
            let address = format!("{}@customers.example", story.id);
            shop.operations().suppress(SuppressionRequest { address, reason: None }).await.unwrap();
        }
    }
    shop.settle().await;
}

async fn fates(shop: &Shop) -> BTreeMap<Key, Fate> {
    let of = |delivery: crate::domain::Delivery| {
        let crate::domain::Delivery { customer_id, rule, occurrence, step, state, reason, sent_at, .. } = delivery;
        let fate = (state, reason.filter(|_| state != State::Sent), sent_at.filter(|_| state == State::Sent));
        ((customer_id.to_string(), rule, occurrence, step), fate)
    };
    shop.deliveries().await.into_iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_comes_to_what_the_daemon_comes_to() {
    let seeds = std::env::var("RETAIND_LIVES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1_u64);
    let mut seen: BTreeMap<(Text, State, Option<Reason>), usize> = BTreeMap::new();
    for seed in 1..=seeds {
        let rules = RULES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let shop = Shop::new(Plan { rules, settings: "topics: {offers: Offers}", ..Plan::default() }).await;
        let start = shop.clock.now();
        let end = start.plus(Span::days(DAYS + 1));
        let mut chance = Chance(seed);
        let stories: Vec<Story> = (0..CUSTOMERS).map(|number| story(number, start, &mut chance)).collect();
        let world = shop.daemon.as_ref().unwrap().shared().world.load_full();
        let told = led(&stories, &world, (start, end));
        lived(&stories, &shop, &told.instants).await;
        let fates = fates(&shop).await;
        for key in told.fates.keys().chain(fates.keys()).collect::<BTreeSet<_>>() {
            let (ours, theirs) = (told.fates.get(key), fates.get(key));
            let story = stories.iter().find(|story| story.id == key.0).map(|story| (&story.first, &story.deeds));
            assert_eq!(ours, theirs, "seed {seed}: {key:?} of the life, and of the daemon; {story:#?}");
        }
        for ((_, rule, ..), (state, reason, _)) in &fates {
            *seen.entry((rule.clone(), *state, *reason)).or_default() += 1;
        }
    }
    // Stories to which nothing happens show nothing.
    for (rule, _) in &RULES[1..] {
        assert!(seen.keys().any(|(name, state, _)| name == rule && *state == State::Sent), "{rule}: {seen:#?}");
    }
    for reason in [Reason::FrequencyCap, Reason::NoConsent, Reason::NoAddress, Reason::Suppressed] {
        assert!(seen.keys().any(|(_, _, why)| *why == Some(reason)), "{reason}: {seen:#?}");
    }
    assert!(seen.keys().any(|(_, state, _)| *state == State::Cancelled), "{seen:#?}");
    assert!(seen.values().sum::<usize>() > 100, "{seen:#?}");
}
