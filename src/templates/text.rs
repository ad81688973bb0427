//! The plain part: pieces of Markdown as a template of text that reads well by itself.

use super::engine::IN_TEXT;
use super::markdown::{Look, Piece, Shape};
use super::protect::{Protected, literal_text};

/// The template of the body. Links stand as `text (address)`, buttons as `text: address`.
pub(super) fn write(pieces: &[Piece], protected: &Protected<'_>) -> String {
    let mut writer = Writer { protected, out: String::new(), gap: Gap::None, open: Vec::new(), fresh: false };
    for piece in pieces {
        writer.piece(piece);
    }
    writer.out
}

/// What stands between the last block and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Line,
    Blank,
}

/// A shape that is open.
enum Open {
    /// It puts this in front of each line.
    Prefix(&'static str, String),
    List(Option<u64>),
    Link(String, Look),
    Other(Shape),
}

struct Writer<'w> {
    protected: &'w Protected<'w>,
    out: String,
    gap: Gap,
    open: Vec<Open>,
    /// Whether a list item's mark was written just now.
    fresh: bool,
}

impl Writer<'_> {
    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Open(shape) => self.open(shape),
            Piece::Close => self.close(),
            Piece::Text(text) if self.in_code() => {
                for (index, line) in text.trim_end_matches('\n').split('\n').enumerate() {
                    if index > 0 {
                        self.line();
                    }
                    self.text(line);
                }
            }
            Piece::Text(text) | Piece::Code(text) => self.text(text),
            Piece::SoftBreak | Piece::HardBreak => self.line(),
            Piece::Rule => {
                self.ask(Gap::Blank);
                self.fill();
                self.out.push_str("----");
                self.ask(Gap::Blank);
            }
            Piece::Statements(text) => {
                self.ask(Gap::Blank);
                self.text(text);
                self.ask(Gap::Blank);
            }
        }
    }

    fn open(&mut self, shape: &Shape) {
        match shape {
            Shape::Quote => self.block(Open::Prefix("quote", "> ".to_owned())),
            Shape::CodeBlock => self.block(Open::Prefix("code", "    ".to_owned())),
            Shape::List(first) => {
                let inner = self.open.iter().any(|open| matches!(open, Open::List(_)));
                self.ask(if inner { Gap::Line } else { Gap::Blank });
                self.open.push(Open::List(*first));
            }
            Shape::Item => self.item(),
            Shape::Link { to, look } => self.open.push(Open::Link(to.clone(), *look)),
            Shape::Paragraph | Shape::Heading(_) => self.block(Open::Other(shape.clone())),
            Shape::Emphasis | Shape::Strong | Shape::Image { .. } => self.open.push(Open::Other(shape.clone())),
        }
    }

    fn block(&mut self, open: Open) {
        if !self.fresh {
            self.ask(Gap::Blank);
        }
        self.open.push(open);
    }

    fn item(&mut self) {
        self.ask(Gap::Line);
        let mark =
            match self.open.iter_mut().rev().find_map(|open| if let Open::List(n) = open { Some(n) } else { None }) {
                Some(Some(number)) => {
                    let mark = format!("{number}. ");
                    *number += 1;
                    mark
                }
                _ => "- ".to_owned(),
            };
        self.fill();
        self.out.push_str(&mark);
        self.open.push(Open::Prefix("item", " ".repeat(mark.len())));
        self.fresh = true;
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Prefix("item", _)) => {
                self.gap = Gap::Line;
                self.fresh = false;
            }
            Some(Open::List(_)) => {
                let inner = self.open.iter().any(|open| matches!(open, Open::List(_)));
                self.gap = if inner { Gap::Line } else { Gap::Blank };
            }
            Some(Open::Prefix(..) | Open::Other(Shape::Paragraph | Shape::Heading(_))) => self.ask(Gap::Blank),
            Some(Open::Link(to, look)) => self.address(&to, look),
            Some(Open::Other(_)) | None => {}
        }
    }

    fn address(&mut self, to: &str, look: Look) {
        let address = if self.protected.has_tags(to) {
            format!("{{% filter {IN_TEXT} %}}{}{{% endfilter %}}", self.protected.address(to))
        } else {
            let mut out = String::new();
            to.chars().for_each(|letter| literal_text(letter, &mut out));
            out
        };
        match look {
            Look::Bare => {}
            Look::Button => self.out.extend([": ", &address]),
            Look::Plain => self.out.extend([" (", &address, ")"]),
        }
    }

    fn text(&mut self, text: &str) {
        self.fill();
        self.protected.put_back(text, &mut self.out, literal_text);
    }

    fn ask(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Writes what stands between the last block and what comes now.
    fn fill(&mut self) {
        self.fresh = false;
        if self.out.is_empty() {
            self.prefix();
        } else if self.gap > Gap::None {
            if self.gap == Gap::Blank {
                self.out.push('\n');
            }
            self.line();
        }
        self.gap = Gap::None;
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.prefix();
    }

    fn prefix(&mut self) {
        for open in &self.open {
            if let Open::Prefix(_, prefix) = open {
                self.out.push_str(prefix);
            }
        }
    }

    fn in_code(&self) -> bool {
        matches!(self.open.last(), Some(Open::Prefix("code", _)))
    }
}
