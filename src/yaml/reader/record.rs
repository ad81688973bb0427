//! What was asked for while files were read, so that tests can compare it with what is said of the files elsewhere.

use super::{Item, Map};
use crate::yaml::{Kind, Node};
use std::sync::{Mutex, PoisonError};

/// A map that was read: where it stands, and the keys that were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Keys from the root to it; `None` is an entry of a list.
    pub(crate) path: Vec<Option<String>>,
    /// Every key that was asked for.
    pub(crate) keys: Vec<&'static str>,
}

/// The folder of files whose reading is recorded. Rules are read on a thread of their own, beside whatever other tests read.
const FOLDER: &str = "recorded";

static ASKED: Mutex<Vec<Asked>> = Mutex::new(Vec::new());

/// Every map that `work` reads of files in the folder `recorded`. One after another.
pub(crate) fn recorded(work: impl FnOnce()) -> Vec<Asked> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    ASKED.lock().unwrap_or_else(PoisonError::into_inner).clear();
    work();
    std::mem::take(&mut ASKED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps what was asked of a map.
pub(super) fn keep(map: &Map<'_>, keys: &[&'static str]) {
    let document = map.item().reader().document();
    if !document.file.starts_with(FOLDER) {
        return;
    }
    if let Some(path) = path_to(&document.root, map.item()) {
        let asked = Asked { path, keys: keys.to_vec() };
        ASKED.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}

fn path_to(from: &Node, item: Item<'_>) -> Option<Vec<Option<String>>> {
    if std::ptr::eq(from, item.node()) {
        return Some(Vec::new());
    }
    let below = |step: Option<String>, node: &Node| {
        let rest = path_to(node, item)?;
        Some(std::iter::once(step).chain(rest).collect())
    };
    match &from.kind {
        Kind::List(items) => items.iter().find_map(|node| below(None, node)),
        Kind::Map(entries) => entries.iter().find_map(|(key, node)| below(Some(key.name.clone()), node)),
        _ => None,
    }
}
