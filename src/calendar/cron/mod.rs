//! Cron schedules: which wall times fire, and at which instants of a zone.

mod field;

use super::day::{Resolved, local, resolve};
use crate::domain::Time;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use std::fmt;
use std::sync::Arc;

/// A schedule: five cron fields (minute, hour, day of the month, month, day of the week), or six with seconds in front.
///
/// A wall time fires at most once. Where clocks go back it fires the first time round; where they go forward, a fixed
/// time that is skipped fires at the first instant after the gap, and a repeating one (`*`, a range or a step in
/// minute or hour) not at all.
#[derive(Clone)]
pub struct Cron {
    text: Arc<str>,
    inner: Arc<croner::Cron>,
    fixed: bool,
}

/// A wall time at which a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The instant.
    pub at: Time,
    /// The zone's wall time at that instant, without offset: `2026-11-22T10:00`, with seconds only if they are not 0.
    pub local: String,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// The cause in plain words.
    pub message: String,
    /// What to write.
    pub help: String,
}

const EXAMPLE: &str = "write five fields: minute, hour, day of the month, month, day of the week; \
                       `0 10 * * *` is every day at 10:00, `30 9 * * MON` every Monday at 9:30";

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// When a field is missing, out of range or misspelt, or when no day ever matches.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let fields = field::split(text)?;
        let inner =
            CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build().parse(text).map_err(
                |source| CronError { message: format!("`{text}` is no schedule: {source}"), help: EXAMPLE.into() },
            )?;
        let cron = Self { text: text.trim().into(), inner: Arc::new(inner), fixed: field::is_fixed(&fields) };
        if cron.next_wall(date(2001, 1, 1).at(0, 0, 0, 0)).is_none() {
            return Err(CronError {
                message: format!("`{}` never fires: no such day exists", cron.text),
                help: "choose a day that the month has".into(),
            });
        }
        Ok(cron)
    }

    /// The schedule as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first occurrence later than `after`; `None` at the end of time.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, after: Time) -> Option<Occurrence> {
        let mut wall = local(zone, after);
        loop {
            wall = self.next_wall(wall)?;
            let (at, resolved) = resolve(zone, wall);
            let skipped = resolved == Resolved::AfterGap && !self.fixed;
            if at > after && !skipped {
                return Some(Occurrence { at, local: written(local(zone, at)) });
            }
        }
    }

    fn next_wall(&self, after: DateTime) -> Option<DateTime> {
        self.inner.find_next_occurrence(&after, false).ok()
    }
}

/// The occurrence that a tick at this instant would have: the zone's wall time without offset.
#[must_use]
pub fn occurrence_at(zone: &TimeZone, at: Time) -> String {
    written(local(zone, at))
}

fn written(wall: DateTime) -> String {
    let (date, hour, minute, second) = (wall.date(), wall.hour(), wall.minute(), wall.second());
    if second == 0 {
        format!("{date}T{hour:02}:{minute:02}")
    } else {
        format!("{date}T{hour:02}:{minute:02}:{second:02}")
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

#[cfg(test)]
mod tests;
