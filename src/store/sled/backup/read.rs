//! Reading a backup's file. Nothing of a frame is believed before its code was compared, and nothing of the file before
//! its end was.

use super::file::{BEFORE, End, FORM, Head, LARGEST, MAGIC, code, kind};
use super::{BackupProblem, REMOVED};
use crate::store::BackupSummary;
use crate::store::sled::open::FORMAT;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

type Result<T> = std::result::Result<T, BackupProblem>;

/// A backup's file, as it is read.
pub(in crate::store::sled) struct Contents<R> {
    input: R,
    hash: Sha256,
    /// How much was read.
    at: u64,
    head: Head,
    rows: u64,
    rounds: u64,
    end: Option<End>,
}

/// What there is to be done with the rows of a frame, in order.
pub(in crate::store::sled) struct Frame {
    plain: Vec<u8>,
    from: usize,
}

impl Frame {
    /// Whether it is a round of the committer, and not rows as they were read.
    pub(in crate::store::sled) const fn is_round(&self) -> bool {
        self.from > 0
    }

    /// Keys with what they are to be; `None` where the row is to be gone.
    pub(in crate::store::sled) fn rows(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut rest = &self.plain[self.from..];
        std::iter::from_fn(move || {
            let (row, behind) = split_row(rest)?;
            rest = behind;
            Some(row)
        })
    }
}

type Row<'f> = (&'f [u8], Option<&'f [u8]>);

fn split_row(bytes: &[u8]) -> Option<(Row<'_>, &[u8])> {
    let (key, rest) = split_length(bytes)?;
    let (value, rest) = split_length(rest)?;
    let (key, rest) = rest.split_at_checked(usize::try_from(key).ok()?)?;
    if value == REMOVED {
        return Some(((key, None), rest));
    }
    let (value, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
    Some(((key, Some(value)), rest))
}

fn split_length(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*length), rest))
}

/// How many rows there are, if they fill it.
fn count_rows(mut bytes: &[u8]) -> Option<u64> {
    let mut count = 0;
    while !bytes.is_empty() {
        (_, bytes) = split_row(bytes)?;
        count += 1;
    }
    Some(count)
}

impl Contents<BufReader<File>> {
    /// Of the file of that name.
    pub(in crate::store::sled) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(BackupProblem::Io)?;
        if file.metadata().map_err(BackupProblem::Io)?.is_dir() {
            return Err(BackupProblem::Foreign);
        }
        Self::new(BufReader::with_capacity(1 << 18, file))
    }
}

impl<R: Read> Contents<R> {
    /// Reads the head.
    pub(in crate::store::sled) fn new(input: R) -> Result<Self> {
        let head = Head::new(FORMAT, crate::store::BackupStamp::default(), crate::domain::KeyedHash([0; 16]));
        let mut contents = Self { input, hash: Sha256::new(), at: 0, head, rows: 0, rounds: 0, end: None };
        contents.check_line()?;
        let at = contents.at;
        let (kind::HEAD, plain) = contents.frame()? else {
            return Err(BackupProblem::Damaged { at, what: "its head is not where it must be" });
        };
        contents.head = decoded(&plain, at)?;
        if contents.head.store_format > FORMAT {
            return Err(BackupProblem::NewerStore { found: contents.head.store_format, known: FORMAT });
        }
        Ok(contents)
    }

    /// What it says of itself.
    pub(in crate::store::sled) const fn head(&self) -> &Head {
        &self.head
    }

    /// The last round in it, once all was read.
    pub(in crate::store::sled) fn round(&self) -> Option<u64> {
        self.end.as_ref().map(|end| end.round)
    }

