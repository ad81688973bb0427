//! What the process takes of the machine, as Linux tells it (proc(5)).

use std::fs;

/// What the process takes; what is not told is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that it holds.
    pub resident_bytes: Option<u64>,
    /// File descriptors that are open.
    pub open_files: Option<u64>,
    /// The most that may be.
    pub most_open_files: Option<u64>,
}

/// What this process takes now.
#[must_use]
pub fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").ok();
    let limits = fs::read_to_string("/proc/self/limits").ok();
    Usage {
        resident_bytes: status.as_deref().and_then(resident_bytes),
        open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        most_open_files: limits.as_deref().and_then(most_open_files),
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The soft limit, which is the one that counts.
fn most_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{most_open_files, resident_bytes, usage};

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(resident_bytes("Name:\tretaind\nVmRSS:\t   12345 kB\nThreads:\t9\n"), Some(12_641_280));
        let limits = "Max processes   7   8   processes\nMax open files            1024                 524288               files\n";
        assert_eq!(most_open_files(limits), Some(1024));
        assert_eq!((resident_bytes(""), most_open_files("Max open files unlimited")), (None, None));
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let usage = usage();
        assert!(usage.resident_bytes > Some(1 << 20), "{usage:?}");
        assert!(usage.open_files >= Some(3) && usage.open_files <= usage.most_open_files, "{usage:?}");
    }
}
