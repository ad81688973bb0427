//! A sender or receiver: a name and an address.

use crate::yaml::Item;
use std::fmt;
use std::str::FromStr;

/// A mailbox as RFC 5322 (section 3.4) calls it, such as `Amani Coffee <hello@amani.example>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name that is shown, if there is one.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// Why a text is no mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMailbox {
    /// No `@`, or more than one.
    #[error("it has no single `@`")]
    NoAt,
    /// More than one address.
    #[error("it names more than one address")]
    Several,
    /// `<` without `>` at the end.
    #[error("its `<` and `>` do not match")]
    Brackets,
    /// Something in front of the `@` that cannot stand there.
    #[error("what stands before the `@` is no local part")]
    Local,
    /// Something behind the `@` that is no domain.
    #[error("what stands behind the `@` is no domain")]
    Domain,
    /// A line break or another control character.
    #[error("it holds a control character")]
    Control,
}

impl Mailbox {
    /// Reads one from a file; notes what is wrong with it.
    pub(super) fn read(item: Item<'_>) -> Option<Self> {
        let text = item.text()?;
        match text.parse() {
            Ok(mailbox) => Some(mailbox),
            Err(reason) => {
                let help = "write `hello@shop.example` or `Shop <hello@shop.example>`";
                item.error_with_help("bad-address", format!("`{}` is no mailbox: {reason}", item.name()), help);
                None
            }
        }
    }

    /// The part of the address behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Mailbox {
    type Err = NotAMailbox;

    fn from_str(text: &str) -> Result<Self, NotAMailbox> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(NotAMailbox::Control);
        }
        let (name, address) = match text.strip_suffix('>') {
            Some(open) => open.rsplit_once('<').ok_or(NotAMailbox::Brackets)?,
            None => ("", text),
        };
        check_address(address)?;
        let name = display_name(name.trim())?;
        Ok(Self { name, address: address.to_owned() })
    }
}

fn display_name(name: &str) -> Result<Option<String>, NotAMailbox> {
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = match quoted {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None if name.contains(['<', '>']) => return Err(NotAMailbox::Brackets),
        None if name.contains([',', ';', '@']) => return Err(NotAMailbox::Several),
        None => name.to_owned(),
    };
    Ok((!name.is_empty()).then_some(name))
}

/// Checks one address: a dot-atom, an `@` and a domain of labels; characters beyond ASCII may stand in both (RFC 6531).
pub(super) fn check_address(address: &str) -> Result<(), NotAMailbox> {
    if address.contains(['<', '>']) {
        return Err(NotAMailbox::Brackets);
    }
    if address.contains([',', ';']) {
        return Err(NotAMailbox::Several);
    }
    let (local, domain) = address.split_once('@').ok_or(NotAMailbox::NoAt)?;
    if domain.contains('@') {
        return Err(NotAMailbox::NoAt);
    }
    let is_atom = |text: &str| !text.is_empty() && text.chars().all(is_atom_character);
    if local.len() > 64 || !local.split('.').all(is_atom) {
        return Err(NotAMailbox::Local);
    }
    if is_domain(domain) { Ok(()) } else { Err(NotAMailbox::Domain) }
}

/// Whether a text is a domain: labels of letters, digits and inner hyphens.
pub(super) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    domain.len() <= 253 && domain.split('.').all(is_label)
}

fn is_atom_character(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character) || !character.is_ascii()
}

impl fmt::Display for Mailbox {
    /// As in a header, before it is encoded: a name with special characters in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => f.write_str(&self.address),
            Some(name) if name.chars().all(|c| is_atom_character(c) || c == ' ') => {
                write!(f, "{name} <{}>", self.address)
            }
            Some(name) => {
                let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{escaped}\" <{}>", self.address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mailbox, NotAMailbox};

    #[test]
    fn mailboxes_are_read_with_and_without_a_name() {
        for (text, name, address) in [
            ("a@b.example", None, "a@b.example"),
            ("Amani Coffee <hello@amani.example>", Some("Amani Coffee"), "hello@amani.example"),
            ("\"Doe, \\\"J\\\"\" <j.doe+x@b.example>", Some("Doe, \"J\""), "j.doe+x@b.example"),
            ("Žarko <žarko@kava.hr>", Some("Žarko"), "žarko@kava.hr"),
            ("<a@localhost>", None, "a@localhost"),
        ] {
            let mailbox: Mailbox = text.parse().unwrap();
            assert_eq!((mailbox.name.as_deref(), mailbox.address.as_str()), (name, address), "{text}");
            assert_eq!(mailbox.to_string().parse(), Ok(mailbox), "{text}");
        }
    }

    #[test]
    fn what_is_no_mailbox_is_refused_with_its_reason() {
        for (text, reason) in [
            ("hello", NotAMailbox::NoAt),
            ("a@b@c.example", NotAMailbox::NoAt),
            ("a@b.example, c@d.example", NotAMailbox::Several),
            ("A, B <a@b.example>", NotAMailbox::Several),
            ("A <a@b.example", NotAMailbox::Brackets),
            ("a@b.example>", NotAMailbox::Brackets),
            ("a b@c.example", NotAMailbox::Local),
            (".a@c.example", NotAMailbox::Local),
            ("a@-c.example", NotAMailbox::Domain),
            ("a@", NotAMailbox::Domain),
            ("A\r\nBcc: x <a@b.example>", NotAMailbox::Control),
        ] {
            assert_eq!(text.parse::<Mailbox>(), Err(reason), "{text}");
        }
    }
}
