//! Conditions that come out the same for everyone when they are taken together: `x > 5` and `x < 3`.
//!
//! Each comparison with a constant limits what its other side can be; a conjunction whose limits leave nothing is never
//! true. With what is unknown, true and false alike need a value, so that "never" holds of all values and "always" only of
//! what cannot be missing. What is no comparison with a constant is taken as something that is true or false.

use super::Facts;
use super::check::constant;
use super::predicate::{Predicate, Shape};
use super::source::Comparison;
use super::tree::{
    Asked, Clause, Compared, EventRole, Flag, Kind, Leaf, Membership, Num, NumberLimits, OrderField, Ordered, Term,
};
use crate::domain::{Customer, Number, Time};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How many alternatives are followed before nothing is said.
const MOST_STEPS: usize = 4000;

/// Some conditions of which it is plain what they come to together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foregone {
    /// `false`: they never hold together. `true`: one of them always does.
    pub value: bool,
    /// The conditions, in the order of the text.
    pub parts: Vec<Part>,
}

/// A condition, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which of the conditions of the whole, counted from 0.
    pub line: usize,
    /// Bytes of that condition's text.
    pub span: Range<usize>,
    /// Whether it stands under a `!` or `none:`.
    pub is_negated: bool,
}

/// What is foregone in a condition and is not told of a line by itself.
#[must_use]
pub fn foregone(predicate: &Predicate) -> Vec<Foregone> {
    let whole = Builder::default().predicate(predicate);
    let mut found = Vec::new();
    report(&whole, &mut found);
    found
}

/// Whether a condition is plainly never true.
#[must_use]
pub fn is_never(predicate: &Predicate) -> bool {
    !fits(&[&Builder::default().predicate(predicate)])
}

/// What forbids that two conditions hold at one time, each of which may hold by itself; lines of the second are counted on
/// from those of the first.
#[must_use]
pub fn excluded(first: &Predicate, second: &Predicate) -> Option<Foregone> {
    let mut builder = Builder::default();
    let (first, second) = (builder.predicate(first), builder.predicate(second));
    let alone = fits(&[&first]) && fits(&[&second]);
    let mut parts = Vec::new();
    flatten(first, &mut parts);
    flatten(second, &mut parts);
    let all: Vec<&Piece> = parts.iter().collect();
    (alone && !fits(&all))
        .then(|| Foregone { value: false, parts: core(all).into_iter().map(|piece| piece.part.clone()).collect() })
}

/// A part of a condition; `!` and `none:` are pushed down to what is compared.
#[derive(Debug, Clone)]
struct Piece {
    part: Part,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// Told elsewhere, or everyone.
    Known(bool),
    Literal(Literal),
    All(Vec<Piece>),
    Any(Vec<Piece>),
}

/// Something that is compared.
#[derive(Debug, Clone)]
struct Literal {
    /// What is so when it is true.
    yes: Vec<(String, Set)>,
    /// What is so when it is false.
    no: Vec<(String, Set)>,
    /// Whether it is never unknown.
    is_sure: bool,
}

/// What something can be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    /// Whole numbers of some small unit, in closed ranges that do not meet.
    Ranges(Vec<(i128, i128)>),
    /// These texts.
    Only(BTreeSet<Box<str>>),
    /// All texts but these.
    Except(BTreeSet<Box<str>>),
}

impl Set {
    const TRUE: (i128, i128) = (1, 1);

    fn range(low: i128, high: i128) -> Self {
        Self::Ranges(if low <= high { vec![(low, high)] } else { Vec::new() })
    }

    fn flag(value: bool) -> Self {
        Self::range(value.into(), value.into())
    }

    fn of(comparison: Comparison, bound: i128) -> Self {
        match comparison {
            Comparison::Equal => Self::range(bound, bound),
            Comparison::NotEqual => Self::range(bound, bound).complement(),
            Comparison::Less => Self::range(i128::MIN, bound - 1),
            Comparison::AtMost => Self::range(i128::MIN, bound),
            Comparison::Greater => Self::range(bound + 1, i128::MAX),
            Comparison::AtLeast => Self::range(bound, i128::MAX),
        }
    }

