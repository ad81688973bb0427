//! What a rule takes from files beside its own: the schema and the templates that it sends.

use crate::condition::Predicate;
use crate::delivery::World;
use crate::domain::Schema;
use crate::rules::{Action, Rule, Trigger};
use crate::yaml::{Kind, Node};
use std::collections::BTreeSet;

/// What of the schema a rule names.
#[derive(Default)]
struct Named {
    attributes: BTreeSet<String>,
    /// Properties, each with its event.
    properties: BTreeSet<(String, String)>,
}

/// How the rule, which stands in both worlds in the same words or others, comes to mean or send something else by what
/// stands beside it: a line each.
pub(super) fn differences(rule: &Rule, live: &World, new: &World) -> Vec<String> {
    let named = Named::by(rule, live, new);
    let mut lines: Vec<String> = Vec::new();
    for name in &named.attributes {
        if declared(&live.schema, name) != declared(&new.schema, name) {
            lines.push(format!("~ schema: customer.{name} is declared otherwise"));
        }
    }
    for (event, property) in &named.properties {
        if live.schema.property(event, property) != new.schema.property(event, property) {
            lines.push(format!("~ schema: {property} of `{event}` is declared otherwise"));
        }
    }
    for template in templates(rule) {
        let languages = live.templates.differing(&new.templates, template);
        if !languages.is_empty() {
            lines.push(format!("~ template {template}: says something else ({})", languages.join(", ")));
        }
    }
    lines
}

/// What of a declaration makes a difference to those whom a rule reaches and to what they read; which texts may stand in it
/// does not.
fn declared(schema: &Schema, name: &str) -> Option<impl PartialEq> {
    schema.customer.get(name).map(|attribute| (attribute.kind, attribute.default.clone()))
}

/// The templates that the rule sends, each once.
fn templates(rule: &Rule) -> BTreeSet<&str> {
    let sent = rule.steps.iter().filter_map(|step| match &step.action {
        Action::Email { template, .. } => Some(template.as_str()),
        Action::Webhook { .. } => None,
    });
    sent.collect()
}

impl Named {
    fn by(rule: &Rule, live: &World, new: &World) -> Self {
        let mut named = Self::default();
        let of_steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
        let conditions = std::iter::once(&rule.when).chain(&rule.stays).chain(of_steps);
        conditions.for_each(|condition| named.condition(condition));
        let kept = rule.at_entry.iter().filter_map(|path| path.text().strip_prefix("customer."));
        named.attributes.extend(kept.map(ToOwned::to_owned));
        let mut properties = BTreeSet::new();
        for world in [live, new] {
            for template in templates(rule) {
                named.attributes.extend(world.templates.attributes(template));
                properties.extend(world.templates.event_properties(template));
            }
            let payloads = world.payloads.iter().filter(|((id, _), _)| *id == rule.id);
            for (_, payload) in payloads {
                named.attributes.extend(payload.attributes().cloned());
                properties.extend(payload.event_properties().cloned());
            }
        }
        match &rule.trigger {
            Trigger::Date { attribute, .. } => drop(named.attributes.insert(attribute.to_string())),
            Trigger::Event { name, .. } => {
                event_properties(&rule.document.root, &mut properties);
                named.properties.extend(properties.into_iter().map(|property| (name.to_string(), property)));
            }
            Trigger::Schedule { .. } | Trigger::Crossing { .. } => {}
        }
        named
    }

    fn condition(&mut self, condition: &Predicate) {
        self.attributes.extend(condition.reads().attributes.iter().cloned());
        for (event, kept) in &condition.interest().events {
            let properties = kept.sums.iter().chain(kept.last_values.keys());
            self.properties.extend(properties.map(|property| (event.to_string(), property.to_string())));
        }
    }
}

/// The properties that stand behind `event.` in the texts of a rule.
fn event_properties(node: &Node, properties: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::Text(text) => {
            let is_part = |character: char| character.is_alphanumeric() || character == '_';
            for (place, dot) in text.match_indices("event.") {
                if !text[..place].chars().next_back().is_some_and(|before| is_part(before) || before == '.') {
                    properties.insert(text[place + dot.len()..].chars().take_while(|next| is_part(*next)).collect());
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| event_properties(item, properties)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| event_properties(node, properties)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}
