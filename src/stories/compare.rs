//! What came of a story beside what it says.

use super::play::Played;
use super::read::{Expected, Line, Test, What};
use super::witness::{Ask, Became, Got, Seen};
use super::{Failure, tell};
use jiff::civil;

/// The most reasons that a failure tells.
const MOST_NOTES: usize = 6;

/// What of it did not come out, in the order of days.
pub(super) fn story(test: &Test, lines: &[Line], tested: &str, played: Played) -> Vec<Failure> {
    let free = vec![true; played.sent.len()];
    let mut scene = Comparison { test, tested, played, free, failures: Vec::new() };
    let expected = || {
        lines
            .iter()
            .filter_map(|line| if let What::Expect(expected) = &line.what { Some((line, expected)) } else { None })
    };
    // What a line names is not what another line of that day forbids.
    for (line, expected) in expected() {
        if let Expected::Delivery { rule, step, subject } = expected {
            scene.delivery(line, (rule, step), subject.as_deref());
        }
    }
    for (line, expected) in expected() {
        match expected {
            Expected::Delivery { .. } => {}
            Expected::Nothing { rule, because } => scene.nothing(line, rule, because.as_deref()),
            Expected::Held { rule, reason } => scene.came_to(line, rule, &Became::Held(*reason)),
            Expected::Ends { rule, reason } => scene.came_to(line, rule, &Became::Ended(Some(*reason))),
        }
    }
    scene.unnamed(lines);
    scene.faults(lines);
    scene.failures.sort_by_key(|(day, failure)| (*day, failure.place.span.start));
    scene.failures.into_iter().map(|(_, failure)| failure).collect()
}

struct Comparison<'a> {
    test: &'a Test,
    tested: &'a str,
    played: Played,
    /// Of each delivery, whether no line has named it yet.
    free: Vec<bool>,
    failures: Vec<(i32, Failure)>,
}

