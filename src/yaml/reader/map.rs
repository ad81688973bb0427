//! A map whose keys are known beforehand.

use super::item::suggestion;
use super::meant::{example, meant};
use super::{Item, MAX_PROBLEMS};
use crate::domain::{Diagnostic, Place};
use crate::yaml::{Key, Kind, Node};
use std::cell::RefCell;

/// A map on its way to a type. Ask for every key it may have, then [`close`](Map::close) it: what nobody asked for is an
/// unknown key.
#[derive(Debug)]
pub struct Map<'r> {
    item: Item<'r>,
    known: RefCell<Vec<&'static str>>,
    /// Keys that were noted as missing.
    missing: RefCell<Vec<&'static str>>,
    /// Keys of which all was said.
    passed: RefCell<Vec<&'static str>>,
}

impl<'r> Map<'r> {
    pub(super) fn new(item: Item<'r>) -> Self {
        Self { item, known: RefCell::new(Vec::new()), missing: RefCell::default(), passed: RefCell::default() }
    }

    /// The map as a value.
    #[must_use]
    pub const fn item(&self) -> Item<'r> {
        self.item
    }

    fn entries(&self) -> &'r [(Key, Node)] {
        if let Kind::Map(entries) = &self.item.node().kind { entries } else { &[] }
    }

    fn learn(&self, name: &'static str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
        }
    }

    /// Says that keys are known which nobody reads any more, as in a map that was refused as a whole.
    pub fn pass_over(&self, names: &[&'static str]) {
        names.iter().for_each(|name| self.learn(name));
    }

    /// The value of a key, if the key is there, be it empty; not one that was refused already.
    #[must_use]
    pub fn get(&self, name: &'static str) -> Option<Item<'r>> {
        self.learn(name);
        let (key, node) = self.entries().iter().find(|(key, node)| key.name == name && !node.is_refused())?;
        Some(Item::new(self.item.reader(), node, &key.name, Some(&key.span)))
    }

    /// The value of a key that may be left out, but not left empty.
    #[must_use]
    pub fn optional(&self, name: &'static str) -> Option<Item<'r>> {
        let item = self.get(name)?;
        if item.is_null() {
            let help = "write a value, or remove the key";
            item.error_with_help("empty-value", format!("`{name}` is empty"), help);
            return None;
        }
        Some(item)
    }

    /// The value of a key that must be there.
    #[must_use]
    pub fn required(&self, name: &'static str) -> Option<Item<'r>> {
        if !self.has(name) {
            self.missing(name, Some(&example(name)));
            return None;
        }
        self.optional(name)
    }

    /// Notes that a key is missing, at the first key of the map. Of one that is there and was refused nothing is said.
    pub fn missing(&self, name: &'static str, help: Option<&str>) {
        self.learn(name);
        if self.has(name) || self.item.node().is_partial() {
            return;
        }
        self.missing.borrow_mut().push(name);
        let reader = self.item.reader();
        let mut problem = Diagnostic::error("missing-key", self.first_place(), missing_message(name));
        problem.help = help.map(Into::into);
        reader.report(problem);
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries().iter().any(|(key, _)| key.name == name)
    }

    /// Whether a key was likely meant as one of these, though it is written otherwise.
    #[must_use]
    pub fn is_meant(&self, names: &[&'static str]) -> bool {
        self.entries().iter().any(|(key, _)| meant(&key.name, names).is_some())
    }

    /// Notes keys that a later version will take.
    pub fn later(&self, names: &[(&'static str, &str)]) {
        for (name, help) in names {
            if let Some(item) = self.get(name) {
                let message = format!("`{name}` is not supported in this version");
                let problem = Diagnostic::error("not-supported", item.key_place(), message);
                item.reader().report(problem.help(*help));
                self.passed.borrow_mut().push(name);
            }
            self.known.borrow_mut().retain(|known| known != name);
        }
    }

    /// Notes every key that nobody asked for. One that was likely meant as a key that is missing is one problem, not two.
    pub fn close(self) {
        let known = self.known.borrow();
        #[cfg(test)]
        super::record::keep(&self, &known);
        let passed = self.passed.borrow();
        let reader = self.item.reader();
        let mut free: Vec<_> = known.iter().copied().filter(|name| !self.has(name)).collect();
        let is_unknown = |key: &Key| !known.contains(&key.name.as_str()) && !passed.contains(&key.name.as_str());
        let unknown = self.entries().iter().filter(|(key, _)| is_unknown(key));
        for (key, _) in unknown.take(MAX_PROBLEMS) {
            let near = meant(&key.name, &free);
            let help = match near {
                Some((name, why)) => {
                    if self.missing.borrow().contains(&name) {
                        reader.retract("missing-key", &missing_message(name), &self.first_place());
                    }
                    free.retain(|free| *free != name);
                    format!("did you mean `{name}`?{why}")
                }
                None if free.is_empty() => "remove it".into(),
                None => suggestion(&key.name, free.iter().copied()),
            };
            let place = reader.document().place(key.span.clone());
            reader.report(Diagnostic::error("unknown-key", place, format!("unknown key `{}`", key.name)).help(help));
        }
    }

    /// Where it is told that a key is missing: at the first key of the map.
    fn first_place(&self) -> Place {
        let span = self.entries().first().map_or_else(|| self.item.node().span.clone(), |(key, _)| key.span.clone());
        self.item.reader().document().place(span)
    }
}

fn missing_message(name: &str) -> String {
    format!("the key `{name}` is missing")
}
