//! From the files of the folder to the set.

use super::{Names, Rule, RuleSet, SourceFile, rule};
use crate::domain::{Diagnostic, Interest, Place};
use crate::yaml::{Reader, parse};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The name of the file that holds named conditions.
const SEGMENTS: &str = "segments.yaml";

/// Compiles all files. The set holds every rule without an error; a caller that means to run it refuses it when any
/// diagnostic is an error. Files that end in `.test.yaml` are no rules and are passed over.
#[must_use]
pub fn compile(files: &[SourceFile], names: &Names<'_>) -> (RuleSet, Vec<Diagnostic>) {
    let (mut rules, mut problems) = (BTreeMap::new(), Vec::new());
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        let (rule, found) = one(file, names);
        problems.extend(found);
        if let Some((rule, place)) = rule {
            add(&mut rules, rule, place, &mut problems);
        }
    }
    (set(rules, names), problems)
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".test.yaml"))
}

/// The rule of one file and where its name stands, and all that is wrong with the file.
fn one(file: &SourceFile, names: &Names<'_>) -> (Option<(Rule, Place)>, Vec<Diagnostic>) {
    let nowhere = || Place { file: file.path.clone(), text: "".into(), span: 0..0 };
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        Err(why) => {
            let problem = Diagnostic::error("unreadable", nowhere(), format!("the file cannot be read: {why}"));
            return (None, vec![problem]);
        }
    };
    if file.path.file_name().is_some_and(|name| name == SEGMENTS) {
        let problem = Diagnostic::error("not-supported", nowhere(), "segments are not supported in this version");
        return (None, vec![problem.help("remove the file, and write its conditions into the rules")]);
    }
    let document = match parse(&file.path, bytes) {
        Ok(document) => Arc::new(document),
        Err(problems) => return (None, problems),
    };
    let reader = Reader::new(&document);
    let rule = reader.root().map().and_then(|map| rule::read(map, &document, names));
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

fn set(rules: Found, names: &Names<'_>) -> RuleSet {
    let mut rules: Vec<Arc<Rule>> = rules.into_values().map(|(rule, _)| Arc::new(rule)).collect();
    // They come by id, and the sort is stable.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    let mut interest = Interest { purchase: names.schema.purchase.clone(), ..Interest::default() };
    for rule in &rules {
        interest.merge(rule.when.interest());
        rule.steps.iter().filter_map(|step| step.when.as_ref()).for_each(|when| interest.merge(when.interest()));
    }
    RuleSet { rules, segments: Vec::new(), interest }
}