    fn complement(&self) -> Self {
        match self {
            Self::Only(texts) => Self::Except(texts.clone()),
            Self::Except(texts) => Self::Only(texts.clone()),
            Self::Ranges(ranges) => {
                let (mut gaps, mut from) = (Vec::new(), Some(i128::MIN));
                for (low, high) in ranges {
                    if let Some(from) = from.filter(|from| from < low) {
                        gaps.push((from, low - 1));
                    }
                    from = high.checked_add(1);
                }
                gaps.extend(from.map(|from| (from, i128::MAX)));
                Self::Ranges(gaps)
            }
        }
    }

    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Ranges(ours), Self::Ranges(theirs)) => {
                let both = ours.iter().flat_map(|a| theirs.iter().map(|b| (a.0.max(b.0), a.1.min(b.1))));
                Self::Ranges(both.filter(|(low, high)| low <= high).collect())
            }
            (Self::Only(ours), Self::Only(theirs)) => Self::Only(ours & theirs),
            (Self::Only(only), Self::Except(not)) | (Self::Except(not), Self::Only(only)) => Self::Only(only - not),
            (Self::Except(ours), Self::Except(theirs)) => Self::Except(ours | theirs),
            // One thing has values of one type.
            _ => self.clone(),
        }
    }

    /// Only multiples of a unit.
    fn in_units(self, unit: i128) -> Self {
        let Self::Ranges(ranges) = self else { return self };
        let up =
            |low: i128| low.div_euclid(unit).saturating_add(i128::from(low.rem_euclid(unit) != 0)).saturating_mul(unit);
        let down = |high: i128| high.div_euclid(unit).saturating_mul(unit);
        let rounded = ranges.into_iter().map(|(low, high)| (up(low), down(high)));
        Self::Ranges(rounded.filter(|(low, high)| low <= high).collect())
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Only(texts) => texts.is_empty(),
            Self::Except(_) => false,
        }
    }
}

impl Piece {
    fn negated(self) -> Self {
        let form = match self.form {
            Form::Known(value) => Form::Known(!value),
            Form::Literal(Literal { yes, no, is_sure }) => Form::Literal(Literal { yes: no, no: yes, is_sure }),
            Form::All(parts) => Form::Any(parts.into_iter().map(Self::negated).collect()),
            Form::Any(parts) => Form::All(parts.into_iter().map(Self::negated).collect()),
        };
        Self { part: Part { is_negated: !self.part.is_negated, ..self.part }, form }
    }

    fn is_sure(&self) -> bool {
        match &self.form {
            Form::Known(_) => true,
            Form::Literal(literal) => literal.is_sure,
            Form::All(parts) | Form::Any(parts) => parts.iter().all(Self::is_sure),
        }
    }
}

/// Reads conditions into pieces.
#[derive(Default)]
struct Builder {
    lines: usize,
}

impl Builder {
    fn predicate(&mut self, predicate: &Predicate) -> Piece {
        let part = Part { line: self.lines, span: 0..0, is_negated: false };
        match predicate.shape() {
            Shape::Everyone => Piece { part, form: Form::Known(true) },
            Shape::Line(line) => {
                self.lines += 1;
                clause(&line.root, part.line)
            }
            Shape::All(parts) => self.joined(parts, Form::All, part),
            Shape::Any(parts) => self.joined(parts, Form::Any, part),
            Shape::None(parts) => self.joined(parts, Form::Any, part).negated(),
        }
    }

    fn joined(&mut self, parts: &[Predicate], join: fn(Vec<Piece>) -> Form, part: Part) -> Piece {
        let mut pieces: Vec<Piece> = parts.iter().map(|part| self.predicate(part)).collect();
        match pieces.len() {
            1 => pieces.remove(0),
            _ => Piece { part: pieces.first().map_or(part, |first| first.part.clone()), form: join(pieces) },
        }
    }
}

fn clause(clause: &Clause, line: usize) -> Piece {
    let part = Part { line, span: clause.span.clone(), is_negated: false };
    let form = match (&clause.test, constant(clause)) {
        (_, Some(value)) => Form::Known(value),
        (Term::Own(Flag::All(parts)), _) => Form::All(parts.iter().map(|part| self::clause(part, line)).collect()),
        (Term::Own(Flag::Any(parts)), _) => Form::Any(parts.iter().map(|part| self::clause(part, line)).collect()),
        (Term::Own(Flag::Not(inner)), _) => return Piece { part, ..self::clause(inner, line).negated() }.shown_whole(),
        (test, _) => Form::Literal(literal(test)),
    };
    Piece { part, form }
}

impl Piece {
    /// A `!x` is shown with its `!`, so it is not to be called negated besides.
    fn shown_whole(mut self) -> Self {
        self.part.is_negated = false;
        self
    }
}

