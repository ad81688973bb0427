//! Plain lines of text, for lists such as suppressions.

use super::lines::{Lines, MAX_RECORD, Taken, shown, without_break, without_mark};
use super::{IngestError, Refused};
use std::io::Read;

/// A line of text with its number, or why it cannot be read as one.
pub type TextLine = Result<(u64, String), Refused>;

/// The lines of a file, in bounded memory: one that is longer than [`MAX_RECORD`] or not UTF-8 is refused, and the
/// lines after it are read all the same.
///
/// # Errors
/// Each item is an error when reading itself fails; nothing follows it.
pub fn text_lines<R: Read>(reader: R) -> impl Iterator<Item = Result<TextLine, IngestError>> {
    let mut lines = Some(Lines::new(reader));
    std::iter::from_fn(move || {
        let reading = lines.as_mut()?;
        let number = reading.next_line();
        let answer = next(reading, number);
        if matches!(answer, Some(Err(_)) | None) {
            lines = None;
        }
        answer
    })
}

fn next<R: Read>(lines: &mut Lines<R>, number: u64) -> Option<Result<TextLine, IngestError>> {
    let failed = |source| Some(Err(IngestError::Read { line: number - 1, source }));
    let mut bytes = Vec::new();
    let taken = match lines.take(&mut bytes, MAX_RECORD) {
        Ok(Taken::End) => return None,
        Ok(taken) => taken,
        Err(source) => return failed(source),
    };
    let refused = |reason: &str| {
        let (raw, whole) = shown(&bytes);
        Refused { line: number, raw, whole: whole && taken == Taken::Whole, reason: reason.to_owned() }
    };
    if taken == Taken::Part {
        let refusal = refused("the line is longer than 1 MiB");
        return match lines.skip_line() {
            Ok(()) => Some(Ok(Err(refusal))),
            Err(source) => failed(source),
        };
    }
    let line = without_break(if number == 1 { without_mark(&bytes) } else { &bytes });
    Some(Ok(match std::str::from_utf8(line) {
        Ok(text) => Ok((number, text.to_owned())),
        Err(_) => Err(refused("the line is not UTF-8")),
    }))
}

#[cfg(test)]
mod tests {
    use super::text_lines;

    #[test]
    fn a_bad_line_does_not_hide_the_next() {
        let mut file = b"\xEF\xBB\xBFa@x.example\r\n\xFF\n".to_vec();
        file.extend(vec![b'x'; 3 << 20]);
        file.extend(b"\nlast");
        let lines: Vec<_> = text_lines(&file[..]).map(Result::unwrap).collect();
        assert_eq!(lines[0], Ok((1, "a@x.example".to_owned())));
        assert_eq!(lines[1].as_ref().unwrap_err().line, 2);
        assert_eq!(lines[2].as_ref().unwrap_err().line, 3);
        assert_eq!(lines[3], Ok((4, "last".to_owned())));
        assert_eq!(lines.len(), 4);
    }
}
