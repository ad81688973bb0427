//! Zones and calendar days.

use crate::domain::{Span, Time};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of that IANA name, from the bundled database only; `None` for any other text.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The wall time in the zone.
#[must_use]
pub fn local(zone: &TimeZone, at: Time) -> DateTime {
    zone.to_datetime(at.to_jiff())
}

/// The instant of a wall time: the earlier of two where clocks go back, the first instant after the gap where they go
/// forward.
#[must_use]
pub fn at_local(zone: &TimeZone, wall: DateTime) -> Time {
    resolve(zone, wall).0
}

/// How a wall time came to its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolved {
    /// It is on the clock.
    Exact,
    /// It is not: the instant is the first one after the gap.
    AfterGap,
}

/// As [`at_local`], and whether the wall time exists.
pub(super) fn resolve(zone: &TimeZone, wall: DateTime) -> (Time, Resolved) {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    if let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() {
        // Read with the offset that holds later, a time of the gap lies before the change.
        let change = after.to_timestamp(wall).ok().and_then(|early| zone.following(early).next());
        if let Some(change) = change {
            return (change.timestamp().into(), Resolved::AfterGap);
        }
    }
    let far = if wall.year() > 1970 { Time::MAX } else { Time::MIN };
    (ambiguous.earlier().map_or(far, Time::from), Resolved::Exact)
}

/// The calendar day of an instant in the zone.
#[must_use]
pub fn day_of(zone: &TimeZone, at: Time) -> Date {
    local(zone, at).date()
}

/// The first instant of a calendar day in the zone; for a day that the zone skipped, of the day after it.
#[must_use]
pub fn day_start(zone: &TimeZone, date: Date) -> Time {
    at_local(zone, date.at(0, 0, 0, 0))
}

/// How many midnights of the zone's calendar lie between two instants; negative when `to` is on an earlier day.
#[must_use]
pub fn days_between(zone: &TimeZone, from: Time, to: Time) -> i64 {
    day_number(day_of(zone, to)) - day_number(day_of(zone, from))
}

/// How far the zone's clock is ahead of UTC.
#[must_use]
pub fn offset(zone: &TimeZone, at: Time) -> Span {
    Span(i64::from(zone.to_offset(at.to_jiff()).seconds()) * 1000)
}

/// The first instant after this one and before another at which the zone's clock is put forward or back, or may be.
#[must_use]
pub fn shift_between(zone: &TimeZone, at: Time, end: Time) -> Option<Time> {
    // Quicker than a look for the shift. No zone has ever put its clock there and back within a day.
    if end.since(at) <= Span::days(1) && offset(zone, at) == offset(zone, end) {
        return None;
    }
    next_shift(zone, at).filter(|shift| *shift < end)
}

fn next_shift(zone: &TimeZone, at: Time) -> Option<Time> {
    zone.following(at.to_jiff()).next().map(|shift| shift.timestamp().into())
}

/// The last instant, no later than this one, at which the zone's clock was put forward or back, or may have been.
#[must_use]
pub fn last_shift(zone: &TimeZone, at: Time) -> Option<Time> {
    zone.preceding(at.plus(Span(1)).to_jiff()).next().map(|shift| shift.timestamp().into())
}

