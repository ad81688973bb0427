//! Where a path leads, and over which links.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The system follows no more in one path (`MAXSYMLINKS` of Linux).
const MOST_LINKS: usize = 40;

/// A name in a folder, of which no part is a link.
pub(super) type Entry = (PathBuf, OsString);

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The end of it, of which no part is a link; whether it is there or not.
    pub(super) end: PathBuf,
    /// Every link on the way, in its order, then the end itself: where another one is put under one of these names, the path
    /// leads elsewhere.
    pub(super) entries: Vec<Entry>,
}

/// Follows a path that begins at the root. Of links in a circle only the first are told.
pub(super) fn follow(path: &Path) -> Way {
    let mut left: VecDeque<OsString> = parts(path).collect();
    let (mut end, mut entries) = (PathBuf::from("/"), Vec::new());
    while let Some(name) = left.pop_front() {
        if name == ".." {
            end.pop();
            continue;
        }
        match std::fs::read_link(end.join(&name)) {
            Ok(target) if entries.len() < MOST_LINKS => {
                entries.push((end.clone(), name));
                if target.is_absolute() {
                    end = PathBuf::from("/");
                }
                left = parts(&target).chain(left).collect();
            }
            _ => end.push(name),
        }
    }
    entries.extend(end.parent().zip(end.file_name()).map(|(folder, name)| (folder.to_path_buf(), name.to_owned())));
    Way { end, entries }
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::follow;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_link_of_a_path_is_told_and_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("releases/5")).unwrap();
        fs::write(root.join("releases/5/real.yaml"), "x").unwrap();
        symlink("releases/5", root.join("current")).unwrap();
        symlink("../5/./real.yaml", root.join("releases/5/retaind.yaml")).unwrap();
        symlink(root.join("current"), root.join("shop")).unwrap();
        let way = follow(&root.join("shop/retaind.yaml"));
        assert_eq!(way.end, root.join("releases/5/real.yaml"));
        let entry = |folder: &str, name: &str| (root.join(folder), name.into());
        let releases = root.join("releases/5");
        assert_eq!(
            way.entries,
            [
                (root.clone(), "shop".into()),
                (root.clone(), "current".into()),
                entry("releases/5", "retaind.yaml"),
                (releases, "real.yaml".into()),
            ]
        );
    }

    #[test]
    fn what_is_not_there_and_links_in_a_circle_have_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        assert_eq!(follow(&root.join("a/b")).entries, [(root.join("a"), "b".into())]);
        symlink("two", root.join("one")).unwrap();
        symlink("one", root.join("two")).unwrap();
        let way = follow(&root.join("one/x"));
        assert_eq!(way.entries[..2], [(root.clone(), "one".into()), (root.clone(), "two".into())]);
        assert!(way.entries.len() < 50);
    }
}
