//! What was read of a project, so that it can be told whether the files still say it.

use super::{names_in, read_file};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

/// Prints of every file and every folder that a reading of a project asked for, those among them that were not there. Two
/// prints of the same bytes are equal within one of these alone.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    key: RandomState,
    files: BTreeMap<PathBuf, u64>,
    folders: BTreeMap<PathBuf, u64>,
}

impl Seen {
    /// Reads a file, and remembers what was read, or why it could not be.
    pub(super) fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let content = read_file(path);
        self.files.insert(path.to_path_buf(), self.key.hash_one(&content));
        content
    }

    /// Lists a folder, and remembers what was in it.
    pub(super) fn list(&mut self, folder: &Path) -> Result<Option<Vec<String>>, String> {
        let names = names_in(folder);
        self.folders.insert(folder.to_path_buf(), self.key.hash_one(&names));
        names
    }

    /// Whether a new reading would find the very same.
    #[must_use]
    pub(crate) fn is_current(&self) -> bool {
        let folders = self.folders.iter().all(|(folder, print)| self.key.hash_one(names_in(folder)) == *print);
        folders && self.files.iter().all(|(file, print)| self.key.hash_one(read_file(file)) == *print)
    }
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use std::fs;
    use std::path::Path;

    const FILES: [(&str, &str); 4] = [
        ("retaind.yaml", "business: {name: A}\n"),
        ("schema.yaml", "customer: {}\n"),
        ("rules/a.yaml", "rule: a\n"),
        ("templates/hello/en.md", "Hello\n"),
    ];

    fn write(folder: &Path, file: &str, text: &str) {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_change_of_any_file_that_is_read_is_seen_and_a_change_back_too() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in &FILES {
            write(dir.path(), file, text);
        }
        let seen = load(&dir.path().join("retaind.yaml")).seen;
        assert!(seen.is_current());
        for (file, text) in FILES {
            write(dir.path(), file, "business: {name: B}\n");
            assert!(!seen.is_current(), "{file}");
            write(dir.path(), file, text);
            assert!(seen.is_current(), "{file} as it was");
        }
        for file in ["rules/b.yaml", "templates/hello/hr.md", "templates/other/en.md"] {
            write(dir.path(), file, "x");
            assert!(!seen.is_current(), "{file}");
            fs::remove_file(dir.path().join(file)).unwrap();
            fs::remove_dir(dir.path().join("templates/other")).ok();
            assert!(seen.is_current(), "{file} gone again");
        }
        fs::remove_file(dir.path().join("schema.yaml")).unwrap();
        assert!(!seen.is_current(), "a file that is gone");
    }

    #[test]
    fn what_was_not_there_is_seen_when_it_comes() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "retaind.yaml", "business: {name: A}\n");
        let seen = load(&dir.path().join("retaind.yaml")).seen;
        assert!(seen.is_current());
        for folder in ["rules", "templates"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            assert!(!seen.is_current(), "{folder}: no folder is not an empty one");
            fs::remove_dir(dir.path().join(folder)).unwrap();
        }
        write(dir.path(), "schema.yaml", "customer: {}\n");
        assert!(!seen.is_current());
    }

    #[test]
    fn what_is_no_part_of_the_project_is_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in &FILES {
            write(dir.path(), file, text);
        }
        let seen = load(&dir.path().join("retaind.yaml")).seen;
        for file in ["README.md", "data/db", "rules/.a.yaml.swp", "rules/a.yaml~", "outbox/1.eml"] {
            write(dir.path(), file, "x");
        }
        assert!(seen.is_current());
    }
}
