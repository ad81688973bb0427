//! When something happened, by the clock of whoever sent it.

use super::lines::shortened;
use crate::domain::{IMPORT, Span, Time};
use serde_json::{Map, Value as Json};

/// A message that arrives so much later than it was sent was slow on its way; the sender's clock is not behind for it.
const UNDER_WAY: Span = Span::seconds(10);

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file: its times are right.
    File,
    /// A call: its times are those of a sender whose clock may be wrong.
    Call {
        /// When the call was sent, by that clock.
        sent_at: Option<Time>,
    },
}

impl Origin {
    /// What is noted as the source of what it tells.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::File => IMPORT,
            Self::Call { .. } => "identify",
        }
    }

    /// By how much the times of a message are to be moved.
    pub(super) fn moved(self, message: &Map<String, Json>, received_at: Time) -> Span {
        match self {
            Self::File => Span(0),
            Self::Call { sent_at } => behind(sent_at_of(message).or(sent_at), received_at),
        }
    }
}

/// A message's `timestamp`, moved by as much as the sender's clock is wrong: `timestamp + (received - sentAt)`, the
/// message's own `sentAt` before that of its batch.
///
/// A difference of up to [`UNDER_WAY`] that the way explains is left alone, or messages would stand in the order of
/// their arrival and not in that of their times.
pub(super) fn timestamp(
    message: &Map<String, Json>,
    origin: Origin,
    received_at: Time,
) -> Result<Option<Time>, String> {
    time("timestamp", "timestamp", message, origin.moved(message, received_at))
}

/// A time among members, moved by that much. `shown` is what it is called to the sender.
pub(super) fn time(name: &str, shown: &str, members: &Map<String, Json>, moved: Span) -> Result<Option<Time>, String> {
    let unusable =
        |text: &str| format!("`{shown}` is `{}`, expected a time such as 2026-03-29T10:00:00Z", shortened(text));
    let at = match members.get(name) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text.trim().parse::<Time>().map_err(|_| unusable(text))?,
        Some(other) => return Err(unusable(&other.to_string())),
    };
    let at = at.plus(moved);
    if (Time::MIN..=Time::MAX).contains(&at) { Ok(Some(at)) } else { Err(unusable(&at.0.to_string())) }
}

/// The `sentAt` of a message or of a batch. One that is no time says nothing.
pub(super) fn sent_at_of(message: &Map<String, Json>) -> Option<Time> {
    message.get("sentAt").and_then(sent_at)
}

/// A `sentAt` as a time.
pub(super) fn sent_at(json: &Json) -> Option<Time> {
    let at = json.as_str()?.trim().parse().ok()?;
    (Time::MIN..=Time::MAX).contains(&at).then_some(at)
}

/// By how much the sender's clock is behind ours.
fn behind(sent_at: Option<Time>, received_at: Time) -> Span {
    let behind = sent_at.map_or(Span(0), |sent_at| received_at.since(sent_at));
    if (0..=UNDER_WAY.0).contains(&behind.0) { Span(0) } else { behind }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Span, Time, timestamp};
    use serde_json::{Value as Json, json};

    const NOW: Time = Time(1_772_323_200_000);

    fn at(message: Json, sent_at: Option<Time>) -> Result<Option<Time>, String> {
        let Json::Object(message) = message else { panic!("an object") };
        timestamp(&message, Origin::Call { sent_at }, NOW)
    }

    #[test]
    fn a_wrong_clock_is_put_right_by_when_the_call_was_sent() {
        let message = json!({"timestamp": "2026-02-28T21:00:00Z"});
        let expected = |span| Ok(Some(Time(1_772_312_400_000).plus(span)));
        assert_eq!(at(message.clone(), None), expected(Span(0)));
        assert_eq!(at(message.clone(), Some(NOW.minus(Span::hours(2)))), expected(Span::hours(2)));
        assert_eq!(at(message, Some(NOW.plus(Span::seconds(3)))), expected(Span::seconds(-3)));
    }

    #[test]
    fn a_slow_way_does_not_move_what_it_carries() {
        let message = json!({"timestamp": "2026-02-28T23:59:50Z"});
        assert_eq!(at(message, Some(NOW.minus(Span::seconds(9)))), Ok(Some(NOW.minus(Span::seconds(10)))));
    }

    #[test]
    fn a_messages_own_sent_at_comes_before_that_of_its_batch() {
        let message = json!({"timestamp": "2026-02-28T22:00:00Z", "sentAt": "2026-02-28T23:00:00"});
        assert_eq!(at(message, Some(NOW)), Ok(Some(NOW.minus(Span::hours(1)))));
    }

    #[test]
    fn a_sent_at_that_is_no_time_says_nothing() {
        for sent_at in [json!(5), json!("soon"), json!(null)] {
            assert_eq!(at(json!({"timestamp": "2026-03-01", "sentAt": sent_at}), None), Ok(Some(NOW)));
        }
        assert!(at(json!({"timestamp": "9999-01-01", "sentAt": "0001-01-02"}), None).is_err());
    }
}
