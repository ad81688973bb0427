//! Which segments a condition names, told before those are compiled.

use super::source::{self, Kind, Node};
use std::ops::Range;

/// The segments that a condition names by `in_segment(…)`, in its order and as often as it does, each with its bytes of
/// the text. None of a condition that cannot be read; compiling it says why.
#[must_use]
pub fn segments_named(source: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    // Reading takes a thread; most conditions name none.
    if source.contains("in_segment")
        && let Ok(node) = source::read(source)
    {
        collect(&node, &mut found);
    }
    found.sort_by_key(|(_, span)| span.start);
    found
}

fn collect(node: &Node, found: &mut Vec<(String, Range<usize>)>) {
    match &node.kind {
        Kind::Call(call) => {
            if let ("in_segment", [argument]) = (call.name.as_str(), call.arguments.as_slice())
                && let Kind::Text(name) | Kind::Name(name) = &argument.kind
            {
                found.push((name.clone(), argument.span.clone()));
            }
            call.target.iter().for_each(|target| collect(target, found));
            call.arguments.iter().for_each(|argument| collect(argument, found));
        }
        Kind::List(nodes) => nodes.iter().for_each(|node| collect(node, found)),
        Kind::Select(node, _) | Kind::Has(node) | Kind::Not(node) | Kind::Negate(node) => collect(node, found),
        Kind::Binary(_, nodes) => [&nodes.0, &nodes.1].into_iter().for_each(|node| collect(node, found)),
        Kind::Choice(nodes) => nodes.iter().for_each(|node| collect(node, found)),
        Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Name(_) | Kind::Foreign(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::segments_named;

    #[test]
    fn every_segment_that_a_condition_names_is_found_with_its_place() {
        let text = "!in_segment('vip') && (orders.count > 1 ? in_segment(\"b-c\") : in_segment('vip'))";
        let found: Vec<_> =
            segments_named(text).into_iter().map(|(name, span)| (name, text[span].to_owned())).collect();
        let expected = [("vip", "'vip'"), ("b-c", "\"b-c\""), ("vip", "'vip'")];
        assert_eq!(found, expected.map(|(name, span)| (name.to_owned(), span.to_owned())));
    }

    #[test]
    fn a_name_inside_a_text_is_no_segment() {
        assert_eq!(segments_named("customer.country == \"in_segment('vip')\""), []);
    }

    #[test]
    fn a_condition_that_cannot_be_read_names_none() {
        assert_eq!(segments_named("in_segment('vip') and"), []);
    }
}
