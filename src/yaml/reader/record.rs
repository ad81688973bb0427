//! What was asked for while files were read, so that tests can compare it with what is said of the files elsewhere.

use super::{Item, Map};
use crate::yaml::{Kind, Node};
use std::cell::RefCell;

/// A map that was read: where it stands, and the keys that were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Keys from the root to it; `None` is an entry of a list.
    pub(crate) path: Vec<Option<String>>,
    /// Every key that was asked for.
    pub(crate) keys: Vec<&'static str>,
}

thread_local! {
    static ASKED: RefCell<Option<Vec<Asked>>> = const { RefCell::new(None) };
}

/// Every map that `work` reads on this thread.
pub(crate) fn recorded(work: impl FnOnce()) -> Vec<Asked> {
    ASKED.with_borrow_mut(|asked| *asked = Some(Vec::new()));
    work();
    ASKED.with_borrow_mut(Option::take).unwrap_or_default()
}

/// Keeps what was asked of a map.
pub(super) fn keep(map: &Map<'_>, keys: &[&'static str]) {
    let path = || path_to(&map.item().reader().document().root, map.item());
    ASKED.with_borrow_mut(|asked| {
        if let (Some(asked), Some(path)) = (asked, path()) {
            asked.push(Asked { path, keys: keys.to_vec() });
        }
    });
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
