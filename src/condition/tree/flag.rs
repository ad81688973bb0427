//! Tests: what is true, false or unknown.

use super::super::source::Comparison;
use super::super::{Facts, Path};
use super::leaf::OrderField;
use super::limits::{self, Limited};
use super::{
    Change, Day, Items, Kind, Leaf, Length, Moment, Motion, Moving, Num, Ordered, Seen, Segment, Sent, Term, Text,
    Walk, at_entry, both, change_of, conjunction, disjunction, negated, order, property, walk_both,
};
use crate::domain::{Value, ValueType};
use std::cmp::Ordering;
use std::ops::Range;

/// A test and where it was written.
#[derive(Debug)]
pub(in super::super) struct Clause {
    pub(in super::super) span: Range<usize>,
    pub(in super::super) test: Term<Flag>,
}

/// Terms that only truth values have.
#[derive(Debug)]
pub(in super::super) enum Flag {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Not(Box<Clause>),
    Compare(Comparison, Compared),
    In(Membership),
    Text(TextTest, Box<(Term<Text>, Term<Text>)>),
    Has(Asked),
    Consent(Box<str>),
    InSegment(Box<Segment>),
    Sent(Box<Sent>),
}

/// Two terms of one type that are compared.
#[derive(Debug)]
pub(in super::super) enum Compared {
    Numbers(Box<(Term<Num>, Term<Num>)>),
    Texts(Box<(Term<Text>, Term<Text>)>),
    Days(Box<(Term<Day>, Term<Day>)>),
    Moments(Box<(Term<Moment>, Term<Moment>)>),
    Lengths(Box<(Term<Length>, Term<Length>)>),
    Flags(Box<(Term<Flag>, Term<Flag>)>),
}

/// An item and the list that it may be in.
#[derive(Debug)]
pub(in super::super) enum Membership {
    Numbers(Term<Num>, Vec<Term<Num>>),
    Texts(Term<Text>, Vec<Term<Text>>),
    Days(Term<Day>, Vec<Term<Day>>),
    Moments(Term<Moment>, Vec<Term<Moment>>),
    Flags(Box<Term<Flag>>, Vec<Term<Flag>>),
    NumberOf(Term<Num>, Term<Items>),
    TextOf(Term<Text>, Term<Items>),
}

/// A test between two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// What `has` asks for.
#[derive(Debug)]
pub(in super::super) enum Asked {
    Attribute(Box<str>, ValueType),
    Orders(OrderField),
    Property(Box<str>, ValueType),
    AtEntry(Box<Path>),
}

impl Clause {
    #[inline]
    pub(in super::super) fn evaluate(&self, facts: &Facts<'_>) -> Option<bool> {
        self.test.evaluate(facts)
    }

    #[inline]
    pub(in super::super) fn observe<M: Motion>(&self, facts: &Facts<'_>) -> Seen<bool, M> {
        self.test.observe(facts)
    }
}

impl Compared {
    fn observe<M: Motion>(&self, comparison: Comparison, facts: &Facts<'_>) -> Seen<bool, M> {
        let (order, motion) = match self {
            Self::Numbers(terms) => {
                let shorter = match &**terms {
                    (term, Term::Constant(bound)) => term.compare(*bound, facts),
                    _ => None,
                };
                shorter.unwrap_or_else(|| order(terms, facts))?
            }
            Self::Texts(terms) => order(terms, facts)?,
            Self::Days(terms) => order(terms, facts)?,
            Self::Moments(terms) => order(terms, facts)?,
            Self::Lengths(terms) => order(terms, facts)?,
            Self::Flags(terms) => order(terms, facts)?,
        };
        Ok((comparison.holds(order), motion))
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::Numbers(terms) => walk_both(terms, walk),
            Self::Texts(terms) => walk_both(terms, walk),
            Self::Days(terms) => walk_both(terms, walk),
            Self::Moments(terms) => walk_both(terms, walk),
            Self::Lengths(terms) => walk_both(terms, walk),
            Self::Flags(terms) => walk_both(terms, walk),
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Numbers(terms) => change_of(terms),
            Self::Texts(terms) => change_of(terms),
            Self::Days(terms) => change_of(terms),
            Self::Moments(terms) => change_of(terms),
            Self::Lengths(terms) => change_of(terms),
            Self::Flags(terms) => change_of(terms),
        }
    }
}

