//! A story is played, day by day.

use super::cast::{Cast, Deeds};
use super::read::{Act, Expected, Kind, Line, Person, Test, Tests, What};
use super::witness::{Ask, Witness};
use super::{Case, Ground, compare, rows};
use crate::calendar;
use crate::domain::{Active, Span, Text, Time};
use crate::engine::{Life, Scene, steps_due};
use jiff::civil::{self, DateTime};
use std::cell::Cell;
use std::collections::BTreeMap;

/// When on a day things happen that do not say when; a second apart.
const NOON: civil::Time = civil::time(12, 0, 0, 0);

/// The rules of a file, for those who are not held out and, once somebody is, for those who are.
pub(super) struct Casts<'a> {
    ground: &'a Ground<'a>,
    names: Vec<&'a str>,
    everybody: Cast,
    held_out: Option<Cast>,
}

impl Casts<'_> {
    /// The rules as they are for a person.
    pub(super) fn of(&mut self, person: &Person) -> &Cast {
        if !person.holdout {
            return &self.everybody;
        }
        self.held_out.get_or_insert_with(|| Cast::of(self.ground, &self.names, true))
    }
}

/// Runs the tests of a file.
pub(super) fn file(tests: &Tests, ground: &Ground<'_>) -> Vec<Case> {
    let names: Vec<&str> = tests.with.iter().chain([&tests.rule]).map(Text::as_str).collect();
    let everybody = Cast::of(ground, &names, false);
    let mut casts = Casts { ground, names, everybody, held_out: None };
    let mut cases = Vec::new();
    for test in &tests.tests {
        match &test.kind {
            Kind::Story { person, lines } => {
                let witness = play(test, (person, lines), casts.of(person), ground);
                let failures = compare::story(test, lines, &tests.rule, witness);
                cases.push(Case { place: test.place.clone(), test: test.name.clone(), row: None, failures });
            }
            Kind::Rows(rows) => {
                for row in rows {
                    let failures = rows::row(test, row, &tests.rule, (casts.of(&row.person), ground));
                    let (place, row) = (row.place.clone(), Some(row.written.clone()));
                    cases.push(Case { place, test: test.name.clone(), row, failures });
                }
            }
        }
    }
    cases
}

/// What is kept of a story that was played.
pub(super) struct Played {
    pub(super) asks: Vec<Ask>,
    pub(super) sent: Vec<super::witness::Got>,
    pub(super) seen: Vec<super::witness::Seen>,
    pub(super) faults: Vec<(super::witness::Seen, String)>,
}

impl From<Witness<'_>> for Played {
    fn from(witness: Witness<'_>) -> Self {
        let Witness { asks, sent, seen, faults, .. } = witness;
        Self { asks, sent, seen, faults }
    }
}

fn play(test: &Test, (person, lines): (&Person, &[Line]), cast: &Cast, ground: &Ground<'_>) -> Played {
    let expected = lines.iter().filter_map(|line| match &line.what {
        What::Expect(expected) => Some((line.day, expected)),
        What::Act(_) => None,
    });
    let asks = expected.clone().filter_map(|(day, expected)| match expected {
        Expected::Nothing { rule, because: Some(text) } => {
            Some(Ask { day: Some(day), rule: rule.clone(), line: text.clone(), found: Vec::new() })
        }
        _ => None,
    });
    let curious = expected.map(|(day, _)| day).collect();
    let awake = Cell::new(false);
    let mut witness = Witness::new((ground, &cast.rules), test.starts, &awake, (asks.collect(), curious));
    let last = lines.last().map_or(0, |line| line.day);
    cast.lead(ground, person, (test.starts, last), &awake, |life| {
        life.look(&mut witness);
        let mut deeds = Deeds::default();
        for (day, acts) in by_day(lines) {
            let date = calendar::days_after(test.starts, day);
            let mut acts = acts.into_iter().peekable();
            let begin = calendar::day_start(life.zone(), date);
            life.run_until(begin.max(life.now()).minus(Span(1)), &mut witness);
            witness.remember(life.customer());
            for stop in stops(day, &witness, life, cast) {
                while let Some((wall, act)) = acts.next_if(|(wall, _)| at(*wall, date, life) < stop.0) {
                    life.run_until(at(wall, date, life), &mut witness);
                    deeds.act(act, ground, life, &mut witness);
                }
                life.run_until(stop.0, &mut witness);
                let scene = Scene { now: life.now(), customer: life.customer(), zone: life.zone() };
                witness.ask(&stop.1.rule, &scene, Some(&stop.1.entry));
            }
            for (wall, act) in acts {
                life.run_until(at(wall, date, life), &mut witness);
                deeds.act(act, ground, life, &mut witness);
            }
        }
        let end = calendar::day_start(life.zone(), calendar::days_after(test.starts, last + 1));
        life.run_until(end.minus(Span(1)), &mut witness);
    });
    witness.into()
}

fn at(wall: civil::Time, date: civil::Date, life: &Life<'_>) -> Time {
    calendar::at_local(life.zone(), DateTime::from_parts(date, wall))
}

/// What happens on each day that a story names, in the order of the clock.
fn by_day(lines: &[Line]) -> BTreeMap<i32, Vec<(civil::Time, &Act)>> {
    let mut days: BTreeMap<i32, Vec<(civil::Time, &Act)>> = BTreeMap::new();
    let mut noons: BTreeMap<i32, civil::Time> = BTreeMap::new();
    for line in lines {
        let acts = days.entry(line.day).or_default();
        let What::Act(act) = &line.what else { continue };
        let wall = line.at.unwrap_or_else(|| {
            let noon = noons.entry(line.day).or_insert(NOON);
            std::mem::replace(noon, noon.saturating_add(jiff::Span::new().seconds(1)))
        });
        acts.push((wall, act));
    }
    days.values_mut().for_each(|acts| acts.sort_by_key(|(wall, _)| *wall));
    days
}

/// The instants of a day at which steps of enrollments fall due, or would if their enrollment went on, of rules about
/// whose lines the story asks on that day.
fn stops(day: i32, witness: &Witness<'_>, life: &Life<'_>, cast: &Cast) -> Vec<(Time, Active)> {
    let asked = |active: &&Active| {
        witness.asks.iter().any(|ask| ask.rule == active.rule && ask.day.is_none_or(|asked| asked == day))
    };
    let mut stops = Vec::new();
    for active in witness.enrollments.iter().filter(asked) {
        let Some(rule) = cast.rules.get(&active.rule) else { continue };
        for due in steps_due(active, rule, life.zone()) {
            if due > life.now() && witness.day(life.zone(), due).0 == day {
                stops.push((due, active.clone()));
            }
        }
    }
    stops.sort_by_key(|(due, _)| *due);
    stops
}
