//! The folder of an export: a file for each kind of rows, and a manifest that says what they hold.

use super::super::filling::{Filling, Sum};
use super::super::keys::{self, Kind};
use super::form::{self, Line};
use super::merged;
use super::shape::hex;
use crate::domain::{DeliveryKey, Time};
use crate::store::sled::backup::BackupProblem;
use crate::store::sled::fault::Fault;
use crate::store::sled::live::Counts;
use crate::store::sled::open::{Bytes, FORMAT, SledSettings};
use crate::store::sled::rows;
use crate::store::{BackupSummary, Result, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file that says what the others hold.
const MANIFEST: &str = "manifest.json";
/// The form of an export.
const FORM: u32 = 1;
/// No line is longer.
const LONGEST: u64 = 64 << 20;
/// The flag with which all sending is paused.
const PAUSED: &str = "paused";

/// Whether anything is sent after an export was made, of which it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// No daemon ran, or its sending was paused and nothing was under way: what is in the export is all that was sent.
    Rested,
    /// A daemon went on.
    WentOn,
}

/// What an export says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store::sled) struct Manifest {
    /// The form of the export.
    form: u32,
    /// The version of the program that made it.
    retaind: String,
    /// Format of the store.
    store_format: u32,
    /// Which store.
    store: String,
    made_at: Time,
    /// Whether sending went on.
    pub(in crate::store::sled) sending: Sending,
    /// The last round of the store.
    pub(in crate::store::sled) round: u64,
    customers: u64,
    rows: u64,
    /// Over all rows, in the order of their keys.
    sha256: String,
    files: BTreeMap<String, Content>,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    rows: u64,
    bytes: u64,
    sha256: String,
}

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// When its backup was begun.
    pub made_at: Time,
    /// Customers in it, those who were merged into others not counted.
    pub customers: u64,
    /// Rows in it, by file.
    pub files: Vec<(String, u64)>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Whether anything was sent after it.
    pub sending: Sending,
}

/// Why an export came to nothing.
enum Failure {
    Problem(BackupProblem),
    File(io::Error),
}

impl From<BackupProblem> for Failure {
    fn from(problem: BackupProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Writes the export of a backup into a folder that is there and empty. `sending` says what is known of it without looking at
/// the rows: those of a paused daemon tell that it rested. Blocks.
///
/// # Errors
/// [`StoreError::BadBackup`], [`StoreError::Export`].
pub fn export(backup: &Path, folder: &Path, sending: Sending) -> Result<Exported> {
    write(backup, folder, sending).map_err(|failure| match failure {
        Failure::Problem(problem) => StoreError::BadBackup { path: backup.to_owned(), problem },
        Failure::File(error) => StoreError::Export(error),
    })
}

/// A file as it is written.
struct Out {
    file: BufWriter<File>,
    hash: Sha256,
    content: Content,
}

impl Out {
    fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file), hash: Sha256::new(), content: Content::default() })
    }

    fn line(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.content.rows += 1;
        self.content.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(self) -> io::Result<Content> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Content { sha256: hex(&self.hash.finalize()), ..self.content })
    }
}

fn write(backup: &Path, folder: &Path, mut sending: Sending) -> std::result::Result<Exported, Failure> {
    let mut outs: BTreeMap<&'static str, Out> = BTreeMap::new();
    let (mut sum, mut paused, mut under_way) = (Sum::default(), false, false);
    let mut counts = None;
    let mut bytes = Vec::new();
    let contents = merged::each(backup, |key, value| {
        sum.add(key, value);
        paused |= *key == keys::flag(PAUSED);
        under_way |= key.first() == Some(&(Kind::Sending as u8));
        if *key == Counts::key() {
            counts = rows::read::<Counts>(value).ok();
        }
        let Line { file, json } = form::line(key, value);
        let out = match outs.entry(file) {
            std::collections::btree_map::Entry::Occupied(out) => out.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => free.insert(Out::create(&folder.join(file))?),
        };
        bytes.clear();
        serde_json::to_writer(&mut bytes, &json).map_err(io::Error::other)?;
        bytes.push(b'\n');
        Ok::<_, Failure>(out.line(&bytes)?)
    })?;
    if paused && !under_way {
        sending = Sending::Rested;
    }
    let files: BTreeMap<String, Content> =
        outs.into_iter().map(|(name, out)| Ok((name.to_owned(), out.finish()?))).collect::<io::Result<_>>()?;
    let (summary, counts) = (contents.summary().unwrap_or_default(), counts.unwrap_or_default());
    let (rows, hash) = sum.finish();
    let manifest = Manifest {
        form: FORM,
        retaind: summary.version,
        store_format: contents.head().store_format,
        store: contents.head().store().to_string(),
        made_at: summary.made_at,
        sending,
        round: counts.round,
        customers: counts.customers,
        rows,
        sha256: hex(&hash),
        files,
    };
    let mut out = Out::create(&folder.join(MANIFEST))?;
    out.line(&serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?)?;
    out.line(b"\n")?;
    out.finish()?;
    File::open(folder)?.sync_all()?;
    Ok(manifest.exported())
}

