//! Keys that people write for ours.

use crate::domain::nearest;

/// A key of another tool or another language: as typed in small letters, ours, and what is to be known of ours.
const SYNONYMS: [(&str, &str, &str); 46] = [
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
