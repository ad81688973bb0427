//! Why a file is not taken for a backup.

/// What is wrong with a backup's file.
#[derive(Debug, thiserror::Error)]
pub enum BackupProblem {
    /// It does not begin as one.
    #[error("this is no backup made by retaind")]
    Foreign,
    /// It was made by a newer version.
    #[error("it was made by a newer retaind (form {found}, this one reads up to {known}): use that one")]
    Newer {
        /// Its form.
        found: u32,
        /// The highest form known.
        known: u32,
    },
    /// The store in it is of a newer version.
    #[error("it holds a store of format {found}, and this retaind reads up to {known}: use the newer one")]
    NewerStore {
        /// The store's format.
        found: u32,
        /// The highest format known.
        known: u32,
    },
    /// Its end is missing.
    #[error("it is cut off after {at} bytes: copying it, or making it, was not finished")]
    Cut {
        /// Its length.
        at: u64,
    },
    /// It is not as it was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where the part that is damaged begins.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[source] std::io::Error),
}
