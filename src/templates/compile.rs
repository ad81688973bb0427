//! Files become compiled templates, or problems with their places.

use super::check::{Checker, told};
use super::engine::{BAD_LINK, Missing, engine};
use super::head::{Parts, parts};
use super::names::Needs;
use super::protect::{MOST_TAGS, Protected};
use super::render::{Language, Part, RenderError, Templates};
use super::{Names, TemplateFile, html, layout, link, locale, markdown, tags, text};
use crate::domain::{Diagnostic, Place};
use crate::yaml::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Compiles all files. A file with errors is left out, and all its problems are told; its template's name stays known.
#[must_use]
pub fn compile(files: &[TemplateFile], names: &Names<'_>) -> (Templates, Vec<Diagnostic>) {
    let mut compiling =
        Compiling { checker: Checker::new(*names), engine: engine(Missing::Nothing), done: BTreeMap::new() };
    let mut bodies = Vec::new();
    for file in files {
        bodies.extend(compiling.file(file));
    }
    let Compiling { checker, engine, done } = compiling;
    let known: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let templates = Templates::new(engine, done, known);
    let Checker { samples, mut found, .. } = checker;
    for (name, locale, place) in bodies {
        for (customer, who) in samples.both() {
            let message = samples.message(customer, names);
            let locale = locale.as_str();
            if let Err(error) = templates.render(&name, &super::Message { locale, ..message }) {
                found.extend(trial_problem(&error, &place, who));
                break;
            }
        }
    }
    // By file in the order given, then by place.
    let order = |problem: &Diagnostic| files.iter().position(|file| file.path == problem.place.file);
    found.sort_by_key(|problem| (order(problem), problem.place.span.start));
    (templates, found)
}

struct Compiling<'n> {
    checker: Checker<'n>,
    engine: minijinja::Environment<'static>,
    done: BTreeMap<String, BTreeMap<String, Language>>,
}

/// The sources of a sound file's parts.
struct Sources {
    needs: Needs,
    subject: String,
    preheader: String,
    text: String,
    html: String,
}

impl Compiling<'_> {
    /// Compiles one file; answers its name, its language and where its parts stand, to be tried out.
    fn file(&mut self, file: &TemplateFile) -> Option<(String, String, Places)> {
        let parts = parts(file).map_err(|found| self.checker.found.extend(found)).ok()?;
        let whole = Places {
            subject: parts.document.place(parts.subject.span.clone()),
            body: parts.document.place(parts.body.clone()),
        };
        let locale = self.locale(file, &whole.subject)?;
        let sources = self.sources(file, &parts)?;
        let key = |part: Part| part.key(&file.name, &locale);
        for (part, source) in [
            (Part::Subject, sources.subject),
            (Part::Preheader, sources.preheader),
            (Part::Text, sources.text),
            (Part::Html, sources.html),
        ] {
            if let Err(error) = self.engine.add_template_owned(key(part), source) {
                let message = format!("its Markdown and its tags do not fit together: {}", told(&error));
                let help = "put `{% … %}` on lines of their own, or begin and end it within one line";
                self.checker.found.push(Diagnostic::error("template-syntax", whole.body, message).help(help));
                return None;
            }
        }
        let keys = [Part::Subject, Part::Preheader, Part::Text, Part::Html].map(key);
        let language = Language { locale: file.locale.clone(), needs: sources.needs, keys };
        self.done.entry(file.name.clone()).or_default().insert(locale.clone(), language);
        Some((file.name.clone(), locale, whole))
    }

    /// The file's language by its normal name, if it is one and not there already.
    fn locale(&mut self, file: &TemplateFile, at: &Place) -> Option<String> {
        let normal = locale::normal(&file.locale);
        let place = Place { span: 0..0, ..at.clone() };
        if !locale::is_locale(&file.locale) {
            let message = format!("`{}` is no language; the file is named after one", file.locale);
            self.checker.found.push(Diagnostic::error("bad-locale", place, message).help("name it en.md, or hr-HR.md"));
            return None;
        }
        if self.done.get(&file.name).is_some_and(|there| there.contains_key(&normal)) {
            let message = format!("there is another file for `{normal}`");
            self.checker.found.push(Diagnostic::error("duplicate-locale", place, message));
            return None;
        }
        Some(normal)
    }

    /// Checks each part by itself, so that every problem has its place, and writes both parts of the mail.
    fn sources(&mut self, file: &TemplateFile, parts: &Parts) -> Option<Sources> {
        let document = &parts.document;
        let mut needs = Some(Needs::default());
        let mut scalar = |node: &Node| {
            let source = node.as_text().unwrap_or_default().to_owned();
            let found = self.checker.check(&source, &|range| document.place_within(node, range));
            needs = needs.take().zip(found).map(|(mut all, found)| {
                all.merge(found);
                all
            });
            source
        };
        let subject = scalar(&parts.subject);
        let preheader = parts.preheader.as_ref().map(&mut scalar).unwrap_or_default();
        let body = &document.text[parts.body.clone()];
        let start = parts.body.start;
        let place = |range: Range<usize>| document.place(start + range.start..start + range.end);
        if body.trim().is_empty() {
            self.checker.found.push(Diagnostic::error("empty-body", place(0..body.len()), "the message has no text"));
            return None;
        }
        let found = self.checker.check(body, &place);
        let protected = Protected::new(body);
        let (pieces, problems) = markdown::pieces(&protected, &place);
        let broken = !problems.is_empty();
        self.checker.found.extend(problems);
        if tags::tags(body).len() > MOST_TAGS {
            let message = format!("a message can have at most {MOST_TAGS} tags");
            self.checker.found.push(Diagnostic::error("too-large", place(0..body.len()), message));
            return None;
        }
        let mut needs = needs.filter(|_| !broken)?;
        needs.merge(found?);
        let text = layout::text(&text::write(&pieces, &protected));
        let html = layout::html(&html::write(&pieces, &protected), &file.locale);
        Some(Sources { needs, subject, preheader, text, html })
    }
}

/// Where the parts of a file stand.
struct Places {
    subject: Place,
    body: Place,
}

/// What to say of a message that could not be rendered for a made-up customer.
fn trial_problem(error: &RenderError, places: &Places, who: &str) -> Option<Diagnostic> {
    let problem = match error {
        RenderError::EmptySubject { .. } => {
            let message = format!("the subject is empty for {who}");
            let help = "write what stands there instead, such as `{{ customer.first_name or 'Hello' }}`";
            Diagnostic::error("empty-subject", places.subject.clone(), message).help(help)
        }
        RenderError::Failed { message, .. } if message.contains(BAD_LINK) => {
            let message = format!("a link leads nowhere for {who}: {}", link::WRONG);
            let help = "give an address for what is missing, `… or …`, or ask first, `{% if … %}`";
            Diagnostic::error("bad-link", places.body.clone(), message).help(help)
        }
        RenderError::Failed { message, .. } => {
            Diagnostic::error("template-fails", places.body.clone(), format!("this fails for {who}: {message}"))
        }
        RenderError::NoTemplate(_) => return None,
    };
    Some(problem)
}
