//! Keys that people write for ours.

use crate::domain::nearest;

/// A key of another tool or another language: as typed in small letters, ours, and what is to be known of ours.
const SYNONYMS: [(&str, &str, &str); 50] = [
    ("and", "all", " every line of its list must hold"),
    ("or", "any", " one line of its list is enough"),
    ("not", "none", " no line of its list may hold"),
    ("unless", "none", " no line of its list may hold"),
    ("if", "when", ""),
    ("where", "when", ""),
    ("condition", "when", ""),
    ("conditions", "when", ""),
    ("filter", "when", ""),
    ("audience", "when", ""),
    ("segment", "when", " a condition such as in_segment(\"vip\")"),
    ("name", "rule", ""),
    ("type", "class", ""),
    ("kind", "class", ""),
    ("kind", "type", ""),
    ("enum", "one_of", ""),
    ("values", "one_of", ""),
    ("options", "one_of", ""),
    ("category", "class", ""),
    ("cron", "schedule", ""),
    ("on", "trigger", ""),
    ("trigger_on", "trigger", ""),
    ("starts", "trigger", ""),
    ("tz", "timezone", ""),
    ("zone", "timezone", ""),
    ("time_zone", "timezone", ""),
    ("wait", "delay", ""),
    ("after", "day", ""),
    ("days", "day", ""),
    ("hours", "hour", ""),
    ("mail", "email", ""),
    ("template", "email", ""),
    ("message", "email", ""),
    ("hook", "webhook", ""),
    ("http", "webhook", ""),
    ("actions", "steps", ""),
    ("then", "steps", ""),
    ("do", "steps", ""),
    ("send", "steps", ""),
    ("cooldown", "again_after", " how long until it may happen to the same customer again"),
    ("every", "again_after", " how long until it may happen to the same customer again"),
    ("repeat_after", "again_after", ""),
    ("control_group", "holdout", ""),
    ("control", "holdout", ""),
    ("weight", "priority", ""),
    ("order", "priority", ""),
    ("limit", "pause_if", " {more_than: 200, per: 1d} pauses a rule that goes over it"),
    ("payload", "data", ""),
    ("endpoint", "to", ""),
    ("url", "to", " the name of an endpoint of retaind.yaml"),
];

/// Which of the names a key was likely meant as, and what is to be known of that.
pub(super) fn meant(key: &str, names: &[&'static str]) -> Option<(&'static str, &'static str)> {
    let lower = key.trim().to_lowercase().replace(['-', ' '], "_");
    let synonym = SYNONYMS.iter().find(|(typed, ours, _)| *typed == lower && names.contains(ours));
    if let Some((_, ours, why)) = synonym {
        return Some((ours, why));
    }
    // A word of another language is no misspelling of a word that it happens to be near to.
    if SYNONYMS.iter().any(|(typed, ..)| *typed == lower) {
        return None;
    }
    nearest(&lower, names.iter().copied()).map(|near| (near, ""))
}

/// How a key that is missing is written.
pub(super) fn example(key: &str) -> String {
    let line = match key {
        "rule" => "rule: NAME`, the file's name without `.yaml",
        "class" => "class: marketing` (consent, caps and quiet hours are obeyed) or `class: service",
        "trigger" => "trigger: {schedule: \"0 10 * * *\", timezone: customer}",
        "steps" => "steps:`, and below it `  - email: TEMPLATE",
        "event" => "event: Order Completed",
        "within" => "within: 30d",
        "to" => "to: ENDPOINT",
        "per" => "per: 1d",
        "more_than" => "more_than: 200",
        "max" => "max: 1",
        "subject" => "subject: \"Hello\"",
        "secret" => "secret: {file: PATH}",
        "url" => "url: https://HOST/PATH",
        "from" => "from: hello@shop.example",
        "timezone" => "timezone: Europe/Zagreb",
        other => return format!("add `{other}: …`"),
    };
    format!("add `{line}`")
}
