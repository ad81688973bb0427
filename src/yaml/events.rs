//! The event pass: where everything stands, and everything that YAML allows and we do not.

use super::Style;
use super::broken::{self, Mend, in_quotes};
use super::exclamation;
use super::item;
use super::parse::{MAX_DEPTH, Source, is_absent};
use crate::domain::Diagnostic;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// After so many problems the rest of a file is not looked at.
const MAX_PROBLEMS: usize = 50;

/// A value as it is written.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) form: Form,
    pub(super) span: Range<usize>,
    pub(super) style: Style,
    /// Whether a problem was noted that leaves no value to go on with.
    pub(super) refused: bool,
    /// Whether keys may be missing only because they were to be merged in.
    pub(super) partial: bool,
}

#[derive(Debug)]
pub(super) enum Form {
    Scalar(String),
    List(Vec<Shape>),
    Map(Vec<(Shape, Shape)>),
}

impl Shape {
    /// The text of a scalar; empty for what is none.
    pub(super) fn scalar(&self) -> &str {
        if let Form::Scalar(text) = &self.form { text } else { "" }
    }
}

/// After so many texts that could not be read the rest of a file is not looked at.
const MAX_BROKEN: usize = 8;

/// The shape of the one document of a source and what is wrong with it, or all that forbids to read it at all.
pub(super) fn shape(source: &Source<'_>) -> Result<(Shape, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut yaml, mut told, mut mends) = (Cow::Borrowed(source.yaml()), Vec::new(), Vec::new());
    loop {
        let mut pass = Pass::new(source);
        let error = pass.run(&yaml);
        let tags: Vec<usize> = pass.tags.drain(..).filter(|at| !mends.contains(&Mend::Character(*at))).collect();
        if !tags.is_empty() && told.len() < MAX_PROBLEMS {
            for at in tags {
                told.push(exclamation::told(source, at));
                let mend = Mend::Character(at);
                yaml = Cow::Owned(broken::mended(source, &yaml, &mend));
                mends.push(mend);
            }
            continue;
        }
        let Some(error) = error else {
            pass.problems.append(&mut told);
            return pass.finish(&mends);
        };
        let at = source.byte(error.marker().index());
        let broken = broken::tell(source, error.info(), at);
        let is_mark = matches!(broken.mend, Some(Mend::Character(_)));
        let most = if is_mark { MAX_PROBLEMS } else { MAX_BROKEN };
        let known = broken.mend.filter(|mend| told.len() < most && !mends.contains(mend));
        if !told.contains(&broken.problem) {
            told.push(broken.problem);
        }
        let Some(mend) = known else {
            pass.problems.append(&mut told);
            pass.unreadable = true;
            return pass.finish(&mends);
        };
        yaml = Cow::Owned(broken::mended(source, &yaml, &mend));
        mends.push(mend);
    }
}

/// A list or map whose end has not come yet.
struct Open {
    form: Form,
    start: usize,
    style: Style,
    /// A key whose value has not come yet.
    key: Option<Shape>,
    refused: bool,
    partial: bool,
}

struct Pass<'s> {
    source: &'s Source<'s>,
    open: Vec<Open>,
    root: Option<Shape>,
    documents: usize,
    problems: Vec<Diagnostic>,
    /// Where tags stand.
    tags: Vec<usize>,
    /// Whether the rest could not be looked at.
    unreadable: bool,
}

impl<'s> Pass<'s> {
    const fn new(source: &'s Source<'s>) -> Self {
        Self {
            source,
            open: Vec::new(),
            root: None,
            documents: 0,
            problems: Vec::new(),
            tags: Vec::new(),
            unreadable: false,
        }
    }

