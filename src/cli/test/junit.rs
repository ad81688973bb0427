//! What came of tests as `JUnit`'s XML, as build servers read it.

use super::{details, name};
use crate::domain::Diagnostic;
use crate::stories::{Case, Report};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole document: one suite a file, one test case a story or row.
pub(super) fn xml(report: &Report) -> String {
    let mut suites: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in &report.cases {
        suites.entry(case.place.file.display().to_string()).or_default().push(case);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    writeln!(text, "<testsuites tests=\"{}\" failures=\"{}\">", report.cases.len(), report.failed()).ok();
    for (file, cases) in &suites {
        let failed = cases.iter().filter(|case| !case.failures.is_empty()).count();
        let file = escaped(file);
        writeln!(text, "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failed}\">", cases.len()).ok();
        for one in cases {
            case(&mut text, &file, one);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>");
    text
}

/// The report of files that have errors, for which nothing was run: each is a suite with a case that is in error.
pub(super) fn of_broken(problems: &[Diagnostic]) -> String {
    let mut suites: BTreeMap<String, Vec<&Diagnostic>> = BTreeMap::new();
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        suites.entry(problem.place.file.display().to_string()).or_default().push(problem);
    }
    let count = suites.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    writeln!(text, "<testsuites tests=\"{count}\" failures=\"0\" errors=\"{count}\">").ok();
    for (file, problems) in &suites {
        let file = escaped(file);
        let line = problems.first().map_or(1, |first| first.place.line_column().0);
        let message = problems.first().map_or("", |first| first.message.as_str());
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        writeln!(text, "  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\">").ok();
        writeln!(text, "    <testcase classname=\"{file}\" name=\"{file}\" file=\"{file}\" line=\"{line}\">").ok();
        writeln!(text, "      <error message=\"{}\">{}</error>", escaped(message), escaped(&all.join("\n"))).ok();
        text.push_str("    </testcase>\n  </testsuite>\n");
    }
    text.push_str("</testsuites>");
    text
}

fn case(text: &mut String, file: &str, case: &Case) {
    let (name, line) = (escaped(&name(case)), case.place.line_column().0);
    write!(text, "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"").ok();
    let Some(first) = case.failures.first() else {
        text.push_str("/>\n");
        return;
    };
    let message = escaped(&format!("{}: expected {}, got {}", first.day, first.expected, first.got));
    writeln!(text, ">\n      <failure message=\"{message}\">{}</failure>", escaped(&details(case))).ok();
    text.push_str("    </testcase>\n");
}

/// The text in an attribute or an element. A character that no XML may contain becomes the replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
