//! How what a clock or a calendar says of an instant moves with that instant.

use super::CalendarPart;
use super::motion::Moving;
use crate::calendar;
use crate::domain::{Span, Time};
use jiff::civil::date;
use jiff::tz::TimeZone;

pub(super) const DAY: i128 = 86_400_000;
const HOUR: i128 = 3_600_000;
/// Millionths.
const MICRO: i128 = 1_000_000;

/// Milliseconds of the wall clock from the first, up to and without the second.
type Stretch = (i128, i128);

/// An instant, how it moves, and the clock that it is read on.
pub(super) struct Reading<'z> {
    pub(super) zone: &'z TimeZone,
    pub(super) at: Time,
    pub(super) motion: Moving,
    pub(super) now: Time,
}

impl Reading<'_> {
    /// How the day of the instant moves.
    pub(super) fn day(&self) -> Moving {
        let motion = self.motion;
        if motion.is_constant() || !is_readable(self.at) {
            return motion.off_line();
        }
        // A day begins up to 24 hours before its instants, and clocks differ by up to 24 hours over the years.
        let line = motion.off_by(3 * DAY);
        let fits = self.leaves((Time::MIN, Time::MAX));
        let holds = self.leaves(self.even(around(self.wall(), DAY)));
        line.same_until(motion.holds.max(holds)).fitting_until(fits)
    }

    /// How a part of its date or its time of day moves.
    pub(super) fn part(&self, part: CalendarPart) -> Moving {
        let motion = self.motion;
        if motion.is_constant() || !is_readable(self.at) {
            return motion.off_line();
        }
        let wall = self.wall();
        let (unit, cycle) = (self.unit(part, wall), self.cycle(part, wall));
        let holds = motion.holds.max(self.leaves(self.even(unit)));
        let Some(cycle) = cycle else { return motion.off_line().same_until(holds) };
        let fits = self.leaves(self.even(cycle));
        motion.times(MICRO, unit.1 - unit.0).off_by(MICRO).same_until(holds).fitting_until(fits)
    }

    fn wall(&self) -> i128 {
        i128::from(self.at.plus(calendar::offset(self.zone, self.at)).0)
    }

    /// The stretch of wall time over which a part stays as it is.
    fn unit(&self, part: CalendarPart, wall: i128) -> Stretch {
        match part {
            CalendarPart::FullYear => self.years(),
            CalendarPart::Month => self.months(),
            CalendarPart::Date | CalendarPart::DayOfMonth | CalendarPart::DayOfWeek | CalendarPart::DayOfYear => {
                around(wall, DAY)
            }
            CalendarPart::Hours => around(wall, HOUR),
            CalendarPart::Minutes => around(wall, 60_000),
            CalendarPart::Seconds => around(wall, 1000),
            CalendarPart::Milliseconds => around(wall, 1),
        }
    }

    /// The stretch of wall time over which a part grows evenly.
    fn cycle(&self, part: CalendarPart, wall: i128) -> Option<Stretch> {
        Some(match part {
            CalendarPart::FullYear | CalendarPart::Month => return None,
            CalendarPart::Date | CalendarPart::DayOfMonth => self.months(),
            CalendarPart::DayOfYear => self.years(),
            CalendarPart::DayOfWeek => {
                // 1970-01-01 was a Thursday, weeks begin on Sundays.
                let (from, to) = around(wall + 4 * DAY, 7 * DAY);
                (from - 4 * DAY, to - 4 * DAY)
            }
            CalendarPart::Hours => around(wall, DAY),
            CalendarPart::Minutes => around(wall, HOUR),
            CalendarPart::Seconds => around(wall, 60_000),
            CalendarPart::Milliseconds => around(wall, 1000),
        })
    }

    fn months(&self) -> Stretch {
        let day = calendar::day_of(self.zone, self.at);
        let from = calendar::day_number(day) - i64::from(day.day()) + 1;
        (i128::from(from) * DAY, i128::from(from + i64::from(day.days_in_month())) * DAY)
    }

    fn years(&self) -> Stretch {
        let day = calendar::day_of(self.zone, self.at);
        let from = calendar::day_number(date(day.year(), 1, 1));
        (i128::from(from) * DAY, i128::from(from + i64::from(day.days_in_year())) * DAY)
    }

    /// The instants of a stretch of wall time, as far as the clock runs evenly.
    fn even(&self, (from, to): Stretch) -> (Time, Time) {
        let offset = calendar::offset(self.zone, self.at);
        let instant = |wall: i128| Time(i64::try_from(wall).unwrap_or(i64::MAX)).minus(offset);
        let end = instant(to);
        let end = calendar::shift_between(self.zone, self.at, end).unwrap_or(end).minus(Span(1));
        let mut start = instant(from);
        if !self.motion.is_forward() {
            start = start.max(calendar::last_shift(self.zone, self.at).unwrap_or(start));
        }
        (start.max(Time::MIN), end.min(Time::MAX))
    }

    fn leaves(&self, (from, to): (Time, Time)) -> Time {
        self.motion.leaves((from.0.into(), to.0.into()), self.at.0.into(), self.now)
    }
}

/// How the first instant of a day moves with the day.
pub(super) fn day_start(day: Moving) -> Moving {
    // Of two days, one may begin up to 24 hours nearer to its midnight in UTC than the other, or be skipped.
    if day.is_constant() { day } else { day.off_by(2 * DAY) }
}

/// The stretch of so many milliseconds, counted from 0, that a wall time lies in.
fn around(wall: i128, length: i128) -> Stretch {
    let from = wall.div_euclid(length) * length;
    (from, from + length)
}

/// Whether the calendar reaches there.
fn is_readable(at: Time) -> bool {
    (Time::MIN..=Time::MAX).contains(&at)
}
