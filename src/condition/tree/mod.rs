//! The typed tree: one kind of term for each type, evaluated by plain matching.
//!
//! `None` is unknown throughout.

mod clock;
mod flag;
mod leaf;
mod limits;
mod motion;
mod named;
mod number;
mod text;
mod time;

pub(super) use flag::{Asked, Clause, Compared, Flag, Membership, TextTest};
pub(super) use leaf::{EventRole, Leaf, OrderField};
pub(super) use limits::{NumberLimits, is_never};
pub(super) use motion::{LOOKS_AT_ALL, Motion, Moving, Seen, conjunction, disjunction, look_ahead, negated};
pub(super) use named::{Segment, Sent};
pub(super) use number::{Anchor, CalendarPart, Count, Days, Num};
pub(super) use text::{Items, Text};
pub(super) use time::{Day, Length, Moment};

use super::{Facts, Path};
use crate::domain::{Customer, Time, Value};
use motion::seen;
use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::LazyLock;

/// A type of values: what a term of it yields, and the terms that only this type has.
pub(super) trait Kind: Sized + Debug + Send + Sync + 'static {
    /// A constant as kept in the tree.
    type Constant: Debug + Send + Sync + 'static;
    /// What evaluation yields; borrows from the customer or the tree.
    type Value<'a>;

    fn constant(constant: &Self::Constant) -> Self::Value<'_>;
    fn freeze(value: Self::Value<'_>) -> Self::Constant;
    /// A stored value as this type, if it can be read so.
    fn read(value: &Value) -> Option<Self::Value<'_>>;
    /// A value in words.
    fn show(value: &Self::Value<'_>, facts: &Facts<'_>) -> String;

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Self::Value<'a>, M>;
    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>);
    fn change(&self) -> Change;
    /// Whether it is read as it is, not made of other terms.
    fn is_leaf(&self) -> bool;
}

/// A type whose values have an order.
pub(super) trait Ordered: Kind {
    fn order(left: &Self::Value<'_>, right: &Self::Value<'_>) -> Ordering;

    /// How far the first is beyond the second, in the units of [`Moving`]'s line; `None` where there is no line.
    fn distance(_: &Self::Value<'_>, _: &Self::Value<'_>) -> Option<i128> {
        None
    }
}

/// A term of one type.
#[derive(Debug)]
pub(super) enum Term<K: Kind> {
    Constant(K::Constant),
    /// An attribute of the customer.
    Attribute(Box<str>),
    /// The last value of an event's property.
    LastValue(Box<EventProperty>),
    /// A property of the event that started the enrollment.
    Property(Box<str>),
    /// What the enrollment keeps of its beginning.
    AtEntry(Box<Path>),
    /// `condition ? then : otherwise`; unknown under an unknown condition.
    Choice(Box<(Term<Flag>, Self, Self)>),
    /// `default(value, otherwise)`
    Default(Box<(Self, Self)>),
    Own(K),
}

/// A property of an event, with its declared type.
#[derive(Debug)]
pub(super) struct EventProperty {
    pub(super) event: Box<str>,
    pub(super) property: Box<str>,
    pub(super) kind: crate::domain::ValueType,
}

/// How the value of a term moves while no data arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Not at all.
    Fixed,
    /// In steps: at local midnights and hours, or when an event leaves a window.
    Steps,
    /// Evenly with the time.
    Linear,
}

/// A walk over the leaves of a tree.
pub(super) struct Walk<'a, 'v> {
    /// Under these facts only what is unknown is visited, and only where it makes its term unknown.
    pub(super) unknown_under: Option<&'a Facts<'a>>,
    pub(super) visit: &'v mut dyn FnMut(Leaf<'a>),
}

impl<'a> Walk<'a, '_> {
    pub(super) fn leaf(&mut self, leaf: Leaf<'a>) {
        if self.unknown_under.is_none_or(|facts| leaf.is_unknown(facts)) {
            (self.visit)(leaf);
        }
    }
}

/// Stands in where a term reads nothing of the customer.
static NOBODY: LazyLock<Customer> = LazyLock::new(|| Customer::new("", Time(0)));