    /// Takes all events of a text; the scanner's error, if one ends it.
    fn run(&mut self, yaml: &str) -> Option<ScanError> {
        for event in Parser::new_from_str(yaml) {
            let went_on = match event {
                Ok((event, span)) => self.take(event, span),
                Err(error) if self.is_told(&error) => None,
                Err(error) => return Some(error),
            };
            self.unreadable |= self.problems.len() >= MAX_PROBLEMS;
            if went_on.is_none() || self.unreadable {
                break;
            }
        }
        None
    }

    /// Takes one event; `None` when the rest need not be looked at.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let span = self.source.byte(span.start.index())..self.source.byte(span.end.index());
        match event {
            Event::DocumentStart(_) => self.document(span)?,
            Event::Alias(_) => {
                self.problem("yaml-alias", span.clone(), "a value cannot begin with `*`: YAML takes it for an alias")
                    .help = Some("write the value out; a text that begins with * stands in quotes".into());
                self.put(Shape {
                    form: Form::Scalar("alias".into()),
                    span,
                    style: Style::Plain,
                    refused: true,
                    partial: false,
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.decorations(&span, anchor, tag.as_deref());
                // More likely a condition that begins with `!` or `&` than a value with something in front.
                let mut refused = anchor > 0 || tag.is_some();
                let shape = self.scalar(text, style, span);
                if shape.style == Style::Plain && is_too_large(shape.scalar()) {
                    let message = format!("the number {} cannot be used", shape.scalar());
                    self.problem("bad-number", shape.span.clone(), message).help =
                        Some("write a whole number of at most 18 digits, or put it in quotes if it is a text".into());
                    refused = true;
                }
                refused |= shape.style == Style::Plain && self.is_no_item(&shape.span);
                self.put(Shape { refused, ..shape });
            }
            Event::SequenceStart(anchor, tag) => self.open(Form::List(Vec::new()), (anchor, tag), span)?,
            Event::MappingStart(anchor, tag) => self.open(Form::Map(Vec::new()), (anchor, tag), span)?,
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Some(())
    }

    /// Whether a text was meant as items of a list, and is none for want of a blank behind a dash, or because a blank is
    /// none to YAML. Notes it.
    fn is_no_item(&mut self, span: &Range<usize>) -> bool {
        let source = self.source;
        let (mut start, first) = source.line_at(span.start);
        if source.slice(start..span.start).trim().is_empty()
            && let Some(rest) = source.rest_of_line(span.start).strip_prefix('-').filter(|rest| item::begins_item(rest))
        {
            let end = span.start + 1 + rest.trim_end().len();
            let rest = rest.trim();
            let help = if span.start == start && rest.contains(':') {
                format!("write `{rest}` for a key, `- {rest}` for an item of a list")
            } else {
                format!("write `- {rest}`")
            };
            self.problem("yaml-syntax", span.start..end, item::DASH).help = Some(help);
            return true;
        }
        let mut line = first;
        while start < span.end {
            if let Some(blank) = item::other_blank(line) {
                self.problem("yaml-syntax", start + blank.start..start + blank.end, item::BLANK).help =
                    Some(item::BLANK_HELP.into());
                return true;
            }
            start += line.len() + 1;
            line = source.rest_of_line(start);
        }
        false
    }

    fn problem(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        let index = self.problems.len();
        self.problems.push(self.source.error(code, span, message));
        &mut self.problems[index]
    }

    fn document(&mut self, span: Range<usize>) -> Option<()> {
        self.documents += 1;
        if self.documents == 1 {
            return Some(());
        }
        self.problem("yaml-documents", span, "a second document begins here").help =
            Some("keep one document in a file: remove this line and what follows it".into());
        None
    }

    fn scalar(&self, text: Cow<'_, str>, style: ScalarStyle, span: Range<usize>) -> Shape {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let written = match style {
            Style::Plain if text.is_empty() => 0,
            _ => self.source.slice(span.clone()).trim_end().len(),
        };
        Shape {
            form: Form::Scalar(text.into_owned()),
            span: span.start..span.start + written,
            style,
            refused: false,
            partial: false,
        }
    }

    fn decorations(&mut self, span: &Range<usize>, anchor: usize, tag: Option<&Tag>) {
        // With a tag, an `&` further on is more likely part of a condition.
        if anchor > 0 && tag.is_none() {
            self.problem("yaml-anchor", span.clone(), "a value cannot begin with `&`: YAML takes it for an anchor")
                .help = Some(self.anchored(span));
        }
        if tag.is_some() {
            if let Some(at) = exclamation::of_tag(self.source, span.start) {
                self.tags.push(at);
            } else {
                let message = "a value cannot begin with `!`: YAML takes it for a tag";
                self.problem("yaml-tag", span.clone(), message).help = Some("put the whole text in quotes".into());
            }
        }
    }

    /// What to write for what begins with `&`.
    fn anchored(&self, span: &Range<usize>) -> String {
        // The place may be that of the anchor or of what stands behind it.
        let (start, line) = self.source.line_at(span.start);
        let text = line.find('&').map_or(line, |at| &line[at..]).trim();
        if text.starts_with("&&") {
            return "leave out the `&&`: the lines of a list hold together; inside a text it ends the line above"
                .into();
        }
        let rest = text.split_once(' ').map_or("", |(_, rest)| rest).trim();
        if start > span.start || rest.is_empty() || rest.starts_with('#') {
            "write the value out; a text that begins with & stands in quotes".into()
        } else {
            format!("write the value alone: {rest}")
        }
    }

    fn open(&mut self, form: Form, (anchor, tag): (usize, Option<Cow<'_, Tag>>), span: Range<usize>) -> Option<()> {
        self.decorations(&span, anchor, tag.as_deref());
        if self.open.len() >= MAX_DEPTH {
            return self.too_deep(span);
        }
        let flow = self.source.slice(span.clone()).starts_with(['[', '{']);
        let style = if flow { Style::Flow } else { Style::Block };
        self.open.push(Open { form, start: span.start, style, key: None, refused: false, partial: false });
        Some(())
    }

    fn too_deep(&mut self, span: Range<usize>) -> Option<()> {
        let message = format!("lists and maps lie more than {MAX_DEPTH} deep in one another");
        self.problem("yaml-depth", span, message).help =
            Some("write it flatter; check the indentation and the brackets".into());
        self.unreadable = true;
        None
    }

    fn close(&mut self, end: &Range<usize>) {
        let Some(open) = self.open.pop() else { return };
        let last = match &open.form {
            Form::List(items) => items.last().map(|item| item.span.end),
            Form::Map(entries) => entries.last().map(|(key, value)| value.span.end.max(key.span.end)),
            Form::Scalar(_) => None,
        };
        let end = if open.style == Style::Flow { end.end } else { last.unwrap_or(open.start) };
        let mut refused = open.refused;
        if let (Form::Map(entries), Style::Flow) = (&open.form, open.style) {
            refused |= self.cut_keys(entries);
        }
        self.put(Shape {
            form: open.form,
            span: open.start..end.max(open.start),
            style: open.style,
            refused,
            partial: open.partial,
        });
    }

    /// `{when: count("a", 30d) > 1}` is cut at its comma, and what follows becomes a key without a value.
    /// Whether it was so.
    fn cut_keys(&mut self, entries: &[(Shape, Shape)]) -> bool {
        let is_cut = |(key, value): &(Shape, Shape)| is_absent(value) && matches!(key.form, Form::Scalar(_));
        let before = self.problems.len();
        let mut index = 0;
        while index < entries.len() {
            let length = entries[index..].iter().take_while(|entry| is_cut(entry)).count();
            if length > 0 {
                let owner = index.checked_sub(1).map(|owner| &entries[owner]);
                let problem = self.cut(owner, &entries[index..index + length]);
                self.problems.push(problem);
            }
            index += length.max(1);
        }
        self.problems.len() > before
    }

    /// What is wrong with keys that follow each other and have no value: they belong to the value before them, if there
    /// is one.
    fn cut(&self, owner: Option<&(Shape, Shape)>, keys: &[(Shape, Shape)]) -> Diagnostic {
        let span = keys.first().map_or(0, |(key, _)| key.span.start)..keys.last().map_or(0, |(key, _)| key.span.end);
        let has_colon = self.source.rest_of_line(span.end).trim_start().starts_with(':');
        let Some((key, value)) = owner.filter(|(_, value)| matches!(value.form, Form::Scalar(_)) && !has_colon) else {
            let message = format!("`{}` has no value", self.source.slice(span.clone()));
            let help = "inside { } each key has a value: write `key: value`";
            return self.source.error("yaml-cut", span, message).help(help);
        };
        let name = key.scalar();
        let message = format!("inside {{ }} a comma ends a value, so `{name}` is cut off there");
        let help = if value.style == Style::Plain {
            let whole = self.source.slice(value.span.start..span.end);
            format!("put the whole value in quotes: {name}: {}", in_quotes(whole))
        } else {
            format!("write a value behind `{}`, or remove it", self.source.slice(span.clone()))
        };
        self.source.error("yaml-cut", key.span.start..span.end, message).help(help)
    }

    fn put(&mut self, shape: Shape) {
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(shape);
            return;
        };
        match (&mut open.form, open.key.take()) {
            (Form::List(items), _) => items.push(shape),
            (Form::Map(entries), Some(key)) => entries.push((key, shape)),
            (Form::Map(_), None) => self.key(shape),
            (Form::Scalar(_), _) => {}
        }
    }

    fn key(&mut self, mut key: Shape) {
        let (code, message, help) = match &key.form {
            Form::List(_) => ("yaml-key", "a list cannot be a key", "write a name before the colon"),
            Form::Map(_) => ("yaml-key", "a text that begins with `{` must stand in quotes", "write \"{{ … }}\""),
            Form::Scalar(text) if text == "<<" && key.style == Style::Plain => {
                ("yaml-merge", "a merge key (`<<`) is not allowed", "write out here the keys that it stands for")
            }
            Form::Scalar(_) if is_absent(&key) => ("yaml-key", "a key without a name", "write a name before the colon"),
            Form::Scalar(_) => ("", "", ""),
        };
        if !code.is_empty() {
            // What was found wrong inside a `{{ }}` that should have been quoted would only mislead.
            self.problems.retain(|other| other.code != "yaml-cut" || !key.span.contains(&other.place.span.start));
            let braced = format!("{{{}}}", self.source.slice(key.span.clone()));
            let is_braced = matches!(key.form, Form::Map(_)) && self.source.slice(key.span.clone()).starts_with('{');
            let help = if is_braced { format!("write \"{braced}\"") } else { help.to_owned() };
            self.problem(code, key.span.clone(), message).help = Some(help);
            key.refused = true;
        }
        let is_merge = code == "yaml-merge";
        if let Some(open) = self.open.last_mut() {
            // A map in one line was hardly meant as one; of a map of lines only this one is lost.
            open.refused |= key.refused && open.style == Style::Flow;
            open.partial |= is_merge;
            open.key = Some(key);
        }
    }

    /// Notes an error after which nothing of the file can be read.
    fn is_told(&mut self, error: &ScanError) -> bool {
        let at = self.source.byte(error.marker().index());
        let (line_start, line) =
            self.source.line_at(at.saturating_sub(usize::from(at == self.source.byte(usize::MAX))));
        let indentation = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indentation].find('\t') {
            let tab = line_start + tab;
            self.problem("yaml-tab", tab..tab + 1, "a tab in the indentation").help = Some("indent with spaces".into());
            self.unreadable = true;
            return true;
        }
        // The scanner looks ahead and has a limit of its own.
        if error.info().contains("recursion limit") {
            self.too_deep(at..at);
            return true;
        }
        false
    }

