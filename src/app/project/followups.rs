//! What is only said because another file could not be understood, and so is not said.
//!
//! A rule that names a topic is not at fault when the settings have a mistake in their `topics`. As far as it can be told, only
//! the one name is excused whose entry is broken, and all names when nothing of the block could be read.

use crate::domain::{Diagnostic, nearest};
use crate::yaml::{Document, Key, Kind, Node, parse};
use std::collections::BTreeSet;
use std::path::Path;

/// The blocks of settings and schema that other files name something of.
const BLOCKS: [&str; 6] = ["topics", "endpoints", "email", "business", "customer", "events"];

/// Any key, in a path.
const ANY: &str = "*";

/// What is broken in settings and schema.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// Paths of keys, such as `topics`, `topics/offers` or `business/words/shop`: nothing below them could be read.
    paths: BTreeSet<String>,
}

impl Broken {
    /// Takes in what is wrong with a file of settings or of the schema.
    pub(super) fn note(&mut self, file: &Path, bytes: &[u8], problems: &[Diagnostic]) {
        let errors: Vec<&Diagnostic> = problems.iter().filter(|problem| problem.is_error()).collect();
        if errors.is_empty() {
            return;
        }
        let document = match parse(file, bytes) {
            Ok(document) if !document.root.is_refused() => document,
            // Of settings that cannot be read at all nothing is asked, so this is the schema.
            _ => return self.paths.extend(BLOCKS.map(str::to_owned)),
        };
        for error in errors.into_iter().filter(|error| error.place.file == file) {
            self.paths.insert(path(&document, error));
        }
    }

    /// Whether a problem of a rule or a template is no more than what follows from that.
    pub(super) fn brings(&self, problem: &Diagnostic) -> bool {
        let Some(named) = named(problem) else { return false };
        let is_same = |(broken, named): (&str, &str)| broken == named || named == ANY;
        problem.is_error() && self.paths.iter().any(|path| path.split('/').zip(named.split('/')).all(is_same))
    }
}

/// What of settings and schema a problem misses.
fn named(problem: &Diagnostic) -> Option<String> {
    let place = &problem.place;
    let text = place.text.get(place.span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
    Some(match problem.code {
        "unknown-topic" | "unknown-consent" => format!("topics/{text}"),
        "unknown-endpoint" => format!("endpoints/{text}"),
        "missing-setting" => "email/from".to_owned(),
        "unknown-attribute" => format!("customer/{text}"),
        "unknown-event" => format!("events/{text}"),
        // Of which event it is does not stand there.
        "unknown-property" => format!("events/{ANY}/{text}"),
        "unknown-name" => match text.split('.').collect::<Vec<_>>().as_slice() {
            ["words", word, ..] => format!("business/words/{word}"),
            ["customer", "consent", topic, ..] => format!("topics/{topic}"),
            ["customer", attribute, ..] => format!("customer/{attribute}"),
            _ => return None,
        },
        _ => return None,
    })
}

/// The path of the innermost key whose value could not be read because of an error.
fn path(document: &Document, error: &Diagnostic) -> String {
    let at = error.place.span.start;
    // All but the first of such keys are left out of the map.
    if error.code == "duplicate-key" && error.place.line_column().1 == 1 {
        return document.text.get(error.place.span.clone()).unwrap_or_default().to_owned();
    }
    let (mut node, mut end, mut path) = (&document.root, document.text.len(), Vec::new());
    while let Some((key, value, until)) = entry(node, at, end) {
        let is_misspelt = error.code == "unknown-key" && key.span.start == at;
        path.push(if is_misspelt { meant(&path, &key.name) } else { &key.name });
        if is_misspelt || value.is_refused() || value.is_partial() {
            break;
        }
        (node, end) = (value, until);
    }
    path.join("/")
}

/// The key that an unknown one below a path was most likely meant to be.
fn meant<'k>(path: &[&str], key: &'k str) -> &'k str {
    let known: &[&'static str] = match path {
        [] => &BLOCKS,
        ["business"] => &["words"],
        ["email"] => &["from"],
        _ => &[],
    };
    nearest(key, known.iter().copied()).unwrap_or(key)
}

/// The entry of a map in which a byte lies, and where the next one begins.
fn entry(node: &Node, at: usize, end: usize) -> Option<(&Key, &Node, usize)> {
    let Kind::Map(entries) = &node.kind else { return None };
    let index = entries.iter().rposition(|(key, _)| key.span.start <= at)?;
    let until = entries.get(index + 1).map_or(end, |(next, _)| next.span.start);
    let (key, value) = &entries[index];
    (at < until.max(value.span.end)).then_some((key, value, until))
}

