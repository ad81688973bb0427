//! Why a condition has its value.

use super::predicate::{Line, Predicate, Shape};
use super::tree::{Asked, Clause, Compared, Flag, Kind, Membership, Segment, Term};
use super::{Explanation, Facts, Node, Truth, words};

/// Explains a predicate; a condition of several parts has one child for each.
pub(super) fn predicate(predicate: &Predicate, facts: &Facts<'_>) -> Explanation {
    let joined = |text: &str, node: Node, parts: &[Predicate]| {
        let children: Vec<Explanation> = parts.iter().map(|part| part.explain(facts)).collect();
        let detail = counts(&children);
        Explanation { text: text.into(), node, value: predicate.evaluate(facts), detail, children }
    };
    match predicate.shape() {
        Shape::Everyone => Explanation {
            text: "everyone".into(),
            node: Node::Leaf,
            value: Truth::True,
            detail: String::new(),
            children: Vec::new(),
        },
        Shape::Line(line) => clause(line, &line.root, facts),
        Shape::All(parts) => joined("all of", Node::All, parts),
        Shape::Any(parts) => joined("any of", Node::Any, parts),
        Shape::None(parts) => joined("none of", Node::None, parts),
    }
}

/// `2 of 3 hold`, and how many are unknown.
fn counts(children: &[Explanation]) -> String {
    let count = |truth: Truth| children.iter().filter(|child| child.value == truth).count();
    let (holding, unknown) = (count(Truth::True), count(Truth::Unknown));
    let verb = if holding == 1 { "holds" } else { "hold" };
    let known = format!("{holding} of {} {verb}", children.len());
    if unknown == 0 { known } else { format!("{known}, {unknown} unknown") }
}

fn clause(line: &Line, part: &Clause, facts: &Facts<'_>) -> Explanation {
    let children = |parts: &[Clause]| parts.iter().map(|part| clause(line, part, facts)).collect::<Vec<_>>();
    let segment = segment(&part.test);
    let children = match &part.test {
        Term::Own(Flag::All(parts) | Flag::Any(parts)) => children(parts),
        Term::Own(Flag::Not(inner)) if is_joined(inner) => children(std::slice::from_ref(inner)),
        _ => segment.map(|segment| parts_of(segment, facts)).unwrap_or_default(),
    };
    let detail = if children.is_empty() || segment.is_some() { detail(&part.test, facts) } else { counts(&children) };
    let (text, value) = (line.text(part).to_owned(), part.evaluate(facts).into());
    Explanation { text, node: node(&part.test), value, detail, children }
}

/// What holds the parts together that an explanation of the test has.
fn node(test: &Term<Flag>) -> Node {
    match test {
        Term::Own(Flag::All(_) | Flag::InSegment(_)) => Node::All,
        Term::Own(Flag::Any(_)) => Node::Any,
        Term::Own(Flag::Not(inner)) if is_joined(inner) => Node::None,
        Term::Own(Flag::Not(inner)) if segment(test).is_some() => match node(&inner.test) {
            Node::None => Node::All,
            _ => Node::None,
        },
        _ => Node::Leaf,
    }
}

/// The segment that a test asks for, or denies.
fn segment(test: &Term<Flag>) -> Option<&Segment> {
    match test {
        Term::Own(Flag::InSegment(segment)) => Some(segment),
        Term::Own(Flag::Not(inner)) => segment(&inner.test),
        _ => None,
    }
}

/// The parts of a segment that is a list of conditions which all have to hold; otherwise its only one.
fn parts_of(segment: &Segment, facts: &Facts<'_>) -> Vec<Explanation> {
    match segment.predicate.shape() {
        Shape::All(parts) => parts.iter().map(|part| part.explain(facts)).collect(),
        _ => vec![segment.predicate.explain(facts)],
    }
}

fn is_joined(clause: &Clause) -> bool {
    matches!(clause.test, Term::Own(Flag::All(_) | Flag::Any(_)))
}

