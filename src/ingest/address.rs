//! Which texts are addresses that mail can be sent to.

use super::lines::shortened;

/// The longest part before the @, in bytes (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// The longest domain on the wire, in bytes.
const LONGEST_DOMAIN: usize = 253;

/// The address without the blanks around it, or why mail cannot be sent to it. As strict as composing is, so that what is
/// stored can be used:
///
/// - before the @ a dot-atom of RFC 5322 (letters, digits and ``!#$%&'*+-/=?^_`{|}~``, with single dots between them),
///   or of RFC 6531 beyond ASCII, at most 64 bytes; no quotes, no comments, no `=?`, which some mail readers take
///   for the beginning of an encoded word;
/// - behind it the name of a host: labels of letters, digits and inner hyphens, at most 63 bytes each and 253 in all, also
///   beyond ASCII (IDNA 2008); no address of the form `[127.0.0.1]` and no number alone.
pub(super) fn email(text: &str) -> Result<String, String> {
    let told = |why: &str| format!("`email` is `{}`, no address: {why}", shortened(text));
    let address = text.trim();
    let (local, domain) = address.rsplit_once('@').ok_or_else(|| told("it has no @"))?;
    if local.contains('@') {
        return Err(told("it has more than one @"));
    }
    if !is_local(local) {
        return Err(told("the part before the @ cannot be used"));
    }
    if !is_domain(domain) {
        return Err(told("the part behind the @ is no domain"));
    }
    Ok(address.to_owned())
}

fn is_local(local: &str) -> bool {
    let plain = local.len() <= LONGEST_LOCAL && !local.contains("=?");
    plain && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_atom(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter);
    }
    let unseen = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}');
    !(letter.is_whitespace() || letter.is_control() || unseen)
}

fn is_domain(domain: &str) -> bool {
    let Ok(wire) = idna::domain_to_ascii_strict(domain) else { return false };
    let sized = !wire.is_empty() && wire.len() <= LONGEST_DOMAIN && !wire.ends_with('.');
    sized && wire.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::email;

    #[test]
    fn what_mail_can_be_sent_to_is_taken() {
        for good in [
            "a@b.test",
            "o'neill+x_1@sub.b-c.example",
            "a/b=c@x.example",
            "đurđa@b.example",
            "a@bücher.example",
            "a@例え.テスト",
            "root@localhost",
        ] {
            assert_eq!(email(&format!(" {good} ")), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_mail_cannot_be_sent_to_is_refused_with_what_is_wrong() {
        let long_local = format!("{}@b.example", "x".repeat(65));
        let long_label = format!("a@{}.example", "x".repeat(64));
        for (bad, why) in [
            ("", "it has no @"),
            ("a", "it has no @"),
            ("a@b@c.example", "more than one @"),
            ("@b.example", "before the @"),
            ("../../etc/passwd@x.example", "before the @"),
            ("a..b@x.example", "before the @"),
            (".a@x.example", "before the @"),
            ("a.@x.example", "before the @"),
            ("a b@c.example", "before the @"),
            ("\"a b\"@c.example", "before the @"),
            ("Ana <a@c.example", "before the @"),
            ("a\u{202e}@c.example", "before the @"),
            ("=?utf-8?q?a=0D=0A?=@b.example", "before the @"),
            (&long_local, "before the @"),
            ("a@", "no domain"),
            ("a@b..example", "no domain"),
            ("a@-b.example", "no domain"),
            ("a@b_c.example", "no domain"),
            ("a@b.example.", "no domain"),
            ("a@[127.0.0.1]", "no domain"),
            ("a@127.0.0.1", "no domain"),
            ("a@b.example>", "no domain"),
            ("a@b\r\nBcc: x", "no domain"),
            (&long_label, "no domain"),
        ] {
            let told = email(bad).unwrap_err();
            assert!(told.starts_with("`email` is `") && told.contains("no address: ") && told.contains(why), "{told}");
        }
    }
}
