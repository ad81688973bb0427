//! Which line of a rule keeps a customer out.

use crate::condition::{Explanation, Facts, Node, Predicate, Truth};
use crate::domain::{Customer, Entry, Time};
use crate::rules::{Rule, without_blanks};
use jiff::tz::TimeZone;

/// A line of a rule, as it stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whether it is what keeps the customer out.
    pub(super) fails: bool,
    value: Truth,
    text: String,
    detail: String,
}

impl Finding {
    fn of(explanation: &Explanation, fails: bool) -> Self {
        let Explanation { text, value, detail, .. } = explanation;
        Self { fails, value: *value, text: text.clone(), detail: detail.clone() }
    }

    /// Such as `orders.count >= 2 is false: 1`.
    pub(super) fn told(&self) -> String {
        let value = match self.value {
            Truth::True => "is true",
            Truth::False => "is false",
            Truth::Unknown => "cannot be told",
        };
        let Self { text, detail, .. } = self;
        if detail.is_empty() { format!("{text} {value}") } else { format!("{text} {value}: {detail}") }
    }
}

/// Whether two texts are one condition: blanks and the kind of quotes do not matter.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let bare = |text: &str| without_blanks(text).replace('\'', "\"");
    bare(one) == bare(other)
}

/// The rule's conditions of its enrollments: `while`, and those of steps.
fn of_enrollments(rule: &Rule) -> impl Iterator<Item = &Predicate> {
    rule.steps.iter().filter_map(|step| step.when.as_ref()).chain(&rule.stays)
}

/// Every line of the rule as written, and every part of one that `&&` or `||` joins, each once.
pub(super) fn lines(rule: &Rule) -> Vec<String> {
    let nobody = Customer::new("", Time::MIN);
    let facts = Facts { customer: &nobody, now: Time(0), zone: &TimeZone::UTC, entry: None };
    let mut lines = Vec::new();
    for condition in of_enrollments(rule).chain([&rule.when]) {
        collect(&condition.explain(&facts), &mut lines);
    }
    lines
}

fn collect(explanation: &Explanation, lines: &mut Vec<String>) {
    if !is_group(explanation) && !lines.contains(&explanation.text) {
        lines.push(explanation.text.clone());
    }
    explanation.children.iter().for_each(|child| collect(child, lines));
}

fn is_group(explanation: &Explanation) -> bool {
    matches!(explanation.text.as_str(), "all of" | "any of" | "none of")
}

/// A line of the rule's at an instant: in `when` as it is judged with what would be kept at entry, in `while` and the
/// `when` of steps as it is asked of an enrollment. One that keeps the customer out comes before one that does not.
pub(super) fn find(
    rule: &Rule,
    line: &str,
    facts: &Facts<'_>,
    (entering, inside): (&Entry, &Entry),
) -> Option<Finding> {
    let at_entry = Facts { entry: Some(entering), ..*facts };
    let later = Facts { entry: Some(inside), ..*facts };
    let mut found = search(&rule.when.explain(&at_entry), line, Wanted::TRUE);
    for condition in of_enrollments(rule) {
        found = better(found, search(&condition.explain(&later), line, Wanted::TRUE));
    }
    found
}

/// The lines that keep the customer out of the rule.
pub(super) fn failing(rule: &Rule, facts: &Facts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for condition in [&rule.when].into_iter().chain(&rule.stays) {
        gather(&condition.explain(facts), Wanted::TRUE, &mut found);
    }
    found
}

/// What a part of a condition is to be so that the whole holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted(Truth);

impl Wanted {
    const TRUE: Self = Self(Truth::True);

    fn fails(self, explanation: &Explanation) -> bool {
        explanation.value != self.0
    }

    /// For the parts of what an explanation explains.
    fn of_parts(self, explanation: &Explanation) -> Self {
        match (explanation.node, self.0) {
            (Node::None, Truth::True) => Self(Truth::False),
            (Node::None, _) => Self::TRUE,
            (Node::All | Node::Any | Node::Leaf, _) => self,
        }
    }
}

fn search(explanation: &Explanation, line: &str, wanted: Wanted) -> Option<Finding> {
    let fails = wanted.fails(explanation);
    let own = (!is_group(explanation) && is_same(&explanation.text, line)).then(|| Finding::of(explanation, fails));
    let within = wanted.of_parts(explanation);
    let parts = explanation.children.iter().map(|child| search(child, line, within));
    // A part of what holds all the same keeps nobody out.
    let parts = parts.fold(None, better).map(|part| Finding { fails: part.fails && fails, ..part });
    better(own, parts)
}

fn better(one: Option<Finding>, other: Option<Finding>) -> Option<Finding> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.fails && !one.fails { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn gather(explanation: &Explanation, wanted: Wanted, found: &mut Vec<String>) {
    if !wanted.fails(explanation) {
        return;
    }
    if explanation.children.is_empty() {
        found.push(Finding::of(explanation, true).told());
    }
    let within = wanted.of_parts(explanation);
    explanation.children.iter().for_each(|child| gather(child, within, found));
}
