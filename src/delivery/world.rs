//! What the worker knows of the project: swapped as a whole at a reload.

use crate::channels::{email::Mailer, webhook};
use crate::domain::{Class, Interest, Policy, Reason, Schema, Text};
use crate::rules::RuleSet;
use crate::templates::{Business, Templates};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Rules, templates, settings and channels, all of one load.
#[derive(Debug)]
pub struct World {
    /// The rules.
    pub rules: RuleSet,
    /// What is kept of each customer's events: what the rules name.
    pub interest: Arc<Interest>,
    /// The templates.
    pub templates: Templates,
    /// Webhook bodies by (rule, step).
    pub payloads: BTreeMap<(Text, Text), crate::templates::Payload>,
    /// What may be named.
    pub schema: Schema,
    /// Fixed words of the business.
    pub words: BTreeMap<String, String>,
    /// Name, address and locale of the business.
    pub business: Business,
    /// The business's time zone.
    pub zone: TimeZone,
    /// Its IANA name.
    pub zone_name: String,
    /// Caps, quiet hours, misfires, uncertain outcomes.
    pub policy: Policy,
    /// `email.only_to`: the only receivers of mail; empty lets all pass.
    pub only_to: Vec<String>,
    /// Who mail is from and where answers go; `None` when no mail can be sent.
    pub sender: Option<Sender>,
    /// Endpoints by name.
    pub endpoints: BTreeMap<String, webhook::Endpoint>,
    /// Places for mail; as many deliveries at most are in the hands of the worker.
    pub mail_places: usize,
}

/// Who mail is from.
#[derive(Debug)]
pub struct Sender {
    /// `From`.
    pub from: String,
    /// `Reply-To`.
    pub reply_to: Option<String>,
    /// Whether `email.rate` is set, so that a connection is dear.
    pub rated: bool,
    /// The way to the mail server.
    pub mailer: Arc<Mailer>,
}

impl World {
    /// The zone of a customer, or the business's where theirs is missing or unknown.
    #[must_use]
    pub fn zone_of(&self, customer: &crate::domain::Customer) -> TimeZone {
        customer.timezone().and_then(crate::calendar::zone).unwrap_or_else(|| self.zone.clone())
    }
}

/// What is paused: read by the worker and the ticks, written by the operations and the brake.
#[derive(Debug, Default)]
pub struct Pauses {
    inner: RwLock<Inner>,
    editing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    all: bool,
    marketing: bool,
    rules: BTreeMap<String, Reason>,
}

impl Pauses {
    /// To be held from reading stored rule states to writing them: they are read, changed and written by the ticks, the
    /// planner and the operations alike.
    pub async fn editing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.editing.lock().await
    }

    /// Whether all sending is paused.
    pub fn all(&self) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Pauses or resumes all sending.
    pub fn set_all(&self, paused: bool) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).all = paused;
    }

    /// Whether marketing is paused, as it is after a restore, and all else is not.
    pub fn marketing(&self) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).marketing
    }

    /// Pauses or resumes marketing.
    pub fn set_marketing(&self, paused: bool) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).marketing = paused;
    }

    /// Whether nothing of a class goes out.
    pub fn stops(&self, class: Class) -> bool {
        self.all() || class == Class::Marketing && self.marketing()
    }

    /// Why a rule is paused, if it is.
    pub fn rule(&self, rule: &str) -> Option<Reason> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).rules.get(rule).copied()
    }

    /// Pauses a rule with a reason, or resumes it.
    pub fn set_rule(&self, rule: &str, reason: Option<Reason>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => inner.rules.insert(rule.to_owned(), reason),
            None => inner.rules.remove(rule),
        };
    }
}