    fn check_line(&mut self) -> Result<()> {
        let mut line = [0; MAGIC.len()];
        match self.fill(&mut line) {
            Ok(()) if line == MAGIC => {}
            Ok(()) | Err(BackupProblem::Cut { .. }) => return Err(BackupProblem::Foreign),
            Err(problem) => return Err(problem),
        }
        let mut form = 0_u32;
        for _ in 0..10 {
            let mut digit = [0];
            self.fill(&mut digit)?;
            match digit[0] {
                b'\n' if form <= FORM => return Ok(()),
                b'\n' => return Err(BackupProblem::Newer { found: form, known: FORM }),
                digit @ b'0'..=b'9' => form = form.saturating_mul(10).saturating_add(u32::from(digit - b'0')),
                _ => break,
            }
        }
        Err(BackupProblem::Foreign)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        match self.input.read_exact(bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(BackupProblem::Cut { at: self.at }),
            Err(error) => return Err(BackupProblem::Io(error)),
        }
        self.hash.update(&*bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The next frame's kind and content.
    fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        let at = self.at;
        let damaged = |what| BackupProblem::Damaged { at, what };
        let mut before = [0; BEFORE];
        self.fill(&mut before)?;
        let number =
            |from: usize| before[from..from + 4].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (plain, packed) = (number(1), number(5));
        if plain > LARGEST || packed > LARGEST {
            return Err(damaged("the length of a part cannot be"));
        }
        let mut content = Vec::new();
        // Not made in one piece: a length that is not true is to cost no more than what is there.
        let read = self.input.by_ref().take(packed as u64).read_to_end(&mut content).map_err(BackupProblem::Io)?;
        self.hash.update(&content);
        self.at += read as u64;
        if read < packed {
            return Err(BackupProblem::Cut { at: self.at });
        }
        if code(&before[..9], &content).to_be_bytes() != before[9..] {
            return Err(damaged("a part of it is not what was written"));
        }
        let unpacked = zstd::bulk::decompress(&content, plain).map_err(|_| damaged("a part cannot be unpacked"))?;
        if unpacked.len() != plain {
            return Err(damaged("a part has not the length that it says"));
        }
        Ok((before[0], unpacked))
    }

    /// The next rows; `None` when it is at its end, and that is as it must be.
    pub(in crate::store::sled) fn next(&mut self) -> Result<Option<Frame>> {
        let at = self.at;
        let damaged = |what| BackupProblem::Damaged { at, what };
        let so_far: [u8; 32] = self.hash.clone().finalize().into();
        let (kind, plain) = self.frame()?;
        let from = match kind {
            kind::ROWS => 0,
            kind::ROUND => 8,
            kind::END => {
                self.finish(decoded(&plain, at)?, so_far, at)?;
                return Ok(None);
            }
            _ => return Err(damaged("a part is of an unknown kind")),
        };
        let count = plain.get(from..).and_then(count_rows).ok_or_else(|| damaged("a row is cut"))?;
        if kind == kind::ROWS {
            self.rows += count;
        } else {
            self.rounds += 1;
        }
        Ok(Some(Frame { plain, from }))
    }

    fn finish(&mut self, end: End, so_far: [u8; 32], at: u64) -> Result<()> {
        if end.hash != so_far {
            return Err(BackupProblem::Damaged { at, what: "the sum over all of it is not what was written" });
        }
        if (end.rows, end.rounds) != (self.rows, self.rounds) {
            return Err(BackupProblem::Damaged { at, what: "it does not hold as many rows as it says" });
        }
        let mut more = [0];
        match self.input.read(&mut more) {
            Ok(0) => {}
            Ok(_) => return Err(BackupProblem::Damaged { at: self.at, what: "something stands behind its end" }),
            Err(error) => return Err(BackupProblem::Io(error)),
        }
        self.end = Some(end);
        Ok(())
    }

    /// Reads what is left, and answers what it comes to.
    pub(in crate::store::sled) fn verify(mut self) -> Result<BackupSummary> {
        while self.next()?.is_some() {}
        self.summary().ok_or(BackupProblem::Cut { at: self.at })
    }

    /// What it came to, once all was read.
    pub(in crate::store::sled) fn summary(&self) -> Option<BackupSummary> {
        self.end.as_ref().map(|end| end.summary(&self.head, self.at))
    }
}

fn decoded<T: for<'b> minicbor::Decode<'b, ()>>(bytes: &[u8], at: u64) -> Result<T> {
    minicbor::decode(bytes).map_err(|_| BackupProblem::Damaged { at, what: "a record in it cannot be read" })
}

/// Reads a whole file and answers what it holds, or what is wrong with it.
pub(in crate::store::sled) fn summary(path: &Path) -> Result<BackupSummary> {
    Contents::open(path)?.verify()
}

/// So that a mistake in reading shows as one of the file.
impl From<io::Error> for BackupProblem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
