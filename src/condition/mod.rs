//! Conditions: text in CEL syntax becomes a typed predicate over one customer.
//!
//! What it is for: telling whether a customer matches, until when that is so if nothing arrives, why or why not, what the
//! answer depends on, and which of a customer's events have to be kept for that.
//! Invariants: pure, `now` is a parameter; a condition that compiled never fails and never panics; a missing value is
//! unknown and unknown is never a match; numbers are exact; evaluating neither allocates nor builds text; one evaluator
//! yields the value and until when it holds, and that instant is never too late.
//! Deliberately not here: which rule asks (rules), what follows from the answer (engine), how events are counted
//! (domain, `Activity`).
//!
//! The tree of [`tree`] is typed by what its terms yield and holds no closures, so that more questions than "does it
//! hold" can be asked of it: what it reads, what was missing, how it may change as time goes by.
//!
//! Until when: beside its value each term yields how it moves (`tree/motion.rs`): the same until some instant, on a
//! straight line with the time, or both. A comparison looks ahead from one possible change to the next until its order
//! flips, and so does the whole. The answer is the very instant, but earlier, and then to be asked again, where two
//! rounded multiples of elapsed time are subtracted from each other, where a result goes out of the range of numbers,
//! and where the look ahead ends before the value changes: after some hundred possible changes of one comparison (what
//! the calendar never brings, such as a 25th hour), or 32 of the whole condition (parts that change by the hour behind
//! one that is unknown). A window that reaches further back than what a customer's totals keep is to be rebuilt from
//! the log for `now` before it is asked about, as for the value; complete at `now`, it is so at every later instant.
//!
//! A segment is asked as if its condition stood there, but for this: who is not known to be inside is outside. What an
//! enrollment began with (`event.…`, `at_entry.…`) is a part of the facts that no time changes.
//!
//! Where we differ from CEL on purpose: `5 / 2` is 2.5 and every number is one exact decimal type; a missing value is
//! unknown, not an error, and so is a division by zero; calendar getters count in the customer's zone; a duration can
//! be multiplied and divided.

mod check;
mod explain;
mod foregone;
mod links;
mod missing;
mod path;
mod predicate;
mod reads;
mod set;
mod source;
mod tree;
mod words;

pub use foregone::{Foregone, Part, excluded, foregone, is_never};
pub use missing::Missing;
pub use path::Path;
pub use predicate::Predicate;
pub use reads::Reads;
pub use source::Parser;

use crate::domain::{Customer, Entry, Schema, Severity, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Whether a condition holds: three-valued as in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// A value that decides was missing. Never a match.
    Unknown,
}

impl Truth {
    /// Whether it is a match.
    #[must_use]
    pub const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }

    /// `Some(true)`, `Some(false)`, or `None` for unknown.
    #[must_use]
    pub const fn known(self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Unknown => None,
        }
    }
}

impl From<Option<bool>> for Truth {
    fn from(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::True,
            Some(false) => Self::False,
            None => Self::Unknown,
        }
    }
}

/// Whether a condition holds, and how long that stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What [`Predicate::evaluate`] says.
    pub value: Truth,
    /// An instant later than the one asked about; as long as no data arrives, the value is the same at every instant
    /// before it. `None` when it then never changes.
    pub until: Option<Time>,
}

/// Something about a condition's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Bytes of the condition's text.
    pub span: Range<usize>,
    /// A stable short name of the kind of problem.
    pub code: &'static str,
    /// The cause in plain words.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
}

impl Problem {
    fn error(span: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, span, code, message: message.into(), help: None }
    }

    fn warning(span: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, code, message) }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a condition may name.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Attributes, events, classes and topics.
    pub schema: &'a Schema,
    /// The event whose properties are `event.…`; `None` where no event starts the rule.
    pub event: Option<&'a str>,
    /// Whether it is asked of an enrollment, so that `at_entry.…` means something.
    pub at_entry: bool,
    /// Segments that `in_segment(…)` may name, by name.
    pub segments: &'a BTreeMap<String, Predicate>,
    /// Rules that `sent(…)` may name.
    pub rules: &'a BTreeSet<String>,
    /// What is asked of the condition.
    pub wanted: Wanted,
    /// The thread's parser; without it each condition is parsed on a thread of its own.
    pub parser: Option<&'a Parser>,
}

/// Which value of a condition is a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It has to hold.
    True,
    /// It has to be false, as what stands under `none:`.
    False,
}

impl<'a> Scope<'a> {
    /// With nothing but the schema to name.
    #[must_use]
    pub fn of(schema: &'a Schema) -> Self {
        static NO_SEGMENTS: BTreeMap<String, Predicate> = BTreeMap::new();
        static NO_RULES: BTreeSet<String> = BTreeSet::new();
        Self {
            schema,
            event: None,
            at_entry: false,
            segments: &NO_SEGMENTS,
            rules: &NO_RULES,
            wanted: Wanted::True,
            parser: None,
        }
    }
}

/// What a condition is judged on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The customer, with totals as of `now`.
    pub customer: &'a Customer,
    /// The instant.
    pub now: Time,
    /// The customer's zone; the business's where the customer has none.
    pub zone: &'a jiff::tz::TimeZone,
    /// What the enrollment began with that is asked about; `None` where there is none. At entry it is what is to be kept.
    pub entry: Option<&'a Entry>,
}

/// What the value of a condition is of the values of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// It holds when all of them do.
    All,
    /// It holds when one of them does.
    Any,
    /// It holds when none of them does; of a single one it is the negation.
    None,
    /// It has no parts.
    Leaf,
}

/// Why a condition has its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The condition, or this part of it, as written.
    pub text: String,
    /// What its value is of the values of its parts.
    pub node: Node,
    /// Its value.
    pub value: Truth,
    /// The values that it came from, in plain words.
    pub detail: String,
    /// Its parts.
    pub children: Vec<Explanation>,
}

/// Checks and compiles a condition. All problems are reported; the predicate is there unless one is an error.
#[must_use]
pub fn compile(source: &str, scope: &Scope<'_>) -> (Option<Predicate>, Vec<Problem>) {
    let source::Reading { node, mut problems } = source::read(source, scope.parser);
    let is_sound = problems.is_empty();
    let clause = node.and_then(|node| {
        let (clause, found) = check::check(&node, scope);
        // Of a text that is not what was written only what is certainly wrong is told.
        problems.extend(found.into_iter().filter(|problem| is_sound || problem.severity == Severity::Error));
        clause
    });
    problems.sort_by_key(|problem| (problem.span.start, problem.severity));
    problems.dedup();
    let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
    let predicate = clause.filter(|_| !broken).map(|clause| Predicate::of(source, clause, scope.schema));
    (predicate, problems)
}

/// The segments that a condition's text names, with the bytes at which each name stands, in the order of the text; for
/// putting segments in order before they are compiled. Empty for a text that cannot be read, of which [`compile`] tells
/// the problems.
#[must_use]
pub fn segments_named(source: &str, parser: Option<&Parser>) -> Vec<(String, Range<usize>)> {
    let mut named = Vec::new();
    if let Some(node) = source::read(source, parser).node {
        name_segments(&node, &mut named);
    }
    named
}

fn name_segments(node: &source::Node, named: &mut Vec<(String, Range<usize>)>) {
    if let Some((name, place)) = node.segment_named() {
        named.push((name.to_owned(), place));
    }
    node.children().into_iter().for_each(|child| name_segments(child, named));
}

#[cfg(test)]
mod tests;
