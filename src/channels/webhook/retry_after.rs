//! `Retry-After` (RFC 9110, section 10.2.3).

use crate::domain::{Span, Time};
use jiff::fmt::strtime::BrokenDownTime;

/// The longest wait that a receiver can ask for.
const LONGEST: Span = Span::hours(24);

/// The three forms of a date in HTTP (RFC 9110, section 5.6.7), the present one first.
const DATES: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// Reads seconds or a date; at most 24 hours, and nothing for a date that has passed or a text that is neither.
pub(super) fn retry_after(value: &str, now: Time) -> Option<Span> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to be read is longer than the longest.
        return Some(value.parse().map_or(LONGEST, |seconds: u32| Span::seconds(seconds.into()).min(LONGEST)));
    }
    let at = DATES.iter().find_map(|format| date(format, value))?;
    let wait = at.since(now);
    (wait > Span(0)).then_some(wait.min(LONGEST))
}

fn date(format: &str, value: &str) -> Option<Time> {
    let civil = BrokenDownTime::parse(format, value).ok()?.to_datetime().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::retry_after;
    use crate::domain::{Span, Time};

    #[test]
    fn seconds_and_all_three_forms_of_a_date_are_obeyed() {
        let now: Time = "1994-11-06T08:49:07Z".parse().unwrap();
        for text in [
            "30",
            " 30 ",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(retry_after(text, now), Some(Span::seconds(30)), "{text}");
        }
    }

    #[test]
    fn no_receiver_puts_us_off_for_more_than_a_day() {
        let now: Time = "1994-11-06T08:49:07Z".parse().unwrap();
        for text in ["86401", "99999999999999999999999", "Sun, 06 Nov 2044 08:49:37 GMT"] {
            assert_eq!(retry_after(text, now), Some(Span::hours(24)), "{text}");
        }
    }

    #[test]
    fn what_has_passed_or_cannot_be_read_asks_for_nothing() {
        let now: Time = "1994-11-06T08:49:07Z".parse().unwrap();
        for text in ["", "-5", "soon", "1.5", "Sun, 06 Nov 1994 08:49:07 GMT", "Sat, 05 Nov 1994 08:49:07 GMT"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }
}
