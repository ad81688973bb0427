//! What came of tests as JUnit's XML, as build servers read it.

use super::{details, name};
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
        cases.iter().for_each(|one| case(&mut text, &file, one));
        text.push_str("  </testsuite>\n");
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
