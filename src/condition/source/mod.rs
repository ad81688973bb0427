//! From text to a syntax tree whose every node knows where it was written.

mod cel;
mod scan;
mod shape;
mod words;

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

/// Reads a condition. Traps that people fall into are looked for first, so that the message can say what to write.
pub(super) fn read(source: &str) -> Result<Node, Vec<Problem>> {
    if source.len() > LONGEST {
        let message = format!("the condition is {} bytes long; at most {LONGEST} are possible", source.len());
        return Err(vec![Problem::error(0..source.len(), "too-long", message).help("write it as a list of lines")]);
    }
    if source.trim().is_empty() {
        return Err(vec![
            Problem::error(0..source.len(), "syntax", "the condition is empty")
                .help("write `everyone` for no condition"),
        ]);
    }
    let (tokens, mut problems) = scan::tokens(source);
    words::find(&tokens, source, &mut problems);
    if problems.is_empty() {
        shape::find(&tokens, source, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let node = cel::parse(source, &tokens)?;
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
