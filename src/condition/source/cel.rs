//! The only file that knows the `cel` crate: its parser's tree becomes ours, with whole spans and exact numbers.

use super::super::Problem;
use super::scan::{Class, Token};
use super::{Arithmetic, Call, Comparison, Kind, Node, Operator, shape};
use crate::domain::Number;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators};
use std::marker::PhantomData;
use std::ops::Range;

/// How deep the parser may recurse; one level of ours takes it several of its own grammar.
const RECURSION: u16 = 200;

/// Stack of the parser, enough for [`super::DEEPEST`] levels in a build without optimisation; only what is touched is
/// ever taken.
const STACK: usize = 64 << 20;

/// Says that this thread has stack enough for the parser, so that a whole set of conditions needs one thread and not one
/// each. It cannot leave the thread.
#[derive(Debug)]
pub struct Parser(PhantomData<*const ()>);

impl Parser {
    /// Does some work on a thread on which conditions can be parsed. Where no thread can be begun it is done without one.
    pub fn with<T: Send>(work: impl Fn(Option<&Self>) -> T + Sync) -> T {
        std::thread::scope(|scope| {
            let begun = || work(Some(&Self(PhantomData)));
            match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, begun) {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(_) => work(None),
            }
        })
    }
}

type Parsed = Result<(IdedExpr, SourceInfo), cel::ParseErrors>;

/// What the crate's parser says; `None` when it cannot be asked, or fails as it should not.
fn parsed(source: &str, parser: Option<&Parser>) -> Option<Parsed> {
    let run = || cel::parser::Parser::new().max_recursion_depth(RECURSION).parse_with_source_info(source);
    if parser.is_some() {
        // A panic of the parser is an error of this one condition.
        return std::panic::catch_unwind(run).ok();
    }
    // The generated parser needs tens of kilobytes of stack for each level. The thread's end also holds its panics.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).ok()?;
        thread.join().ok()
    })
}

/// Parses a text whose shape was checked.
pub(super) fn parse(source: &str, tokens: &[Token<'_>], parser: Option<&Parser>) -> Result<Node, Vec<Problem>> {
    let whole = 0..source.len();
    let unread = || vec![Problem::error(whole.clone(), "syntax", "the condition cannot be read").help(SIMPLER)];
    let (tree, info) = parsed(source, parser)
        .ok_or_else(unread)?
        .map_err(|errors| errors.errors.iter().map(|error| problem(error, source)).collect::<Vec<_>>())?;
    let reader = Reader { tokens, info: &info, mates: mates(tokens) };
    reader.node(&tree).map(|located| located.node).ok_or_else(unread)
}

/// What to do about a condition of which no more can be said.
const SIMPLER: &str = "write it as several lines, each a comparison such as `orders.count >= 2`";

fn problem(error: &cel::ParseError, source: &str) -> Problem {
    let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let within = source.get(before..).unwrap_or_default().char_indices().nth(column - 1).map_or(0, |(at, _)| at);
    let start = (before + within).min(source.len());
    let end = source[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    if error.msg.to_lowercase().contains("recursion") {
        return shape::too_deep(start..end);
    }
    Problem::error(start..end, "syntax", "the condition cannot be read from here on").help(SIMPLER)
}

/// For each bracket the index of its mate.
fn mates(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut mates = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.class == Class::Symbol) {
        match token.text {
            "(" | "[" => open.push(index),
            ")" | "]" => {
                if let Some(start) = open.pop() {
                    (mates[index], mates[start]) = (Some(start), Some(index));
                }
            }
            _ => {}
        }
    }
    mates
}

/// A node and the tokens it covers.
struct Located {
    node: Node,
    first: usize,
    last: usize,
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    info: &'a SourceInfo,
    mates: Vec<Option<usize>>,
}

impl Reader<'_> {
    /// The index of the token at which the parser places a node.
    fn token(&self, id: u64) -> Option<usize> {
        let start = self.info.offset_for(id)?.0 as usize;
        let index = self.tokens.partition_point(|token| token.start <= start).checked_sub(1)?;
        Some(index)
    }

    fn node(&self, tree: &IdedExpr) -> Option<Located> {
        let at = self.token(tree.id)?;
        match &tree.expr {
            Expr::Call(call) => self.call(call, at),
            Expr::Select(select) => {
                let operand = self.node(&select.operand)?;
                if select.test {
                    // The parser places `has(a.b)` at its bracket; the path is all that stands in it.
                    let close = self.mates[at]?;
                    let (first, field) = (at + 1, close.checked_sub(1)?);
                    let path =
                        self.located(Kind::Select(Box::new(operand.node), select.field.clone()), field, first, field);
                    let name = at.checked_sub(1)?;
                    return Some(self.located(Kind::Has(Box::new(path.node)), name, name, close));
                }
                let (first, field) = (operand.first, at + 1);
                Some(self.located(Kind::Select(Box::new(operand.node), select.field.clone()), field, first, field))
            }
            Expr::Ident(name) => Some(self.located(Kind::Name(name.clone()), at, at, at)),
            Expr::Literal(literal) => Some(self.literal(literal, at)),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| Some(self.node(item)?.node)).collect::<Option<_>>()?;
                Some(self.located(Kind::List(items), at, at, self.mates[at]?))
            }
            Expr::Map(_) | Expr::Struct(_) => Some(self.located(Kind::Foreign("a map"), at, at, at)),
            Expr::Comprehension(_) => Some(self.located(Kind::Foreign("a loop over a list"), at, at, at)),
            Expr::Unspecified => None,
        }
    }

    /// A node over the tokens `first..=last`, widened to whole brackets.
    fn located(&self, kind: Kind, at: usize, first: usize, last: usize) -> Located {
        let (mut first, mut last) = (first, last.min(self.tokens.len().saturating_sub(1)));
        loop {
            let outside =
                self.mates[first..=last].iter().flatten().copied().find(|mate| !(first..=last).contains(mate));
            match outside {
                Some(mate) => (first, last) = (first.min(mate), last.max(mate)),
                None => break,
            }
        }
        let span = self.tokens[first].start..self.tokens[last].span().end;
        let at = self.tokens.get(at).map_or(span.clone(), Token::span);
        Located { node: Node { kind, span, at }, first, last }
    }

    fn literal(&self, literal: &LiteralValue, at: usize) -> Located {
        let kind = match literal {
            LiteralValue::Boolean(yes) => Kind::Bool(*yes.inner()),
            LiteralValue::String(text) => Kind::Text(text.inner().to_owned()),
            LiteralValue::Int(whole) => Kind::Number(Number::from(*whole.inner())),
            LiteralValue::Double(float) => self.decimal(*float.inner(), at),
            LiteralValue::UInt(_) => Kind::Foreign("a number with `u`"),
            LiteralValue::Bytes(_) => Kind::Foreign("a text of bytes"),
            LiteralValue::Null => Kind::Foreign("`null`"),
        };
        // A minus sign in front belongs to the parser's literal, which it places at the digits.
        let negative = match literal {
            LiteralValue::Int(whole) => *whole.inner() < 0,
            LiteralValue::Double(float) => float.inner().is_sign_negative(),
            _ => false,
        };
        let first = if negative && at > 0 && self.tokens[at - 1].is("-") { at - 1 } else { at };
        self.located(kind, at, first, at)
    }

    /// The literal's own text is exact, the parser's binary float is not.
    fn decimal(&self, float: f64, at: usize) -> Kind {
        let written = self.tokens.get(at).and_then(|token| token.text.parse::<Number>().ok());
        let signed = if float.is_sign_negative() { written.and_then(|it| Number::ZERO.minus(it)) } else { written };
        signed.or_else(|| Number::from_f64(float)).map_or(Kind::Foreign("a number out of range"), Kind::Number)
    }

    fn call(&self, call: &CallExpr, at: usize) -> Option<Located> {
        let arguments: Vec<Located> = call.args.iter().map(|argument| self.node(argument)).collect::<Option<_>>()?;
        if let Some(kind) = operator(&call.func_name) {
            let range =
                arguments.iter().fold(at..at, |range, part| range.start.min(part.first)..range.end.max(part.last));
            let kind = kind(arguments.into_iter().map(|part| part.node).collect())?;
            return Some(self.located(kind, at, range.start, range.end));
        }
        let target = call.target.as_ref().map(|target| self.node(target));
        let target = match target {
            Some(target) => Some(target?),
            None => None,
        };
        // The parser places a call at its opening bracket.
        let name = at.checked_sub(1)?;
        let Range { start: first, .. } = target.as_ref().map_or(name..at, |target| target.first..at);
        let last = self.mates.get(at).copied().flatten().unwrap_or(at);
        let kind = Kind::Call(Call {
            name: call.func_name.clone(),
            target: target.map(|target| Box::new(target.node)),
            arguments: arguments.into_iter().map(|part| part.node).collect(),
        });
        Some(self.located(kind, name, first, last))
    }
}

