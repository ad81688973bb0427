//! The graph as a Mermaid flowchart.

use super::{Edge, EdgeKind, Graph, Node, NodeKind};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole diagram. Every label stands in quotes, with what would end it, or be taken for markup, written as a number;
/// nodes are named `n0`, `n1` …, for a name of ours may be a word of Mermaid's.
pub(super) fn draw(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR");
    let numbers: BTreeMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(number, node)| (node.id.as_str(), number)).collect();
    for (number, node) in graph.nodes.iter().enumerate() {
        let (open, close) = shape(node.kind);
        // Writing to a string cannot fail.
        write!(text, "\n  n{number}{open}\"{}\"{close}", label(&shown(node))).ok();
    }
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (numbers.get(edge.from.as_str()), numbers.get(edge.to.as_str())) else { continue };
        let words = in_words(edge);
        let arrow = if matches!(edge.kind, EdgeKind::Sent | EdgeKind::Goal) { "-.->" } else { "-->" };
        let words = if words.is_empty() { String::new() } else { format!("|\"{}\"|", label(&words)) };
        write!(text, "\n  n{from} {arrow}{words} n{to}").ok();
    }
    text
}

/// Rules stand out; what starts them is round, what leaves the house is slanted.
const fn shape(kind: NodeKind) -> (&'static str, &'static str) {
    match kind {
        NodeKind::Schedule | NodeKind::Event | NodeKind::Date => ("([", "])"),
        NodeKind::Segment => ("{{", "}}"),
        NodeKind::Rule => ("[[", "]]"),
        NodeKind::Step => ("[", "]"),
        NodeKind::Template | NodeKind::Endpoint => ("[/", "/]"),
    }
}

fn shown(node: &Node) -> String {
    match node.kind {
        NodeKind::Schedule | NodeKind::Rule => node.name.clone(),
        // The rule's name stands beside it.
        NodeKind::Step => node.name.split_once('/').map_or(node.name.clone(), |(_, step)| step.to_owned()),
        NodeKind::Template => format!("e-mail {}", node.name),
        kind => format!("{} {}", kind.word(), node.name),
    }
}

fn in_words(edge: &Edge) -> String {
    match (edge.kind, edge.text.as_str()) {
        (EdgeKind::Sent, "") => "sent?".to_owned(),
        (EdgeKind::Sent, what) => format!("sent? ({what})"),
        (EdgeKind::Goal, within) => format!("goal, {within}"),
        (_, text) => text.to_owned(),
    }
}

/// A text as the inside of a quoted label.
fn label(text: &str) -> String {
    let mut label = String::new();
    for character in text.chars() {
        match character {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' | '%' | ';' => {
                write!(label, "#{};", u32::from(character)).ok();
            }
            _ if character.is_control() => label.push(' '),
            _ => label.push(character),
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn what_would_end_a_label_is_written_as_a_number() {
        assert_eq!(label("a \"b\" <c> #d; `e`\n"), "a #34;b#34; #60;c#62; #35;d#59; #96;e#96; ");
        assert_eq!(label("0 10 * * * on the customer's clock"), "0 10 * * * on the customer's clock");
    }
}
