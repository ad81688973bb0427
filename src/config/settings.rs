//! `retaind.yaml`, from its first key to its last.

use super::{
    BackupSettings, Business, Email, Http, Mailbox, Reload, Settings, StoreSettings, endpoints, http, policy, secret,
};
use crate::domain::{Class, Diagnostic, Purchase};
use crate::yaml::{Item, Map, Reader, parse};
use jiff::civil;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the settings. `file` is the name shown to the user, `base` the folder that paths are relative to.
///
/// `None` only when the file is not YAML as we read it. Otherwise the answer holds what could be understood, so that
/// rules and templates can still be checked against it; it must not be used to run when any diagnostic is an error.
#[must_use]
pub fn read_settings(file: &Path, bytes: &[u8], base: &Path) -> (Option<Settings>, Vec<Diagnostic>) {
    let document = match parse(file, bytes) {
        Ok(document) => document,
        Err(problems) => return (None, problems),
    };
    let reader = Reader::new(&document);
    let settings = reader.root().map().map_or_else(|| Settings::of_nothing(base), |map| read(map, base));
    let mut problems = reader.finish();
    secret::mask(&document, &mut problems);
    (Some(settings), problems)
}

impl Settings {
    /// The settings of a file that says nothing.
    fn of_nothing(base: &Path) -> Self {
        let store = StoreSettings { path: base.join("data"), cache: None };
        Self {
            business: Business::default(),
            purchase: Purchase::default(),
            topics: BTreeMap::new(),
            email: None,
            endpoints: BTreeMap::new(),
            http: Http::default_for(&store),
            policy: policy::Policy::default(),
            reload: Reload::default(),
            backup: None,
            store,
            endpoint_names: std::collections::BTreeSet::new(),
        }
    }
}

fn read(map: Map<'_>, base: &Path) -> Settings {
    let mut settings = Settings::of_nothing(base);
    let section = |name| map.optional(name).and_then(Item::map);
    if let Some(section) = section("business") {
        settings.business = business(section);
    }
    if let Some(section) = section("purchase") {
        settings.purchase = purchase(section);
    }
    if let Some(section) = section("store") {
        settings.store = store(section, base);
    }
    if let Some(item) = map.optional("topics") {
        settings.topics = topics(item);
    }
    settings.email = section("email").map(|section| Email::read(section, base));
    if let Some(item) = map.optional("endpoints") {
        (settings.endpoints, settings.endpoint_names) = endpoints::read(item, base);
    }
    settings.http = match section("http") {
        Some(section) => http::read(section, base, &settings.store),
        None => Http::default_for(&settings.store),
    };
    settings.policy = policy::read(&map);
    if let Some(section) = section("reload") {
        settings.reload.watch = section.optional("watch").and_then(Item::bool).unwrap_or(true);
        section.close();
    }
    settings.backup = section("backup").and_then(|section| backup(section, base));
    map.close();
    settings
}

fn business(map: Map<'_>) -> Business {
    let mut business = Business::default();
    let text = |name| map.optional(name).and_then(Item::text).map(str::to_owned);
    business.name = text("name").unwrap_or_default();
    business.address = text("address").unwrap_or_default();
    business.timezone = map.optional("timezone").and_then(Item::zone).unwrap_or(business.timezone);
    business.locale = map.optional("locale").and_then(locale).unwrap_or(business.locale);
    business.currency = map.optional("currency").and_then(currency);
    business.words = map.optional("words").map(words).unwrap_or_default();
    business.people = map.optional("people").map(people).unwrap_or_default();
    map.close();
    business
}

/// A language tag such as `en`, `hr-HR` or `zh-Hant` (RFC 5646, without its rarer parts).
fn locale(item: Item<'_>) -> Option<String> {
    let text = item.text()?;
    let mut parts = text.split('-');
    let language = parts.next().is_some_and(|part| matches!(part.len(), 2 | 3) && is_alphabetic(part));
    if language && parts.all(|part| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Some(text.to_owned());
    }
    item.error_with_help("bad-value", format!("`{text}` is no language"), "write it like en, sw or hr-HR");
    None
}

