//! Consent among the traits of a profile.

use super::attribute::check_effective;
use super::lines::shortened;
use super::sent::{Origin, time};
use crate::domain::{Proof, Schema, Text, Time, nearest};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The trait that holds consents by name; `consent.NAME` is a trait that holds one.
pub(super) const CONSENT: &str = "consent";

/// Takes a trait in if it is about consent, and says whether it is. `null` withdraws, as `\N` does in a file.
pub(super) fn take(into: &mut BTreeMap<Text, bool>, schema: &Schema, name: &str, json: &Json) -> Result<bool, String> {
    if let Some(one) = name.strip_prefix("consent.") {
        set(into, schema, one, json)?;
        return Ok(true);
    }
    if name != CONSENT {
        return Ok(false);
    }
    match json {
        Json::Null => {}
        Json::Object(members) => members.iter().try_for_each(|(one, json)| set(into, schema, one, json))?,
        _ => return Err("`consent` is no object such as {\"marketing\": true}".to_owned()),
    }
    Ok(true)
}

/// The longest name of a wording, in characters.
const LONGEST_WORDING: usize = 200;

/// Whether the version of a wording can be kept.
pub(super) fn check_wording(name: &str, wording: &str) -> Result<(), String> {
    if wording.chars().any(char::is_control) {
        return Err(format!("`{name}` holds a control character"));
    }
    if wording.chars().count() > LONGEST_WORDING {
        return Err(format!("`{name}` is longer than {LONGEST_WORDING} characters"));
    }
    Ok(())
}

/// What `context.consent` says of how consent came: `{"version": "2026-03", "at": "2026-03-01T10:00:00Z"}`. What others write
/// there (`categoryPreferences`) is passed over.
pub(super) fn proof(message: &Map<String, Json>, origin: Origin, received_at: Time) -> Result<Option<Proof>, String> {
    let context = message.get("context").and_then(|context| context.get(CONSENT));
    let Some(Json::Object(told)) = context else { return Ok(None) };
    let mut proof = Proof::default();
    match told.get("version") {
        Some(Json::String(wording)) if !wording.is_empty() => {
            check_wording("context.consent.version", wording)?;
            proof.wording = Some(wording.as_str().into());
        }
        Some(Json::Number(wording)) => proof.wording = Some(wording.to_string().into()),
        None | Some(Json::Null | Json::String(_)) => {}
        Some(_) => return Err("`context.consent.version` is no text".to_owned()),
    }
    proof.at = time("at", "context.consent.at", told, origin.moved(message, received_at))?;
    if let Some(at) = proof.at {
        check_effective("context.consent.at", at, received_at)?;
    }
    Ok((proof != Proof::default()).then_some(proof))
}

fn set(into: &mut BTreeMap<Text, bool>, schema: &Schema, name: &str, json: &Json) -> Result<(), String> {
    if !schema.consents.iter().any(|known| known == name) {
        let near = nearest(name, schema.consents.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!(", did you mean `consent.{near}`?"));
        return Err(format!("`consent.{}` is no class and no topic{near}", shortened(name)));
    }
    let granted = match json {
        Json::Null => Some(false),
        Json::Bool(granted) => Some(*granted),
        Json::String(word) => read_bool(word),
        Json::Number(number) => read_bool(&number.to_string()),
        _ => None,
    };
    let unusable = || format!("`consent.{name}` is `{}`, expected true or false", shortened(&json.to_string()));
    into.insert(name.into(), granted.ok_or_else(unusable)?);
    Ok(())
}

/// A boolean as files and traits write it: `true` or `false` in any case, `1` or `0`.
pub(super) fn read_bool(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        word if word.eq_ignore_ascii_case("true") => Some(true),
        word if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
