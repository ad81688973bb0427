//! Operators: which types go together.

use super::super::Problem;
use super::super::source::{Arithmetic, Comparison, Kind as Syntax, Node};
use super::super::tree::{Change, Compared, Flag, Length, Membership, Moment, Num, Term, change_of, is_never};
use super::names::{ROOTS, is_customer};
use super::{Checked, Checker, Typeable, Typed, entry};
use crate::domain::{Number, nearest};
use std::ops::Range;

impl Checker<'_> {
    pub(super) fn negate(&mut self, inner: &Node, node: &Node) -> Checked {
        match self.expression(inner)? {
            Typed::Number(term) => Some(Typed::Number(Term::Own(Num::Negate(Box::new(term))).folded())),
            Typed::Length(term) => {
                let minus_one = Number::ZERO.minus(Number::ONE).unwrap_or_default();
                let terms = Box::new((term, Term::Constant(minus_one)));
                Some(Typed::Length(Term::Own(Length::Times(terms)).folded()))
            }
            other => self.error(&node.at, "type-mismatch", format!("`-` needs a number, this is {}", other.words())),
        }
    }

    pub(super) fn compare(&mut self, comparison: Comparison, sides: &(Node, Node), node: &Node) -> Checked {
        let (left, right) = (self.expression(&sides.0), self.expression(&sides.1));
        let (left, right) = (left?, right?);
        self.one_of(&sides.0, std::slice::from_ref(&sides.1));
        self.one_of(&sides.1, std::slice::from_ref(&sides.0));
        let compared = match (left, right) {
            (Typed::Number(a), Typed::Number(b)) => Compared::Numbers(Box::new((a, b))),
            (Typed::Text(a), Typed::Text(b)) => Compared::Texts(Box::new((a, b))),
            (Typed::Day(a), Typed::Day(b)) => Compared::Days(Box::new((a, b))),
            (Typed::Moment(a), Typed::Moment(b)) => Compared::Moments(Box::new((a, b))),
            (Typed::Length(a), Typed::Length(b)) => Compared::Lengths(Box::new((a, b))),
            (Typed::Flag(a), Typed::Flag(b)) if matches!(comparison, Comparison::Equal | Comparison::NotEqual) => {
                Compared::Flags(Box::new((a, b)))
            }
            (Typed::Flag(_), Typed::Flag(_)) => {
                return self.error_with(
                    &node.at,
                    "type-mismatch",
                    "true and false have no order",
                    "write `==` or `!=`",
                );
            }
            (left, right) => return self.mismatch((&left, &sides.0), (&right, &sides.1), node),
        };
        Some(Typed::Flag(Term::Own(Flag::Compare(comparison, compared)).folded()))
    }

    fn mismatch(&mut self, left: (&Typed, &Node), right: (&Typed, &Node), node: &Node) -> Checked {
        let message = format!("{} cannot be compared with {}", left.0.words(), right.0.words());
        let problem = Problem::error(node.at.clone(), "type-mismatch", message);
        let help = cure(left.0, right).or_else(|| cure(right.0, left));
        self.report(problem.help(help.unwrap_or_else(|| "compare it with something of its own kind".into())))
    }

    pub(super) fn membership(&mut self, item: &Node, list: &Node) -> Checked {
        let (left, right) = (self.expression(item), self.expression(list));
        let (left, right) = (left?, right?);
        if let Syntax::List(items) = &list.kind {
            self.one_of(item, items);
        }
        let members = match right {
            Typed::List(members) => members,
            Typed::Items(list) => {
                let membership = match left {
                    Typed::Number(item) => Membership::NumberOf(item, list),
                    Typed::Text(item) => Membership::TextOf(item, list),
                    other => {
                        let message = format!("a list of the schema holds texts or numbers, this is {}", other.words());
                        return self.error(&item.span, "type-mismatch", message);
                    }
                };
                return Some(Typed::Flag(Term::Own(Flag::In(membership)).folded()));
            }
            other => {
                let message = format!("`in` needs a list on its right, this is {}", other.words());
                let help = if matches!(other, Typed::Text(_)) {
                    "write `x.contains(\"text\")`"
                } else {
                    "write `x in [1, 2]`"
                };
                return self.error_with(&list.span, "type-mismatch", message, help);
            }
        };
        let membership = match left {
            Typed::Number(item) => {
                self.never_among(&item, &members);
                terms(members).map(|list| Membership::Numbers(item, list))
            }
            Typed::Text(item) => terms(members).map(|list| Membership::Texts(item, list)),
            Typed::Day(item) => terms(members).map(|list| Membership::Days(item, list)),
            Typed::Moment(item) => terms(members).map(|list| Membership::Moments(item, list)),
            Typed::Flag(item) => terms(members).map(|list| Membership::Flags(Box::new(item), list)),
            other => {
                return self.error(
                    &item.span,
                    "type-mismatch",
                    format!("{} cannot be looked for in a list", other.words()),
                );
            }
        };
        match membership {
            Ok(membership) => Some(Typed::Flag(Term::Own(Flag::In(membership)).folded())),
            Err((words, span)) => {
                let message = format!("the list holds {words}, which what stands before `in` cannot be");
                self.error_with(&span, "type-mismatch", message, cure_item(item, list))
            }
        }
    }

    /// Numbers of a list that what is looked for can never be.
    fn never_among(&mut self, item: &Term<Num>, members: &[(Typed, Range<usize>)]) {
        for (member, span) in members {
            if let Typed::Number(Term::Constant(bound)) = member
                && let Some(limits) = is_never(item, *bound)
            {
                let message = format!("it is never {bound}: {}", limits.words);
                self.problems.push(Problem::warning(span.clone(), "never-true", message).help(limits.cure(*bound)));
            }
        }
    }

    /// Texts that an attribute with `one_of` can never be, compared with it.
    fn one_of(&mut self, path: &Node, others: &[Node]) {
        let Some(known) = self.listed(path) else { return };
        for (other, text) in others.iter().filter_map(|other| match &other.kind {
            Syntax::Text(text) => Some((other, text)),
            _ => None,
        }) {
            if known.iter().any(|known| known == text) {
                continue;
            }
            let message = format!("this is never {text:?}: schema.yaml lists {}", quoted(&known));
            let help = match nearest(text, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("write one of them, or add {text:?} to its `one_of` in schema.yaml"),
            };
            self.report(Problem::error(other.span.clone(), "not-one-of", message).help(help));
        }
    }

    /// The only texts that an expression can be.
    fn listed(&self, node: &Node) -> Option<Vec<String>> {
        match &node.kind {
            Syntax::Select(operand, name) if is_customer(operand) || entry::is_customer(operand) => {
                self.schema.customer.get(name)?.one_of.clone()
            }
            Syntax::Call(call) if call.name == "default" && call.target.is_none() => {
                let [value, otherwise] = call.arguments.as_slice() else { return None };
                let Syntax::Text(text) = &otherwise.kind else { return None };
                let mut known = self.listed(value)?;
                known.push(text.clone());
                Some(known)
            }
            _ => None,
        }
    }

    pub(super) fn arithmetic(&mut self, operator: Arithmetic, sides: &(Node, Node), node: &Node) -> Checked {
        if let Some(problem) = self.hyphen(operator, sides, node) {
            return self.report(problem);
        }
        let (left, right) = (self.expression(&sides.0), self.expression(&sides.1));
        let (left, right) = (left?, right?);
        let typed = match (operator, left, right) {
            (_, Typed::Number(a), Typed::Number(b)) => return self.numbers(operator, a, b, node),
            (Arithmetic::Plus, Typed::Moment(a), Typed::Length(b))
            | (Arithmetic::Plus, Typed::Length(b), Typed::Moment(a)) => {
                Typed::Moment(Term::Own(Moment::After(Box::new((a, b)))).folded())
            }
            (Arithmetic::Minus, Typed::Moment(a), Typed::Length(b)) => {
                Typed::Moment(Term::Own(Moment::Before(Box::new((a, b)))).folded())
            }
            (Arithmetic::Minus, Typed::Moment(a), Typed::Moment(b)) => {
                Typed::Length(Term::Own(Length::Between(Box::new((a, b)))).folded())
            }
            (Arithmetic::Plus, Typed::Length(a), Typed::Length(b)) => {
                Typed::Length(Term::Own(Length::Plus(Box::new((a, b)))).folded())
            }
            (Arithmetic::Minus, Typed::Length(a), Typed::Length(b)) => {
                Typed::Length(Term::Own(Length::Minus(Box::new((a, b)))).folded())
            }
            (Arithmetic::Times, Typed::Length(a), Typed::Number(b))
            | (Arithmetic::Times, Typed::Number(b), Typed::Length(a)) => {
                return self.scaled(Length::Times(Box::new((a, b))), node);
            }
            (Arithmetic::Over, Typed::Length(a), Typed::Number(b)) => {
                return self.scaled(Length::Over(Box::new((a, b))), node);
            }
            (Arithmetic::Over, Typed::Length(a), Typed::Length(b)) => {
                if b.change() == Change::Linear {
                    return self.not_linear(node);
                }
                Typed::Number(Term::Own(Num::Ratio(Box::new((a, b)))).folded())
            }
            (_, left, right) => return self.no_arithmetic(operator, &left, &right, node),
        };
        Some(typed)
    }

    fn numbers(&mut self, operator: Arithmetic, left: Term<Num>, right: Term<Num>, node: &Node) -> Checked {
        let (a, b) = (left.change(), right.change());
        let linear = match operator {
            Arithmetic::Plus | Arithmetic::Minus => true,
            Arithmetic::Times => a.max(b) < Change::Linear || a.min(b) == Change::Fixed,
            Arithmetic::Over => b < Change::Linear && (a < Change::Linear || b == Change::Fixed),
            Arithmetic::Remainder => a.max(b) < Change::Linear,
        };
        if !linear {
            return self.not_linear(node);
        }
        let divides = matches!(operator, Arithmetic::Over | Arithmetic::Remainder);
        if divides && right.as_constant() == Some(&Number::ZERO) {
            return self.error(&node.at, "division-by-zero", "a division by zero has no value");
        }
        Some(Typed::Number(Term::Own(Num::Arithmetic(operator, Box::new((left, right)))).folded()))
    }

    fn scaled(&mut self, length: Length, node: &Node) -> Checked {
        if let Length::Times(terms) | Length::Over(terms) = &length {
            let moving = change_of(terms) == Change::Linear;
            let steady = terms.0.change() == Change::Fixed && matches!(length, Length::Times(_))
                || terms.1.change() == Change::Fixed;
            if moving && !steady {
                return self.not_linear(node);
            }
        }
        Some(Typed::Length(Term::Own(length).folded()))
    }

    fn not_linear(&mut self, node: &Node) -> Checked {
        self.error_with(
            &node.at,
            "not-linear",
            "the elapsed time may be added, subtracted, compared, and multiplied by what does not change with it",
            "count in whole days: `days_since(...)` and `days_until(...)` go with every operator",
        )
    }

    fn no_arithmetic(&mut self, operator: Arithmetic, left: &Typed, right: &Typed, node: &Node) -> Checked {
        let sign = match operator {
            Arithmetic::Plus => "+",
            Arithmetic::Minus => "-",
            Arithmetic::Times => "*",
            Arithmetic::Over => "/",
            Arithmetic::Remainder => "%",
        };
        let message = format!("`{sign}` does not go between {} and {}", left.words(), right.words());
        let help = match (left, right) {
            (Typed::Day(_), _) | (_, Typed::Day(_)) => {
                Some("write `days_since(...)`, `days_until(...)`, `since(...)` or `until(...)` of the date")
            }
            (Typed::Moment(_) | Typed::Length(_), Typed::Number(_))
            | (Typed::Number(_), Typed::Moment(_) | Typed::Length(_)) => {
                Some("a span of time is written `days(30)` or `hours(6)`")
            }
            (Typed::Text(_), _) | (_, Typed::Text(_)) => {
                Some("texts are only compared, and asked with `.contains(\"…\")`")
            }
            (Typed::Flag(_), _) | (_, Typed::Flag(_)) => Some("true and false are joined by `&&` and `||`"),
            (Typed::Moment(_), Typed::Moment(_)) => Some("the time between them is `a - b`"),
            _ => Some("write numbers, or times and spans such as `now - days(30)`"),
        };
        self.report(Problem { help: help.map(Into::into), ..Problem::error(node.at.clone(), "type-mismatch", message) })
    }

    /// `customer.e-mail`: an attribute that nobody declared, less a name that means nothing.
    fn hyphen(&self, operator: Arithmetic, sides: &(Node, Node), node: &Node) -> Option<Problem> {
        let (left, right) = sides;
        let glued = left.span.end == node.at.start && node.at.end == right.span.start;
        let (Syntax::Select(operand, first), Some((second, name))) = (&left.kind, leading_name(right)) else {
            return None;
        };
        let is_trap = operator == Arithmetic::Minus && glued && is_customer(operand) && !ROOTS.contains(&second);
        if !is_trap {
            return None;
        }
        let message = format!("`{first}-{second}` is no name: names have no hyphens, `-` subtracts");
        let help = [format!("{first}_{second}"), format!("{first}{second}")]
            .into_iter()
            .find(|name| self.schema.customer.contains_key(name))
            .map_or_else(
                || format!("call the attribute `{first}_{second}` in schema.yaml"),
                |name| format!("write `customer.{name}`"),
            );
        Some(Problem::error(left.at.start..name.span.end, "hyphen", message).help(help))
    }
}

