//! Addresses, as strict as is safe.

use lettre::Address;
use lettre::message::Mailbox;

/// Why an address or a mailbox is refused. The text of the address is told to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not exactly one `name@domain`.
    #[error("not one address of the form name@domain")]
    Form,
    /// The part before the @ has characters that need quoting, misplaced dots, the beginning of an encoded word (`=?`), or more
    /// than 64 bytes.
    #[error("the part before the @ is not usable")]
    LocalPart,
    /// The domain is no name of the DNS, or has none (IDNA 2008).
    #[error("the domain is not usable")]
    Domain,
    /// The display name has control characters or angle brackets.
    #[error("the display name is not usable")]
    DisplayName,
}

/// Checks that a text is one address that mail can be sent to: `name@domain`, blanks around it ignored. Quoted names,
/// comments, domain literals, display names and lists are refused: no customer has them, and attackers do.
pub fn check_address(text: &str) -> Result<(), AddressError> {
    address(text).map(drop)
}

/// Checks `name@domain` or `Display Name <name@domain>`, as a sender is written in the settings.
pub fn check_mailbox(text: &str) -> Result<(), AddressError> {
    mailbox(text).map(drop)
}

/// Reads one address; the domain becomes its A-labels, the part before the @ stays as it is, also when it is not ASCII.
pub(super) fn address(text: &str) -> Result<Address, AddressError> {
    let (local, domain) = text.trim().rsplit_once('@').ok_or(AddressError::Form)?;
    if local.contains('@') || text.chars().any(char::is_control) {
        return Err(AddressError::Form);
    }
    let atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom);
    // Some mail readers decode what looks like an encoded word (RFC 2047) even in an address.
    if local.len() > 64 || local.contains("=?") || !local.split('.').all(atom) {
        return Err(AddressError::LocalPart);
    }
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Domain)?;
    if domain.is_empty()
        || domain.len() > 253
        || domain.ends_with('.')
        || domain.bytes().all(|b| !b.is_ascii_alphabetic())
    {
        return Err(AddressError::Domain);
    }
    Ok(Address::new_dangerous(local, domain))
}

/// Control characters, and the separators of lines and paragraphs that some programs take for line ends.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `atext` of RFC 5322, and of RFC 6531 beyond ASCII, without what cannot be seen.
fn is_atom(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
}

/// Reads `name@domain` or `Display Name <name@domain>`; the name may stand in quotes.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, AddressError> {
    let text = text.trim();
    let Some((name, rest)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
        return Ok(Mailbox::new(None, address(text)?));
    };
    let name = name.trim();
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).trim();
    if name.chars().any(|c| is_unsafe(c) || matches!(c, '<' | '>')) {
        return Err(AddressError::DisplayName);
    }
    let name = name.replace("\\\"", "\"");
    Ok(Mailbox::new((!name.is_empty()).then_some(name), address(rest)?))
}

#[cfg(test)]
mod tests {
    use super::{AddressError, address, mailbox};

    #[test]
    fn usual_addresses_are_taken_and_domains_become_ascii() {
        for (text, wire) in [
            ("a@b.example", "a@b.example"),
            (" o'neill+x_1@sub.b-c.example ", "o'neill+x_1@sub.b-c.example"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
            ("a@straße.example", "a@xn--strae-oqa.example"),
            ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("đurđa@b.example", "đurđa@b.example"),
            ("root@localhost", "root@localhost"),
        ] {
            let address = address(text).unwrap();
            assert_eq!(<_ as AsRef<str>>::as_ref(&address), wire);
        }
    }

    #[test]
    fn what_is_not_exactly_one_address_is_refused() {
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.example",
            "a@b@c.example",
            "a@b.example,c@d.example",
            "a@b.example c@d.example",
            "A <a@b.example>",
            "a b@c.example",
            "\"a b\"@c.example",
            "a..b@c.example",
            ".a@c.example",
            "a.@c.example",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@b..example",
            "a@-b.example",
            "a@b_c.example",
            "a@b.example.",
            "a@b.example\r\nRCPT TO:<x@y>",
            "a\0@b.example",
            "a\n@b.example",
            "a@b.example>",
            "<a@b.example",
            "a@b;c",
            "a\u{202e}@b.example",
            "a(c)@b.example",
            "=?utf-8?q?a=0D=0A?=@b.example",
        ] {
            assert!(address(text).is_err(), "{text:?}");
        }
        assert!(address(&format!("{}@b.example", "x".repeat(65))).is_err());
        assert!(address(&format!("a@{}.example", "x".repeat(64))).is_err());
        assert!(address(&format!("a@{}example", "x.".repeat(130))).is_err());
    }

    #[test]
    fn mailboxes_have_a_name_or_none() {
        let name = |text: &str| mailbox(text).unwrap().name;
        assert_eq!(name("Amani Coffee <hello@a.example>").as_deref(), Some("Amani Coffee"));
        assert_eq!(name("\"Amani, Inc.\" <hello@a.example>").as_deref(), Some("Amani, Inc."));
        assert_eq!(name("Amani, Inc. <hello@a.example>").as_deref(), Some("Amani, Inc."));
        assert_eq!(name("<hello@a.example>"), None);
        assert_eq!(name("hello@a.example"), None);
        assert_eq!(mailbox("A\r\nBcc: x <a@b.example>"), Err(AddressError::DisplayName));
        assert_eq!(mailbox("A <a@b.example>, B <c@d.example>"), Err(AddressError::DisplayName));
    }
}
