//! What rules and segments mean, as numbers: whether customers were looked at under it is told by them.

use crate::delivery::World;
use crate::rules::{Rule, Trigger};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

/// By rule or segment, a number that changes when what looks at customers are to find does. Of another version of the
/// program they may all be different, and everybody is looked at again.
pub(super) type Meanings = BTreeMap<String, u64>;

/// The meanings of everything in use.
pub(super) fn of_all(world: &World) -> Meanings {
    let ground = ground(world);
    let segments = world.rules.segments.iter().map(|segment| {
        let text = format!("{ground}\n{}", segment.meaning);
        (format!("segment {}", segment.name), number(&text))
    });
    let rules = world.rules.rules.iter().map(|rule| (name_of(&rule.id), of_rule(&ground, rule)));
    segments.chain(rules).collect()
}

/// The name under which a rule's meaning is kept.
pub(super) fn name_of(rule: &str) -> String {
    format!("rule {rule}")
}

/// One number for all.
pub(super) fn of_set(meanings: &Meanings) -> u64 {
    number(&format!("{meanings:?}"))
}

/// What everything depends on: the schema with what a purchase is, the business's zone, and segments, which rules name.
fn ground(world: &World) -> String {
    let mut text = format!("{:?}\n{}", world.schema, world.zone_name);
    for segment in &world.rules.segments {
        // A failure to write to a text does not exist.
        write!(text, "\n{} {}", segment.name, segment.meaning).unwrap_or_default();
    }
    text
}

fn of_rule(ground: &str, rule: &Rule) -> u64 {
    let Rule { trigger, when, stays, goal, at_entry, steps, .. } = rule;
    let mut text = match trigger {
        // When it fires is the tick's business.
        Trigger::Schedule { .. } => format!("{ground}\nschedule"),
        other => format!("{ground}\n{}", other.text()),
    };
    write!(text, "\n{when:?}\n{stays:?}\n{goal:?}\n{at_entry:?}").unwrap_or_default();
    for step in steps {
        write!(text, "\n{} {:?} {:?}", step.id, step.offset, step.when).unwrap_or_default();
    }
    number(&text)
}

fn number(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
