//! Which ticks of a schedule fire now.

use super::cron::{Cron, Occurrence};
use crate::domain::{Misfire, MisfirePolicy, Span, Time};
use jiff::tz::TimeZone;

/// What is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The ticks that fire, oldest first.
    pub fire: Vec<Occurrence>,
    /// Ticks that do not, by the misfire setting; counted up to [`FIRED_AT_ONCE`].
    pub passed_over: u64,
    /// The new `last planned`: ticks up to here are done with.
    pub until: Time,
}

/// A tick later than this after its instant was missed; within it, it is just on time.
pub const GRACE: Span = Span::minutes(1);

/// A `last planned` further ahead of now than this comes from a clock that was wrong.
pub const AHEAD: Span = Span::hours(1);

/// The most ticks that one plan names or counts. Under the policy `all` the next plan takes up where this one ends.
pub const FIRED_AT_ONCE: usize = 1000;

/// The ticks in `(last_planned, now]` that fire under the misfire setting. Those older than `misfire.within` never do.
/// `latest` fires only the last, `all` each, `skip` those that are not later than [`GRACE`].
#[must_use]
pub fn plan(cron: &Cron, zone: &TimeZone, last_planned: Time, now: Time, misfire: Misfire) -> Plan {
    if last_planned > now {
        let until = if last_planned > now.plus(AHEAD) { now } else { last_planned };
        return Plan { until, ..Plan::default() };
    }
    let oldest = now.minus(misfire.within).minus(Span(1));
    let too_old = Ticks { cron, zone, after: last_planned, until: oldest.min(now) };
    let start = Ticks { after: last_planned.max(oldest), until: now, ..too_old };
    let mut plan = Plan { passed_over: too_old.count(), until: now, ..Plan::default() };
    match misfire.policy {
        MisfirePolicy::All => {
            plan.fire.extend(start.all().take(FIRED_AT_ONCE));
            if plan.fire.len() == FIRED_AT_ONCE {
                plan.until = plan.fire.last().map_or(now, |last| last.at);
            }
        }
        MisfirePolicy::Latest => {
            plan.fire.extend(start.last());
            let before = plan.fire.first().map_or(start.after, |last| last.at.minus(Span(1)));
            plan.passed_over += Ticks { until: before, ..start }.count();
        }
        MisfirePolicy::Skip => {
            let missed = now.minus(GRACE).minus(Span(1));
            plan.fire.extend(Ticks { after: start.after.max(missed), ..start }.all().take(FIRED_AT_ONCE));
            plan.passed_over += Ticks { until: missed, ..start }.count();
        }
    }
    plan
}

/// The ticks of `(after, until]`, oldest first.
#[derive(Clone, Copy)]
struct Ticks<'p> {
    cron: &'p Cron,
    zone: &'p TimeZone,
    after: Time,
    until: Time,
}

