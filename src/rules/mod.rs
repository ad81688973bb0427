//! Rules: files of YAML become a checked, compiled set.
//!
//! What it is for: one rule from each file, and the named conditions of `segments.yaml`, compiled; their names checked against the schema, the settings
//! and the templates; every problem of every file at once, each with its place.
//! Invariants: pure (bytes and names in, rules and diagnostics out); a key of the design that this version lacks is
//! refused by name, never ignored; a file with an error gives no rule and keeps no other file from being read; the
//! order of the rules is the order in which they get a customer's attention.
//! Deliberately not here: reading the folder and swapping the set (`app/`), what templates and webhook data say
//! (`templates/`), who is enrolled when (`engine/`).

mod compile;
mod foregone;
mod goal;
mod known;
mod meaning;
mod offset;
mod rule;
mod segments;
mod steps;
mod trigger;
mod when;

#[cfg(test)]
mod tests;

pub use compile::compile;
pub use meaning::without_blanks;

use crate::calendar::Cron;
use crate::condition::{Path, Predicate};
use crate::domain::{Class, Interest, Place, Schema, Span, Text, Time};
use crate::yaml;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of the rules folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As shown to the user, such as `rules/win-back.yaml`.
    pub path: PathBuf,
    /// What is in it, or why it could not be read.
    pub content: Result<Vec<u8>, String>,
}

/// What rules may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Attributes, events and consents.
    pub schema: &'a Schema,
    /// Topics of the settings.
    pub topics: &'a BTreeMap<String, String>,
    /// Endpoints of the settings.
    pub endpoints: &'a BTreeSet<String>,
    /// Templates by name.
    pub templates: &'a BTreeSet<String>,
    /// The zone of the business.
    pub business_zone: &'a TimeZone,
    /// Whether `email.from` is set.
    pub can_mail: bool,
}

/// All rules.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// By priority, highest first, then by id.
    pub rules: Vec<Arc<Rule>>,
    /// Named conditions, each behind those that it names.
    pub segments: Vec<Segment>,
    /// What they need of each customer's events.
    pub interest: Interest,
}

impl RuleSet {
    /// The rule of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The rules that `keep` names, with all segments, as if there were no other rule.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let rules: Vec<Arc<Rule>> = self.rules.iter().filter(|rule| keep(&rule.id)).cloned().collect();
        let interest = compile::interest(&rules, &self.segments, &self.interest.purchase);
        Self { rules, segments: self.segments.clone(), interest }
    }

    /// Notes of each step since when its rule has it, which only who keeps what was live before can say.
    pub fn keep_since(&mut self, since: impl Fn(&str, &str) -> Time) {
        for rule in &mut self.rules {
            let all: Vec<Time> = rule.steps.iter().map(|step| since(&rule.id, &step.id)).collect();
            if all.iter().zip(&rule.steps).all(|(since, step)| *since == step.since) {
                continue;
            }
            for (step, since) in Arc::make_mut(rule).steps.iter_mut().zip(all) {
                step.since = since;
            }
        }
    }

    /// Notes of each step whether what it sends names `event.…`, which only who has read the templates can say.
    pub fn keep_events(&mut self, names_event: impl Fn(&Rule, &Step) -> bool) {
        for rule in &mut self.rules {
            let named: Vec<bool> = rule.steps.iter().map(|step| names_event(rule, step)).collect();
            if !named.contains(&true) {
                continue;
            }
            for (step, named) in Arc::make_mut(rule).steps.iter_mut().zip(named) {
                step.names_event = named;
            }
        }
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, in kebab-case; equal to the file's.
    pub id: Text,
    /// Its file, as shown to the user.
    pub file: PathBuf,
    /// The line of the file on which its name stands, from 1.
    pub line: usize,
    /// Where its file says `when`.
    pub when_place: Place,
    /// Its file, as it was read.
    pub document: Arc<yaml::Document>,
    /// What it is for, in the user's words; empty if not given.
    pub description: String,
    /// The class of its messages.
    pub class: Class,
    /// The topic of its messages.
    pub topic: Option<Text>,
    /// What makes it look at customers.
    pub trigger: Trigger,
    /// Whom it reaches.
    pub when: Predicate,
    /// When it may reach the same customer again; after no time at all if it does not say.
    pub again_after: AgainAfter,
    /// An enrollment ends when this is false.
    pub stays: Option<Predicate>,
    /// What its enrollments are meant to bring about.
    pub goal: Option<Goal>,
    /// The paths that `at_entry.` stands before in it, each once; what an enrollment keeps of its beginning.
    pub at_entry: Vec<Path>,
    /// Who gets the slot when a cap bites: the higher one. 50 if not given.
    pub priority: i64,
    /// Of 10,000 customers, how many are held out.
    pub holdout: u32,
    /// A brake of its own.
    pub pause_if: Option<PauseIf>,
    /// What it does, in order; never empty.
    pub steps: Vec<Step>,
}

