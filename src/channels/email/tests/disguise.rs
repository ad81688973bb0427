//! Texts that spell encoded words (RFC 2047), read back as a mail reader reads them.

use super::mail;
use crate::channels::email::{ComposeError, Mail, compose};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// A word that mail readers take for a line break and a second header.
const EVIL: &str = "=?utf-8?q?A=0D=0ABcc:_x@y.example?= B";

/// The text of an encoded word. Only what RFC 2047 asks for.
fn word(token: &str) -> Option<Vec<u8>> {
    let inside = token.strip_prefix("=?utf-8?").and_then(|rest| rest.strip_suffix("?="))?;
    let (encoding, text) = inside.split_once('?')?;
    if encoding.eq_ignore_ascii_case("b") {
        return STANDARD.decode(text).ok();
    }
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let code = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&code).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    Some(bytes)
}

/// A header's value as it is shown: unfolded and decoded, blanks between two encoded words dropped.
fn shown(value: &str) -> String {
    let unfolded = value.replace("\r\n", "");
    let (mut text, mut blanks, mut behind_word) = (Vec::new(), String::new(), false);
    for token in unfolded.split_inclusive(' ') {
        let (token, blank) = token.strip_suffix(' ').map_or((token, ""), |token| (token, " "));
        if !token.is_empty() {
            let decoded = word(token);
            let is_word = decoded.is_some();
            if !(behind_word && is_word) {
                text.extend(blanks.bytes());
            }
            text.extend(decoded.unwrap_or_else(|| token.into()));
            blanks.clear();
            behind_word = is_word;
        }
        blanks.push_str(blank);
    }
    String::from_utf8(text).unwrap()
}

/// The value of one header, still folded.
fn raw(mail: &Mail, name: &str) -> String {
    let message = String::from_utf8(compose(mail).unwrap().message).unwrap();
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    let start = head.find(&format!("{name}: ")).unwrap() + name.len() + 2;
    let mut end = start;
    for line in head[start..].split_inclusive("\r\n") {
        if end > start && !line.starts_with(' ') {
            break;
        }
        end += line.len();
    }
    head[start..end].trim_end_matches("\r\n").to_owned()
}

fn words_are_short(value: &str) -> bool {
    value.split_whitespace().filter(|word| word.contains("=?")).all(|word| word.len() <= 75)
        && value.split("\r\n").all(|line| line.len() <= 76)
}

#[test]
fn a_subject_that_spells_an_encoded_word_is_shown_as_it_was_written() {
    let mut mail = mail(1);
    mail.subject = format!("{EVIL} , we miss you");
    let value = raw(&mail, "Subject");
    assert_eq!(shown(&value), mail.subject);
    assert!(!value.contains("=?utf-8?q?") && words_are_short(&value), "{value}");
}

#[test]
fn display_names_and_further_headers_are_shown_as_they_were_written() {
    let mut mail = mail(1);
    mail.from = format!("{EVIL} <hello@amani.example>");
    mail.reply_to = Some(format!("\"{EVIL}\" <help@amani.example>"));
    mail.headers = vec![("Feedback-ID".into(), EVIL.into())];
    assert_eq!(shown(&raw(&mail, "From")), format!("{EVIL} <hello@amani.example>"));
    assert_eq!(shown(&raw(&mail, "Reply-To")), format!("{EVIL} <help@amani.example>"));
    assert_eq!(shown(&raw(&mail, "Feedback-ID")), EVIL);
    for name in ["From", "Reply-To", "Feedback-ID"] {
        assert!(words_are_short(&raw(&mail, name)), "{}", raw(&mail, name));
    }
    let composed = compose(&mail).unwrap();
    assert_eq!(composed.from.to_string(), "hello@amani.example");
    let message = String::from_utf8(composed.message).unwrap();
    assert_eq!((message.matches("From: ").count(), message.matches("Reply-To: ").count()), (1, 1));
}

#[test]
fn a_link_that_spells_an_encoded_word_is_refused_because_links_cannot_be_encoded() {
    let mut mail = mail(1);
    mail.headers = vec![("List-Unsubscribe".into(), "<https://x.example/?a=?utf-8?q?b?=>".into())];
    assert_eq!(compose(&mail), Err(ComposeError::Header("List-Unsubscribe".into())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_is_written_around_it_comes_back_and_stays_in_its_lines(
        pieces in prop::collection::vec(prop_oneof![
            Just("=?".to_owned()), Just("?=".to_owned()), Just("=?utf-8?q?=0A?=".to_owned()),
            Just("=?utf-8?b?DQo=?=".to_owned()), Just("  ".to_owned()), "[a-z ☕đ𝄞]{1,12}",
        ], 1..16),
    ) {
        let text = pieces.concat().trim().to_owned();
        prop_assume!(!text.is_empty() && text.contains("=?"));
        let mut mail = mail(1);
        mail.subject.clone_from(&text);
        mail.from = format!("{text} <hello@amani.example>");
        mail.headers = vec![("Feedback-ID".into(), text.clone())];
        for (name, expected) in [
            ("Subject", text.clone()), ("From", format!("{text} <hello@amani.example>")), ("Feedback-ID", text),
        ] {
            let value = raw(&mail, name);
            prop_assert!(value.is_ascii() && words_are_short(&value), "{}", value);
            prop_assert_eq!(shown(&value), expected);
        }
    }
}
