//! From the files of the folder to the set.

use super::known::Known;
use super::segments::{self, Segments};
use super::{Names, Rule, RuleSet, Segment, SourceFile, Trigger, rule};
use crate::condition::{Parser, Predicate};
use crate::domain::{Diagnostic, Interest, Place, Purchase, Text, readable};
use crate::yaml::{Document, Map, Reader, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The name of the file that holds named conditions.
const SEGMENTS: &str = "segments.yaml";

/// Compiles all files. The set holds every rule and segment without an error; a caller that means to run it refuses it
/// when any diagnostic is an error. Files that end in `.test.yaml` are no rules and are passed over.
#[must_use]
pub fn compile(files: &[SourceFile], names: &Names<'_>) -> (RuleSet, Vec<Diagnostic>) {
    Parser::with(|parser| compile_with(files, names, parser))
}

fn compile_with(files: &[SourceFile], names: &Names<'_>, parser: Option<&Parser>) -> (RuleSet, Vec<Diagnostic>) {
    let files = files.iter().filter(|file| !is_test(&file.path));
    let (of_segments, of_rules): (Vec<_>, Vec<_>) = files.partition(|file| is_segments(&file.path));
    let ids = of_rules.iter().filter_map(|file| Some(file.path.file_stem()?.to_string_lossy().into_owned())).collect();
    let (segments, mut problems) = read_segments(&of_segments, names, &ids, parser);
    let (mut rules, mut first) = (BTreeMap::new(), BTreeMap::new());
    let known = Known::of(names, &segments, &ids, parser);
    for file in of_rules {
        let One { id, rule, problems: found } = read_rule(file, &known);
        problems.extend(found);
        // A name that is taken is told even where the rule has other errors.
        let taken = id.and_then(|(id, place)| taken(&mut first, id, place));
        if let (None, Some(rule)) = (&taken, rule) {
            rules.insert(rule.id.clone(), rule);
        }
        problems.extend(taken);
    }
    (set(rules, segments.sound, names), problems)
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".test.yaml"))
}

/// What one file comes to.
#[derive(Default)]
struct One {
    /// The rule's name and where it stands, be the rule sound or not.
    id: Option<(String, Place)>,
    /// The rule, if it has no error.
    rule: Option<Rule>,
    /// All that is wrong with the file.
    problems: Vec<Diagnostic>,
}

fn is_segments(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == SEGMENTS)
}

fn nowhere(file: &SourceFile) -> Place {
    Place { file: file.path.clone(), text: "".into(), span: 0..0 }
}

/// The file as a document, or why it is none.
fn document(file: &SourceFile) -> Result<Arc<Document>, Vec<Diagnostic>> {
    match &file.content {
        Ok(bytes) => parse(&file.path, bytes).map(Arc::new),
        Err(why) => {
            let message = format!("the file cannot be read: {why}");
            Err(vec![Diagnostic::error("unreadable", nowhere(file), message).help(readable(why))])
        }
    }
}

/// The segments of the one file that may hold them, and all that is wrong with it.
fn read_segments(
    files: &[&SourceFile],
    names: &Names<'_>,
    rules: &BTreeSet<String>,
    parser: Option<&Parser>,
) -> (Segments, Vec<Diagnostic>) {
    let [file, others @ ..] = files else { return Default::default() };
    let another = |file: &&SourceFile| {
        let problem = Diagnostic::error("duplicate-file", nowhere(file), "there is another file of segments");
        problem.help("write all segments into one file")
    };
    let (segments, mut problems) = match document(file) {
        Ok(document) => {
            let reader = Reader::new(&document);
            (segments::read(&reader, names, rules, parser), reader.finish())
        }
        Err(problems) => (Segments::default(), problems),
    };
    problems.extend(others.iter().map(another));
    (segments, problems)
}

fn read_rule(file: &SourceFile, known: &Known<'_>) -> One {
    let document = match document(file) {
        Ok(document) => document,
        Err(problems) => return One { problems, ..One::default() },
    };
    let reader = Reader::new(&document);
    let map = reader.root().map();
    let id = map.as_ref().and_then(named);
    let rule = map.and_then(|map| rule::read(map, &document, known));
    let usable = !reader.has_errors();
    One { id, rule: rule.filter(|_| usable), problems: reader.finish() }
}

/// The rule's name as it is written, and where.
fn named(map: &Map<'_>) -> Option<(String, Place)> {
    let item = map.get("rule")?;
    Some((item.node().as_text()?.to_owned(), item.place()))
}

/// What is wrong where another file has a rule of that name already.
fn taken(first: &mut BTreeMap<String, Place>, id: String, place: Place) -> Option<Diagnostic> {
    if let Some(other) = first.get(&id) {
        let message = format!("the rule `{id}` stands in {} too", other.file.display());
        let problem = Diagnostic::error("duplicate-rule", place, message).help("rename one of the two");
        return Some(problem.also(other.clone(), "the other"));
    }
    first.insert(id, place);
    None
}

fn set(rules: BTreeMap<Text, Rule>, segments: Vec<Segment>, names: &Names<'_>) -> RuleSet {
    let mut rules: Vec<Arc<Rule>> = rules.into_values().map(Arc::new).collect();
    // They come by id, and the sort is stable.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    let interest = interest(&rules, &segments, &names.schema.purchase);
    RuleSet { rules, segments, interest }
}

/// What rules and segments need of each customer's events.
pub(super) fn interest(rules: &[Arc<Rule>], segments: &[Segment], purchase: &Purchase) -> Interest {
    let mut interest = Interest { purchase: purchase.clone(), ..Interest::default() };
    for segment in segments {
        interest.merge(segment.when.interest());
    }
    for rule in rules {
        // What `at_entry.` stands before is read of what is kept of every customer.
        conditions(rule).for_each(|condition| interest.merge(condition.interest()));
        interest.triggers.extend(rule.goal.iter().map(|goal| goal.event.clone()));
        if let Trigger::Event { name, .. } = &rule.trigger {
            interest.triggers.insert(name.clone());
        }
    }
    interest
}

fn conditions(rule: &Rule) -> impl Iterator<Item = &Predicate> {
    let of_steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
    std::iter::once(&rule.when).chain(&rule.stays).chain(of_steps)
}
