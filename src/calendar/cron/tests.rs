use super::Cron;
use crate::calendar::zone;
use crate::domain::{Span, Time};

fn t(text: &str) -> Time {
    text.parse().unwrap()
}

/// The occurrences of 24 hours from `from`, as `wall time = instant`.
fn day(cron: &str, name: &str, from: &str) -> Vec<String> {
    let (cron, zone) = (Cron::parse(cron).unwrap(), zone(name).unwrap());
    let end = t(from).plus(Span::hours(25));
    let mut after = t(from);
    let mut found = Vec::new();
    while let Some(next) = cron.next(&zone, after).filter(|next| next.at < end) {
        found.push(format!("{} = {}", next.local, next.at));
        after = next.at;
    }
    found
}

#[test]
fn a_fixed_time_in_the_gap_fires_once_at_the_first_instant_after_it() {
    assert_eq!(day("30 2 * * *", "Europe/Zagreb", "2026-03-28T12:00:00Z"), ["2026-03-29T03:00 = 2026-03-29T01:00:00Z"]);
    assert_eq!(
        day("30 2,3 * * *", "Europe/Zagreb", "2026-03-28T12:00:00Z"),
        ["2026-03-29T03:00 = 2026-03-29T01:00:00Z", "2026-03-29T03:30 = 2026-03-29T01:30:00Z"]
    );
    assert_eq!(
        day("15 2 * * *", "America/New_York", "2026-03-07T20:00:00Z"),
        ["2026-03-08T03:00 = 2026-03-08T07:00:00Z"]
    );
    assert_eq!(
        day("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T10:00:00Z"),
        ["2026-10-04T02:30 = 2026-10-03T15:30:00Z"]
    );
}

#[test]
fn a_fixed_time_in_the_overlap_fires_once_the_first_time_round() {
    assert_eq!(day("30 2 * * *", "Europe/Zagreb", "2026-10-24T12:00:00Z"), ["2026-10-25T02:30 = 2026-10-25T00:30:00Z"]);
    assert_eq!(
        day("30 1 * * *", "America/New_York", "2026-10-31T20:00:00Z"),
        ["2026-11-01T01:30 = 2026-11-01T05:30:00Z"]
    );
    assert_eq!(
        day("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T08:00:00Z"),
        ["2026-04-05T01:45 = 2026-04-04T14:45:00Z"]
    );
}

#[test]
fn a_repeating_schedule_skips_the_gap_and_passes_the_overlap_once() {
    let gap = day("*/30 1-3 * * *", "Europe/Zagreb", "2026-03-28T20:00:00Z");
    let walls: Vec<&str> = gap.iter().map(|line| &line[11..16]).collect();
    assert_eq!(walls, ["01:00", "01:30", "03:00", "03:30"]);
    let overlap = day("*/30 1-3 * * *", "Europe/Zagreb", "2026-10-24T20:00:00Z");
    let walls: Vec<&str> = overlap.iter().map(|line| &line[11..16]).collect();
    assert_eq!(walls, ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]);
}

#[test]
fn zones_without_summer_time_fire_at_the_same_utc_time_all_year() {
    for (name, utc) in [("Africa/Nairobi", "07:00:00Z"), ("Asia/Kolkata", "04:30:00Z")] {
        for from in ["2026-03-28T22:00:00Z", "2026-10-24T22:00:00Z"] {
            let fired = day("0 10 * * *", name, from);
            assert!(fired.len() == 1 && fired[0].ends_with(utc), "{name}: {fired:?}");
        }
    }
}

#[test]
fn a_fixed_time_of_a_skipped_day_fires_at_the_first_instant_after_it() {
    let fired = day("0 10 30 12 *", "Pacific/Apia", "2011-12-29T12:00:00Z");
    assert_eq!(fired, ["2011-12-31T00:00 = 2011-12-30T10:00:00Z"]);
    assert!(day("0 * 30 * *", "Pacific/Apia", "2011-12-29T12:00:00Z").is_empty());
}

#[test]
fn six_fields_have_seconds_in_front_and_wall_times_show_them() {
    let (cron, utc) = (Cron::parse("15 30 9 * * MON-FRI").unwrap(), zone("UTC").unwrap());
    let next = cron.next(&utc, t("2026-11-20T12:00:00Z")).unwrap();
    assert_eq!((next.local.as_str(), next.at), ("2026-11-23T09:30:15", t("2026-11-23T09:30:15Z")));
}

#[test]
fn a_time_between_two_seconds_is_before_the_second_one() {
    let (cron, utc) = (Cron::parse("0 10 * * *").unwrap(), zone("UTC").unwrap());
    let at = |after| cron.next(&utc, t(after)).unwrap().local;
    assert_eq!(at("2026-11-22T09:59:59.999Z"), "2026-11-22T10:00");
    assert_eq!(at("2026-11-22T10:00:00Z"), "2026-11-23T10:00");
    assert_eq!(at("2026-11-22T10:00:00.001Z"), "2026-11-23T10:00");
}

#[test]
fn what_other_crons_understand_is_understood() {
    for text in [
        "0 10 * * *",
        " 0 10 * * 7 ",
        "*/5 8-18 * jan-mar mon-fri",
        "0 9 L * *",
        "0 9 15W * *",
        "0 9 ? * FRI#L",
        "0 9 * * FRIL",
        "0 9 * * MON#1",
        "0 0 29 2 *",
        "0 10 * * SAT-SUN",
        "0,30 9-17/2 1,15 * *",
    ] {
        assert!(Cron::parse(text).is_ok(), "{text}: {:?}", Cron::parse(text));
    }
}

#[test]
fn a_bad_schedule_is_named_in_plain_words_with_what_to_write() {
    for (text, message, help) in [
        ("", "the schedule is empty", "write five fields"),
        ("0 10 * *", "a schedule has 5 fields, or 6 with seconds in front; `0 10 * *` has 4 fields", "`0 10 * * *`"),
        ("0 25 * * *", "the hour `25` is not between 0 and 23", "write the hour as `10`"),
        ("60 * * * *", "the minute `60` is not between 0 and 59", "`*/15`"),
        ("0 10 * * MONDAY", "the day of the week `MONDAY` is not understood", "`MON`"),
        ("0 10 0 * *", "the day of the month `0` is not between 1 and 31", "`1,15`"),
        ("0 10 * 13 *", "the month `13` is not between 1 and 12", "`JAN`"),
        ("0 5/10 * * *", "`5/10` steps through nothing", "write `5-23/10`"),
        ("*/0 * * * *", "the minute steps by 0: 1 to 59 is possible", "`*/15`"),
        ("0 22-6 * * *", "the hour runs backwards in `22-6`", "`22-23,0-6`"),
        ("0 10,, * * *", "the hour `10,,` is not understood", "`10`"),
        ("0 10 30 2 *", "`0 10 30 2 *` never fires: no such day exists", "that the month has"),
        ("@daily", "`@daily` is not understood here", "write five fields"),
        ("0 10 * * * 2026 7", "has 7 fields", "write five fields"),
        ("0 10 * * MON#6", "the day of the week `MON#6` is not understood", "`MON#1`"),
    ] {
        let error = Cron::parse(text).unwrap_err();
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.help.contains(help), "{text}: {}", error.help);
    }
}
