//! The `data:` of a webhook: a tree of values and of texts with tags.

use super::check::Checker;
use super::context::context;
use super::engine::{Missing, engine};
use super::names::Needs;
use super::tags::{TagKind, tags};
use super::{Message, Names, RenderError, SentBy};
use crate::domain::{Diagnostic, Number};
use crate::yaml::{Document, Kind, Node};
use minijinja::value::ValueKind;
use minijinja::{Environment, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// The name under which a template leaves the value that keeps its type.
const KEPT: &str = "_value";

/// A webhook's data, compiled: checked when rules load, rendered when a decision is made. Cheap to clone.
///
/// A text that is exactly one `{{ … }}` becomes the value itself: a number stays a number, a boolean a boolean, a list a
/// list, and what is missing is `null`. Any other text with tags becomes text. Keys stand as written.
#[derive(Debug, Clone)]
pub struct Payload(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    engine: Environment<'static>,
    needs: Needs,
    root: Part,
}

#[derive(Debug)]
enum Part {
    Literal(Json),
    /// The engine's name of a template that leaves its value.
    Kept(String),
    /// The engine's name of a template of text.
    Text(String),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

impl Payload {
    /// Compiles the tree of a step of that rule; every problem has its place in the document.
    #[must_use]
    pub fn compile(
        document: &Document,
        node: &Node,
        names: &Names<'_>,
        sent_by: &SentBy,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let mut checker = Checker::new(*names);
        checker.sent_by = std::slice::from_ref(sent_by);
        let mut compiling =
            Compiling { document, checker, engine: engine(Missing::Nothing), needs: Needs::default(), count: 0 };
        let root = compiling.part(node);
        let Compiling { checker, engine, needs, .. } = compiling;
        // What is missing is `null` here, which a receiver can see.
        let found: Vec<Diagnostic> = checker.found.into_iter().filter(Diagnostic::is_error).collect();
        let sound = found.is_empty();
        (root.filter(|_| sound).map(|root| Self(Arc::new(Compiled { engine, needs, root }))), found)
    }

    /// Whether it names `event.…`.
    #[must_use]
    pub fn names_event(&self) -> bool {
        !self.0.needs.event.is_empty()
    }

    /// Attributes that it names.
    pub fn attributes(&self) -> impl Iterator<Item = &String> {
        self.0.needs.customer.iter()
    }

    /// Properties that it names of the event that starts the rule.
    pub fn event_properties(&self) -> impl Iterator<Item = &String> {
        self.0.needs.event.iter()
    }

    /// Renders the data for a customer.
    pub fn render(&self, message: &Message<'_>) -> Result<Json, RenderError> {
        let context = context(message, &self.0.needs).into_value();
        self.part(&self.0.root, &context).map_err(|error| RenderError::failed("webhook".into(), "data", error))
    }

    fn part(&self, part: &Part, context: &Value) -> Result<Json, minijinja::Error> {
        let template = |name: &str| self.0.engine.get_template(name);
        Ok(match part {
            Part::Literal(json) => json.clone(),
            Part::Text(name) => template(name)?.render(context.clone())?.into(),
            Part::Kept(name) => {
                let captured = template(name)?.render_captured(context.clone())?;
                to_json(&captured.state().lookup(KEPT).unwrap_or_default())
            }
            Part::List(parts) => {
                parts.iter().map(|part| self.part(part, context)).collect::<Result<Vec<_>, _>>()?.into()
            }
            Part::Map(parts) => {
                let member = |(key, part): &(String, Part)| Ok((key.clone(), self.part(part, context)?));
                Json::Object(parts.iter().map(member).collect::<Result<_, minijinja::Error>>()?)
            }
        })
    }
}

struct Compiling<'c> {
    document: &'c Document,
    checker: Checker<'c>,
    engine: Environment<'static>,
    needs: Needs,
    count: usize,
}

impl Compiling<'_> {
    fn part(&mut self, node: &Node) -> Option<Part> {
        Some(match &node.kind {
            Kind::Null => Part::Literal(Json::Null),
            Kind::Bool(yes) => Part::Literal((*yes).into()),
            Kind::Number(number) => Part::Literal(always_number(*number)),
            Kind::Text(text) => self.text(node, text)?,
            // Every member is compiled, so that the problems of all are found.
            Kind::List(nodes) => {
                let parts: Vec<_> = nodes.iter().map(|node| self.part(node)).collect();
                Part::List(parts.into_iter().collect::<Option<_>>()?)
            }
            Kind::Map(entries) => {
                let parts: Vec<_> =
                    entries.iter().map(|(key, node)| Some((key.name.clone(), self.part(node)?))).collect();
                Part::Map(parts.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    fn text(&mut self, node: &Node, text: &str) -> Option<Part> {
        if !text.contains('{') {
            return Some(Part::Literal(text.into()));
        }
        let document = self.document;
        let found = self.checker.check(text, &|range| document.place_within(node, range))?;
        self.needs.merge(found);
        self.count += 1;
        let name = format!("{}.txt", self.count);
        let (part, source) = match tags(text).as_slice() {
            [tag] if tag.kind == TagKind::Print && tag.span == (0..text.len()) => {
                let source = format!("{{% set {KEPT} = ({}) %}}", &text[tag.inside(text)]);
                (Part::Kept(name.clone()), source)
            }
            _ => (Part::Text(name.clone()), text.to_owned()),
        };
        if let Err(error) = self.engine.add_template_owned(name, source) {
            let place = document.place(node.span.clone());
            let problem = Diagnostic::error("template-syntax", place, super::check::told(&error));
            self.checker.found.push(problem.help(super::check::SYNTAX));
            return None;
        }
        Some(part)
    }
}

/// A value of the engine as JSON: numbers as plain decimals of at most six digits behind the point.
fn to_json(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => number_to_json(value),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().map(|items| items.map(|item| to_json(&item)).collect()).unwrap_or_default()
        }
        ValueKind::Map => {
            let member = |key: Value| Some((key.to_string(), to_json(&value.get_item(&key).ok()?)));
            value.try_iter().map(|keys| Json::Object(keys.filter_map(member).collect())).unwrap_or_default()
        }
        _ => value.to_string().into(),
    }
}

fn number_to_json(value: &Value) -> Json {
    if let Some(whole) = value.as_i64().filter(|_| value.is_integer()) {
        return whole.into();
    }
    let float = f64::try_from(value.clone()).ok();
    float.and_then(Number::from_f64).map_or(Json::Null, always_number)
}

/// A number for a receiver, who relies on its type more than on its sixteenth digit.
fn always_number(number: Number) -> Json {
    number.to_i64().map_or_else(|| number.to_f64().into(), Into::into)
}
