//! Warnings: what compiles, but is likely not what was meant.

use super::super::source::{Comparison, Kind as Syntax, Node, Operator};
use super::super::tree::{Clause, EventRole, Flag, Leaf, OrderField, Seen, Term, conjunction, disjunction};
use super::super::{Problem, Scope, Wanted};
use super::names::is_customer;
use crate::domain::Schema;

/// Adds the warnings of a condition without errors.
pub(super) fn remark(node: &Node, clause: &Clause, scope: &Scope<'_>, problems: &mut Vec<Problem>) {
    foregone(clause, true, problems);
    let mut remarks = Remarks { schema: scope.schema, asked: Vec::new(), problems };
    remarks.ask(node);
    if scope.wanted == Wanted::False {
        let mut paths = Vec::new();
        remarks.gather(node, &mut paths);
        remarks.warn(paths, Reach::of(node));
    } else {
        remarks.look(node);
    }
}

/// The value that a condition has for every customer.
pub(in super::super) fn constant(clause: &Clause) -> Option<bool> {
    match &clause.test {
        Term::Constant(yes) => Some(*yes),
        Term::Own(Flag::All(parts)) => known(conjunction(parts.iter().map(foreseen))),
        Term::Own(Flag::Any(parts)) => known(disjunction(parts.iter().map(foreseen))),
        // Of what may be missing the opposite is not true because it is itself never true.
        Term::Own(Flag::Not(part)) => constant(part).filter(|yes| *yes || is_known(part)).map(|yes| !yes),
        Term::Own(Flag::Compare(comparison, compared)) => compared.foregone(*comparison),
        _ => None,
    }
}

/// Whether a condition is never unknown, as far as that is plain.
fn is_known(clause: &Clause) -> bool {
    let is_there = |leaf: &Leaf<'_>| {
        matches!(leaf, Leaf::Now | Leaf::Zone | Leaf::Orders(OrderField::Count) | Leaf::Event(_, EventRole::Count(_)))
    };
    clause.test.leaves().iter().all(is_there)
}

fn foreseen(clause: &Clause) -> Seen<bool, ()> {
    constant(clause).map(|value| (value, ())).ok_or(())
}

fn known(value: Seen<bool, ()>) -> Option<bool> {
    value.ok().map(|(value, ())| value)
}

/// Warns of the outermost parts that come out the same for everyone.
fn foregone(clause: &Clause, is_whole: bool, problems: &mut Vec<Problem>) {
    if let Some(value) = constant(clause) {
        let what = if is_whole { "the condition" } else { "this part" };
        let (code, message) = if value {
            ("always-true", format!("{what} is always true"))
        } else {
            ("never-true", format!("{what} is never true"))
        };
        let limited = match &clause.test {
            Term::Own(Flag::Compare(comparison, compared)) => compared.limited(*comparison),
            _ => None,
        };
        let message = limited.map_or(message.clone(), |limited| format!("{message}: {}", limited.limits.words));
        let problem = Problem::warning(clause.span.clone(), code, message);
        problems.push(match limited {
            _ if is_whole && value => problem.help("write `everyone` if that is meant"),
            Some(_) if value => problem.help("leave it out, or compare with another number"),
            Some(limited) => problem.help(limited.limits.cure(limited.bound)),
            None => problem,
        });
        return;
    }
    match &clause.test {
        Term::Own(Flag::All(parts) | Flag::Any(parts)) => parts.iter().for_each(|part| foregone(part, false, problems)),
        Term::Own(Flag::Not(part)) => foregone(part, false, problems),
        _ => {}
    }
}

/// Whom a missing value keeps from being matched.
#[derive(Clone, Copy)]
enum Reach {
    /// All who lack it.
    All,
    /// Those for whom what is joined with it does not decide by itself.
    Some,
}

impl Reach {
    fn of(node: &Node) -> Self {
        let joins = matches!(&node.kind, Syntax::Binary(Operator::And | Operator::Or, _));
        let is_joined = joins || node.children().into_iter().any(|child| matches!(Self::of(child), Self::Some));
        if is_joined { Self::Some } else { Self::All }
    }
}

