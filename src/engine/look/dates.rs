//! Dates that come near.

use super::Round;
use crate::calendar;
use crate::domain::{Active, Anchor, Customer, EnrollmentChange, Span, Time, Value, ValueType};
use crate::engine::due;
use crate::engine::enroll::{Dated, Start};
use crate::rules::{Offset, Rule, Trigger};
use jiff::civil::{self, Date};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A date of a customer's as a rule has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    date: Date,
    /// When on the customer's clock a day's steps fall due.
    at: civil::Time,
    yearly: bool,
    /// What hours are counted from, if that is not `at`: the instant itself of a timestamp that comes once.
    instant: Option<Time>,
    /// The timestamp, if it is one, whatever is counted from it.
    moment: Option<Time>,
}

impl Course {
    /// `None` where the rule counts from no date, or the customer lacks it.
    pub(super) fn of(rule: &Rule, customer: &Customer, zone: &TimeZone) -> Option<Self> {
        let Trigger::Date { attribute, at, yearly } = &rule.trigger else { return None };
        let (date, moment) = match customer.attributes.get(attribute)? {
            Value::Date(date) => (*date, None),
            Value::Time(time) => (calendar::day_of(zone, *time), Some(*time)),
            other => match other.to_kind(ValueType::Date)? {
                Value::Date(date) => (date, None),
                _ => return None,
            },
        };
        let counts_hours = || rule.steps.iter().any(|step| matches!(step.offset, Offset::Hours(_)));
        let moment = moment.filter(|_| !yearly);
        Some(Self { date, at: *at, yearly: *yearly, instant: moment.filter(|_| counts_hours()), moment })
    }

    /// Whether it comes on that day.
    fn comes_on(&self, day: Date) -> bool {
        if self.yearly { self.in_year(day.year()) == Some(day) } else { self.date == day }
    }

    /// Whether an enrollment counts from it.
    pub(super) fn is_of(&self, active: &Active) -> bool {
        match (self.instant, active.instant) {
            (Some(own), Some(other)) => own == other,
            _ => active.anchor.is_some_and(|day| self.comes_on(day)),
        }
    }

    /// Whether what was counted from is this; a rule that came to count hours, or ceased to, counts from the same.
    fn is_as(&self, anchor: &Anchor) -> bool {
        match (self.instant, anchor.instant) {
            (Some(own), Some(other)) => own == other,
            _ => self.date == anchor.date,
        }
    }

    /// Lets an enrollment count from it as the rule does now, in the zone of now.
    fn settle(&self, active: &mut Active) {
        if self.instant.is_some() && active.instant == self.instant {
            active.anchor = Some(self.date);
        }
        active.instant = self.instant.or(active.instant);
    }

    /// The occurrence under which the same passage began if the rule counted otherwise then.
    fn other_occurrence(&self, dated: Dated) -> Option<String> {
        let other = if dated.instant.is_some() { None } else { self.moment };
        self.moment.map(|_| Dated { instant: other, ..dated }.occurrence())
    }

    /// Whether an enrollment counts from it as it comes on that day.
    fn is_of_day(&self, active: &Active, day: Date) -> bool {
        active.anchor == Some(day) && self.is_of(active)
    }

    fn on(&self, day: Date, since: Time) -> Dated {
        Dated { wall: day.to_datetime(self.at), instant: self.instant, since }
    }

    /// The day on which it comes in that year; it never came before itself.
    fn in_year(&self, year: i16) -> Option<Date> {
        calendar::in_year(self.date, year).filter(|day| *day >= self.date)
    }

    /// The days on which it comes, from the first on of which a step may be later than `since`.
    fn days(self, rule: &Rule, zone: &TimeZone, since: Time) -> impl Iterator<Item = Date> {
        let first = if self.yearly { self.first_year(rule, zone, since) } else { self.date.year() };
        let last = if self.yearly { i16::MAX } else { first };
        (first..=last).map_while(move |year| calendar::in_year(self.date, year)).filter(move |day| *day >= self.date)
    }

    fn first_year(self, rule: &Rule, zone: &TimeZone, since: Time) -> i16 {
        // As long as the last step comes after the date, with a day for the clocks.
        let here = due::instants(rule, self.on(self.date, since).base(), zone);
        let span = here.last().map_or(Span::days(0), |last| last.since(calendar::day_start(zone, self.date)));
        let reach = since.minus(Span(span.0.max(0))).minus(Span::days(2));
        calendar::day_of(zone, reach).year().max(self.date.year())
    }
}

