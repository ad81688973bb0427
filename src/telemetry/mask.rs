//! Addresses as logs may show them.

use std::borrow::Cow;

/// The address with all but the first character of its local part hidden: `a***@example.com`. What is no address is
/// hidden whole.
#[must_use]
pub fn mask_address(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((local, domain)) => masked(local, "@", domain),
        None => "***".into(),
    }
}

/// The text with every address in it as [`mask_address`] shows it, wherever it stands: in an answer of a server, in
/// quotes, in a URL (`%40` is an `@` as well). What only looks like an address is masked, too.
#[must_use]
pub fn mask_addresses(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut done = 0;
    let mut from = 0;
    while let Some((at, sign)) = next_at(text, from) {
        from = at + sign.len();
        let (start, end) = (start_of_local(&text[done..at]) + done, from + length_of_domain(&text[from..]));
        if start < at && end > from {
            shown.push_str(&text[done..start]);
            shown.push_str(&masked(&text[start..at], sign, &text[from..end]));
            (done, from) = (end, end);
        }
    }
    if done == 0 {
        return text.into();
    }
    shown.push_str(&text[done..]);
    shown.into()
}

/// Whether there may be an address in it: cheaper than to look for one.
pub(super) fn may_hold_address(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'@' | b'%'))
}

fn masked(local: &str, sign: &str, domain: &str) -> String {
    let first = local.chars().next().map(String::from).unwrap_or_default();
    format!("{first}***{sign}{domain}")
}

/// The next `@`, or how a URL writes it.
fn next_at(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let plain = text[from..].find('@').map(|at| (at + from, "@"));
    let escaped = text[from..].find("%40").map(|at| (at + from, "%40"));
    plain.into_iter().chain(escaped).min()
}

/// Where the local part begins that the text ends in; its length if it ends in none.
fn start_of_local(text: &str) -> usize {
    if let Some(quoted) = text.strip_suffix('"') {
        // A quoted local part (RFC 5321 4.1.2) may hold anything.
        return quoted.rfind('"').unwrap_or(text.len());
    }
    text.rfind(|c: char| !is_local(c)).map_or(0, |last| last + text[last..].chars().next().map_or(1, char::len_utf8))
}

/// How much of the text's beginning is a domain, or an address of the network in brackets.
fn length_of_domain(text: &str) -> usize {
    if text.starts_with('[') {
        return text.find(']').map_or(0, |end| end + 1);
    }
    let length = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.'))).unwrap_or(text.len());
    text[..length].trim_end_matches(['.', '-']).len()
}

fn is_local(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || "<>()[]{}:;,\"\\|@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{mask_address, mask_addresses};
    use std::borrow::Cow;

    #[test]
    fn only_the_first_character_and_the_domain_are_shown() {
        assert_eq!(mask_address("amani@example.com"), "a***@example.com");
        assert_eq!(mask_address(" čedo@example.com "), "č***@example.com");
        assert_eq!(mask_address("\"a@b\"@example.com"), "\"***@example.com");
        assert_eq!(mask_address("@example.com"), "***@example.com");
        assert_eq!(mask_address("not an address"), "***");
    }

    #[test]
    fn addresses_in_what_others_say_are_masked_where_they_stand() {
        let said = "550 5.1.1 <amani@example.com>: no such user";
        assert_eq!(mask_addresses(said), "550 5.1.1 <a***@example.com>: no such user");
        // Of a URL more goes than need be: where the address begins is not known.
        assert_eq!(mask_addresses("see https://x.test/u?a=amani%40example.com."), "see https:/***%40example.com.");
        assert_eq!(mask_addresses("to=ana.o'hara+x@čaj.example, b@[127.0.0.1]"), "t***@čaj.example, b***@[127.0.0.1]");
        assert_eq!(mask_addresses("\"ana b\"@example.com twice@here"), "\"***@example.com t***@here");
        assert_eq!(mask_addresses("ana@a.test,ivan@b.test."), "a***@a.test,i***@b.test.");
        assert_eq!(mask_addresses("a@b@c.test"), "a***@b@c.test");
    }

    #[test]
    fn what_holds_no_address_stays_as_it_is() {
        for text in ["", "12 rules", "50 % @ noon", "@home", "mail@", "100 %"] {
            assert!(matches!(mask_addresses(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
