use crate::domain::{DeliveryId, Text};
use std::path::{Path, PathBuf};

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A record changed since the caller read it; read again and decide again.
    #[error("a record changed meanwhile")]
    Conflict,
    /// Enrollments or deliveries of these (rule, customer, occurrence) exist already.
    #[error("already decided: {0:?}")]
    Duplicate(Vec<DuplicateKey>),
    /// The disk is full; nothing was changed, and the call may be made again.
    #[error("no space left for the store at {0}")]
    NoSpace(PathBuf),
    /// There is not as much room as a copy of the store needs; nothing was changed.
    #[error(
        "writing the store at {path} anew needs {} MiB beside it, and {} MiB are free",
        needed.div_ceil(1 << 20),
        free >> 20
    )]
    NoRoom {
        /// The store's folder.
        path: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Another process has the store.
    #[error("the store at {path} is in use by {holder}")]
    InUse {
        /// The store's folder.
        path: PathBuf,
        /// Who has it, such as `retaind run (pid 4711)`.
        holder: String,
    },
    /// There is no store there, and the command is not one that makes one.
    #[error("there is no store at {0}; `retaind import` or `retaind run` makes one")]
    Missing(PathBuf),
    /// The folder belongs to another user.
    #[error("the store at {path} belongs to another user (uid {owner}); run as that user, or name another store")]
    OtherUser {
        /// The store's folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It was written by a newer version.
    #[error(
        "the store at {path} was written by {}, in format {found}; this is retaind {}, which reads up to format {known}: \
         use the newer one, or restore a backup that this one made",
        newer(by.as_deref()),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The store's folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The version that brought it to this format, if it says so.
        by: Option<String>,
        /// The highest format known.
        known: u32,
    },
    /// It is damaged.
    #[error("the store at {path} is damaged: {detail}; {}", what_to_do(aside.as_deref()))]
    Damaged {
        /// The store's folder.
        path: PathBuf,
        /// What was found.
        detail: String,
        /// Where its files were moved just now; `None` when they are where they were.
        aside: Option<PathBuf>,
    },
    /// There is none, for it was damaged and set aside, and nobody has put anything in its place.
    #[error("there is no store at {path}: it was damaged; {}", what_to_do(Some(aside)))]
    SetAside {
        /// The store's folder.
        path: PathBuf,
        /// Where its files are.
        aside: PathBuf,
    },
    /// The file system failed.
    #[error("the store could not be read or written")]
    Io(#[source] std::io::Error),
    /// A backup could not be written to where it was to go.
    #[error("the backup could not be written")]
    Backup(#[source] std::io::Error),
    /// An export could not be written to where it was to go.
    #[error("the export could not be written")]
    Export(#[source] std::io::Error),
    /// A folder is no export that can be taken in; nothing was changed.
    #[error("the export {path} cannot be used: {what}")]
    BadExport {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file is no backup that can be restored; nothing was changed.
    #[error("the backup {path} cannot be used: {problem}")]
    BadBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: super::sled::BackupProblem,
    },
    /// A store is there, where one was to be restored.
    #[error(
        "there is a store at {0}: name another folder in `store.path`, or move this one away, and leave what lies beside it \
         (its journal) where it is"
    )]
    Occupied(PathBuf),
    /// No journal can be written beside the store.
    #[error("what customers withdraw could not be kept safe from the loss of the store")]
    Journal(#[source] std::io::Error),
    /// `fdatasync` failed: nobody knows what is on the disk, so the process must end (exit 74).
    #[error("the disk refused to make the store durable; the process must be started again")]
    SyncFailed(#[source] std::io::Error),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Who wrote a store that is newer than we are.
fn newer(by: Option<&str>) -> String {
    by.map_or_else(|| "a newer retaind".into(), |version| format!("retaind {version}"))
}

impl StoreError {
    /// Whether the call may succeed later with nothing done about it here: the disk is full, or fails, and need not for
    /// ever.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::NoSpace(_) | Self::Io(_))
    }
}

/// What helps when a store is damaged.
fn what_to_do(aside: Option<&Path>) -> String {
    match aside {
        Some(aside) => format!(
            "it was set aside as {}; restore a backup, or move that folder away to begin with an empty store",
            aside.display()
        ),
        None => "it was left where it is; restore a backup".into(),
    }
}

/// What existed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DuplicateKey {
    /// An enrollment: rule, customer number, occurrence.
    Enrollment(Text, u64, Text),
    /// A delivery.
    Delivery(DeliveryId),
}