/// The values that a single test came from.
fn detail(test: &Term<Flag>, facts: &Facts<'_>) -> String {
    let Term::Own(own) = test else { return side(test, facts) };
    match own {
        Flag::Not(inner) => detail(&inner.test, facts),
        Flag::Compare(_, terms) => match terms {
            Compared::Numbers(terms) => sides(&terms.0, &terms.1, facts),
            Compared::Texts(terms) => sides(&terms.0, &terms.1, facts),
            Compared::Days(terms) => sides(&terms.0, &terms.1, facts),
            Compared::Moments(terms) => sides(&terms.0, &terms.1, facts),
            Compared::Lengths(terms) => sides(&terms.0, &terms.1, facts),
            Compared::Flags(terms) => sides(&terms.0, &terms.1, facts),
        },
        Flag::In(membership) => match membership {
            Membership::Numbers(item, _) => side(item, facts),
            Membership::Texts(item, _) => side(item, facts),
            Membership::Days(item, _) => side(item, facts),
            Membership::Moments(item, _) => side(item, facts),
            Membership::Flags(item, _) => side(item, facts),
            Membership::NumberOf(item, list) => sides(item, list, facts),
            Membership::TextOf(item, list) => sides(item, list, facts),
        },
        Flag::Text(_, terms) => sides(&terms.0, &terms.1, facts),
        Flag::Has(asked) => has(asked, facts),
        Flag::Consent(name) => words::consent(name, facts),
        Flag::InSegment(_) => if test.evaluate(facts) == Some(true) { "inside" } else { "outside" }.into(),
        Flag::Sent(sent) => words::sent(sent, facts),
        Flag::All(_) | Flag::Any(_) => String::new(),
    }
}

fn has(asked: &Asked, facts: &Facts<'_>) -> String {
    let leaf = asked.leaf();
    let known = asked.is_set(facts).then(|| words::note(&leaf, facts)).flatten();
    known.unwrap_or_else(|| words::missing(&leaf))
}

/// Both sides, without those that are constant.
fn sides<A: Kind, B: Kind>(left: &Term<A>, right: &Term<B>, facts: &Facts<'_>) -> String {
    match (left.as_constant().is_none(), right.as_constant().is_none()) {
        (true, true) => {
            let (left, right) = (side(left, facts), side(right, facts));
            if left == right { left } else { format!("{left} against {right}") }
        }
        (false, true) => side(right, facts),
        _ => side(left, facts),
    }
}

/// One side: its value and what it was made of, or what was missing.
fn side<K: Kind>(term: &Term<K>, facts: &Facts<'_>) -> String {
    let Some(value) = term.evaluate(facts) else {
        let mut missing: Vec<String> = term.unknown(facts).iter().map(words::missing).collect();
        missing.dedup();
        return if missing.is_empty() {
            "no value: a division by zero, or out of range".into()
        } else {
            missing.join(", ")
        };
    };
    let shown = K::show(&value, facts);
    if stands_in(term, facts) {
        return format!("{shown} (default, never set)");
    }
    if is_plain(term, facts) {
        return shown;
    }
    let mut notes: Vec<String> = Vec::new();
    for note in term.leaves().iter().filter_map(|leaf| words::note(leaf, facts)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    if notes.is_empty() { shown } else { format!("{shown}: {}", notes.join(", ")) }
}

/// Whether a constant stands in for an attribute that was never set.
fn stands_in<K: Kind>(term: &Term<K>, facts: &Facts<'_>) -> bool {
    let Term::Default(terms) = term else { return false };
    matches!((&terms.0, &terms.1), (Term::Attribute(_), Term::Constant(_))) && terms.0.evaluate(facts).is_none()
}

/// Whether the value is exactly what was read, so that a note would say it again.
fn is_plain<K: Kind>(term: &Term<K>, facts: &Facts<'_>) -> bool {
    match term {
        Term::Constant(_) | Term::Attribute(_) | Term::LastValue(_) | Term::Property(_) | Term::AtEntry(_) => true,
        Term::Default(terms) => is_plain(&terms.0, facts) && terms.0.evaluate(facts).is_some(),
        Term::Choice(_) => false,
        Term::Own(own) => own.is_leaf(),
    }
}
