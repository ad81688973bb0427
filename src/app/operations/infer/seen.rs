//! What was seen of one attribute or property.

use crate::domain::{Number, Value, ValueType};
use std::collections::BTreeSet;

/// The most texts that are taken for all that there are.
const FEW: usize = 8;

/// A text with so many digits may be a telephone number, or the number of a card.
const MANY_DIGITS: usize = 6;

/// The longest text that is shown.
const LONGEST: usize = 32;

/// The values of one name.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) count: u64,
    kinds: BTreeSet<ValueType>,
    /// A nested object, which nothing can name.
    nested: bool,
    /// Types as which every text so far could be read.
    texts_read_as: Option<BTreeSet<ValueType>>,
    /// The texts, as long as they are few.
    texts: BTreeSet<String>,
    many: bool,
    range: Option<(Number, Number)>,
}

impl Seen {
    pub(super) fn add(&mut self, value: &Value) {
        self.count += 1;
        match value.kind() {
            Some(kind) => drop(self.kinds.insert(kind)),
            None => self.nested = true,
        }
        match value {
            Value::Text(text) => self.text(text, value),
            Value::Number(number) => {
                let (least, most) = self.range.unwrap_or((*number, *number));
                self.range = Some((least.min(*number), most.max(*number)));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, value: &Value) {
        let fits = |kind: &ValueType| value.to_kind(*kind).is_some();
        // A full time is a day, too, for whoever asks; here it says more than a day.
        let is_day = text.trim().len() == "2026-03-29".len();
        let could_be = [ValueType::Number, ValueType::Bool, ValueType::Date, ValueType::Time];
        let fitting = could_be.into_iter().filter(fits).filter(|kind| *kind != ValueType::Date || is_day);
        let fitting: BTreeSet<ValueType> = fitting.filter(|kind| *kind != ValueType::Time || !is_day).collect();
        self.texts_read_as = Some(match self.texts_read_as.take() {
            Some(before) => before.intersection(&fitting).copied().collect(),
            None => fitting,
        });
        if self.texts.len() <= FEW {
            self.texts.insert(text.to_owned());
        }
        self.many |= self.texts.len() > FEW;
    }

    /// The type to declare; `None` where nothing can name it.
    pub(super) fn kind(&self) -> Option<ValueType> {
        if self.nested {
            return None;
        }
        let mut kinds = self.kinds.iter().copied().filter(|kind| *kind != ValueType::Text);
        let other = kinds.next();
        if kinds.next().is_some() {
            return Some(ValueType::Text);
        }
        match (&self.texts_read_as, other) {
            (None, other) => other,
            // Numbers are told from texts that look like numbers, such as the code of a place, by being numbers at times.
            (Some(read_as), None) => {
                let dated = [ValueType::Date, ValueType::Time].into_iter().find(|kind| read_as.contains(kind));
                Some(dated.unwrap_or(ValueType::Text))
            }
            (Some(read_as), Some(other)) if read_as.contains(&other) => Some(other),
            (Some(_), Some(_)) => Some(ValueType::Text),
        }
    }

    /// The texts, where they are few, come again and again, and none of them may say who somebody is.
    pub(super) fn one_of(&self) -> Option<Vec<&str>> {
        let often = self.count >= 2 * self.texts.len() as u64;
        let good = self.kind() == Some(ValueType::Text) && !self.many && often && !self.texts.is_empty();
        let only_texts = self.kinds.len() == 1;
        (good && only_texts && self.texts.iter().all(|text| may_be_shown(text)))
            .then(|| self.texts.iter().map(String::as_str).collect())
    }

    /// From the least number to the greatest, where they are no numbers of telephones or cards.
    pub(super) fn range(&self) -> Option<(Number, Number)> {
        let (least, most) = self.range.filter(|_| self.kind() == Some(ValueType::Number))?;
        [least, most].iter().all(|number| may_be_shown(&number.to_string())).then_some((least, most))
    }
}

/// Parts of names that speak of who somebody is, or where.
const PRIVATE: [&str; 13] = [
    "address", "street", "mail", "phone", "mobile", "tel", "name", "iban", "card", "account", "passport", "birth",
    "contact",
];

/// Whether values of that name are nobody's business, whatever they look like.
pub(super) fn is_private(name: &str) -> bool {
    let name = name.to_lowercase();
    PRIVATE.iter().any(|part| name.contains(part))
}

/// Whether a text is no address of anybody, no telephone number, and fit for one line.
fn may_be_shown(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    // Moi Avenue 1 is where somebody lives; Level 1 is not.
    let is_street = digits > 0 && text.split_whitespace().count() > 2;
    !text.trim().is_empty()
        && text.trim() == text
        && text.len() <= LONGEST
        && digits <= MANY_DIGITS
        && !is_street
        && !text.contains(['@', '/', ','])
        && !text.contains(char::is_control)
}
