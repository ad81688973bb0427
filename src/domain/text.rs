//! Short texts of stored records.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

/// A text of a record: a name, an id, a value.
///
/// Most are short, and those of up to 24 bytes stand in the record itself. Reading a customer would otherwise make and
/// drop some twenty pieces of memory for them, which took longer than judging the customer.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(compact_str::CompactString);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

/// Equal, ordered and hashed as the text that it is, so that a map can be asked for a `&str`.
impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.as_str().into()
    }
}

impl From<Text> for serde_json::Value {
    fn from(text: Text) -> Self {
        Self::String(text.into())
    }
}

impl From<&Text> for serde_json::Value {
    fn from(text: &Text) -> Self {
        Self::String(text.into())
    }
}

macro_rules! equals {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Text {
            fn eq(&self, other: &$other) -> bool {
                let other: &str = other;
                self.as_str() == other
            }
        }

        impl PartialEq<Text> for $other {
            fn eq(&self, other: &Text) -> bool {
                other == self
            }
        }
    )*};
}

equals!(str, &str, String);

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<C> minicbor::Encode<C> for Text {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Text {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str().map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use std::collections::{BTreeSet, HashSet};

    #[test]
    fn it_is_stored_as_any_text_is() {
        for text in ["", "a", "exactly four and twenty!", "longer than four and twenty bytes", "\u{17d}upanja"] {
            let bytes = minicbor::to_vec(text).unwrap();
            assert_eq!(minicbor::to_vec(Text::from(text)).unwrap(), bytes);
            assert_eq!(minicbor::decode::<Text>(&bytes).unwrap(), text);
        }
        assert!(minicbor::decode::<Text>(&[0x61, 0xff]).is_err(), "not UTF-8");
    }

    #[test]
    fn maps_find_it_by_its_text_and_keep_its_order() {
        let names = ["b", "a", "another that is longer than 24 bytes", "\u{e9}", "Z"];
        let sorted: BTreeSet<Text> = names.map(Text::from).into();
        assert!(sorted.iter().map(Text::as_str).eq(BTreeSet::from(names)));
        let hashed: HashSet<Text> = sorted.into_iter().collect();
        assert!(names.iter().all(|name| hashed.contains(*name)));
    }
}
