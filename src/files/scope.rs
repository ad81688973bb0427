//! Which folders are watched, and which names in them matter.

use super::links::{Entry, follow};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a project, as they lie now: behind all links, of which each is watched too.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The folder of the settings.
    pub(super) folder: PathBuf,
    /// Of each folder what matters in it; no part of these paths is a link.
    wanted: BTreeMap<PathBuf, Wanted>,
}

/// The names in a folder that matter.
#[derive(Debug, Clone, Default)]
struct Wanted {
    names: BTreeSet<OsString>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// Others do not matter.
    #[default]
    Named,
    /// All that somebody may have saved.
    Files,
    /// All that may be a template.
    Folders,
}

impl Scope {
    pub(super) fn of(settings_file: &Path) -> Self {
        let file = std::path::absolute(settings_file).unwrap_or_else(|_| settings_file.to_path_buf());
        let named = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let mut scope = Self { folder: follow(&named).end, wanted: BTreeMap::new() };
        scope.way(&file);
        scope.way(&named.join("schema.yaml"));
        scope.files(&named.join("rules"));
        let templates = named.join("templates");
        let folder = scope.way(&templates);
        if folder.is_dir() {
            scope.wanted.entry(folder).or_default().kind = Kind::Folders;
            for path in paths_in(&templates).filter(|path| path.is_dir()) {
                scope.files(&path);
            }
        }
        scope
    }

    /// Takes in a folder with files in it.
    fn files(&mut self, path: &Path) {
        let folder = self.way(path);
        if folder.is_dir() {
            self.wanted.entry(folder).or_default().kind = Kind::Files;
            for link in paths_in(path).filter(|path| path.is_symlink()) {
                self.way(&link);
            }
        }
    }

    /// Takes in all links on the way to a path, and where it ends; answers that.
    fn way(&mut self, path: &Path) -> PathBuf {
        let way = follow(path);
        for (folder, name) in way.entries {
            let (folder, name): Entry = (folder, name);
            self.wanted.entry(folder).or_default().names.insert(name);
        }
        way.end
    }

    /// The folders to watch: that of the settings first, then those of the project, then those that only hold links to it.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let others = self.wanted.keys().filter(|folder| **folder != self.folder);
        let (links, own): (Vec<&PathBuf>, Vec<&PathBuf>) = others.partition(|folder| self.is_of_links(folder));
        [&self.folder].into_iter().chain(own).chain(links).cloned().collect()
    }

    /// Whether a folder is watched only for what leads to the project or is linked from it.
    pub(super) fn is_of_links(&self, folder: &Path) -> bool {
        folder != self.folder && self.wanted.get(folder).is_none_or(|wanted| wanted.kind == Kind::Named)
    }

    /// Whether a change of that path may change the project.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        // A folder itself was moved or removed.
        if self.wanted.contains_key(path) {
            return true;
        }
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { return false };
        self.wanted.get(folder).is_some_and(|wanted| {
            wanted.names.contains(name)
                || match wanted.kind {
                    Kind::Named => false,
                    Kind::Files => is_saved(&name.to_string_lossy()) && !is_number(&name.to_string_lossy()),
                    Kind::Folders => is_saved(&name.to_string_lossy()),
                }
        })
    }
}

fn paths_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path())
}

/// Whether that name may be one which somebody gave, and not that of a file which an editor keeps beside another:
/// `.win-back.yaml.swp`, `win-back.yaml~`. Two dots are how a mounted folder of settings is changed as a whole (`..data`).
fn is_saved(name: &str) -> bool {
    let is_hidden = name.starts_with('.') && !name.starts_with("..");
    !is_hidden && !name.ends_with('~')
}

/// `4913`, with which an editor tries whether it can write. No rule and no message is called so; a template may be.
fn is_number(name: &str) -> bool {
    name.chars().all(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    fn shop() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["shop/rules", "shop/templates/win-back", "shop/templates/2026", "shared"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        (dir, root)
    }

    #[test]
    fn only_what_is_part_of_the_project_concerns_it() {
        let (_dir, root) = shop();
        let scope = Scope::of(&root.join("shop/staging.yaml"));
        for path in [
            "shop",
            "shop/staging.yaml",
            "shop/schema.yaml",
            "shop/rules",
            "shop/rules/win-back.yaml",
            "shop/rules/..data",
            "shop/templates",
            "shop/templates/win-back",
            "shop/templates/2027",
            "shop/templates/win-back/en.md",
            "shop/templates/2026/en.md",
        ] {
            assert!(scope.concerns(&root.join(path)), "{path}");
        }
        for path in [
            "shop/retaind.yaml",
            "shop/data",
            "shop/data/db",
            "shop/outbox/1.eml",
            "shop/schema.yaml/x",
            "shop/rules/4913",
            "shop/rules/.win-back.yaml.swp",
            "shop/rules/win-back.yaml~",
            "shop/rules/old/win-back.yaml",
            "shop/templates/win-back/.en.md.swx",
            "shop/templates/win-back/4913",
            "shop/templates/a/b/c",
            "other/rules/a.yaml",
            "shop/daemon.log",
            "shared/a.yaml",
        ] {
            assert!(!scope.concerns(&root.join(path)), "{path}");
        }
    }

    #[test]
    fn links_and_what_they_lead_to_concern_it() {
        let (_dir, root) = shop();
        fs::write(root.join("shared/a.yaml"), "x").unwrap();
        symlink("../../shared/a.yaml", root.join("shop/rules/a.yaml")).unwrap();
        symlink("shop", root.join("current")).unwrap();
        let scope = Scope::of(&root.join("current/retaind.yaml"));
        for path in ["current", "shop/retaind.yaml", "shop/rules/b.yaml", "shared/a.yaml"] {
            assert!(scope.concerns(&root.join(path)), "{path}");
        }
        for path in ["other", "shared/b.yaml", "current.new"] {
            assert!(!scope.concerns(&root.join(path)), "{path}");
        }
        let folders = scope.folders();
        assert_eq!(folders[0], root.join("shop"));
        assert!(folders.contains(&root) && folders.contains(&root.join("shared")), "{folders:?}");
        assert!(scope.is_of_links(&root) && !scope.is_of_links(&root.join("shop/rules")));
    }

    #[test]
    fn a_settings_file_without_a_folder_is_in_the_present_one() {
        let scope = Scope::of(Path::new("retaind.yaml"));
        assert!(scope.folder.is_absolute());
        assert!(scope.concerns(&scope.folder.join("retaind.yaml")));
    }
}
