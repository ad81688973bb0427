//! The settings and the schema of a new project.

use super::Playbook;
use std::fmt::Write as _;

/// How the line begins by which an editor with the YAML language server finds a file's schema.
pub(super) const SCHEMA_LINE: &str = "# yaml-language-server: $schema=";

pub(super) fn schema_line(schema: &str) -> String {
    format!("{SCHEMA_LINE}{schema}.json\n")
}

const SETTINGS: &str = "\
# Who sends, and how. `retaind check` says what is wrong here; docs/SETTINGS.md has everything that can stand here.
business:
  name: My Shop
  address: \"1 Main Street, My Town\"     # stands below each marketing mail; the law of many countries asks for it
  timezone: UTC                         # such as Africa/Nairobi: for customers whose own zone is not known
  locale: en
  currency: EUR
  words: {shop: \"https://shop.example\"} # fixed words for templates: {{ words.shop }}
";

const TOPICS: &str = "
topics:                                 # what people may choose; a rule with `topic: offers` leaves those alone who refused it
  offers: Offers and news
";

const REST: &str = "
email:
  from: My Shop <hello@shop.example>
  reply_to: help@shop.example
  transport: file:outbox                # one .eml a mail into a folder: nothing leaves this machine
  # transport: smtp://127.0.0.1:25      # when it is meant seriously
  # only_to: [\"@shop.example\"]          # and at first to nobody else

store: {path: data}                     # made on first use; it is no part of what you share with others

# Events come in over HTTP (or from files, by `retaind import`):
# http: {public: 127.0.0.1:8025, write_keys: [{file: write.key}]}

# These hold without being written; they stand here to be changed.
frequency_caps: {marketing: [{max: 1, per: day}, {max: 3, per: 7d}]}   # over all rules, for each customer
quiet_hours: {from: \"20:00\", to: \"08:00\"}                              # no marketing mail, on the customer's clock
";

pub(super) fn settings(chosen: &[&Playbook]) -> String {
    let topics = if chosen.iter().any(|playbook| playbook.topic.is_some()) { TOPICS } else { "" };
    format!("{}{SETTINGS}{topics}{REST}", schema_line("schema/settings"))
}

const SCHEMA: &str = "\
# What rules and templates may name besides what is always there: id, email, phone, first_name, last_name, locale,
# timezone, country, created_at and consent. Types: string, number, boolean, date, timestamp, list.
";

/// Only what the playbooks name, each once.
pub(super) fn schema(chosen: &[&Playbook]) -> String {
    let mut text = schema_line("schema/schema") + SCHEMA;
    let attributes = chosen.iter().flat_map(|playbook| playbook.attributes);
    section(&mut text, "customer", attributes, "plan: {type: string, one_of: [free, pro]}");
    let events = chosen.iter().flat_map(|playbook| playbook.events);
    section(&mut text, "events", events, "Order Completed: {order_id: string, revenue: number}");
    text
}

fn section<'l>(text: &mut String, name: &str, lines: impl Iterator<Item = &'l &'static str>, example: &str) {
    let mut seen: Vec<&str> = Vec::new();
    for line in lines {
        if !seen.contains(line) {
            seen.push(line);
        }
    }
    // Writing to a string cannot fail.
    let empty = if seen.is_empty() { format!(" {{}}   # such as {{{example}}}") } else { String::new() };
    writeln!(text, "\n{name}:{empty}").ok();
    for line in seen {
        writeln!(text, "  {line}").ok();
    }
}
