//! Which folders are watched, and which names in them matter.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The files of a project.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The folder of the settings, as a path from the root.
    pub(super) folder: PathBuf,
    settings: OsString,
}

impl Scope {
    pub(super) fn of(settings_file: &Path) -> Self {
        let file = std::path::absolute(settings_file).unwrap_or_else(|_| settings_file.to_path_buf());
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self { folder, settings: file.file_name().unwrap_or_default().to_owned() }
    }

    /// The folders that there are now: that of the settings first, then those of rules and templates.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let templates = self.folder.join("templates");
        let listing = std::fs::read_dir(&templates).into_iter().flatten().filter_map(Result::ok);
        let each = listing.map(|entry| entry.path()).filter(|path| path.is_dir());
        let each: Vec<PathBuf> = each.collect();
        let fixed = [self.folder.join("rules"), templates];
        [self.folder.clone()].into_iter().chain(fixed.into_iter().filter(|path| path.is_dir())).chain(each).collect()
    }

    /// Whether a change of that path may change the project.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.folder) else { return false };
        let mut names = inside.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        // The folder itself was moved or removed.
        let Some(first) = names.next() else { return true };
        let inner = names.collect::<Vec<_>>();
        match first.to_str() {
            Some("rules") => inner.len() <= 1 && inner.iter().all(|name| is_saved(&name.to_string_lossy())),
            Some("templates") => inner.len() <= 2 && inner.iter().all(|name| is_saved(&name.to_string_lossy())),
            name => inner.is_empty() && (first == self.settings || name == Some("schema.yaml")),
        }
    }
}

/// Whether that name may be a file which somebody saved, and not one that an editor keeps beside it: `.win-back.yaml.swp`,
/// `win-back.yaml~`, `4913`. Two dots are how a mounted folder of settings is changed as a whole (`..data`).
fn is_saved(name: &str) -> bool {
    let is_hidden = name.starts_with('.') && !name.starts_with("..");
    !is_hidden && !name.ends_with('~') && !name.chars().all(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use std::path::Path;

    #[test]
    fn only_what_is_part_of_the_project_concerns_it() {
        let scope = Scope::of(Path::new("/shop/staging.yaml"));
        for path in [
            "/shop",
            "/shop/staging.yaml",
            "/shop/schema.yaml",
            "/shop/rules",
            "/shop/rules/win-back.yaml",
            "/shop/rules/..data",
            "/shop/templates",
            "/shop/templates/win-back",
            "/shop/templates/win-back/en.md",
        ] {
            assert!(scope.concerns(Path::new(path)), "{path}");
        }
        for path in [
            "/shop/retaind.yaml",
            "/shop/data",
            "/shop/data/db",
            "/shop/outbox/1.eml",
            "/shop/schema.yaml/x",
            "/shop/rules/4913",
            "/shop/rules/.win-back.yaml.swp",
            "/shop/rules/win-back.yaml~",
            "/shop/rules/old/win-back.yaml",
            "/shop/templates/win-back/.en.md.swx",
            "/shop/templates/a/b/c",
            "/other/rules/a.yaml",
            "/shop/daemon.log",
        ] {
            assert!(!scope.concerns(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_settings_file_without_a_folder_is_in_the_present_one() {
        let scope = Scope::of(Path::new("retaind.yaml"));
        assert!(scope.folder.is_absolute());
        assert!(scope.concerns(&scope.folder.join("retaind.yaml")));
    }
}
