//! From the bytes of a text's value back to the bytes of the file that it was written with.

use super::{Kind, Node, Style};
use std::ops::Range;

/// The bytes of `text` that say the bytes `range` of the node's value; `None` when that cannot be told.
pub(super) fn locate(text: &str, node: &Node, range: Range<usize>) -> Option<Range<usize>> {
    let Kind::Text(value) = &node.kind else { return None };
    if range.start > range.end || range.end > value.len() {
        return None;
    }
    let mut walk = Walk { text, at: node.span.start, end: node.span.end, value: String::new(), places: Vec::new() };
    match node.style {
        Style::Plain => walk.flow(Quote::None),
        Style::SingleQuoted => walk.quoted(Quote::Single),
        Style::DoubleQuoted => walk.quoted(Quote::Double),
        Style::Literal => walk.block(Block::Literal),
        Style::Folded => walk.block(Block::Folded),
        Style::Flow | Style::Block => return None,
    }
    walk.answer(value, node.style, range)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Literal,
    Folded,
}

/// Reads a scalar a second time and notes where each byte of its value came from.
struct Walk<'t> {
    text: &'t str,
    at: usize,
    end: usize,
    value: String,
    /// One entry for each byte of `value`: the bytes of the file that said it.
    places: Vec<Range<usize>>,
}

impl Walk<'_> {
    fn answer(&self, value: &str, style: Style, range: Range<usize>) -> Option<Range<usize>> {
        let block = matches!(style, Style::Literal | Style::Folded);
        // What is blank at the end of a block lies beyond the node's span.
        let (ours, theirs) =
            if block { (self.value.trim_end(), value.trim_end()) } else { (self.value.as_str(), value) };
        if ours != theirs {
            return None;
        }
        let place = |index: usize| self.places.get(index).cloned().unwrap_or(self.at..self.at);
        let start = place(range.start).start;
        Some(if range.is_empty() { start..start } else { start..place(range.end - 1).end.max(start) })
    }

    fn rest(&self) -> &str {
        &self.text[self.at..self.end]
    }

    fn push(&mut self, character: char, from: Range<usize>) {
        self.value.push(character);
        self.places.resize(self.value.len(), from);
    }

    fn cut(&mut self, length: usize) {
        self.value.truncate(length);
        self.places.truncate(length);
    }

    /// Takes one line break, if one is next.
    fn take_break(&mut self) -> bool {
        let width = match self.rest().as_bytes() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => return false,
        };
        self.at += width;
        true
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn quoted(&mut self, quote: Quote) {
        self.at += 1;
        self.end = self.end.saturating_sub(1).max(self.at);
        self.flow(quote);
    }

    /// A text that may go over several lines: YAML 1.2.2, section 6.5 (line folding) and 7.3 (flow scalars).
    fn flow(&mut self, quote: Quote) {
        // What was escaped is never trimmed at the end of a line.
        let mut kept = 0;
        while let Some(character) = self.rest().chars().next() {
            let from = self.at..self.at + character.len_utf8();
            match (character, quote) {
                ('\n' | '\r', _) => {
                    let blanks = self.value[kept..].trim_end_matches([' ', '\t']).len();
                    self.cut(kept + blanks);
                    self.fold(Some(' '));
                    kept = self.value.len();
                }
                ('\'', Quote::Single) => {
                    let width = if self.rest().starts_with("''") { 2 } else { 1 };
                    self.at += width;
                    self.push('\'', from.start..from.start + width);
                }
                ('\\', Quote::Double) => {
                    self.escape();
                    kept = self.value.len();
                }
                _ => {
                    self.at = from.end;
                    self.push(character, from);
                }
            }
        }
    }

    /// Takes line breaks and what is blank between them: the first is `single` when it stands alone, each further one
    /// is a new line.
    fn fold(&mut self, single: Option<char>) {
        let start = self.at;
        self.take_break();
        self.skip_blanks();
        let mut further = 0;
        loop {
            let before = self.at;
            if !self.take_break() {
                break;
            }
            further += 1;
            self.push('\n', before..self.at);
            self.skip_blanks();
        }
        if let (0, Some(character)) = (further, single) {
            self.push(character, start..self.at);
        }
    }

    /// One escape of a double-quoted text: YAML 1.2.2, section 5.7.
    fn escape(&mut self) {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.rest().chars().next() else { return };
        if matches!(letter, '\n' | '\r') {
            self.fold(None);
            return;
        }
        self.at += letter.len_utf8();
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let character = if digits == 0 { Some(plain_escape(letter)) } else { self.code_point(digits) };
        if let Some(character) = character {
            self.push(character, start..self.at);
        }
    }

    fn code_point(&mut self, digits: usize) -> Option<char> {
        let code = u32::from_str_radix(self.rest().get(..digits)?, 16).ok()?;
        self.at += digits;
        char::from_u32(code)
    }

    /// A block of lines: YAML 1.2.2, section 8.1. The span begins at its first character, in the column of the
    /// indentation; blank lines before that belong to the value too.
    fn block(&mut self, block: Block) {
        let first_line = self.text[..self.at].rfind('\n').map_or(0, |newline| newline + 1);
        let indentation = self.at - first_line;
        let header_end = self.text[..first_line].trim_end().len();
        self.at = self.text[header_end..].find('\n').map_or(first_line, |newline| header_end + newline + 1);
        let mut breaks: Vec<Range<usize>> = Vec::new();
        let mut before = Line::Start;
        while self.at < self.end {
            let line = self.rest().lines().next().unwrap_or_default();
            let indent = line.len().min(indentation);
            let start = self.at + if line[..line.len().min(indentation)].trim().is_empty() { indent } else { 0 };
            let end = self.at + line.len();
            self.at = end;
            let line_break = end..if self.take_break() { self.at } else { end };
            let content = &self.text[start..end];
            if content.is_empty() {
                breaks.push(line_break);
                continue;
            }
            let now = if content.starts_with([' ', '\t']) { Line::Indented } else { Line::Text };
            self.breaks(block, (before, now), &mut breaks);
            for (offset, character) in content.char_indices() {
                self.push(character, start + offset..start + offset + character.len_utf8());
            }
            before = now;
            breaks.push(line_break);
        }
        for line_break in breaks {
            self.push('\n', line_break);
        }
    }

    /// Says the line breaks between two lines of a block that are not empty.
    fn breaks(&mut self, block: Block, between: (Line, Line), breaks: &mut Vec<Range<usize>>) {
        let folds = block == Block::Folded && between == (Line::Text, Line::Text);
        match (folds, breaks.as_slice()) {
            (true, [only]) => self.push(' ', only.clone()),
            (true, [_, further @ ..]) => further.iter().for_each(|line_break| self.push('\n', line_break.clone())),
            _ => breaks.iter().for_each(|line_break| self.push('\n', line_break.clone())),
        }
        breaks.clear();
    }
}

/// What stands before a line of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Start,
    Text,
    /// A line that is indented further, which is never folded.
    Indented,
}

const fn plain_escape(letter: char) -> char {
    match letter {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        other => other,
    }
}
