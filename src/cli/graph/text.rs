//! The graph for reading: a paragraph for each rule, then the segments.

use super::{conditions, words};
use crate::condition::Reads;
use crate::rules::{Action, Rule, RuleSet, Segment, Trigger};
use std::fmt::Write as _;

/// All of it; what there is nothing of is left out.
pub(super) fn draw(rules: &RuleSet) -> String {
    if rules.rules.is_empty() && rules.segments.is_empty() {
        return "no rules".to_owned();
    }
    let paragraphs = rules.rules.iter().map(|each| rule(rules, each));
    let mut text = paragraphs.collect::<Vec<_>>().join("\n\n");
    if !rules.segments.is_empty() {
        let lines: Vec<String> = rules.segments.iter().map(|each| segment(rules, each)).collect();
        let gap = if text.is_empty() { "" } else { "\n\n" };
        // Writing to a string cannot fail.
        write!(text, "{gap}segments\n{}", lines.join("\n")).ok();
    }
    text
}

fn rule(rules: &RuleSet, rule: &Rule) -> String {
    let topic = rule.topic.as_ref().map(|topic| format!(", {topic}")).unwrap_or_default();
    let mut lines = vec![format!("{}  ({}{topic}; {}:{})", rule.id, rule.class, rule.file.display(), rule.line)];
    let mut say = |what: &str, words: String| lines.push(format!("  {what:<7} {words}"));
    say("starts", words::trigger(&rule.trigger));
    for (what, reads) in conditions(rule) {
        for named in named(reads) {
            say("asks", format!("{named} ({what})"));
        }
    }
    let steps = rule.steps.iter().map(|step| (words::offset(rule, step), step));
    let width = rule.steps.iter().map(|step| words::offset(rule, step).len()).max().unwrap_or(0);
    for (index, (due, step)) in steps.enumerate() {
        let sent = match &step.action {
            Action::Email { template, .. } => format!("e-mail {template}"),
            Action::Webhook { to, kind, .. } => format!("webhook {kind} to {to}"),
        };
        let only = if step.when.is_some() { ", if its own condition holds" } else { "" };
        say(if index == 0 { "sends" } else { "" }, format!("{due:<width$}  {sent}{only}"));
    }
    if let Some(goal) = &rule.goal {
        say("hopes", format!("for \"{}\" within {}", goal.event, goal.within));
    }
    for (asking, what) in askers(rules, |reads| reads.sent.contains(rule.id.as_str())) {
        say("is seen", format!("by {asking}, which asks whether it was sent ({what})"));
    }
    lines.join("\n")
}

/// What a condition names, in words.
fn named(reads: &Reads) -> Vec<String> {
    let segments = reads.segments.iter().map(|segment| format!("who is in the segment {segment}"));
    segments.chain(reads.sent.iter().map(|rule| format!("whether {rule} was sent"))).collect()
}

fn segment(rules: &RuleSet, segment: &Segment) -> String {
    let mut feeds: Vec<String> = Vec::new();
    for rule in &rules.rules {
        if let Trigger::Crossing { segment: named, direction } = &rule.trigger
            && *named == segment.name
        {
            feeds.push(format!("{} (starts when a customer {} it)", rule.id, words::crossing(*direction)));
        }
    }
    let asking = askers(rules, |reads| reads.segments.contains(segment.name.as_str()));
    feeds.extend(asking.into_iter().map(|(asking, what)| format!("{asking} ({what})")));
    let feeds = if feeds.is_empty() { "nothing".to_owned() } else { feeds.join(", ") };
    let own = named(segment.when.reads());
    let own = if own.is_empty() { String::new() } else { format!("; asks {}", own.join(" and ")) };
    format!("  {}  feeds {feeds}{own}", segment.name)
}

/// Whose conditions say yes to `asks`, and which of theirs.
fn askers(rules: &RuleSet, asks: impl Fn(&Reads) -> bool) -> Vec<(String, String)> {
    let segments = rules.segments.iter().map(|other| (format!("the segment {}", other.name), other));
    let segments =
        segments.filter(|(_, other)| asks(other.when.reads())).map(|(name, _)| (name, "its when".to_owned()));
    let of_rules = rules
        .rules
        .iter()
        .flat_map(|rule| conditions(rule).into_iter().map(move |(what, reads)| (rule.id.to_string(), what, reads)));
    segments.chain(of_rules.filter(|(_, _, reads)| asks(reads)).map(|(rule, what, _)| (rule, what))).collect()
}