/// The name that an expression begins with, unless that name calls a function.
fn leading_name(node: &Node) -> Option<(&str, &Node)> {
    match &node.kind {
        Syntax::Name(name) => Some((name, node)),
        Syntax::Select(inner, _) => leading_name(inner),
        Syntax::Call(call) => leading_name(call.target.as_deref()?),
        _ => None,
    }
}

/// The members of a list as terms of one type, or what they are instead and where.
fn terms<K: Typeable>(members: Vec<(Typed, Range<usize>)>) -> Result<Vec<Term<K>>, (&'static str, Range<usize>)> {
    members.into_iter().map(|(member, span)| K::unwrap(member).map_err(|other| (other.words(), span))).collect()
}

fn cure_item(item: &Node, list: &Node) -> String {
    match (&item.kind, &list.kind) {
        (_, Syntax::List(items)) if items.iter().all(|item| matches!(item.kind, Syntax::Number(_))) => {
            "put texts into quotes".into()
        }
        _ => "write a list of values of that type".into(),
    }
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}

/// What to write for the second so that it can be compared with the first.
fn cure(one: &Typed, (other, node): (&Typed, &Node)) -> Option<String> {
    let text = if let Syntax::Text(text) = &node.kind { text.as_str() } else { "" };
    match (one, other) {
        (Typed::Length(_), Typed::Number(Term::Constant(number))) => {
            Some(format!("write `days({number})` or `hours({number})`"))
        }
        (Typed::Number(Term::Own(Num::Days(..))), Typed::Length(_)) => {
            Some("days are counted as plain numbers: write `60`".into())
        }
        (Typed::Day(_), Typed::Text(_)) if !text.is_empty() => Some(format!("write `date(\"{text}\")`")),
        (Typed::Moment(_), Typed::Text(_)) if !text.is_empty() => Some(format!("write `timestamp(\"{text}\")`")),
        (Typed::Day(_), Typed::Moment(_)) => {
            Some("write `date(...)` round the time, or count with `days_since(...)`".into())
        }
        (Typed::Moment(_) | Typed::Day(_), Typed::Number(_)) => {
            Some("count how long ago: `days_since(...) > 60`".into())
        }
        (Typed::Number(_), Typed::Text(_)) if text.parse::<Number>().is_ok() => {
            Some(format!("write `{text}` without quotes"))
        }
        (Typed::Text(_), Typed::Number(Term::Constant(number))) => Some(format!("write it in quotes: `\"{number}\"`")),
        (Typed::Flag(_), Typed::Text(_)) if matches!(text, "true" | "false") => {
            Some(format!("write `{text}` without quotes"))
        }
        (Typed::Text(_), Typed::Flag(Term::Constant(yes))) => Some(format!("write it in quotes: `\"{yes}\"`")),
        (Typed::Items(_), Typed::Text(_)) => Some(format!("write `\"{text}\" in ...`")),
        (Typed::Items(_) | Typed::List(_), Typed::Number(_)) => Some("compare `size(...)`, or use `in`".into()),
        _ => None,
    }
}
