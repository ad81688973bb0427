//! When `explain` says that a rule is due is when a life comes to it: made-up customers with made-up stories, asked about
//! again and again while time passes, of the present and of the past.

use super::lives::{Chance, RULES, Story, arrive, story};
use super::{Plan, Shop};
use crate::domain::{Customer, Span, Text, Time, normalized_address};
use crate::engine::{Detail, Happened, Life, Scene, Terms, Timetable, Verdict};
use crate::http::ExplainRequest;
use crate::rules::RuleSet;
use crate::store::{History, View};
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rules that time alone brings about, in ways that the others do not know.
const MORE: [(&str, &str); 6] = [
    (
        "hushed",
        "rule: hushed
class: marketing
trigger: {enters: quiet}
when: orders.count >= 1
again_after: 2d
steps:
- email: hello
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "cooling",
        "rule: cooling
class: service
trigger: {leaves: recent}
when: everyone
again_after: never
steps:
- email: hello
",
    ),
    (
        "anniversary",
        "rule: anniversary
class: service
trigger: {date: renews_on, at: \"08:30\", repeat: yearly}
when: orders.count >= 1 && days_since(orders.last_at) < 300
again_after: 400d
steps:
- {id: eve, day: -1, email: hello}
- {id: morning, day: 0, email: hello}
",
    ),
    (
        "slow",
        "rule: slow
class: service
trigger: {event: Order Completed, delay: 100h, once_per: order_id}
when: days_since(orders.last_at) >= 4
again_after: 3d
steps:
- email: hello
",
    ),
    (
        "weekly",
        "rule: weekly
class: marketing
trigger: {schedule: \"15 7 * * 3\", timezone: America/New_York}
when:
- days_since(orders.last_at) > 9
- default(customer.tier, \"\") != \"gone\"
again_after: never
steps:
- email: hello
goal: {event: Order Completed, within: 6d}
",
    ),
    (
        "brief",
        "rule: brief
class: service
trigger: {schedule: \"0 */2 * * *\"}
when: count(\"Order Completed\", hours(40)) >= 1
again_after: 90m
steps:
- {id: soon, hour: 3, email: hello}
while: default(customer.tier, \"\") != \"gold\"
",
    ),
];

const CUSTOMERS: usize = 7;

/// How often everything is asked, and how far apart.
const ASKED: i64 = 4;
const APART: Span = Span::days(4);

/// How far ahead is looked, and in what strides.
const HORIZON: i64 = 400;
const STRIDE: i64 = 25;

async fn history(shop: &Shop, id: &str, view: &View) -> History {
    let number = shop.store().customer(id, view).await.unwrap().unwrap().number;
    let (told, hear) = std::sync::mpsc::sync_channel(1);
    let work = Box::new(move |histories: &mut dyn Iterator<Item = History>| {
        histories.for_each(|history| told.send(history).unwrap());
    });
    let before = crate::domain::CustomerNumber(number.0 - 1);
    shop.store().with_histories(Some(before), number, 1, view, work).await.unwrap();
    hear.recv().unwrap()
}

/// When a life under that rule alone first enrolls the customer, from an instant on.
async fn lived(shop: &Shop, id: &str, rule: &str, (at, is_past): (Time, bool)) -> Option<Time> {
    let world = shop.daemon.as_ref().unwrap().shared().world.load_full();
    let mut rules: RuleSet = world.rules.clone();
    rules.rules.retain(|one| one.id == rule);
    let states: BTreeMap<_, _> = shop.store().rule_states().await.unwrap().into_iter().collect();
    let since: BTreeMap<Text, Time> =
        [(rule.into(), if is_past { Time::MIN } else { states[rule].live_since.unwrap() })].into();
    let view = View { interest: Arc::clone(&world.interest), now: at, backtest: is_past };
    let History { stored, mut events, enrollments, deliveries, .. } = history(shop, id, &view).await;
    let zone_of = |customer: &Customer| world.zone_of(customer);
    let until = at.plus(Span::days(HORIZON));
    let timetable = |zone: &TimeZone| Arc::new(Timetable::over(&rules, (&world.zone, zone), at, until));
    let key = shop.store().delivery_key();
    let terms = Terms {
        rules: &rules,
        live: &since,
        paused: &|_| None,
        policy: &world.policy,
        key: &key,
        interest: &world.interest,
        zone_of: &zone_of,
        timetable: &timetable,
        only_to: &[],
        detail: Detail::Effects,
    };
    let mut customer = stored.customer;
    if is_past {
        customer.arrived_at = Time::MIN;
        events.retain(|event| event.at <= at);
    }
    let suppressed = match customer.email().map(normalized_address) {
        Some(address) => shop.store().suppression(&address).await.unwrap().is_some(),
        None => false,
    };
    let mut life = Life::new(stored.number, customer, events, at, &terms);
    if is_past {
        life.recall(&enrollments, deliveries);
    } else {
        for one in &enrollments {
            life.enrolled(&one.rule, &one.occurrence);
        }
    }
    life.suppress(suppressed);
    let first = Cell::new(None);
    let mut see = |happened: Happened<'_>, scene: &Scene<'_>| {
        if let Happened::Fired { verdict: Verdict::Enrolled { .. }, .. } = happened {
            first.set(first.get().or(Some(scene.now)));
        }
    };
    life.look(&mut see);
    for days in (STRIDE..=HORIZON).step_by(usize::try_from(STRIDE).unwrap()) {
        if first.get().is_none() {
            life.run_until(at.plus(Span::days(days)), &mut see);
        }
    }
    first.get()
}

/// Who was asked about: how often something was due, and what differs.
#[derive(Default)]
struct Compared {
    due: BTreeMap<String, usize>,
    faults: Vec<String>,
}

impl Compared {
    /// Asks of everybody and of every rule when it is due.
    async fn ask(&mut self, shop: &Shop, stories: &[Story], (at, is_past): (Time, bool)) {
        for story in stories.iter().filter(|story| story.deeds[0].0 < at) {
            let request = ExplainRequest { customer: story.id.clone(), rule: None, at: is_past.then(|| at.into()) };
            for told in shop.operations().explain(request).await.unwrap().rules {
                let lived = lived(shop, &story.id, &told.rule, (at, is_past)).await;
                if told.next_due != lived {
                    let [said, is] =
                        [told.next_due, lived].map(|at| at.map_or("never".to_owned(), |at| at.to_string()));
                    let past = if is_past { "past" } else { "now" };
                    let (id, rule, verdict, due) = (&story.id, &told.rule, &told.verdict, &told.due);
                    self.faults.push(format!("{past} {at} {id} {rule}: {said}, in life {is} ({verdict} {due})"));
                }
                *self.due.entry(told.rule).or_default() += usize::from(lived.is_some());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_be_due_is_what_a_life_comes_to() {
    let seeds = std::env::var("RETAIND_LIVES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1_u64);
    let mut all = Compared::default();
    for seed in 1..=seeds {
        let segments = format!(
            "{}quiet: {{when: days_since(orders.last_at) > 2}}\nrecent: {{when: 'count(\"Order Completed\", days(4)) >= 1'}}\n",
            RULES[0].1
        );
        let others = RULES[1..].iter().chain(&MORE).map(|(name, text)| (*name, (*text).to_owned()));
        let rules = std::iter::once(("segments", segments)).chain(others).collect();
        let shop = Shop::new(Plan { rules, settings: "topics: {offers: Offers}", ..Plan::default() }).await;
        let mut chance = Chance(seed + 100);
        let stories: Vec<Story> = (0..CUSTOMERS).map(|number| story(number, shop.now(), &mut chance)).collect();
        let mut deeds: Vec<_> =
            stories.iter().flat_map(|story| story.deeds.iter().map(move |(at, deed)| (*at, story, deed))).collect();
        deeds.sort_by_key(|(at, ..)| *at);
        let mut deeds = deeds.into_iter().peekable();
        for _ in 0..ASKED {
            let ask_at = shop.now().plus(APART);
            while let Some((at, story, deed)) = deeds.next_if(|(at, ..)| *at < ask_at) {
                shop.pass(at.since(shop.now())).await;
                arrive(&shop, story, (at, deed)).await;
            }
            shop.pass(ask_at.since(shop.now())).await;
            let before = ask_at.minus(Span::minutes(chance.number(5 * 24 * 60)));
            for asked in [(ask_at, false), (before, true)] {
                all.ask(&shop, &stories, asked).await;
            }
        }
        let Compared { faults, .. } = &all;
        assert!(faults.is_empty(), "seed {seed}, {} faults:\n{}\n{stories:#?}", faults.len(), faults.join("\n"));
    }
    // What is never due shows nothing.
    let silent: Vec<_> = all.due.iter().filter(|(_, count)| **count == 0).collect();
    let without_time = ["comes", "goes", "once"];
    assert!(silent.iter().all(|(rule, _)| without_time.contains(&rule.as_str())), "{:#?}", all.due);
}