impl<'p> Ticks<'p> {
    fn all(self) -> impl Iterator<Item = Occurrence> + 'p {
        let mut after = self.after;
        std::iter::from_fn(move || {
            if after >= self.until {
                return None;
            }
            let next = self.cron.next(self.zone, after).filter(|next| next.at <= self.until);
            after = next.as_ref().map_or(self.until, |next| next.at);
            next
        })
    }

    /// How many, counted up to [`FIRED_AT_ONCE`].
    fn count(self) -> u64 {
        self.all().take(FIRED_AT_ONCE).count() as u64
    }

    /// The last one. Looks at the nearest past first, so that a schedule of every second is no long work.
    fn last(self) -> Option<Occurrence> {
        let spans = [Span::minutes(1), Span::hours(1), Span::days(1), Span::days(32), Span(i64::MAX)];
        for span in spans {
            let near = Self { after: self.after.max(self.until.minus(span)), ..self };
            let last = near.all().last();
            if last.is_some() || near.after == self.after {
                return last;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRED_AT_ONCE, Plan, plan};
    use crate::calendar::{Cron, zone};
    use crate::domain::{Misfire, MisfirePolicy, Span, Time};

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn planned(cron: &str, (last, now): (&str, &str), policy: MisfirePolicy, within: Span) -> Plan {
        let cron = Cron::parse(cron).unwrap();
        plan(&cron, &zone("UTC").unwrap(), t(last), t(now), Misfire { policy, within })
    }

    fn fired(plan: &Plan) -> Vec<&str> {
        plan.fire.iter().map(|occurrence| occurrence.local.as_str()).collect()
    }

    #[test]
    fn a_tick_fires_at_its_instant_and_not_again() {
        let at_ten = planned(
            "0 10 * * *",
            ("2026-11-22T09:59:59Z", "2026-11-22T10:00:00Z"),
            MisfirePolicy::Skip,
            Span::hours(6),
        );
        assert_eq!((fired(&at_ten), at_ten.until), (vec!["2026-11-22T10:00"], t("2026-11-22T10:00:00Z")));
        let after =
            planned("0 10 * * *", ("2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z"), MisfirePolicy::All, Span::hours(6));
        assert!(after.fire.is_empty());
    }

    #[test]
    fn each_policy_judges_missed_ticks_its_own_way() {
        let missed =
            |policy| planned("0 * * * *", ("2026-11-22T05:30:00Z", "2026-11-22T10:30:00Z"), policy, Span::hours(3));
        let latest = missed(MisfirePolicy::Latest);
        assert_eq!((fired(&latest), latest.passed_over), (vec!["2026-11-22T10:00"], 4));
        let all = missed(MisfirePolicy::All);
        assert_eq!(fired(&all), ["2026-11-22T08:00", "2026-11-22T09:00", "2026-11-22T10:00"]);
        assert_eq!(all.passed_over, 2);
        let skip = missed(MisfirePolicy::Skip);
        assert_eq!((fired(&skip), skip.passed_over), (vec![], 5));
        assert!([latest, all, skip].iter().all(|plan| plan.until == t("2026-11-22T10:30:00Z")));
    }

    #[test]
    fn skip_still_fires_what_is_just_on_time() {
        let plan = |now| planned("0 10 * * *", ("2026-11-22T09:00:00Z", now), MisfirePolicy::Skip, Span::hours(6));
        assert_eq!(fired(&plan("2026-11-22T10:01:00Z")), ["2026-11-22T10:00"]);
        assert!(plan("2026-11-22T10:01:00.001Z").fire.is_empty());
    }

    #[test]
    fn a_tick_exactly_as_old_as_the_limit_fires_and_an_older_one_never() {
        let plan = |now| planned("0 10 * * *", ("2026-11-21T09:00:00Z", now), MisfirePolicy::Latest, Span::hours(6));
        assert_eq!(fired(&plan("2026-11-22T16:00:00Z")), ["2026-11-22T10:00"]);
        assert!(plan("2026-11-22T16:00:00.001Z").fire.is_empty());
    }

    #[test]
    fn years_of_downtime_under_a_schedule_of_every_second_are_little_work() {
        let span = ("2016-11-22T10:00:00Z", "2026-11-22T10:00:00Z");
        let latest = planned("* * * * * *", span, MisfirePolicy::Latest, Span::days(3650));
        assert_eq!(fired(&latest), ["2026-11-22T10:00"]);
        let all = planned("* * * * * *", span, MisfirePolicy::All, Span::hours(6));
        assert_eq!(all.fire.len(), FIRED_AT_ONCE);
        assert_eq!(fired(&all)[0], "2026-11-22T04:00");
        assert_eq!(all.until, all.fire.last().unwrap().at, "the next plan goes on from here");
    }

    #[test]
    fn a_last_planned_far_ahead_of_now_is_reset_and_a_near_one_kept() {
        let plan = |last| planned("* * * * *", (last, "2026-11-22T10:00:00Z"), MisfirePolicy::All, Span::hours(6));
        assert_eq!(plan("2026-11-22T11:00:00.001Z").until, t("2026-11-22T10:00:00Z"));
        assert_eq!(plan("2026-11-22T11:00:00Z").until, t("2026-11-22T11:00:00Z"));
        assert!(plan("2027-11-22T11:00:00Z").fire.is_empty());
    }

    #[test]
    fn plans_one_after_another_neither_skip_nor_repeat_over_a_change_of_clocks() {
        let (cron, zagreb) = (Cron::parse("30 2 * * *").unwrap(), zone("Europe/Zagreb").unwrap());
        for (start, expected) in
            [("2026-03-28T12:00:00Z", "2026-03-29T03:00"), ("2026-10-24T12:00:00Z", "2026-10-25T02:30")]
        {
            let mut last = t(start);
            let mut fired = Vec::new();
            while last < t(start).plus(Span::hours(24)) {
                let now = last.plus(Span::minutes(7));
                let plan = plan(&cron, &zagreb, last, now, Misfire::default());
                fired.extend(plan.fire.into_iter().map(|occurrence| occurrence.local));
                last = plan.until;
            }
            assert_eq!(fired, [expected]);
        }
    }
}
