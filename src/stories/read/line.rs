//! The lines of a story.

use super::{Known, because, day, rule_named, value};
use crate::domain::{Diagnostic, Place, Reason, Text, Value, nearest};
use crate::rules::{Action, Rule};
use crate::yaml::{Item, Map};
use jiff::civil;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line of a story.
#[derive(Debug, Clone)]
pub(in crate::stories) struct Line {
    pub(in crate::stories) place: Place,
    pub(in crate::stories) day: i32,
    /// On the customer's clock.
    pub(in crate::stories) at: Option<civil::Time>,
    pub(in crate::stories) what: What,
}

#[derive(Debug, Clone)]
pub(in crate::stories) enum What {
    /// Something happens.
    Act(Act),
    /// Something is expected.
    Expect(Expected),
}

#[derive(Debug, Clone)]
pub(in crate::stories) enum Act {
    Does {
        event: Text,
        properties: BTreeMap<Text, Value>,
    },
    Sets(BTreeMap<Text, Option<Value>>),
    Consent(BTreeMap<Text, bool>),
    /// A mail of another rule went out.
    Sent(Text),
}

#[derive(Debug, Clone)]
pub(in crate::stories) enum Expected {
    Delivery { rule: Text, step: Text, subject: Option<String> },
    Nothing { rule: Text, because: Option<String> },
    Held { rule: Text, reason: Reason },
    Ends { rule: Text, reason: Reason },
}

/// What a line may do; each line does one of them.
const KINDS: [&str; 7] = ["does", "gets", "sets", "consent", "sent", "held", "ends"];

/// Reads all lines; `None` when one of them is wrong.
pub(super) fn story(item: Item<'_>, known: &Known<'_>) -> Option<Vec<Line>> {
    let items = item.list()?;
    if items.is_empty() {
        item.error_with_help("empty-value", "`story` is empty", "write lines such as {day: 0, does: Order Completed}");
        return None;
    }
    let mut latest = 0;
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let line = line(item, known);
        if let Some(line) = &line {
            if line.day < latest {
                let message = format!("day {} stands behind day {latest}", line.day);
                item.error_with_help("out-of-order", message, "write the lines of a story in the order of days");
            }
            latest = latest.max(line.day);
        }
        lines.push(line);
    }
    lines.into_iter().collect()
}

fn line(item: Item<'_>, known: &Known<'_>) -> Option<Line> {
    let map = item.map()?;
    let of_day = map.required("day").and_then(day);
    let at = map.optional("at").map(Item::time_of_day);
    let what = what(&map, known);
    if map.has("does") {
        learn_properties(&map);
    } else {
        map.close();
    }
    // A time that is wrong must not be taken for any time.
    let at = match at {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Line { place: item.place(), day: of_day?, at, what: what? })
}

/// Of an event every other key is a property, and has been read as one.
fn learn_properties(map: &Map<'_>) {
    for kind in KINDS.into_iter().skip(1).filter(|kind| map.has(kind)) {
        two_in_one(map, "does", kind);
    }
}

fn two_in_one(map: &Map<'_>, first: &str, second: &str) {
    let message = format!("`{first}` and `{second}` are two lines in one");
    map.item().error_with_help("two-lines", message, "write two lines, each with its own `day`");
}

fn what(map: &Map<'_>, known: &Known<'_>) -> Option<What> {
    let mut there = KINDS.into_iter().filter(|kind| map.has(kind));
    let Some(kind) = there.next() else {
        let help = format!("write one of {}", KINDS.join(", "));
        let problem = Diagnostic::error("missing-key", map.item().place(), "this line says no more than a day");
        map.item().reader().report(problem.help(help));
        map.pass_over(&KINDS);
        return None;
    };
    if let Some(other) = there.next()
        && kind != "does"
    {
        two_in_one(map, kind, other);
        map.pass_over(&KINDS);
        return None;
    }
    let schema = known.names.schema;
    match kind {
        "does" => does(map, known).map(What::Act),
        "sets" => {
            let pairs = map.optional("sets")?.pairs()?;
            let values = pairs.into_iter().map(|(_, item)| value::attribute(item, schema)).collect::<Option<_>>()?;
            Some(What::Act(Act::Sets(values)))
        }
        "consent" => {
            let item = map.optional("consent")?;
            Some(What::Act(Act::Consent(value::consent(item, schema))))
        }
        "sent" => {
            let rule = map.optional("sent").and_then(|item| rule_named(item, known.names))?;
            Some(What::Act(Act::Sent(rule.into())))
        }
        "gets" => gets(map, known).map(What::Expect),
        "held" => {
            let (rule, _) = asked(map, known);
            let reason = map.optional("held").and_then(reason)?;
            Some(What::Expect(Expected::Held { rule: rule?, reason }))
        }
        _ => {
            let (rule, _) = asked(map, known);
            let endings = [Reason::GoalReached, Reason::Stopped].map(|reason| (reason.word(), reason));
            let reason = map.optional("ends").and_then(|item| item.word(&endings))?;
            Some(What::Expect(Expected::Ends { rule: rule?, reason }))
        }
    }
}

