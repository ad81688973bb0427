//! Dates that come near.

use super::Round;
use crate::calendar;
use crate::domain::{Anchor, Customer, Span, Time, Value, ValueType};
use crate::engine::due::{self, Base};
use crate::engine::enroll::{Dated, Start};
use crate::rules::{Rule, Trigger};
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
}

impl Course {
    /// `None` where the rule counts from no date, or the customer lacks it.
    pub(super) fn of(rule: &Rule, customer: &Customer, zone: &TimeZone) -> Option<Self> {
        let Trigger::Date { attribute, at, yearly } = &rule.trigger else { return None };
        let date = match customer.attributes.get(attribute)? {
            Value::Date(date) => *date,
            Value::Time(time) => calendar::day_of(zone, *time),
            other => match other.to_kind(ValueType::Date)? {
                Value::Date(date) => date,
                _ => return None,
            },
        };
        Some(Self { date, at: *at, yearly: *yearly })
    }

    /// Whether it comes on that day.
    pub(super) fn comes_on(&self, day: Date) -> bool {
        if self.yearly { self.in_year(day.year()) == Some(day) } else { self.date == day }
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
        let here = due::instants(rule, Base::Anchor(self.date.to_datetime(self.at)), zone);
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
        let wall = day.to_datetime(course.at);
        let instants = due::instants(rule, Base::Anchor(wall), zone);
        if instants.first().is_none_or(|first| *first >= end) {
            break;
        }
        if let Some(last) = instants.into_iter().rfind(|instant| *instant >= start && *instant < end) {
            due.push((Dated { wall, since }, last));
        }
    }
    due
}

impl<'a> Round<'a> {
    /// Looks at the date of each rule that counts from one.
    pub(super) fn take_dates(&mut self) {
        self.watch.anchors.clear();
        for (place, rule) in self.rules() {
            let Some(course) = Course::of(rule, self.customer, self.zone) else { continue };
            let Some(live) = self.live(rule) else { continue };
            let since = match self.customer.watch.anchors.get(&rule.id) {
                Some(anchor) if anchor.date == course.date => anchor.since.max(live),
                _ => self.now().max(live).max(self.customer.arrived_at),
            };
            let judged = self.take_days(place, rule, course, since);
            self.watch.anchors.insert(rule.id.clone(), Anchor { date: course.date, since: judged });
        }
    }

    /// Looks at each day on which the date comes and has steps; up to when all is judged.
    fn take_days(&mut self, place: usize, rule: &'a Rule, course: Course, since: Time) -> Time {
        let mut judged = since;
        for day in course.days(rule, self.zone, since) {
            let wall = day.to_datetime(course.at);
            let instants = due::instants(rule, Base::Anchor(wall), self.zone);
            self.wake.at(instants.iter().copied().find(|due| *due > self.now()));
            if instants.iter().any(|due| *due > since && *due <= self.now()) {
                judged = self.now();
                let occurrence = day.to_string();
                if !self.is_enrolled(rule, &occurrence) {
                    let anchor = Some(Dated { wall, since });
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
