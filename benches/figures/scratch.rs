//! Where a benchmark keeps its stores, and how large it is.

use anyhow::Context;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// A folder of its own, on the disk that `RETAIND_BENCH_DIR` names. It must be a real disk: in memory an `fdatasync`
/// costs nothing.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    let parent = std::env::var_os("RETAIND_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    tempfile::Builder::new().prefix("retaind-bench-").tempdir_in(&parent).context("RETAIND_BENCH_DIR cannot be used")
}

/// A size from the environment.
pub(crate) fn size(name: &str, default: u64) -> anyhow::Result<u64> {
    let Ok(text) = std::env::var(name) else { return Ok(default) };
    text.replace('_', "").parse().with_context(|| format!("{name} is no whole number"))
}

/// A count that was kept as a float.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and not negative")]
pub(crate) const fn whole(count: f64) -> usize {
    count as usize
}

/// How many customers.
pub(crate) fn customers() -> anyhow::Result<u64> {
    size("RETAIND_BENCH_CUSTOMERS", 100_000)
}

/// Copies the files of a folder, and of the folders in it.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Runs something and answers how many seconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let begin = Instant::now();
    let answer = work()?;
    Ok((answer, begin.elapsed().as_secs_f64()))
}

/// A runtime as the daemon's: a thread a core.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