/// The parts of a conjunction, those of conjunctions in it among them.
fn flatten(piece: Piece, parts: &mut Vec<Piece>) {
    match piece.form {
        Form::All(inner) => inner.into_iter().for_each(|piece| flatten(piece, parts)),
        form => parts.push(Piece { form, ..piece }),
    }
}

fn report(piece: &Piece, found: &mut Vec<Foregone>) {
    match &piece.form {
        Form::Known(_) => {}
        Form::Literal(_) => {
            if !fits(&[piece]) {
                found.push(Foregone { value: false, parts: vec![piece.part.clone()] });
            }
        }
        Form::All(_) => {
            let mut parts = Vec::new();
            flatten(piece.clone(), &mut parts);
            let mut rest: Vec<&Piece> = parts.iter().collect();
            while !fits(&rest) {
                let core = core(rest.clone());
                match core.as_slice() {
                    [one] => report(one, found),
                    several => {
                        let parts = several.iter().map(|one| one.part.clone()).collect();
                        found.push(Foregone { value: false, parts });
                    }
                }
                rest.retain(|part| !core.iter().any(|other| std::ptr::eq(*part, *other)));
            }
            for part in rest {
                report(part, found);
            }
        }
        Form::Any(parts) => {
            let sure: Vec<Piece> = parts.iter().filter(|part| part.is_sure()).cloned().map(Piece::negated).collect();
            let all: Vec<&Piece> = sure.iter().collect();
            if sure.len() > 1 && !fits(&all) {
                let back = |one: &&Piece| Part { is_negated: !one.part.is_negated, ..one.part.clone() };
                let core = core(all);
                if core.len() > 1 {
                    return found.push(Foregone { value: true, parts: core.iter().map(back).collect() });
                }
            }
            for part in parts {
                report(part, found);
            }
        }
    }
}

/// The fewest of some parts that cannot hold together, which all of them cannot.
fn core(mut parts: Vec<&Piece>) -> Vec<&Piece> {
    let mut index = 0;
    while index < parts.len() {
        let without: Vec<&Piece> =
            parts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, part)| *part).collect();
        if fits(&without) {
            index += 1;
        } else {
            parts = without;
        }
    }
    parts
}

type Limits = BTreeMap<String, Set>;

/// Whether some parts can hold at one time, as far as that is told in bearable time.
fn fits(parts: &[&Piece]) -> bool {
    let mut steps = MOST_STEPS;
    can_hold(parts.to_vec(), Limits::new(), &mut steps)
}

fn can_hold<'p>(mut open: Vec<&'p Piece>, mut limits: Limits, steps: &mut usize) -> bool {
    let mut choices: Vec<&'p [Piece]> = Vec::new();
    while let Some(piece) = open.pop() {
        *steps = steps.saturating_sub(1);
        match &piece.form {
            _ if *steps == 0 => return true,
            Form::Known(true) => {}
            Form::Known(false) => return false,
            Form::All(parts) => open.extend(parts),
            Form::Any(parts) => choices.push(parts),
            Form::Literal(literal) => {
                for (key, set) in &literal.yes {
                    let left = limits.get(key).map_or_else(|| set.clone(), |known| known.and(set));
                    if left.is_empty() {
                        return false;
                    }
                    limits.insert(key.clone(), left);
                }
            }
        }
    }
    let Some(parts) = choices.pop() else { return true };
    let others: Vec<Piece> =
        choices.iter().map(|parts| Piece { part: parts_of(parts), form: Form::Any(parts.to_vec()) }).collect();
    parts.iter().any(|part| {
        let open = others.iter().chain([part]).collect();
        can_hold(open, limits.clone(), steps)
    })
}

fn parts_of(parts: &[Piece]) -> Part {
    parts.first().map_or(Part { line: 0, span: 0..0, is_negated: false }, |first| first.part.clone())
}

/// What a test says when it is true and when it is false.
fn literal(test: &Term<Flag>) -> Literal {
    let (mut yes, mut no, is_sure) = match test {
        Term::Own(Flag::Compare(comparison, compared)) => of_comparison(*comparison, compared),
        Term::Own(Flag::In(membership)) => of_membership(membership).unwrap_or_else(|| opaque(test)),
        Term::Own(Flag::Has(asked)) => of_asked(asked),
        _ => opaque(test),
    };
    let presupposed = presupposed(test);
    yes.extend(presupposed.clone());
    no.extend(presupposed);
    Literal { yes, no, is_sure }
}

type Sides = (Vec<(String, Set)>, Vec<(String, Set)>, bool);

