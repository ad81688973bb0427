//! From the syntax tree to the typed tree: names against the schema, types against each other.

mod calls;
mod cures;
mod entry;
mod functions;
mod named;
mod names;
mod operators;
mod remarks;

pub(super) use remarks::constant;

use super::source::{Kind as Syntax, Node, Operator};
use super::tree::{Clause, Day, Flag, Items, Kind, Length, Moment, Num, Term, Text};
use super::{Problem, Scope};
use crate::domain::{Schema, Severity};
use std::ops::Range;

/// An expression whose type is known.
#[derive(Debug)]
enum Typed {
    Flag(Term<Flag>),
    Number(Term<Num>),
    Text(Term<Text>),
    Day(Term<Day>),
    Moment(Term<Moment>),
    Length(Term<Length>),
    Items(Term<Items>),
    /// A list as written, with the places of its items.
    List(Vec<(Typed, Range<usize>)>),
}

impl Typed {
    /// The type in words, with its article.
    const fn words(&self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Day(_) => "a date",
            Self::Moment(_) => "a time",
            Self::Length(_) => "a span of time",
            Self::Items(_) | Self::List(_) => "a list",
        }
    }
}

/// A kind of terms that a [`Typed`] can hold.
trait Typeable: Kind {
    fn wrap(term: Term<Self>) -> Typed;
    /// The term, or what it is instead.
    fn unwrap(typed: Typed) -> Result<Term<Self>, Typed>;
}

macro_rules! typeable {
    ($($kind:ident as $variant:ident),*) => {$(
        impl Typeable for $kind {
            fn wrap(term: Term<Self>) -> Typed {
                Typed::$variant(term)
            }

            fn unwrap(typed: Typed) -> Result<Term<Self>, Typed> {
                if let Typed::$variant(term) = typed { Ok(term) } else { Err(typed) }
            }
        }
    )*};
}

typeable!(Flag as Flag, Num as Number, Text as Text, Day as Day, Moment as Moment, Length as Length, Items as Items);

/// `None` where a problem was reported already.
type Checked = Option<Typed>;

struct Checker<'s> {
    scope: &'s Scope<'s>,
    schema: &'s Schema,
    problems: Vec<Problem>,
}

/// Checks a condition; the clause is there unless something made it impossible, problems are there in any case.
pub(super) fn check(node: &Node, scope: &Scope<'_>) -> (Option<Clause>, Vec<Problem>) {
    let mut checker = Checker { scope, schema: scope.schema, problems: Vec::new() };
    let clause = checker.clause(node);
    if let Some(clause) = &clause
        && checker.problems.iter().all(|problem| problem.severity == Severity::Warning)
    {
        remarks::remark(node, clause, scope, &mut checker.problems);
    }
    (clause, checker.problems)
}

