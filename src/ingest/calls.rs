//! The body of a call becomes arrivals.

use super::cut::{Pieces, cut};
use super::json::parse;
use super::lines::without_mark;
use super::segment::{MessageKind, Reading};
use super::sent::{Origin, sent_at};
use crate::domain::{Arrival, Schema, Time};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

/// The most messages that one batch may hold.
pub const MOST_MESSAGES: usize = 2500;
/// A body that is nested deeper than this is no message of anybody's.
const DEEPEST_BODY: usize = 128;

/// What stands in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallForm {
    /// One message of that kind, whatever its `type` says.
    One(MessageKind),
    /// `{"batch": […]}`, each message with its `type`.
    Many,
}

/// Why a body cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// It is no JSON, or not of the form.
    #[error("{0}")]
    Malformed(String),
    /// It holds more messages than [`MOST_MESSAGES`].
    #[error("the batch holds {0} messages; at most {MOST_MESSAGES} are taken at once")]
    TooMany(usize),
}

/// One message of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallMessage {
    /// What it tells, if it says so.
    pub kind: Option<MessageKind>,
    /// The sender's id of it, if there is a usable one.
    pub message_id: Option<String>,
    /// What is to be stored for it, all of it or nothing; or why it cannot be, in plain words.
    pub read: Result<Vec<Arrival>, String>,
}

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    batch: Vec<&'b RawValue>,
    #[serde(default, rename = "sentAt")]
    sent_at: Json,
}

/// Reads the messages of a body that arrived at `received_at`. In a batch each message stands for itself: one that
/// cannot be read, for whatever reason, does not keep the others from being read.
pub fn read_call(form: CallForm, body: &[u8], schema: &Schema, received_at: Time) -> Result<Vec<CallMessage>, BadBody> {
    let body = without_mark(body);
    if deepest(body) > DEEPEST_BODY {
        return Err(BadBody::Malformed(format!("the body is nested deeper than {DEEPEST_BODY} levels")));
    }
    let reading = |sent_at| Reading { schema, received_at, origin: Origin::Call { sent_at } };
    match form {
        CallForm::One(kind) => {
            let message = parse(body).map_err(BadBody::Malformed)?;
            Ok(vec![read_message(&reading(None), Some(kind), &message)])
        }
        CallForm::Many => {
            // Read as an envelope, a list would do as well: its first item would be the batch.
            if !body.trim_ascii_start().starts_with(b"{") {
                return Err(BadBody::Malformed("not a JSON object with a list `batch`".to_owned()));
            }
            let (batch, sent) = messages(body)?;
            if batch.len() > MOST_MESSAGES {
                return Err(BadBody::TooMany(batch.len()));
            }
            let reading = reading(sent_at(&sent));
            Ok(batch.iter().map(|raw| read_raw(&reading, raw)).collect())
        }
    }
}

/// The messages of a batch, which may each be JSON or not, and its `sentAt`.
fn messages(body: &[u8]) -> Result<(Vec<&[u8]>, Json), BadBody> {
    match serde_json::from_slice::<Envelope<'_>>(body) {
        Ok(Envelope { batch, sent_at }) => Ok((batch.into_iter().map(|raw| raw.get().as_bytes()).collect(), sent_at)),
        Err(error) => {
            let Pieces { batch, sent_at } = cut(body).ok_or_else(|| malformed(&error))?;
            let sent_at = sent_at.and_then(|raw| serde_json::from_slice(raw).ok());
            Ok((batch, sent_at.unwrap_or_default()))
        }
    }
}

fn malformed(error: &serde_json::Error) -> BadBody {
    BadBody::Malformed(format!("not a JSON object with a list `batch`: {error}"))
}

fn read_raw(reading: &Reading<'_>, raw: &[u8]) -> CallMessage {
    match parse(raw) {
        Ok(message) => read_message(reading, None, &message),
        Err(reason) => CallMessage { kind: None, message_id: None, read: Err(reason) },
    }
}

fn read_message(reading: &Reading<'_>, kind: Option<MessageKind>, message: &Map<String, Json>) -> CallMessage {
    let kind = kind.map_or_else(|| MessageKind::of(message), Ok);
    let read = kind.clone().and_then(|kind| reading.read(kind, message));
    let message_id = super::segment::id_text("messageId", message.get("messageId")).ok().flatten();
    CallMessage { kind: kind.ok(), message_id, read: read.map(super::segment::Told::into_arrivals) }
}

/// How deep a body is nested, whether or not it is JSON.
fn deepest(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
