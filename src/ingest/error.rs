//! Why a file cannot be read at all.

/// Why a whole file cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Reading failed.
    #[error("reading stopped after line {line}")]
    Read {
        /// The last line that was read.
        line: u64,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The first line of a CSV file does not name usable columns: every problem of it.
    #[error("line 1: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Header(Vec<HeaderProblem>),
    /// Refused rows could not be written down.
    #[error("cannot write down refused rows")]
    Rejects(#[source] std::io::Error),
}

/// One problem of the first line of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// There is no first line.
    #[error("the file is empty; its first line must name the columns, `id` among them")]
    Empty,
    /// It is not UTF-8.
    #[error("the first line is not UTF-8")]
    NotUtf8,
    /// It is too long, or a quote in it stays open.
    #[error("the first line names no columns: {0}")]
    Unreadable(String),
    /// There is no `id`.
    #[error("there is no column `id`; the first line must name the columns, separated by commas")]
    NoId,
    /// A column is there twice.
    #[error("column `{0}` is there twice")]
    Twice(String),
    /// A column has no name.
    #[error("column {0} has no name")]
    Unnamed(usize),
    /// The schema does not know a column.
    #[error("unknown column `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!(", did you mean `{near}`?")))]
    Unknown {
        /// The column.
        name: String,
        /// The known name that is nearest to it.
        nearest: Option<String>,
    },
}
