//! A file of tests becomes tests.

mod line;
mod person;
mod row;
mod value;

pub(super) use line::{Act, Expected, Line, What};
pub(super) use person::Person;
pub(super) use row::{Outcome, Row};

use super::findings;
use crate::domain::{Diagnostic, Place, Schema, Text, nearest};
use crate::rules::{Rule, RuleSet, SourceFile};
use crate::yaml::{Document, Item, Map, Reader, parse};
use jiff::civil::{self, Date};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Day 0 of a test that does not say when it starts: a Monday. Never today, so that a test means the same tomorrow.
const STARTS: Date = civil::date(2026, 1, 5);

/// The last day that a test may name: a leap year and what comes after it fit in, and a rule that fires every minute does
/// not take all memory.
const LAST_DAY: u64 = 1830;

/// How a test is written.
const EXAMPLE: &str = "write one below it: `- {name: ..., each: [{orders: [0, 30], enters: true}]}`";

/// What tests may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The rules that have no error.
    pub rules: &'a RuleSet,
    /// The names of all rules, those with an error among them.
    pub ids: &'a BTreeSet<String>,
    /// Attributes and events.
    pub schema: &'a Schema,
}

/// A file of tests, read.
#[derive(Debug, Clone)]
pub struct Tests {
    /// The rule that is tested.
    pub(super) rule: Text,
    /// Rules that run beside it.
    pub(super) with: Vec<Text>,
    pub(super) all: Vec<Test>,
}

/// One entry under `tests:`.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) place: Place,
    /// Day 0.
    pub(super) starts: Date,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Story { person: Person, lines: Vec<Line> },
    Rows(Vec<Row>),
}

/// What the lines of a file may name.
#[derive(Clone, Copy)]
struct Known<'a> {
    names: &'a Names<'a>,
    /// The rule that is tested, if it has no error.
    rule: Option<&'a Rule>,
    /// Rules that run beside it.
    with: &'a [Text],
}

/// Reads a file. `None` when it has an error; all problems are told.
#[must_use]
pub fn read(file: &SourceFile, names: &Names<'_>) -> (Option<Tests>, Vec<Diagnostic>) {
    let document = match &file.content {
        Ok(bytes) => parse(&file.path, bytes),
        Err(why) => {
            let place = Place { file: file.path.clone(), text: "".into(), span: 0..0 };
            let problem = Diagnostic::error("unreadable", place, format!("the file cannot be read: {why}"));
            Err(vec![problem.help(named(&file.path, names))])
        }
    };
    let document = match document {
        Ok(document) => document,
        Err(problems) => return (None, problems),
    };
    let reader = Reader::new(&document);
    if is_a_rule(&document) {
        let place = document.place(0..0);
        let problem = Diagnostic::error("no-tests", place, "this is a rule, not its tests");
        return (None, vec![problem.help(beside(&file.path))]);
    }
    let tests = reader.root().map().and_then(|map| whole(&map, names).inspect(|_| map.close()));
    let tests = tests.filter(|_| !reader.has_errors());
    (tests, reader.finish())
}

/// Which file to name in the place of one that is not there.
fn named(path: &Path, names: &Names<'_>) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match names.ids.get(name.as_str()) {
        Some(rule) => format!("name the file of its tests: rules/{rule}.test.yaml"),
        None => "name a file of tests, such as rules/win-back.test.yaml, or none to run all of them".to_owned(),
    }
}

/// Where the tests of a rule's file stand.
fn beside(path: &Path) -> String {
    let name = path.display().to_string();
    if let Some(rule) = name.strip_suffix(".test.yaml") {
        return format!("a file of tests begins with `rule:` and `tests:`; the rule itself stands in {rule}.yaml");
    }
    let tests = path.with_extension("test.yaml");
    format!("its tests are those of {}; that file begins with `rule:` and `tests:`", tests.display())
}

