//! The time zones of a page of customers, looked up once each.

use crate::calendar;
use crate::delivery::World;
use crate::domain::{Customer, Time};
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// A time zone at one instant.
#[derive(Debug)]
pub(super) struct Local {
    /// Its IANA name.
    pub(super) name: String,
    /// The zone.
    pub(super) zone: TimeZone,
    /// The wall time there, as an occurrence has it.
    pub(super) occurrence: String,
}

/// Zones as customers name them.
#[derive(Debug)]
pub(super) struct Zones {
    at: Time,
    business: Local,
    /// `None` for names that are no zones.
    known: HashMap<String, Option<Local>>,
}

impl Zones {
    pub(super) fn new(world: &World, at: Time) -> Self {
        let business = Local {
            name: world.zone_name.clone(),
            occurrence: calendar::occurrence_at(&world.zone, at),
            zone: world.zone.clone(),
        };
        Self { at, business, known: HashMap::new() }
    }

    /// The customer's zone, or the business's where theirs is missing or unknown.
    pub(super) fn of(&mut self, customer: &Customer) -> &Local {
        let Some(name) = customer.timezone() else { return &self.business };
        if !self.known.contains_key(name) {
            let local = calendar::zone(name).map(|zone| Local {
                name: name.to_owned(),
                occurrence: calendar::occurrence_at(&zone, self.at),
                zone,
            });
            self.known.insert(name.to_owned(), local);
        }
        self.known.get(name).and_then(Option::as_ref).unwrap_or(&self.business)
    }
}
