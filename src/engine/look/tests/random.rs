//! Random lives: looking only when something arrives or the wake comes, against looking all the time.

use super::{
    Direction, Goal, Offset, World, condition, crossing, daily, date, dated, days, hours, on, rule, segment, step, t,
};
use crate::calendar;
use crate::condition::Facts;
use crate::domain::{Activity, Span, Text, Time, Value};
use crate::rules::{AgainAfter, Rule, Segment, Trigger};
use proptest::prelude::*;
use std::collections::BTreeMap;

const START: &str = "2026-03-20T00:00:00Z";
/// Everything that these rules count falls on it, in every zone.
const GRID: Span = Span::minutes(30);
const LENGTH: i64 = 48 * 21;
const ZONES: [&str; 5] = ["Europe/Zagreb", "America/New_York", "Africa/Nairobi", "Asia/Kolkata", "UTC"];

/// Something that happens.
#[derive(Debug, Clone)]
enum Act {
    /// An event: which, in which cart, how many steps of the grid before (or after, if negative) it arrives.
    Event(usize, u8, i64),
    Score(i64),
    /// The date is so many days after the start, or gone.
    Date(Option<i32>),
    /// An appointment is at so many steps of the grid after the start, or gone.
    Seen(Option<i64>),
    Plan(bool),
    Zone(usize),
    /// An import sets the score.
    Import(i64),
    /// Another set of rules and segments.
    Rules(usize),
    /// The schedule fires.
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_usize..3, 0_u8..3, -6_i64..16).prop_map(|(name, cart, late)| Act::Event(name, cart, late)),
        2 => (0_i64..4).prop_map(Act::Score),
        2 => proptest::option::weighted(0.8, -5_i32..25).prop_map(Act::Date),
        1 => proptest::option::weighted(0.8, -96_i64..LENGTH).prop_map(Act::Seen),
        1 => any::<bool>().prop_map(Act::Plan),
        1 => (0_usize..ZONES.len()).prop_map(Act::Zone),
        1 => (0_i64..4).prop_map(Act::Import),
        1 => (0_usize..3).prop_map(Act::Rules),
        1 => Just(Act::Tick),
    ]
}

fn seen() -> Trigger {
    Trigger::Date { attribute: "seen_at".into(), at: "09:00".parse().unwrap(), yearly: false }
}

/// Rules and segments, in three versions that are edits of each other.
fn rules(version: usize) -> (Vec<Rule>, Vec<Segment>) {
    let edited = version == 1;
    let once = Trigger::Event {
        name: "Cart Updated".into(),
        delay: Span::hours(if edited { 12 } else { 24 }),
        once_per: Some("cart".into()),
    };
    let goal = Goal { event: "Order Completed".into(), within: Span::days(4), value: None };
    let mut all = vec![
        Rule {
            when: condition("count('Order Completed', days(1)) == 0"),
            steps: hours(&[0, 30]),
            ..rule("cart", once)
        },
        Rule { goal: Some(goal.clone()), steps: days(&[0, 2]), ..rule("welcome", on("Signed Up", Span::hours(1))) },
        Rule {
            when: condition("customer.score >= 1"),
            stays: Some(condition("customer.plan != 'closed'")),
            steps: if edited { days(&[-3, 0, 4]) } else { days(&[-3, -1, 0]) },
            ..rule("member", dated(if edited { "08:30" } else { "02:30" }, false))
        },
        Rule {
            steps: vec![step("near", Offset::Hours(-30)), step("day", Offset::Days(1))],
            ..rule("yearly", dated("09:00", true))
        },
        Rule {
            steps: vec![
                step("before", Offset::Days(-1)),
                step("near", Offset::Hours(-3)),
                step("after", Offset::Days(1)),
            ],
            ..rule("seen", seen())
        },
        Rule {
            again_after: AgainAfter::After(Span::days(2)),
            holdout: 5000,
            goal: Some(goal),
            steps: days(&[0, 1]),
            ..rule("enters", crossing(Direction::Enters))
        },
        Rule {
            stays: Some(condition("count('Signed Up', days(3)) <= 1")),
            steps: hours(&[1, 26]),
            ..rule("leaves", crossing(Direction::Leaves))
        },
        Rule {
            when: condition("days_since(last_at('Signed Up')) >= 1"),
            steps: days(&[0, 1]),
            ..rule("daily", daily())
        },
    ];
    all[0].steps[1].when = Some(condition("count('Signed Up', days(2)) >= 1"));
    if version == 2 {
        all.retain(|rule| rule.id != "welcome" && rule.id != "enters");
    }
    let text = if edited { "customer.score >= 1" } else { "customer.score >= 2 || count('Signed Up', hours(36)) >= 2" };
    let busy = "default(customer.score, 0) < 3 && days_since(last_at('Order Completed')) <= 2";
    (all, vec![segment("vip", text, u64::from(edited)), segment("busy", busy, 0)])
}

/// What memberships came to: by segment inside and crossings.
type Memberships = BTreeMap<Text, (bool, u64)>;

/// Memberships as the words of the design say, from nothing but the value of each condition at each instant.
#[derive(Default)]
struct Reference(BTreeMap<Text, (bool, u64, u64)>);

