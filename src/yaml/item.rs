//! Lines that were meant as items of a list and are none: without a blank behind the dash, or with a blank that is none.

use std::ops::Range;

/// What is said of blanks of another kind.
pub(super) const BLANK: &str = "a blank here is none to YAML, but a no-break space or another kind";
pub(super) const BLANK_HELP: &str = "write plain blanks there: delete it, and press the space bar";

/// The bytes of the first blank in a line's indentation, or behind the mark of its item, that is none to YAML.
pub(super) fn other_blank(line: &str) -> Option<Range<usize>> {
    let is_head = |c: &char| c.is_whitespace() || *c == '-';
    let mut head = line.char_indices().take_while(|(_, c)| is_head(c));
    head.find(|(_, c)| c.is_whitespace() && !c.is_ascii()).map(|(at, c)| at..at + c.len_utf8())
}

/// What is said of a dash without its blank.
pub(super) const DASH: &str = "a dash without a blank behind it begins no item of a list";

/// Whether what stands behind a dash is no number and no other dash.
pub(super) fn begins_item(rest: &str) -> bool {
    rest.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '"' | '\'' | '!' | '(' | '{'))
}
