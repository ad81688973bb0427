//! Whether one text with tags is sound: its syntax, its names, and that it renders for customers of all kinds.

use super::engine::{FILTERS, Missing, STATEMENTS, TESTS, checking_engine};
use super::names::Needs;
use super::samples::{self, Samples};
use super::tags::{Tag, TagKind, Token, tags, tokens};
use super::{Names, SentBy, context::context, leftover};
use crate::domain::{Diagnostic, Place, nearest};
use minijinja::{Environment, Error, ErrorKind, Template};
use std::collections::HashSet;
use std::ops::Range;

/// What to do about a text whose tags cannot be read.
pub(super) const SYNTAX: &str =
    "a value stands between `{{` and `}}`, a choice between `{% if … %}` and `{% endif %}`; each must be closed";

/// Checks texts with tags and collects what is wrong with them.
pub(super) struct Checker<'a> {
    pub(super) names: Names<'a>,
    /// The rules that send the text that is checked next.
    pub(super) sent_by: &'a [SentBy],
    pub(super) samples: Samples,
    pub(super) found: Vec<Diagnostic>,
    engine: Environment<'static>,
    strict: Environment<'static>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(names: Names<'a>) -> Self {
        Self {
            names,
            sent_by: &[],
            samples: Samples::of(&names),
            found: Vec::new(),
            engine: checking_engine(Missing::Nothing),
            strict: checking_engine(Missing::Error),
        }
    }

    /// What the text needs; `None` when something is wrong with it. `place` finds bytes of the text in the file.
    pub(super) fn check(&mut self, source: &str, place: &dyn Fn(Range<usize>) -> Place) -> Option<Needs> {
        let tags = tags(source);
        self.left_over(source, &tags, place);
        let before = self.found.len();
        for tag in &tags {
            self.check_words(source, tag, place);
        }
        let mut needs = Needs::default();
        let engine = self.engine.clone();
        match engine.template_from_named_str("part.txt", source) {
            Err(error) => {
                let span = error.range().filter(|range| range.end <= source.len()).unwrap_or(0..source.len());
                self.found.push(Diagnostic::error("template-syntax", place(span), told(&error)).help(SYNTAX));
                self.check_tags_alone(source, &tags, place);
            }
            Ok(template) => {
                self.check_names(source, &tags, &template, &mut needs, place);
                if self.found.len() == before {
                    self.try_out(source, &template, &needs, place);
                }
            }
        }
        if self.found[before..].iter().any(Diagnostic::is_error) { None } else { Some(needs) }
    }

    /// Statements, filters and tests that templates may not use, or that do not exist.
    fn check_words(&mut self, source: &str, tag: &Tag, place: &dyn Fn(Range<usize>) -> Place) {
        if tag.kind == TagKind::Comment {
            return;
        }
        let tokens = tokens(source, tag.inside(source));
        for (index, (token, span)) in tokens.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let before = |back: usize| index.checked_sub(back).map(|at| &tokens[at].0);
            let (kind, known): (_, &[&str]) = match (tag.kind, before(1), before(2)) {
                (TagKind::Statement, None, _) => ("statement", &STATEMENTS),
                (_, Some(Token::Sign(b'|')), _) => ("filter", &FILTERS),
                (_, Some(Token::Word("is")), _) if *word != "not" => ("test", &TESTS),
                (_, Some(Token::Word("not")), Some(Token::Word("is"))) => ("test", &TESTS),
                _ => continue,
            };
            if !known.contains(word) {
                let help = nearest(word, known.iter().copied()).map_or_else(
                    || format!("there are: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("templates have no {kind} `{word}`");
                self.found.push(Diagnostic::error("unknown-name", place(span.clone()), message).help(help));
            }
        }
    }

    /// What was likely meant as a value or a link and is neither.
    pub(super) fn left_over(&mut self, source: &str, tags: &[Tag], place: &dyn Fn(Range<usize>) -> Place) {
        for leftover in leftover::find(source, tags, &self.names) {
            let problem = Diagnostic::warning(leftover.code, place(leftover.span), leftover.message);
            self.found.push(problem.help(leftover.help));
        }
    }

    /// Names that nobody declared in a text whose tags do not fit together: each tag that can be read is looked at alone.
    fn check_tags_alone(&mut self, source: &str, tags: &[Tag], place: &dyn Fn(Range<usize>) -> Place) {
        let engine = self.engine.clone();
        let own: HashSet<&str> = tags.iter().flat_map(|tag| set_by(source, tag)).collect();
        for tag in tags {
            let Some(alone) = alone(source, tag) else { continue };
            let Ok(template) = engine.template_from_named_str("part.txt", &alone) else { continue };
            let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
            used.retain(|name| !own.contains(name.split('.').next().unwrap_or_default()));
            self.check_used(source, std::slice::from_ref(tag), used, &mut Needs::default(), place);
        }
    }

    /// Names that nobody declared.
    fn check_names(
        &mut self,
        source: &str,
        tags: &[Tag],
        template: &Template<'_, '_>,
        needs: &mut Needs,
        place: &dyn Fn(Range<usize>) -> Place,
    ) {
        let used = template.undeclared_variables(true).into_iter().collect();
        self.check_used(source, tags, used, needs, place);
    }

    fn check_used(
        &mut self,
        source: &str,
        tags: &[Tag],
        mut used: Vec<String>,
        needs: &mut Needs,
        place: &dyn Fn(Range<usize>) -> Place,
    ) {
        let paths: Vec<(String, Range<usize>)> = tags.iter().flat_map(|tag| paths(source, tag)).collect();
        used.sort_unstable();
        for name in used {
            let Err(wrong) = needs.take(&name, &self.names, self.sent_by) else { continue };
            let mut spans: Vec<_> =
                paths.iter().filter(|(path, _)| *path == name).map(|(_, span)| span.clone()).collect();
            if spans.is_empty() {
                spans.push(0..source.len());
            }
            for span in spans {
                let mut problem = Diagnostic::error(wrong.code, place(span), wrong.message.clone());
                problem.help.clone_from(&wrong.help);
                self.found.push(problem);
            }
        }
    }

    /// Renders for a customer of whom all is known, and for one of whom nothing is.
    fn try_out(
        &mut self,
        source: &str,
        template: &Template<'_, '_>,
        needs: &Needs,
        place: &dyn Fn(Range<usize>) -> Place,
    ) {
        let at =
            |error: &Error| place(error.range().filter(|range| range.end <= source.len()).unwrap_or(0..source.len()));
        let events = samples::events(needs, &self.names, self.sent_by);
        for case in self.samples.cases(&events, &self.names) {
            if let Err(error) = template.render(context(&case.message, needs).into_value()) {
                let told = format!("this fails for {}: {}", case.who, told(&error));
                let problem = Diagnostic::error("template-fails", at(&error), told);
                self.found.push(problem.help("ask first, `{% if … %}`, or give a value for what is missing, `… or …`"));
                return;
            }
        }
        let message = self.samples.sparse(&self.names);
        let strict = self.strict.template_from_named_str("part.txt", source);
        let printed = strict.and_then(|strict| strict.render(context(&message, needs).into_value()));
        if let Err(error) = printed {
            let told = "this prints nothing for a customer of whom it is not known";
            let problem = Diagnostic::warning("prints-nothing", at(&error), told);
            self.found
                .push(problem.help("write what stands there instead, such as `{{ customer.first_name or 'friend' }}`"));
        }
    }
}

