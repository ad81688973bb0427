//! A compiled condition.

use super::tree::{
    Clause, Flag, LOOKS_AT_ALL, Leaf, Motion, Seen, Term, conjunction, disjunction, look_ahead, negated,
};
use super::{Explanation, Facts, Held, Path, Reads, Truth, explain};
use crate::domain::{Interest, Schema, Span, Time};
use std::fmt;
use std::sync::Arc;

/// A condition that can be asked of any customer. Cheap to clone.
#[derive(Clone)]
pub struct Predicate(Arc<Inner>);

struct Inner {
    shape: Shape,
    interest: Interest,
    reads: Reads,
}

pub(super) enum Shape {
    Everyone,
    Line(Line),
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    None(Vec<Predicate>),
}

/// One condition as written.
pub(super) struct Line {
    pub(super) source: Box<str>,
    pub(super) root: Clause,
}

impl Predicate {
    pub(super) fn of(source: &str, root: Clause, schema: &Schema) -> Self {
        let mut interest = Interest { purchase: schema.purchase.clone(), ..Interest::default() };
        let leaves = root.test.leaves();
        for leaf in &leaves {
            leaf.note(&mut interest);
        }
        let reads = Reads::of(&leaves);
        Self(Arc::new(Inner { shape: Shape::Line(Line { source: source.into(), root }), interest, reads }))
    }

    fn joined(parts: Vec<Self>, shape: fn(Vec<Self>) -> Shape) -> Self {
        let mut interest = parts.first().map(|part| part.interest().clone()).unwrap_or_default();
        parts.iter().skip(1).for_each(|part| interest.merge(part.interest()));
        // A part that is for everyone reads nothing, so it does not know what a purchase is.
        if let Some(knowing) = parts.iter().find(|part| !matches!(part.shape(), Shape::Everyone)) {
            interest.purchase = knowing.interest().purchase.clone();
        }
        let mut reads = Reads::default();
        for part in &parts {
            reads.merge(part.reads());
        }
        Self(Arc::new(Inner { shape: shape(parts), interest, reads }))
    }

    /// Holds for every customer.
    #[must_use]
    pub fn everyone() -> Self {
        Self(Arc::new(Inner { shape: Shape::Everyone, interest: Interest::default(), reads: Reads::default() }))
    }

    /// Holds when every part does.
    #[must_use]
    pub fn all(parts: Vec<Self>) -> Self {
        Self::joined(parts, Shape::All)
    }

    /// Holds when at least one part does.
    #[must_use]
    pub fn any(parts: Vec<Self>) -> Self {
        Self::joined(parts, Shape::Any)
    }

    /// Holds when every part is false.
    #[must_use]
    pub fn none(parts: Vec<Self>) -> Self {
        Self::joined(parts, Shape::None)
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// Whether it holds.
    #[must_use]
    pub fn evaluate(&self, facts: &Facts<'_>) -> Truth {
        self.value(facts).into()
    }

    /// Whether it holds, and until when that is so if no data arrives.
    ///
    /// `until` is never too late, and it is the very instant of the change but for what the room's card names. An event
    /// that is stored and lies ahead ([`crate::domain::Activity::uncounted_from`]) counts from its time on: where events
    /// matter to the value, `until` is no later. Facts that are to be rebuilt because such an event's time has come get
    /// an `until` of the next millisecond there.
    #[must_use]
    pub fn evaluate_until(&self, facts: &Facts<'_>) -> Held {
        let (value, motion) = match look_ahead(
            facts,
            LOOKS_AT_ALL,
            |facts, value| self.value(facts) != value,
            |facts| self.observe(facts),
        ) {
            Ok((value, motion)) => (Some(value), motion),
            Err(motion) => (None, motion),
        };
        let until = motion.holds.max(facts.now.plus(Span(1)));
        Held { value: value.into(), until: Some(until).filter(|until| *until <= Time::MAX) }
    }

    fn value(&self, facts: &Facts<'_>) -> Option<bool> {
        self.observe::<()>(facts).ok().map(|(value, ())| value)
    }

    pub(super) fn observe<M: Motion>(&self, facts: &Facts<'_>) -> Seen<bool, M> {
        match &self.0.shape {
            Shape::Everyone => Ok((true, M::FIXED)),
            Shape::Line(line) => line.root.observe(facts),
            Shape::All(parts) => conjunction(parts.iter().map(|part| part.observe(facts))),
            Shape::Any(parts) => disjunction(parts.iter().map(|part| part.observe(facts))),
            Shape::None(parts) => negated(disjunction(parts.iter().map(|part| part.observe(facts)))),
        }
    }

    /// Each part of the condition with its value and where it came from.
    #[must_use]
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        explain::predicate(self, facts)
    }

