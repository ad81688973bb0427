//! A compiled template and a customer become a message.

use super::check::told;
use super::context::{Fields, context};
use super::names::Needs;
use super::{Message, Rendered, layout, locale};
use minijinja::{Environment, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The longest subject, in characters; a longer one is cut.
const LONGEST_SUBJECT: usize = 250;

/// Why a message could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is no such template.
    #[error("there is no template `{0}`")]
    NoTemplate(String),
    /// Nothing is left of the subject.
    #[error("the subject of template `{template}` ({locale}) is empty for this customer")]
    EmptySubject {
        /// The template.
        template: String,
        /// The language of its file.
        locale: String,
    },
    /// The engine stopped.
    #[error("{part} of {what} cannot be rendered: {message}")]
    Failed {
        /// The template and its language, or the webhook's data.
        what: String,
        /// The part of it, such as `subject`.
        part: &'static str,
        /// What the engine said.
        message: String,
        /// The engine's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RenderError {
    pub(super) fn failed(what: String, part: &'static str, error: minijinja::Error) -> Self {
        Self::Failed { what, part, message: told(&error), source: Box::new(error) }
    }
}

/// The parts of a message that are templates of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Preheader,
    Text,
    Html,
}

impl Part {
    const fn word(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Preheader => "preheader",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// The engine's name of the part; values are escaped in those that end in `.html`.
    pub(super) fn key(self, name: &str, locale: &str) -> String {
        let ending = if self == Self::Html { "html" } else { "txt" };
        format!("{name}/{locale}/{}.{ending}", self.word())
    }
}

/// One file of a template.
#[derive(Debug)]
pub(super) struct Language {
    /// As its file is named.
    pub(super) locale: String,
    pub(super) needs: Needs,
    /// The engine's names of subject, preheader, text and HTML.
    pub(super) keys: [String; 4],
}

/// All templates of a project, compiled. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Templates(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    engine: Environment<'static>,
    templates: BTreeMap<String, BTreeMap<String, Language>>,
    known: BTreeSet<String>,
}

impl Templates {
    pub(super) fn new(
        engine: Environment<'static>,
        templates: BTreeMap<String, BTreeMap<String, Language>>,
        known: BTreeSet<String>,
    ) -> Self {
        Self(Arc::new(Compiled { engine, templates, known }))
    }

    /// The names of all templates, those among them whose files have errors.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.0.known.clone()
    }

    /// Whether a template names `event.…`, in any of its languages.
    #[must_use]
    pub fn names_event(&self, template: &str) -> bool {
        self.0.templates.get(template).is_some_and(|there| there.values().any(|file| !file.needs.event.is_empty()))
    }

    /// Attributes that a template names, in any of its languages.
    #[must_use]
    pub fn attributes(&self, template: &str) -> BTreeSet<String> {
        self.languages(template).flat_map(|file| file.needs.customer.iter().cloned()).collect()
    }

    /// Properties of the event that starts the rule, such as a template names in any of its languages.
    #[must_use]
    pub fn event_properties(&self, template: &str) -> BTreeSet<String> {
        self.languages(template).flat_map(|file| file.needs.event.iter().cloned()).collect()
    }

    fn languages(&self, template: &str) -> impl Iterator<Item = &Language> {
        self.0.templates.get(template).into_iter().flat_map(BTreeMap::values)
    }

    /// The languages in which a template says something else than the same one of others, or only one of both has it.
    #[must_use]
    pub fn differing(&self, other: &Self, template: &str) -> Vec<String> {
        let said = |templates: &Self, locale: &str| {
            let language = templates.0.templates.get(template)?.get(locale)?;
            let source = |key: &String| templates.0.engine.get_template(key).ok().map(|it| it.source().to_owned());
            Some(language.keys.iter().map(source).collect::<Vec<_>>())
        };
        let locales = |templates: &Self| -> BTreeSet<String> {
            templates.0.templates.get(template).into_iter().flat_map(BTreeMap::keys).cloned().collect()
        };
        let all = &locales(self) | &locales(other);
        all.into_iter().filter(|locale| said(self, locale) != said(other, locale)).collect()
    }

    /// Renders a message in the language that is nearest to the wanted one.
    pub fn render(&self, template: &str, message: &Message<'_>) -> Result<Rendered, RenderError> {
        let languages = self.0.templates.get(template);
        let language = languages
            .and_then(|there| locale::pick(there, message.locale, &message.business.locale))
            .ok_or_else(|| RenderError::NoTemplate(template.to_owned()))?;
        let part = |part: Part, context: Value| {
            let rendered = self.0.engine.get_template(&language.keys[part as usize]).and_then(|it| it.render(context));
            let what = || format!("template `{template}` ({})", language.locale);
            rendered.map_err(|error| RenderError::failed(what(), part.word(), error))
        };
        let fields = context(message, &language.needs);
        let context = fields.clone().into_value();
        let subject = subject_line(&part(Part::Subject, context.clone())?);
        if subject.is_empty() {
            let (template, locale) = (template.to_owned(), language.locale.clone());
            return Err(RenderError::EmptySubject { template, locale });
        }
        let preheader = one_line(&part(Part::Preheader, context.clone())?);
        let text = layout::tidy(&part(Part::Text, context)?);
        let html = part(Part::Html, framed(fields, &subject, &preheader))?;
        Ok(Rendered { locale: language.locale.clone(), subject, preheader, text, html })
    }
}

/// The context with what the layout names besides.
fn framed(fields: Fields, subject: &str, preheader: &str) -> Value {
    fields.and("_subject", subject.into()).and("_preheader", preheader.into()).into_value()
}

/// A line without line breaks and other control characters, so that no value can end a header.
fn one_line(text: &str) -> String {
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    let line = text.replace("\r\n", " ").replace(breaks, " ");
    line.trim().to_owned()
}

fn subject_line(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(LONGEST_SUBJECT) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}