impl Membership {
    fn observe<M: Motion>(&self, facts: &Facts<'_>) -> Seen<bool, M> {
        fn among<K: Ordered, M: Motion>(item: &Term<K>, list: &[Term<K>], facts: &Facts<'_>) -> Seen<bool, M> {
            if list.is_empty() {
                return Ok((false, M::FIXED));
            }
            let item = item.observe::<M>(facts)?;
            disjunction(list.iter().map(|other| Ok(same::<K, M>(&item, &other.observe(facts)?, facts))))
        }
        match self {
            Self::Numbers(item, list) => among(item, list, facts),
            Self::Texts(item, list) => among(item, list, facts),
            Self::Days(item, list) => among(item, list, facts),
            Self::Moments(item, list) => among(item, list, facts),
            Self::Flags(item, list) => among(item, list, facts),
            Self::NumberOf(item, list) => {
                let (item, (list, motion)) = (item.observe::<M>(facts)?, list.observe::<M>(facts)?);
                if list.is_empty() {
                    return Ok((false, item.1.with(motion, Moving::shorter)));
                }
                disjunction(list.iter().map(|other| match other {
                    Value::Number(number) => Ok(same::<Num, M>(&item, &(*number, motion), facts)),
                    _ => Ok((false, motion)),
                }))
            }
            Self::TextOf(item, list) => {
                let ((item, a), (list, b)) = (item.observe::<M>(facts)?, list.observe::<M>(facts)?);
                let found = list.iter().any(|other| matches!(other, Value::Text(text) if **text == *item));
                Ok((found, a.with(b, Moving::shorter)))
            }
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        fn all<'a, K: Kind>(item: &'a Term<K>, list: &'a [Term<K>], walk: &mut Walk<'a, '_>) {
            item.walk(walk);
            for other in list {
                other.walk(walk);
            }
        }
        match self {
            Self::Numbers(item, list) => all(item, list, walk),
            Self::Texts(item, list) => all(item, list, walk),
            Self::Days(item, list) => all(item, list, walk),
            Self::Moments(item, list) => all(item, list, walk),
            Self::Flags(item, list) => all(item, list, walk),
            Self::NumberOf(item, list) => {
                item.walk(walk);
                list.walk(walk);
            }
            Self::TextOf(item, list) => {
                item.walk(walk);
                list.walk(walk);
            }
        }
    }

    fn change(&self) -> Change {
        fn of<K: Kind>(item: &Term<K>, list: &[Term<K>]) -> Change {
            list.iter().map(Term::change).max().unwrap_or(Change::Fixed).max(item.change())
        }
        match self {
            Self::Numbers(item, list) => of(item, list),
            Self::Texts(item, list) => of(item, list),
            Self::Days(item, list) => of(item, list),
            Self::Moments(item, list) => of(item, list),
            Self::Flags(item, list) => of(item, list),
            Self::NumberOf(item, list) => item.change().max(list.change()),
            Self::TextOf(item, list) => item.change().max(list.change()),
        }
    }
}

impl Asked {
    pub(in super::super) fn is_set(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Attribute(name, kind) => readable(facts.customer.attributes.get(&**name), *kind),
            Self::Orders(field) => !Leaf::Orders(*field).is_unknown(facts),
            Self::Property(name, kind) => readable(property(name, facts), *kind),
            Self::AtEntry(path) => readable(at_entry(path, facts), path.kind()),
        }
    }

    fn motion<M: Motion>(&self, facts: &Facts<'_>) -> M {
        match self {
            Self::Attribute(..) | Self::Property(..) | Self::AtEntry(_) => M::FIXED,
            Self::Orders(_) => M::of(|| Moving::of_events(facts)),
        }
    }

    pub(in super::super) fn leaf(&self) -> Leaf<'_> {
        match self {
            Self::Attribute(name, _) => Leaf::Attribute(name),
            Self::Orders(field) => Leaf::Orders(*field),
            Self::Property(name, _) => Leaf::Property(name),
            Self::AtEntry(path) => Leaf::AtEntry(path),
        }
    }
}

/// Whether a stored value is there and can be read as that type.
fn readable(value: Option<&Value>, kind: ValueType) -> bool {
    value.is_some_and(|value| match kind {
        ValueType::Text => Text::read(value).is_some(),
        kind => value.kind() == Some(kind) || value.to_kind(kind).is_some(),
    })
}

