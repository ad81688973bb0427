//! The template engine as templates may use it.

use super::context::{ZONE, Zone};
use super::link;
use crate::domain::{Number, Time};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter};

/// How much work and output one rendering may take: some 20,000 instructions, or 3 MB.
const FUEL: u64 = 50_000;

/// Filters that templates may use; what else the engine has could switch escaping off or show what is inside.
pub(super) const FILTERS: [&str; 27] = [
    "abs",
    "batch",
    "bool",
    "capitalize",
    "d",
    "day",
    "default",
    "first",
    "float",
    "format",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "sum",
    "title",
    "trim",
    "upper",
];
/// Tests (`is …`) that templates may use.
pub(super) const TESTS: [&str; 14] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "float",
    "in",
    "integer",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
];
/// Statements that templates may use.
pub(super) const STATEMENTS: [&str; 10] =
    ["if", "elif", "else", "endif", "for", "endfor", "set", "endset", "with", "endwith"];

/// Filters of our own that only what we write around a template's tags uses.
pub(super) const IN_HTML: &str = "_link_in_html";
pub(super) const IN_TEXT: &str = "_link_in_text";
pub(super) const PART: &str = "_link_part";
/// Begins the message of the error of a link that cannot be one.
pub(super) const BAD_LINK: &str = "bad link";

/// What the engine does with a missing value that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It prints nothing.
    Nothing,
    /// It is an error: to find out where that happens.
    Error,
}

/// An engine without files, with names that must exist, bounded work, and errors that know their place if wanted.
pub(super) fn engine(missing: Missing) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_debug(false);
    engine.set_formatter(move |out, state, value| print(missing, out, state, value));
    engine.add_filter("day", day);
    engine.add_filter(IN_HTML, |raw: &str| checked(raw).map(|address| escape(&address)));
    engine.add_filter(IN_TEXT, checked);
    engine.add_filter(PART, |value: &Value| if value.is_none() { String::new() } else { link::part(&plain(value)) });
    for global in ["debug", "namespace"] {
        engine.remove_global(global);
    }
    for filter in ["safe", "escape", "e", "pprint", "tojson", "urlencode"] {
        engine.remove_filter(filter);
    }
    engine
}

/// The same, where errors carry the bytes that they concern.
pub(super) fn checking_engine(missing: Missing) -> Environment<'static> {
    let mut engine = engine(missing);
    engine.set_debug(true);
    engine
}

fn print(missing: Missing, out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None if missing == Missing::Error => {
            Err(Error::new(ErrorKind::InvalidOperation, "nothing to print"))
        }
        ValueKind::None => Ok(()),
        ValueKind::Bool => escape_formatter(out, state, &Value::from(if value.is_true() { "true" } else { "false" })),
        ValueKind::Number if !value.is_integer() => escape_formatter(out, state, &Value::from(plain(value))),
        _ => escape_formatter(out, state, value),
    }
}

/// A value as text; numbers as plain decimals of at most six digits behind the point.
fn plain(value: &Value) -> String {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return value.to_string();
    }
    f64::try_from(value.clone()).ok().and_then(Number::from_f64).map_or_else(|| value.to_string(), |n| n.to_string())
}

fn checked(raw: &str) -> Result<String, Error> {
    link::address(raw).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{BAD_LINK}: {}", link::WRONG)))
}

/// A text as it may stand in HTML, in an attribute's quotes too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

/// `{{ orders.last_at | day }}`: the calendar day of an instant, in the customer's time zone; a date stays itself.
fn day(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(value.clone());
    }
    let wrong = || Error::new(ErrorKind::InvalidOperation, "`day` takes a date or a timestamp");
    let text = value.as_str().ok_or_else(wrong)?;
    if text.parse::<jiff::civil::Date>().is_ok() {
        return Ok(value.clone());
    }
    let at: Time = text.parse().map_err(|_| wrong())?;
    let zone = state.lookup(ZONE).ok_or_else(wrong)?;
    let zone = zone.downcast_object_ref::<Zone>().ok_or_else(wrong)?;
    Ok(Value::from(at.to_jiff().to_zoned(zone.0.clone()).date().to_string()))
}
