//! The form of a backup's file, and writing it.
//!
//! A line that names it and its form, then frames. A frame is a kind byte, the lengths of its content plain and packed, a
//! CRC-32 over these and the packed content, and that content, packed with Zstandard. The first frame is the head, the
//! last one the end: how much there was, and a SHA-256 of all that stands before it.

use super::push_row;
use crate::domain::{KeyedHash, Time};
use crate::store::sled::committer::Rows;
use crate::store::sled::live::Counts;
use crate::store::{BackupStamp, BackupSummary};
use flate2::Crc;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use zstd::bulk::Compressor;

/// The first line, up to the number of the form.
pub(super) const MAGIC: &[u8] = b"retaind backup ";
/// The form that is written.
pub(super) const FORM: u32 = 1;
/// No frame is larger, packed or not.
pub(super) const LARGEST: usize = 256 << 20;
/// Bytes before a frame's content.
pub(super) const BEFORE: usize = 13;
/// Rows are gathered up to so many bytes.
const GATHERED: usize = 1 << 20;
/// How hard it is packed: the second level takes twice as long for a fifteenth less.
const LEVEL: i32 = 1;

/// What a frame is.
pub(super) mod kind {
    /// The head.
    pub(in crate::store::sled) const HEAD: u8 = b'H';
    /// Rows as they were read.
    pub(in crate::store::sled) const ROWS: u8 = b'R';
    /// A round of the committer, its number first.
    pub(in crate::store::sled) const ROUND: u8 = b'C';
    /// The end.
    pub(in crate::store::sled) const END: u8 = b'E';
}

/// What a backup says of itself before anything else.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(in crate::store::sled) struct Head {
    /// Format of the store in it.
    #[n(0)]
    pub(in crate::store::sled) store_format: u32,
    /// When it was begun.
    #[n(1)]
    pub(in crate::store::sled) made_at: Time,
    /// By which version of the program.
    #[n(2)]
    pub(in crate::store::sled) version: String,
    /// Which store it is of.
    #[cbor(n(3), with = "minicbor::bytes")]
    store: [u8; 16],
}

impl Head {
    pub(super) fn new(store_format: u32, stamp: BackupStamp, store: KeyedHash) -> Self {
        Self { store_format, made_at: stamp.made_at, version: stamp.version, store: store.0 }
    }

    /// Which store it is of.
    pub(in crate::store::sled) const fn store(&self) -> KeyedHash {
        KeyedHash(self.store)
    }
}

/// What it says last.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(super) struct End {
    /// Rows that were read.
    #[n(0)]
    pub(super) rows: u64,
    /// Rounds behind them.
    #[n(1)]
    pub(super) rounds: u64,
    /// The last round that is in it.
    #[n(2)]
    pub(super) round: u64,
    /// Customers in it.
    #[n(3)]
    pub(super) customers: u64,
    /// SHA-256 of all that stands before.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(super) hash: [u8; 32],
}

/// Writes one.
pub(super) struct Writer<W> {
    out: W,
    head: Head,
    packer: Compressor<'static>,
    hash: Sha256,
    bytes: u64,
    rows: u64,
    rounds: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, head: &Head) -> io::Result<Self> {
        let (packer, hash) = (Compressor::new(LEVEL)?, Sha256::new());
        let mut writer = Self { out, head: head.clone(), packer, hash, bytes: 0, rows: 0, rounds: 0 };
        writer.put(&[MAGIC, FORM.to_string().as_bytes(), b"\n"].concat())?;
        writer.frame(kind::HEAD, &encoded(head)?)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn frame(&mut self, kind: u8, plain: &[u8]) -> io::Result<()> {
        let packed = self.packer.compress(plain)?;
        let length = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= LARGEST);
            length.ok_or_else(|| io::Error::other("what is written at once is too large for a backup"))
        };
        let mut frame = Vec::with_capacity(BEFORE + packed.len());
        frame.push(kind);
        frame.extend_from_slice(&length(plain)?.to_be_bytes());
        frame.extend_from_slice(&length(&packed)?.to_be_bytes());
        frame.extend_from_slice(&code(&frame, &packed).to_be_bytes());
        frame.extend_from_slice(&packed);
        self.put(&frame)
    }

    /// Rows as they were read.
    pub(super) fn rows(&mut self, rows: &Rows) -> io::Result<()> {
        let mut plain = Vec::with_capacity(GATHERED + GATHERED / 4);
        for (key, value) in rows {
            push_row(&mut plain, key, value.as_ref())?;
            if plain.len() >= GATHERED {
                self.frame(kind::ROWS, &plain)?;
                plain.clear();
            }
        }
        self.rows += rows.len() as u64;
        if plain.is_empty() { Ok(()) } else { self.frame(kind::ROWS, &plain) }
    }

    /// A round.
    pub(super) fn round(&mut self, round: u64, rows: &Rows) -> io::Result<()> {
        let mut plain = round.to_be_bytes().to_vec();
        rows.iter().try_for_each(|(key, value)| push_row(&mut plain, key, value.as_ref()))?;
        self.rounds += 1;
        self.frame(kind::ROUND, &plain)
    }

    /// The end, with the counts of the store as it is there.
    pub(super) fn finish(mut self, counts: &Counts) -> io::Result<BackupSummary> {
        let hash = self.hash.clone().finalize().into();
        let (rows, rounds) = (self.rows, self.rounds);
        let end = End { rows, rounds, round: counts.round, customers: counts.customers, hash };
        self.frame(kind::END, &encoded(&end)?)?;
        self.out.flush()?;
        Ok(end.summary(&self.head, self.bytes))
    }
}

impl End {
    pub(super) fn summary(&self, head: &Head, bytes: u64) -> BackupSummary {
        BackupSummary {
            made_at: head.made_at,
            version: head.version.clone(),
            customers: self.customers,
            rows: self.rows,
            rounds: self.rounds,
            bytes,
        }
    }
}

/// The code over what stands before it in a frame, and over the content.
pub(super) fn code(before: &[u8], packed: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(before);
    crc.update(packed);
    crc.sum()
}

fn encoded<T: minicbor::Encode<()>>(record: &T) -> io::Result<Vec<u8>> {
    minicbor::to_vec(record).map_err(io::Error::other)
}
