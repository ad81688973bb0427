//! The HTML part: pieces of Markdown as a template with styles on each element, since mail programs drop style sheets.

use super::engine::IN_HTML;
use super::markdown::{Look, Piece, Shape};
use super::protect::{Protected, literal_html};

const PARAGRAPH: &str = "margin:0 0 16px";
const HEADINGS: [&str; 3] = [
    "margin:0 0 16px;font-size:26px;line-height:1.25;font-weight:700",
    "margin:8px 0 12px;font-size:21px;line-height:1.3;font-weight:700",
    "margin:8px 0 8px;font-size:17px;line-height:1.4;font-weight:700",
];
const QUOTE: &str = "margin:0 0 16px;padding:2px 0 2px 16px;border-left:3px solid #c9c3b8";
const CODE_BLOCK: &str = "margin:0 0 16px;padding:12px;background:#f1efea;font:14px/1.5 monospace;white-space:pre-wrap";
const CODE: &str = "font-family:monospace;font-size:0.92em";
const LIST: &str = "margin:0 0 16px;padding:0 0 0 24px";
const ITEM: &str = "margin:0 0 6px";
const RULE: &str = "margin:24px 0;border:0;border-top:1px solid #dcd7cd";
const LINK: &str = "color:#1f5f4a;text-decoration:underline";
const BUTTON: &str = "display:inline-block;margin:4px 0;padding:12px 24px;border-radius:6px;background:#1f5f4a;\
                      color:#ffffff;font-weight:600;text-decoration:none";
const IMAGE: &str = "max-width:100%;height:auto;border:0";

/// The template of the body.
pub(super) fn write(pieces: &[Piece], protected: &Protected<'_>) -> String {
    let mut writer = Writer { protected, out: String::new(), open: Vec::new() };
    for piece in pieces {
        writer.piece(piece);
    }
    writer.out
}

struct Writer<'w> {
    protected: &'w Protected<'w>,
    out: String,
    /// What closes the shapes that are open.
    open: Vec<&'static str>,
}

impl Writer<'_> {
    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Open(shape) => self.open(shape),
            Piece::Close => {
                let end = self.open.pop().unwrap_or_default();
                self.out.push_str(end);
            }
            Piece::Text(text) | Piece::Statements(text) => self.text(text),
            Piece::Code(text) => {
                self.out.extend(["<code style=\"", CODE, "\">"]);
                self.text(text);
                self.out.push_str("</code>");
            }
            Piece::SoftBreak => self.out.push('\n'),
            Piece::HardBreak if self.in_image() => self.out.push(' '),
            Piece::HardBreak => self.out.push_str("<br>\n"),
            Piece::Rule => self.out.extend(["<hr style=\"", RULE, "\">\n"]),
        }
    }

    fn text(&mut self, text: &str) {
        self.protected.put_back(text, &mut self.out, literal_html);
    }

    fn open(&mut self, shape: &Shape) {
        if self.in_image() {
            // Nothing but text may stand in the words for an image.
            self.open.push("");
            return;
        }
        match shape {
            Shape::Paragraph => self.element("p", PARAGRAPH, "</p>\n"),
            Shape::Heading(1) => self.element("h1", HEADINGS[0], "</h1>\n"),
            Shape::Heading(2) => self.element("h2", HEADINGS[1], "</h2>\n"),
            Shape::Heading(_) => self.element("h3", HEADINGS[2], "</h3>\n"),
            Shape::Quote => self.element("blockquote", QUOTE, "</blockquote>\n"),
            Shape::CodeBlock => self.element("pre", CODE_BLOCK, "</pre>\n"),
            Shape::List(None) => self.element("ul", LIST, "</ul>\n"),
            Shape::List(Some(first)) => self.element(&format!("ol start=\"{first}\""), LIST, "</ol>\n"),
            Shape::Item => self.element("li", ITEM, "</li>\n"),
            Shape::Emphasis => self.element("em", "", "</em>"),
            Shape::Strong => self.element("strong", "", "</strong>"),
            Shape::Link { to, look } => {
                let (class, style) = if *look == Look::Button { ("button", BUTTON) } else { ("link", LINK) };
                let opening = format!("a class=\"{class}\" href=\"{}\"", self.address(to));
                self.element(&opening, style, "</a>");
            }
            Shape::Image { from } => {
                let address = self.address(from);
                self.out.extend(["<img style=\"", IMAGE, "\" src=\"", &address, "\" alt=\""]);
                self.open.push("\">");
            }
        }
    }

    fn in_image(&self) -> bool {
        self.open.iter().rev().find(|end| !end.is_empty()) == Some(&"\">")
    }

    fn element(&mut self, opening: &str, style: &str, end: &'static str) {
        self.out.push('<');
        self.out.push_str(opening);
        if !style.is_empty() {
            self.out.extend([" style=\"", style, "\""]);
        }
        self.out.push('>');
        self.open.push(end);
    }

    /// An address as an attribute's value: checked and escaped when it is rendered, or known beforehand.
    fn address(&self, to: &str) -> String {
        if self.protected.has_tags(to) {
            let raw = self.protected.address(to);
            return format!(
                "{{% autoescape false %}}{{% filter {IN_HTML} %}}{raw}{{% endfilter %}}{{% endautoescape %}}"
            );
        }
        let mut out = String::new();
        to.chars().for_each(|letter| literal_html(letter, &mut out));
        out
    }
}