/// Days since 1970-01-01, without allocation or a fallible step.
#[must_use]
pub fn day_number(date: Date) -> i64 {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so leap days come last.
    let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The day so many days later, or earlier; the last or first there is where the calendar ends.
#[must_use]
pub fn days_after(date: Date, days: i32) -> Date {
    match jiff::Span::new().try_days(days) {
        Ok(span) => date.saturating_add(span),
        Err(_) if days < 0 => Date::MIN,
        Err(_) => Date::MAX,
    }
}

/// The same day of another year; 29 February falls on 28 February where there is none. `None` beyond the calendar.
#[must_use]
pub fn in_year(date: Date, year: i16) -> Option<Date> {
    Date::new(year, date.month(), date.day()).or_else(|_| Date::new(year, date.month(), date.day() - 1)).ok()
}

#[cfg(test)]
mod tests {
    use super::{at_local, day_number, day_of, day_start, days_between, zone};
    use crate::domain::{Span, Time};
    use jiff::civil::date;

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn only_names_of_the_database_are_zones() {
        for name in ["Europe/Zagreb", "Africa/Nairobi", "UTC", "America/Argentina/Ushuaia"] {
            assert!(zone(name).is_some(), "{name}");
        }
        for name in ["", "Mars/Base", "CET-1CEST", "+01:00", "../etc/passwd", "Etc/Unknown"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }

    #[test]
    fn day_numbers_agree_with_the_calendar_library() {
        for day in [date(1970, 1, 1), date(1969, 12, 31), date(2000, 2, 29), date(2026, 11, 22), date(1899, 3, 1)] {
            let expected = i64::from(day.since(date(1970, 1, 1)).unwrap().get_days());
            assert_eq!(day_number(day), expected, "{day}");
        }
    }

    #[test]
    fn no_zone_ever_put_its_clock_there_and_back_within_a_day() {
        let names: Vec<_> = super::ZONES.available().collect();
        assert!(names.len() > 500);
        for name in names {
            let zone = zone(name.as_str());
            let Some(zone) = zone else { continue };
            let shifts: Vec<Time> = std::iter::successors(Some(t("1800-01-01")), |at| super::next_shift(&zone, *at))
                .take_while(|at| *at < t("2045-01-01"))
                .skip(1)
                .collect();
            for (n, first) in shifts.iter().enumerate() {
                let before = super::offset(&zone, first.minus(Span(1)));
                for later in shifts[n + 1..].iter().take_while(|later| later.since(*first) < Span::days(1)) {
                    assert_ne!(super::offset(&zone, *later), before, "{} at {first} and {later}", name.as_str());
                }
            }
        }
    }

    #[test]
    fn shifts_of_the_clock_are_found() {
        let zagreb = zone("Europe/Zagreb").unwrap();
        let (spring, autumn) = (t("2026-03-29T01:00:00Z"), t("2026-10-25T01:00:00Z"));
        assert_eq!(super::shift_between(&zagreb, t("2026-03-28T23:00:00Z"), t("2026-03-29T23:00:00Z")), Some(spring));
        assert_eq!(super::shift_between(&zagreb, t("2026-03-28T23:00:00Z"), spring), None);
        assert_eq!(super::shift_between(&zagreb, spring, Time::MAX), Some(autumn));
        assert_eq!(super::last_shift(&zagreb, autumn.minus(Span(1))), Some(spring));
        assert_eq!(super::last_shift(&zagreb, spring), Some(spring));
        assert_eq!(super::offset(&zagreb, spring), Span::hours(2));
        assert_eq!(super::shift_between(&jiff::tz::TimeZone::UTC, spring, Time::MAX), None);
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let nairobi = zone("Africa/Nairobi").unwrap();
        assert_eq!(day_of(&nairobi, t("2026-03-01T21:30:00Z")), date(2026, 3, 2));
        assert_eq!(days_between(&nairobi, t("2026-03-01T20:30:00Z"), t("2026-03-01T21:30:00Z")), 1);
        assert_eq!(days_between(&nairobi, t("2026-03-01T21:30:00Z"), t("2026-03-01T20:30:00Z")), -1);
        let kolkata = zone("Asia/Kolkata").unwrap();
        assert_eq!(day_start(&kolkata, date(2026, 3, 1)), t("2026-02-28T18:30:00Z"));
    }

    #[test]
    fn days_are_counted_over_the_ends_of_years_and_of_the_calendar() {
        assert_eq!(super::days_after(date(2026, 12, 31), 1), date(2027, 1, 1));
        assert_eq!(super::days_after(date(2024, 3, 1), -1), date(2024, 2, 29));
        assert_eq!(super::days_after(date(2024, 3, 1), i32::MAX), jiff::civil::Date::MAX);
        assert_eq!(super::days_after(date(2024, 3, 1), i32::MIN), jiff::civil::Date::MIN);
    }

    #[test]
    fn a_leap_day_has_its_anniversary_on_the_28th() {
        assert_eq!(super::in_year(date(2024, 2, 29), 2027), Some(date(2027, 2, 28)));
        assert_eq!(super::in_year(date(2024, 2, 29), 2028), Some(date(2028, 2, 29)));
        assert_eq!(super::in_year(date(2024, 12, 31), 2026), Some(date(2026, 12, 31)));
        assert_eq!(super::in_year(date(2024, 12, 31), 10_000), None);
    }

    #[test]
    fn a_day_of_23_hours_is_one_day() {
        let zagreb = zone("Europe/Zagreb").unwrap();
        let (start, end) = (day_start(&zagreb, date(2026, 3, 29)), day_start(&zagreb, date(2026, 3, 30)));
        assert_eq!(end.since(start), Span::hours(23));
        assert_eq!(days_between(&zagreb, start, end), 1);
        let (start, end) = (day_start(&zagreb, date(2026, 10, 25)), day_start(&zagreb, date(2026, 10, 26)));
        assert_eq!(end.since(start), Span::hours(25));
    }

    #[test]
    fn a_skipped_day_begins_when_the_next_one_does() {
        let apia = zone("Pacific/Apia").unwrap();
        let next = day_start(&apia, date(2011, 12, 31));
        assert_eq!(day_start(&apia, date(2011, 12, 30)), next);
        assert_eq!(days_between(&apia, next.minus(Span(1)), next), 2);
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_instant_after_it() {
        let santiago = zone("America/Santiago").unwrap();
        let start = day_start(&santiago, date(2026, 9, 6));
        assert_eq!(start, t("2026-09-06T04:00:00Z"));
        assert_eq!(at_local(&santiago, date(2026, 9, 6).at(0, 45, 0, 0)), start);
    }
}