/// Something that is true or false, of which no more is known.
fn opaque(test: &Term<Flag>) -> Sides {
    let key = key(test);
    (vec![(key.clone(), Set::flag(true))], vec![(key, Set::flag(false))], is_sure(test))
}

/// Two terms that are written alike are the same.
fn key<K: Kind>(term: &Term<K>) -> String {
    format!("{term:?}")
}

/// Whether a term always has a value.
fn is_sure<K: Kind>(term: &Term<K>) -> bool {
    match term {
        Term::Constant(_) => true,
        Term::Default(terms) => is_sure(&terms.1),
        Term::Own(own) => own.is_leaf() && term.leaves().iter().all(is_always_there) || is_a_fact(term),
        _ => false,
    }
}

/// Whether it is a test that is never unknown.
fn is_a_fact<K: Kind>(term: &Term<K>) -> bool {
    matches!(term.leaves().as_slice(), [Leaf::Consent(_) | Leaf::Segment(_) | Leaf::Sent(_)])
}

fn is_always_there(leaf: &Leaf<'_>) -> bool {
    matches!(
        leaf,
        Leaf::Id
            | Leaf::Consent(_)
            | Leaf::Segment(_)
            | Leaf::Sent(_)
            | Leaf::Orders(OrderField::Count | OrderField::Revenue)
            | Leaf::Event(_, EventRole::Count(_) | EventRole::Sum(..))
    )
}

fn of_comparison(comparison: Comparison, compared: &Compared) -> Sides {
    match compared {
        Compared::Numbers(terms) => {
            let (sides, bound) = limited(comparison, terms, |number: &Number| number.micro());
            let limits = bound.and_then(|term| if let Term::Own(own) = term { own.limits() } else { None });
            match limits {
                Some(limits) => within(limits, sides),
                None => sides,
            }
        }
        Compared::Days(terms) => limited(comparison, terms, |day: &Date| ordinal(*day)).0,
        Compared::Moments(terms) => limited(comparison, terms, |at: &Time| at.0.into()).0,
        Compared::Lengths(terms) => limited(comparison, terms, |span| span.0.into()).0,
        Compared::Flags(terms) => limited(comparison, terms, |value: &bool| i128::from(*value)).0,
        Compared::Texts(terms) => {
            let equal = match comparison {
                Comparison::Equal => true,
                Comparison::NotEqual => false,
                _ => return signed(comparison, terms),
            };
            let ((term, Term::Constant(text)) | (Term::Constant(text), term)) = &**terms else {
                return signed(comparison, terms);
            };
            let only = Set::Only([text.clone()].into());
            let (yes, no) = if equal { (only.clone(), only.complement()) } else { (only.complement(), only) };
            (vec![(key(term), yes)], vec![(key(term), no)], is_sure(term))
        }
    }
}

/// Days in their order.
fn ordinal(day: Date) -> i128 {
    i128::from(day.year()) * 372 + i128::from(day.month()) * 31 + i128::from(day.day())
}

/// A comparison of a term with a constant, and the term; of two terms, which of them is the larger.
fn limited<K: Ordered>(
    comparison: Comparison,
    terms: &(Term<K>, Term<K>),
    number: impl Fn(&K::Constant) -> i128,
) -> (Sides, Option<&Term<K>>) {
    let (term, bound, comparison) = match terms {
        (term, Term::Constant(bound)) => (term, bound, comparison),
        (Term::Constant(bound), term) => (term, bound, comparison.mirrored()),
        _ => return (signed(comparison, terms), None),
    };
    let set = Set::of(comparison, number(bound));
    let no = set.complement();
    ((vec![(key(term), set)], vec![(key(term), no)], is_sure(term)), Some(term))
}

/// Which of two terms is the larger: -1, 0 or 1.
fn signed<K: Kind>(comparison: Comparison, terms: &(Term<K>, Term<K>)) -> Sides {
    let key = format!("{} <> {}", key(&terms.0), key(&terms.1));
    let sign = Set::range(-1, 1);
    let set = Set::of(comparison, 0);
    let sides = |set: Set| vec![(key.clone(), set.and(&sign))];
    (sides(set.clone()), sides(set.complement()), is_sure(&terms.0) && is_sure(&terms.1))
}

/// Whole numbers alone, and those within the limits.
fn within(limits: NumberLimits, (yes, no, is_sure): Sides) -> Sides {
    let (unit, (low, high)) = (Number::ONE.micro(), limits.micro());
    let whole = |sides: Vec<(String, Set)>| {
        sides.into_iter().map(|(key, set)| (key, set.and(&Set::range(low, high)).in_units(unit))).collect()
    };
    (whole(yes), whole(no), is_sure)
}

