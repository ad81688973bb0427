//! One line of NDJSON as a JSON object.

use super::lines::shortened;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json};
use std::fmt;

/// The object that a line stands for, or why it stands for none. A member that is there twice refuses it: which of the
/// two is meant, nobody can know. Members of members are not looked at for that; the last one counts.
pub(super) fn parse(bytes: &[u8]) -> Result<Map<String, Json>, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8, from byte {} of the line", error.valid_up_to() + 1))?;
    let start = text.len() - text.trim_ascii_start().len();
    match text[start..].chars().next() {
        Some('{') => {}
        Some(other) => {
            let other = shortened(other.encode_utf8(&mut [0; 4]));
            return Err(format!("not a JSON object: it begins with `{other}` at column {}", start + 1));
        }
        None => return Err("not a JSON object: it is blank".to_owned()),
    }
    let Members { members, twice } = serde_json::from_str(text).map_err(|error| told(&error))?;
    match twice {
        Some(name) => Err(format!("`{}` is there twice", shortened(&name))),
        None => Ok(members),
    }
}

/// What is wrong, without the number of a line, which would not be that of the file.
fn told(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let cause =
        if error.is_eof() { "the line ends too early" } else { whole.split(" at line ").next().unwrap_or_default() };
    format!("not a JSON object: {cause} at column {}", error.column())
}

/// An object, and the first of its members that came again.
struct Members {
    members: Map<String, Json>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let (mut members, mut twice) = (Map::new(), None);
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if twice.is_none() && members.contains_key(&name) {
                twice = Some(name.clone());
            }
            members.insert(name, value);
        }
        Ok(Members { members, twice })
    }
}
