//! Words and symbols of other languages, each answered with what to write here.

use super::super::Problem;
use super::mend::Slip;
use super::scan::{Class, Token};
use crate::domain::Number;

/// Symbols that are no operators here: as typed, what was plainly meant, what to write.
const SYMBOLS: [(&str, &str, &str); 15] = [
    ("=", "==", "write `==` to compare"),
    ("===", "==", "write `==` to compare"),
    ("!==", "!=", "write `!=`"),
    ("<>", "!=", "write `!=`"),
    ("=<", "<=", "write `<=`"),
    ("=>", ">=", "write `>=`"),
    ("&", "&&", "write `&&`"),
    ("|", "||", "write `||`"),
    (";", "", "write `&&` between two conditions, or make them two lines"),
    ("^", "", "there is no power; write `x * x`"),
    ("{", "", "maps are not possible here; a list stands in `[ ]`, an order of steps in `( )`"),
    ("}", "", "maps are not possible here; a list stands in `[ ]`, an order of steps in `( )`"),
    ("/*", "", "put comments outside the condition, behind `#`"),
    ("//", "", "put comments outside the condition, behind `#`"),
    ("`", "", "write straight quotes"),
];

/// Words that are no operators or values here: in lower case, what was plainly meant, what to write.
const WORDS: [(&str, &str, &str); 15] = [
    ("if", "", "write the condition alone: `when` asks it already; or `condition ? this : that`"),
    ("and", "&&", "write `&&`"),
    ("or", "||", "write `||`"),
    ("not", "", "write `!` in front, such as `!customer.wholesale`, or `!(x in [...])`"),
    ("is", "==", "write `==`"),
    ("equals", "==", "write `==`"),
    ("like", "", "write `x.contains(\"text\")`, `x.startsWith(\"text\")` or `x.endsWith(\"text\")`"),
    ("between", "", "write `10 <= x && x <= 20`"),
    ("then", "", "write `condition ? this : that`"),
    ("null", "", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("none", "", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("nil", "", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("undefined", "", "write `!has(customer.plan)` to ask whether a value is missing"),
    ("where", "", "write the condition alone"),
    ("contains", "", "write `x.contains(\"text\")`, or `\"item\" in x` for a list"),
];

/// Adds a slip for each trap among the tokens.
pub(super) fn find(tokens: &[Token<'_>], source: &str, slips: &mut Vec<Slip>) {
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let after = tokens.get(index + 1);
        let slip = match token.class {
            Class::Symbol => symbol(token),
            Class::Name if before.is_some_and(|before| before.is(".")) => macro_call(token, after).map(Slip::unclear),
            Class::Name if is_told_with_is(tokens, index) || is_in_phrase(tokens, index) => None,
            Class::Name if token.text.eq_ignore_ascii_case("is") && whether_set(tokens, index).is_some() => {
                whether_set(tokens, index).map(Slip::unclear)
            }
            Class::Name if phrase(tokens, index).is_some() => phrase(tokens, index),
            Class::Name => null(token, &tokens[..index]).or_else(|| word(token, before, after)),
            Class::Number if counts_days(tokens, index) => {
                days(token).or_else(|| number(token, &tokens[..index], after, source))
            }
            Class::Number => number(token, &tokens[..index], after, source),
            Class::Text => None,
        };
        slips.extend(slip);
    }
}

/// A slip that means `meant`, or of which that is not plain.
fn slip(problem: Problem, meant: &str) -> Slip {
    if meant.is_empty() { Slip::unclear(problem) } else { Slip::meaning(problem, meant) }
}

fn symbol(token: &Token<'_>) -> Option<Slip> {
    let (_, meant, help) = SYMBOLS.iter().find(|(typed, ..)| *typed == token.text)?;
    let message = format!("`{}` means nothing in a condition", token.text);
    Some(slip(Problem::error(token.span(), "syntax", message).help(*help), meant))
}

fn word(token: &Token<'_>, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> Option<Slip> {
    let lower = token.text.to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false" | "in") && lower != token.text {
        let message = format!("`{}` is written in small letters", token.text);
        let problem = Problem::error(token.span(), "syntax", message).help(format!("write `{lower}`"));
        return Some(Slip::meaning(problem, lower));
    }
    let (_, meant, help) = WORDS.iter().find(|(typed, ..)| *typed == lower)?;
    let is_call = after.is_some_and(|after| after.is("("));
    if is_call && !matches!(lower.as_str(), "not" | "and" | "or") {
        return None;
    }
    let problem = Problem::error(token.span(), "syntax", format!("`{}` means nothing in a condition", token.text));
    // `not (…)` where something may begin; what else `not` covers is not told by its place.
    let begins = before.is_none_or(|before| before.class == Class::Symbol && !matches!(before.text, ")" | "]"));
    let meant = if lower == "not" && is_call && begins { "!" } else { meant };
    Some(slip(problem.help(*help), meant))
}

/// `list.all(x, …)` and its like.
fn macro_call(token: &Token<'_>, after: Option<&Token<'_>>) -> Option<Problem> {
    let is_macro = matches!(token.text, "all" | "exists" | "exists_one" | "map" | "filter");
    (is_macro && after.is_some_and(|after| after.is("("))).then(|| {
        Problem::error(token.span(), "not-supported", format!("`{}` is not supported in this version", token.text))
            .help("write `\"item\" in list`")
    })
}

fn number(token: &Token<'_>, before: &[Token<'_>], after: Option<&Token<'_>>, source: &str) -> Option<Slip> {
    let text = token.text;
    let fail = |message: String, help: String| Problem::error(token.span(), "syntax", message).help(help);
    if let Some(span) = thousands(token, before) {
        let digits: String = source[span.clone()].chars().filter(|character| *character != ',').collect();
        let message = format!("`{}` is not one number", &source[span.clone()]);
        let problem = Problem::error(span, "syntax", message).help(format!("write `{digits}`"));
        return Some(Slip::meaning(problem, digits));
    }
    if let Some(day) = day(token, before) {
        return Some(day);
    }
    let is_number = text.parse::<Number>().is_ok() || text.parse::<f64>().is_ok();
    let glued = text.find(|c: char| c.is_ascii_alphabetic() || c == '_').filter(|_| !is_number);
    if let Some(at) = glued {
        let (digits, unit) = text.split_at(at);
        let meant = span_meant(digits, unit);
        let help = match &meant {
            Some(meant) => format!("write `{meant}`"),
            None => "write digits alone, with a point before the fraction".into(),
        };
        return Some(slip(fail(format!("`{text}` is no number"), help), &meant.unwrap_or_default()));
    }
    let whole = text.bytes().all(|byte| byte.is_ascii_digit());
    if text.parse::<Number>().is_err()
        || whole && text.parse::<i64>().is_err()
        || text.parse::<f64>().is_ok_and(f64::is_infinite)
    {
        let help = "numbers reach to about 9,000,000,000,000,000,000";
        return Some(Slip::unclear(fail(format!("`{text}` is out of range"), help.into())));
    }
    let percent = after.filter(|after| after.is("%") && after.start == token.span().end);
    let ends = |token: &Token<'_>| source[token.span().end..].trim_start().is_empty();
    if let Some(percent) = percent.filter(|percent| ends(percent)) {
        let message = format!("`{text}%` is no number");
        let problem = Problem::error(token.start..percent.span().end, "syntax", message);
        return Some(Slip::unclear(problem.help("write it as a fraction, such as `0.1`")));
    }
    None
}

/// `customer.plan != null`
fn null(token: &Token<'_>, before: &[Token<'_>]) -> Option<Slip> {
    let [.., root, point, name, operator] = before else { return None };
    let is_null = matches!(token.text.to_ascii_lowercase().as_str(), "null" | "none" | "nil" | "undefined");
    let not = match operator.text {
        "==" | "=" | "===" | "is" => "!",
        "!=" | "<>" | "!==" => "",
        _ => return None,
    };
    if !is_null || !point.is(".") || root.class != Class::Name || name.class != Class::Name {
        return None;
    }
    let problem = Problem::error(token.span(), "syntax", format!("`{}` means nothing in a condition", token.text));
    Some(Slip::unclear(problem.help(format!("write `{not}has({}.{})`", root.text, name.text))))
}

