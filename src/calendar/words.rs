//! Days and instants in words.

use super::day::local;
use crate::domain::Time;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `2 Feb 2026`
#[must_use]
pub fn date_in_words(date: Date) -> String {
    format!("{} {}", day_and_month(date), date.year())
}

/// `2 Feb`, and the year where it is not that of the instant from which it is looked at.
#[must_use]
pub fn date_from(date: Date, zone: &TimeZone, now: Time) -> String {
    if date.year() == local(zone, now).year() { day_and_month(date) } else { date_in_words(date) }
}

/// `Sat 4 Apr 10:00`, and the year where it is not that of the instant from which it is looked at.
#[must_use]
pub fn instant_from(at: Time, zone: &TimeZone, now: Time) -> String {
    let wall = local(zone, at);
    format!("{} {} {}", weekday(wall.date()), date_from(wall.date(), zone, now), time_of_day(at, zone))
}

/// `Sun 29 Mar 2026, 11:02 Nairobi`
#[must_use]
pub fn instant_in_words(at: Time, zone: &TimeZone) -> String {
    let date = local(zone, at).date();
    format!("{} {}, {} {}", weekday(date), date_in_words(date), time_of_day(at, zone), place(zone))
}

/// `11:02`, with seconds only if they are not 0.
#[must_use]
pub fn time_of_day(at: Time, zone: &TimeZone) -> String {
    let wall = local(zone, at);
    let second = if wall.second() == 0 { String::new() } else { format!(":{:02}", wall.second()) };
    format!("{:02}:{:02}{second}", wall.hour(), wall.minute())
}

/// The zone's place: `Nairobi` of `Africa/Nairobi`.
fn place(zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or("UTC");
    name.rsplit('/').next().unwrap_or(name).replace('_', " ")
}

fn day_and_month(date: Date) -> String {
    let month = usize::try_from(date.month() - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"");
    format!("{} {month}", date.day())
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        jiff::civil::Weekday::Monday => "Mon",
        jiff::civil::Weekday::Tuesday => "Tue",
        jiff::civil::Weekday::Wednesday => "Wed",
        jiff::civil::Weekday::Thursday => "Thu",
        jiff::civil::Weekday::Friday => "Fri",
        jiff::civil::Weekday::Saturday => "Sat",
        jiff::civil::Weekday::Sunday => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use super::{date_from, instant_from, instant_in_words};
    use crate::calendar::zone;
    use jiff::civil::date;

    #[test]
    fn instants_are_told_on_the_clock_of_the_zone() {
        let nairobi = zone("Africa/Nairobi").unwrap();
        let now = "2026-03-29T08:02:00Z".parse().unwrap();
        assert_eq!(instant_in_words(now, &nairobi), "Sun 29 Mar 2026, 11:02 Nairobi");
        assert_eq!(instant_from("2026-04-04T07:00:00Z".parse().unwrap(), &nairobi, now), "Sat 4 Apr 10:00");
        assert_eq!(instant_from("2027-01-01T00:00:05Z".parse().unwrap(), &nairobi, now), "Fri 1 Jan 2027 03:00:05");
        assert_eq!(instant_in_words(now, &zone("America/New_York").unwrap()), "Sun 29 Mar 2026, 04:02 New York");
    }

    #[test]
    fn the_year_is_told_where_it_is_another() {
        let nairobi = zone("Africa/Nairobi").unwrap();
        let new_year = "2025-12-31T21:00:00Z".parse().unwrap();
        assert_eq!(date_from(date(2026, 2, 2), &nairobi, new_year), "2 Feb");
        assert_eq!(date_from(date(2025, 12, 31), &nairobi, new_year), "31 Dec 2025");
    }
}
