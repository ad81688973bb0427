//! `retaind --version`: the version, and what is known of the build.

use jiff::Timestamp;
use std::sync::LazyLock;

/// The version alone, as `-V` says it.
pub(super) const SHORT: &str = env!("CARGO_PKG_VERSION");

/// With the build's commit, date and target, one a line.
static LONG: LazyLock<String> = LazyLock::new(|| Build::THIS.told(SHORT));

/// What `--version` says.
pub(super) fn long() -> &'static str {
    LONG.as_str()
}

/// The day of the source that this was built from, as `2026-11-22`.
pub(super) fn day() -> Option<String> {
    Build::THIS.day()
}

/// What the build script found out; what it could not find out is empty.
struct Build {
    commit: &'static str,
    /// Seconds since 1970.
    epoch: &'static str,
    target: &'static str,
}

impl Build {
    const THIS: Self = Self {
        commit: env!("RETAIND_BUILD_COMMIT"),
        epoch: env!("RETAIND_BUILD_EPOCH"),
        target: env!("RETAIND_BUILD_TARGET"),
    };

    fn day(&self) -> Option<String> {
        let second = self.epoch.parse().ok()?;
        Some(Timestamp::from_second(second).ok()?.strftime("%Y-%m-%d").to_string())
    }

    fn told(&self, version: &str) -> String {
        let or_unknown = |found: &str| if found.is_empty() { "unknown".to_owned() } else { found.to_owned() };
        let day = self.day().unwrap_or_default();
        format!(
            "{version}\ncommit: {}\ndate:   {}\ntarget: {}",
            or_unknown(self.commit),
            or_unknown(&day),
            or_unknown(self.target)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Build;

    #[test]
    fn the_date_of_the_source_is_told_as_a_day() {
        let build = Build { commit: "12ab+", epoch: "1763846400", target: "x86_64-unknown-linux-gnu" };
        let told = "0.1.0\ncommit: 12ab+\ndate:   2025-11-22\ntarget: x86_64-unknown-linux-gnu";
        assert_eq!(build.told("0.1.0"), told);
    }

    #[test]
    fn what_a_tarball_does_not_know_is_said_to_be_unknown() {
        let build = Build { commit: "", epoch: "", target: "riscv64gc-unknown-linux-gnu" };
        let told = "1.2.3\ncommit: unknown\ndate:   unknown\ntarget: riscv64gc-unknown-linux-gnu";
        assert_eq!(build.told("1.2.3"), told);
    }

    #[test]
    fn a_date_that_is_none_is_unknown() {
        for epoch in ["yesterday", "99999999999999999999", "-"] {
            assert_eq!(Build { commit: "", epoch, target: "" }.day(), None, "{epoch}");
        }
    }
}
