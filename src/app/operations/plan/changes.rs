//! What a rule says otherwise than the live one: by content, so that comments and another way of writing are no change.

use crate::condition::segments_named;
use crate::http::ChangeKind;
use crate::rules::{Rule, Segment, Trigger};
use crate::yaml::{Kind, Node};
use std::collections::BTreeMap;

/// By name of the segment.
pub(super) type SegmentChanges = BTreeMap<String, ChangeKind>;

/// How segments differ, by what they mean.
pub(super) fn of_segments(before: &[Segment], after: &[Segment]) -> SegmentChanges {
    let meaning =
        |segments: &[Segment], name: &str| segments.iter().find(|one| one.name == name).map(|one| one.meaning);
    let names = before.iter().chain(after).map(|segment| segment.name.to_string());
    names
        .map(|name| {
            let kind = match (meaning(before, &name), meaning(after, &name)) {
                (None, _) => ChangeKind::New,
                (_, None) => ChangeKind::Gone,
                (old, new) if old == new => ChangeKind::Unchanged,
                _ => ChangeKind::Changed,
            };
            (name, kind)
        })
        .collect()
}

/// How a rule differs, and the lines that tell it; `beside` are those of what it takes from other files.
pub(super) fn of_rule(
    before: Option<&Rule>,
    after: Option<&Rule>,
    (segments, beside): (&SegmentChanges, Vec<String>),
) -> (ChangeKind, Vec<String>) {
    match (before, after) {
        (None, None) => (ChangeKind::Unchanged, Vec::new()),
        (Some(_), None) => (ChangeKind::Gone, Vec::new()),
        (None, Some(after)) => {
            let keys = keys(&after.document.root).into_iter();
            let lines = keys.flat_map(|(key, node)| lines(key, node));
            (ChangeKind::New, lines.map(|line| format!("+ {}", line.shown)).collect())
        }
        (Some(before), Some(after)) => {
            let mut lines = differences(&before.document.root, &after.document.root);
            for name in named(after) {
                if segments.get(&name) == Some(&ChangeKind::Changed) {
                    lines.push(format!("~ the segment `{name}` means something else"));
                }
            }
            lines.extend(beside);
            let kind = if lines.is_empty() { ChangeKind::Unchanged } else { ChangeKind::Changed };
            (kind, lines)
        }
    }
}

/// The segments that a rule names, each once.
fn named(rule: &Rule) -> Vec<String> {
    let mut names = Vec::new();
    texts(&rule.document.root, &mut |text| {
        if text.contains("in_segment") {
            names.extend(segments_named(text, None).into_iter().map(|(name, _)| name));
        }
    });
    if let Trigger::Crossing { segment, .. } = &rule.trigger {
        names.push(segment.to_string());
    }
    names.sort();
    names.dedup();
    names
}

fn texts(node: &Node, visit: &mut dyn FnMut(&str)) {
    match &node.kind {
        Kind::Text(text) => visit(text),
        Kind::List(items) => items.iter().for_each(|item| texts(item, visit)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| texts(node, visit)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

fn keys(root: &Node) -> Vec<(&str, &Node)> {
    let Kind::Map(entries) = &root.kind else { return Vec::new() };
    entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect()
}

/// Key by key, in the order of the live rule; what is new comes last.
fn differences(before: &Node, after: &Node) -> Vec<String> {
    let (old, new) = (keys(before), keys(after));
    let added = new.iter().filter(|(key, _)| old.iter().all(|(other, _)| other != key));
    let all = old.iter().chain(added).map(|(key, _)| *key);
    let of = |keys: &[(&str, &Node)], key: &str| -> Vec<Line> {
        keys.iter().find(|(name, _)| *name == key).map(|(key, node)| lines(key, node)).unwrap_or_default()
    };
    all.flat_map(|key| changed(&of(&old, key), &of(&new, key))).collect()
}

/// One thing that a rule says.
struct Line {
    /// In one way of writing, so that equal things are equal.
    same: String,
    shown: String,
}

/// What stands under a key: a line each for the items of a list, and a list of one is its item.
fn lines(key: &str, node: &Node) -> Vec<Line> {
    let line = |node: &Node| Line { same: canonical(node), shown: format!("{key}: {}", top(node)) };
    match &node.kind {
        Kind::List(items) => items.iter().map(line).collect(),
        _ => vec![line(node)],
    }
}

/// The lines that only one of both has, in the order of the longest run that both have.
fn changed(old: &[Line], new: &[Line]) -> Vec<String> {
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            common[i][j] =
                if a.same == b.same { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut told) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i].same == new[j].same {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            told.push(format!("- {}", old[i].shown));
            i += 1;
        } else {
            told.push(format!("+ {}", new[j].shown));
            j += 1;
        }
    }
    told
}

/// A value in one way of writing: blanks of texts count once, and the order of keys not at all.
fn canonical(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".into(),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Text(text) => format!("{:?}", one_line(text)),
        Kind::List(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(key, node)| format!("{:?}: {}", key.name, canonical(node))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value for a person; a text stands bare.
fn top(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => one_line(text),
        _ => flow(node),
    }
}

/// A value inside another.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => {
            let text = one_line(text);
            let plain = |character: char| character.is_alphanumeric() || " _-./<>=%".contains(character);
            if !text.is_empty() && text.chars().all(plain) { text } else { format!("{text:?}") }
        }
        Kind::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.name, flow(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => canonical(node),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::yaml::parse;
    use std::path::Path;

    fn changes(before: &str, after: &str) -> Vec<String> {
        let read = |text: &str| parse(Path::new("a.yaml"), text.as_bytes()).unwrap();
        differences(&read(before).root, &read(after).root)
    }

    const RULE: &str = "rule: a
trigger: {schedule: \"0 10 * * *\", timezone: customer}
when:
  - orders.count >= 2
  - days_since(orders.last_at) > 60
again_after: 180d
steps:
  - email: hello
";

    #[test]
    fn comments_and_another_way_of_writing_are_no_change() {
        let other = "# A comment.
rule: 'a'

steps: [{email: \"hello\"}]
when:
  - orders.count >= 2   # twice
  - >
    days_since(orders.last_at)
    > 60
trigger: {timezone: customer, schedule: '0 10 * * *'}
again_after: 180d
";
        assert_eq!(changes(RULE, other), [""; 0]);
        assert_eq!(changes("when: a > 1\n", "when: [a > 1]\n"), [""; 0]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let other = RULE.replace("> 60", "> 90").replace("180d", "90d").replace("customer}", "business}")
            + "  - {day: 10, email: hello, id: again}\nholdout: 10%\n";
        let expected = [
            "- trigger: {schedule: \"0 10 * * *\", timezone: customer}",
            "+ trigger: {schedule: \"0 10 * * *\", timezone: business}",
            "- when: days_since(orders.last_at) > 60",
            "+ when: days_since(orders.last_at) > 90",
            "- again_after: 180d",
            "+ again_after: 90d",
            "+ steps: {day: 10, email: hello, id: again}",
            "+ holdout: 10%",
        ];
        assert_eq!(changes(RULE, &other), expected);
        assert_eq!(changes("priority: 5\n", "priority: '5'\n"), ["- priority: 5", "+ priority: 5"]);
    }
}