struct Remarks<'a> {
    schema: &'a Schema,
    /// Attributes that `has` asks for somewhere.
    asked: Vec<&'a str>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Remarks<'a> {
    fn ask(&mut self, node: &'a Node) {
        if let Syntax::Has(path) = &node.kind
            && let Syntax::Select(_, name) = &path.kind
        {
            self.asked.push(name);
        }
        for child in node.children() {
            self.ask(child);
        }
    }

    /// `!x` and `x != y` on attributes that may be missing.
    fn look(&mut self, node: &'a Node) {
        match &node.kind {
            Syntax::Not(inner) => {
                let mut paths = Vec::new();
                self.gather(inner, &mut paths);
                self.warn(paths, Reach::of(inner));
                return;
            }
            Syntax::Binary(Operator::Compare(Comparison::NotEqual), sides) if self.is_not_empty(sides) => {}
            Syntax::Binary(Operator::Compare(Comparison::NotEqual), sides) => {
                let mut paths = Vec::new();
                self.gather(&sides.0, &mut paths);
                self.gather(&sides.1, &mut paths);
                self.warn(paths, Reach::All);
            }
            Syntax::Binary(Operator::Compare(_) | Operator::In, sides) => self.empty_text(&sides.0, &sides.1),
            _ => {}
        }
        for child in node.children() {
            self.look(child);
        }
    }

    /// Attributes without a default that a missing value of would make the whole unknown.
    fn gather(&self, node: &'a Node, paths: &mut Vec<(&'a Node, &'a str)>) {
        match &node.kind {
            Syntax::Select(operand, name) if is_customer(operand) => {
                let may_be_missing =
                    name != "id" && self.schema.customer.get(name).is_some_and(|attribute| attribute.default.is_none());
                if may_be_missing && !self.asked.contains(&name.as_str()) {
                    paths.push((node, name));
                }
            }
            Syntax::Has(_) => {}
            Syntax::Call(call) if call.name == "default" => {}
            _ => node.children().into_iter().for_each(|child| self.gather(child, paths)),
        }
    }

    /// `customer.phone != ""`: that there is one, which `has` asks. Whether it is so; notes it.
    fn is_not_empty(&mut self, sides: &(Node, Node)) -> bool {
        let both = [(&sides.0, &sides.1), (&sides.1, &sides.0)];
        let path = both.into_iter().find_map(|(path, text)| match (&path.kind, &text.kind) {
            (Syntax::Select(operand, name), Syntax::Text(text)) if is_customer(operand) && text.is_empty() => {
                Some((path, name))
            }
            _ => None,
        });
        let Some((path, name)) = path.filter(|(_, name)| self.asks_for(name)) else { return false };
        let message = "an empty text counts as missing, so this asks only whether there is one";
        let problem = Problem::warning(path.span.clone(), "unknown-no-match", message);
        self.problems.push(problem.help(format!("write `has(customer.{name})`")));
        true
    }

    fn asks_for(&self, name: &str) -> bool {
        name != "id" && self.schema.customer.get(name).is_some_and(|attribute| attribute.default.is_none())
    }

    fn warn(&mut self, paths: Vec<(&Node, &str)>, reach: Reach) {
        for (node, name) in paths {
            let message = match reach {
                Reach::All => {
                    format!("customers whose `{name}` was never set are not matched: unknown is never a match")
                }
                Reach::Some => format!(
                    "customers whose `{name}` was never set are matched only where the rest decides: unknown is never a match"
                ),
            };
            let help = format!(
                "write `default(customer.{name}, ...)`, ask `has(customer.{name})`, or give it a default in schema.yaml"
            );
            self.problems.push(Problem::warning(node.span.clone(), "unknown-no-match", message).help(help));
        }
    }

    /// `customer.phone == ""`: an empty text counts as missing.
    fn empty_text(&mut self, left: &Node, right: &Node) {
        for (path, text) in [(left, right), (right, left)] {
            let (Syntax::Select(operand, name), Syntax::Text(text_value)) = (&path.kind, &text.kind) else { continue };
            if is_customer(operand) && text_value.is_empty() {
                let message = "an empty text counts as missing, so this is never true";
                self.problems.push(
                    Problem::warning(text.span.clone(), "never-true", message)
                        .help(format!("write `!has(customer.{name})`")),
                );
            }
        }
    }
}