impl<K: Kind> Term<K> {
    /// Its value alone.
    #[inline]
    pub(super) fn evaluate<'a>(&'a self, facts: &'a Facts<'a>) -> Option<K::Value<'a>> {
        self.observe::<()>(facts).ok().map(|(value, ())| value)
    }

    /// Its value and, as far as `M` tells, how that moves.
    #[inline]
    pub(super) fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<K::Value<'a>, M> {
        match self {
            Self::Constant(constant) => Ok((K::constant(constant), M::FIXED)),
            Self::Attribute(name) => seen(facts.customer.attributes.get(&**name).and_then(K::read), M::FIXED),
            Self::Own(own) => own.observe(facts),
            Self::Property(name) => seen(property(name, facts).and_then(K::read), M::FIXED),
            Self::AtEntry(path) => seen(at_entry(path, facts).and_then(K::read), M::FIXED),
            Self::LastValue(of) => {
                let totals = facts.customer.activity.totals(&of.event);
                let value = totals.and_then(|totals| totals.last_value(&of.property)).and_then(K::read);
                seen(value, M::of(|| Moving::of_events(facts)))
            }
            Self::Default(terms) => match terms.0.observe::<M>(facts) {
                Ok(known) => Ok(known),
                Err(unknown) => within(terms.1.observe(facts), unknown),
            },
            Self::Choice(terms) => {
                let (yes, condition) = terms.0.observe::<M>(facts)?;
                let chosen = if yes { terms.1.observe(facts) } else { terms.2.observe(facts) };
                within(chosen, condition)
            }
        }
    }

    pub(super) fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        if walk.unknown_under.is_some_and(|facts| self.evaluate(facts).is_some()) {
            return;
        }
        match self {
            Self::Constant(_) => {}
            Self::Attribute(name) => walk.leaf(Leaf::Attribute(name)),
            Self::LastValue(of) => walk.leaf(Leaf::Event(&of.event, EventRole::LastValue(&of.property, of.kind))),
            Self::Property(name) => walk.leaf(Leaf::Property(name)),
            Self::AtEntry(path) => walk.leaf(Leaf::AtEntry(path)),
            Self::Own(own) => own.walk(walk),
            Self::Default(terms) => {
                terms.0.walk(walk);
                terms.1.walk(walk);
            }
            Self::Choice(terms) => {
                terms.0.walk(walk);
                let taken = walk.unknown_under.and_then(|facts| terms.0.evaluate(facts));
                if taken != Some(false) {
                    terms.1.walk(walk);
                }
                if taken != Some(true) {
                    terms.2.walk(walk);
                }
            }
        }
    }

    pub(super) fn change(&self) -> Change {
        match self {
            Self::Constant(_) | Self::Attribute(_) | Self::LastValue(_) | Self::Property(_) | Self::AtEntry(_) => {
                Change::Fixed
            }
            Self::Own(own) => own.change(),
            Self::Default(terms) => terms.0.change().max(terms.1.change()),
            Self::Choice(terms) => terms.0.change().max(terms.1.change()).max(terms.2.change()),
        }
    }

    /// Every leaf, in the order of the text.
    pub(super) fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        self.walk(&mut Walk { unknown_under: None, visit: &mut |leaf| leaves.push(leaf) });
        leaves
    }

    /// The leaves that make it unknown.
    pub(super) fn unknown<'a>(&'a self, facts: &'a Facts<'a>) -> Vec<Leaf<'a>> {
        let mut leaves = Vec::new();
        self.walk(&mut Walk { unknown_under: Some(facts), visit: &mut |leaf| leaves.push(leaf) });
        leaves
    }

    /// A term that reads nothing becomes its value, if it has one.
    pub(super) fn folded(self) -> Self {
        if matches!(self, Self::Constant(_)) || !self.leaves().is_empty() {
            return self;
        }
        let zone = jiff::tz::TimeZone::UTC;
        let facts = Facts { customer: &NOBODY, now: Time(0), zone: &zone, entry: None };
        let value = self.evaluate(&facts).map(K::freeze);
        value.map_or(self, Self::Constant)
    }

    pub(super) const fn as_constant(&self) -> Option<&K::Constant> {
        if let Self::Constant(constant) = self { Some(constant) } else { None }
    }
}

/// The value of a property of the event that started the enrollment.
pub(super) fn property<'a>(name: &str, facts: &Facts<'a>) -> Option<&'a Value> {
    facts.entry?.event.as_ref()?.properties.get(name)
}

/// The value that the enrollment keeps under a path.
pub(super) fn at_entry<'a>(path: &Path, facts: &Facts<'a>) -> Option<&'a Value> {
    facts.entry?.values.get(path.text())
}

/// What was seen, for no longer than what it was chosen by is the same.
#[inline]
fn within<V, M: Motion>(seen: Seen<V, M>, by: M) -> Seen<V, M> {
    match seen {
        Ok((value, motion)) => Ok((value, motion.with(by, Moving::while_holds))),
        Err(motion) => Err(motion.with(by, Moving::while_holds)),
    }
}

/// A value and how it moves.
type Known<'a, K, M> = (<K as Kind>::Value<'a>, M);

type Pair<'a, A, B, M> = (Known<'a, A, M>, Known<'a, B, M>);

/// Both of two terms; unknown as the first that is.
#[inline]
fn both<'a, A: Kind, B: Kind, M: Motion>(
    terms: &'a (Term<A>, Term<B>),
    facts: &'a Facts<'a>,
) -> Result<Pair<'a, A, B, M>, M> {
    Ok((terms.0.observe(facts)?, terms.1.observe(facts)?))
}

/// The order of two terms, and how long that stays.
#[inline]
pub(super) fn order<K: Ordered, M: Motion>(terms: &(Term<K>, Term<K>), facts: &Facts<'_>) -> Seen<Ordering, M> {
    let ((left, a), (right, b)) = both::<K, K, M>(terms, facts)?;
    let order = K::order(&left, &right);
    let motion = a.with(b, |a, b| {
        a.turning(b, K::distance(&left, &right), facts.now).sought(|at| {
            let facts = Facts { now: at, ..*facts };
            let later = self::order::<K, ()>(terms, &facts);
            later == Ok((order, ()))
        })
    });
    Ok((order, motion))
}

/// The larger of two changes.
pub(super) fn change_of<A: Kind, B: Kind>(terms: &(Term<A>, Term<B>)) -> Change {
    terms.0.change().max(terms.1.change())
}

/// Walks both of two terms.
pub(super) fn walk_both<'a, A: Kind, B: Kind>(terms: &'a (Term<A>, Term<B>), walk: &mut Walk<'a, '_>) {
    terms.0.walk(walk);
    terms.1.walk(walk);
}