impl Checker<'_> {
    fn report(&mut self, problem: Problem) -> Checked {
        self.problems.push(problem);
        None
    }

    fn error_with(
        &mut self,
        span: &Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Checked {
        self.report(Problem::error(span.clone(), code, message).help(help))
    }

    /// An expression that has to be true or false.
    fn clause(&mut self, node: &Node) -> Option<Clause> {
        let test = self.flag(node)?;
        Some(Clause { span: node.span.clone(), test })
    }

    fn flag(&mut self, node: &Node) -> Option<Term<Flag>> {
        match self.expression(node)? {
            Typed::Flag(test) => Some(test),
            other => {
                let message = format!("this is {}, where something true or false is needed", other.words());
                let help = match other {
                    Typed::Number(_) => "compare it, such as `orders.count > 0`".to_owned(),
                    Typed::Text(Term::Constant(text)) => match self.path_meant(&text) {
                        _ if self.schema.events.contains_key(&*text) => format!("write `count({text:?}) > 0`"),
                        Some(path) => format!("write `{path}` without quotes, and compare it"),
                        None => "compare something with it, such as `customer.plan == \"pro\"`".to_owned(),
                    },
                    Typed::Text(_) => {
                        "compare it, such as `customer.plan == \"pro\"`, or ask `has(customer.plan)`".to_owned()
                    }
                    Typed::Moment(_) | Typed::Day(_) => {
                        "ask how long ago, such as `days_since(orders.last_at) > 60`".to_owned()
                    }
                    Typed::Length(_) => "compare it with a span, such as `since(orders.last_at) > days(60)`".to_owned(),
                    _ => "ask for an item, such as `\"vip\" in customer.tags`".to_owned(),
                };
                self.error_with(&node.span, "type-mismatch", message, help);
                None
            }
        }
    }

    fn expression(&mut self, node: &Node) -> Checked {
        match &node.kind {
            Syntax::Bool(yes) => Some(Typed::Flag(Term::Constant(*yes))),
            Syntax::Number(number) => Some(Typed::Number(Term::Constant(*number))),
            Syntax::Text(text) => Some(Typed::Text(Term::Constant(text.as_str().into()))),
            Syntax::List(items) => self.list(items),
            Syntax::Name(name) => self.name(name, node),
            Syntax::Select(operand, field) => self.select(operand, field, node),
            Syntax::Has(path) => self.has(path),
            Syntax::Call(call) => self.call(call, node),
            Syntax::Not(inner) => {
                let inner = self.clause(inner)?;
                Some(Typed::Flag(Term::Own(Flag::Not(Box::new(inner)))))
            }
            Syntax::Negate(inner) => self.negate(inner, node),
            Syntax::Choice(parts) => self.choice(parts),
            Syntax::Binary(operator @ (Operator::And | Operator::Or), _) => {
                let mut parts = Vec::new();
                flatten(node, *operator, &mut parts);
                let clauses: Vec<Option<Clause>> = parts.into_iter().map(|part| self.clause(part)).collect();
                let clauses = clauses.into_iter().collect::<Option<Vec<_>>>()?;
                let flag = if *operator == Operator::And { Flag::All(clauses) } else { Flag::Any(clauses) };
                Some(Typed::Flag(Term::Own(flag)))
            }
            Syntax::Binary(Operator::Compare(comparison), sides) => self.compare(*comparison, sides, node),
            Syntax::Binary(Operator::In, sides) => self.membership(&sides.0, &sides.1),
            Syntax::Binary(Operator::Arithmetic(operator), sides) => self.arithmetic(*operator, sides, node),
            Syntax::Foreign(what) => {
                let message = format!("{what} is not supported in this version");
                let help =
                    "write it with names, numbers, texts in quotes and lists, such as `customer.plan in [\"pro\"]`";
                self.error_with(&node.at, "not-supported", message, help)
            }
        }
    }

    fn list(&mut self, items: &[Node]) -> Checked {
        let checked: Vec<_> = items.iter().map(|item| Some((self.expression(item)?, item.span.clone()))).collect();
        let checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        let Some((first, _)) = checked.first() else { return Some(Typed::List(checked)) };
        let first_words = first.words();
        let other = checked.iter().find(|(item, _)| std::mem::discriminant(item) != std::mem::discriminant(first));
        if let Some((other, span)) = other {
            let message =
                format!("a list holds values of one type: this is {}, the first is {first_words}", other.words());
            let help = match (first, other) {
                // Compared with a constant it would be the name of something that lacks its quotes; here it is an item.
                (Typed::Text(_), Typed::Number(Term::Constant(number))) => {
                    format!("write it in quotes: `\"{number}\"`")
                }
                _ => self.instead(first, (other, items.iter().find(|item| item.span == *span).unwrap_or(&items[0]))),
            };
            return self.error_with(&span.clone(), "type-mismatch", message, help);
        }
        if matches!(first, Typed::List(_) | Typed::Items(_) | Typed::Length(_)) {
            let (message, span) =
                (format!("a list cannot hold {first_words}"), checked.first().map_or(0..0, |(_, span)| span.clone()));
            let help = "a list holds texts, numbers, dates or times, such as `[\"silver\", \"gold\"]`";
            return self.error_with(&span, "type-mismatch", message, help);
        }
        Some(Typed::List(checked))
    }

    fn choice(&mut self, parts: &[Node; 3]) -> Checked {
        let (condition, then, otherwise) =
            (self.flag(&parts[0]), self.expression(&parts[1]), self.expression(&parts[2]));
        let condition = condition?;
        let (then, otherwise) = (then?, otherwise?);
        let words = then.words();
        let help = self.instead(&then, (&otherwise, &parts[2]));
        let chosen = match then {
            Typed::Flag(term) => chosen(condition, term, otherwise),
            Typed::Number(term) => chosen(condition, term, otherwise),
            Typed::Text(term) => chosen(condition, term, otherwise),
            Typed::Day(term) => chosen(condition, term, otherwise),
            Typed::Moment(term) => chosen(condition, term, otherwise),
            Typed::Length(term) => chosen(condition, term, otherwise),
            Typed::Items(term) => chosen(condition, term, otherwise),
            Typed::List(_) => Err(otherwise),
        };
        chosen.map_or_else(
            |other| {
                let message = format!("both results must be of one type: one is {words}, this is {}", other.words());
                self.error_with(&parts[2].span, "type-mismatch", message, help)
            },
            Some,
        )
    }
}

fn chosen<K: Typeable>(condition: Term<Flag>, then: Term<K>, otherwise: Typed) -> Result<Typed, Typed> {
    Ok(K::wrap(Term::Choice(Box::new((condition, then, K::unwrap(otherwise)?))).folded()))
}

/// The operands of a chain of one of `&&` and `||`.
fn flatten<'n>(node: &'n Node, operator: Operator, parts: &mut Vec<&'n Node>) {
    match &node.kind {
        Syntax::Binary(inner, sides) if *inner == operator => {
            flatten(&sides.0, operator, parts);
            flatten(&sides.1, operator, parts);
        }
        _ => parts.push(node),
    }
}
