//! The watch on real folders.

use super::Watch;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything that must happen may take, on a slow and busy machine.
const LIMIT: Duration = Duration::from_mins(1);

fn project() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["rules", "templates/hello", "data"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    let settings = dir.path().join("retaind.yaml");
    fs::write(&settings, "x").unwrap();
    (dir, settings)
}

/// Whether anything of what was done so far is told. A change of the settings marks the end of it.
async fn is_told(watch: &mut Watch, settings: &Path) -> bool {
    let before = *watch.changes.borrow_and_update();
    fs::write(settings, "the end").unwrap();
    tokio::time::timeout(LIMIT, watch.changes.changed()).await.expect("the mark is told").unwrap();
    before > 0
}

#[tokio::test]
async fn whatever_is_saved_is_told() {
    let (dir, settings) = project();
    let mut watch = Watch::open(&settings).unwrap();
    for file in ["retaind.yaml", "schema.yaml", "rules/a.yaml", "templates/hello/en.md"] {
        fs::write(dir.path().join(file), "x").unwrap();
        tokio::time::timeout(LIMIT, watch.changed()).await.unwrap_or_else(|_| panic!("{file}"));
    }
    fs::rename(dir.path().join("rules"), dir.path().join("old")).unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("a folder that is moved away");
    fs::create_dir(dir.path().join("rules")).unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("a folder that is made");
    let mut watch = Watch::open(&settings).unwrap();
    fs::write(dir.path().join("rules/b.yaml"), "x").unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("a file of the new folder");
}

#[tokio::test]
async fn neither_the_store_nor_reading_nor_an_editor_wakes_anybody() {
    let (dir, settings) = project();
    fs::write(dir.path().join("rules/a.yaml"), "x").unwrap();
    let mut watch = Watch::open(&settings).unwrap();
    for file in ["data/db", "README.md", "rules/4913", "rules/.a.yaml.swp", "rules/a.yaml~"] {
        fs::write(dir.path().join(file), "x").unwrap();
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    fs::read(dir.path().join("rules/a.yaml")).unwrap();
    fs::read_dir(dir.path().join("rules")).unwrap().for_each(drop);
    assert!(!is_told(&mut watch, &settings).await);
    fs::write(dir.path().join("rules/a.yaml"), "y").unwrap();
    assert!(is_told(&mut watch, &settings).await);
}

#[tokio::test]
async fn a_burst_is_told_once_when_it_is_over() {
    let (dir, settings) = project();
    let mut watch = Watch::open(&settings).unwrap();
    for number in 0..100 {
        fs::write(dir.path().join("rules/a.yaml"), number.to_string()).unwrap();
    }
    tokio::time::timeout(LIMIT, watch.changed()).await.unwrap();
    // Nothing was done since, so nothing is left to tell.
    assert!(!watch.changes.has_changed().unwrap());
}

/// Puts a link in another's place in one step.
fn switch(link: &Path, target: &str) {
    let new = link.parent().unwrap().join("another");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[tokio::test]
async fn another_link_on_the_way_to_the_project_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for release in ["releases/5", "releases/6"] {
        fs::create_dir_all(dir.path().join(release).join("rules")).unwrap();
        fs::write(dir.path().join(release).join("retaind.yaml"), release).unwrap();
    }
    let current = dir.path().join("current");
    symlink("releases/5", &current).unwrap();
    let settings = current.join("retaind.yaml");
    let mut watch = Watch::open(&settings).unwrap();
    switch(&current, "releases/6");
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("the link is another");
    let mut watch = Watch::open(&settings).unwrap();
    fs::write(dir.path().join("releases/6/rules/a.yaml"), "x").unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("a file behind the new link");
    let mut watch = Watch::open(&settings).unwrap();
    fs::write(dir.path().join("releases/5/rules/a.yaml"), "x").unwrap();
    fs::write(dir.path().join("releases/7"), "x").unwrap();
    assert!(!is_told(&mut watch, &settings).await, "the old release is nobody's any more");
}

#[tokio::test]
async fn a_mounted_folder_that_is_changed_as_a_whole_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for version in ["..1", "..2"] {
        fs::create_dir_all(dir.path().join(version).join("rules")).unwrap();
        fs::write(dir.path().join(version).join("retaind.yaml"), version).unwrap();
    }
    let data = dir.path().join("..data");
    symlink("..1", &data).unwrap();
    symlink("..data/retaind.yaml", dir.path().join("retaind.yaml")).unwrap();
    symlink("..data/rules", dir.path().join("rules")).unwrap();
    let mut watch = Watch::open(&dir.path().join("retaind.yaml")).unwrap();
    switch(&data, "..2");
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("the version is another");
}

#[tokio::test]
async fn a_folder_or_a_file_that_lies_elsewhere_is_told() {
    let (dir, settings) = project();
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "en.md"] {
        fs::write(elsewhere.path().join(name), "x").unwrap();
    }
    symlink(elsewhere.path().join("a.yaml"), dir.path().join("rules/a.yaml")).unwrap();
    symlink(elsewhere.path(), dir.path().join("templates/other")).unwrap();
    for name in ["a.yaml", "en.md"] {
        let mut watch = Watch::open(&settings).unwrap();
        fs::write(elsewhere.path().join(name), "y").unwrap();
        tokio::time::timeout(LIMIT, watch.changed()).await.unwrap_or_else(|_| panic!("{name}"));
    }
    let mut watch = Watch::open(&settings).unwrap();
    fs::remove_file(dir.path().join("templates/other")).unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("the link to a folder is gone");
}

#[tokio::test]
async fn a_template_whose_name_is_a_number_is_told() {
    let (dir, settings) = project();
    let mut watch = Watch::open(&settings).unwrap();
    fs::create_dir(dir.path().join("templates/2026")).unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("its folder");
    let mut watch = Watch::open(&settings).unwrap();
    fs::write(dir.path().join("templates/2026/en.md"), "x").unwrap();
    tokio::time::timeout(LIMIT, watch.changed()).await.expect("its message");
}

#[test]
fn a_folder_that_is_not_there_cannot_be_watched() {
    let error = Watch::open(Path::new("/nowhere/at/all/retaind.yaml")).err().expect("an error");
    assert_eq!(error.to_string(), "/nowhere/at/all cannot be watched");
}
