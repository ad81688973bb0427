//! What to write instead: what people call our names, and how what does not go together is put right.

use super::super::source::{Comparison, Kind as Syntax, Node};
use super::super::tree::{Num, Term};
use super::{Checker, Typed};
use crate::domain::{Number, Span, Time, ValueType};
use jiff::civil::Date;

/// What people call the totals over purchases, without the underscores.
const TOTALS: [(&str, &[&str]); 6] = [
    (
        "orders.last_at",
        &["lastorder", "lastpurchase", "lastorderat", "lastorderdate", "lastpurchasedate", "lastbought", "lastat"],
    ),
    (
        "orders.first_at",
        &["firstorder", "firstpurchase", "firstorderat", "firstorderdate", "firstpurchasedate", "firstat"],
    ),
    (
        "orders.count",
        &["ordercount", "orderscount", "numberoforders", "numorders", "totalorders", "purchases", "purchasecount"],
    ),
    (
        "orders.revenue",
        &["revenue", "totalspent", "totalspend", "amountspent", "spent", "totalrevenue", "lifetimevalue", "ltv", "clv"],
    ),
    ("orders.average", &["average", "averageorder", "averageordervalue", "avgorder", "avgordervalue", "aov"]),
    ("orders.gap_median", &["gapmedian"]),
];

/// The total over purchases that is called so elsewhere.
pub(super) fn total_meant(name: &str) -> Option<&'static str> {
    let plain = name.to_ascii_lowercase().replace('_', "");
    TOTALS.iter().find(|(_, called)| called.contains(&plain.as_str())).map(|(ours, _)| *ours)
}

/// What other languages call for, and what is written here.
const ELSEWHERE: [(&[&str], &str); 11] = [
    (
        &["lower", "upper", "tolowercase", "touppercase", "lowercase", "uppercase", "tolower", "toupper", "trim"],
        "texts are compared letter by letter; list the spellings: `x in [\"gold\", \"Gold\"]`",
    ),
    (&["len", "length", "count_chars"], "write `size(customer.tags)`; it counts a text's letters and a list's items"),
    (&["max", "min", "greatest", "least"], "compare each by itself and join with `||` or `&&`"),
    (&["avg", "average", "mean"], "write `orders.average`, or divide a `sum(...)` by a `count(...)`"),
    (
        &["matches", "regex", "regexp", "like"],
        "use `x.contains(\"text\")`, `x.startsWith(\"text\")` or `x.endsWith(\"text\")`",
    ),
    (&["exists", "isset", "is_set", "defined"], "write `has(customer.plan)`"),
    (&["isnull", "is_null", "isempty", "is_empty", "missing"], "write `!has(customer.plan)`"),
    (&["coalesce", "ifnull", "nvl", "isnull_or"], "write `default(customer.score, 0)`"),
    (&["datediff", "date_diff", "days_between", "age"], "write `days_since(...)` or `days_until(...)`"),
    (&["round", "floor", "ceil", "abs", "int"], "numbers are exact here: compare with `>=` and `<`"),
    (&["segment", "has_segment"], "write `in_segment(\"vip\")`"),
];

/// What is written here for a function of other languages.
pub(super) fn function_elsewhere(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    ELSEWHERE.iter().find(|(called, _)| called.contains(&lower.as_str())).map(|(_, help)| *help)
}

/// How a value of a type is written.
pub(super) fn written(typed: &Typed) -> &'static str {
    match typed {
        Typed::Flag(_) => "write `true` or `false` here",
        Typed::Number(_) => "write a number here, such as `5`",
        Typed::Text(_) => "write a text in quotes here, such as \"gold\"",
        Typed::Day(_) => "write a date here, such as `date(\"2026-01-01\")`",
        Typed::Moment(_) => "write a time here, such as `now` or `timestamp(\"2026-01-01T00:00:00Z\")`",
        Typed::Length(_) => "write a span here, such as `days(30)` or `hours(6)`",
        Typed::Items(_) | Typed::List(_) => "write a list here, or ask `\"item\" in ...`",
    }
}