#[cfg(test)]
mod tests {
    use super::{BLOCKS, Broken};
    use crate::domain::{Diagnostic, Place};
    use std::path::Path;

    /// A problem of which the place is the last such word in a text.
    fn problem(file: &str, text: &str, (code, word): (&'static str, &str)) -> Diagnostic {
        let start = text.rfind(word).unwrap();
        let place = Place { file: file.into(), text: text.into(), span: start..start + word.len() };
        Diagnostic::error(code, place, "a cause")
    }

    #[track_caller]
    fn expect(settings: &str, error: (&'static str, &str), excused: &[(&'static str, &str)]) {
        let file = Path::new("retaind.yaml");
        let mut broken = Broken::default();
        broken.note(file, settings.as_bytes(), &[problem("retaind.yaml", settings, error)]);
        for (code, name) in [
            ("unknown-topic", "offers"),
            ("unknown-consent", "offers"),
            ("unknown-endpoint", "crm"),
            ("missing-setting", "mail"),
            ("unknown-name", "words.shop"),
            ("unknown-name", "customer.tier"),
            ("unknown-attribute", "tier"),
            ("unknown-event", "\"Signed Up\""),
            ("unknown-property", "source"),
            ("unknown-key", "offers"),
        ] {
            let told = problem("rules/a.yaml", name, (code, name));
            assert_eq!(broken.brings(&told), excused.contains(&(code, name)), "{settings}: {code} {name}");
        }
    }

    const OF_TOPICS: [(&str, &str); 2] = [("unknown-topic", "offers"), ("unknown-consent", "offers")];

    #[test]
    fn what_names_something_of_a_broken_block_is_no_problem_of_its_own() {
        expect("topics: [offers]\nstore: {}\n", ("wrong-type", "[offers]"), &OF_TOPICS);
        expect("store: {}\ntopics:\n  x \"y\"\n  z: 1\n", ("yaml-syntax", "z: 1"), &OF_TOPICS);
        expect("topcis: {offers: x}\n", ("unknown-key", "topcis"), &OF_TOPICS);
        expect("topics: {a: b}\ntopics: {offers: x}\n", ("duplicate-key", "topics"), &OF_TOPICS);
        expect("endpoints:\n  - x\n", ("wrong-type", "- x"), &[("unknown-endpoint", "crm")]);
        expect("email: me\n", ("wrong-type", "me"), &[("missing-setting", "mail")]);
        expect("email: {form: me}\n", ("unknown-key", "form"), &[("missing-setting", "mail")]);
        expect("business: x\n", ("wrong-type", "x"), &[("unknown-name", "words.shop")]);
        let attribute = [("unknown-name", "customer.tier"), ("unknown-attribute", "tier")];
        expect("customer: []\n", ("wrong-type", "[]"), &attribute);
        expect(
            "events: []\n",
            ("wrong-type", "[]"),
            &[("unknown-event", "\"Signed Up\""), ("unknown-property", "source")],
        );
    }

    #[test]
    fn of_a_block_with_a_broken_entry_only_that_is_excused() {
        expect("topics: {offers: [x], b: c}\n", ("wrong-type", "[x]"), &OF_TOPICS);
        expect("topics: {other: [x], b: c}\n", ("wrong-type", "[x]"), &[]);
        expect("business: {words: {shop: [x]}}\n", ("wrong-type", "[x]"), &[("unknown-name", "words.shop")]);
        expect("business: {words: {other: [x]}}\n", ("wrong-type", "[x]"), &[]);
        expect("business: {timezone: Mars}\n", ("bad-zone", "Mars"), &[]);
        expect("email: {transport: x}\n", ("bad-value", "x"), &[]);
        let attribute = [("unknown-name", "customer.tier"), ("unknown-attribute", "tier")];
        expect("customer: {tier: {type: text}}\n", ("unknown-type", "text"), &attribute);
        expect("events: {Ticket: {source: x, rating: y}}\n", ("unknown-type", "x"), &[("unknown-property", "source")]);
        let event = [("unknown-event", "\"Signed Up\""), ("unknown-property", "source")];
        expect("events: {Signed Up: x}\n", ("wrong-type", "x"), &event);
        expect("store: {path: []}\n", ("wrong-type", "[]"), &[]);
    }

    #[test]
    fn of_a_file_that_cannot_be_read_everything_is_excused_and_of_a_sound_one_nothing() {
        let (file, text) = (Path::new("schema.yaml"), "a: [\n");
        let error = problem("schema.yaml", text, ("yaml-syntax", "["));
        let mut broken = Broken::default();
        broken.note(file, b"a: b\n", &[]);
        assert!(broken.paths.is_empty());
        broken.note(file, b"\0", &[error]);
        assert_eq!(broken.paths, BLOCKS.map(str::to_owned).into());
    }
}
