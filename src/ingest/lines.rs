//! Lines of a file, in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

/// The longest record that is read, in bytes (1 MiB).
pub const MAX_RECORD: usize = 1 << 20;
/// How much of a refused record is kept, in bytes (64 KiB).
pub const SHOWN_RECORD: usize = 64 << 10;
/// How much is read from the file at once.
const CHUNK: usize = 256 << 10;

/// How much of a line was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is nothing more in the file.
    End,
    /// Up to the end of the line, its break included where the file has one.
    Whole,
    /// As much as was asked for; more of the line is still to come.
    Part,
}

/// A file as lines, counted from 1.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    /// Line breaks passed so far.
    passed: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(CHUNK, reader), passed: 0 }
    }

    /// The number of the line that comes next, or of the one that was taken in part.
    pub(super) fn next_line(&self) -> u64 {
        self.passed + 1
    }

    /// Appends the next line, or what is left of one, to `into`: at most `room` bytes.
    pub(super) fn take(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<Taken> {
        let before = into.len();
        self.reader.by_ref().take(room as u64).read_until(b'\n', into)?;
        let read = into.len() - before;
        if read == 0 {
            return Ok(Taken::End);
        }
        if into.last() == Some(&b'\n') {
            self.passed += 1;
            return Ok(Taken::Whole);
        }
        Ok(if read < room { Taken::Whole } else { Taken::Part })
    }

    /// Passes over the rest of a line that was taken in part.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        self.reader.skip_until(b'\n')?;
        self.passed += 1;
        Ok(())
    }
}

/// The bytes without a byte order mark, which some programs put at the start of a file.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// The bytes without the line break at their end.
pub(super) fn without_break(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// The beginning of a record, as it is kept for a refusal, and whether that is all of it.
pub(super) fn shown(bytes: &[u8]) -> (Vec<u8>, bool) {
    let kept = &bytes[..bytes.len().min(SHOWN_RECORD)];
    (kept.to_vec(), kept.len() == bytes.len())
}

/// A text from outside, short enough to stand in a reason.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{Lines, Taken};

    #[test]
    fn a_line_longer_than_the_room_comes_in_parts_and_counts_once() {
        let mut lines = Lines::new(&b"abcdef\ngh"[..]);
        let mut bytes = Vec::new();
        assert_eq!(lines.take(&mut bytes, 4).unwrap(), Taken::Part);
        assert_eq!(lines.next_line(), 1);
        lines.skip_line().unwrap();
        bytes.clear();
        assert_eq!(lines.take(&mut bytes, 4).unwrap(), Taken::Whole);
        assert_eq!((bytes.as_slice(), lines.next_line()), (&b"gh"[..], 2));
        assert_eq!(lines.take(&mut bytes, 4).unwrap(), Taken::End);
    }
}
