//! Paths and queries.

use serde::Serialize;

/// A name as one segment of a path, or as a value of a query: all but unreserved characters as `%XX` (RFC 3986, 2.3).
pub(in crate::cli) fn encoded(name: &str) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    encoded
}

/// The path with the set members of `query` behind it.
pub(in crate::cli) fn with_query(path: &str, query: &impl Serialize) -> String {
    let members = match serde_json::to_value(query) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let pairs: Vec<_> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            format!("{}={}", encoded(name), encoded(&text))
        })
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::{encoded, with_query};
    use crate::domain::State;
    use crate::http::DeliveryQuery;

    #[test]
    fn names_stay_one_segment_whatever_they_hold() {
        assert_eq!(encoded("a/b?c=d&e #č"), "a%2Fb%3Fc%3Dd%26e%20%23%C4%8D");
    }

    #[test]
    fn only_what_is_asked_for_stands_in_the_query() {
        assert_eq!(with_query("/v1/deliveries", &DeliveryQuery::default()), "/v1/deliveries");
        let query = DeliveryQuery {
            state: Some(State::Failed),
            rule: Some("a b".into()),
            limit: Some(5),
            ..Default::default()
        };
        assert_eq!(with_query("/v1/deliveries", &query), "/v1/deliveries?state=failed&rule=a%20b&limit=5");
    }
}