type Build = Box<dyn Fn(Vec<Node>) -> Option<Kind>>;

/// How to build the node of one of the parser's operators; `None` for a function.
fn operator(name: &str) -> Option<Build> {
    use Arithmetic as A;
    use Comparison as C;
    let binary = |operator| -> Build {
        Box::new(move |parts| {
            let [left, right] = <[Node; 2]>::try_from(parts).ok()?;
            Some(Kind::Binary(operator, Box::new((left, right))))
        })
    };
    let unary = |build: fn(Box<Node>) -> Kind| -> Build {
        Box::new(move |parts| {
            let [inner] = <[Node; 1]>::try_from(parts).ok()?;
            Some(build(Box::new(inner)))
        })
    };
    Some(match name {
        operators::LOGICAL_AND => binary(Operator::And),
        operators::LOGICAL_OR => binary(Operator::Or),
        operators::LOGICAL_NOT => unary(Kind::Not),
        operators::NEGATE => unary(Kind::Negate),
        operators::EQUALS => binary(Operator::Compare(C::Equal)),
        operators::NOT_EQUALS => binary(Operator::Compare(C::NotEqual)),
        operators::LESS => binary(Operator::Compare(C::Less)),
        operators::LESS_EQUALS => binary(Operator::Compare(C::AtMost)),
        operators::GREATER => binary(Operator::Compare(C::Greater)),
        operators::GREATER_EQUALS => binary(Operator::Compare(C::AtLeast)),
        operators::IN => binary(Operator::In),
        operators::ADD => binary(Operator::Arithmetic(A::Plus)),
        operators::SUBSTRACT => binary(Operator::Arithmetic(A::Minus)),
        operators::MULTIPLY => binary(Operator::Arithmetic(A::Times)),
        operators::DIVIDE => binary(Operator::Arithmetic(A::Over)),
        operators::MODULO => binary(Operator::Arithmetic(A::Remainder)),
        operators::CONDITIONAL => Box::new(|parts| Some(Kind::Choice(Box::new(<[Node; 3]>::try_from(parts).ok()?)))),
        operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT => {
            Box::new(|_| Some(Kind::Foreign("an index")))
        }
        _ => return None,
    })
}
