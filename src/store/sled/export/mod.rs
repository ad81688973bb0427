//! All rows of a store as lines of JSON in a folder of files, and a store made of them.
//!
//! An export is made of a backup, whose rows and rounds are brought together, so it is the store as it was at one instant. Each
//! line is a row: the parts of its key by name, and its record. Whatever has no form that leads back to the same bytes
//! stands as bytes; so a store that is made of an export is the store that was exported, row by row, and a sum over all rows
//! proves it.

mod folder;
mod form;
mod merged;
mod records;
mod shape;

pub use folder::{Exported, Sending, export};
pub(super) use folder::{Manifest, fill, read_manifest};

#[cfg(test)]
mod tests;