impl Checker<'_> {
    /// What to write where values of two types stand on both sides of a comparison.
    pub(super) fn comparable(&self, left: (&Typed, &Node), right: (&Typed, &Node)) -> String {
        let found = self.name_as_text(left.0, right).or_else(|| self.name_as_text(right.0, left));
        found.or_else(|| cure(left.0, right)).or_else(|| cure(right.0, left)).unwrap_or_else(|| {
            let (this, other) = (left.0.words(), right.0.words());
            format!("{this} is compared with {this}, and {other} with {other}: see what schema.yaml declares")
        })
    }

    /// What to write for a value that is not of the type of `wanted`.
    pub(super) fn instead(&self, wanted: &Typed, got: (&Typed, &Node)) -> String {
        self.name_as_text(wanted, got).or_else(|| cure(wanted, got)).unwrap_or_else(|| written(wanted).to_owned())
    }

    /// A text in quotes that names something: an event, an attribute, a total.
    fn name_as_text(&self, beside: &Typed, (_, node): (&Typed, &Node)) -> Option<String> {
        let Syntax::Text(text) = &node.kind else { return None };
        if self.schema.events.contains_key(text) {
            return Some(match beside {
                Typed::Moment(_) | Typed::Day(_) => format!("write `last_at({text:?})` for its time"),
                Typed::Length(_) => format!("write `since(last_at({text:?}))` for how long ago it was"),
                _ => format!("write `count({text:?})` for how often it happened"),
            });
        }
        self.path_meant(text).map(|path| format!("write `{path}` without quotes"))
    }

    /// The path that a text spells: `customer.score`, `score`, `last_order`.
    pub(super) fn path_meant(&self, text: &str) -> Option<String> {
        let is_declared = |name: &str| self.schema.customer.contains_key(name);
        match text.split_once('.') {
            Some(("customer", name)) if is_declared(name) => Some(text.to_owned()),
            Some(("orders", _)) if TOTALS.iter().any(|(path, _)| *path == text) => Some(text.to_owned()),
            Some(_) => None,
            None if is_declared(text) => Some(format!("customer.{text}")),
            None => total_meant(text).map(str::to_owned),
        }
    }

    /// `!customer.country == "KE"`: the `!` belongs to the name alone.
    pub(super) fn misplaced_not(&mut self, comparison: Comparison, left: &Node) -> Option<super::Problem> {
        let Syntax::Not(inner) = &left.kind else { return None };
        let before = self.problems.len();
        let typed = self.expression(inner);
        self.problems.truncate(before);
        let typed = typed.filter(|typed| !matches!(typed, Typed::Flag(_)))?;
        let message = format!("`!` stands before {} alone, not before the comparison", typed.words());
        let (sign, opposite) = opposite(comparison);
        let help =
            format!("write `{opposite}` for `{sign}`, without the `!`; or put the comparison in brackets: `!(...)`");
        Some(super::Problem::error(left.at.clone(), "type-mismatch", message).help(help))
    }

    /// Properties of an event that are numbers.
    pub(super) fn numbers_of(&self, event: &str) -> String {
        let declared = self.schema.events.get(event).into_iter().flatten();
        let numbers: Vec<&str> =
            declared.filter(|(_, kind)| **kind == ValueType::Number).map(|(name, _)| name.as_str()).collect();
        match numbers.as_slice() {
            [] => format!("declare a property of `{event}` as number in schema.yaml"),
            names => format!("numbers are: {}; or declare this one as number in schema.yaml", names.join(", ")),
        }
    }
}

/// A comparison's sign, and that of its opposite.
const fn opposite(comparison: Comparison) -> (&'static str, &'static str) {
    match comparison {
        Comparison::Equal => ("==", "!="),
        Comparison::NotEqual => ("!=", "=="),
        Comparison::Less => ("<", ">="),
        Comparison::AtMost => ("<=", ">"),
        Comparison::Greater => (">", "<="),
        Comparison::AtLeast => (">=", "<"),
    }
}