/// What makes a rule look at customers.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// Wall times of a zone.
    Schedule {
        /// When.
        cron: Cron,
        /// On whose clock.
        zone: TriggerZone,
    },
    /// An event arrives.
    Event {
        /// Its name.
        name: Text,
        /// `when` is judged so long after it happened.
        delay: Span,
        /// The property whose value makes an enrollment unique; the message id if there is none.
        once_per: Option<Text>,
    },
    /// A date of the customer's comes near.
    Date {
        /// The attribute, a date or a timestamp.
        attribute: Text,
        /// When on the customer's clock a day's steps fall due.
        at: jiff::civil::Time,
        /// Whether it comes every year.
        yearly: bool,
    },
    /// A customer crosses a segment's border.
    Crossing {
        /// The segment.
        segment: Text,
        /// Which way.
        direction: Direction,
    },
}

/// Which way a segment's border is crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The customer comes in.
    Enters,
    /// The customer goes out.
    Leaves,
}

/// What a rule's enrollments are meant to bring about.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// The event that is hoped for.
    pub event: Text,
    /// How long after entry it counts.
    pub within: Span,
    /// The property that says what it is worth.
    pub value: Option<Text>,
}

/// A named condition.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its name.
    pub name: Text,
    /// What it is, in the user's words; empty if not given.
    pub description: String,
    /// Who is in it.
    pub when: Predicate,
    /// Changes when what it means does, that of the segments which it names included.
    pub meaning: u64,
}

/// How long after entry, or from the anchor, a step falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// So many calendar days, at the same time of day on the customer's clock.
    Days(i32),
    /// So many hours.
    Hours(i32),
}

impl Trigger {
    /// The trigger as a text that stays the same as long as it means the same.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Schedule { cron, zone } => {
                let zone = match zone {
                    TriggerZone::Business => "business",
                    TriggerZone::Customer => "customer",
                    TriggerZone::Named(name, _) => name,
                };
                format!("schedule {} {zone}", cron.text())
            }
            Self::Event { name, delay, once_per } => {
                format!("event {name:?} {delay} {:?}", once_per.as_deref().unwrap_or_default())
            }
            Self::Date { attribute, at, yearly } => format!("date {attribute} {at} {yearly}"),
            Self::Crossing { segment, direction: Direction::Enters } => format!("enters {segment}"),
            Self::Crossing { segment, direction: Direction::Leaves } => format!("leaves {segment}"),
        }
    }
}

/// On whose clock a schedule runs.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerZone {
    /// That of the business.
    Business,
    /// A zone by its IANA name.
    Named(String, TimeZone),
    /// That of each customer.
    Customer,
}

/// When a rule may reach the same customer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgainAfter {
    /// Never.
    Never,
    /// So long after the last enrollment.
    After(Span),
}

/// A rule pauses when it would reach more than so many customers in such a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseIf {
    /// More than so many.
    pub more_than: u64,
    /// In such a span.
    pub per: Span,
}

/// One thing that a rule does.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name within the rule: `id`, or else the name of the template or the `type` of the webhook.
    pub id: Text,
    /// When it falls due, counted from the anchor of a date, otherwise from entry; never before the step before it.
    pub offset: Offset,
    /// It is skipped unless this holds.
    pub when: Option<Predicate>,
    /// How long after it is due it is still worth sending.
    pub expires: Span,
    /// What is sent.
    pub action: Action,
    /// Whether what it sends names `event.…`, so that its deliveries keep the event. False until [`RuleSet::keep_events`].
    pub names_event: bool,
    /// Since when the rule has it: in enrollments that began before, what would have fallen due by then is past. Since
    /// always, until [`RuleSet::keep_since`].
    pub since: Time,
}

/// What a step sends.
#[derive(Debug, Clone)]
pub enum Action {
    /// A mail.
    Email {
        /// Name of the template.
        template: Text,
        /// Where the rule names it.
        place: Place,
    },
    /// A webhook call.
    Webhook {
        /// Name of the endpoint.
        to: Text,
        /// The `type` of its body.
        kind: String,
        /// The `data` of its body: a map, whose texts are templates that are not checked here.
        data: yaml::Node,
        /// The file that `data` stands in.
        document: Arc<yaml::Document>,
    },
}
