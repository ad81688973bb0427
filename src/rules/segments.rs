//! `segments.yaml`: conditions that have a name.

use super::meaning::meaning;
use super::rule::{a_map, is_kebab_case};
use super::{Names, Segment, when};
use crate::condition::{Parser, Predicate, Scope, segments_named};
use crate::domain::{Diagnostic, Place};
use crate::yaml::{Document, Item, Kind, Node, Reader};
use std::collections::{BTreeMap, BTreeSet};

/// The most segments of a project.
const MOST_SEGMENTS: usize = 500;

/// The most conditions of one segment, those of the segments that it names counted each time: each costs time whenever
/// a customer is looked at.
const MOST_CONDITIONS: usize = 10_000;

/// The longest name.
const LONGEST_NAME: usize = 64;

/// What a file of segments gives.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// Those without an error, each behind those that it names.
    pub(super) sound: Vec<Segment>,
    /// All of them by name. One with an error stands for everyone, so that who names it is not told of it as unknown.
    pub(super) known: BTreeMap<String, Predicate>,
}

/// Reads all segments of a file; all that is wrong is noted with the reader.
pub(super) fn read(
    reader: &Reader<'_>,
    names: &Names<'_>,
    rules: &BTreeSet<String>,
    parser: Option<&Parser>,
) -> Segments {
    let drafts = drafts(reader, parser);
    let mut segments = Segments::default();
    segments.known.extend(drafts.iter().map(|draft| (draft.name.to_owned(), Predicate::everyone())));
    if drafts.len() > MOST_SEGMENTS {
        let message = format!("there are {} segments, more than {MOST_SEGMENTS}", drafts.len());
        reader.root().error_with_help("too-large", message, "remove those that no rule names");
        return segments;
    }
    let mut weights = BTreeMap::new();
    for index in Order::of(&drafts) {
        let draft = &drafts[index];
        let scope = Scope { segments: &segments.known, rules, parser, ..Scope::of(names.schema) };
        let Some(when) = draft.when.and_then(|item| when::whole(item, &scope)) else { continue };
        if !is_bearable(draft, &mut weights) {
            continue;
        }
        let Some(item) = draft.when.filter(|_| draft.is_sound) else { continue };
        let meaning_of = |name: &str| segments.sound.iter().find(|one| one.name == name).map(|one| one.meaning);
        let parts = draft.named.iter().filter_map(|(name, _)| Some((name.as_str(), meaning_of(name)?))).collect();
        let meaning = meaning(item.node(), &when, &parts, names);
        segments.known.insert(draft.name.to_owned(), when.clone());
        let description = draft.description.to_owned();
        segments.sound.push(Segment { name: draft.name.into(), description, when, meaning });
    }
    segments
}

/// A segment as written.
struct Draft<'r> {
    name: &'r str,
    description: &'r str,
    when: Option<Item<'r>>,
    /// The segments that it names, and where.
    named: Vec<(String, Place)>,
    is_sound: bool,
}

fn drafts<'r>(reader: &'r Reader<'_>, parser: Option<&Parser>) -> Vec<Draft<'r>> {
    let pairs = reader.root().pairs().unwrap_or_default();
    pairs.into_iter().map(|(_, item)| draft(item, parser)).collect()
}

fn draft<'r>(item: Item<'r>, parser: Option<&Parser>) -> Draft<'r> {
    let mut draft =
        Draft { name: item.name(), description: "", when: None, named: Vec::new(), is_sound: is_good_name(item) };
    let Some(map) = a_map(item, "a segment", "write {when: CONDITION}") else { return draft };
    draft.description = map.optional("description").and_then(Item::text).unwrap_or_default();
    draft.when = map.get("when");
    if draft.when.is_none() {
        map.missing("when", Some("write a condition, or `when: everyone`"));
    }
    map.close();
    if let Some(when) = draft.when {
        named_in(when.node(), (item.reader().document(), parser), &mut draft.named);
    }
    draft
}

