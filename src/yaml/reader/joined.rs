//! Items of a list that are indented too far, or whose list has no first item: YAML joins them to the text above.

use super::Item;
use crate::domain::{Diagnostic, Place};
use crate::yaml::{Kind, Style};

/// A line that begins like an item of a list, in the middle of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The byte of the text's value where its dash stands.
    pub at: usize,
    /// The line, from its dash on.
    pub place: Place,
}

impl Item<'_> {
    /// The lines of a text without quotes, but for its first, that begin like items of a list.
    #[must_use]
    pub fn joined(self) -> Vec<Joined> {
        let document = self.reader().document();
        let Kind::Text(text) = &self.node().kind else { return Vec::new() };
        if self.node().style() != Style::Plain || !self.written().contains('\n') || self.head().contains(['[', '{']) {
            return Vec::new();
        }
        let dashes = text.match_indices("- ").map(|(at, _)| at);
        let line = |at: usize| {
            let dash = document.place_within(self.node(), at..at + 1).span.start;
            let (before, rest) = document.text.split_at_checked(dash)?;
            let is_first = before.rsplit('\n').next().is_some_and(|head| head.trim().is_empty());
            let length = rest.lines().next().unwrap_or_default().trim_end().len();
            is_first.then(|| Joined { at, place: document.place(dash..dash + length) })
        };
        dashes.filter(|at| *at > 0).filter_map(line).collect()
    }

    /// Notes of each of those lines that it was hardly meant to go on with the text above.
    pub fn tell_joined(self, lines: &[Joined]) {
        let head = self.head();
        let above = self.written().lines().next().unwrap_or_default().trim();
        let is_item = !head.trim().is_empty() && head.chars().all(|character| matches!(character, ' ' | '-'));
        let (message, help) = if is_item {
            let column = head.rfind('-').unwrap_or_default();
            let message = "this line is indented too far, so YAML joins it to the item above";
            (message, format!("begin it with {column} blanks, as the item above"))
        } else {
            let message = "YAML joins this line to the text above, which is no item of the list";
            (message, format!("make that an item, too: `- {above}` on a line of its own, in the same column"))
        };
        let start = self.node().span.start;
        for line in lines {
            let place = Place { span: start..start + above.len(), ..line.place.clone() };
            let problem = Diagnostic::error("yaml-joined", line.place.clone(), message).help(help.clone());
            self.reader().report(problem.also(place, "joined to this"));
        }
    }

    /// What stands in front of a value in its line.
    fn head(&self) -> &str {
        let before = self.reader().document().text.get(..self.node().span.start).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }
}
