//! Settings, secrets and the declared schema: `retaind.yaml` and `schema.yaml`.
//!
//! What it is for: the whole of both files as typed values, every problem at once, each with its place.
//! Invariants: an unknown key is an error; what a file does not say has the default of the documentation; paths are
//! relative to the settings file; a secret is never part of the settings, only where to find it, so that neither
//! `Debug` nor a diagnostic can show one.
//! Deliberately not here: opening the files (`app/`), what rules and templates say, and how a secret is used.

mod email;
mod endpoints;
mod http;
mod mailbox;
mod policy;
mod schema;
mod secret;
mod settings;

#[cfg(test)]
mod tests;

pub use email::{Email, Rate, Tls, Transport};
pub use endpoints::Endpoint;
pub use http::{Admin, Http};
pub use mailbox::{Mailbox, NotAMailbox};
pub use schema::{read_schema, schema_of_no_file};
pub use secret::{Secret, SecretError};
pub use settings::read_settings;

use crate::domain::{Policy, Purchase};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// All of `retaind.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who sends.
    pub business: Business,
    /// Which event is a purchase.
    pub purchase: Purchase,
    /// Where the data is kept.
    pub store: StoreSettings,
    /// What people may choose on the preference page: texts by name.
    pub topics: BTreeMap<String, String>,
    /// How mail goes out; `None` when the file says nothing of it.
    pub email: Option<Email>,
    /// Receivers of webhooks by name; those with a mistake are left out.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The listeners.
    pub http: Http,
    /// Caps, quiet hours, misfires, uncertain outcomes.
    pub policy: Policy,
    /// How changed files come into use.
    pub reload: Reload,
    /// Nightly backups; `None` for none.
    pub backup: Option<BackupSettings>,
    /// Names of all endpoints, those with a mistake among them, so that one mistake is not reported twice.
    endpoint_names: BTreeSet<String>,
}

impl Settings {
    /// Whether `email.from` is set, be it wrongly.
    #[must_use]
    pub fn can_mail(&self) -> bool {
        self.email.as_ref().is_some_and(|email| email.from_is_set)
    }

    /// The names that a webhook step may give: all endpoints of the file.
    #[must_use]
    pub const fn endpoint_names(&self) -> &BTreeSet<String> {
        &self.endpoint_names
    }
}

/// Who sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Business {
    /// Its name; empty if not set.
    pub name: String,
    /// Its postal address; empty if not set.
    pub address: String,
    /// Its zone; UTC if not set.
    pub timezone: TimeZone,
    /// Its language, such as `en` or `hr-HR`; `en` if not set.
    pub locale: String,
    /// Its currency, three letters of ISO 4217, if set.
    pub currency: Option<String>,
    /// Fixed words for templates.
    pub words: BTreeMap<String, String>,
    /// Addresses of people of the business by role.
    pub people: BTreeMap<String, String>,
}

impl Default for Business {
    fn default() -> Self {
        Self {
            name: String::new(),
            address: String::new(),
            timezone: TimeZone::UTC,
            locale: "en".into(),
            currency: None,
            words: BTreeMap::new(),
            people: BTreeMap::new(),
        }
    }
}

/// How changed files come into use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether the daemon watches the folders and takes in what is saved there.
    pub watch: bool,
}

impl Default for Reload {
    fn default() -> Self {
        Self { watch: true }
    }
}

/// Nightly backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where they go.
    pub folder: PathBuf,
    /// When they are made, on the business's clock.
    pub at: jiff::civil::Time,
    /// How many are kept; at least one.
    pub keep: u64,
}

/// Where the data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The folder.
    pub path: PathBuf,
    /// Memory for the store's page cache in MiB; `None` leaves it to the store.
    pub cache: Option<u64>,
}
