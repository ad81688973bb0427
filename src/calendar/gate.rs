//! Quiet hours and frequency caps in the customer's zone.

use super::day::{at_local, day_of, day_start, days_after, local};
use crate::domain::{CapPeriod, CapSlot, Class, DeliveryId, FrequencyCap, QuietHours, Time};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// When the quiet hours that hold at an instant end; `None` when it is not quiet. Hours with `from` equal to `to` are
/// never quiet.
#[must_use]
pub fn quiet_until(hours: QuietHours, zone: &TimeZone, at: Time) -> Option<Time> {
    let mut end = at;
    // Where clocks jump, the end of one quiet time can lie in another.
    for _ in 0..4 {
        match end_of_quiet(hours, zone, end) {
            Some(later) if later > end => end = later,
            _ => break,
        }
    }
    (end > at).then_some(end)
}

fn end_of_quiet(hours: QuietHours, zone: &TimeZone, at: Time) -> Option<Time> {
    let wall = local(zone, at);
    let minute = u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap_or_default();
    let ends_tomorrow = if hours.from < hours.to {
        (hours.from..hours.to).contains(&minute).then_some(false)?
    } else if hours.from > hours.to && minute >= hours.from {
        true
    } else {
        (hours.from > hours.to && minute < hours.to).then_some(false)?
    };
    let midnight = wall.date().at(0, 0, 0, 0);
    let days = i64::from(ends_tomorrow);
    let end = midnight.saturating_add(jiff::Span::new().days(days).minutes(i64::from(hours.to)));
    Some(first_after(zone, end, at))
}

/// The first instant after `at` at which the zone's clocks show `wall`.
fn first_after(zone: &TimeZone, wall: DateTime, at: Time) -> Time {
    let earlier = at_local(zone, wall);
    if earlier > at {
        return earlier;
    }
    zone.to_ambiguous_timestamp(wall).later().map_or(earlier, Time::from)
}

/// The first cap that one more mail of the class at `at` would exceed. Slots may lie on either side of `at`; `except`
/// is the mail's own. A rolling cap holds for every span of its length that contains `at`.
#[must_use]
pub fn cap_reached(
    caps: &[FrequencyCap],
    slots: &[CapSlot],
    class: Class,
    except: Option<DeliveryId>,
    zone: &TimeZone,
    at: Time,
) -> Option<FrequencyCap> {
    let taken = || slots.iter().filter(|slot| slot.class == class && Some(slot.delivery) != except).map(|slot| slot.at);
    let count = |cap: &FrequencyCap| match cap.per {
        CapPeriod::Day => {
            let day = day_of(zone, at);
            taken().filter(|other| day_of(zone, *other) == day).count()
        }
        CapPeriod::Rolling(span) => {
            let ends = taken().filter(|other| *other > at && *other < at.plus(span)).chain([at]);
            ends.map(|end| taken().filter(|other| *other > end.minus(span) && *other <= end).count()).max().unwrap_or(0)
        }
    };
    caps.iter().copied().find(|cap| count(cap) >= cap.max as usize)
}

/// The places that count against one more mail of the class at `at` under a cap, earliest first.
#[must_use]
pub fn cap_taken_by(cap: FrequencyCap, slots: &[CapSlot], class: Class, zone: &TimeZone, at: Time) -> Vec<CapSlot> {
    let counts = |slot: &&CapSlot| match cap.per {
        CapPeriod::Day => day_of(zone, slot.at) == day_of(zone, at),
        CapPeriod::Rolling(span) => slot.at > at.minus(span) && slot.at < at.plus(span),
    };
    let mut taken: Vec<CapSlot> = slots.iter().filter(|slot| slot.class == class).filter(counts).copied().collect();
    taken.sort_by_key(|slot| slot.at);
    taken
}

