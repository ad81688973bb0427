//! Whether operands and operators take turns and brackets match, before the parser sees the text: its own messages say
//! little, and what is too deep for it must not reach it.

use super::super::Problem;
use super::DEEPEST;
use super::scan::{Class, Token};
use super::words;
use std::ops::Range;

const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

/// An open bracket.
struct Open<'t> {
    token: Option<&'t Token<'t>>,
    /// Whether it holds arguments or items, so that commas belong in it.
    holds_items: bool,
    /// Operators since the last `&&`, `||` or comma.
    operators: usize,
    /// The comparison in the present part, and where that part starts.
    compared: Option<&'t Token<'t>>,
    part_start: usize,
}

impl<'t> Open<'t> {
    fn new(token: Option<&'t Token<'t>>, holds_items: bool, part_start: usize) -> Self {
        Self { token, holds_items, operators: 0, compared: None, part_start }
    }

    fn next_part(&mut self, start: usize) {
        (self.operators, self.compared, self.part_start) = (0, None, start);
    }
}

struct Shape<'t> {
    tokens: &'t [Token<'t>],
    source: &'t str,
    open: Vec<Open<'t>>,
}

/// Adds the first fault of the shape, and every chained comparison.
pub(super) fn find(tokens: &[Token<'_>], source: &str, problems: &mut Vec<Problem>) {
    let mut shape = Shape { tokens, source, open: vec![Open::new(None, false, 0)] };
    let mut wants_operand = true;
    for (index, token) in tokens.iter().enumerate() {
        let step = if wants_operand { shape.operand(index) } else { shape.operator(index) };
        match step {
            Ok(wants) => wants_operand = wants,
            Err(problem) => return problems.push(problem),
        }
        if shape.open.len() > DEEPEST || shape.open.iter().any(|open| open.operators > DEEPEST) {
            return problems.push(too_deep(token.span()));
        }
        problems.extend(shape.chained(index));
        problems.extend(shape.asks_no_path(index));
    }
    if let Some(open) = shape.open.last().and_then(|open| open.token) {
        let close = if open.is("(") { ")" } else { "]" };
        problems.push(fault(open.span(), format!("`{}` is never closed", open.text), format!("add `{close}`")));
    } else if wants_operand {
        let end = tokens.last().map_or(0..0, Token::span);
        problems.push(fault(end, "the condition ends too early".into(), "something must follow here".into()));
    }
}

pub(super) fn too_deep(span: Range<usize>) -> Problem {
    Problem::error(span, "too-deep", format!("the condition nests deeper than {DEEPEST} levels"))
        .help("write it as several lines")
}

fn fault(span: Range<usize>, message: String, help: String) -> Problem {
    Problem::error(span, "syntax", message).help(help)
}

impl<'t> Shape<'t> {
    fn before(&self, index: usize) -> Option<&'t Token<'t>> {
        self.tokens.get(index.checked_sub(1)?)
    }

    fn top(&mut self) -> Option<&mut Open<'t>> {
        self.open.last_mut()
    }

    /// Takes a token where an operand is expected; answers whether one still is.
    fn operand(&mut self, index: usize) -> Result<bool, Problem> {
        let token = &self.tokens[index];
        let before = self.before(index);
        if before.is_some_and(|before| before.is(".")) {
            return if token.class == Class::Name {
                Ok(false)
            } else {
                Err(fault(
                    token.span(),
                    format!("a name must follow the point, not `{}`", token.text),
                    "write `customer.plan`".into(),
                ))
            };
        }
        match (token.class, token.text) {
            (Class::Number | Class::Text, _) => Ok(false),
            (Class::Name, name) if name != "in" => Ok(false),
            (_, "(" | "[") => {
                self.open.push(Open::new(Some(token), token.is("["), token.span().end));
                Ok(true)
            }
            (_, "!" | "-") => {
                self.count_operator();
                Ok(true)
            }
            (_, ")" | "]") if before.is_some_and(|before| before.is("(") || before.is("[")) => {
                let may_be_empty = self.open.last().is_some_and(|open| open.holds_items);
                if may_be_empty { self.close(token) } else { Err(self.nothing_before(token)) }
            }
            _ => Err(self.nothing_before(token)),
        }
    }

    fn nothing_before(&self, token: &Token<'_>) -> Problem {
        let index = self.tokens.iter().position(|other| other.start == token.start).unwrap_or_default();
        let message = match self.before(index) {
            Some(before) => format!("something is missing between `{}` and `{}`", before.text, token.text),
            None => format!("something is missing before `{}`", token.text),
        };
        fault(token.span(), message, "write a name, a number, a text in quotes or a function here".into())
    }

    /// Takes a token where an operator is expected; answers whether an operand is expected next.
    fn operator(&mut self, index: usize) -> Result<bool, Problem> {
        let token = &self.tokens[index];
        let end = token.span().end;
        if token.is("(") && self.before(index).is_some_and(|before| before.class == Class::Name) {
            self.open.push(Open::new(Some(token), true, end));
            return Ok(true);
        }
        let joins = token.is_name("in") || token.class == Class::Symbol && !matches!(token.text, "!" | "(");
        if !joins {
            return Err(self.two_operands(index));
        }
        match token.text {
            "[" => {
                Err(fault(token.span(), "a list has no numbered places here".into(), "write `\"item\" in list`".into()))
            }
            ")" | "]" => self.close(token),
            "," if !self.open.last().is_some_and(|open| open.holds_items) => Err(fault(
                token.span(),
                "a comma belongs only between arguments and in lists".into(),
                if self.is_in_brackets_of_in() {
                    "a list stands in square brackets: write `in [...]`".into()
                } else {
                    "write `&&` for and, `.` in numbers".into()
                },
            )),
            "," | "&&" | "||" | "?" | ":" => {
                self.next_part(token);
                Ok(true)
            }
            _ => {
                self.count_operator();
                Ok(true)
            }
        }
    }

    fn count_operator(&mut self) {
        if let Some(open) = self.top() {
            open.operators += 1;
        }
    }

    /// Whether the innermost bracket is the `(` of `in (…)`.
    fn is_in_brackets_of_in(&self) -> bool {
        let Some(open) = self.open.last().and_then(|open| open.token) else { return false };
        let index = self.tokens.iter().position(|token| token.start == open.start).unwrap_or_default();
        open.is("(") && self.before(index).is_some_and(|before| before.is_name("in"))
    }

    fn next_part(&mut self, token: &Token<'_>) {
        if let Some(open) = self.top() {
            let nested = if token.is("?") || token.is(":") { open.operators + 1 } else { 0 };
            open.next_part(token.span().end);
            open.operators = nested;
        }
    }

    fn two_operands(&self, index: usize) -> Problem {
        let token = &self.tokens[index];
        let before = self.before(index).map_or("", |before| before.text);
        let ago = self.tokens.get(index + 1).is_some_and(|after| after.is_name("ago"));
        let help = match words::span_meant(before, token.text) {
            Some(span) if ago => format!("write `now - {span}`"),
            Some(span) => format!("write `{span}`"),
            None => {
                "write `&&`, `||`, a comparison or a comma between them; a text with blanks stands in quotes".into()
            }
        };
        fault(token.span(), format!("something is missing between `{before}` and `{}`", token.text), help)
    }

    fn close(&mut self, token: &'t Token<'t>) -> Result<bool, Problem> {
        let wanted = if token.is(")") { "(" } else { "[" };
        match self.open.pop().and_then(|open| open.token) {
            Some(open) if open.is(wanted) => Ok(false),
            Some(open) => Err(fault(
                token.span(),
                format!("`{}` closes what `{}` opened", token.text, open.text),
                format!("write `{}`", if open.is("(") { ")" } else { "]" }),
            )),
            None => Err(fault(token.span(), format!("`{}` closes nothing", token.text), "leave it out".into())),
        }
    }

    /// `10 < x < 20`: the second comparison of one part.
    fn chained(&mut self, index: usize) -> Option<Problem> {
        let token = &self.tokens[index];
        let compares = token.class == Class::Symbol && COMPARISONS.contains(&token.text) || token.is_name("in");
        if !compares || self.before(index).is_some_and(|before| before.is(".")) {
            return None;
        }
        let source = self.source;
        let end = self.part_end(index);
        let open = self.top()?;
        let first = open.compared.replace(token)?;
        let part = |range: Range<usize>| source.get(range).unwrap_or_default().trim();
        let middle = part(first.span().end..token.start);
        let left = part(open.part_start..first.start);
        let help = format!(
            "write `{left} {} {middle} && {middle} {} {}`",
            first.text,
            token.text,
            part(token.span().end..end)
        );
        Some(fault(token.span(), format!("`{}` and `{}` cannot stand in one comparison", first.text, token.text), help))
    }

    /// Where the part of the condition ends that the token at `index` stands in.
    fn part_end(&self, index: usize) -> usize {
        let mut depth = 0_i32;
        for token in self.tokens.iter().skip(index + 1).filter(|token| token.class == Class::Symbol) {
            match token.text {
                "(" | "[" => depth += 1,
                ")" | "]" if depth == 0 => return token.start,
                ")" | "]" => depth -= 1,
                "," | "&&" | "||" | "?" | ":" | "==" | "!=" | "<" | "<=" | ">" | ">=" if depth == 0 => {
                    return token.start;
                }
                _ => {}
            }
        }
        self.source.len()
    }

    /// `has` of anything but a path.
    fn asks_no_path(&self, index: usize) -> Option<Problem> {
        let called = self.tokens.get(index + 1).is_some_and(|next| next.is("("));
        let is_has = self.tokens[index].is_name("has") && called;
        if !is_has || self.before(index).is_some_and(|before| before.is(".")) {
            return None;
        }
        let inner = &self.tokens[index + 2..];
        let mut depth = 1;
        let close = inner.iter().position(|token| {
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
            depth == 0
        });
        let path = &inner[..close.unwrap_or(inner.len())];
        let is_path = path.len() >= 3
            && path.len() % 2 == 1
            && path
                .iter()
                .enumerate()
                .all(|(i, token)| if i % 2 == 0 { token.class == Class::Name } else { token.is(".") });
        if close.is_some() && is_path {
            return None;
        }
        let span = path.first().map_or(self.tokens[index].span(), |first| {
            first.start..path.last().map_or(first.span().end, |last| last.span().end)
        });
        let help = "write `has(customer.plan)`; for events `count(\"Order Completed\") > 0`";
        Some(Problem::error(span, "not-a-path", "`has` asks for the name of one value, nothing else").help(help))
    }
}