/// What to write for the second so that it can be compared with the first.
fn cure(one: &Typed, (other, node): (&Typed, &Node)) -> Option<String> {
    let text = if let Syntax::Text(text) = &node.kind { text.as_str() } else { "" };
    let is_written = matches!(node.kind, Syntax::Text(_) | Syntax::Number(_) | Syntax::Bool(_));
    match (one, other) {
        (Typed::Length(_), Typed::Number(Term::Constant(number))) => {
            Some(format!("write `days({number})` or `hours({number})`"))
        }
        (Typed::Length(_), Typed::Number(_)) => Some("make a span of the number: `days(...)`".into()),
        (Typed::Number(Term::Own(Num::Days(..))), Typed::Length(Term::Constant(span))) => Some(days(*span)),
        (Typed::Number(Term::Own(Num::Days(..))), Typed::Length(_)) => {
            Some("days are counted as plain numbers; with a span goes `since(...)` or `until(...)`".into())
        }
        (Typed::Day(_), Typed::Text(_)) if text.parse::<Date>().is_ok() => Some(format!("write `date(\"{text}\")`")),
        (Typed::Moment(_), Typed::Text(_)) if text.parse::<Time>().is_ok() => {
            Some(format!("write `timestamp(\"{text}\")`"))
        }
        (Typed::Moment(_) | Typed::Day(_), Typed::Text(_)) => {
            Some("count the days: `days_since(...) == 1` is yesterday, `days_until(...) == 1` tomorrow".into())
        }
        (Typed::Day(_), Typed::Moment(_)) => {
            Some("write `date(...)` round the time, or count with `days_since(...)`".into())
        }
        (Typed::Moment(_) | Typed::Day(_), Typed::Number(_)) => {
            Some("count the days: write `days_since(...)` or `days_until(...)` round the time".into())
        }
        (Typed::Moment(_) | Typed::Day(_), Typed::Length(_)) => {
            Some("write `since(...)` or `until(...)` round the time, or compare it with `now - days(30)`".into())
        }
        (Typed::Number(_), Typed::Text(_)) if text.parse::<Number>().is_ok() => {
            Some(format!("write `{text}` without quotes"))
        }
        (Typed::Number(_), Typed::Text(Term::Constant(_))) if !matches!(one, Typed::Number(Term::Constant(_))) => {
            Some("compare a number with a number, such as `5`, without quotes".into())
        }
        (Typed::Text(Term::Constant(_)), Typed::Number(Term::Constant(number))) => {
            Some(format!("write the name of what is {number}, without quotes: `orders.count`, `customer.score`"))
        }
        (Typed::Text(_), Typed::Number(Term::Constant(number))) => Some(format!("write it in quotes: `\"{number}\"`")),
        (Typed::Flag(_), Typed::Text(_) | Typed::Number(_)) if is_written => Some(match truth(text, other) {
            Some(yes) => format!("write `{yes}`, without quotes"),
            None => "write `true` or `false`, without quotes".into(),
        }),
        (Typed::Text(_), Typed::Flag(Term::Constant(yes))) => Some(format!("write it in quotes: `\"{yes}\"`")),
        (Typed::Items(_), Typed::Text(_)) => Some(format!("write `\"{text}\" in ...`")),
        (Typed::Items(_) | Typed::List(_), Typed::Number(_)) => Some("compare `size(...)`, or use `in`".into()),
        (Typed::List(_), _) => Some("write `in` for `==`".into()),
        _ => None,
    }
}

/// Whole days as a number, what else there is as a span.
fn days(span: Span) -> String {
    let day = Span::days(1).0;
    if span.0 % day == 0 {
        format!("days are counted as plain numbers: write `{}`", span.0 / day)
    } else {
        "days are counted as whole numbers; for parts of a day write `since(...)` in the place of `days_since(...)`"
            .into()
    }
}

/// What words and numbers mean that other tools take for true and false.
fn truth(text: &str, typed: &Typed) -> Option<bool> {
    if let Typed::Number(Term::Constant(number)) = typed {
        return [(Number::ONE, true), (Number::ZERO, false)].into_iter().find(|(one, _)| one == number).map(|it| it.1);
    }
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "1" | "y" => Some(true),
        "no" | "off" | "false" | "0" | "n" => Some(false),
        _ => None,
    }
}
