//! Markdown (`CommonMark`) as a flat list of pieces, from which both parts of a mail are written.

use super::link;
use super::protect::Protected;
use crate::domain::{Diagnostic, Place};
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, TextMergeWithOffset};
use std::ops::Range;

/// How a link looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// In the running text.
    Plain,
    /// The address itself, written as a link.
    Bare,
    /// `{.button}`
    Button,
}

/// What encloses other pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Paragraph,
    Heading(u8),
    Quote,
    CodeBlock,
    /// The first number, if it is numbered.
    List(Option<u64>),
    Item,
    Emphasis,
    Strong,
    Link {
        to: String,
        look: Look,
    },
    Image {
        from: String,
    },
}

/// One piece of a text; texts still have characters for tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Open(Shape),
    Close,
    Text(String),
    Code(String),
    SoftBreak,
    HardBreak,
    Rule,
    /// Statements that stand between blocks.
    Statements(String),
}

/// The pieces of a text, and what in it cannot stand in a mail.
pub(super) fn pieces(
    protected: &Protected<'_>,
    place: &dyn Fn(Range<usize>) -> Place,
) -> (Vec<Piece>, Vec<Diagnostic>) {
    let mut reading = Reading { protected, place, pieces: Vec::new(), found: Vec::new(), link_ended: None };
    let parser = Parser::new_ext(&protected.text, Options::empty()).into_offset_iter();
    for (event, range) in TextMergeWithOffset::new(parser) {
        reading.take(event, range);
    }
    (apart(reading.pieces, protected), reading.found)
}

struct Reading<'r> {
    protected: &'r Protected<'r>,
    place: &'r dyn Fn(Range<usize>) -> Place,
    pieces: Vec<Piece>,
    found: Vec<Diagnostic>,
    /// The piece that opens the link that was closed just now.
    link_ended: Option<usize>,
}

impl Reading<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        let link_ended = self.link_ended.take();
        match event {
            // Of these, only what stands inside an HTML block is told; the others need extensions that are off.
            Event::Start(Tag::HtmlBlock)
            | Event::End(TagEnd::HtmlBlock)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
            Event::Start(tag) => self.open(tag, &range),
            Event::End(end) => {
                if end == TagEnd::Link {
                    self.link_ended = self.last_link();
                }
                self.pieces.push(Piece::Close);
            }
            Event::Text(text) => {
                let rest = link_ended.map_or(&*text, |link| self.class_of(link, &text, &range));
                self.pieces.push(Piece::Text(rest.to_owned()));
            }
            Event::Code(text) => self.pieces.push(Piece::Code(text.into_string())),
            Event::SoftBreak => self.pieces.push(Piece::SoftBreak),
            Event::HardBreak => self.pieces.push(Piece::HardBreak),
            Event::Rule => self.pieces.push(Piece::Rule),
            Event::Html(_) | Event::InlineHtml(_) => {
                let help = "write Markdown, or `&lt;` where `<` itself is meant";
                self.error("raw-html", &range, "a message cannot hold HTML").help = Some(help.to_owned());
            }
        }
    }

    fn open(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        let shape = match tag {
            Tag::Heading { level, .. } => Shape::Heading(match level {
                HeadingLevel::H1 => 1,
                HeadingLevel::H2 => 2,
                _ => 3,
            }),
            Tag::BlockQuote(_) => Shape::Quote,
            Tag::CodeBlock(_) => Shape::CodeBlock,
            Tag::List(first) => Shape::List(first),
            Tag::Item => Shape::Item,
            Tag::Emphasis => Shape::Emphasis,
            Tag::Strong => Shape::Strong,
            Tag::Link { link_type, dest_url, .. } => {
                let look =
                    if matches!(link_type, LinkType::Autolink | LinkType::Email) { Look::Bare } else { Look::Plain };
                let mail = if link_type == LinkType::Email { "mailto:" } else { "" };
                Shape::Link { to: self.checked_address(format!("{mail}{dest_url}"), range), look }
            }
            Tag::Image { dest_url, .. } => Shape::Image { from: self.checked_address(dest_url.into_string(), range) },
            _ => Shape::Paragraph,
        };
        self.pieces.push(Piece::Open(shape));
    }

    /// An address without tags is checked here, one with tags when it is rendered.
    fn checked_address(&mut self, to: String, range: &Range<usize>) -> String {
        if self.protected.has_tags(&to) {
            return to;
        }
        link::address(&to).unwrap_or_else(|| {
            let help = "write the whole address, such as https://shop.example/new";
            self.error("bad-link", range, &format!("`{to}` is no address for a mail: {}", link::WRONG)).help =
                Some(help.to_owned());
            to
        })
    }

    fn last_link(&self) -> Option<usize> {
        let mut depth = 0_usize;
        for (index, piece) in self.pieces.iter().enumerate().rev() {
            match piece {
                Piece::Close => depth += 1,
                Piece::Open(Shape::Link { .. }) if depth == 0 => return Some(index),
                Piece::Open(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// Reads `{.button}` behind a link; answers what follows it.
    fn class_of<'t>(&mut self, link: usize, text: &'t str, range: &Range<usize>) -> &'t str {
        let Some((class, rest)) = text.strip_prefix("{.").and_then(|text| text.split_once('}')) else {
            return text;
        };
        if class == "button" {
            if let Some(Piece::Open(Shape::Link { look, .. })) = self.pieces.get_mut(link) {
                *look = Look::Button;
            }
            return rest;
        }
        let here = range.start..range.start + class.len() + 3;
        self.error("unknown-class", &here, &format!("a link has no class `{class}`")).help =
            Some("the only one is `{.button}`".to_owned());
        rest
    }

    fn error(&mut self, code: &'static str, range: &Range<usize>, message: &str) -> &mut Diagnostic {
        let place = (self.place)(self.protected.in_source(range.clone()));
        let index = self.found.len();
        self.found.push(Diagnostic::error(code, place, message));
        &mut self.found[index]
    }
}

/// Paragraphs of statements alone become statements between blocks.
fn apart(pieces: Vec<Piece>, protected: &Protected<'_>) -> Vec<Piece> {
    let mut kept = Vec::with_capacity(pieces.len());
    let mut rest = pieces.into_iter().peekable();
    while let Some(piece) = rest.next() {
        kept.push(piece);
        if !matches!(rest.peek(), Some(Piece::Close)) {
            continue;
        }
        let [.., Piece::Open(Shape::Paragraph), Piece::Text(text)] = kept.as_slice() else { continue };
        if protected.is_statements(text) {
            let text = text.clone();
            kept.truncate(kept.len() - 2);
            kept.push(Piece::Statements(text));
            rest.next();
        }
    }
    kept
}
