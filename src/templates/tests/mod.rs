//! Whole templates, from files to messages and diagnostics.

mod diagnostics;
mod event;
mod payload;
mod rendering;

use super::{Business, Message, Names, RenderError, Rendered, SentBy, TemplateFile, Templates, compile};
use crate::domain::{Attribute, Customer, Diagnostic, Event, Number, Schema, Time, Value, ValueType};
use std::collections::BTreeMap;

/// What stands around every test: a schema, words, a business, a customer.
struct World {
    schema: Schema,
    words: BTreeMap<String, String>,
    business: Business,
    zone: jiff::tz::TimeZone,
    customer: Customer,
    event: Option<Event>,
    sent_by: BTreeMap<String, Vec<SentBy>>,
    locale: &'static str,
}

impl World {
    fn new() -> Self {
        let mut schema = Schema::default();
        for (name, kind) in [
            ("score", ValueType::Number),
            ("birthday", ValueType::Date),
            ("cart_url", ValueType::Text),
            ("tags", ValueType::List),
            ("wholesale", ValueType::Bool),
        ] {
            schema.customer.insert(name.into(), Attribute::of(kind));
        }
        let default = Some(Value::Text("friend".into()));
        schema.customer.insert("nickname".into(), Attribute { default, ..Attribute::of(ValueType::Text) });
        let mut customer = Customer::new("c-17", Time(0));
        customer.activity.orders.count = 4;
        customer.activity.orders.revenue = Number::from_micro(117_320_000);
        customer.activity.orders.last_at = Some("2026-03-01T22:30:00Z".parse().unwrap());
        let mut world = Self {
            schema,
            words: [("shop".to_owned(), "https://amani.example/new?a=1&b=2".to_owned())].into(),
            business: Business { name: "Amani & Sons".into(), address: "Moi Avenue 1".into(), locale: "en".into() },
            zone: jiff::tz::TimeZone::get("Africa/Nairobi").unwrap(),
            customer,
            event: None,
            sent_by: BTreeMap::new(),
            locale: "en",
        };
        world.set("first_name", Value::Text("Ana".into()));
        world
    }

    fn set(&mut self, name: &str, value: Value) {
        self.customer.attributes.insert(name.into(), value);
    }

    fn named(name: &str) -> Self {
        let mut world = Self::new();
        world.set("first_name", Value::Text(name.into()));
        world
    }

    fn message(&self) -> Message<'_> {
        Message {
            customer: &self.customer,
            event: self.event.as_ref(),
            schema: &self.schema,
            words: &self.words,
            business: &self.business,
            zone: &self.zone,
            locale: self.locale,
        }
    }

    fn names(&self) -> Names<'_> {
        Names { schema: &self.schema, words: &self.words, sent_by: &self.sent_by }
    }

    fn compile(&self, files: &[TemplateFile]) -> (Templates, Vec<Diagnostic>) {
        compile(files, &self.names())
    }

    /// What is wrong with a file of that text.
    fn problems(&self, text: &str) -> Vec<String> {
        self.compile(&[file("en", text)]).1.iter().map(ToString::to_string).collect()
    }

    fn try_render(&self, text: &str) -> Result<Rendered, RenderError> {
        let (templates, found) = self.compile(&[file("en", text)]);
        assert!(!found.iter().any(Diagnostic::is_error), "{found:?}");
        templates.render("hello", &self.message())
    }

    fn render(&self, text: &str) -> Rendered {
        self.try_render(text).unwrap()
    }

    /// The text and HTML of a body, without what the layout adds.
    fn body(&self, body: &str) -> (String, String) {
        let rendered = self.render(&format!("---\nsubject: Hi\n---\n{body}\n"));
        let text = rendered.text.strip_suffix("\n\nAmani & Sons\nMoi Avenue 1\n").unwrap().to_owned();
        let html =
            rendered.html.split("sans-serif\">\n").nth(1).unwrap().split("</td>").next().unwrap().trim().to_owned();
        (text, html)
    }
}

fn file(locale: &str, text: &str) -> TemplateFile {
    TemplateFile {
        name: "hello".into(),
        locale: locale.into(),
        path: format!("templates/hello/{locale}.md").into(),
        content: Ok(text.as_bytes().to_vec()),
    }
}
