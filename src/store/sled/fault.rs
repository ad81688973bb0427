//! What goes wrong inside, in a form that can be told to many who wait.

use crate::store::{DuplicateKey, StoreError};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// As [`StoreError`], but it can be cloned and does not name the folder.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A row is not as it was read.
    Conflict,
    /// Rows exist that must not.
    Duplicate(Vec<DuplicateKey>),
    /// The disk is full.
    NoSpace,
    /// The file system failed.
    Io(Arc<std::io::Error>),
    /// Nobody knows what is on the disk.
    SyncFailed(Arc<std::io::Error>),
    /// What is stored makes no sense.
    Damaged(String),
    /// The store was closed.
    Closed,
}

impl Fault {
    /// As the outside sees it.
    pub(super) fn into_error(self, folder: &Path) -> StoreError {
        match self {
            Self::Conflict => StoreError::Conflict,
            Self::Duplicate(keys) => StoreError::Duplicate(keys),
            Self::NoSpace => StoreError::NoSpace(folder.to_owned()),
            Self::Io(error) => StoreError::Io(std::io::Error::new(error.kind(), error)),
            Self::SyncFailed(error) => StoreError::SyncFailed(std::io::Error::new(error.kind(), error)),
            Self::Damaged(detail) => StoreError::Damaged { path: folder.to_owned(), detail, aside: None },
            Self::Closed => StoreError::Closed,
        }
    }

    /// Whether nothing but a new start helps.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Self::SyncFailed(_) | Self::Damaged(_) | Self::Closed)
    }
}

impl From<::sled::Error> for Fault {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Io(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io(Arc::new(error)),
        }
    }
}