fn is_good_name(item: Item<'_>) -> bool {
    let name = item.name();
    let problem = if !is_kebab_case(name) {
        let help = "use small letters, digits and single hyphens, and begin with a letter: big-spenders";
        Diagnostic::error("bad-name", item.key_place(), format!("`{name}` is not kebab-case")).help(help)
    } else if name.len() > LONGEST_NAME {
        let message = format!("the segment's name has {} characters, more than {LONGEST_NAME}", name.len());
        Diagnostic::error("bad-name", item.key_place(), message).help("choose a shorter one")
    } else {
        return true;
    };
    item.reader().report(problem);
    false
}

fn named_in(node: &Node, from: (&Document, Option<&Parser>), found: &mut Vec<(String, Place)>) {
    let (document, parser) = from;
    match &node.kind {
        // Reading a condition takes long, and most name none.
        Kind::Text(text) if !text.contains("in_segment") => {}
        Kind::Text(text) => {
            let named = segments_named(text, parser).into_iter();
            found.extend(named.map(|(name, span)| (name, document.place_within(node, span))));
        }
        Kind::List(items) => items.iter().for_each(|item| named_in(item, from, found)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| named_in(node, from, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

/// Whether a segment, with what it names, does not cost too much; notes it when it does.
fn is_bearable<'d>(draft: &'d Draft<'_>, weights: &mut BTreeMap<&'d str, usize>) -> bool {
    let own = draft.when.map_or(0, |item| when::texts(item.node()));
    let named = draft.named.iter().filter_map(|(name, _)| weights.get(name.as_str()));
    let weight = named.fold(own, |sum, weight| sum.saturating_add(*weight));
    if let (Some(item), true) = (draft.when, weight > MOST_CONDITIONS) {
        let message = format!(
            "`{}` has {weight} conditions with those of the segments that it names, more than {MOST_CONDITIONS}",
            draft.name
        );
        item.error_with_help("too-large", message, "name each segment once");
        return false;
    }
    weights.insert(draft.name, weight);
    true
}

/// Brings segments into an order in which each stands behind those that it names.
struct Order<'d, 'r> {
    drafts: &'d [Draft<'r>],
    index: BTreeMap<&'r str, usize>,
    seen: BTreeSet<usize>,
    /// From the first segment to the one that is looked at, each naming the next.
    path: Vec<usize>,
    /// Those that are placed.
    placed: Vec<usize>,
}

impl<'d, 'r> Order<'d, 'r> {
    /// All of them; a cycle is noted and broken where it closes.
    fn of(drafts: &'d [Draft<'r>]) -> Vec<usize> {
        let index = drafts.iter().enumerate().map(|(index, draft)| (draft.name, index)).collect();
        let mut order = Self { drafts, index, seen: BTreeSet::new(), path: Vec::new(), placed: Vec::new() };
        (0..drafts.len()).for_each(|index| order.visit(index));
        order.placed
    }

    fn visit(&mut self, at: usize) {
        if !self.seen.insert(at) {
            return;
        }
        self.path.push(at);
        let named: BTreeSet<&str> = self.drafts[at].named.iter().map(|(name, _)| name.as_str()).collect();
        let mut next: Vec<usize> = named.into_iter().filter_map(|name| self.index.get(name).copied()).collect();
        next.sort_unstable();
        for index in next {
            match self.path.iter().position(|on_path| *on_path == index) {
                Some(first) => self.tell_cycle(first),
                None => self.visit(index),
            }
        }
        self.path.pop();
        self.placed.push(at);
    }

    /// Notes that the path from there on leads back to where it began.
    fn tell_cycle(&self, first: usize) {
        let cycle: Vec<&Draft<'_>> = self.path[first..].iter().map(|index| &self.drafts[*index]).collect();
        let (head, second) = (cycle[0], cycle.get(1).unwrap_or(&cycle[0]));
        let Some((_, place)) = head.named.iter().find(|(name, _)| name == second.name) else { return };
        let names: Vec<&str> = cycle.iter().map(|draft| draft.name).chain([head.name]).collect();
        let message = format!("the segment `{}` names itself: {}", head.name, names.join(" → "));
        let problem = Diagnostic::error("segment-cycle", place.clone(), message);
        if let Some(item) = head.when {
            item.reader().report(problem.help("write one of these conditions without `in_segment`"));
        }
    }
}
