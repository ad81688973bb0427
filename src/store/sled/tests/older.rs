//! Stores that older programs have left; see `tests/stores/README.md`.

use super::bare;
use std::path::{Path, PathBuf};

/// Where they lie.
pub(in crate::store::sled) fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores").join(name)
}

/// Unpacks the files of one into a folder.
pub(in crate::store::sled) fn unpack(name: &str, folder: &Path) {
    std::fs::create_dir_all(folder.join("blobs")).unwrap();
    for entry in std::fs::read_dir(kept(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            let plain = zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap();
            std::fs::write(folder.join(path.file_stem().unwrap()), plain).unwrap();
        }
    }
}

/// All rows of a store, by sled alone.
pub(in crate::store::sled) fn rows(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let db = bare(folder);
    db.iter().map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}
