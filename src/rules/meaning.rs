//! What a condition means, as a number that another way of writing the same does not change.

use super::Names;
use crate::condition::Predicate;
use crate::yaml::{Kind, Node};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The meaning of a condition whose `parts` are the segments that it names with their meanings: the first 64 bits of a
/// hash over its text, without the blanks that say nothing, those meanings, and what the settings and the schema make of
/// its names.
pub(super) fn meaning(node: &Node, when: &Predicate, parts: &BTreeMap<&str, u64>, names: &Names<'_>) -> u64 {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(&written(node));
    for (name, meaning) in parts {
        part(name);
        part(&meaning.to_string());
    }
    let reads = when.reads();
    if reads.orders {
        let purchase = &names.schema.purchase;
        for text in [&purchase.event, &purchase.value, &purchase.id] {
            part(text);
        }
    }
    for name in &reads.attributes {
        let attribute = names.schema.customer.get(name);
        part(name);
        part(&format!("{:?}", attribute.map(|attribute| (attribute.kind, attribute.default.as_ref()))));
    }
    let digest = hash.finalize();
    u64::from_be_bytes(digest[..8].try_into().unwrap_or_default())
}

/// The condition in one way of writing: a list of one is its item, and a text stands in quotes.
fn written(node: &Node) -> String {
    match &node.kind {
        Kind::List(items) if items.len() == 1 => items.iter().map(written).collect(),
        Kind::List(items) => format!("all({})", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Kind::Map(_) => {
            let group = |name: &str| node.get(name).map(|node| format!("{name}({})", written(node)));
            ["all", "any", "none"].into_iter().filter_map(group).collect()
        }
        _ => format!("{:?}", without_blanks(node.as_text().unwrap_or_default())),
    }
}

/// A condition's text without the blanks outside its texts, but for those that part two words: two that are the same then are one condition.
#[must_use]
pub fn without_blanks(text: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let (mut bare, mut quote, mut parted) = (String::with_capacity(text.len()), None, false);
    let mut characters = text.trim().chars();
    while let Some(character) = characters.next() {
        if let Some(open) = quote {
            bare.push(character);
            match character {
                '\\' => bare.extend(characters.next()),
                _ if character == open => quote = None,
                _ => {}
            }
            continue;
        }
        if character.is_whitespace() {
            parted = true;
            continue;
        }
        if parted && is_word(character) && bare.chars().next_back().is_some_and(is_word) {
            bare.push(' ');
        }
        parted = false;
        quote = Some(character).filter(|character| matches!(character, '"' | '\''));
        bare.push(character);
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::without_blanks;

    #[test]
    fn blanks_count_only_inside_texts_and_between_words() {
        assert_eq!(without_blanks(" a.b  >= 2 &&\n x in [ 'c  d', \"e\\\" f\" ] "), "a.b>=2&&x in['c  d',\"e\\\" f\"]");
    }
}
