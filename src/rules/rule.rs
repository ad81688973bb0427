//! One rule, key by key.

use super::known::Known;
use super::offset::Offsets;
use super::steps::Around;
use super::trigger::Outline;
use super::{AgainAfter, Goal, Names, PauseIf, Rule, Step, Trigger, TriggerZone, foregone, goal, steps, trigger, when};
use crate::calendar::Cron;
use crate::condition::{Path, Predicate, Scope};
use crate::domain::{Class, Diagnostic, Number, Span};
use crate::yaml::{Document, Item, Kind, Map};
use std::collections::BTreeSet;
use std::sync::Arc;

const CLASSES: [(&str, Class); 2] = [("marketing", Class::Marketing), ("service", Class::Service)];

/// Where a rule stands that has no `priority`.
const PRIORITY: i64 = 50;

/// The longest id; it becomes part of headers and metrics.
const LONGEST_ID: usize = 64;

/// Reads the rule of a file. `None` only when something that no rule can do without is missing or wrong; all problems
/// are noted with the reader.
pub(super) fn read(map: Map<'_>, document: &Arc<Document>, known: &Known<'_>) -> Option<Rule> {
    let names = known.names;
    let id = map.required("rule");
    let name = id.and_then(|item| rule_id(item, document));
    let description = map.optional("description").and_then(Item::text).unwrap_or_default().to_owned();
    let class = map.required("class").and_then(|item| item.word(&CLASSES));
    let topic = map.optional("topic").and_then(|item| topic(item, names));
    let trigger = map.required("trigger");
    let outline = Outline::of(trigger.map(Item::node));
    let trigger = trigger.and_then(|item| trigger::read(item, known));
    let of_rule = Scope { event: outline.event, ..known.scope };
    let of_enrollment = Scope { at_entry: true, ..of_rule };
    let when = when::required(&map, &of_rule);
    let again_after = again_after(&map, &outline);
    let stays = map.get("while").map(|item| when::unless_false(item, &Scope { event: None, ..of_enrollment }));
    let goal = map.optional("goal").and_then(|item| goal::read(item, known));
    let priority = map.optional("priority").and_then(Item::integer).unwrap_or(PRIORITY);
    let holdout = map.optional("holdout").and_then(|item| holdout(item, class)).unwrap_or(0);
    let pause_if = map
        .optional("pause_if")
        .and_then(|item| a_map(item, "`pause_if`", "write `pause_if: {more_than: 200, per: 1d}`"))
        .and_then(pause_if);
    let around = Around { document, names, scope: of_enrollment };
    let steps = map.required("steps").and_then(|item| steps::read(item, &around, Offsets::new(outline.counted)));
    let when_place = map.get("when").map(Item::key_place);
    if let (Some(when), Some(Some(stays))) = (&when, &stays)
        && let (Some(when_item), Some(stays_item)) = (map.get("when"), map.get("while"))
    {
        foregone::tell_excluded((when_item, when), (stays_item, stays));
    }
    if let (Some(when), Some(item)) = (&when, map.get("when")) {
        weigh_consent((item, when), &map, class, &of_rule);
        if let Some(Trigger::Schedule { cron, zone: TriggerZone::Customer }) = &trigger {
            weigh_hours((item, when), &map, cron, &of_rule);
        }
    }
    if let Some(class) = class {
        weigh_goal(&map, class, goal.as_ref(), names);
    }
    map.later(&[("variants", "remove it, or write a rule for each")]);
    map.close();
    let place = id?.place();
    let when_place = when_place.unwrap_or_else(|| place.clone());
    let (stays, steps) = (stays.flatten(), steps?);
    Some(Rule {
        id: name?.into(),
        file: document.file.clone(),
        line: place.line_column().0,
        when_place,
        document: Arc::clone(document),
        description,
        class: class?,
        topic: topic.map(Into::into),
        trigger: trigger?,
        when: when?,
        again_after: again_after?,
        at_entry: at_entry(stays.as_ref(), &steps),
        stays,
        goal,
        priority,
        holdout,
        pause_if,
        steps,
    })
}

