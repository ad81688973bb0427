//! `simulate`: every delivery of a time, on a simulated clock.

use crate::domain::{NotATime, Time};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;

/// Where a time begins or ends: at an instant, or with a day of the business's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At that instant, which is part of it.
    At(Time),
    /// With that day, which is part of it.
    Day(Date),
}

impl FromStr for Bound {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        // A date is read by its form: jiff takes more than that for one.
        if text.len() == 10
            && let Ok(date) = text.parse()
        {
            return Ok(Self::Day(date));
        }
        text.parse().map(Self::At)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "{time}"),
            Self::Day(date) => write!(f, "{date}"),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    /// From when.
    pub from: Bound,
    /// Until when.
    pub to: Bound,
    /// Only deliveries of this rule are told; the others have their places under the caps all the same.
    #[serde(default)]
    pub rule: Option<String>,
}

/// Every delivery of a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateReport {
    /// The first instant.
    pub from: Time,
    /// The last instant.
    pub to: Time,
    /// Whose days these are: the business's zone.
    pub timezone: String,
    /// In the order of days, rules and channels; where nothing goes out there is no entry.
    pub days: Vec<DeliveriesOfDay>,
    /// All of them.
    pub total: u64,
    /// When the brake would go off, in the order of days and rules. What it would stop is counted all the same.
    pub brakes: Vec<BrakedDay>,
    /// Rules that are paused, of which nothing goes out.
    pub paused: Vec<String>,
    /// Whether a person has paused all sending, so that nothing of it goes out as things are. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sending_paused: bool,
    /// Whether marketing is paused, since a backup was restored. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marketing_paused: bool,
    /// Customers whose lives were led.
    pub customers: u64,
}

/// What goes out of a rule by a channel on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveriesOfDay {
    /// The day, such as `2026-03-29`.
    pub day: String,
    /// The rule.
    pub rule: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// How many.
    pub deliveries: u64,
}

/// A day on which a rule would make more than its brake allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakedDay {
    /// The day.
    pub day: String,
    /// The rule.
    pub rule: String,
    /// How many it would have made by then in the span of its brake.
    pub deliveries: u64,
    /// How many it may make.
    pub limit: u64,
    /// The span, such as `1d`.
    pub per: String,
}

#[cfg(test)]
mod tests {
    use super::Bound;

    #[test]
    fn a_date_is_a_day_and_anything_else_an_instant() {
        let day = jiff::civil::date(2026, 3, 29);
        assert_eq!("2026-03-29".parse(), Ok(Bound::Day(day)));
        let at = Bound::At("2026-03-29T10:00:00Z".parse().unwrap());
        assert_eq!("2026-03-29T12:00:00+02:00".parse(), Ok(at));
        for bound in [Bound::Day(day), at] {
            assert_eq!(bound.to_string().parse(), Ok(bound));
        }
        for wrong in ["", "yesterday", "2026-02-30", "2026-3-9"] {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }
}
