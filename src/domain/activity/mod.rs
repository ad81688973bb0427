//! Totals over a customer's events, kept up as they arrive.

use super::{Event, Number, Purchase, Span, Text, Time, Value, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// How many of the latest events are kept in the totals; what lies further back is read from the log.
pub const RECENT: usize = 64;

/// What is to be kept of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventInterest {
    /// Numeric properties whose sum is named, with or without a window.
    pub sums: BTreeSet<Text>,
    /// Properties whose last value is named, with their declared types.
    pub last_values: BTreeMap<Text, ValueType>,
    /// The longest window named, if any is.
    pub longest_window: Option<Span>,
}

/// What the rules, segments and templates name, so what is kept of each customer's events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// By name of the event.
    pub events: BTreeMap<Text, EventInterest>,
    /// What a purchase is; `orders.*` is always kept.
    pub purchase: Purchase,
    /// Events that start rules or reach goals: one that arrives waits in the customer's record until it is judged.
    pub triggers: BTreeSet<Text>,
    /// Rules of which somebody asks whether they sent something.
    pub sent: BTreeSet<Text>,
}

impl Interest {
    /// Takes in what another part of the rules names.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.events {
            let ours = self.events.entry(name.clone()).or_default();
            ours.sums.extend(theirs.sums.iter().cloned());
            ours.last_values.extend(theirs.last_values.iter().map(|(name, kind)| (name.clone(), *kind)));
            ours.longest_window = ours.longest_window.max(theirs.longest_window);
        }
        self.triggers.extend(other.triggers.iter().cloned());
        self.sent.extend(other.sent.iter().cloned());
    }

    /// Whether anybody is to look when such an event arrived: totals of it are named, it starts something, or it is a
    /// purchase.
    #[must_use]
    pub fn concerns(&self, event: &str) -> bool {
        self.events.contains_key(event) || self.triggers.contains(event) || self.purchase.event == event
    }

    /// Whether the totals that are kept under this one serve the other, too, once its windows are merged into this.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let keeps = |(name, theirs): (&Text, &EventInterest)| {
            self.events.get(name).is_some_and(|ours| {
                theirs.sums.is_subset(&ours.sums)
                    && theirs.last_values.iter().all(|(name, kind)| ours.last_values.get(name) == Some(kind))
                    && (theirs.longest_window.is_none() || ours.longest_window.is_some())
            })
        };
        self.purchase == other.purchase && other.events.iter().all(keeps)
    }

    /// A number that changes when what has to be kept in the totals changes; the length of a window does not change it,
    /// nor does what starts rules.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        for text in [&self.purchase.event, &self.purchase.value, &self.purchase.id] {
            part(text);
        }
        for (name, interest) in &self.events {
            part("event");
            part(name);
            interest.sums.iter().for_each(|property| part(property));
            part(if interest.longest_window.is_some() { "window" } else { "" });
            for (property, kind) in &interest.last_values {
                part(property);
                part(kind.word());
            }
        }
        let digest = hash.finalize();
        u64::from_be_bytes(digest[..8].try_into().unwrap_or_default()) >> 1
    }
}

/// One of the latest events, as windows need it.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Recent {
    /// When it happened.
    #[n(0)]
    pub at: Time,
    /// The summed properties' values, in the order of [`EventInterest::sums`].
    #[n(1)]
    pub numbers: Vec<Option<Number>>,
}

/// Totals of one event name.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Totals {
    /// Name of the event.
    #[n(0)]
    pub name: Text,
    /// How many.
    #[n(1)]
    pub count: u64,
    /// The earliest.
    #[n(2)]
    pub first_at: Time,
    /// The latest.
    #[n(3)]
    pub last_at: Time,
    /// Exact sums, in the order of [`EventInterest::sums`].
    #[n(4)]
    pub sums: Vec<Number>,
    /// Latest values with their times, in the order of [`EventInterest::last_values`].
    #[n(5)]
    pub last_values: Vec<Option<(Time, Value)>>,
    /// The latest events, oldest first; kept only where a window is named.
    #[n(6)]
    pub recent: Vec<Recent>,
    /// Names of the summed properties.
    #[n(7)]
    pub sum_names: Vec<Text>,
    /// Names of the properties whose last value is kept.
    #[n(8)]
    pub last_names: Vec<Text>,
}

/// Totals over purchases (`orders.*`).
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Orders {
    /// How many purchases; one purchase id counts once.
    #[n(0)]
    pub count: u64,
    /// Sum of their values.
    #[n(1)]
    pub revenue: Number,
    /// The earliest.
    #[n(2)]
    pub first_at: Option<Time>,
    /// The latest.
    #[n(3)]
    pub last_at: Option<Time>,
    /// Times of the latest [`RECENT`] purchases, oldest first.
    #[n(4)]
    pub recent: Vec<Time>,
}

