//! Tags are taken out of a text before Markdown is read, and put back into what was made of it.

use super::engine::PART;
use super::tags::{Tag, TagKind, tags};
use std::ops::Range;

/// The first character that stands for a tag (Unicode, Supplementary Private Use Area-A); the n-th stands for the n-th.
const FIRST: u32 = 0xF_0000;
/// How many tags a text may have.
pub(super) const MOST_TAGS: usize = 10_000;

/// Whether the character is one that could be taken for a tag's.
pub(super) fn is_stand_in(letter: char) -> bool {
    (FIRST..FIRST + 0xFFFE).contains(&u32::from(letter))
}

/// A text whose tags are each one character that means nothing to Markdown.
pub(super) struct Protected<'s> {
    source: &'s str,
    tags: Vec<Tag>,
    /// What Markdown reads.
    pub(super) text: String,
    /// Places where text and source run in step again: (byte of the text, byte of the source).
    steps: Vec<(usize, usize)>,
}

impl<'s> Protected<'s> {
    /// Takes the tags out. Lines that hold statements alone become paragraphs of their own, so that Markdown joins them
    /// to nothing.
    pub(super) fn new(source: &'s str) -> Self {
        let mut protected = Self { source, tags: tags(source), text: String::new(), steps: Vec::new() };
        let plain = protected.without_tags();
        protected.stand_apart(&plain);
        protected
    }

    /// The source with a character for each tag, and where each of its lines and tags begins in the source.
    fn without_tags(&self) -> Vec<(char, usize)> {
        let mut letters = Vec::with_capacity(self.source.len());
        let mut from = 0;
        for (index, tag) in self.tags.iter().enumerate() {
            letters.extend(self.source[from..tag.span.start].char_indices().map(|(at, letter)| (letter, from + at)));
            let stand_in = u32::try_from(index).ok().and_then(|index| char::from_u32(FIRST + index));
            letters.extend(stand_in.map(|letter| (letter, tag.span.start)));
            from = tag.span.end;
        }
        letters.extend(self.source[from..].char_indices().map(|(at, letter)| (letter, from + at)));
        letters
    }

    fn stand_apart(&mut self, letters: &[(char, usize)]) {
        let mut fenced = false;
        for line in letters.split_inclusive(|(letter, _)| *letter == '\n') {
            let start: String =
                line.iter().map(|(letter, _)| *letter).skip_while(|l| l.is_whitespace()).take(3).collect();
            fenced ^= start == "```" || start == "~~~";
            let apart = !fenced && self.is_only_statements(line);
            if apart {
                self.text.push('\n');
            }
            for (letter, at) in line {
                self.steps.push((self.text.len(), *at));
                self.text.push(*letter);
            }
            if apart {
                self.text.push('\n');
            }
        }
    }

    fn is_only_statements(&self, line: &[(char, usize)]) -> bool {
        let mut seen = false;
        for (letter, _) in line.iter().filter(|(letter, _)| !letter.is_whitespace()) {
            match self.tag(*letter) {
                Some(tag) if tag.kind != TagKind::Print => seen = true,
                _ => return false,
            }
        }
        seen
    }

    fn tag(&self, letter: char) -> Option<&Tag> {
        let index = u32::from(letter).checked_sub(FIRST)?;
        self.tags.get(usize::try_from(index).ok()?)
    }

    /// Bytes of the text, found again in the source.
    pub(super) fn in_source(&self, range: Range<usize>) -> Range<usize> {
        let find = |byte: usize| match self.steps.partition_point(|(text, _)| *text < byte) {
            at if at < self.steps.len() => self.steps[at].1,
            _ => self.source.len(),
        };
        let start = find(range.start);
        start..find(range.end).max(start)
    }

    /// Whether a piece of text holds statements and comments alone, and at least one.
    pub(super) fn is_statements(&self, text: &str) -> bool {
        let letters: Vec<(char, usize)> = text.chars().map(|letter| (letter, 0)).collect();
        self.is_only_statements(&letters)
    }

    /// Writes a piece of text with its tags put back; `literal` writes every other character.
    pub(super) fn put_back(&self, text: &str, out: &mut String, literal: fn(char, &mut String)) {
        for letter in text.chars() {
            match self.tag(letter) {
                Some(tag) if tag.kind == TagKind::Comment => {}
                Some(tag) => out.push_str(&self.source[tag.span.clone()]),
                None => literal(letter, out),
            }
        }
    }

    /// Whether a piece of text holds tags.
    pub(super) fn has_tags(&self, text: &str) -> bool {
        text.chars().any(|letter| self.tag(letter).is_some())
    }

    /// The template of an address: a value that begins it is the address itself, words of the business stand as they
    /// are, and every other value is one part of it.
    pub(super) fn address(&self, to: &str) -> String {
        let mut out = String::new();
        let mut begun = Begun::default();
        for letter in to.chars() {
            let Some(tag) = self.tag(letter) else {
                begun.now = true;
                literal_text(letter, &mut out);
                continue;
            };
            let inside = self.source[tag.inside(self.source)].trim();
            match tag.kind {
                TagKind::Comment => {}
                TagKind::Statement => {
                    begun.statement(inside);
                    out.push_str(&self.source[tag.span.clone()]);
                }
                TagKind::Print if begun.now && !inside.starts_with("words.") => {
                    out.extend(["{{ (", inside, ") | ", PART, " }}"]);
                }
                TagKind::Print => {
                    begun.now = true;
                    out.extend(["{{ ", inside, " }}"]);
                }
            }
        }
        out
    }
}

/// Whether an address has begun, on each way through its statements.
#[derive(Default)]
struct Begun {
    now: bool,
    /// What held before each statement that is open.
    before: Vec<bool>,
}

impl Begun {
    fn statement(&mut self, inside: &str) {
        match inside.split_whitespace().next() {
            Some("if" | "for") => self.before.push(self.now),
            Some("elif" | "else") => self.now = self.before.last().copied().unwrap_or(self.now),
            Some("endif" | "endfor") => drop(self.before.pop()),
            _ => {}
        }
    }
}

/// A character of the author's in a template of plain text. A brace could be taken for a tag's beginning.
pub(super) fn literal_text(letter: char, out: &mut String) {
    if letter == '{' { out.push_str("{{ '{' }}") } else { out.push(letter) }
}

/// A character of the author's in a template of HTML.
pub(super) fn literal_html(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '{' => out.push_str("&#123;"),
        _ => out.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::Protected;

    #[test]
    fn every_byte_is_found_again_in_the_source() {
        let source = "a {{ x }} č\n{% if y %}\n<b>\n{% endif %}";
        let protected = Protected::new(source);
        let at = protected.text.find("<b>").unwrap();
        assert_eq!(&source[protected.in_source(at..at + 3)], "<b>");
        let at = protected.text.find('č').unwrap();
        assert_eq!(&source[protected.in_source(at..at + 2)], "č");
        assert_eq!(protected.in_source(0..protected.text.len()).end, source.len());
    }
}
