//! Refused rows, written so that they can be mended and imported again.

use super::Refused;
use super::columns::{Column, Header, LINE, REASON};
use super::error::IngestError;
use super::json::parse;
use super::records::cells;
use serde_json::Map;
use std::io::{self, Write};

/// Member of a refused line of NDJSON that holds its text, where that is no JSON object, or one with a member twice.
pub(super) const ROW: &str = "_row";

/// Writes refused rows down; nothing is written before the first.
///
/// - CSV: the columns of the file they came from, then `_line` and `_reason`, which are passed over when the file is
///   imported again. A row that cannot be cut into cells stands whole in one quoted cell.
/// - NDJSON: the refused object with `_line` and `_reason` in front; or where the line is no JSON object, or has a
///   member twice, `{"_line": …, "_reason": …, "_row": "the line"}`. Mend the object, or the text in `_row`.
/// - Of a row longer than 64 KiB only the beginning is kept, and the reason says so.
pub struct Rejects<W> {
    writer: W,
    form: Form,
    written: u64,
}

enum Form {
    Csv(Header),
    Ndjson,
}

impl Rejects<Vec<u8>> {
    /// What was written since the last call: to be passed on as it comes.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.writer)
    }
}

impl<W: Write> Rejects<W> {
    /// For a CSV file with those columns.
    pub fn customers(writer: W, header: Header) -> Self {
        Self { writer, form: Form::Csv(header), written: 0 }
    }

    /// For an NDJSON file.
    pub fn events(writer: W) -> Self {
        Self { writer, form: Form::Ndjson, written: 0 }
    }

    /// How many rows were written down.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes one row down.
    pub fn write(&mut self, row: &Refused) -> Result<(), IngestError> {
        let mut bytes = Vec::with_capacity(row.raw.len() + 256);
        match &self.form {
            Form::Csv(header) => csv_row(&mut bytes, header, row, self.written == 0),
            Form::Ndjson => ndjson_row(&mut bytes, row),
        }
        .and_then(|()| self.writer.write_all(&bytes))
        .map_err(IngestError::Rejects)?;
        self.written += 1;
        Ok(())
    }

    /// Writes out what is buffered and gives the writer back.
    pub fn finish(mut self) -> Result<W, IngestError> {
        self.writer.flush().map_err(IngestError::Rejects)?;
        Ok(self.writer)
    }
}

fn reason(row: &Refused) -> String {
    if row.whole { row.reason.clone() } else { format!("{} (only the beginning of the row stands here)", row.reason) }
}

fn csv_row(into: &mut Vec<u8>, header: &Header, row: &Refused, first: bool) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(into);
    let data = |index: &usize| header.columns.get(*index) != Some(&Column::Remark);
    if first {
        let names = header.names.iter().enumerate().filter(|(index, _)| data(index)).map(|(_, name)| name.as_str());
        writer.write_record(names.chain([LINE, REASON]))?;
    }
    let text = std::str::from_utf8(&row.raw).ok().filter(|_| row.whole);
    let cut = text.and_then(|text| cells(text).ok());
    match cut {
        Some(cells) => {
            for (_, cell) in cells.iter().enumerate().filter(|(index, _)| data(index)) {
                writer.write_field(cell.as_bytes())?;
            }
        }
        None => writer.write_field(&row.raw)?,
    }
    writer.write_record([row.line.to_string(), reason(row)])?;
    writer.flush()
}

fn ndjson_row(into: &mut Vec<u8>, row: &Refused) -> io::Result<()> {
    let mut object = Map::new();
    object.insert(LINE.to_owned(), row.line.into());
    object.insert(REASON.to_owned(), reason(row).into());
    match parse(&row.raw) {
        Ok(members) if row.whole => {
            let members = members.into_iter().filter(|(name, _)| name != LINE && name != REASON);
            object.extend(members);
        }
        _ => {
            object.insert(ROW.to_owned(), String::from_utf8_lossy(&row.raw).into());
        }
    }
    serde_json::to_writer(&mut *into, &object)?;
    into.push(b'\n');
    Ok(())
}
