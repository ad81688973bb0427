//! CSV records: found in bounded memory, then cut into cells (RFC 4180).

use super::lines::{Lines, MAX_RECORD, Taken};
use std::borrow::Cow;
use std::io::{self, Read};

/// How much of a line is looked at once.
const STEP: usize = 64 << 10;

/// Where in a record a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// At the start of a cell.
    Start,
    /// In a cell without quotes, or behind the closing quote of one.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that closes the cell, unless another quote follows.
    Closing,
}

impl Scan {
    const fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) | (Self::Closing | Self::Start, b'"') => Self::Quoted,
            (_, b',' | b'\n') => Self::Start,
            _ => Self::Plain,
        }
    }

    /// The same as a step for each byte, without looking at each where none can be a quote.
    fn feed(self, bytes: &[u8]) -> Self {
        if self == Self::Closing || bytes.contains(&b'"') {
            return bytes.iter().copied().fold(self, Self::step);
        }
        match (self, bytes.last()) {
            (Self::Quoted, _) | (_, None) => self,
            (_, Some(b',' | b'\n')) => Self::Start,
            _ => Self::Plain,
        }
    }
}

/// What is wrong with a record as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is longer than [`MAX_RECORD`].
    TooLong,
    /// The file ends between quotes.
    NotClosed,
}

/// Where a record stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Its first line.
    pub(super) line: u64,
    /// Its last line; another one where a cell holds line breaks.
    pub(super) through: u64,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

impl Record {
    /// What to say of its fault.
    pub(super) fn reason(&self) -> Option<String> {
        let (line, through) = (self.line, self.through);
        Some(match self.fault? {
            Fault::TooLong if through == line => "the line is longer than 1 MiB".to_owned(),
            Fault::TooLong => format!(
                "the record is longer than 1 MiB and was passed over, lines {line} to {through}; is a quote (\") not closed?"
            ),
            Fault::NotClosed => format!(
                "a quote (\") is opened here and not closed; lines {line} to {through}, the end of the file, were passed over"
            ),
        })
    }
}

/// A CSV file as records.
pub(super) struct Records<R> {
    lines: Lines<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { lines: Lines::new(reader), bytes: Vec::new() }
    }

    /// The bytes of the record that was read last: all of them, or of a record too long the first [`MAX_RECORD`].
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of the last line that was read in full.
    pub(super) fn passed(&self) -> u64 {
        self.lines.next_line() - 1
    }

    /// Reads to the end of the next record; `None` at the end of the file.
    ///
    /// A record that is too long is passed over by the rules of quoting, so that what stands between quotes is never
    /// taken for records of its own.
    pub(super) fn read(&mut self) -> io::Result<Option<Record>> {
        self.bytes.clear();
        let line = self.lines.next_line();
        let (mut scan, mut fault, mut through) = (Scan::Start, None, line);
        let mut rest = Vec::new();
        loop {
            let into = if fault.is_some() { &mut rest } else { &mut self.bytes };
            let before = into.len();
            let here = self.lines.next_line();
            let taken = self.lines.take(into, STEP)?;
            scan = scan.feed(&into[before..]);
            match taken {
                Taken::End if before == 0 && fault.is_none() => return Ok(None),
                Taken::End if scan == Scan::Quoted => {
                    return Ok(Some(Record { line, through, fault: fault.or(Some(Fault::NotClosed)) }));
                }
                Taken::End => return Ok(Some(Record { line, through, fault })),
                Taken::Whole | Taken::Part => through = here,
            }
            if self.bytes.len() > MAX_RECORD {
                self.bytes.truncate(MAX_RECORD);
                fault = Some(Fault::TooLong);
            }
            rest.clear();
            if taken == Taken::Whole && scan != Scan::Quoted {
                return Ok(Some(Record { line, through, fault }));
            }
        }
    }
}

/// The cells of one whole record without its line break, or what is wrong with it.
pub(super) fn cells(record: &str) -> Result<Vec<Cow<'_, str>>, String> {
    if !record.contains('"') {
        return Ok(record.split(',').map(Cow::Borrowed).collect());
    }
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let (cell, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_cell(quoted).ok_or("a quote (\") is opened and not closed")?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        cells.push(cell);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(cells),
            None => return Err(format!("cell {} goes on behind its closing quote (\")", cells.len())),
        }
    }
}

/// A cell behind its opening quote, and what follows its closing one.
fn quoted_cell(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"')?;
        if !text[quote + 1..].starts_with('"') {
            let inside = &text[..quote];
            let cell = if from == 0 { Cow::Borrowed(inside) } else { Cow::Owned(inside.replace("\"\"", "\"")) };
            return Some((cell, &text[quote + 1..]));
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Flood;
    use super::{Fault, Record, Records, cells};

    #[test]
    fn a_line_without_end_is_passed_over_in_bounded_memory() {
        let file = Flood { head: "id\n1,", byte: b'x', bytes: 256 << 20, tail: "\n2\n".to_owned() };
        let mut records = Records::new(file.open());
        records.read().unwrap();
        let record = records.read().unwrap();
        assert_eq!(record, Some(Record { line: 2, through: 2, fault: Some(Fault::TooLong) }));
        assert!(records.bytes.capacity() < 8 << 20, "{}", records.bytes.capacity());
        records.read().unwrap();
        assert_eq!(records.bytes(), b"2\n");
    }

    fn all(text: &str) -> Vec<(Record, String)> {
        let mut records = Records::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(record) = records.read().unwrap() {
            found.push((record, String::from_utf8(records.bytes().to_vec()).unwrap()));
        }
        found
    }

    #[test]
    fn a_line_break_between_quotes_belongs_to_the_record() {
        let found = all("a,\"b\nc\"\r\nd\"e,f\n\ng");
        let lines: Vec<_> = found.iter().map(|(record, _)| (record.line, record.through)).collect();
        assert_eq!(lines, [(1, 2), (3, 3), (4, 4), (5, 5)]);
        assert_eq!(found[0].1, "a,\"b\nc\"\r\n");
    }

    #[test]
    fn a_quote_that_stays_open_is_told_with_its_line() {
        let found = all("a\n\"b\nc\nd");
        assert_eq!(found[1].0, Record { line: 2, through: 4, fault: Some(Fault::NotClosed) });
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_record_too_long_is_passed_over_to_its_own_end() {
        let long = "x,y\n".repeat(300_000);
        let found = all(&format!("a\n\"{long}\"\nb\n"));
        assert_eq!(found[1].0, Record { line: 2, through: 300_002, fault: Some(Fault::TooLong) });
        assert_eq!((found[2].0.line, found[2].1.as_str()), (300_003, "b\n"));
    }

    #[test]
    fn cells_are_cut_as_the_csv_crate_cuts_them() {
        for text in ["a,b", "", ",", "a,\"b\"\"c\",", "\"\",\"\"\"\"", "5\" pipe,x", "\"a,b\r\nc\",d"] {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let theirs: Vec<String> = match reader.records().next() {
                Some(record) => record.unwrap().iter().map(str::to_owned).collect(),
                None => vec![String::new()],
            };
            assert_eq!(cells(text).unwrap(), theirs, "{text}");
        }
        assert!(cells("\"a\"b,c").unwrap_err().contains("cell 1 goes on"));
    }
}