impl Reference {
    fn see(&mut self, world: &World, quiet: bool) {
        let mut customer = world.customer.clone();
        customer.activity = Activity::over(&world.events, &world.set.interest, world.now, None);
        let facts = Facts { customer: &customer, now: world.now, zone: &world.zone, entry: None };
        for segment in &world.set.segments {
            let inside = segment.when.evaluate(&facts).is_true();
            let fresh = (inside, 0, segment.meaning);
            let known = self.0.entry(segment.name.clone()).or_insert(fresh);
            let crossed = known.0 != inside && known.2 == segment.meaning && !quiet;
            *known = (inside, known.1 + u64::from(crossed), segment.meaning);
        }
    }

    fn memberships(&self) -> Memberships {
        self.0.iter().map(|(name, (inside, crossings, _))| (name.clone(), (*inside, *crossings))).collect()
    }
}

fn memberships(world: &World) -> Memberships {
    let of = &world.customer.watch.segments;
    of.iter().map(|(name, membership)| (name.clone(), (membership.inside, membership.crossings))).collect()
}

/// Does what happens at this instant; whoever is told looks afterwards.
fn perform(world: &mut World, act: &Act) {
    match act {
        Act::Event(name, cart, late) => {
            let name = ["Signed Up", "Order Completed", "Cart Updated"][*name];
            let at = world.now.minus(Span(GRID.0 * late));
            world.receive(name, at, &[("cart", Value::Text(format!("c{cart}").into()))]);
        }
        Act::Score(score) | Act::Import(score) => {
            world.customer.attributes.insert("score".into(), Value::Number((*score).into()));
            world.customer.watch.quiet |= matches!(act, Act::Import(_));
        }
        Act::Date(Some(days)) => {
            let day = calendar::days_after("2026-03-20".parse().unwrap(), *days);
            world.customer.attributes.insert("ends_on".into(), date(&day.to_string()));
        }
        Act::Date(None) => drop(world.customer.attributes.remove("ends_on")),
        Act::Seen(Some(n)) => drop(world.customer.attributes.insert("seen_at".into(), Value::Time(instant(*n)))),
        Act::Seen(None) => drop(world.customer.attributes.remove("seen_at")),
        Act::Plan(open) => {
            let plan = if *open { "pro" } else { "closed" };
            world.customer.attributes.insert("plan".into(), Value::Text(plan.into()));
        }
        Act::Zone(zone) => world.zone = calendar::zone(ZONES[*zone]).unwrap(),
        Act::Rules(version) => {
            let (rules, segments) = rules(*version);
            world.load(rules, segments);
        }
        Act::Tick => {
            let now = world.now.to_string();
            world.tick("daily", &now, &now);
        }
    }
}

fn fresh() -> World {
    let mut world = World::new("UTC", START, Vec::new());
    let (rules, segments) = rules(0);
    world.load(rules, segments);
    world.see();
    world
}

fn instant(n: i64) -> Time {
    t(START).plus(Span(GRID.0 * n))
}

/// Looks when something arrives, and when the wake comes.
fn driven(acts: &BTreeMap<i64, Act>) -> World {
    let mut world = fresh();
    for (n, act) in acts {
        world.until(instant(*n));
        perform(&mut world, act);
        if !matches!(act, Act::Tick) {
            world.see();
        }
    }
    world.until(instant(LENGTH));
    world
}

/// Looks at every instant of the grid, whether there is reason to or not.
fn watched(acts: &BTreeMap<i64, Act>) -> (World, Reference) {
    let mut world = fresh();
    let mut reference = Reference::default();
    reference.see(&world, false);
    for n in 1..=LENGTH {
        world.now = instant(n);
        world.see();
        reference.see(&world, false);
        if let Some(act) = acts.get(&n) {
            perform(&mut world, act);
            reference.see(&world, matches!(act, Act::Import(_)));
            world.see();
        }
    }
    (world, reference)
}

fn effects(world: &World) -> Vec<String> {
    let deliveries = world.deliveries.iter();
    let deliveries = deliveries.map(|d| format!("{} {} {} {} {:?}", d.rule, d.occurrence, d.step, d.due_at, d.later));
    let enrollments = world.enrollments.iter();
    let enrollments =
        enrollments.map(|e| format!("{} {} entered {} {}", e.rule, e.occurrence, e.entered_at, e.held_out));
    let endings = world.endings.iter();
    let endings =
        endings.map(|(rule, occurrence, e)| format!("{rule} {occurrence} ended {:?} {:?}", e.reason, e.conversion));
    let mut all: Vec<String> = deliveries.chain(enrollments).chain(endings).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn looking_only_when_there_is_reason_gives_what_looking_all_the_time_does(
        acts in proptest::collection::btree_map(1..LENGTH, act(), 1..24),
    ) {
        let mut driven = driven(&acts);
        let (mut watched, reference) = watched(&acts);
        prop_assert_eq!(effects(&driven), effects(&watched));
        prop_assert_eq!(&driven.members, &watched.members);
        prop_assert_eq!(memberships(&driven), reference.memberships());
        driven.see();
        watched.see();
        prop_assert_eq!(&driven.customer.watch.active, &watched.customer.watch.active);
        prop_assert!(driven.looks < watched.looks / 4, "{} looks", driven.looks);
    }
}