/// Notes a marketing rule that asks for those who may not get its mail.
fn weigh_consent((item, when): (Item<'_>, &Predicate), map: &Map<'_>, class: Option<Class>, scope: &Scope<'_>) {
    let (Some(Class::Marketing), Some(from)) = (class, map.get("class")) else { return };
    let met = foregone::Met {
        by_all: "customer.consent.marketing",
        message: "a marketing rule lets in only those who have given consent, and these have not",
        help: "leave it out, or write `class: service` if this is no advertising",
        from: (from.place(), "the class"),
    };
    foregone::tell_unmet(item, when, met, scope);
}

/// Notes an hour that is asked for and at which the schedule never comes. A clock that is put forward may bring it an hour
/// later.
fn weigh_hours((item, when): (Item<'_>, &Predicate), map: &Map<'_>, cron: &Cron, scope: &Scope<'_>) {
    let (Some(hours), Some(from)) = (hours(cron.text()), map.get("trigger")) else { return };
    let hours: Vec<String> = hours.into_iter().map(|hour| hour.to_string()).collect();
    let met = foregone::Met {
        by_all: &format!("now.getHours() in [{}]", hours.join(", ")),
        message: "the schedule never comes at that hour, so nobody matches",
        help: "leave it out, or change the hour of the schedule, the second of its five parts",
        from: (from.place(), "the schedule"),
    };
    foregone::tell_unmet(item, when, met, scope);
}

/// The hours at which a schedule may come, each with the one behind it; `None` where that is not plain.
fn hours(schedule: &str) -> Option<BTreeSet<u8>> {
    let parts: Vec<&str> = schedule.split_whitespace().collect();
    let [_, hours, ..] = parts.as_slice() else { return None };
    let mut found = BTreeSet::new();
    for part in hours.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u8>().ok()?, last.parse::<u8>().ok()?);
        found.extend((first..=last).flat_map(|hour| [hour % 24, (hour + 1) % 24]));
    }
    Some(found).filter(|found| parts.len() == 5 && !found.is_empty())
}

/// Notes a goal that does not fit the class, and a marketing rule without one.
fn weigh_goal(map: &Map<'_>, class: Class, goal: Option<&Goal>, names: &Names<'_>) {
    let purchase = names.schema.purchase.event.as_str();
    let warning = match (class, goal, map.get("goal")) {
        (Class::Marketing, _, None) => {
            let Some(item) = map.get("class") else { return };
            let message = "a marketing rule without a goal: nobody will see what it is worth";
            Diagnostic::warning("no-goal", item.place(), message)
                .help(format!("add a line: `goal: {{event: {purchase}, within: 30d}}`"))
        }
        (Class::Service, Some(goal), Some(item)) if goal.event.as_str() == purchase => {
            let place = item
                .node()
                .get("event")
                .map_or_else(|| item.place(), |node| item.reader().document().place(node.span.clone()));
            let message = "a rule that is meant to bring a purchase is marketing, and this one is `class: service`";
            let warning = Diagnostic::warning("service-goal", place, message)
                .help("write `class: marketing`, so that consent, caps and quiet hours are obeyed, or another goal");
            match map.get("class") {
                Some(class) => warning.also(class.place(), "the class"),
                None => warning,
            }
        }
        _ => return,
    };
    map.item().reader().report(warning);
}

/// What an enrollment has to keep of its beginning, each path once.
fn at_entry(stays: Option<&Predicate>, steps: &[Step]) -> Vec<Path> {
    let of_steps = steps.iter().filter_map(|step| step.when.as_ref());
    let mut paths: Vec<Path> = Vec::new();
    for path in of_steps.chain(stays).flat_map(Predicate::at_entry) {
        if paths.iter().all(|known| known.text() != path.text()) {
            paths.push(path);
        }
    }
    paths
}

