//! A clock that jumps, and one that cannot be right.

use crate::clock::Clock;
use crate::domain::{Span, Time};
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Less than this is told of nowhere: clocks are put right by seconds, and a look may have to wait.
const WORTH_A_WORD: Span = Span::seconds(5);
/// So many jumps are told in a minute.
const MOST_TOLD: u32 = 10;
/// A clock that is this far behind what is known to be past is wrong.
const BEHIND: Span = Span::minutes(2);

/// How often the clocks are compared.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells the log of every jump of the clock, until it is dropped.
pub(super) async fn watch(clock: impl Clock) {
    let mut jumps = Jumps::since(clock.now());
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        jumps.look(clock.now());
    }
}

/// Compares the wall clock with the one that only goes on.
#[derive(Debug)]
struct Jumps {
    last: (Time, Instant),
    told: (u32, Instant),
}

impl Jumps {
    /// From now on.
    fn since(now: Time) -> Self {
        let instant = Instant::now();
        Self { last: (now, instant), told: (0, instant) }
    }

    /// Says so in the log if the wall clock jumped since the last look.
    fn look(&mut self, now: Time) {
        let instant = Instant::now();
        let jump = jump(self.last, (now, instant));
        let expected = now.minus(jump.unwrap_or(Span(0)));
        self.last = (now, instant);
        let Some(by) = jump else { return };
        if instant.duration_since(self.told.1) > Duration::from_mins(1) {
            self.told = (0, instant);
        }
        self.told.0 += 1;
        if self.told.0 <= MOST_TOLD {
            tell(expected, now, by);
        }
    }
}

/// By how much more than the other clock the wall clock went on, if that is worth a word.
fn jump((wall, steady): (Time, Instant), (now, instant): (Time, Instant)) -> Option<Span> {
    let passed = i64::try_from(instant.duration_since(steady).as_millis()).unwrap_or(i64::MAX);
    let by = Span(now.since(wall).0.saturating_sub(passed));
    (by.0.abs() >= WORTH_A_WORD.0).then_some(by)
}

fn tell(from: Time, to: Time, by: Span) {
    let seconds = by.0 / 1000;
    if by.0 > 0 {
        tracing::warn!(
            %from, %to, seconds,
            "the clock jumped forward, or the machine slept: what fell due in between is worked off now, ticks as `misfire` \
             says, and what has expired is cancelled"
        );
    } else {
        tracing::warn!(
            %from, %to, seconds,
            "the clock jumped back: what is due waits until it is that time again, schedules at most an hour; nothing is sent \
             again"
        );
    }
}

/// Why the clock cannot be right, in plain words: it is earlier than the program was made, or than the store was
/// written.
pub(super) fn doubts(now: Time, written: Option<Time>) -> Vec<String> {
    let built = env!("RETAIND_BUILD_EPOCH").parse().ok().map(|seconds: i64| Time(seconds * 1000));
    let is_past = |at: &Time| now.plus(BEHIND) < *at;
    let program = built.filter(is_past).map(|at| format!("it shows {now}, and this program was made at {at}"));
    let store = written.filter(is_past).map(|at| format!("it shows {now}, and the store was last written at {at}"));
    program.into_iter().chain(store).collect()
}

/// When the store in that folder was last written, by the clock as it was then.
pub(super) fn last_written(store: &Path) -> Option<Time> {
    let modified = std::fs::metadata(store.join("db")).and_then(|found| found.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::{doubts, jump};
    use crate::domain::{Span, Time};
    use std::time::{Duration, Instant};

    #[test]
    fn a_jump_is_what_the_wall_clock_went_more_than_the_other() {
        let (wall, steady) = (Time(1_795_341_600_000), Instant::now());
        let after = |shown: i64, passed: u64| {
            jump((wall, steady), (wall.plus(Span(shown)), steady + Duration::from_millis(passed)))
        };
        assert_eq!(after(60_000, 60_000), None, "a long look");
        assert_eq!(after(4_000, 1_000), None);
        assert_eq!(after(86_401_000, 1_000), Some(Span::days(1)));
        assert_eq!(after(-29_000, 1_000), Some(Span::seconds(-30)));
    }

    #[test]
    fn a_clock_before_what_is_known_to_be_past_is_doubted() {
        let written = Time(4_000_000_000_000);
        assert!(doubts(written, Some(written.plus(Span::minutes(1)))).is_empty());
        assert!(doubts(written, None).is_empty());
        let said = doubts(written, Some(written.plus(Span::hours(1))));
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("the store was last written at"), "{said:?}");
    }
}
