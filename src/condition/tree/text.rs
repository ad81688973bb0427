//! Texts and lists.

use super::super::Facts;
use super::{Change, Kind, Leaf, Motion, Ordered, Seen, Walk};
use crate::domain::{Value, ValueType};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Terms that only texts have.
#[derive(Debug)]
pub(in super::super) enum Text {
    /// `customer.id`
    Id,
}

impl Kind for Text {
    type Constant = Box<str>;
    type Value<'a> = Cow<'a, str>;

    fn constant(constant: &Self::Constant) -> Self::Value<'_> {
        Cow::Borrowed(constant)
    }

    fn freeze(value: Self::Value<'_>) -> Self::Constant {
        value.into()
    }

    /// An empty text counts as missing, as everywhere.
    fn read(value: &Value) -> Option<Self::Value<'_>> {
        match value {
            Value::Text(text) if text.is_empty() => None,
            Value::Text(text) => Some(Cow::Borrowed(text)),
            other => match other.to_kind(ValueType::Text)? {
                Value::Text(text) => Some(Cow::Owned(text.into())),
                _ => None,
            },
        }
    }

    fn show(value: &Self::Value<'_>, _: &Facts<'_>) -> String {
        format!("{value:?}")
    }

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Self::Value<'a>, M> {
        match self {
            Self::Id => Ok((Cow::Borrowed(&facts.customer.id), M::FIXED)),
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::Id => walk.leaf(Leaf::Id),
        }
    }

    fn change(&self) -> Change {
        Change::Fixed
    }

    fn is_leaf(&self) -> bool {
        true
    }
}

impl Ordered for Text {
    fn order(left: &Self::Value<'_>, right: &Self::Value<'_>) -> Ordering {
        left.cmp(right)
    }
}

/// Lists have no terms of their own: they are attributes, last values or constants.
#[derive(Debug)]
pub(in super::super) enum Items {}

impl Kind for Items {
    type Constant = Vec<Value>;
    type Value<'a> = &'a [Value];

    fn constant(constant: &Self::Constant) -> Self::Value<'_> {
        constant
    }

    fn freeze(value: Self::Value<'_>) -> Self::Constant {
        value.to_vec()
    }

    fn read(value: &Value) -> Option<Self::Value<'_>> {
        if let Value::List(items) = value { Some(items) } else { None }
    }

    fn show(value: &Self::Value<'_>, _: &Facts<'_>) -> String {
        let items: Vec<String> = value.iter().map(|item| item.to_json().to_string()).collect();
        format!("[{}]", items.join(", "))
    }

    fn observe<'a, M: Motion>(&'a self, _: &'a Facts<'a>) -> Seen<Self::Value<'a>, M> {
        match *self {}
    }

    fn walk<'a>(&'a self, _: &mut Walk<'a, '_>) {
        match *self {}
    }

    fn change(&self) -> Change {
        match *self {}
    }

    fn is_leaf(&self) -> bool {
        match *self {}
    }
}
