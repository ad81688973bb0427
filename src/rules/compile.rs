//! From the files of the folder to the set.

use super::known::Known;
use super::segments::{self, Segments};
use super::{Names, Rule, RuleSet, Segment, SourceFile, Trigger, rule};
use crate::condition::Predicate;
use crate::domain::{Diagnostic, Interest, Place};
use crate::yaml::{Document, Reader, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The name of the file that holds named conditions.
const SEGMENTS: &str = "segments.yaml";

/// Compiles all files. The set holds every rule and segment without an error; a caller that means to run it refuses it
/// when any diagnostic is an error. Files that end in `.test.yaml` are no rules and are passed over.
#[must_use]
pub fn compile(files: &[SourceFile], names: &Names<'_>) -> (RuleSet, Vec<Diagnostic>) {
    let files = files.iter().filter(|file| !is_test(&file.path));
    let (of_segments, of_rules): (Vec<_>, Vec<_>) = files.partition(|file| is_segments(&file.path));
    let ids = of_rules.iter().filter_map(|file| Some(file.path.file_stem()?.to_string_lossy().into_owned())).collect();
    let (segments, mut problems) = read_segments(&of_segments, names, &ids);
    let (mut rules, known) = (BTreeMap::new(), Known::of(names, &segments, &ids));
    for file in of_rules {
        let (rule, found) = read_rule(file, &known);
        problems.extend(found);
        if let Some((rule, place)) = rule {
            add(&mut rules, rule, place, &mut problems);
        }
    }
    (set(rules, segments.sound, names), problems)
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".test.yaml"))
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
            Err(vec![Diagnostic::error("unreadable", nowhere(file), format!("the file cannot be read: {why}"))])
        }
    }
}

/// The segments of the one file that may hold them, and all that is wrong with it.
fn read_segments(files: &[&SourceFile], names: &Names<'_>, rules: &BTreeSet<String>) -> (Segments, Vec<Diagnostic>) {
    let [file, others @ ..] = files else { return Default::default() };
    let another = |file: &&SourceFile| {
        let problem = Diagnostic::error("duplicate-file", nowhere(file), "there is another file of segments");
        problem.help("write all segments into one file")
    };
    let (segments, mut problems) = match document(file) {
        Ok(document) => {
            let reader = Reader::new(&document);
            (segments::read(&reader, names, rules), reader.finish())
        }
        Err(problems) => (Segments::default(), problems),
    };
    problems.extend(others.iter().map(another));
    (segments, problems)
}

/// The rule of one file and where its name stands, and all that is wrong with the file.
fn read_rule(file: &SourceFile, known: &Known<'_>) -> (Option<(Rule, Place)>, Vec<Diagnostic>) {
    let document = match document(file) {
        Ok(document) => document,
        Err(problems) => return (None, problems),
    };
    let reader = Reader::new(&document);
    let rule = reader.root().map().and_then(|map| rule::read(map, &document, known));
    let usable = !reader.has_errors();
    (rule.filter(|_| usable), reader.finish())
}

type Found = BTreeMap<String, (Rule, Place)>;

fn add(rules: &mut Found, rule: Rule, place: Place, problems: &mut Vec<Diagnostic>) {
    if let Some((first, _)) = rules.get(&rule.id) {
        let message = format!("the rule `{}` stands in {} too", rule.id, first.file.display());
        problems.push(Diagnostic::error("duplicate-rule", place, message).help("rename one of the two"));
        return;
    }
    rules.insert(rule.id.clone(), (rule, place));
}

fn set(rules: Found, segments: Vec<Segment>, names: &Names<'_>) -> RuleSet {
    let mut rules: Vec<Arc<Rule>> = rules.into_values().map(|(rule, _)| Arc::new(rule)).collect();
    // They come by id, and the sort is stable.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    let mut interest = Interest { purchase: names.schema.purchase.clone(), ..Interest::default() };
    for segment in &segments {
        interest.merge(segment.when.interest());
    }
    for rule in &rules {
        // What `at_entry.` stands before is read of what is kept of every customer.
        conditions(rule).for_each(|condition| interest.merge(condition.interest()));
        interest.triggers.extend(rule.goal.iter().map(|goal| goal.event.clone()));
        if let Trigger::Event { name, .. } = &rule.trigger {
            interest.triggers.insert(name.clone());
        }
    }
    RuleSet { rules, segments, interest }
}

fn conditions(rule: &Rule) -> impl Iterator<Item = &Predicate> {
    let of_steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
    std::iter::once(&rule.when).chain(&rule.stays).chain(of_steps)
}
