//! One customer a row, and whether the rule lets them in.

use super::cast::{Cast, Deeds};
use super::compare::told;
use super::read::{Outcome, Row, Test};
use super::witness::{Ask, Became, Seen, Witness};
use super::{Failure, Ground, tell};
use crate::calendar;
use crate::domain::{Reason, Span};
use crate::engine::Life;
use jiff::civil::{self, DateTime};
use std::cell::Cell;

/// So long a row without a day is judged after the last day that it gives.
const JUDGED_FOR: i32 = 365;

/// What of the row did not come out.
pub(super) fn row(test: &Test, row: &Row, tested: &str, (cast, ground): (&Cast, &Ground<'_>)) -> Vec<Failure> {
    let last_given = row.orders.last().copied().unwrap_or(0);
    // Before the first day that is judged nothing starts.
    let (first, last) = row.day.map_or((last_given, last_given + JUDGED_FOR), |day| (day, day));
    let ask = |line: &String| Ask { day: None, rule: tested.into(), line: line.clone(), found: Vec::new() };
    let asleep = Cell::new(true);
    let curious = row.day.into_iter().collect();
    let asks = row.because.iter().map(ask).collect();
    let mut witness = Witness::new((ground, &cast.rules), test.starts, &asleep, (asks, curious));
    cast.lead(ground, &row.person, (test.starts, last), &asleep, |life| {
        let start_of = |life: &Life<'_>, day| calendar::day_start(life.zone(), calendar::days_after(test.starts, day));
        let mut deeds = Deeds::default();
        if first == 0 {
            asleep.set(false);
        }
        life.look(&mut witness);
        for (number, day) in row.orders.iter().enumerate() {
            if *day >= first {
                life.run_until(start_of(life, first).max(life.now()).minus(Span(1)), &mut witness);
                asleep.set(false);
            }
            let same_day = row.orders[..number].iter().filter(|other| *other == day).count();
            let second = i64::try_from(same_day).unwrap_or(0);
            let noon = DateTime::from_parts(calendar::days_after(test.starts, *day), civil::time(12, 0, 0, 0));
            let at = calendar::at_local(life.zone(), noon).plus(Span::seconds(second));
            life.run_until(at, &mut witness);
            deeds.purchase(ground, life, &mut witness);
        }
        if asleep.get() {
            life.run_until(start_of(life, first).minus(Span(1)), &mut witness);
            asleep.set(false);
        }
        life.run_until(start_of(life, last + 1).minus(Span(1)), &mut witness);
    });
    failures(test, row, tested, &witness)
}

fn failures(test: &Test, row: &Row, tested: &str, witness: &Witness<'_>) -> Vec<Failure> {
    let entered =
        || witness.seen.iter().find(|seen| seen.rule == tested && seen.what == (Became::Entered { capped: false }));
    let first = witness.outcome(tested);
    let is_right = match row.outcome {
        Outcome::Enters => entered().is_some(),
        Outcome::StaysOut => entered().is_none(),
        Outcome::Held(reason) => first.is_some_and(|(seen, outcome)| {
            outcome == row.outcome || outcome == Outcome::Enters && is_held_later(tested, seen, reason, witness)
        }),
    };
    let when = match row.day {
        Some(day) => tell::day(test.starts, day),
        None => format!("within {JUDGED_FOR} days"),
    };
    let failure = |expected: String, got: String, notes: Vec<String>| {
        vec![Failure { place: row.place.clone(), day: when.clone(), expected, got, notes }]
    };
    if !is_right {
        let told_of = |seen: &Seen| format!("{}, {}", tell::day(test.starts, seen.day), told(seen).join(", "));
        let seen = if row.outcome == Outcome::StaysOut { entered() } else { first.map(|(seen, _)| seen) };
        let got = seen.map_or_else(|| "stays out".to_owned(), told_of);
        return failure(word(row.outcome), got, why_not(tested, witness));
    }
    let Some(because) = &row.because else {
        // Nobody is kept out where nothing was judged; without a day the whole year may well be without.
        if row.outcome != Outcome::StaysOut || row.day.is_none() || witness.seen.iter().any(|seen| seen.rule == tested)
        {
            return Vec::new();
        }
        let got = format!("the trigger of {tested} did not come on this day");
        let note = "to test that it does not come, write a story with `gets: nothing` on that day";
        return failure(word(row.outcome), got, vec![note.to_owned()]);
    };
    let found = witness.asks.first().map(|ask| ask.found.as_slice()).unwrap_or_default();
    let holds = found.iter().find(|(_, finding)| !finding.fails);
    let notes = match holds {
        None if !found.is_empty() => return Vec::new(),
        None => vec![format!("the trigger of {tested} never came")],
        Some((wall, finding)) => vec![format!("on {} {}", wall.strftime("%a %-d %b %Y, %H:%M"), finding.told())],
    };
    let expected = format!("{}, because {because}", word(row.outcome));
    failure(expected, "stays out, but not because of that".to_owned(), notes)
}

/// Whether what a rule sends to somebody whom it let in is held for that reason on the same day, as no mail goes out to
/// those without an address.
fn is_held_later(tested: &str, entered: &Seen, reason: Reason, witness: &Witness<'_>) -> bool {
    let held = Became::Held(reason);
    witness.seen.iter().any(|seen| seen.rule == tested && seen.day == entered.day && seen.what == held)
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Enters => "enters".to_owned(),
        Outcome::StaysOut => "stays out".to_owned(),
        Outcome::Held(reason) => format!("held: {reason}"),
    }
}

/// The lines that kept the customer out on the day that is judged.
fn why_not(tested: &str, witness: &Witness<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for seen in witness.seen.iter().filter(|seen| seen.rule == tested) {
        if let Became::NoMatch(lines) = &seen.what {
            notes.extend(lines.iter().filter(|line| !notes.contains(*line)).cloned().collect::<Vec<_>>());
        }
    }
    notes.truncate(6);
    notes
}
