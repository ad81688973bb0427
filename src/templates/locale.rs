//! Which of a template's languages a customer gets.

use std::collections::BTreeMap;

/// The name of a locale for comparison: `hr_HR` and `hr-hr` are one.
pub(super) fn normal(locale: &str) -> String {
    locale.trim().replace('_', "-").to_ascii_lowercase()
}

/// Whether it looks like a language tag (BCP 47): `en`, `hr-HR`, `sr-Latn-RS`.
pub(super) fn is_locale(locale: &str) -> bool {
    let mut parts = locale.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The best of the languages there are, by normal name: the wanted one, then its language without region, then another
/// region of it; the same for the business's; then English, then the first.
pub(super) fn pick<'l, T>(there: &'l BTreeMap<String, T>, wanted: &str, business: &str) -> Option<&'l T> {
    let near = |locale: &str| {
        let locale = normal(locale);
        let mut name = locale.as_str();
        while !name.is_empty() {
            if let Some(found) = there.get(name) {
                return Some(found);
            }
            name = name.rfind('-').map_or("", |dash| &name[..dash]);
        }
        let language = locale.split('-').next().filter(|language| !language.is_empty())?;
        there.iter().find(|(name, _)| name.split('-').next() == Some(language)).map(|(_, found)| found)
    };
    near(wanted).or_else(|| near(business)).or_else(|| there.get("en")).or_else(|| there.values().next())
}

#[cfg(test)]
mod tests {
    use super::{is_locale, pick};

    #[test]
    fn the_nearest_language_is_picked() {
        let there = ["de", "en", "hr", "pt-br"].map(|name| (name.to_owned(), name)).into();
        for (wanted, business, expected) in [
            ("hr-HR", "en", "hr"),
            ("HR_hr", "en", "hr"),
            ("pt-PT", "en", "pt-br"),
            ("sw", "de-AT", "de"),
            ("", "de", "de"),
            ("sw", "ar", "en"),
        ] {
            assert_eq!(pick(&there, wanted, business), Some(&expected), "{wanted}");
        }
        let one = [("sw".to_owned(), 1)].into();
        assert_eq!(pick(&one, "hy", "en"), Some(&1));
    }

    #[test]
    fn file_names_that_are_no_language_are_told() {
        assert!(["en", "hr-HR", "sr-Latn-RS", "fil"].into_iter().all(is_locale));
        assert!(!["", "english", "e", "en_US", "en-", "1n"].into_iter().any(is_locale));
    }
}