impl Comparison<'_> {
    fn fail(&mut self, line: &Line, expected: String, got: String, notes: Vec<String>) {
        let (day, place) = (tell::day(self.test.starts, line.day), line.place.clone());
        self.failures.push((line.day, Failure { place, day, expected, got, notes }));
    }

    fn tell(&self, got: &Got) -> String {
        tell::delivery(got, self.tested)
    }

    fn delivery(&mut self, line: &Line, (rule, step): (&str, &str), subject: Option<&str>) {
        let is_on_time = |got: &Got| line.at.is_none_or(|at| is_at(got, at));
        let is_named = |got: &Got| {
            subject.is_none_or(|subject| got.subject.as_ref().is_some_and(|own| own.as_deref() == Ok(subject)))
        };
        let candidates =
            self.played.sent.iter().enumerate().filter(|(place, got)| {
                self.free[*place] && got.day == line.day && got.rule == rule && got.step == step
            });
        let best = candidates.max_by_key(|(place, got)| (is_on_time(got), is_named(got), std::cmp::Reverse(*place)));
        let expected = expected(line.at, &tell::step(rule, step, self.tested), subject);
        let Some((place, got)) = best else {
            let notes = self.why_nothing(line, rule, step);
            let got = self.on_day(line.day, rule);
            self.fail(line, expected, got, notes);
            return;
        };
        let why = match &got.subject {
            Some(Err(why)) => vec![why.clone()],
            _ => Vec::new(),
        };
        let is_right = is_on_time(got) && is_named(got) && why.is_empty();
        let text = self.tell(got);
        self.free[place] = false;
        if !is_right {
            self.fail(line, expected, text, why);
        }
    }

    /// What of the rule went out on a day and no line has named yet.
    fn on_day(&self, day: i32, rule: &str) -> String {
        let free = self.played.sent.iter().zip(&self.free);
        let there: Vec<String> = free
            .filter(|(got, free)| **free && got.day == day && got.rule == rule)
            .map(|(got, _)| self.tell(got))
            .collect();
        if there.is_empty() { "nothing".to_owned() } else { there.join(", ") }
    }

    /// Why a delivery did not come on the day.
    fn why_nothing(&self, line: &Line, rule: &str, step: &str) -> Vec<String> {
        let mut notes = self.what_became(line.day, rule);
        if notes.is_empty() {
            notes.push(format!("neither the trigger of {rule} nor a step of it came on this day"));
        }
        let elsewhere =
            self.played.sent.iter().filter(|got| got.rule == rule && got.step == step && got.day != line.day);
        notes.extend(elsewhere.take(3).map(|got| {
            format!("it went out on {}, {}", tell::day(self.test.starts, got.day), tell::clock(got.wall.time()))
        }));
        notes
    }

    /// What became of the rule on a day, short of deliveries.
    fn what_became(&self, day: i32, rule: &str) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for seen in self.played.seen.iter().filter(|seen| seen.day == day && seen.rule == rule) {
            for note in told(seen) {
                if notes.len() < MOST_NOTES && !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }

    fn nothing(&mut self, line: &Line, rule: &str, because: Option<&str>) {
        let there: Vec<usize> = (0..self.free.len())
            .filter(|place| self.free[*place] && self.played.sent[*place].day == line.day)
            .collect();
        let expected = match because {
            Some(because) => format!("nothing, because {because}"),
            None => "nothing".to_owned(),
        };
        if !there.is_empty() {
            let got: Vec<String> = there.iter().map(|place| self.tell(&self.played.sent[*place])).collect();
            there.into_iter().for_each(|place| self.free[place] = false);
            self.fail(line, expected, got.join(", "), Vec::new());
            return;
        }
        let Some(because) = because else { return };
        let is_it = |ask: &&Ask| ask.day == Some(line.day) && ask.rule == rule && ask.line == because;
        let found = self.played.asks.iter().find(is_it).map(|ask| ask.found.as_slice()).unwrap_or_default();
        if found.iter().any(|(_, finding)| finding.fails) {
            return;
        }
        let mut notes = match found.last() {
            Some((wall, finding)) => vec![format!("at {} {}", tell::clock(wall.time()), finding.told())],
            None => vec![format!("neither the trigger of {rule} nor a step of it came on this day")],
        };
        notes.extend(self.what_became(line.day, rule));
        self.fail(line, expected, "nothing, but not because of that".to_owned(), notes);
    }

    fn came_to(&mut self, line: &Line, rule: &str, what: &Became) {
        let on_day = |seen: &&Seen| seen.day == line.day && seen.rule == rule;
        let on_time = |seen: &&Seen| line.at.is_none_or(|at| is_minute(seen.wall, at));
        if self.played.seen.iter().filter(on_day).filter(on_time).any(|seen| seen.what == *what) {
            return;
        }
        let expected = expected(line.at, &word(what), None);
        let mut notes = self.what_became(line.day, rule);
        let mut got = self.on_day(line.day, rule);
        if got == "nothing" {
            got = if notes.is_empty() { "nothing of the kind".to_owned() } else { notes.remove(0) };
        }
        self.fail(line, expected, got, notes);
    }

    /// Deliveries that no line names, where they would stand.
    fn unnamed(&mut self, lines: &[Line]) {
        for place in 0..self.free.len() {
            if !self.free[place] {
                continue;
            }
            let got = &self.played.sent[place];
            let mut notes = vec![self.line_for(got)];
            if let Some(Err(why)) = &got.subject {
                notes.push(why.clone());
            }
            let (day, text) = (got.day, self.tell(got));
            self.note(lines, day, ("no line for it", text), notes);
        }
    }

    /// The line that would name a delivery.
    fn line_for(&self, got: &Got) -> String {
        let rule = if got.rule == self.tested { String::new() } else { format!(", rule: {}", got.rule) };
        let (day, at, step) = (got.day, tell::clock(got.wall.time()), &got.step);
        format!("if that is right, write {{day: {day}, at: \"{at}\", gets: {step}{rule}}}")
    }

    fn faults(&mut self, lines: &[Line]) {
        for (seen, why) in std::mem::take(&mut self.played.faults) {
            let got = format!("{} a webhook of {} that cannot be rendered", tell::clock(seen.wall.time()), seen.rule);
            self.note(lines, seen.day, ("a body", got), vec![why]);
        }
    }

    fn note(&mut self, lines: &[Line], day: i32, (expected, got): (&str, String), notes: Vec<String>) {
        let behind = lines.iter().rfind(|line| line.day <= day);
        let place = behind.map_or_else(|| self.test.place.clone(), |line| line.place.clone());
        let of_day = tell::day(self.test.starts, day);
        self.failures.push((day, Failure { place, day: of_day, expected: expected.to_owned(), got, notes }));
    }
}

fn is_at(got: &Got, at: civil::Time) -> bool {
    is_minute(got.wall, at)
}

fn is_minute(wall: civil::DateTime, at: civil::Time) -> bool {
    (wall.hour(), wall.minute()) == (at.hour(), at.minute())
}

fn expected(at: Option<civil::Time>, what: &str, subject: Option<&str>) -> String {
    let at = at.map(|at| format!("{} ", tell::clock(at))).unwrap_or_default();
    let subject = subject.map(|subject| format!(" {subject:?}")).unwrap_or_default();
    format!("{at}{what}{subject}")
}

fn word(what: &Became) -> String {
    match what {
        Became::Entered { .. } => "enters".to_owned(),
        Became::Held(reason) => format!("held: {reason}"),
        Became::NoMatch(_) => "does not match".to_owned(),
        Became::Skipped(step) => format!("passes over {step}"),
        Became::Ended(Some(reason)) => format!("ends: {reason}"),
        Became::Ended(None) => "ends with its last step".to_owned(),
    }
}

/// What became of the rule, each with its time.
pub(super) fn told(seen: &Seen) -> Vec<String> {
    let at = tell::clock(seen.wall.time());
    match &seen.what {
        Became::NoMatch(lines) if !lines.is_empty() => lines.iter().map(|line| format!("{at} {line}")).collect(),
        other => vec![format!("{at} {}", word(other))],
    }
}
