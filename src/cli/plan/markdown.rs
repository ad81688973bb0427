//! A plan as a comment on a pull request.

use super::shown::{figures, groups, remarks, segments};
use crate::cli::table::{counts, plural, visible};
use crate::http::{PlanReport, RulePlan};

/// Lists longer than this are folded.
const FOLDED: usize = 10;

/// The most customers of a group that are named: a comment may have some 65,000 characters.
const MOST: usize = 500;

/// The plan as Markdown.
pub(super) fn markdown(report: &PlanReport) -> String {
    let compared = report.compared.is_some();
    let mut text = format!("### retaind plan: NOTHING IS SENT\n\nIf every trigger fired at {}.\n\n", report.at);
    let change = if compared { " change |" } else { "" };
    text.push_str(&format!(
        "| rule |{change} customers | matched | unknown | enroll | holdout | e-mails | webhooks | held |\n"
    ));
    let rule = if compared { "---|" } else { "" };
    text.push_str(&format!("|---|{rule}--:|--:|--:|--:|--:|--:|--:|---|\n"));
    for plan in &report.rules {
        let change = plan.change.as_ref().map(|change| format!(" {} |", change.kind.word())).unwrap_or_default();
        let (figures, held) = (figures(plan).join(" | "), escaped(&counts(&plan.hold)));
        text.push_str(&format!("| {} |{change} {figures} | {held} |\n", escaped(&plan.rule)));
    }
    if let Some(segments) = segments(report) {
        text.push_str(&format!("\n{}\n", escaped(&segments)));
    }
    for plan in &report.rules {
        text.push_str(&details(plan));
    }
    text.trim_end().to_owned()
}

fn details(plan: &RulePlan) -> String {
    let rule = escaped(&plan.rule);
    let mut text = String::new();
    let changes = plan.change.as_ref().map(|change| change.lines.as_slice()).unwrap_or_default();
    let others: Vec<String> = remarks(plan).into_iter().skip(changes.len()).collect();
    if !changes.is_empty() || !others.is_empty() {
        text.push_str(&format!("\n**{rule}**\n"));
    }
    if !changes.is_empty() {
        let lines: Vec<_> = changes.iter().map(|line| visible(line)).collect();
        let fence = "`".repeat(longest_run(&lines.join("\n")).max(2) + 1);
        let block = format!("\n{fence}diff\n{}\n{fence}\n", lines.join("\n"));
        text.push_str(&folded(&plural(changes.len() as u64, "line"), &block, changes.len()));
    }
    if !others.is_empty() {
        text.push('\n');
        for line in others {
            text.push_str(&format!("- {}\n", escaped(&line)));
        }
    }
    for (heading, ids) in groups(plan) {
        let mut list: String = ids.iter().take(MOST).map(|id| format!("- {}\n", escaped(id))).collect();
        if ids.len() > MOST {
            list.push_str(&format!("- and {} more\n", ids.len() - MOST));
        }
        let heading = format!("{rule}: {heading} ({})", ids.len());
        text.push_str(&if ids.len() > FOLDED {
            folded(&heading, &format!("\n{list}"), ids.len())
        } else {
            format!("\n{heading}\n\n{list}")
        });
    }
    text
}

/// What is long, behind a line that opens it.
fn folded(summary: &str, text: &str, length: usize) -> String {
    if length <= FOLDED {
        return text.to_owned();
    }
    format!("\n<details><summary>{summary}</summary>\n{text}\n</details>\n")
}

/// How many backticks stand next to each other at most.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// A text that Markdown and HTML leave alone, on one line and in one cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A name that begins with it would call somebody.
            '@' => escaped.push_str("&#64;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
