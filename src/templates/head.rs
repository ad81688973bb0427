//! The head of a template file: settings between two lines `---`, before the text.

use super::TemplateFile;
use crate::domain::{Diagnostic, Place};
use crate::yaml::{self, Document, Item, Node, Reader};
use std::ops::Range;
use std::sync::Arc;

/// A template file, cut into its parts.
pub(super) struct Parts {
    pub(super) text: Arc<str>,
    /// The head, as far as it is sound; without it no message can be made.
    pub(super) head: Option<Head>,
    /// Bytes of the file behind the head.
    pub(super) body: Range<usize>,
}

/// What the head says.
pub(super) struct Head {
    pub(super) document: Document,
    /// `None` when it is missing or no text.
    pub(super) subject: Option<Node>,
    pub(super) preheader: Option<Node>,
    /// Whether all of it is sound.
    pub(super) sound: bool,
}

/// Cuts a file into its parts, and notes all that is wrong with the head; or says why the file has no parts.
pub(super) fn parts(file: &TemplateFile, found: &mut Vec<Diagnostic>) -> Result<Parts, Box<Diagnostic>> {
    let text = decode(file)?;
    let (head, body) = cut(&text).ok_or_else(|| {
        let place = Place { file: file.path.clone(), text: Arc::clone(&text), span: 0..first_line(&text) };
        let problem = Diagnostic::error("no-head", place, "a template begins with a head between two lines `---`");
        Box::new(problem.help("begin the file with `---`, `subject: …` and `---`"))
    })?;
    let head = head_of(file, &text, head).map_err(|problems| found.extend(problems)).ok().map(|(head, problems)| {
        found.extend(problems);
        head
    });
    Ok(Parts { text, head, body })
}

/// Reads the head, and answers with it what is wrong; or why it cannot be read.
fn head_of(
    file: &TemplateFile,
    text: &Arc<str>,
    head: Range<usize>,
) -> Result<(Head, Vec<Diagnostic>), Vec<Diagnostic>> {
    if text[head.clone()].trim().is_empty() {
        let place = Place { file: file.path.clone(), text: Arc::clone(text), span: 0..3 };
        return Err(vec![Diagnostic::error("missing-key", place, "the key `subject` is missing")]);
    }
    let document = yaml::parse_part(&file.path, text, head)?;
    let (subject, preheader, found) = read(&document);
    Ok((Head { document, subject, preheader, sound: found.is_empty() }, found))
}

fn read(document: &Document) -> (Option<Node>, Option<Node>, Vec<Diagnostic>) {
    let reader = Reader::new(document);
    let text = |item: Item<'_>| item.text().map(|_| item.node().clone());
    let mut parts = (None, None);
    if let Some(map) = reader.root().map() {
        parts.0 = map.required("subject").and_then(text);
        parts.1 = map.optional("preheader").and_then(text);
        if let Some(layout) = map.optional("layout")
            && layout.text().is_some_and(|name| name != "default")
        {
            let help = "write `layout: default`, or remove the key";
            layout.error_with_help("not-supported", "layouts of your own are not supported in this version", help);
        }
        map.close();
    }
    (parts.0, parts.1, reader.finish())
}

/// The text of a file of bearable size.
fn decode(file: &TemplateFile) -> Result<Arc<str>, Box<Diagnostic>> {
    let wrong = |code, text: &str, message: String| {
        let place = Place { file: file.path.clone(), text: text.into(), span: text.len()..text.len() };
        Box::new(Diagnostic::error(code, place, message))
    };
    let bytes = file.content.as_ref().map_err(|why| wrong("unreadable", "", format!("cannot be read: {why}")))?;
    if bytes.len() > yaml::MAX_BYTES {
        let message = format!("the file has {} bytes, more than the {} that are read", bytes.len(), yaml::MAX_BYTES);
        return Err(wrong("too-large", "", message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let sound = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        wrong("not-utf8", sound, format!("not UTF-8: byte {} is no part of a character", error.valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.char_indices().find(|(_, letter)| is_unfit(*letter)) {
        Some((at, letter)) => Err(wrong(
            "control-character",
            &text[..at],
            format!("the character {} cannot stand here", letter.escape_unicode()),
        )),
        None => Ok(text.into()),
    }
}

/// Control characters, and those that stand for tags while Markdown is read.
fn is_unfit(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t') || super::protect::is_stand_in(letter)
}

/// The bytes of the head and of the body.
fn cut(text: &str) -> Option<(Range<usize>, Range<usize>)> {
    let start = first_line(text);
    if text[..start].trim_end() != "---" {
        return None;
    }
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((start..at, at + line.len()..text.len()));
        }
        at += line.len();
    }
    None
}

/// The length of the first line, its break included.
fn first_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}