    fn finish(mut self, mends: &[Mend]) -> Result<(Shape, Vec<Diagnostic>), Vec<Diagnostic>> {
        if let Some(root) = &mut self.root {
            if !mends.is_empty() {
                refuse(root, mends);
                // What seems to be missing may stand in what could not be read.
                root.partial |= mends.iter().any(|mend| matches!(mend, Mend::Value(..)));
            }
            let mut duplicates = Vec::new();
            duplicate_keys(self.source, root, &mut duplicates);
            self.problems.append(&mut duplicates);
        }
        self.problems.sort_by_key(|problem| problem.place.span.start);
        self.problems.truncate(MAX_PROBLEMS);
        match self.root {
            Some(root) if !self.unreadable && (root.refused || !is_absent(&root)) => Ok((root, self.problems)),
            _ if self.problems.is_empty() => {
                let start = self.source.byte(0);
                let help = "write at least one key, or remove the file";
                Err(vec![self.source.error("empty-file", start..start, "the file says nothing").help(help)])
            }
            _ => Err(self.problems),
        }
    }
}

/// Whether it is a whole number of which the other reader makes nothing, and with it nothing of the whole file: one that
/// fits 128 bits and not 64. Larger ones are floats to it, and digits behind a zero a text.
fn is_too_large(text: &str) -> bool {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let other_radix = prefixes.into_iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    let (digits, radix) = other_radix.unwrap_or((digits, 10));
    let is_text = !digits.starts_with(|first: char| first.is_digit(radix)) || radix == 10 && digits.starts_with('0');
    let Some(size) = (!is_text).then(|| u128::from_str_radix(digits, radix).ok()).flatten() else { return false };
    size > if negative { 1 << 63 } else { u128::from(u64::MAX) }
}

