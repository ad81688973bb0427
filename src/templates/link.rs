//! Addresses of links: which ones a message may hold, and how they are written.

use std::fmt::Write as _;

/// Schemes that a link may have.
const SCHEMES: [&str; 4] = ["https://", "http://", "mailto:", "tel:"];

/// What is wrong with the address of a link.
pub(super) const WRONG: &str = "a link must lead to https://, http://, mailto: or tel:";

/// The address with everything that has no place in one percent-encoded (RFC 3986), or `None` where it is no address
/// that a message may hold: none at all, a relative one, or one with another scheme.
pub(super) fn address(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let scheme =
        SCHEMES.iter().find(|scheme| raw.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))?;
    let rest = &raw[scheme.len()..];
    if rest.is_empty() || scheme.ends_with("//") && !starts_with_host(rest) {
        return None;
    }
    let mut out = (*scheme).to_owned();
    for byte in rest.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            percent(&mut out, byte);
        }
    }
    Some(out)
}

/// An international host name is left to the address's owner to write in its ASCII form.
fn starts_with_host(rest: &str) -> bool {
    rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
}

/// A value as one part of an address: whatever it holds, it ends no path, query or parameter.
pub(super) fn part(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            percent(&mut out, byte);
        }
    }
    out
}

fn percent(out: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    write!(out, "%{byte:02X}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::{address, part};

    #[test]
    fn only_addresses_of_the_known_schemes_are_links() {
        for bad in [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:x",
            " data:text/html,x",
            "/shop",
            "shop.example",
            "https://",
            "//x",
            "java\nscript:x",
            "https:///x",
            "http:\\\\x",
            "vbscript:x",
            "none",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
        assert_eq!(address(" HTTPS://a.example/x?y=1#z ").as_deref(), Some("https://a.example/x?y=1#z"));
        assert_eq!(address("mailto:a@b.test").as_deref(), Some("mailto:a@b.test"));
    }

    #[test]
    fn what_has_no_place_in_an_address_is_encoded() {
        let hostile = address("https://a.example/\"><img src=x>\r\nč").unwrap();
        assert_eq!(hostile, "https://a.example/%22%3E%3Cimg%20src=x%3E%0D%0A%C4%8D");
        assert_eq!(part("a/b&c=d#é"), "a%2Fb%26c%3Dd%23%C3%A9");
    }
}