fn is_alphabetic(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_alphabetic())
}

fn currency(item: Item<'_>) -> Option<String> {
    let text = item.text()?;
    if text.len() == 3 && text.chars().all(|character| character.is_ascii_uppercase()) {
        return Some(text.to_owned());
    }
    item.error_with_help("bad-value", format!("`{text}` is no currency"), "write three capital letters, such as KES");
    None
}

fn words(item: Item<'_>) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for (key, value) in item.pairs().unwrap_or_default() {
        let named = is_name(&key.name, &['_']);
        if !named {
            refuse_name(value, "a word's name", "templates say {{ words.NAME }}: use letters, digits and _");
        }
        if let (Some(text), true) = (value.text(), named) {
            words.insert(key.name.clone(), text.to_owned());
        }
    }
    words
}

fn people(item: Item<'_>) -> BTreeMap<String, String> {
    let pairs = item.pairs().unwrap_or_default();
    let address = |value: Item<'_>| Mailbox::read(value).map(|mailbox| mailbox.address);
    pairs.into_iter().filter_map(|(key, value)| Some((key.name.clone(), address(value)?))).collect()
}

fn purchase(map: Map<'_>) -> Purchase {
    let mut purchase = Purchase::default();
    for (name, part) in [("event", &mut purchase.event), ("value", &mut purchase.value), ("id", &mut purchase.id)] {
        if let Some(text) = map.optional(name).and_then(Item::text) {
            text.clone_into(part);
        }
    }
    map.close();
    purchase
}

fn store(map: Map<'_>, base: &Path) -> StoreSettings {
    let path = map.optional("path").and_then(Item::text).unwrap_or("data");
    let cache = map.optional("cache").and_then(|item| {
        let mebibytes = item.whole()?;
        let fits = (16..=1 << 20).contains(&mebibytes);
        if !fits {
            item.error_with_help("bad-value", "`cache` must lie between 16 and 1048576", "it counts MiB");
        }
        fits.then_some(mebibytes)
    });
    map.close();
    StoreSettings { path: base.join(path), cache }
}

fn backup(map: Map<'_>, base: &Path) -> Option<BackupSettings> {
    let folder = map.required("folder").and_then(Item::text);
    let at = map.optional("at").map_or(Some(civil::Time::constant(3, 30, 0, 0)), Item::time_of_day);
    let keep = map.optional("keep").map_or(Some(7), |item| {
        let keep = item.whole()?;
        if keep == 0 {
            item.error_with_help("bad-value", "`keep` must be 1 or more", "leave `backup` out for no backups at all");
        }
        (keep > 0).then_some(keep)
    });
    map.close();
    Some(BackupSettings { folder: base.join(folder?), at: at?, keep: keep? })
}

fn topics(item: Item<'_>) -> BTreeMap<String, String> {
    let mut topics = BTreeMap::new();
    for (key, value) in item.pairs().unwrap_or_default() {
        let text = value.text();
        if [Class::Marketing, Class::Service].iter().any(|class| class.word() == key.name) {
            refuse_name(value, "the name of a topic", "marketing and service are classes: choose another name");
        } else if !is_name(&key.name, &['_', '-']) {
            refuse_name(value, "the name of a topic", "begin with a letter, then letters, digits, _ and -");
        } else if let Some(text) = text {
            topics.insert(key.name.clone(), text.to_owned());
        }
    }
    topics
}

/// Whether a text is a letter and then letters, digits and `others`, all ASCII.
pub(super) fn is_name(text: &str, others: &[char]) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || others.contains(&character))
}

/// Notes that the key of this value cannot be its name.
pub(super) fn refuse_name(item: Item<'_>, what: &str, help: &str) {
    let message = format!("`{}` cannot be {what}", item.name());
    item.reader().report(Diagnostic::error("bad-name", item.key_place(), message).help(help));
}
