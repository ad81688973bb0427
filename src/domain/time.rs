//! Instants and spans, in whole milliseconds.

use std::fmt;
use std::str::FromStr;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Time(#[n(0)] pub i64);

/// An elapsed span in milliseconds; a day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Span(#[n(0)] pub i64);

impl Span {
    /// `n` seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Self {
        Self(n * 1000)
    }
    /// `n` minutes.
    #[must_use]
    pub const fn minutes(n: i64) -> Self {
        Self(n * 60_000)
    }
    /// `n` hours.
    #[must_use]
    pub const fn hours(n: i64) -> Self {
        Self(n * 3_600_000)
    }
    /// `n` times 24 hours.
    #[must_use]
    pub const fn days(n: i64) -> Self {
        Self(n * 86_400_000)
    }
}

/// Why a text is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a span: write a whole number and a unit, such as 30m, 24h, 180d or 2w")]
pub struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    /// Reads one whole number with a unit: `s`, `m`, `h`, `d` (24 hours) or `w` (7 × 24 hours).
    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let unit = text.chars().last().ok_or(NotASpan)?;
        let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| NotASpan)?;
        let each = match unit {
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return Err(NotASpan),
        };
        if !(0..=36_500 * 24 * 3600).contains(&number) {
            return Err(NotASpan);
        }
        number.checked_mul(each).map(Self).ok_or(NotASpan)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (each, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
            if self.0 % each == 0 && self.0 != 0 {
                return write!(f, "{}{unit}", self.0 / each);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

impl Time {
    /// Earlier than every instant that occurs.
    pub const MIN: Self = Self(-62_000_000_000_000);
    /// Later than every instant that occurs.
    pub const MAX: Self = Self(250_000_000_000_000);

    /// This instant and `span` more.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This instant less `span`.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this instant is; negative when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The same instant as jiff counts it.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        let clamped = self.0.clamp(Self::MIN.0, Self::MAX.0);
        jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.as_millisecond())
    }
}

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write it like 2026-03-29T10:00:00Z")]
pub struct NotATime;

impl FromStr for Time {
    type Err = NotATime;

    /// Reads RFC 3339; a time without a zone is UTC, a bare date is its midnight in UTC.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(instant.into());
        }
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
            .map_err(|_| NotATime)?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp().into()).map_err(|_| NotATime)
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, with milliseconds only where there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, Time};

    #[test]
    fn times_are_read_in_all_forms_that_clients_send() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", 1000),
            ("1970-01-01T01:00:01+01:00", 1000),
            ("1970-01-01T00:00:01", 1000),
            ("1970-01-01T00:00:00.123456Z", 123),
            ("1970-01-02", 86_400_000),
        ] {
            assert_eq!(text.parse(), Ok(Time(millis)), "{text}");
        }
        assert!("yesterday".parse::<Time>().is_err());
        assert_eq!(Time(1000).to_string(), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!("180d".parse(), Ok(Span::days(180)));
        assert_eq!("2w".parse(), Ok(Span::days(14)));
        assert_eq!("90m".parse(), Ok(Span::minutes(90)));
        for text in ["", "d", "1.5d", "-1d", "5", "1mo", "9999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(Span::hours(24).to_string(), "1d");
    }
}
