//! Putting new files in the place of old ones.
//!
//! What is to be done next is read from what is there, and each step is one rename or one removal. First the old files leave,
//! the log before all others, so that nobody takes a mixture for a store; then the new ones come, the log last.

use super::super::disk;
use super::super::lock::FolderLock;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the folder in which the new files are made.
const INSIDE: &str = "compacting";
/// Name of the folder in it for the old files.
const OLD: &str = "old";
/// Is there when the new files are whole, and while the old ones leave.
const WHOLE: &str = "whole";
/// Is there while the new ones come.
const EMPTIED: &str = "emptied";

/// The folder in which the new files are made.
pub(super) fn inside(folder: &Path) -> PathBuf {
    folder.join(INSIDE)
}

/// Whether anything is left of a store that was being written anew.
pub(in crate::store::sled) fn is_begun(folder: &Path) -> bool {
    inside(folder).exists()
}

/// Whether files are changing places.
pub(in crate::store::sled) fn is_under_way(folder: &Path) -> bool {
    [WHOLE, EMPTIED].iter().any(|mark| inside(folder).join(mark).exists())
}

/// The new files are whole: from now on they are the store.
pub(super) fn begin(folder: &Path) -> io::Result<()> {
    let inside = inside(folder);
    std::fs::create_dir(inside.join(OLD))?;
    File::create(inside.join(WHOLE))?.sync_all()?;
    File::open(&inside)?.sync_all()
}

/// Does what is left to be done, if anything is.
pub(in crate::store::sled) fn bring_to_its_end(folder: &Path, _: &FolderLock) -> io::Result<()> {
    while step(folder)? {}
    Ok(())
}

/// Does the next step; answers whether there was one.
pub(super) fn step(folder: &Path) -> io::Result<bool> {
    let inside = inside(folder);
    if inside.join(WHOLE).exists() {
        if let Some((file, name)) = first(folder, |name| name != "db")? {
            std::fs::rename(file, inside.join(OLD).join(name))?;
        } else {
            sync(folder)?;
            std::fs::rename(inside.join(WHOLE), inside.join(EMPTIED))?;
            sync(&inside)?;
        }
    } else if inside.join(EMPTIED).exists() {
        if let Some((file, name)) = first(&inside, |name| name == "db")? {
            std::fs::rename(file, folder.join(name))?;
        } else {
            sync(folder)?;
            std::fs::remove_file(inside.join(EMPTIED))?;
            sync(&inside)?;
        }
    } else if inside.exists() {
        // Either all is done, or nothing was begun that counts.
        std::fs::remove_dir_all(&inside)?;
        sync(folder)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// The store's file whose name comes first in that order.
fn first(folder: &Path, later: impl Fn(&str) -> bool) -> io::Result<Option<(PathBuf, String)>> {
    let files = disk::store_files(folder)?.into_iter().filter_map(|file| {
        let name = file.file_name()?.to_str()?.to_owned();
        Some((file, name))
    });
    Ok(files.min_by_key(|(_, name)| (later(name), name.clone())))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