impl Orders {
    /// Mean value of a purchase; unknown without one.
    #[must_use]
    pub fn average(&self) -> Option<Number> {
        self.revenue.over(Number::from(i64::try_from(self.count).ok()?))
    }

    /// Median time between consecutive purchases over the latest [`RECENT`]; unknown with fewer than two. Of two
    /// middle gaps, their mean.
    #[must_use]
    pub fn gap_median(&self) -> Option<Span> {
        // On the stack: this is asked of every customer.
        let mut room = [0; RECENT];
        let count = self.recent.len().saturating_sub(1).min(RECENT);
        let gaps = &mut room[..count];
        for (gap, pair) in gaps.iter_mut().zip(self.recent.windows(2)) {
            *gap = pair[1].since(pair[0]).0;
        }
        gaps.sort_unstable();
        let middle = gaps.len() / 2;
        match gaps.len() {
            0 => None,
            n if n % 2 == 1 => Some(Span(gaps[middle])),
            _ => Some(Span(i64::midpoint(gaps[middle - 1], gaps[middle]))),
        }
    }
}

/// Everything that is kept of a customer's events, as of [`Activity::uncounted_from`].
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Activity {
    /// [`Interest::fingerprint`] under which it was made; under another it is rebuilt from the log.
    #[n(0)]
    pub fingerprint: u64,
    /// Time of the earliest stored event that is not yet counted because it lay in the future on arrival.
    #[n(1)]
    pub uncounted_from: Option<Time>,
    /// Purchases.
    #[n(2)]
    pub orders: Orders,
    /// By event, in the order of names; an event that never happened is absent.
    #[n(3)]
    pub totals: Vec<Totals>,
}

impl Activity {
    /// The totals of an event; `None` if it never happened or is not kept.
    #[must_use]
    pub fn totals(&self, event: &str) -> Option<&Totals> {
        self.totals.iter().find(|totals| totals.name == event)
    }

    /// Counts one event. The caller has deduplicated it, passes events in any order, and has seen to it that
    /// `is_new_purchase` is false for a purchase whose id was counted before.
    pub fn count(&mut self, event: &Event, interest: &Interest, is_new_purchase: bool) {
        self.count_within(event, interest, is_new_purchase, Time::MAX);
    }

    /// As [`Activity::count`], and keeps whatever is later than `window_from` however many there are.
    pub fn count_within(&mut self, event: &Event, interest: &Interest, is_new_purchase: bool, window_from: Time) {
        if event.name == interest.purchase.event && is_new_purchase {
            let value = event.properties.get(interest.purchase.value.as_str()).and_then(as_number).unwrap_or_default();
            self.orders.count += 1;
            self.orders.revenue = self.orders.revenue.plus(value).unwrap_or(self.orders.revenue);
            self.orders.first_at = Some(self.orders.first_at.map_or(event.at, |at| at.min(event.at)));
            self.orders.last_at = Some(self.orders.last_at.map_or(event.at, |at| at.max(event.at)));
            keep_recent(&mut self.orders.recent, event.at, |at| *at, Time::MAX);
        }
        if let Some(wanted) = interest.events.get(&event.name) {
            let index = match self.totals.binary_search_by(|totals| totals.name.as_str().cmp(&event.name)) {
                Ok(index) => index,
                Err(index) => {
                    self.totals.insert(index, Totals::new(&event.name, wanted, event.at));
                    index
                }
            };
            self.totals[index].count(event, wanted, window_from);
        }
    }

    /// Totals over events in any order, each no later than `until`; later ones only set
    /// [`Activity::uncounted_from`]. With `window_from`, windows are complete from that instant on, however many
    /// events fall into them.
    pub fn over<'e>(
        events: impl IntoIterator<Item = &'e Event>,
        interest: &Interest,
        until: Time,
        window_from: Option<Time>,
    ) -> Self {
        let mut activity = Self { fingerprint: interest.fingerprint(), ..Self::default() };
        let mut counted: Vec<&Event> = Vec::new();
        for event in events {
            if event.at > until {
                let earliest = activity.uncounted_from.map_or(event.at, |at| at.min(event.at));
                activity.uncounted_from = Some(earliest);
            } else {
                counted.push(event);
            }
        }
        // Of two purchases with one id the earlier counts, whichever arrived first.
        counted.sort_by(|a, b| (a.at, &a.message_id).cmp(&(b.at, &b.message_id)));
        let mut ids = BTreeSet::new();
        for event in counted {
            let fresh = match purchase_id(event, &interest.purchase) {
                Some(id) => ids.insert(id),
                None => true,
            };
            activity.count_within(event, interest, fresh, window_from.unwrap_or(Time::MAX));
        }
        activity
    }

    /// Whether a reader at `now` must rebuild from the log: other interest, a future event that has come, or a
    /// window that reaches further back than what is kept.
    #[must_use]
    pub fn is_stale(&self, interest: &Interest, fingerprint: u64, now: Time) -> bool {
        self.fingerprint != fingerprint
            || self.uncounted_from.is_some_and(|at| at <= now)
            || self.totals.iter().any(|totals| {
                totals.recent.len() >= RECENT
                    && totals.count > totals.recent.len() as u64
                    && interest
                        .events
                        .get(&totals.name)
                        .and_then(|wanted| wanted.longest_window)
                        .is_some_and(|window| totals.recent.first().is_some_and(|oldest| oldest.at > now.minus(window)))
            })
    }
}

