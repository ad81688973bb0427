//! Encoded words (RFC 2047), for texts that would else be read as such.
//!
//! A text of data may spell an encoded word itself, `=?utf-8?q?…?=`, and mail readers decode it wherever it stands, line
//! breaks of its choice included. Where a text contains the beginning of one, all of it is encoded here, so that decoding
//! gives back that very text. Other texts are left to lettre, which encodes what is not ASCII.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How each encoded word begins: base64 is the one encoding that every place of a header permits.
const BEGIN: &str = "=?utf-8?b?";
/// How each encoded word ends.
const END: &str = "?=";
/// The longest line with encoded words, without its line break (RFC 2047, section 2). Words, at most 75 characters, are
/// shorter than a line that begins with a blank.
const LINE: usize = 76;
/// Bytes of text that a word of its own line holds: the whole groups of three that 75 characters leave room for.
const WORD_BYTES: usize = (LINE - 1 - BEGIN.len() - END.len()) / 4 * 3;

/// Whether a text could be taken for encoded words by who reads it.
pub(super) fn looks_encoded(text: &str) -> bool {
    text.contains("=?")
}

/// A text as encoded words, folded; the first of them stands behind `name: `. No word splits a character.
pub(super) fn encoded(name: &str, text: &str) -> String {
    let mut line = String::with_capacity(text.len() * 2);
    let first = LINE.saturating_sub(name.len() + ": ".len() + BEGIN.len() + END.len()) / 4 * 3;
    let (mut rest, mut room) = (text, first.min(WORD_BYTES));
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(room));
        if !word.is_empty() {
            line.push_str(BEGIN);
            STANDARD.encode_string(word, &mut line);
            line.push_str(END);
        }
        if !behind.is_empty() {
            line.push_str("\r\n ");
        }
        (rest, room) = (behind, WORD_BYTES);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn words_are_folded_and_never_split_a_character() {
        let text = "=?☕đ".repeat(40);
        let folded = encoded("Subject", &text);
        let mut whole = String::new();
        for (index, line) in folded.split("\r\n").enumerate() {
            let word = if index == 0 { line } else { line.strip_prefix(' ').unwrap() };
            assert!(word.len() <= 75 && line.len() + if index == 0 { "Subject: ".len() } else { 0 } <= 76, "{line}");
            let inside = word.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
            let bytes = base64::Engine::decode(&super::STANDARD, inside).unwrap();
            whole.push_str(&String::from_utf8(bytes).unwrap());
        }
        assert_eq!(whole, text);
    }
}
