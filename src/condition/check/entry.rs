//! What an enrollment began with: `event.…` and `at_entry.…`.

use super::super::path::{Path, Source};
use super::super::source::{Kind as Syntax, Node};
use super::super::tree::{Asked, Day, Flag, Items, Length, Moment, Num, OrderField, Term, Text};
use super::{Checked, Checker, Typed};
use crate::domain::{Schema, ValueType, nearest};

impl Checker<'_> {
    pub(super) fn event_alone(&mut self, node: &Node) -> Checked {
        let Some(event) = self.scope.event else { return self.no_event(node) };
        let properties = self.schema.events.get(event);
        let example = properties.and_then(|known| known.keys().next()).map_or("price", String::as_str);
        let help = format!("name a property, such as `event.{example}`");
        self.error_with(&node.span, "unknown-name", "`event` alone is no value", help)
    }

    fn no_event(&mut self, node: &Node) -> Checked {
        let message = if self.scope.at_entry {
            "`event.` means nothing here: `while` cannot ask for it, and a step only in rules with an event trigger"
        } else {
            "`event.` means nothing here: only rules with an event trigger have it"
        };
        self.error_with(
            &node.span,
            "out-of-place",
            message,
            "ask for what the customer did last, such as `last_value(\"Order Completed\", \"revenue\")`",
        )
    }

    /// A property of the event that starts the rule.
    pub(super) fn event_property(&mut self, name: &str, operand: &Node, node: &Node) -> Checked {
        let Some(event) = self.scope.event else { return self.no_event(operand) };
        let Some(kind) = self.schema.property(event, name) else { return self.unknown_property(event, name, node) };
        let name = name.into();
        Some(match kind {
            ValueType::Text => Typed::Text(Term::<Text>::Property(name)),
            ValueType::Number => Typed::Number(Term::<Num>::Property(name)),
            ValueType::Bool => Typed::Flag(Term::<Flag>::Property(name)),
            ValueType::Date => Typed::Day(Term::<Day>::Property(name)),
            ValueType::Time => Typed::Moment(Term::<Moment>::Property(name)),
            ValueType::List => Typed::Items(Term::<Items>::Property(name)),
        })
    }

    fn unknown_property(&mut self, event: &str, name: &str, node: &Node) -> Checked {
        let known = self.schema.events.get(event).into_iter().flat_map(|properties| properties.keys());
        let known: Vec<&str> = known.map(String::as_str).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `event.{near}`?"),
            None if known.is_empty() => "declare its properties there".into(),
            None => format!("there are: {}", known.join(", ")),
        };
        let message = format!("schema.yaml declares no property `{name}` of `{event}`");
        self.error_with(&node.at, "unknown-property", message, help)
    }

    /// `at_entry`, or what stands behind it and is no value; `root` is the name itself.
    pub(super) fn entry_alone(&mut self, root: &Node, node: &Node) -> Checked {
        if !self.scope.at_entry {
            return self.error_with(
                &root.span,
                "out-of-place",
                "`at_entry.` means nothing here: only the `when` of a step and `while` have it",
                "name the present value alone, such as `orders.count`",
            );
        }
        self.error_with(
            &node.span,
            "unknown-name",
            "`at_entry.` stands before a value of `customer.` or `orders.`",
            "write it like `at_entry.orders.count`",
        )
    }

    /// A value as it was when the enrollment began; `operand` is what stands before the last point.
    pub(super) fn at_entry(&mut self, operand: &Node, field: &str, node: &Node) -> Checked {
        let behind = behind_entry(operand)?;
        let root = root(operand);
        if !self.scope.at_entry {
            return self.entry_alone(root, node);
        }
        let typed = match behind.as_slice() {
            ["customer"] => self.attribute(field, node)?,
            ["customer", "consent"] => self.consent(field, node)?,
            ["orders"] => self.order_field(field, node)?,
            ["event"] => {
                let message = "the event that started the rule stays as it is";
                return self.error_with(&node.span, "unknown-name", message, format!("write `event.{field}`"));
            }
            _ => return self.entry_alone(root, node),
        };
        Some(kept(&typed, Box::new(path(self.schema, &behind, field)?)))
    }

    /// What `has` asks of an enrollment, if it does; the path was checked before.
    pub(super) fn asked_of_entry(&self, operand: &Node, field: &str) -> Option<Asked> {
        if matches!(&operand.kind, Syntax::Name(name) if name == "event") {
            return Some(Asked::Property(field.into(), self.schema.property(self.scope.event?, field)?));
        }
        path(self.schema, &behind_entry(operand)?, field).map(|path| Asked::AtEntry(Box::new(path)))
    }
}

/// Whether the names before a point begin with `at_entry`.
pub(super) fn begins(operand: &Node) -> bool {
    behind_entry(operand).is_some()
}

/// Whether this is `at_entry.customer`.
pub(super) fn is_customer(operand: &Node) -> bool {
    behind_entry(operand).is_some_and(|names| names == ["customer"])
}

/// The names behind `at_entry`, if it begins with that.
fn behind_entry(node: &Node) -> Option<Vec<&str>> {
    match &node.kind {
        Syntax::Name(name) if name == "at_entry" => Some(Vec::new()),
        Syntax::Select(inner, name) => {
            let mut names = behind_entry(inner)?;
            names.push(name);
            Some(names)
        }
        _ => None,
    }
}

/// The name that a path begins with.
fn root(node: &Node) -> &Node {
    if let Syntax::Select(inner, _) = &node.kind { root(inner) } else { node }
}

/// The path of names that were checked.
fn path(schema: &Schema, behind: &[&str], field: &str) -> Option<Path> {
    let source = match behind {
        ["customer"] if field == "id" => Source::Id,
        ["customer"] => {
            let attribute = schema.customer.get(field)?;
            Source::Attribute(field.into(), attribute.kind, attribute.default.clone())
        }
        ["customer", "consent"] => Source::Consent(field.into()),
        ["orders"] => Source::Orders(OrderField::ALL.iter().find(|(known, _)| *known == field)?.1),
        _ => return None,
    };
    Some(Path::to(source))
}

/// The kept value of a path whose present value is of that type.
fn kept(present: &Typed, path: Box<Path>) -> Typed {
    match present {
        Typed::Flag(_) => Typed::Flag(Term::AtEntry(path)),
        Typed::Number(_) => Typed::Number(Term::AtEntry(path)),
        Typed::Text(_) => Typed::Text(Term::AtEntry(path)),
        Typed::Day(_) => Typed::Day(Term::AtEntry(path)),
        Typed::Moment(_) => Typed::Moment(Term::AtEntry(path)),
        Typed::Length(_) => Typed::Length(Term::<Length>::AtEntry(path)),
        Typed::Items(_) | Typed::List(_) => Typed::Items(Term::AtEntry(path)),
    }
}