/// Marks what was put out of the scanner's way as refused.
fn refuse(shape: &mut Shape, mends: &[Mend]) {
    shape.refused |= mends.contains(&Mend::Character(shape.span.start));
    match &mut shape.form {
        Form::Scalar(_) => {}
        Form::List(items) => items.iter_mut().for_each(|item| refuse(item, mends)),
        Form::Map(entries) => {
            for (key, value) in entries {
                let is_blank = |mend: &Mend| matches!(mend, Mend::Value(start, _) if *start == key.span.start);
                value.refused |= mends.iter().any(is_blank);
                refuse(value, mends);
            }
        }
    }
}

/// Notes keys that stand twice, and leaves out all but the first of each, and those that are no keys.
fn duplicate_keys(source: &Source<'_>, shape: &mut Shape, problems: &mut Vec<Diagnostic>) {
    match &mut shape.form {
        Form::Scalar(_) => {}
        Form::List(items) => items.iter_mut().for_each(|item| duplicate_keys(source, item, problems)),
        Form::Map(entries) => {
            let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(entries.len());
            let mut dropped = false;
            entries.retain_mut(|(key, value)| {
                duplicate_keys(source, value, problems);
                if key.refused || !matches!(key.form, Form::Scalar(_)) {
                    dropped = true;
                    return false;
                }
                let Some(first) = seen.get(key.scalar()) else {
                    seen.insert(key.scalar().to_owned(), key.span.clone());
                    return true;
                };
                if problems.len() < MAX_PROBLEMS {
                    let line = source.line_number(first.start);
                    let message = format!("the key `{}` stands twice in this map, first on line {line}", key.scalar());
                    let problem = source.error("duplicate-key", key.span.clone(), message);
                    problems.push(problem.help("keep one of the two").also(source.place(first.clone()), "the first"));
                }
                false
            });
            // What seems to be missing may be what was refused, and a map of nothing else was hardly meant as one.
            shape.partial |= dropped;
            shape.refused |= dropped && entries.is_empty();
        }
    }
}