/// The first instant from `at` on at which one more mail of the class exceeds no cap, if no place is taken meanwhile.
/// `None` for a cap that leaves no place at all.
#[must_use]
pub fn cap_free_at(caps: &[FrequencyCap], slots: &[CapSlot], class: Class, zone: &TimeZone, at: Time) -> Option<Time> {
    // It can only come free when a place falls out of a span, or when a day begins.
    let next_day = |time: Time| day_start(zone, days_after(day_of(zone, time), 1));
    let mut candidates = vec![at];
    for slot in slots {
        candidates.extend(caps.iter().map(|cap| match cap.per {
            CapPeriod::Day => next_day(slot.at),
            CapPeriod::Rolling(span) => slot.at.plus(span),
        }));
    }
    candidates.retain(|time| *time >= at);
    candidates.sort_unstable();
    candidates.into_iter().find(|time| cap_reached(caps, slots, class, None, zone, *time).is_none())
}

#[cfg(test)]
mod tests {
    use super::{cap_free_at, cap_reached, cap_taken_by, quiet_until};
    use crate::calendar::zone;
    use crate::domain::{CapPeriod, CapSlot, Class, DeliveryId, FrequencyCap, QuietHours, Span, Time};

    const NIGHT: QuietHours = QuietHours { from: 20 * 60, to: 8 * 60 };

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn quiet(hours: QuietHours, name: &str, at: &str) -> Option<String> {
        quiet_until(hours, &zone(name).unwrap(), t(at)).map(|end| end.to_string())
    }

    #[test]
    fn the_night_is_quiet_in_the_zone_of_the_customer() {
        let nairobi = |at| quiet(NIGHT, "Africa/Nairobi", at);
        assert_eq!(nairobi("2026-11-22T16:59:59Z"), None);
        assert_eq!(nairobi("2026-11-22T17:00:00Z").as_deref(), Some("2026-11-23T05:00:00Z"));
        assert_eq!(nairobi("2026-11-22T22:00:00Z").as_deref(), Some("2026-11-23T05:00:00Z"));
        assert_eq!(nairobi("2026-11-23T04:59:59.999Z").as_deref(), Some("2026-11-23T05:00:00Z"));
        assert_eq!(nairobi("2026-11-23T05:00:00Z"), None);
    }

    #[test]
    fn the_quiet_night_is_longer_or_shorter_when_clocks_change() {
        let zagreb = |at| quiet(NIGHT, "Europe/Zagreb", at);
        assert_eq!(zagreb("2026-03-28T19:00:00Z").as_deref(), Some("2026-03-29T06:00:00Z"));
        assert_eq!(zagreb("2026-10-24T18:00:00Z").as_deref(), Some("2026-10-25T07:00:00Z"));
    }

    #[test]
    fn quiet_hours_by_day_end_the_same_day_and_equal_ends_are_never_quiet() {
        let siesta = QuietHours { from: 13 * 60, to: 15 * 60 };
        assert_eq!(quiet(siesta, "UTC", "2026-05-01T13:00:00Z").as_deref(), Some("2026-05-01T15:00:00Z"));
        assert_eq!(quiet(siesta, "UTC", "2026-05-01T15:00:00Z"), None);
        assert_eq!(quiet(QuietHours { from: 60, to: 60 }, "UTC", "2026-05-01T01:00:00Z"), None);
    }