/// Why something did not go out, or not then.
pub(super) fn reason(item: Item<'_>) -> Option<Reason> {
    let text = item.text()?;
    let reason = Reason::from_word(text);
    if reason.is_none() {
        let words = Reason::ALL.iter().map(|reason| reason.word());
        item.unknown("unknown-word", &format!("`{text}` is no reason"), text, words);
    }
    reason
}

/// The rule that a line is about: the tested one, unless it names another.
fn asked<'a>(map: &Map<'_>, known: &Known<'a>) -> (Option<Text>, Option<&'a Rule>) {
    let Some(item) = map.optional("rule") else {
        return (known.rule.map(|rule| rule.id.clone()), known.rule);
    };
    let id = rule_named(item, known.names);
    let runs =
        |id: &String| known.with.iter().any(|other| other == id) || known.rule.is_some_and(|rule| rule.id == *id);
    if let Some(id) = id.as_ref().filter(|id| !runs(id)) {
        let help = format!("write `with: [{id}]` at the top of the file");
        item.error_with_help("unknown-rule", format!("the rule `{id}` does not run in these tests"), help);
        return (None, None);
    }
    let rule = id.as_ref().and_then(|id| known.names.rules.get(id)).map(Arc::as_ref);
    (id.map(Text::from), rule)
}

fn does(map: &Map<'_>, known: &Known<'_>) -> Option<Act> {
    let schema = known.names.schema;
    let item = map.optional("does")?;
    let name = item.text()?;
    if !schema.events.contains_key(name) {
        let message = format!("schema.yaml declares no event `{name}`");
        let help = match nearest(name, schema.events.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it there under `events:`".to_owned(),
        };
        item.error_with_help("unknown-event", message, help);
        return None;
    }
    let mut properties = BTreeMap::new();
    let named = |key: &str| ["day", "at", "properties"].contains(&key) || KINDS.contains(&key);
    let pairs = map.item().pairs()?.into_iter().filter(|(key, item)| !named(&key.name) && !item.node().is_refused());
    let given = map.optional("properties").and_then(Item::pairs).unwrap_or_default();
    for (_, item) in pairs.chain(given) {
        properties.extend(value::property(item, name, schema));
    }
    Some(Act::Does { event: name.into(), properties })
}

fn gets(map: &Map<'_>, known: &Known<'_>) -> Option<Expected> {
    let (id, rule) = asked(map, known);
    map.pass_over(&["subject", "because"]);
    let item = map.optional("gets")?;
    let step = item.text()?;
    let subject = map.optional("subject");
    if step == "nothing" {
        if let Some(item) = map.optional("at") {
            item.error_with_help("contradiction", "nothing comes at no time", "remove `at`: the whole day is meant");
        }
        if let Some(item) = subject {
            item.error_with_help("contradiction", "nothing has no subject", "remove `subject`");
        }
        let because = map.optional("because").map(|item| because(item, rule));
        let because = match because {
            Some(read) => Some(read?),
            None => None,
        };
        return Some(Expected::Nothing { rule: id?, because });
    }
    if let Some(item) = map.optional("because") {
        item.error_with_help("contradiction", "`because` says why nothing comes", "write `gets: nothing` with it");
    }
    let subject = subject.and_then(Item::text).map(str::to_owned);
    let Some(rule) = rule else {
        return Some(Expected::Delivery { rule: id?, step: step.into(), subject });
    };
    let Some(found) = rule.steps.iter().find(|candidate| candidate.id == step) else {
        let ids = rule.steps.iter().map(|step| step.id.as_str());
        let message = format!("the rule `{}` has no step `{step}`", rule.id);
        item.unknown("unknown-step", &message, step, ids.chain(["nothing"]));
        return None;
    };
    if subject.is_some() && matches!(found.action, Action::Webhook { .. }) {
        let place = map.get("subject").map_or_else(|| item.place(), Item::place);
        let message = format!("the step `{step}` is a webhook and has no subject");
        item.reader().report(Diagnostic::error("contradiction", place, message).help("remove `subject`"));
    }
    Some(Expected::Delivery { rule: rule.id.clone(), step: step.into(), subject })
}
