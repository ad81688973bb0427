//! From the files of the folder to the set.

use super::{Names, Rule, RuleSet, SourceFile, rule};
use crate::domain::{Diagnostic, Interest, Place};
use crate::yaml::{Map, Reader, parse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the file that holds named conditions.
const SEGMENTS: &str = "segments.yaml";

/// Compiles all files. The set holds every rule without an error; a caller that means to run it refuses it when any
/// diagnostic is an error. Files that end in `.test.yaml` are no rules and are passed over.
#[must_use]
pub fn compile(files: &[SourceFile], names: &Names<'_>) -> (RuleSet, Vec<Diagnostic>) {
    let (mut rules, mut first, mut problems) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        let One { id, rule, problems: found } = one(file, names);
        problems.extend(found);
        // A name that is taken is told even where the rule has other errors.
        let taken = id.and_then(|(id, place)| taken(&mut first, id, place));
        if let (None, Some(rule)) = (&taken, rule) {
            rules.insert(rule.id.clone(), rule);
        }
        problems.extend(taken);
    }
    (set(rules, names), problems)
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

fn one(file: &SourceFile, names: &Names<'_>) -> One {
    let only = |problems| One { problems, ..One::default() };
    let nowhere = || Place { file: file.path.clone(), text: "".into(), span: 0..0 };
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        Err(why) => {
            let problem = Diagnostic::error("unreadable", nowhere(), format!("the file cannot be read: {why}"));
            return only(vec![problem]);
        }
    };
    if file.path.file_name().is_some_and(|name| name == SEGMENTS) {
        let problem = Diagnostic::error("not-supported", nowhere(), "segments are not supported in this version");
        return only(vec![problem.help("remove the file, and write its conditions into the rules")]);
    }
    let document = match parse(&file.path, bytes) {
        Ok(document) => Arc::new(document),
        Err(problems) => return only(problems),
    };
    let reader = Reader::new(&document);
    let map = reader.root().map();
    let id = map.as_ref().and_then(named);
    let rule = map.and_then(|map| rule::read(map, &document, names));
    let usable = !reader.has_errors();
    One { id, rule: rule.filter(|_| usable), problems: reader.finish() }
}

/// The rule's name as it is written, and where.
fn named(map: &Map<'_>) -> Option<(String, Place)> {
    let item = map.get("rule")?;
    Some((item.node().as_text()?.to_owned(), item.place()))
}

/// What is wrong where another file has a rule of that name already.
fn taken(first: &mut BTreeMap<String, PathBuf>, id: String, place: Place) -> Option<Diagnostic> {
    if let Some(other) = first.get(&id) {
        let message = format!("the rule `{id}` stands in {} too", other.display());
        return Some(Diagnostic::error("duplicate-rule", place, message).help("rename one of the two"));
    }
    first.insert(id, place.file);
    None
}

fn set(rules: BTreeMap<String, Rule>, names: &Names<'_>) -> RuleSet {
    let mut rules: Vec<Arc<Rule>> = rules.into_values().map(Arc::new).collect();
    // They come by id, and the sort is stable.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    let mut interest = Interest { purchase: names.schema.purchase.clone(), ..Interest::default() };
    for rule in &rules {
        interest.merge(rule.when.interest());
        rule.steps.iter().filter_map(|step| step.when.as_ref()).for_each(|when| interest.merge(when.interest()));
    }
    RuleSet { rules, segments: Vec::new(), interest }
}
