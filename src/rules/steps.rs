//! `steps:`, what a rule does.

use super::offset::Offsets;
use super::rule::{a_map, positive_span};
use super::{Action, Names, Step, when};
use crate::condition::Scope;
use crate::domain::{Diagnostic, EXPIRES_AFTER, Time, nearest};
use crate::yaml::{Document, Item, Map, Node};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most steps of one rule.
const MOST_STEPS: usize = 100;

/// Keys that a later version will take, and what to write until then.
const LATER: [(&str, &str); 4] = [
    ("wait", "write `day: 3` or `hour: 72` in the step that is to wait"),
    ("branch", "write the steps with a `when` of their own"),
    ("split", "remove it"),
    ("variants", "remove it"),
];

/// What the steps of a rule stand in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    /// The file.
    pub(super) document: &'a Arc<Document>,
    /// What they may name outside conditions.
    pub(super) names: &'a Names<'a>,
    /// What their conditions may name.
    pub(super) scope: Scope<'a>,
}

/// Reads all steps; `None` when one of them is wrong.
pub(super) fn read(item: Item<'_>, around: &Around<'_>, mut offsets: Offsets) -> Option<Vec<Step>> {
    let items = item.list()?;
    if items.is_empty() {
        item.error_with_help("empty-value", "`steps` is empty", "add a step: `- email: TEMPLATE`");
        return None;
    }
    if items.len() > MOST_STEPS {
        let message = format!("`steps` has {} entries, more than {MOST_STEPS}", items.len());
        item.error_with_help("too-large", message, "write several rules");
        return None;
    }
    let mut seen = BTreeMap::new();
    let steps: Vec<Option<Step>> = items
        .into_iter()
        .map(|item| {
            let help = format!("write `- email: {}`", item.node().as_text().unwrap_or("TEMPLATE"));
            let step = a_map(item, "a step", &help).and_then(|map| step(map, around, &mut offsets))?;
            unique(item, &step.id, &mut seen).then_some(step)
        })
        .collect();
    steps.into_iter().collect()
}

/// Whether no step before has this id; notes it when one has.
fn unique(item: Item<'_>, id: &str, seen: &mut BTreeMap<String, usize>) -> bool {
    let line = item.place().line_column().0;
    if let Some(first) = seen.get(id) {
        let message = format!("the step of line {first} is named `{id}` too");
        item.error_with_help("duplicate-step", message, "give this one a name of its own with `id:`");
        return false;
    }
    seen.insert(id.to_owned(), line);
    true
}

fn step(map: Map<'_>, around: &Around<'_>, offsets: &mut Offsets) -> Option<Step> {
    let names = around.names;
    let (email, webhook) = (map.optional("email"), map.optional("webhook"));
    let id = map.optional("id").map(step_id);
    let condition = map.get("when").map(|item| when::whole(item, &around.scope));
    let expires = map.optional("expires").map_or(Some(EXPIRES_AFTER), positive_span);
    let offset = offsets.next(&map);
    let action = match (map.has("email"), map.has("webhook")) {
        (true, false) => email.and_then(|item| mail(item, names)),
        (false, true) => webhook.and_then(|item| call(item, around.document, names)),
        (true, true) => {
            let message = "`email` and `webhook` are two steps in one";
            map.item().error_with_help("two-steps", message, "write two steps, each with its own `-`");
            None
        }
        (false, false) if LATER.iter().any(|(name, _)| map.has(name)) => None,
        (false, false) if map.is_meant(&["email", "webhook"]) || map.item().node().is_partial() => None,
        (false, false) => {
            let help = "write `email: TEMPLATE` or `webhook: {to: ENDPOINT, type: NAME}`";
            let place = map.item().place();
            map.item().reader().report(Diagnostic::error("missing-key", place, "this step does nothing").help(help));
            None
        }
    };
    map.later(&LATER);
    map.close();
    let (action, by_itself) = action?;
    // A step that is skipped when it should be, or not, is no step: what is wrong must not be taken for absent.
    let condition = match condition {
        Some(read) => Some(read?),
        None => None,
    };
    let id = id.unwrap_or(Some(by_itself))?;
    Some(Step {
        id: id.into(),
        offset: offset?,
        when: condition,
        expires: expires?,
        action,
        names_event: false,
        since: Time::MIN,
    })
}

fn step_id(item: Item<'_>) -> Option<String> {
    let id = item.text()?;
    let good = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !good {
        let message = format!("`{id}` cannot be the name of a step");
        item.error_with_help("bad-name", message, "use at most 64 letters, digits, hyphens, dots and underscores");
    }
    good.then(|| id.to_owned())
}

/// A mail, and the id of a step that has none of its own.
fn mail(item: Item<'_>, names: &Names<'_>) -> Option<(Action, String)> {
    let template = item.text()?;
    if !names.can_mail {
        let message = "this step sends mail, but the settings have no `email.from`";
        item.error_with_help(
            "missing-setting",
            message,
            "write into retaind.yaml: `email: {from: hello@shop.example}`",
        );
    }
    if !names.templates.contains(template) {
        let message = format!("there is no template `{template}`");
        let bare = template.trim_matches('/').trim_start_matches("templates/");
        let bare = bare.split('/').next().unwrap_or_default();
        let stem = [".md", ".html", ".txt"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
        let help = match nearest(template, names.templates.iter().map(String::as_str)) {
            _ if names.templates.contains(stem) => format!("write its name alone: `{stem}`"),
            _ if bare != template && names.templates.contains(bare) => format!("write its name alone: `{bare}`"),
            Some(near) => format!("did you mean `{near}`?"),
            None if stem != template => {
                format!("write its name alone, `{stem}`, and the mail as templates/{stem}/en.md")
            }
            None => format!("write it as templates/{template}/en.md"),
        };
        item.error_with_help("unknown-template", message, help);
    }
    Some((Action::Email { template: template.into(), place: item.place() }, template.to_owned()))
}

/// A webhook call, and the id of a step that has none of its own.
fn call(item: Item<'_>, document: &Arc<Document>, names: &Names<'_>) -> Option<(Action, String)> {
    let map = a_map(item, "`webhook`", "write {to: ENDPOINT, type: NAME}")?;
    let to = map.required("to").and_then(|item| endpoint(item, names));
    let kind = map.required("type").and_then(event_type);
    let data = match map.optional("data") {
        Some(item) => item.pairs().map(|_| item.node().clone()),
        None => Some(Node::empty_map(map.item().node().span.end)),
    };
    map.close();
    let (to, kind, data) = (to?, kind?, data?);
    Some((Action::Webhook { to: to.into(), kind: kind.clone(), data, document: Arc::clone(document) }, kind))
}

fn endpoint(item: Item<'_>, names: &Names<'_>) -> Option<String> {
    let name = item.text()?;
    if names.endpoints.contains(name) {
        return Some(name.to_owned());
    }
    let message = format!("the settings have no endpoint `{name}`");
    if names.endpoints.is_empty() {
        item.error_with_help("unknown-endpoint", message, "add it under `endpoints` in retaind.yaml");
    } else {
        item.unknown("unknown-endpoint", &message, name, names.endpoints.iter().map(String::as_str));
    }
    None
}

/// The `type` of a webhook: words joined by dots (Standard Webhooks 1.0.0, "Event types").
fn event_type(item: Item<'_>) -> Option<String> {
    let text = item.text()?;
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if text.len() <= 128 && text.split('.').all(is_word) {
        return Some(text.to_owned());
    }
    let help = "join words of letters, digits and _ by dots: customer.at_risk";
    item.error_with_help("bad-name", format!("`{text}` cannot be the type of a webhook"), help);
    None
}