impl Totals {
    fn new(name: &str, wanted: &EventInterest, at: Time) -> Self {
        Self {
            name: name.into(),
            count: 0,
            first_at: at,
            last_at: at,
            sums: vec![Number::ZERO; wanted.sums.len()],
            last_values: vec![None; wanted.last_values.len()],
            recent: Vec::new(),
            sum_names: wanted.sums.iter().cloned().collect(),
            last_names: wanted.last_values.keys().cloned().collect(),
        }
    }

    fn numbers(event: &Event, wanted: &EventInterest) -> Vec<Option<Number>> {
        wanted.sums.iter().map(|property| event.properties.get(property).and_then(as_number)).collect()
    }

    fn count(&mut self, event: &Event, wanted: &EventInterest, window_from: Time) {
        self.count += 1;
        self.first_at = self.first_at.min(event.at);
        self.last_at = self.last_at.max(event.at);
        let numbers = Self::numbers(event, wanted);
        for (sum, number) in self.sums.iter_mut().zip(&numbers) {
            *sum = sum.plus(number.unwrap_or_default()).unwrap_or(*sum);
        }
        for (last, (property, kind)) in self.last_values.iter_mut().zip(&wanted.last_values) {
            let Some(value) = event.properties.get(property).and_then(|value| value.to_kind(*kind)) else { continue };
            let newer = last.as_ref().is_none_or(|(at, old)| {
                // Equal times are settled by the values' text, so that the order of arrival does not matter.
                (*at, old.to_string()) < (event.at, value.to_string())
            });
            if newer {
                *last = Some((event.at, value));
            }
        }
        if wanted.longest_window.is_some() {
            keep_recent(&mut self.recent, Recent { at: event.at, numbers }, |recent| recent.at, window_from);
        }
    }

    /// The kept sum of a property.
    #[must_use]
    pub fn sum(&self, property: &str) -> Option<Number> {
        let index = self.sum_names.iter().position(|name| name == property)?;
        self.sums.get(index).copied()
    }

    /// The kept last value of a property.
    #[must_use]
    pub fn last_value(&self, property: &str) -> Option<&Value> {
        let index = self.last_names.iter().position(|name| name == property)?;
        self.last_values.get(index)?.as_ref().map(|(_, value)| value)
    }

    /// Events with `now − window < t ≤ now`.
    pub fn within(&self, window: Span, now: Time) -> impl Iterator<Item = &Recent> {
        let from = now.minus(window);
        self.recent.iter().filter(move |recent| recent.at > from && recent.at <= now)
    }

    /// Sum of a property over [`Totals::within`].
    #[must_use]
    pub fn sum_within(&self, property: &str, window: Span, now: Time) -> Option<Number> {
        let index = self.sum_names.iter().position(|name| name == property)?;
        self.within(window, now).try_fold(Number::ZERO, |sum, recent| {
            sum.plus(recent.numbers.get(index).copied().flatten().unwrap_or_default())
        })
    }
}

/// The purchase's id, if the event is a purchase and carries one.
#[must_use]
pub fn purchase_id(event: &Event, purchase: &Purchase) -> Option<String> {
    if event.name != purchase.event {
        return None;
    }
    event.properties.get(purchase.id.as_str()).map(ToString::to_string).filter(|id| !id.is_empty())
}

fn as_number(value: &Value) -> Option<Number> {
    value.to_kind(ValueType::Number)?.as_number()
}

/// Inserts by time and drops the oldest beyond [`RECENT`], unless it is later than `window_from`.
fn keep_recent<T>(recent: &mut Vec<T>, item: T, at: impl Fn(&T) -> Time, window_from: Time) {
    let index = recent.partition_point(|other| at(other) <= at(&item));
    recent.insert(index, item);
    while recent.len() > RECENT && at(&recent[0]) <= window_from {
        recent.remove(0);
    }
}

#[cfg(test)]
mod tests;