/// The days of the rule's date of which a step falls due on the local day of an instant, each with when the last of
/// those does.
pub(in crate::engine) fn due_on(rule: &Rule, customer: &Customer, zone: &TimeZone, at: Time) -> Vec<(Dated, Time)> {
    let Some(course) = Course::of(rule, customer, zone) else { return Vec::new() };
    let today = calendar::day_of(zone, at);
    let start = calendar::day_start(zone, today);
    let end = calendar::day_start(zone, calendar::days_after(today, 1));
    let since = start.minus(Span(1));
    let mut due = Vec::new();
    for day in course.days(rule, zone, since) {
        let dated = course.on(day, since);
        let instants = due::instants(rule, dated.base(), zone);
        if instants.first().is_none_or(|first| *first >= end) {
            break;
        }
        if let Some(last) = instants.into_iter().rfind(|instant| *instant >= start && *instant < end) {
            due.push((dated, last));
        }
    }
    due
}

/// What of a rule's date fell due by then starts nothing any more: it was past when the rule went live, at `live`, when the
/// customer came or when the date was set, or it was judged. For a customer who has not been looked at since, as a look at
/// `now` would have it.
#[must_use]
pub fn past_until(rule: &Rule, customer: &Customer, zone: &TimeZone, (live, now): (Time, Time)) -> Time {
    let course = Course::of(rule, customer, zone);
    match customer.watch.anchors.get(&rule.id) {
        Some(anchor) if course.is_some_and(|course| course.is_as(anchor)) => anchor.since.max(live),
        _ => now.max(live).max(customer.arrived_at),
    }
}

impl<'a> Round<'a> {
    /// Looks at the date of each rule that counts from one.
    pub(super) fn take_dates(&mut self) {
        self.watch.anchors.clear();
        for (place, rule) in self.rules() {
            let Some(course) = Course::of(rule, self.customer, self.zone) else { continue };
            let Some(live) = self.live(rule) else { continue };
            let since = past_until(rule, self.customer, self.zone, (live, self.now()));
            // What went on before the rule came to count hours from the instant counts them from it, too.
            let goes_on = |one: &&mut Active| one.rule == rule.id && course.is_of(one);
            self.watch.active.iter_mut().filter(goes_on).for_each(|one| course.settle(one));
            self.resume(rule, course, since);
            let judged = self.take_days(place, rule, course, since);
            let anchor = Anchor { date: course.date, since: judged, instant: course.instant };
            self.watch.anchors.insert(rule.id.clone(), anchor);
        }
        let rules = self.looking.rules;
        let now = self.now();
        let goes_on = |one: &Active| rules.get(&one.rule).is_some_and(|rule| !due::is_past(one, rule, self.zone, now));
        self.watch.moved.retain(goes_on);
    }

    /// Lets enrollments go on whose date has come back. What fell due before is past, sent or not.
    fn resume(&mut self, rule: &Rule, course: Course, since: Time) {
        let comes_back = |one: &mut Active| one.rule == rule.id && course.is_of(one);
        let back: Vec<Active> = self.watch.moved.extract_if(.., comes_back).collect();
        for mut one in back {
            course.settle(&mut one);
            due::pass(&mut one, rule, self.zone, since);
            if due::is_over(&one, rule, self.now())
                || self.has_left(&one, rule)
                || self.watch.active.iter().any(|other| one.is_as(other))
            {
                continue;
            }
            self.watch.stopped.retain(|stopped| stopped.rule != one.rule || stopped.occurrence != one.occurrence);
            let (rule, occurrence) = (one.rule.clone(), one.occurrence.clone());
            let deliveries = Vec::new();
            self.changes.push(EnrollmentChange { rule, occurrence, deliveries, ending: None, resumed: true });
            self.watch.active.push(one);
        }
    }

    /// Looks at each day on which the date comes and has steps; up to when all is judged.
    fn take_days(&mut self, place: usize, rule: &'a Rule, course: Course, since: Time) -> Time {
        let mut judged = since;
        for day in course.days(rule, self.zone, since) {
            let dated = course.on(day, since);
            let instants = due::instants(rule, dated.base(), self.zone);
            self.wake.at(instants.iter().copied().find(|due| *due > self.now()));
            if instants.iter().any(|due| *due > since && *due <= self.now()) {
                judged = self.now();
                let occurrence = dated.occurrence();
                // An edited rule may have come to count from the instant of the same date.
                let goes_on = self.watch.active.iter().any(|one| one.rule == rule.id && course.is_of_day(one, day));
                let other = course.other_occurrence(dated);
                let was = other.is_some_and(|other| self.is_enrolled(rule, &other));
                if !goes_on && !was && !self.is_enrolled(rule, &occurrence) {
                    let anchor = Some(dated);
                    self.starts.push((place, Start { anchor, ..self.start(rule, Cow::Owned(occurrence)) }));
                }
            }
            if instants.first().is_none_or(|first| *first > self.now()) {
                break;
            }
        }
        judged
    }
}
