//! Setting up the log.

use super::masked::Masked;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// Environment variable that says what is logged, such as `debug` or `info,retaind::delivery=trace`.
const FILTER: &str = "RETAIND_LOG";

/// What the journal calls the levels (syslog(3)): by default it would show what is merely said in bold, as if to be noticed.
const PRIORITIES: PriorityMappings = PriorityMappings {
    error: Priority::Error,
    warn: Priority::Warning,
    info: Priority::Informational,
    debug: Priority::Debug,
    trace: Priority::Debug,
};

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// For a person at a terminal, with colours.
    Coloured,
    /// For a person reading a file: the same without colours.
    Plain,
    /// One JSON object a line.
    Json,
    /// Records with fields for the systemd journal.
    Journal,
}

/// Who reads standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A terminal.
    Terminal,
    /// The systemd journal.
    Journal,
    /// A file or a pipe.
    Other,
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The variable holds no filter.
    #[error("RETAIND_LOG is {value:?}, which is not understood; write for example `debug` or `info,retaind=trace`")]
    Filter {
        /// What it holds.
        value: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// The journal cannot be reached.
    #[error("the systemd journal cannot be reached")]
    Journal(#[source] io::Error),
}

impl Output {
    /// Looks at standard error: it is the journal when `$JOURNAL_STREAM` names its device and inode (systemd.exec(5)).
    #[must_use]
    pub fn detect() -> Self {
        if io::stderr().is_terminal() {
            return Self::Terminal;
        }
        let stream = std::env::var("JOURNAL_STREAM").ok();
        let found = std::fs::metadata("/proc/self/fd/2").ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if stream.as_deref().and_then(device_and_inode).is_some_and(|journal| Some(journal) == found) {
            return Self::Journal;
        }
        Self::Other
    }

    /// The style that suits it.
    #[must_use]
    pub const fn style(self) -> LogStyle {
        match self {
            Self::Terminal => LogStyle::Coloured,
            Self::Journal => LogStyle::Journal,
            Self::Other => LogStyle::Plain,
        }
    }
}

/// Sends log lines in that style, from `level` (such as `info`) up, or as `RETAIND_LOG` says. If this process logs
/// already, that stays as it is.
pub fn install_logs(style: LogStyle, level: &str) -> Result<(), LogError> {
    let filter = filter(std::env::var(FILTER).ok(), level)?;
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match style {
        LogStyle::Coloured => Masked(lines.compact().with_ansi(true)).boxed(),
        LogStyle::Plain => Masked(lines.with_ansi(false)).boxed(),
        LogStyle::Json => {
            // The fields of a call or an attempt stand beside those of the line, and not twice.
            let json = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
            Masked(json.with_ansi(false).with_target(true)).boxed()
        }
        LogStyle::Journal => {
            let journal = tracing_journald::layer().map_err(LogError::Journal)?;
            let journal = journal.with_field_prefix(None).with_syslog_identifier("retaind".into());
            Masked(journal.with_priority_mappings(PRIORITIES)).boxed()
        }
    };
    let installed: Result<(), TryInitError> = Registry::default().with(layer.with_filter(filter)).try_init();
    if installed.is_err() {
        tracing::debug!("the log is set up already");
    }
    Ok(())
}

/// What notices changed files is not to speak of each: it sees the log's own file, if that lies in the project's folder,
/// and every line would make another.
const QUIET: &str = "notify=warn";

/// The filter of the variable, or that of the level.
fn filter(variable: Option<String>, level: &str) -> Result<EnvFilter, LogError> {
    let value = variable.filter(|value| !value.trim().is_empty()).unwrap_or_else(|| default_filter(level));
    let filter = EnvFilter::try_new(&value).and_then(|_| EnvFilter::try_new(format!("{QUIET},{value}")));
    filter.map_err(|source| LogError::Filter { value, source })
}

/// The level for what is ours; of the libraries below only what is wrong.
fn default_filter(level: &str) -> String {
    format!("warn,retaind={level}")
}

/// Reads `DEVICE:INODE`.
fn device_and_inode(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{LogError, LogStyle, device_and_inode, filter, install_logs};

    #[test]
    fn a_filter_that_is_not_understood_is_an_error_that_quotes_it() {
        let error = filter(Some("retaind=shout".into()), "info").unwrap_err();
        assert!(matches!(error, LogError::Filter { .. }));
        assert!(error.to_string().contains("retaind=shout"), "{error}");
    }

    #[test]
    fn without_the_variable_the_libraries_are_quiet() {
        for unset in [None, Some(String::new()), Some("  ".into())] {
            assert_eq!(filter(unset, "info").unwrap().to_string(), "retaind=info,notify=warn,warn");
        }
    }

    #[test]
    fn setting_up_twice_is_harmless() {
        assert!(install_logs(LogStyle::Plain, "error").is_ok());
        assert!(install_logs(LogStyle::Json, "error").is_ok());
    }

    #[test]
    fn the_journals_stream_is_device_and_inode() {
        assert_eq!(device_and_inode("8:12345"), Some((8, 12345)));
        assert_eq!(device_and_inode("8"), None);
    }
}