    #[test]
    fn an_end_inside_a_gap_or_an_overlap_is_later_than_now() {
        let early = QuietHours { from: 22 * 60, to: 2 * 60 + 30 };
        let zagreb = |at| quiet(early, "Europe/Zagreb", at);
        assert_eq!(zagreb("2026-03-29T00:30:00Z").as_deref(), Some("2026-03-29T01:00:00Z"));
        assert_eq!(zagreb("2026-10-25T00:10:00Z").as_deref(), Some("2026-10-25T00:30:00Z"));
        assert_eq!(zagreb("2026-10-25T01:10:00Z").as_deref(), Some("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn quiet_hours_run_on_over_a_skipped_day() {
        // 29 December 2011 21:00 in Apia; the 30th did not exist there.
        let end = quiet(NIGHT, "Pacific/Apia", "2011-12-30T07:00:00Z");
        assert_eq!(end.as_deref(), Some("2011-12-30T18:00:00Z"));
    }

    fn slot(at: &str, class: Class, id: u8) -> CapSlot {
        CapSlot { class, at: t(at), delivery: DeliveryId([id; 16]) }
    }

    #[test]
    fn a_cap_per_day_counts_the_calendar_day_of_the_customer() {
        let caps = [FrequencyCap { max: 1, per: CapPeriod::Day }];
        let slots = [slot("2026-11-22T20:30:00Z", Class::Marketing, 1)];
        let nairobi = zone("Africa/Nairobi").unwrap();
        let reached = |at: &str| cap_reached(&caps, &slots, Class::Marketing, None, &nairobi, t(at)).is_some();
        assert!(reached("2026-11-22T06:00:00Z"));
        assert!(!reached("2026-11-22T21:00:00Z"));
        assert!(cap_reached(&caps, &slots, Class::Service, None, &nairobi, slots[0].at).is_none());
        assert!(
            cap_reached(&caps, &slots, Class::Marketing, Some(DeliveryId([1; 16])), &nairobi, slots[0].at).is_none()
        );
    }

    #[test]
    fn a_rolling_cap_holds_for_every_span_that_contains_the_mail() {
        let caps = [FrequencyCap { max: 2, per: CapPeriod::Rolling(Span::days(7)) }];
        let slots =
            [slot("2026-11-01T10:00:00Z", Class::Marketing, 1), slot("2026-11-09T10:00:00Z", Class::Marketing, 2)];
        let utc = zone("UTC").unwrap();
        let reached =
            |slots: &[CapSlot], at: &str| cap_reached(&caps, slots, Class::Marketing, None, &utc, t(at)).is_some();
        assert!(!reached(&slots, "2026-11-05T10:00:00Z"));
        let third = [slots[0], slots[1], slot("2026-11-05T10:00:00Z", Class::Marketing, 3)];
        assert!(reached(&third, "2026-11-07T10:00:00Z"));
        assert!(reached(&third, "2026-11-04T10:00:00Z"));
        assert!(!reached(&slots, "2026-11-08T10:00:00Z"), "exactly seven days after the first it is out of the span");
    }

    #[test]
    fn a_place_comes_free_with_the_day_and_with_the_span_whichever_is_later() {
        let nairobi = zone("Africa/Nairobi").unwrap();
        let day = FrequencyCap { max: 1, per: CapPeriod::Day };
        let week = FrequencyCap { max: 2, per: CapPeriod::Rolling(Span::days(7)) };
        let slots =
            [slot("2026-03-27T06:00:00Z", Class::Marketing, 1), slot("2026-03-29T06:00:00Z", Class::Marketing, 2)];
        let free = |caps: &[FrequencyCap], at: &str| cap_free_at(caps, &slots, Class::Marketing, &nairobi, t(at));
        assert_eq!(free(&[day], "2026-03-29T08:02:00Z"), Some(t("2026-03-29T21:00:00Z")));
        assert_eq!(free(&[day, week], "2026-03-29T08:02:00Z"), Some(t("2026-04-03T06:00:00Z")));
        assert_eq!(free(&[day, week], "2026-04-05T08:02:00Z"), Some(t("2026-04-05T08:02:00Z")));
        assert_eq!(free(&[FrequencyCap { max: 0, per: CapPeriod::Day }], "2026-03-29T08:02:00Z"), None);
        let taken = |cap| cap_taken_by(cap, &slots, Class::Marketing, &nairobi, t("2026-03-29T08:02:00Z"));
        assert_eq!((taken(day), taken(week)), (slots[1..].to_vec(), slots.to_vec()));
    }
}