/// Whether two values are the same, and how long that stays.
#[inline]
fn same<'a, K: Ordered, M: Motion>(one: &(K::Value<'a>, M), other: &(K::Value<'a>, M), facts: &Facts<'_>) -> (bool, M) {
    let ((left, a), (right, b)) = (one, other);
    let motion = a.with(*b, |a, b| a.turning(b, K::distance(left, right), facts.now).from());
    (K::order(left, right).is_eq(), motion)
}

impl Ordered for Flag {
    fn order(left: &bool, right: &bool) -> Ordering {
        left.cmp(right)
    }
}

impl Kind for Flag {
    type Constant = bool;
    type Value<'a> = bool;

    fn constant(constant: &bool) -> bool {
        *constant
    }

    fn freeze(value: bool) -> bool {
        value
    }

    fn read(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(yes) => Some(*yes),
            other => match other.to_kind(ValueType::Bool)? {
                Value::Bool(yes) => Some(yes),
                _ => None,
            },
        }
    }

    fn show(value: &bool, _: &Facts<'_>) -> String {
        value.to_string()
    }

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<bool, M> {
        match self {
            Self::All(clauses) => conjunction(clauses.iter().map(|clause| clause.observe(facts))),
            Self::Any(clauses) => disjunction(clauses.iter().map(|clause| clause.observe(facts))),
            Self::Not(clause) => negated(clause.observe(facts)),
            Self::Compare(comparison, terms) => {
                M::settle(facts, || terms.observe(*comparison, facts), |facts| terms.observe(*comparison, facts))
            }
            Self::In(membership) => M::settle(facts, || membership.observe(facts), |facts| membership.observe(facts)),
            Self::Text(test, terms) => {
                let ((whole, a), (part, b)) = both::<Text, Text, M>(terms, facts)?;
                let holds = match test {
                    TextTest::Contains => whole.contains(&*part),
                    TextTest::StartsWith => whole.starts_with(&*part),
                    TextTest::EndsWith => whole.ends_with(&*part),
                };
                Ok((holds, a.with(b, Moving::shorter)))
            }
            Self::Has(path) => Ok((path.is_set(facts), path.motion(facts))),
            Self::Consent(name) => Ok((facts.customer.consents_to(name), M::FIXED)),
            Self::InSegment(segment) => Ok(segment.observe(facts)),
            Self::Sent(sent) => Ok(sent.observe(facts)),
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::All(clauses) | Self::Any(clauses) => clauses.iter().for_each(|clause| clause.test.walk(walk)),
            Self::Not(clause) => clause.test.walk(walk),
            Self::Compare(_, terms) => terms.walk(walk),
            Self::In(membership) => membership.walk(walk),
            Self::Text(_, terms) => walk_both(terms, walk),
            Self::Has(path) => walk.leaf(path.leaf()),
            Self::Consent(name) => walk.leaf(Leaf::Consent(name)),
            Self::InSegment(segment) => walk.leaf(Leaf::Segment(segment)),
            Self::Sent(sent) => walk.leaf(Leaf::Sent(sent)),
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::All(clauses) | Self::Any(clauses) => {
                clauses.iter().map(|clause| clause.test.change()).max().unwrap_or(Change::Fixed)
            }
            Self::Not(clause) => clause.test.change(),
            Self::Compare(_, terms) => terms.change(),
            Self::In(membership) => membership.change(),
            Self::Text(_, terms) => change_of(terms),
            Self::Has(_) | Self::Consent(_) => Change::Fixed,
            Self::InSegment(segment) if !segment.predicate.reads().now => Change::Fixed,
            Self::Sent(sent) if sent.window.is_none() => Change::Fixed,
            Self::InSegment(_) | Self::Sent(_) => Change::Steps,
        }
        .min(Change::Steps)
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Consent(_))
    }
}

impl Compared {
    /// Whether the comparison comes out the same for everyone, from what its sides can be at all.
    pub(in super::super) fn foregone(&self, comparison: Comparison) -> Option<bool> {
        self.limited(comparison)?.value()
    }

    /// The limits of what is compared with a constant.
    pub(in super::super) fn limited(&self, comparison: Comparison) -> Option<Limited> {
        if let Self::Numbers(terms) = self { limits::limited(comparison, terms) } else { None }
    }
}
