//! The file of refused rows.

use crate::cli::error::Error;
use crate::http::RefusedRow;
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Written beside the imported file; nothing is made before the first refused row.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Rejects {
    /// `FILE.rejects`, or `stdin.rejects` in this folder.
    pub(super) fn beside(file: &Path) -> Self {
        let mut name = if file == Path::new("-") { "stdin".into() } else { file.as_os_str().to_owned() };
        name.push(".rejects");
        Self { path: name.into(), file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one row. The first one empties what an earlier import left.
    pub(super) fn write(&mut self, row: &RefusedRow) -> Result<(), Error> {
        let cannot = || format!("cannot write refused rows to {}", self.path.display());
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path).with_context(cannot)?)),
        };
        file.write_all(row.rejects.as_bytes()).with_context(cannot).map_err(Error::Other)
    }

    /// Writes out what is buffered.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        flushed.with_context(|| format!("cannot write refused rows to {}", self.path.display())).map_err(Error::Other)
    }
}
