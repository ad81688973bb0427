//! When something is asked about.

use crate::domain::Time;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;

/// The first and the last year that are taken. What lies outside is a slip of the pen, and none of the clocks and
/// calendars behind the rules has to know of it.
const YEARS: [i16; 2] = [1900, 2999];

/// An instant, or a day of the business's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// That instant.
    At(Time),
    /// That day; where an instant is asked for, its start.
    Day(Date),
}

/// Why a text says no such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAWhen {
    /// It is neither an instant nor a date.
    #[error("write it like 2026-03-29T10:00:00Z, or 2026-03-29 for that day in the time zone of the business")]
    Unreadable,
    /// It is, of another age.
    #[error("it is out of range: the years from {} to {} are taken", YEARS[0], YEARS[1])]
    OutOfRange,
}

impl From<Time> for When {
    fn from(time: Time) -> Self {
        Self::At(time)
    }
}

impl FromStr for When {
    type Err = NotAWhen;

    fn from_str(text: &str) -> Result<Self, NotAWhen> {
        // A date is read by its form: jiff takes more than that for one.
        let date = if text.len() == 10 { text.parse::<Date>().ok() } else { None };
        let (when, year) = if let Some(date) = date {
            (Self::Day(date), date.year())
        } else {
            let time: Time = text.parse().map_err(|_| NotAWhen::Unreadable)?;
            // Of what lies outside of all that can be told this is the border, which is of another age, too.
            (Self::At(time), time.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).year())
        };
        if (YEARS[0]..=YEARS[1]).contains(&year) { Ok(when) } else { Err(NotAWhen::OutOfRange) }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "{time}"),
            Self::Day(date) => write!(f, "{date}"),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{NotAWhen, When};

    #[test]
    fn a_date_is_a_day_and_anything_else_an_instant() {
        let day = jiff::civil::date(2026, 3, 29);
        assert_eq!("2026-03-29".parse(), Ok(When::Day(day)));
        let at = When::At("2026-03-29T10:00:00Z".parse().unwrap());
        assert_eq!("2026-03-29T12:00:00+02:00".parse(), Ok(at));
        for when in [When::Day(day), at] {
            assert_eq!(when.to_string().parse(), Ok(when));
        }
        for wrong in ["", "yesterday", "2026-02-30", "2026-3-9"] {
            assert_eq!(wrong.parse::<When>(), Err(NotAWhen::Unreadable), "{wrong}");
        }
    }

    #[test]
    fn another_age_is_refused_and_never_taken_for_another_year() {
        for outside in [
            "0001-01-01",
            "0001-01-01T00:00:00Z",
            "1899-12-31",
            "1899-12-31T23:59:59Z",
            "3000-01-01",
            "3000-01-01T00:00:00Z",
            "9999-12-30T22:00:00Z",
            "-002026-03-29T10:00:00Z",
        ] {
            assert_eq!(outside.parse::<When>(), Err(NotAWhen::OutOfRange), "{outside}");
        }
        for inside in ["1900-01-01", "1900-01-01T00:00:00Z", "2999-12-31", "2999-12-31T23:59:59Z"] {
            assert!(inside.parse::<When>().is_ok(), "{inside}");
        }
        assert!(NotAWhen::OutOfRange.to_string().contains("from 1900 to 2999"));
    }
}
