//! A plan as a comment on a pull request.

use super::shown::{figures, groups, remarks, segments};
use crate::cli::sending::paused;
use crate::cli::table::{counts, plural, visible};
use crate::http::{PlanReport, RulePlan};

/// Lists longer than this are folded.
const FOLDED: usize = 10;

/// The most customers of a group that are named: a comment may have some 65,000 characters.
const MOST: usize = 500;

/// The plan as Markdown.
pub(super) fn markdown(report: &PlanReport) -> String {
    let compared = report.compared.is_some();
    let (change, rule) = if compared { (" change |", "---|") } else { ("", "") };
    let mut lines = vec![
        "### retaind plan: NOTHING IS SENT".to_owned(),
        String::new(),
        format!("If every trigger fired at {}.", report.at),
        String::new(),
    ];
    if let Some(paused) = paused(report.sending_paused, report.marketing_paused) {
        lines.extend([escaped(paused), String::new()]);
    }
    lines.extend([
        format!("| rule |{change} customers | matched | unknown | enroll | holdout | e-mails | webhooks | held |"),
        format!("|---|{rule}--:|--:|--:|--:|--:|--:|--:|---|"),
    ]);
    lines.extend(report.rules.iter().map(row));
    if let Some(segments) = segments(report) {
        lines.extend([String::new(), escaped(&segments)]);
    }
    for plan in &report.rules {
        details(plan, &mut lines);
    }
    lines.join("\n")
}

fn row(plan: &RulePlan) -> String {
    let change = plan.change.as_ref().map(|change| format!(" {} |", change.kind.word())).unwrap_or_default();
    let (figures, held) = (figures(plan).join(" | "), escaped(&counts(&plan.hold)));
    format!("| {} |{change} {figures} | {held} |", escaped(&plan.rule))
}

fn details(plan: &RulePlan, lines: &mut Vec<String>) {
    let rule = escaped(&plan.rule);
    let changes = plan.change.as_ref().map(|change| change.lines.as_slice()).unwrap_or_default();
    let others: Vec<String> = remarks(plan).into_iter().skip(changes.len()).collect();
    if !changes.is_empty() || !others.is_empty() {
        lines.extend([String::new(), format!("**{rule}**")]);
    }
    if !changes.is_empty() {
        folded(&plural(changes.len() as u64, "line"), difference(changes), changes.len(), lines);
    }
    if !others.is_empty() {
        lines.push(String::new());
        lines.extend(others.iter().map(|line| format!("- {}", escaped(line))));
    }
    for (heading, ids) in groups(plan) {
        let mut list: Vec<String> = ids.iter().take(MOST).map(|id| format!("- {}", escaped(id))).collect();
        if ids.len() > MOST {
            list.push(format!("- and {} more", ids.len() - MOST));
        }
        let heading = format!("{rule}: {} ({})", escaped(&heading), ids.len());
        if ids.len() <= FOLDED {
            lines.extend([String::new(), heading.clone()]);
        }
        folded(&heading, list, ids.len(), lines);
    }
}

/// The lines that differ, in a fence that none of them closes.
fn difference(changes: &[String]) -> Vec<String> {
    let mut block: Vec<String> = changes.iter().map(|line| visible(line).into_owned()).collect();
    let fence = "`".repeat(longest_run(&block.join("\n")).max(2) + 1);
    block.insert(0, format!("{fence}diff"));
    block.push(fence);
    block
}

/// What is long stands behind a line that opens it.
fn folded(summary: &str, text: Vec<String>, length: usize, lines: &mut Vec<String>) {
    let folds = length > FOLDED;
    if folds {
        lines.extend([String::new(), format!("<details><summary>{summary}</summary>")]);
    }
    lines.push(String::new());
    lines.extend(text);
    if folds {
        lines.extend([String::new(), "</details>".to_owned()]);
    }
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
