//! Events and profiles from NDJSON.

use super::error::IngestError;
use super::json::parse;
use super::lines::{Lines, MAX_RECORD, Taken, shown, without_break, without_mark};
use super::rejects::ROW;
use super::segment::{MessageKind, Reading, Told};
use super::sent::Origin;
use super::{ImportOptions, Refused, Row};
use crate::domain::Schema;
use serde_json::Value as Json;
use std::io::{self, Read};
use std::sync::Arc;

/// The rows of an NDJSON file: one JSON object a line, in the form that Segment's clients send.
///
/// - `type: track` is an event: `userId`, `event`, `timestamp` (RFC 3339; without a zone it is UTC; it may lie in the
///   future), and optionally `messageId` and `properties`, where `null` counts as missing.
/// - `type: identify` is a profile: `userId`, `traits` (`null` clears an attribute), and optionally `timestamp`, from when
///   it holds, at most one hour after the import. `firstName`, `lastName` and `createdAt` are the attributes `first_name`,
///   `last_name` and `created_at`; `consent: {NAME: true}` or `consent.NAME: true` is consent.
/// - `page` and `screen` are events `Viewed NAME Page` and `Viewed NAME Screen` (`Loaded a Page`, `Loaded a Screen` where there
///   is no `name`), `group` is an event `Joined a Group` with the property `group_id`.
/// - An `anonymousId` stands for a customer where there is no `userId`. `identify` with both, and `alias` with a
///   `previousId`, say that two ids are of one customer.
/// - Other members are passed over, `_line` and `_reason` among them. A line `{"_row": "…"}` stands for the text in it, so
///   that mended rows of a file of refused rows can be read as they are.
/// - A member that is there twice refuses its line. Blank lines are passed over.
pub struct EventsNdjson<R> {
    lines: Lines<R>,
    bytes: Vec<u8>,
    schema: Arc<Schema>,
    options: ImportOptions,
    /// What is left of the row whose first part was given out.
    rest: Option<Row>,
    broken: bool,
}

impl<R: Read> EventsNdjson<R> {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(reader: R, schema: Arc<Schema>, options: ImportOptions) -> Self {
        Self { lines: Lines::new(reader), bytes: Vec::new(), schema, options, rest: None, broken: false }
    }

    /// Reads one line.
    fn read(&mut self) -> io::Result<Line> {
        self.bytes.clear();
        let line = self.lines.next_line();
        match self.lines.take(&mut self.bytes, MAX_RECORD + 1)? {
            Taken::End => return Ok(Line::End),
            Taken::Part => {
                self.lines.skip_line()?;
                return Ok(Line::Row(Box::new(self.refused(line, "the line is longer than 1 MiB".to_owned()))));
            }
            Taken::Whole => {}
        }
        let bytes = without_break(&self.bytes);
        let bytes = if line == 1 { without_mark(bytes) } else { bytes };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Line::Blank);
        }
        let row = match self.told(bytes) {
            Ok(Told { merge: None, arrival }) => Row::Arrival(arrival),
            Ok(Told { merge: Some(merge), arrival }) => {
                self.rest = Some(Row::Arrival(arrival));
                Row::Part(merge)
            }
            Err(reason) => self.refused(line, reason),
        };
        Ok(Line::Row(Box::new(row)))
    }

    fn told(&self, bytes: &[u8]) -> Result<Told, String> {
        let mut message = parse(bytes)?;
        if let Some(Json::String(row)) = message.get(ROW) {
            message = parse(row.as_bytes())?;
        }
        let reading = Reading { schema: &self.schema, received_at: self.options.received_at, origin: Origin::File };
        reading.read(MessageKind::of(&message)?, &message)
    }

    fn refused(&self, line: u64, reason: String) -> Row {
        let (raw, shown_whole) = shown(without_break(&self.bytes));
        let whole = shown_whole && self.bytes.len() <= MAX_RECORD;
        Row::Refused(Refused { line, raw, whole, reason })
    }
}

/// What a line came to.
enum Line {
    Row(Box<Row>),
    Blank,
    End,
}

impl<R: Read> Iterator for EventsNdjson<R> {
    type Item = Result<Row, IngestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.rest.take() {
            return Some(Ok(row));
        }
        while !self.broken {
            match self.read() {
                Ok(Line::End) => return None,
                Ok(Line::Blank) => {}
                Ok(Line::Row(row)) => return Some(Ok(*row)),
                Err(source) => {
                    self.broken = true;
                    return Some(Err(IngestError::Read { line: self.lines.next_line() - 1, source }));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flood, OPTIONS};
    use super::{EventsNdjson, Row};
    use std::sync::Arc;

    #[test]
    fn a_gigabyte_in_one_line_is_refused_in_bounded_memory() {
        let good = r#"{"type":"track","userId":"1","event":"e","timestamp":"2026-01-01"}"#;
        let file = Flood { head: "\n", byte: b'x', bytes: 1 << 30, tail: format!("\n{good}\n") };
        let mut rows = EventsNdjson::new(file.open(), Arc::default(), OPTIONS);
        let Some(Ok(Row::Refused(refused))) = rows.next() else { panic!("refused") };
        assert_eq!((refused.line, refused.whole, refused.raw.len()), (2, false, super::super::SHOWN_RECORD));
        assert!(refused.reason.contains("longer than 1 MiB"));
        assert!(matches!(rows.next(), Some(Ok(Row::Arrival(_)))));
        assert!(rows.next().is_none());
        assert!(rows.bytes.capacity() < 8 << 20, "{}", rows.bytes.capacity());
    }
}
