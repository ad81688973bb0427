//! Cutting a batch that is no JSON as a whole, so that one message does not take the others with it.
//!
//! Clients send what they were given: Python's write `NaN`, which is no JSON, and nobody's parser goes on behind it. Cut where
//! its commas are, outside of texts and brackets, the messages can be read one by one.

/// A batch in pieces that may each be JSON or not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces<'b> {
    /// The messages.
    pub(super) batch: Vec<&'b [u8]>,
    /// What stands behind `sentAt`, if anything does.
    pub(super) sent_at: Option<&'b [u8]>,
}

/// Cuts `{"batch": […], …}`; `None` if its brackets and quotes do not match, nothing stands before a comma, or there is no
/// such list, or more than one.
pub(super) fn cut(body: &[u8]) -> Option<Pieces<'_>> {
    let (mut batch, mut sent_at) = (None, None);
    for member in items(inside(body, b'{', b'}')?)? {
        let quoted = member.strip_prefix(b"\"")?;
        // Names with a quote or a backslash in them are none of ours.
        let end = quoted.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (name, rest) = quoted.split_at(end);
        let Some(value) = rest.strip_prefix(b"\"").and_then(|rest| rest.trim_ascii_start().strip_prefix(b":")) else {
            continue;
        };
        match name {
            b"batch" if batch.is_none() => batch = Some(items(inside(value, b'[', b']')?)?),
            b"batch" => return None,
            b"sentAt" => sent_at = Some(value.trim_ascii()),
            _ => {}
        }
    }
    Some(Pieces { batch: batch?, sent_at })
}

fn inside(bytes: &[u8], open: u8, close: u8) -> Option<&[u8]> {
    bytes.trim_ascii().strip_prefix(&[open])?.strip_suffix(&[close])
}

/// What stands between the commas; nothing where there is nothing at all.
fn items(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut items, mut start) = (Vec::new(), 0);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                items.push(bytes[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 || in_text {
        return None;
    }
    let last = bytes[start..].trim_ascii();
    if !(last.is_empty() && items.is_empty()) {
        items.push(last);
    }
    items.iter().all(|item| !item.is_empty()).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::{Pieces, cut};

    fn pieces(body: &str) -> Option<(Vec<&str>, Option<&str>)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        cut(body.as_bytes()).map(|Pieces { batch, sent_at }| (batch.into_iter().map(text).collect(), sent_at.map(text)))
    }

    #[test]
    fn messages_are_cut_where_their_commas_are() {
        let body =
            r#" {"batch": [{"a": "],\"{", "b": [1, 2]}, {"x": NaN} ,7], "sentAt" : "now", "more": {"batch": [1]}} "#;
        let batch = vec![r#"{"a": "],\"{", "b": [1, 2]}"#, r#"{"x": NaN}"#, "7"];
        assert_eq!(pieces(body), Some((batch, Some(r#""now""#))));
        assert_eq!(pieces(r#"{"batch":[]}"#), Some((vec![], None)));
    }

    #[test]
    fn what_does_not_match_is_not_cut() {
        for body in [
            "",
            "{}",
            "[1]",
            r#"{"batch": [1}"#,
            r#"{"batch": [1]"#,
            r#"{"batch": [1]]}"#,
            r#"{"batch": [1,]}"#,
            r#"{"batch": ["a]}"#,
            r#"{"batch": {}}"#,
            r#"{"batch": [1], "batch": [2]}"#,
            r#"{"\u0062atch": [1]}"#,
            r"{batch: [1]}",
            r#"{"batch": [1],}"#,
        ] {
            assert_eq!(pieces(body), None, "{body}");
        }
    }
}
