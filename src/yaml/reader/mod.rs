//! Reads a document into typed values and collects everything that is wrong on the way.

mod item;
mod joined;
mod map;
mod meant;
#[cfg(test)]
mod record;
mod zone;

pub use item::Item;
pub use map::Map;
#[cfg(test)]
pub(crate) use record::{Asked, recorded};

use super::Document;
use crate::domain::{Diagnostic, Place};
use std::cell::RefCell;

/// After so many problems a reader only looks for whether there is an error at all.
const MAX_PROBLEMS: usize = 100;

/// Reads a document and collects its problems. It never stops at the first one: each getter answers `None` when it has
/// noted a problem, and the reading goes on with the next key.
///
/// ```
/// use retaind::yaml::{Item, Reader, parse};
///
/// let document = parse("rules/a.yaml".as_ref(), b"rule: a\nprioritty: 5\n").unwrap();
/// let reader = Reader::new(&document);
/// let map = reader.root().map().unwrap();
/// assert_eq!(map.required("rule").and_then(Item::text), Some("a"));
/// assert_eq!(map.optional("priority").and_then(Item::whole), None);
/// map.close();
/// let problems = reader.finish();
/// assert_eq!(
///     problems[0].to_string(),
///     "rules/a.yaml:2:1: error[unknown-key]: unknown key `prioritty`; help: did you mean `priority`?"
/// );
/// ```
#[derive(Debug)]
pub struct Reader<'d> {
    document: &'d Document,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'d> Reader<'d> {
    /// A reader that has found no more than the document's own problems yet.
    #[must_use]
    pub fn new(document: &'d Document) -> Self {
        Self { document, found: RefCell::new(document.problems().to_vec()) }
    }

    /// What it reads.
    #[must_use]
    pub const fn document(&self) -> &'d Document {
        self.document
    }

    /// The document's root.
    #[must_use]
    pub const fn root(&self) -> Item<'_> {
        Item::new(self, &self.document.root, "the file", None)
    }

    /// Notes a problem. After a hundred of them only a first error is still noted: a file of 1 MiB can hold more problems
    /// than anybody reads.
    pub fn report(&self, problem: Diagnostic) {
        let is_needed = !self.is_full() || (problem.is_error() && !self.has_errors());
        if is_needed {
            self.found.borrow_mut().push(problem);
        }
    }

    /// Takes back what turned out to be said better by another problem.
    fn retract(&self, code: &str, message: &str, place: &Place) {
        let mut found = self.found.borrow_mut();
        let is_meant = |problem: &Diagnostic| {
            problem.code == code && problem.message == message && problem.place.span == place.span
        };
        if let Some(index) = found.iter().position(is_meant) {
            found.remove(index);
        }
    }

    /// Whether enough problems were noted.
    fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_PROBLEMS
    }

    /// Notes several.
    pub fn report_all(&self, problems: impl IntoIterator<Item = Diagnostic>) {
        problems.into_iter().for_each(|problem| self.report(problem));
    }

    /// Whether an error was noted so far.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(Diagnostic::is_error)
    }

    /// Everything that was found, in the order of the file.
    #[must_use]
    pub fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| problem.place.span.start);
        found
    }
}
