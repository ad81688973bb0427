//! What a template may name, and what it does name.

use super::{Names, SentBy, event};
use crate::domain::nearest;
use std::collections::BTreeSet;

/// Words that begin every name, besides what the template itself sets.
pub(super) const ROOTS: [&str; 5] = ["customer", "orders", "words", "business", "event"];
const ORDERS: [&str; 5] = ["count", "revenue", "average", "first_at", "last_at"];
const BUSINESS: [&str; 3] = ["name", "address", "locale"];
/// Functions of the engine that are kept.
const FUNCTIONS: [&str; 2] = ["range", "dict"];

/// What a template needs of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Attributes, `id` among them.
    pub(super) customer: BTreeSet<String>,
    /// Classes and topics.
    pub(super) consent: BTreeSet<String>,
    /// Members of `orders`.
    pub(super) orders: BTreeSet<String>,
    /// Words of the business.
    pub(super) words: BTreeSet<String>,
    /// Properties of the event that started the rule.
    pub(super) event: BTreeSet<String>,
}

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Needs {
    pub(super) fn merge(&mut self, other: Self) {
        self.customer.extend(other.customer);
        self.consent.extend(other.consent);
        self.orders.extend(other.orders);
        self.words.extend(other.words);
        self.event.extend(other.event);
    }

    /// Takes in one name, written with dots; or says what is wrong with it and what to write.
    pub(super) fn take(&mut self, name: &str, names: &Names<'_>, sent_by: &[SentBy]) -> Result<(), Wrong> {
        let parts: Vec<&str> = name.split('.').collect();
        match parts[..] {
            ["customer", "consent", consent] if names.schema.consents.iter().any(|known| known == consent) => {
                self.consent.insert(consent.to_owned());
            }
            ["customer", attribute] if attribute == "id" || names.schema.customer.contains_key(attribute) => {
                self.customer.insert(attribute.to_owned());
            }
            ["orders", member] if ORDERS.contains(&member) => {
                self.orders.insert(member.to_owned());
            }
            ["words", word] if names.words.contains_key(word) => {
                self.words.insert(word.to_owned());
            }
            ["business", member] if BUSINESS.contains(&member) => {}
            [function] if FUNCTIONS.contains(&function) => {}
            ["event", property] => {
                event::check(property, names, sent_by)?;
                self.event.insert(property.to_owned());
            }
            _ => {
                let (message, help) = (reason(&parts, names), help(&parts, names, sent_by));
                return Err(Wrong { code: "unknown-name", message, help });
            }
        }
        Ok(())
    }
}

fn reason(parts: &[&str], names: &Names<'_>) -> String {
    let name = parts.join(".");
    match parts {
        [root] if ROOTS.contains(root) => format!("`{name}` is a group of names and cannot be used by itself"),
        ["customer", "consent", topic, ..] => format!("there is no class or topic `{topic}`"),
        ["customer", "consent"] => "`customer.consent` is a group of names and cannot be used by itself".to_owned(),
        ["customer", known, _, ..] if names.schema.customer.contains_key(*known) => {
            format!("`customer.{known}` has no members, so there is no `{name}`")
        }
        ["customer", attribute, ..] => format!("schema.yaml declares no attribute `{attribute}`"),
        ["event", property, _, ..] => format!("`event.{property}` has no members, so there is no `{name}`"),
        ["words", word, ..] => format!("there is no word `{word}` in the settings, under `business.words`"),
        _ => format!("unknown name `{name}`"),
    }
}

fn help(parts: &[&str], names: &Names<'_>, sent_by: &[SentBy]) -> Option<String> {
    let known = known_names(names, sent_by);
    let Some(root) = parts.first().filter(|root| ROOTS.contains(root)) else {
        return Some(help_without_root(parts, &known));
    };
    let members: Vec<&str> = known.iter().filter_map(|known| known.strip_prefix(*root)?.strip_prefix('.')).collect();
    if let Some(near) = nearest(&parts[1..].join("."), members.iter().copied()) {
        return Some(format!("did you mean `{root}.{near}`?"));
    }
    if members.is_empty() && *root == "words" {
        let word = parts.get(1).unwrap_or(&"shop");
        return Some(format!("write into retaind.yaml: `business: {{words: {{{word}: …}}}}`"));
    }
    (!members.is_empty()).then(|| format!("write `{root}.` and one of: {}", members.join(", ")))
}

/// A name that is near as a whole, or one whose last word is the same: `first_name` for `customer.first_name`.
fn help_without_root(parts: &[&str], known: &[String]) -> String {
    let near = nearest(&parts.join("."), known.iter().map(String::as_str)).or_else(|| {
        let last = parts.last()?;
        known.iter().map(String::as_str).find(|known| known.rsplit('.').next() == Some(last))
    });
    near.map_or_else(
        || format!("names begin with {}", ROOTS.map(|root| format!("`{root}.`")).join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

/// Every name, written with dots.
fn known_names(names: &Names<'_>, sent_by: &[SentBy]) -> Vec<String> {
    let of = |root: &str, members: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        members.map(|member| format!("{root}.{member}")).collect()
    };
    let attributes = names.schema.customer.keys().map(String::as_str).filter(|name| *name != "id");
    let mut known = of("customer", &mut std::iter::once("id").chain(attributes));
    known.extend(of("customer.consent", &mut names.schema.consents.iter().map(String::as_str)));
    known.extend(of("orders", &mut ORDERS.into_iter()));
    known.extend(of("words", &mut names.words.keys().map(String::as_str)));
    known.extend(of("business", &mut BUSINESS.into_iter()));
    known.extend(of("event", &mut event::properties(names, sent_by).into_iter()));
    known
}
