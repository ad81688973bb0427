//! What other files define: segments and rules, named by texts in quotes.

use super::super::source::{Arithmetic, Kind as Syntax, Node, Operator};
use super::super::tree::{Flag, Segment, Sent, Term};
use super::{Checked, Checker, Typed};
use crate::domain::nearest;

impl Checker<'_> {
    /// `in_segment("vip")`, or `in_segment(vip)` where the name is a plain word.
    pub(super) fn in_segment(&mut self, name: &Node) -> Checked {
        let segments = self.scope.segments;
        let text = match &name.kind {
            Syntax::Name(text) => text,
            _ => self.literal(name, "the name of a segment")?,
        };
        let Some(predicate) = segments.get(text) else {
            let message = format!("there is no segment `{text}`");
            let help = nearest_of(text, segments.keys()).unwrap_or_else(|| "define it in rules/segments.yaml".into());
            return self.error_with(&name.span, "unknown-segment", message, help);
        };
        let segment = Segment { name: text.into(), predicate: predicate.clone() };
        Some(Typed::Flag(Term::Own(Flag::InSegment(Box::new(segment)))))
    }

    /// `sent("win-back", days(30))`
    pub(super) fn sent(&mut self, rule: &Node, window: &[Node], example: &str) -> Checked {
        let rules = self.scope.rules;
        let known = self.literal(rule, "the name of a rule").filter(|text| {
            let known = rules.contains(*text);
            if !known {
                let help = nearest_of(text, rules.iter()).unwrap_or_else(|| "write the name of a rule's file".into());
                self.error_with(&rule.span, "unknown-rule", format!("there is no rule `{text}`"), help);
            }
            known
        });
        let window = match window {
            [] => Some(None),
            [window, ..] => self.window(window, example).map(Some),
        };
        let sent = Sent { rule: known?.into(), window: window? };
        Some(Typed::Flag(Term::Own(Flag::Sent(Box::new(sent)))))
    }
}

fn nearest_of<'k>(name: &str, known: impl Iterator<Item = &'k String>) -> Option<String> {
    nearest(name, known.map(String::as_str)).map(|near| format!("did you mean \"{near}\"?"))
}

/// What was meant by a name with hyphens that stands without quotes, such as `win-back`.
pub(super) fn unquoted(node: &Node) -> Option<String> {
    match &node.kind {
        Syntax::Name(name) => Some(name.clone()),
        Syntax::Binary(Operator::Arithmetic(Arithmetic::Minus), sides) => {
            let first = unquoted(&sides.0)?;
            let last = match &sides.1.kind {
                Syntax::Number(number) => number.to_string(),
                _ => unquoted(&sides.1)?,
            };
            Some(format!("{first}-{last}"))
        }
        _ => None,
    }
}