/// Whether it is the file of a rule: with steps or a trigger, and no tests.
fn is_a_rule(document: &Document) -> bool {
    let has = |key| document.root.get(key).is_some();
    !has("tests") && (has("steps") || has("trigger"))
}

fn whole(map: &Map<'_>, names: &Names<'_>) -> Option<Tests> {
    let rule = map.required("rule").and_then(|item| rule_named(item, names));
    let with = map.optional("with").and_then(Item::one_or_more).unwrap_or_default();
    let with: Vec<Text> = with.into_iter().filter_map(|item| rule_named(item, names)).map(Text::from).collect();
    let tested = rule.as_deref().and_then(|id| names.rules.get(id)).map(Arc::as_ref);
    let known = Known { names, rule: tested, with: &with };
    let person = map.optional("customer").map(|item| person::read(item, names.schema)).unwrap_or_default();
    let items = map.required("tests").and_then(Item::list).unwrap_or_default();
    if map.has("tests") && items.is_empty() {
        map.optional("tests")
            .into_iter()
            .for_each(|item| item.error_with_help("empty-value", "`tests` has no test", EXAMPLE));
    }
    let tests: Vec<Option<Test>> = items.into_iter().map(|item| test(item, &person, &known)).collect();
    Some(Tests { rule: rule?.into(), with, all: tests.into_iter().collect::<Option<_>>()? })
}

/// A rule of the project.
fn rule_named(item: Item<'_>, names: &Names<'_>) -> Option<String> {
    let id = item.text()?;
    if names.ids.contains(id) {
        return Some(id.to_owned());
    }
    item.unknown("unknown-rule", &format!("there is no rule `{id}`"), id, names.ids.iter().map(String::as_str));
    None
}

fn test(item: Item<'_>, person: &Person, known: &Known<'_>) -> Option<Test> {
    let map = item.map()?;
    let name = map.required("name").and_then(Item::text).map(str::to_owned);
    let starts = map.optional("starts").map_or(Some(STARTS), |item| item.parsed("date", "write it like 2026-01-05"));
    let own = map.optional("customer").map(|item| person::read(item, known.names.schema)).unwrap_or_default();
    let person = person.clone().and(own);
    let kind = match (map.optional("story"), map.optional("each")) {
        (Some(story), None) => line::story(story, known).map(|lines| Kind::Story { person, lines }),
        (None, Some(each)) => {
            let day = map.optional("day").and_then(day);
            row::rows(each, &person, day, known).map(Kind::Rows)
        }
        (Some(_), Some(each)) => {
            let help = "write two tests: one with `story`, one with `each`";
            each.error_with_help("two-tests", "`story` and `each` are two tests in one", help);
            None
        }
        (None, None) => {
            let help = "write `story:` with what happens day by day, or `each:` with one customer a row";
            let what = if map.has("each") { "each" } else { "story" };
            map.missing(what, Some(help));
            None
        }
    };
    let place = map.item().place();
    map.close();
    Some(Test { name: name?, place, starts: starts?, kind: kind? })
}

/// The number of a day.
fn day(item: Item<'_>) -> Option<i32> {
    let day = item.whole()?;
    if day > LAST_DAY {
        item.error_with_help(
            "too-large",
            format!("day {day} lies too far ahead"),
            "a test ends after five years at most",
        );
        return None;
    }
    i32::try_from(day).ok()
}

/// A condition of the rule as a test names it, or a note of which lines there are.
fn because(item: Item<'_>, rule: Option<&Rule>) -> Option<String> {
    let text = item.text()?;
    let Some(rule) = rule else { return Some(text.to_owned()) };
    let lines = findings::lines(rule);
    if lines.iter().any(|line| findings::is_same(line, text)) {
        return Some(text.to_owned());
    }
    let message = format!("the rule `{}` has no such line", rule.id);
    let help = match nearest(text, lines.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", lines.join(" · ")),
    };
    item.error_with_help("unknown-line", message, help);
    None
}
