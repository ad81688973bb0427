//! Template files become compiled templates, and a compiled template with a customer becomes a message.
//!
//! What it is for: reading `templates/NAME/LOCALE.md`, checking every name and tag in it, and rendering subject, plain text
//! and HTML; and the same for the `data:` of a webhook.
//! Invariants: pure; Markdown is turned into templates once, at load, and never per message; what a customer's value holds
//! is text and never markup, a tag, a header line or a link of another scheme; a name that nobody declared is an error when
//! the files are loaded, not when a mail goes out; a part that cannot be rendered is an error, never half a message.
//! Deliberately not here: MIME, addresses and headers (`channels/email`), reading folders, languages' ways of writing dates
//! and numbers.

mod check;
mod compile;
mod context;
mod engine;
mod event;
mod head;
mod html;
mod layout;
mod leftover;
mod link;
mod locale;
mod markdown;
mod names;
mod payload;
mod protect;
mod render;
mod samples;
mod tags;
mod text;

#[cfg(test)]
mod tests;

pub use compile::compile;
pub use payload::Payload;
pub use render::{RenderError, Templates};

use crate::domain::{Customer, Event, Schema};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A template file, as found in the project.
#[derive(Debug, Clone)]
pub struct TemplateFile {
    /// Name of the template: of its folder.
    pub name: String,
    /// Language and region, such as `en` or `hr-HR`: of the file, without `.md`.
    pub locale: String,
    /// The file, as the user would name it.
    pub path: PathBuf,
    /// Its bytes, or why they could not be read.
    pub content: Result<Vec<u8>, String>,
}

/// What templates may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The declared attributes and events.
    pub schema: &'a Schema,
    /// `business.words` of the settings.
    pub words: &'a BTreeMap<String, String>,
    /// By template, the rules that send it. One that no rule sends may name what any event has.
    pub sent_by: &'a BTreeMap<String, Vec<SentBy>>,
}

/// A rule that sends something: what starts it says what `event.` means there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBy {
    /// Its name.
    pub rule: String,
    /// The event that starts it, if one does.
    pub event: Option<String>,
}

/// Who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Business {
    /// Its name.
    pub name: String,
    /// Its postal address; empty when the settings have none.
    pub address: String,
    /// Its language, such as `en`.
    pub locale: String,
}

/// What a message is made of, besides its template.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// To whom.
    pub customer: &'a Customer,
    /// The event that started it, where one did and it was kept.
    pub event: Option<&'a Event>,
    /// The declared attributes and properties, for their defaults and types.
    pub schema: &'a Schema,
    /// `business.words` of the settings.
    pub words: &'a BTreeMap<String, String>,
    /// From whom.
    pub business: &'a Business,
    /// The customer's time zone, or the business's; the filter `day` counts in it.
    pub zone: &'a jiff::tz::TimeZone,
    /// The language wanted. Where there is no such file: `hr-HR`, then `hr`, then the business's, then any.
    pub locale: &'a str,
}

/// A message as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The locale of the file that was used.
    pub locale: String,
    /// One line, without control characters, not empty.
    pub subject: String,
    /// One line that mail programs show behind the subject; may be empty.
    pub preheader: String,
    /// The plain part.
    pub text: String,
    /// The HTML part, a whole document.
    pub html: String,
}
