//! `schema infer`: a `schema.yaml` from the attributes and events that are stored.

mod seen;
mod write;

use super::failure;
use crate::app::shared::Shared;
use crate::domain::{BUILT_IN, Customer, Event, Schema, Value};
use crate::http::{InferReport, Result};
use crate::store::View;
use seen::Seen;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Customers read at a time.
const PAGE: usize = 500;

/// Of each customer so many events are looked at, the newest.
const EVENTS: usize = 1000;

/// So many names of one kind are kept; more than that were hardly given by a person.
const MOST_NAMES: usize = 500;

/// The longest name that is shown.
const LONGEST_NAME: usize = 100;

/// What was seen, by name.
#[derive(Debug, Default)]
pub(super) struct Found {
    customers: u64,
    attributes: BTreeMap<String, Seen>,
    events: u64,
    by_event: BTreeMap<String, OfEvent>,
}

/// What was seen of one event.
#[derive(Debug, Default)]
pub(super) struct OfEvent {
    count: u64,
    properties: BTreeMap<String, Seen>,
}

pub(super) async fn infer(core: &Shared) -> Result<InferReport> {
    let world = core.world.load_full();
    let view = View { interest: Arc::clone(&world.interest), now: core.clock.now(), backtest: false };
    let (mut found, mut after) = (Found::default(), None);
    let last = core.store.last_customer();
    loop {
        let page = core.store.customers(after, last, PAGE, &view).await.map_err(failure)?;
        let Some(end) = page.last() else { break };
        after = Some(end.number);
        for stored in page {
            found.customer(&stored.customer);
            let events = core.store.events(stored.number, None, EVENTS).await.map_err(failure)?;
            for event in &events {
                found.event(event);
            }
        }
    }
    Ok(found.report(&world.schema))
}

impl Found {
    fn customer(&mut self, customer: &Customer) {
        self.customers += 1;
        for (name, value) in &customer.attributes {
            add(&mut self.attributes, name, value);
        }
    }

    fn event(&mut self, event: &Event) {
        self.events += 1;
        let is_new = !self.by_event.contains_key(event.name.as_str());
        if is_new && (self.by_event.len() >= MOST_NAMES || !is_fit(&event.name)) {
            return;
        }
        let of_event = self.by_event.entry(event.name.to_string()).or_default();
        of_event.count += 1;
        for (name, value) in &event.properties {
            add(&mut of_event.properties, name, value);
        }
    }

    /// The file. What the project declares already stays as it is declared.
    fn report(mut self, declared: &Schema) -> InferReport {
        // What is always there, and declared by nobody, needs no line.
        self.attributes.retain(|name, _| BUILT_IN.iter().all(|(built_in, _)| built_in != name));
        InferReport { schema: write::file(&self, declared), customers: self.customers, events: self.events }
    }
}

/// Whether a name can stand in a file, and is no address that a sender took for one.
fn is_fit(name: &str) -> bool {
    let is_short = name.len() <= LONGEST_NAME && !name.trim().is_empty();
    is_short && !name.contains(|letter: char| letter == '@' || letter.is_control() || letter == '\u{feff}')
}

fn add(all: &mut BTreeMap<String, Seen>, name: &str, value: &Value) {
    if let Some(seen) = all.get_mut(name) {
        seen.add(value);
    } else if all.len() < MOST_NAMES && is_fit(name) {
        all.entry(name.to_owned()).or_default().add(value);
    }
}

#[cfg(test)]
mod tests;
