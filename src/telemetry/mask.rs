//! Addresses as logs may show them.

/// The address with all but the first character of its local part hidden: `a***@example.com`. What is no address is
/// hidden whole.
#[must_use]
pub fn mask_address(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((local, domain)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}***@{domain}")
        }
        None => "***".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::mask_address;

    #[test]
    fn only_the_first_character_and_the_domain_are_shown() {
        assert_eq!(mask_address("amani@example.com"), "a***@example.com");
        assert_eq!(mask_address(" čedo@example.com "), "č***@example.com");
        assert_eq!(mask_address("\"a@b\"@example.com"), "\"***@example.com");
        assert_eq!(mask_address("@example.com"), "***@example.com");
        assert_eq!(mask_address("not an address"), "***");
    }
}
