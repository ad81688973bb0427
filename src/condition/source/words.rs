//! Words and symbols of other languages, each answered with what to write here.

use super::super::Problem;
use super::scan::{Class, Token};
use crate::domain::Number;

/// Symbols that are no operators here: as typed, what to write.
const SYMBOLS: [(&str, &str); 15] = [
    ("=", "write `==` to compare"),
    ("===", "write `==` to compare"),
    ("!==", "write `!=`"),
    ("<>", "write `!=`"),
    ("=<", "write `<=`"),
    ("=>", "write `>=`"),
    ("&", "write `&&`"),
    ("|", "write `||`"),
    (";", "write `&&` between two conditions, or make them two lines"),
    ("^", "there is no power; write `x * x`"),
    ("{", "maps are not possible here; a list stands in `[ ]`, an order of steps in `( )`"),
    ("}", "maps are not possible here; a list stands in `[ ]`, an order of steps in `( )`"),
    ("/*", "put comments outside the condition, behind `#`"),
    ("//", "put comments outside the condition, behind `#`"),
    ("`", "write straight quotes"),
];

/// Words that are no operators or values here: in lower case, what to write.
const WORDS: [(&str, &str); 14] = [
    ("and", "write `&&`"),
    ("or", "write `||`"),
    ("not", "write `!` in front, such as `!customer.wholesale`, or `!(x in [...])`"),
    ("is", "write `==`"),
    ("equals", "write `==`"),
    ("like", "write `x.contains(\"text\")`, `x.startsWith(\"text\")` or `x.endsWith(\"text\")`"),
    ("between", "write `10 <= x && x <= 20`"),
    ("then", "write `condition ? this : that`"),
    ("null", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("none", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("nil", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("undefined", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("where", "write the condition alone"),
    ("contains", "write `x.contains(\"text\")`, or `\"item\" in x` for a list"),
];

/// Adds a problem for each trap among the tokens.
pub(super) fn find(tokens: &[Token<'_>], source: &str, problems: &mut Vec<Problem>) {
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let after = tokens.get(index + 1);
        let problem = match token.class {
            Class::Symbol => symbol(token),
            Class::Name if before.is_some_and(|before| before.is(".")) => macro_call(token, after),
            Class::Name => word(token, after),
            Class::Number => number(token, &tokens[..index], after, source),
            Class::Text => None,
        };
        problems.extend(problem);
    }
}

fn symbol(token: &Token<'_>) -> Option<Problem> {
    let (_, help) = SYMBOLS.iter().find(|(typed, _)| *typed == token.text)?;
    let message = format!("`{}` means nothing in a condition", token.text);
    Some(Problem::error(token.span(), "syntax", message).help(*help))
}

fn word(token: &Token<'_>, after: Option<&Token<'_>>) -> Option<Problem> {
    let lower = token.text.to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false" | "in") && lower != token.text {
        let message = format!("`{}` is written in small letters", token.text);
        return Some(Problem::error(token.span(), "syntax", message).help(format!("write `{lower}`")));
    }
    let (_, help) = WORDS.iter().find(|(typed, _)| *typed == lower)?;
    let is_call = after.is_some_and(|after| after.is("("));
    (!is_call || lower == "not" || lower == "and" || lower == "or").then(|| {
        Problem::error(token.span(), "syntax", format!("`{}` means nothing in a condition", token.text)).help(*help)
    })
}

/// `list.all(x, …)` and its like.
fn macro_call(token: &Token<'_>, after: Option<&Token<'_>>) -> Option<Problem> {
    let is_macro = matches!(token.text, "all" | "exists" | "exists_one" | "map" | "filter");
    (is_macro && after.is_some_and(|after| after.is("("))).then(|| {
        Problem::error(token.span(), "not-supported", format!("`{}` is not supported in this version", token.text))
            .help("write `\"item\" in list`")
    })
}

fn number(token: &Token<'_>, before: &[Token<'_>], after: Option<&Token<'_>>, source: &str) -> Option<Problem> {
    let text = token.text;
    let fail = |message: String, help: String| Some(Problem::error(token.span(), "syntax", message).help(help));
    if let Some(span) = thousands(token, before) {
        let digits: String = source[span.clone()].chars().filter(char::is_ascii_digit).collect();
        let message = format!("`{}` is not one number", &source[span.clone()]);
        return Some(Problem::error(span, "syntax", message).help(format!("write `{digits}`")));
    }
    let is_number = text.parse::<Number>().is_ok() || text.parse::<f64>().is_ok();
    let glued = text.find(|c: char| c.is_ascii_alphabetic() || c == '_').filter(|_| !is_number);
    if let Some(at) = glued {
        let (digits, unit) = text.split_at(at);
        let help = match unit {
            "d" | "day" | "days" => format!("write `days({digits})`"),
            "h" | "hour" | "hours" => format!("write `hours({digits})`"),
            "w" | "week" | "weeks" => format!("write `days({})`", digits.parse::<u64>().unwrap_or(1).saturating_mul(7)),
            _ => "write digits alone, with a point before the fraction".into(),
        };
        return fail(format!("`{text}` is no number"), help);
    }
    let whole = text.bytes().all(|byte| byte.is_ascii_digit());
    if text.parse::<Number>().is_err()
        || whole && text.parse::<i64>().is_err()
        || text.parse::<f64>().is_ok_and(f64::is_infinite)
    {
        return fail(format!("`{text}` is out of range"), "numbers reach to about 9,000,000,000,000,000,000".into());
    }
    let percent = after.filter(|after| after.is("%") && after.start == token.span().end);
    let ends = |token: &Token<'_>| source[token.span().end..].trim_start().is_empty();
    if let Some(percent) = percent.filter(|percent| ends(percent)) {
        let message = format!("`{text}%` is no number");
        return Some(
            Problem::error(token.start..percent.span().end, "syntax", message)
                .help("write it as a fraction, such as `0.1`"),
        );
    }
    None
}

/// The bytes of a number that was cut into groups by commas, such as `10,000`, if `token` ends one.
fn thousands(token: &Token<'_>, before: &[Token<'_>]) -> Option<std::ops::Range<usize>> {
    let [earlier @ .., first, comma] = before else { return None };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = token.text.split('.').next().unwrap_or_default();
    let glued = first.class == Class::Number
        && comma.is(",")
        && first.span().end == comma.start
        && comma.span().end == token.start;
    if !glued || whole.len() != 3 || !is_digits(whole) || first.text.len() > 3 || !is_digits(first.text) {
        return None;
    }
    // In a list or a call `100,200` may be meant as two numbers, `10,000` hardly.
    let depth = earlier.iter().fold(0_i32, |depth, token| match token.text {
        "(" | "[" if token.class == Class::Symbol => depth + 1,
        ")" | "]" if token.class == Class::Symbol => depth - 1,
        _ => depth,
    });
    (depth <= 0 || whole.starts_with('0')).then(|| first.start..token.span().end)
}