/// What is one of several constants; `None` where the list holds something else.
fn of_membership(membership: &Membership) -> Option<Sides> {
    match membership {
        Membership::Numbers(item, list) => among(item, list, |number: &Number| number.micro()),
        Membership::Days(item, list) => among(item, list, |day: &Date| ordinal(*day)),
        Membership::Moments(item, list) => among(item, list, |at: &Time| at.0.into()),
        Membership::Flags(item, list) => among(item, list, |value: &bool| i128::from(*value)),
        Membership::Texts(item, list) => {
            let texts: BTreeSet<Box<str>> =
                list.iter().map(|text| text.as_constant().cloned()).collect::<Option<_>>()?;
            let set = Set::Only(texts);
            let no = set.complement();
            Some((vec![(key(item), set)], vec![(key(item), no)], is_sure(item)))
        }
        Membership::NumberOf(..) | Membership::TextOf(..) => None,
    }
}

fn among<K: Kind>(item: &Term<K>, list: &[Term<K>], number: impl Fn(&K::Constant) -> i128) -> Option<Sides> {
    let mut values: Vec<i128> = list.iter().map(|value| value.as_constant().map(&number)).collect::<Option<_>>()?;
    values.sort_unstable();
    values.dedup();
    let set = Set::Ranges(values.into_iter().map(|value| (value, value)).collect());
    let no = set.complement();
    Some((vec![(key(item), set)], vec![(key(item), no)], is_sure(item)))
}

fn has_key(leaf: &Leaf<'_>) -> String {
    format!("has {}", leaf.path())
}

fn orders_key() -> String {
    key::<Num>(&Term::Own(Num::Orders(OrderField::Count)))
}

/// `has(…)`: of what comes with the first order it asks for an order.
fn of_asked(asked: &Asked) -> Sides {
    let one = Number::ONE.micro();
    let key = has_key(&asked.leaf());
    match asked {
        Asked::Orders(OrderField::FirstAt | OrderField::LastAt | OrderField::Average) => {
            (vec![(orders_key(), Set::range(one, i128::MAX))], vec![(orders_key(), Set::range(0, 0))], true)
        }
        _ => (vec![(key.clone(), Set::Ranges(vec![Set::TRUE]))], vec![(key, Set::flag(false))], true),
    }
}

/// What must be so that a test has a value at all: that there is an order, an event, the attribute.
fn presupposed(test: &Term<Flag>) -> Option<(String, Set)> {
    let mut leaves = test.leaves();
    // Whether it has a value is tried at one instant, and what is joined with `now` may have one at another.
    if leaves.iter().any(|leaf| matches!(leaf, Leaf::Now)) && is_joined(test) {
        return None;
    }
    leaves.retain(|leaf| !matches!(leaf, Leaf::Now | Leaf::Zone));
    let first = *leaves.first()?;
    let is_same = |leaf: &Leaf<'_>| match (leaf, &first) {
        (Leaf::Orders(_), Leaf::Orders(_)) => true,
        (Leaf::Attribute(one), Leaf::Attribute(other)) | (Leaf::Event(one, _), Leaf::Event(other, _)) => one == other,
        _ => false,
    };
    if matches!(test, Term::Own(Flag::Has(_))) || !leaves.iter().all(is_same) || !is_unknown_of_nobody(test) {
        return None;
    }
    let one = Set::range(Number::ONE.micro(), i128::MAX);
    match first {
        Leaf::Orders(_) => Some((orders_key(), one)),
        Leaf::Attribute(_) => Some((has_key(&first), Set::flag(true))),
        Leaf::Event(event, _) => {
            let count = super::tree::Count { event: event.into(), window: None };
            Some((key::<Num>(&Term::Own(Num::Count(Box::new(count)))), one))
        }
        _ => None,
    }
}

/// Whether one part of a test may give it a value where another has none; rather too often than too rarely.
fn is_joined(test: &Term<Flag>) -> bool {
    let written = key(test);
    ["All(", "Any(", "Choice("].iter().any(|join| written.contains(join))
}

/// Whether a test has no value for a customer of whom nothing is known.
fn is_unknown_of_nobody(test: &Term<Flag>) -> bool {
    let (nobody, zone) = (Customer::new("", Time(0)), TimeZone::UTC);
    test.evaluate(&Facts { customer: &nobody, now: Time(0), zone: &zone, entry: None }).is_none()
}