    /// What has to be kept of a customer's events so that it can be told.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.0.interest
    }

    /// What it depends on.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.0.reads
    }

    /// The paths that `at_entry.` stands before, each once, in the order of the text.
    #[must_use]
    pub fn at_entry(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        self.at_entry_into(&mut paths);
        paths
    }

    fn at_entry_into(&self, paths: &mut Vec<Path>) {
        match &self.0.shape {
            Shape::Everyone => {}
            Shape::Line(line) => {
                for leaf in line.root.test.leaves() {
                    if let Leaf::AtEntry(path) = leaf
                        && !paths.contains(path)
                    {
                        paths.push(path.clone());
                    }
                }
            }
            Shape::All(parts) | Shape::Any(parts) | Shape::None(parts) => {
                for part in parts {
                    part.at_entry_into(paths);
                }
            }
        }
    }

    /// What was missing when the value is unknown, as written in conditions: `customer.plan`, `orders.last_at`. Empty
    /// when it is known.
    #[must_use]
    pub fn missing(&self, facts: &Facts<'_>) -> Vec<String> {
        let mut paths = Vec::new();
        self.missing_into(facts, &mut paths);
        paths
    }

    fn missing_into(&self, facts: &Facts<'_>, paths: &mut Vec<String>) {
        if self.value(facts).is_some() {
            return;
        }
        match &self.0.shape {
            Shape::Everyone => {}
            Shape::Line(line) => {
                for clause in atoms(&line.root).into_iter().filter(|clause| clause.evaluate(facts).is_none()) {
                    let unknown: Vec<String> = clause.test.unknown(facts).iter().map(Leaf::path).collect();
                    // Nothing missing, yet no value: a division by zero or a number out of range.
                    let unknown = if unknown.is_empty() { vec![line.text(clause).to_owned()] } else { unknown };
                    for path in unknown {
                        if !paths.contains(&path) {
                            paths.push(path);
                        }
                    }
                }
            }
            Shape::All(parts) | Shape::Any(parts) | Shape::None(parts) => {
                for part in parts {
                    part.missing_into(facts, paths);
                }
            }
        }
    }
}

impl Line {
    /// A part as written.
    pub(super) fn text(&self, clause: &Clause) -> &str {
        self.source.get(clause.span.clone()).unwrap_or(&self.source)
    }
}

/// The parts of a condition that `&&`, `||` and `!` join.
fn atoms(clause: &Clause) -> Vec<&Clause> {
    match &clause.test {
        Term::Own(Flag::All(parts) | Flag::Any(parts)) => parts.iter().flat_map(atoms).collect(),
        Term::Own(Flag::Not(part)) => atoms(part),
        _ => vec![clause],
    }
}

impl fmt::Debug for Predicate {
    /// The condition as written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.shape {
            Shape::Everyone => f.write_str("everyone"),
            Shape::Line(line) => fmt::Debug::fmt(&line.source, f),
            Shape::All(parts) => f.debug_tuple("all").field(parts).finish(),
            Shape::Any(parts) => f.debug_tuple("any").field(parts).finish(),
            Shape::None(parts) => f.debug_tuple("none").field(parts).finish(),
        }
    }
}
