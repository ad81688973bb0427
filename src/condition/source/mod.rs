//! From text to a syntax tree whose every node knows where it was written.

mod cel;
mod mend;
mod scan;
mod shape;
mod words;

pub use cel::Parser;

use super::Problem;
use crate::domain::Number;
use std::ops::Range;

/// The longest condition, in bytes.
pub(super) const LONGEST: usize = 4096;
/// How deep expressions may nest.
pub(super) const DEEPEST: usize = 64;

/// One node of the syntax tree.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Bytes of the whole expression, brackets inside it included.
    pub(super) span: Range<usize>,
    /// Bytes of the token that it hangs on: the name, the operator, the literal.
    pub(super) at: Range<usize>,
}

impl Node {
    /// Every expression that it is made of.
    fn parts(&mut self) -> Vec<&mut Self> {
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().collect(),
            Kind::Call(call) => call.target.as_deref_mut().into_iter().chain(&mut call.arguments).collect(),
            Kind::Select(inner, _) | Kind::Has(inner) | Kind::Not(inner) | Kind::Negate(inner) => vec![inner],
            Kind::Choice(parts) => parts.iter_mut().collect(),
            Kind::Binary(_, sides) => vec![&mut sides.0, &mut sides.1],
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Name(_) | Kind::Foreign(_) => Vec::new(),
        }
    }

    /// The expressions that it is made of; what `has` asks for is none.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::List(items) => items.iter().collect(),
            Kind::Call(call) => call.target.as_deref().into_iter().chain(&call.arguments).collect(),
            Kind::Select(inner, _) | Kind::Not(inner) | Kind::Negate(inner) => vec![inner],
            Kind::Choice(parts) => parts.iter().collect(),
            Kind::Binary(_, sides) => vec![&sides.0, &sides.1],
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Name(_) | Kind::Has(_) | Kind::Foreign(_) => {
                Vec::new()
            }
        }
    }

    /// The name in `in_segment("name")` or `in_segment(name)` and where it stands.
    pub(super) fn segment_named(&self) -> Option<(&str, Range<usize>)> {
        match &self.kind {
            Kind::Call(Call { name, target: None, arguments }) if name == "in_segment" => match arguments.as_slice() {
                [Self { kind: Kind::Text(segment) | Kind::Name(segment), span, .. }] => Some((segment, span.clone())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Name(String),
    /// `operand.field`
    Select(Box<Node>, String),
    /// `has(operand.field)`
    Has(Box<Node>),
    Call(Call),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    /// `condition ? then : otherwise`
    Choice(Box<[Node; 3]>),
    /// Something of CEL that is not understood here, with what it is called.
    Foreign(&'static str),
}

/// `name(arguments)` or `target.name(arguments)`.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) target: Option<Box<Node>>,
    pub(super) arguments: Vec<Node>,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    Compare(Comparison),
    In,
    Arithmetic(Arithmetic),
}

/// `== != < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    /// Whether an order stands in this relation.
    #[must_use]
    pub(super) const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// The relation with the sides exchanged.
    #[must_use]
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }
}

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Over,
    Remainder,
}

/// What a text was read as.
#[derive(Debug)]
pub(super) struct Reading {
    /// The tree; with problems beside it, that of what was plainly meant.
    pub(super) node: Option<Node>,
    /// What is wrong with the text as such.
    pub(super) problems: Vec<Problem>,
}

impl Reading {
    const fn nothing(problems: Vec<Problem>) -> Self {
        Self { node: None, problems }
    }
}

/// Reads a condition. Traps that people fall into are looked for first, so that the message can say what to write; where
/// all of them have one plain meaning, the text is read with that, so that what else is wrong with it can be told too.
pub(super) fn read(source: &str, parser: Option<&Parser>) -> Reading {
    if source.len() > LONGEST {
        let message = format!("the condition is {} bytes long; at most {LONGEST} are possible", source.len());
        let problem = Problem::error(0..source.len(), "too-long", message).help("write it as a list of lines");
        return Reading::nothing(vec![problem]);
    }
    if source.trim().is_empty() {
        let problem = Problem::error(0..source.len(), "syntax", "the condition is empty");
        return Reading::nothing(vec![problem.help("write `everyone` for no condition")]);
    }
    let (tokens, mut slips) = scan::tokens(source);
    words::find(&tokens, source, &mut slips);
    if slips.is_empty() {
        return match parse(source, &tokens, parser) {
            Ok(node) => Reading { node: Some(node), problems: Vec::new() },
            Err(problems) => Reading::nothing(problems),
        };
    }
    let mended = mend::mended(source, &slips);
    let node = mended.and_then(|mended| {
        let (tokens, mut slips) = scan::tokens(mended.text());
        words::find(&tokens, mended.text(), &mut slips);
        let mut node = slips.is_empty().then(|| parse(mended.text(), &tokens, parser).ok()).flatten()?;
        mended.put_back(&mut node);
        Some(node)
    });
    Reading { node, problems: slips.into_iter().map(|slip| slip.problem).collect() }
}

/// Parses a text without traps.
fn parse(source: &str, tokens: &[scan::Token<'_>], parser: Option<&Parser>) -> Result<Node, Vec<Problem>> {
    let mut problems = Vec::new();
    shape::find(tokens, source, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let node = cel::parse(source, tokens, parser)?;
    if depth(&node) > DEEPEST {
        return Err(vec![shape::too_deep(node.span)]);
    }
    Ok(node)
}

/// How deep a node nests; a chain of `&&` or of `||` is one level.
fn depth(node: &Node) -> usize {
    let deepest = |nodes: &mut dyn Iterator<Item = &Node>| 1 + nodes.map(depth).max().unwrap_or(0);
    match &node.kind {
        Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Name(_) | Kind::Foreign(_) => 1,
        Kind::List(items) => deepest(&mut items.iter()),
        Kind::Call(call) => deepest(&mut call.arguments.iter().chain(call.target.as_deref())),
        Kind::Select(inner, _) | Kind::Has(inner) | Kind::Not(inner) | Kind::Negate(inner) => 1 + depth(inner),
        Kind::Choice(parts) => deepest(&mut parts.iter()),
        Kind::Binary(Operator::And | Operator::Or, sides) => depth(&sides.0).max(depth(&sides.1)),
        Kind::Binary(_, sides) => deepest(&mut [&sides.0, &sides.1].into_iter()),
    }
}
