//! What a process uses, from the kernel's own account of it.

use anyhow::Context;
use std::fs;

/// Clock ticks of `/proc` a second; fixed on Linux.
const TICKS: f64 = 100.0;

/// Seconds of processor time that a process has used, in user and kernel mode; `self` for this one.
pub(crate) fn cpu_seconds(process: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything; the fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').context("/proc/…/stat")?.1.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<f64> { Ok(fields.get(index).context("/proc/…/stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// Resident memory of a process in MB (10^6 bytes).
pub(crate) fn resident_megabytes(process: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kibibytes: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}
