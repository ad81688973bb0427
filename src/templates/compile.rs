//! Files become compiled templates, or problems with their places.

use super::check::{Checker, told};
use super::engine::{BAD_LINK, Missing, engine};
use super::head::{Head, Parts, parts};
use super::names::Needs;
use super::protect::{MOST_TAGS, Protected};
use super::render::{Language, Part, RenderError, Templates};
use super::{Names, TemplateFile, html, layout, link, locale, markdown, samples, tags, text};
use crate::domain::{Diagnostic, Event, Place};
use crate::yaml::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

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
    for Trial { name, locale, places, events } in bodies {
        for case in samples.cases(&events, names) {
            let locale = locale.as_str();
            if let Err(error) = templates.render(&name, &super::Message { locale, ..case.message }) {
                found.extend(trial_problem(&error, &places, case.who));
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
    /// Compiles one file; answers what of it is to be tried out.
    fn file(&mut self, file: &TemplateFile) -> Option<Trial> {
        self.checker.sent_by = self.checker.names.sent_by.get(&file.name).map_or(&[], Vec::as_slice);
        let parts = parts(file, &mut self.checker.found).map_err(|problem| self.checker.found.push(*problem)).ok()?;
        let at = |span| Place { file: file.path.clone(), text: Arc::clone(&parts.text), span };
        let subject = parts.head.as_ref().and_then(|head| head.subject.as_ref());
        let whole =
            Places { subject: at(subject.map_or(0..0, |subject| subject.span.clone())), body: at(parts.body.clone()) };
        // All of the file is looked at, whatever is wrong with its name or its head.
        let locale = self.locale(file, &whole.subject);
        let sources = self.sources(file, &parts, &at);
        let (locale, sources) = (locale?, sources?);
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
        let events = samples::events(&sources.needs, &self.checker.names, self.checker.sent_by);
        let language = Language { locale: file.locale.clone(), needs: sources.needs, keys };
        self.done.entry(file.name.clone()).or_default().insert(locale.clone(), language);
        Some(Trial { name: file.name.clone(), locale, places: whole, events })
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
    fn sources(&mut self, file: &TemplateFile, parts: &Parts, at: &dyn Fn(Range<usize>) -> Place) -> Option<Sources> {
        let head = parts.head.as_ref().and_then(|head| self.head(head));
        let (needs, text, html) = self.body(file, parts, at)?;
        let (mut all, subject, preheader) = head?;
        all.merge(needs);
        Some(Sources { needs: all, subject, preheader, text, html })
    }

    /// Checks the texts of the head: what they need, the subject, the preheader.
    fn head(&mut self, head: &Head) -> Option<(Needs, String, String)> {
        let document = &head.document;
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
        let subject = head.subject.as_ref().map(&mut scalar);
        let preheader = head.preheader.as_ref().map(&mut scalar).unwrap_or_default();
        needs.filter(|_| head.sound).zip(subject).map(|(needs, subject)| (needs, subject, preheader))
    }

    /// Checks the body: what it needs, the text of the mail, its HTML.
    fn body(
        &mut self,
        file: &TemplateFile,
        parts: &Parts,
        at: &dyn Fn(Range<usize>) -> Place,
    ) -> Option<(Needs, String, String)> {
        let body = &parts.text[parts.body.clone()];
        let start = parts.body.start;
        let place = |range: Range<usize>| at(start + range.start..start + range.end);
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
        let needs = found.filter(|_| !broken)?;
        let text = layout::text(&text::write(&pieces, &protected));
        let html = layout::html(&html::write(&pieces, &protected), &file.locale);
        Some((needs, text, html))
    }
}

/// A file that is sound in its parts, to be tried out as a whole.
struct Trial {
    name: String,
    locale: String,
    places: Places,
    /// What may have started it.
    events: Vec<Event>,
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
