//! Names: attributes, consents, totals over purchases.

use super::super::Problem;
use super::super::source::{Kind as Syntax, Node};
use super::super::tree::{Asked, Day, EventProperty, Flag, Items, Kind, Length, Moment, Num, OrderField, Term, Text};
use super::cures::total_meant;
use super::{Checked, Checker, Typed, entry, functions, named};
use crate::domain::{Attribute, Value, ValueType, nearest};

pub(super) const ROOTS: [&str; 5] = ["customer", "orders", "now", "event", "at_entry"];

/// What to write for the present time as other languages call it.
pub(super) fn other_time(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "now" | "current_time" | "current_timestamp" => Some("write `now`, without brackets"),
        "today" | "current_date" | "curdate" => {
            Some("write `days_since(x) == 0` to ask whether x is today, or `date(now)` for the day of today")
        }
        _ => None,
    }
}

impl Checker<'_> {
    pub(super) fn name(&mut self, name: &str, node: &Node) -> Checked {
        match name {
            "now" => Some(Typed::Moment(Term::Own(Moment::Now))),
            "customer" => self.error_with(
                &node.span,
                "unknown-name",
                "`customer` alone is no value",
                "name an attribute, such as `customer.country`",
            ),
            "orders" => {
                self.error_with(&node.span, "unknown-name", "`orders` alone is no value", "write `orders.count`")
            }
            "event" => self.event_alone(node),
            "at_entry" => self.entry_alone(node, node),
            name => {
                let problem = Problem::error(node.span.clone(), "unknown-name", format!("nothing is called `{name}`"));
                let problem = if let Some(truth) = truth(name) {
                    problem.help(format!("write `{truth}`"))
                } else if let Some(help) = other_time(name) {
                    problem.help(help)
                } else if self.schema.customer.contains_key(name) {
                    problem.help(format!("write `customer.{name}`; a text stands in quotes: \"{name}\""))
                } else if let Some(total) = total_meant(name) {
                    problem.help(format!("did you mean `{total}`?"))
                } else if matches!(name, "segment" | "segments") {
                    problem.help("write `in_segment(\"vip\")` with the segment's name")
                } else if let Some(function) = functions::find(name) {
                    let orders = if name == "count" { "`orders.count`, or " } else { "" };
                    problem.help(format!("write {orders}`{}`", function.example))
                } else if let Some(near) = nearest(name, ROOTS) {
                    problem.help(format!("did you mean `{near}`?"))
                } else if let Some(near) = nearest(name, self.schema.customer.keys().map(String::as_str)) {
                    problem.help(format!("did you mean `customer.{near}`?"))
                } else {
                    problem
                        .help(format!("a text stands in quotes: \"{name}\"; names begin with `customer.` or `orders.`"))
                };
                self.report(problem)
            }
        }
    }

    pub(super) fn select(&mut self, operand: &Node, field: &str, node: &Node) -> Checked {
        match &operand.kind {
            Syntax::Name(root) => match root.as_str() {
                "customer" if field == "consent" => {
                    let help = format!(
                        "write `customer.consent.{}`",
                        self.schema.consents.first().map_or("marketing", String::as_str)
                    );
                    self.error_with(&node.at, "unknown-attribute", "consent is given to a class or a topic", help)
                }
                "customer" => self.attribute(field, node),
                "orders" => self.order_field(field, node),
                "now" => self.error_with(
                    &node.at,
                    "unknown-name",
                    "`now` has no parts with a point",
                    "write `now.getHours()`",
                ),
                "event" => self.event_property(field, operand, node),
                "at_entry" => self.entry_alone(operand, node),
                "consent" => {
                    let message = "nothing is called `consent`";
                    let help = format!("write `customer.consent.{field}`");
                    self.error_with(&operand.span, "unknown-name", message, help)
                }
                name => {
                    let problem =
                        Problem::error(operand.span.clone(), "unknown-name", format!("nothing is called `{name}`"));
                    let near = nearest(name, ROOTS).map(|near| format!("did you mean `{near}`?"));
                    self.report(Problem {
                        help: near.or_else(|| Some("names begin with `customer.` or `orders.`".into())),
                        ..problem
                    })
                }
            },
            Syntax::Select(outer, name) if name == "consent" && is_customer(outer) => self.consent(field, node),
            Syntax::Select(..) if entry::begins(operand) => self.at_entry(operand, field, node),
            Syntax::Select(outer, name) if is_customer(outer) && self.schema.customer.contains_key(name) => {
                let message = format!("`customer.{name}` has no parts that a condition can name");
                self.error_with(&node.at, "not-supported", message, format!("write `customer.{name}`"))
            }
            Syntax::Select(outer, name) if is_customer(outer) && matches!(name.as_str(), "orders" | "event") => {
                let message = format!("`{name}` stands by itself, not behind `customer.`");
                self.error_with(&operand.at, "unknown-name", message, format!("write `{name}.{field}`"))
            }
            Syntax::Select(_, name) => {
                self.expression(operand)?;
                let message = format!("`{name}` has no parts that a condition can name");
                self.error_with(&node.at, "not-supported", message, format!("leave `.{field}` out"))
            }
            _ => self.error_with(
                &node.at,
                "unknown-name",
                format!("`.{field}` belongs to nothing"),
                "names begin with `customer.` or `orders.`",
            ),
        }
    }

    pub(super) fn attribute(&mut self, name: &str, node: &Node) -> Checked {
        if name == "id" {
            return Some(Typed::Text(Term::Own(Text::Id)));
        }
        let Some(attribute) = self.schema.customer.get(name) else {
            let message = format!("schema.yaml declares no attribute `{name}`");
            let help = match nearest(name, self.schema.customer.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `customer.{near}`?"),
                None if total_meant(name).is_some() => {
                    format!("did you mean `{}`?", total_meant(name).unwrap_or_default())
                }
                None if name.starts_with("segment") => "write `in_segment(\"vip\")` with the segment's name".into(),
                None if name == "timezone" => "the zone is known to every rule".into(),
                None => format!("declare it there with its type, such as `{name}: string` or `{name}: boolean`"),
            };
            return self.error_with(&node.at, "unknown-attribute", message, help);
        };
        Some(match attribute.kind {
            ValueType::Text => Typed::Text(read(name, attribute)),
            ValueType::Number => Typed::Number(read::<Num>(name, attribute)),
            ValueType::Bool => Typed::Flag(read::<Flag>(name, attribute)),
            ValueType::Date => Typed::Day(read::<Day>(name, attribute)),
            ValueType::Time => Typed::Moment(read::<Moment>(name, attribute)),
            ValueType::List => Typed::Items(read::<Items>(name, attribute)),
        })
    }

    pub(super) fn consent(&mut self, name: &str, node: &Node) -> Checked {
        if self.schema.consents.iter().any(|known| known == name) {
            return Some(Typed::Flag(Term::Own(Flag::Consent(name.into()))));
        }
        let message = format!("no class or topic is called `{name}`");
        let help = match nearest(name, self.schema.consents.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `customer.consent.{near}`?"),
            None => format!("there are: {}", self.schema.consents.join(", ")),
        };
        self.error_with(&node.at, "unknown-consent", message, help)
    }

    pub(super) fn order_field(&mut self, name: &str, node: &Node) -> Checked {
        let known = || OrderField::ALL.iter().map(|(name, _)| *name);
        let Some((_, field)) = OrderField::ALL.iter().find(|(known, _)| *known == name) else {
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `orders.{near}`?"),
                None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
            };
            return self.error_with(&node.at, "unknown-name", format!("orders have no `{name}`"), help);
        };
        Some(match field {
            OrderField::Count | OrderField::Revenue | OrderField::Average => {
                Typed::Number(Term::Own(Num::Orders(*field)))
            }
            OrderField::FirstAt | OrderField::LastAt => Typed::Moment(Term::Own(Moment::Orders(*field))),
            OrderField::GapMedian => Typed::Length(Term::Own(Length::GapMedian)),
        })
    }

    pub(super) fn has(&mut self, path: &Node) -> Checked {
        self.expression(path)?;
        let always = Some(Typed::Flag(Term::Constant(true)));
        let Syntax::Select(operand, field) = &path.kind else { return always };
        if let Some(asked) = self.asked_of_entry(operand, field) {
            return Some(Typed::Flag(Term::Own(Flag::Has(asked))));
        }
        let Syntax::Name(root) = &operand.kind else { return always };
        let asked = match root.as_str() {
            "customer" => match self.schema.customer.get(field) {
                Some(attribute) if field != "id" && attribute.default.is_none() => {
                    Asked::Attribute(field.as_str().into(), attribute.kind)
                }
                _ => return always,
            },
            _ => match OrderField::ALL.iter().find(|(known, _)| known == field) {
                Some((_, field)) if !matches!(field, OrderField::Count | OrderField::Revenue) => Asked::Orders(*field),
                _ => return always,
            },
        };
        Some(Typed::Flag(Term::Own(Flag::Has(asked))))
    }

    /// The declared type of an event's property, or a problem at the property's place.
    pub(super) fn property(&mut self, event: &str, property: &Node) -> Option<EventProperty> {
        let name = self.literal(property, "the name of a property")?;
        let properties = self.schema.events.get(event)?;
        if let Some(kind) = properties.get(name) {
            return Some(EventProperty { event: event.into(), property: name.into(), kind: *kind });
        }
        let message = format!("schema.yaml declares no property `{name}` of `{event}`");
        let help = match nearest(name, properties.keys().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if properties.is_empty() => "declare its properties there".into(),
            None => format!("there are: {}", properties.keys().cloned().collect::<Vec<_>>().join(", ")),
        };
        self.error_with(&property.span, "unknown-property", message, help);
        None
    }

    /// The name of a declared event, or a problem at its place.
    pub(super) fn event<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let name = self.literal(node, "the name of an event")?;
        if self.schema.events.contains_key(name) {
            return Some(name);
        }
        let message = format!("schema.yaml declares no event `{name}`");
        let help = match nearest(name, self.schema.events.keys().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "declare it there under `events:`".into(),
        };
        self.error_with(&node.span, "unknown-event", message, help);
        None
    }

    /// A text as written in quotes.
    pub(super) fn literal<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        if let Syntax::Text(text) = &node.kind {
            return Some(text);
        }
        let help = named::unquoted(node).map_or_else(
            || "write it in quotes, such as \"Order Completed\"".into(),
            |name| format!("write \"{name}\""),
        );
        self.error_with(&node.span, "wrong-arguments", format!("{what} is a text in quotes"), help);
        None
    }
}

/// What words of other languages mean that YAML takes for true and false.
fn truth(name: &str) -> Option<bool> {
    match name.to_ascii_lowercase().as_str() {
        "yes" | "on" => Some(true),
        "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn is_customer(node: &Node) -> bool {
    matches!(&node.kind, Syntax::Name(name) if name == "customer")
}

/// The attribute's term; its declared default stands in for a missing value.
fn read<K: Kind>(name: &str, attribute: &Attribute) -> Term<K> {
    let term = Term::Attribute(name.into());
    let default = attribute.default.as_ref().and_then(Value::to_constant::<K>);
    match default {
        Some(default) => Term::Default(Box::new((term, Term::Constant(default)))),
        None => term,
    }
}

trait ToConstant {
    fn to_constant<K: Kind>(&self) -> Option<K::Constant>;
}

impl ToConstant for Value {
    fn to_constant<K: Kind>(&self) -> Option<K::Constant> {
        K::read(self).map(K::freeze)
    }
}