/// A name in kebab-case that is the file's, too.
fn rule_id(item: Item<'_>, document: &Document) -> Option<String> {
    let id = item.text()?;
    let stem = document.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if !is_kebab_case(id) {
        let message = format!("`{id}` is not kebab-case");
        let help = "use small letters, digits and single hyphens, and begin with a letter: win-back";
        let file = if is_kebab_case(&stem) { "" } else { "; rename the file in the same way" };
        item.error_with_help("bad-name", message, format!("{help}{file}"));
    } else if id.len() > LONGEST_ID {
        let message = format!("the rule's name has {} characters, more than {LONGEST_ID}", id.len());
        item.error_with_help("bad-name", message, "choose a shorter one, for the file too");
    } else if id != stem {
        let message = format!("the rule is `{id}`, but its file is `{stem}`");
        let rule = if is_kebab_case(&stem) { format!("write `rule: {stem}`, or ") } else { String::new() };
        item.error_with_help("file-name", message, format!("{rule}rename the file to {id}.yaml"));
    }
    Some(id.to_owned())
}

pub(super) fn is_kebab_case(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
    };
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('-').all(is_word)
}

fn topic(item: Item<'_>, names: &Names<'_>) -> Option<String> {
    let name = item.text()?;
    if names.topics.contains_key(name) {
        return Some(name.to_owned());
    }
    let message = format!("the settings have no topic `{name}`");
    if names.topics.is_empty() {
        item.error_with_help("unknown-topic", message, "add it under `topics` in retaind.yaml");
    } else {
        item.unknown("unknown-topic", &message, name, names.topics.keys().map(String::as_str));
    }
    None
}

fn again_after(map: &Map<'_>, trigger: &Outline<'_>) -> Option<AgainAfter> {
    if !map.has("again_after") && trigger.is_once {
        return Some(AgainAfter::After(Span(0)));
    }
    if !map.has("again_after") {
        let help = "write `again_after: 180d`, or `again_after: never` for once in a customer's life";
        map.missing("again_after", Some(help));
        return None;
    }
    let item = map.optional("again_after")?;
    match item.node().as_text() {
        Some("never") => Some(AgainAfter::Never),
        Some(text) if text.parse::<Span>().is_err() => {
            let help = "write a whole number and a unit, such as 30d, 24h or 2w, or `never`";
            item.error_with_help("bad-span", format!("`{text}` is neither a span nor `never`"), help);
            None
        }
        _ => item.span().map(AgainAfter::After),
    }
}

/// Of 10,000 customers how many, from a text such as `10%` or `2.5%`.
fn holdout(item: Item<'_>, class: Option<Class>) -> Option<u32> {
    if class == Some(Class::Service) {
        let help = "remove it, or make the rule `class: marketing`";
        let message = "a rule of class service has no holdout";
        item.reader().report(Diagnostic::error("contradiction", item.key_place(), message).help(help));
        return None;
    }
    let written = item.node().as_text().and_then(|text| text.trim().strip_suffix('%'));
    let percent = written.and_then(|number| number.trim().parse::<Number>().ok());
    // Micro-units of a percent to ten-thousandths of the whole.
    let share = percent.filter(|percent| percent.micro() % 10_000 == 0).map(|percent| percent.micro() / 10_000);
    let share = share.and_then(|share| u32::try_from(share).ok()).filter(|share| *share <= 10_000);
    if share.is_none() {
        let message = format!("`{}` is no share of the customers", item.written());
        item.error_with_help("bad-value", message, "write a percentage from 0% to 100%, such as 10% or 2.5%");
    }
    share
}

fn pause_if(map: Map<'_>) -> Option<PauseIf> {
    let more_than = map.required("more_than").and_then(Item::whole);
    let per = map.required("per").and_then(positive_span);
    map.close();
    Some(PauseIf { more_than: more_than?, per: per? })
}

/// A span that is longer than nothing.
pub(super) fn positive_span(item: Item<'_>) -> Option<Span> {
    let span = item.span()?;
    if span <= Span(0) {
        let help = "write a whole number and a unit, such as 30m, 24h, 180d or 2w";
        item.error_with_help("bad-span", format!("`{}` must be longer than nothing", item.name()), help);
        return None;
    }
    Some(span)
}

/// A map, or a note that says how to write `what` as one.
pub(super) fn a_map<'r>(item: Item<'r>, what: &str, help: &str) -> Option<Map<'r>> {
    if !matches!(item.node().kind, Kind::Map(_)) {
        let message = format!("{what} must be a map, not {}", item.node().noun());
        item.error_with_help("wrong-type", message, help);
        return None;
    }
    item.map()
}