impl Manifest {
    fn exported(&self) -> Exported {
        Exported {
            made_at: self.made_at,
            customers: self.customers,
            files: self.files.iter().map(|(name, content)| (name.clone(), content.rows)).collect(),
            bytes: self.files.values().map(|content| content.bytes).sum(),
            sending: self.sending,
        }
    }

    /// As of a backup.
    pub(in crate::store::sled) fn summary(&self) -> BackupSummary {
        let Exported { made_at, customers, bytes, .. } = self.exported();
        BackupSummary { made_at, version: self.retaind.clone(), customers, rows: self.rows, rounds: 0, bytes }
    }
}

fn bad(folder: &Path, what: impl Into<String>) -> StoreError {
    StoreError::BadExport { path: folder.to_owned(), what: what.into() }
}

/// Reads the manifest of an export, and all of its files: that they are what the manifest says.
pub(in crate::store::sled) fn read_manifest(folder: &Path) -> Result<Manifest> {
    let bytes = match std::fs::read(folder.join(MANIFEST)) {
        Ok(bytes) => bytes,
        Err(error) => return Err(bad(folder, format!("its {MANIFEST} cannot be read: {error}"))),
    };
    let form = serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|json| json.get("form")?.as_u64());
    if let Some(found) = form.filter(|form| *form > u64::from(FORM)) {
        return Err(bad(folder, format!("it was made by a newer retaind (form {found}, this one reads up to {FORM})")));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| bad(folder, format!("its {MANIFEST} is not understood: {error}")))?;
    if manifest.store_format > FORMAT {
        let Manifest { store_format, retaind, .. } = &manifest;
        return Err(bad(
            folder,
            format!(
                "it holds a store of format {store_format}, made by retaind {retaind}, and this one reads up to {FORMAT}"
            ),
        ));
    }
    for (name, content) in &manifest.files {
        let path = file_of(folder, name)?;
        let found = measure(&path).map_err(|error| bad(folder, format!("{name} cannot be read: {error}")))?;
        if found != *content {
            return Err(bad(folder, format!("{name} is not as it was written")));
        }
    }
    Ok(manifest)
}

/// A name of a manifest leads nowhere else.
fn file_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = name.ends_with(".ndjson") && !name.contains('/');
    if plain { Ok(folder.join(name)) } else { Err(bad(folder, format!("{name:?} is no name of a file of an export"))) }
}

fn measure(path: &Path) -> io::Result<Content> {
    let (mut file, mut hash, mut content) = (File::open(path)?, Sha256::new(), Content::default());
    let mut piece = vec![0; 1 << 18];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        let piece = &piece[..length];
        hash.update(piece);
        content.bytes += length as u64;
        content.rows += piece.split(|byte| *byte == b'\n').skip(1).count() as u64;
    }
    content.sha256 = hex(&hash.finalize());
    Ok(content)
}

/// Makes the store of an export in an empty folder, and answers its key of delivery ids. The manifest has been read, and
/// that it is true is seen at the end.
pub(in crate::store::sled) fn fill(
    from: &Path,
    manifest: &Manifest,
    (inside, settings): (&Path, SledSettings),
) -> Result<DeliveryKey> {
    let outside = |fault: Fault| fault.into_error(inside);
    let mut filling = Filling::new(inside, settings).map_err(outside)?;
    let (mut key, mut round) = (None, None);
    for name in manifest.files.keys() {
        let file =
            File::open(file_of(from, name)?).map_err(|error| bad(from, format!("{name} cannot be read: {error}")))?;
        let mut lines = BufReader::with_capacity(1 << 18, file);
        let mut number = 0;
        while let Some(line) =
            next_line(&mut lines).map_err(|error| bad(from, format!("{name} cannot be read: {error}")))?
        {
            number += 1;
            let row = serde_json::from_slice(&line).ok().and_then(|json| form::row(name, &json).ok());
            let (row, value) = row.ok_or_else(|| bad(from, format!("{name}:{number} is no row of a store")))?;
            if row == keys::meta("delivery-key") {
                key = Some(rows::read::<Bytes>(&value).map_err(outside)?.0);
            } else if row == Counts::key() {
                round = Some(rows::read::<Counts>(&value).map_err(outside)?.round);
            }
            filling.put(&row, &value).map_err(outside)?;
        }
    }
    let (rows, hash) = filling.finish().map_err(outside)?.finish();
    if (rows, hex(&hash)) != (manifest.rows, manifest.sha256.clone()) || round != Some(manifest.round) {
        return Err(bad(from, "the store that it makes is not the one that was exported"));
    }
    let key = key.map(DeliveryKey::new).ok_or_else(|| bad(from, "the key of delivery ids is not in it"))?;
    if key.hash_of_store().to_string() != manifest.store {
        return Err(bad(from, "it holds another store than it says"));
    }
    Ok(key)
}

fn next_line(lines: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    match lines.take(LONGEST).read_until(b'\n', &mut line)? {
        0 => Ok(None),
        _ => Ok(Some(line)),
    }
}