/// Words that ask behind `is` whether there is a value, and those that ask whether there is none.
const THERE: [&str; 4] = ["set", "present", "known", "defined"];
const MISSING: [&str; 8] = ["null", "none", "nil", "undefined", "missing", "empty", "unset", "unknown"];

/// `customer.plan is not set`
fn whether_set(tokens: &[Token<'_>], index: usize) -> Option<Problem> {
    let [.., root, point, name] = &tokens[..index] else { return None };
    let (not, asked) = match &tokens[index + 1..] {
        [not, asked, ..] if not.text.eq_ignore_ascii_case("not") => (true, asked),
        [asked, ..] => (false, asked),
        [] => return None,
    };
    let word = asked.text.to_ascii_lowercase();
    let is_missing = MISSING.contains(&word.as_str());
    let is_path = point.is(".") && root.class == Class::Name && name.class == Class::Name;
    if !is_path || !is_missing && !THERE.contains(&word.as_str()) {
        return None;
    }
    let sign = if is_missing == not { "" } else { "!" };
    let span = tokens[index].start..asked.span().end;
    let words = if not { format!("is not {}", asked.text) } else { format!("is {}", asked.text) };
    let problem = Problem::error(span, "syntax", format!("`{words}` means nothing in a condition"));
    Some(problem.help(format!("write `{sign}has({}.{})`", root.text, name.text)))
}

/// Whether a word was told with the `is` before it.
fn is_told_with_is(tokens: &[Token<'_>], index: usize) -> bool {
    let start = tokens[index].start;
    (index.saturating_sub(2)..index).any(|at| {
        tokens[at].text.eq_ignore_ascii_case("is")
            && whether_set(tokens, at).is_some_and(|problem| problem.span.contains(&start))
    })
}

/// Comparisons in words, in small letters: as typed, what was plainly meant, what to write. Longer ones first.
const PHRASES: [(&[&str], &str, &str); 22] = [
    (&["is", "not", "in"], "", "write `!(x in [...])`"),
    (&["is", "in"], "in", "write `in`, without `is`"),
    (&["is", "not", "equal", "to"], "!=", "write `!=`"),
    (&["does", "not", "equal"], "!=", "write `!=`"),
    (&["is", "not"], "!=", "write `!=`"),
    (&["isnt"], "!=", "write `!=`"),
    (&["is", "equal", "to"], "==", "write `==`"),
    (&["is", "more", "than"], ">", "write `>`"),
    (&["is", "greater", "than"], ">", "write `>`"),
    (&["is", "less", "than"], "<", "write `<`"),
    (&["is", "fewer", "than"], "<", "write `<`"),
    (&["is", "at", "least"], ">=", "write `>=`"),
    (&["is", "at", "most"], "<=", "write `<=`"),
    (&["is", "over"], ">", "write `>`"),
    (&["is", "under"], "<", "write `<`"),
    (&["equal", "to"], "==", "write `==`"),
    (&["more", "than"], ">", "write `>`"),
    (&["greater", "than"], ">", "write `>`"),
    (&["less", "than"], "<", "write `<`"),
    (&["fewer", "than"], "<", "write `<`"),
    (&["at", "least"], ">=", "write `>=`"),
    (&["at", "most"], "<=", "write `<=`"),
];

/// The comparison in words that begins with a token.
fn phrase_at(
    tokens: &[Token<'_>],
    index: usize,
) -> Option<&'static (&'static [&'static str], &'static str, &'static str)> {
    let is_there = |words: &[&str]| {
        words.iter().enumerate().all(|(at, word)| {
            tokens
                .get(index + at)
                .is_some_and(|token| token.class == Class::Name && token.text.eq_ignore_ascii_case(word))
        })
    };
    PHRASES.iter().find(|(words, ..)| is_there(words))
}

fn phrase(tokens: &[Token<'_>], index: usize) -> Option<Slip> {
    let (words, meant, help) = phrase_at(tokens, index)?;
    let span = tokens[index].start..tokens[index + words.len() - 1].span().end;
    let message = format!("`{}` means nothing in a condition", words.join(" "));
    Some(slip(Problem::error(span, "syntax", message).help(*help), meant))
}

/// Whether a word belongs to a comparison in words that begins before it.
fn is_in_phrase(tokens: &[Token<'_>], index: usize) -> bool {
    (index.saturating_sub(3)..index).any(|at| {
        let begins = phrase_at(tokens, at).is_some_and(|(words, ..)| at + words.len() > index);
        begins && whether_set(tokens, at).is_none() && !is_in_phrase(tokens, at)
    })
}

/// Whether a number is compared with `days_since(…)` or `days_until(…)`, which count days as plain numbers.
fn counts_days(tokens: &[Token<'_>], index: usize) -> bool {
    let compares =
        |token: &Token<'_>| matches!(token.text, "==" | "!=" | "<" | "<=" | ">" | ">=" | "=" | "<>" | "=>" | "=<");
    let counts = |token: &Token<'_>| token.is_name("days_since") || token.is_name("days_until");
    let before = &tokens[..index];
    if let [inner @ .., close, sign] = before
        && compares(sign)
        && close.is(")")
    {
        let mut depth = 1;
        let open = inner.iter().rposition(|token| {
            depth += i32::from(token.is(")")) - i32::from(token.is("("));
            depth == 0
        });
        return open.and_then(|open| open.checked_sub(1)).is_some_and(|name| counts(&inner[name]));
    }
    matches!(&tokens[index + 1..], [sign, name, ..] if compares(sign) && counts(name))
}

/// `days_since(orders.last_at) > 30d`
fn days(token: &Token<'_>) -> Option<Slip> {
    let text = token.text;
    let at = text.find(|c: char| c.is_ascii_alphabetic()).filter(|_| text.parse::<Number>().is_err())?;
    let (digits, unit) = text.split_at(at);
    span_meant(digits, unit)?;
    let problem = Problem::error(token.span(), "syntax", format!("`{text}` is no number"));
    let whole = match unit {
        "d" | "day" | "days" => Some(digits.to_owned()),
        "w" | "week" | "weeks" => Some(digits.parse::<u64>().ok()?.saturating_mul(7).to_string()),
        _ => None,
    };
    Some(match whole {
        Some(days) => Slip::meaning(problem.help(format!("days are counted as plain numbers: write `{days}`")), days),
        None => Slip::unclear(problem.help(format!(
            "days are counted as whole numbers; for hours write `since(...) > hours({digits})` or `until(...)`"
        ))),
    })
}

/// `2026-01-01`, which would be a subtraction.
fn day(token: &Token<'_>, before: &[Token<'_>]) -> Option<Slip> {
    let [.., year, first, month, second] = before else { return None };
    let digits = |token: &Token<'_>, count: usize| token.class == Class::Number && token.text.len() == count;
    let glued = year.span().end == first.start && first.span().end == month.start && month.span().end == second.start;
    let is_day = digits(year, 4) && first.is("-") && digits(month, 2) && second.is("-") && digits(token, 2);
    if !is_day || !glued || second.span().end != token.start {
        return None;
    }
    let day = format!("{}-{}-{}", year.text, month.text, token.text);
    let problem = Problem::error(year.start..token.span().end, "syntax", format!("`{day}` subtracts three numbers"));
    let help =
        format!("write `date(\"{day}\")` for the day, or `timestamp(\"{day}T00:00:00Z\")` for its first instant");
    Some(Slip::unclear(problem.help(help)))
}

/// `30d` as a condition writes it.
pub(super) fn span_meant(digits: &str, unit: &str) -> Option<String> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match unit {
        "d" | "day" | "days" => Some(format!("days({digits})")),
        "h" | "hour" | "hours" => Some(format!("hours({digits})")),
        "w" | "week" | "weeks" => Some(format!("days({})", digits.parse::<u64>().ok()?.saturating_mul(7))),
        _ => None,
    }
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
