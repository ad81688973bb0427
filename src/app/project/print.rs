//! The print of a project's files: two that differ say that something was saved.

use super::read_file;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A number of all bytes of all files that [`super::load`] reads, and of their names. What cannot be read counts with the
/// reason. It means nothing outside this process.
#[must_use]
pub(crate) fn print(settings_file: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let folder = settings_file.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut files = vec![settings_file.to_path_buf(), folder.join("schema.yaml")];
    for name in ["rules", "templates"] {
        let entries = entries(&folder.join(name));
        entries.is_some().hash(&mut hasher);
        files.extend(entries.unwrap_or_default());
    }
    for file in files {
        file.hash(&mut hasher);
        match entries(&file) {
            Some(inner) => inner.iter().for_each(|file| (file, read_file(file)).hash(&mut hasher)),
            None => read_file(&file).hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// What is in a folder, in order, without what is hidden; `None` if it is no folder.
fn entries(folder: &Path) -> Option<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let named = listing.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        !name.starts_with('.') && !name.ends_with('~')
    });
    let mut paths: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    paths.sort();
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::print;
    use std::fs;
    use std::path::Path;

    fn project(folder: &Path) {
        for (file, text) in [
            ("retaind.yaml", "business: {name: A}\n"),
            ("schema.yaml", "customer: {}\n"),
            ("rules/a.yaml", "rule: a\n"),
            ("templates/hello/en.md", "Hello\n"),
        ] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn every_file_that_is_read_has_its_part_in_the_print() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("retaind.yaml");
        project(dir.path());
        let before = print(&settings);
        for file in ["retaind.yaml", "schema.yaml", "rules/a.yaml", "rules/b.yaml", "templates/hello/hr.md"] {
            fs::write(dir.path().join(file), "x").unwrap();
            assert_ne!(print(&settings), before, "{file}");
            project(dir.path());
            fs::remove_file(dir.path().join(file)).unwrap();
            project(dir.path());
            assert_eq!(print(&settings), before, "{file} as it was");
        }
        fs::rename(dir.path().join("rules/a.yaml"), dir.path().join("rules/z.yaml")).unwrap();
        assert_ne!(print(&settings), before, "a name");
        fs::remove_dir_all(dir.path().join("rules")).unwrap();
        let gone = print(&settings);
        fs::create_dir(dir.path().join("rules")).unwrap();
        assert_ne!(print(&settings), gone, "no folder is not an empty one");
    }

    #[test]
    fn what_is_no_part_of_the_project_has_no_part_in_the_print() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("retaind.yaml");
        project(dir.path());
        let before = print(&settings);
        for file in ["README.md", "data/db", "rules/.a.yaml.swp", "rules/a.yaml~", "outbox/1.eml"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(print(&settings), before);
    }
}