/// The names that a statement gives values to: `for item in …`, `set total = …`.
fn set_by<'s>(source: &'s str, tag: &Tag) -> Vec<&'s str> {
    let tokens = tokens(source, tag.inside(source));
    let words = tokens.iter().map(|(token, _)| if let Token::Word(word) = token { word } else { "" });
    match (tag.kind, tokens.first()) {
        (TagKind::Statement, Some((Token::Word("for"), _))) => {
            words.skip(1).take_while(|word| *word != "in").chain(["loop"]).collect()
        }
        (TagKind::Statement, Some((Token::Word("set"), _))) => words.skip(1).take(1).collect(),
        _ => Vec::new(),
    }
}

/// A tag as a text of its own, if it holds an expression.
fn alone(source: &str, tag: &Tag) -> Option<String> {
    let inside = source[tag.inside(source)].trim();
    match tag.kind {
        TagKind::Print => Some(format!("{{{{ {inside} }}}}")),
        TagKind::Statement => {
            let condition = inside.strip_prefix("if ").or_else(|| inside.strip_prefix("elif "))?;
            Some(format!("{{{{ {condition} }}}}"))
        }
        TagKind::Comment => None,
    }
}

/// The names in a tag, written with dots.
fn paths(source: &str, tag: &Tag) -> Vec<(String, Range<usize>)> {
    let tokens = tokens(source, tag.inside(source));
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    let mut joins = false;
    for (index, (token, span)) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if joins => {
                if let Some((path, whole)) = found.last_mut() {
                    path.push('.');
                    path.push_str(word);
                    whole.end = span.end;
                }
                joins = false;
            }
            Token::Word(word) => found.push(((*word).to_owned(), span.clone())),
            Token::Sign(b'.') => joins = index > 0 && matches!(tokens[index - 1].0, Token::Word(_)),
            _ => joins = false,
        }
    }
    found
}

/// What the engine says, in one line.
pub(super) fn told(error: &Error) -> String {
    let kind = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too much work or makes too much text".to_owned(),
        ErrorKind::UndefinedError => "a name in it has no value".to_owned(),
        kind => kind.to_string(),
    };
    error.detail().map_or(kind.clone(), |detail| format!("{kind}: {detail}"))
}
