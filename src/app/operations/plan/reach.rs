//! Whom a rule's trigger means at an instant, and the customers with what is needed to tell.

use crate::app::operations::then::Then;
use crate::app::pages::{AT_ONCE, PAGE};
use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::domain::{Customer, CustomerNumber, Enrollment, Event, Span, Text, Time};
use crate::engine::{self, Cause, Day};
use crate::rules::{Direction, Rule, RuleSet, Segment, Trigger};
use crate::store::{Result, Store, StoreError, StoredCustomer, View};
use futures_util::{Stream, StreamExt, stream};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far back events and crossings count.
const BACK: Span = Span::days(1);

/// Events of a customer's that are read at a time.
const READ: usize = 100;

/// Enrollments of a customer's that are read of the past: the latest, those that began later among them.
const RECALLED: usize = 10_000;

/// A customer, and what of them an instant alone does not tell.
pub(in crate::app::operations) struct Seen {
    pub(super) stored: StoredCustomer,
    /// As they were [`BACK`] before; read only where a rule asks for a crossing.
    earlier: Option<Customer>,
    /// Events since then, newest first; read only where a rule asks for events.
    events: Vec<Event>,
    /// Whether the border that the rule asks for is crossed, where that is known.
    crossed: Option<bool>,
    /// What began by then, of those who had such events, and of all where that is past.
    begun: Vec<Enrollment>,
    /// Whether it is past: then how often a border was crossed is not known, nor what goes on.
    is_past: bool,
}

impl Seen {
    /// For rules that ask for neither.
    pub(in crate::app::operations) const fn now(stored: StoredCustomer) -> Self {
        Self { stored, earlier: None, events: Vec::new(), crossed: None, begun: Vec::new(), is_past: false }
    }

    /// With these events, newest first.
    pub(in crate::app::operations) fn with(stored: StoredCustomer, events: Vec<Event>) -> Self {
        Self { events, ..Self::now(stored) }
    }

    /// With what is known of the border.
    pub(in crate::app::operations) fn at_border(stored: StoredCustomer, crossed: bool) -> Self {
        Self { crossed: Some(crossed), ..Self::now(stored) }
    }

    /// Whether the rule has begun for the occurrence, as far as that is kept with the customer or was read.
    fn has_begun(&self, rule: &Rule, occurrence: &str) -> bool {
        let customer = &self.stored.customer;
        let is_it = |id: &Text, other: &Text| *id == rule.id && other == occurrence;
        customer.watch.active.iter().any(|active| is_it(&active.rule, &active.occurrence))
            || customer.memory.get(&rule.id).is_some_and(|memory| memory.occurrence == occurrence)
            || self.begun.iter().any(|one| is_it(&one.rule, &one.occurrence))
    }

    /// Whether it has begun for a crossing that would be this one.
    fn has_crossed(&self, rule: &Rule, occurrence: &str, at: Time) -> bool {
        if !self.is_past {
            return self.has_begun(rule, occurrence);
        }
        self.begun.iter().any(|one| one.rule == rule.id && one.entered_at > at.minus(BACK))
    }

    /// Why the rule fires for the customer, each with its occurrence; nothing if its trigger does not mean them.
    pub(super) fn causes(&self, rule: &Rule, set: &RuleSet, zone: &TimeZone, local: &Local<'_>) -> Vec<Fires<'_>> {
        let customer = &self.stored.customer;
        match &rule.trigger {
            Trigger::Schedule { .. } => {
                let occurrence = local.occurrence.into();
                vec![Fires { occurrence, cause: Cause::Other, at: local.at, has_begun: false }]
            }
            Trigger::Event { name, .. } => self.event(rule, name, zone, local).into_iter().collect(),
            Trigger::Date { .. } => {
                let days = engine::days_due(rule, customer, zone, local.at).into_iter();
                let fires = days.map(|day| {
                    let occurrence: Text = day.occurrence().into();
                    let has_begun = self.has_begun(rule, &occurrence);
                    (Fires { occurrence, cause: Cause::Day(day), at: local.at.max(day.last()), has_begun }, day)
                });
                let is_news = |(fires, day): &(Fires<'_>, Day)| {
                    fires.has_begun || local.news.is_none_or(|news| news.comes(rule, (customer, zone), day, local.at))
                };
                fires.filter(is_news).map(|(fires, _)| fires).collect()
            }
            Trigger::Crossing { segment, direction } => {
                let segment = set.segments.iter().find(|known| known.name == *segment);
                let crossed = segment.filter(|segment| self.crosses(segment, *direction, zone, local.at));
                let kept = customer.watch.segments.get(crossed.map_or("", |segment| &segment.name));
                let wanted = *direction == Direction::Enters;
                // What was noticed already is the last that was counted.
                let next = kept.map_or(1, |kept| kept.crossings.saturating_add(u64::from(kept.inside != wanted)));
                let fires = |_| {
                    let occurrence: Text = next.to_string().into();
                    let has_begun = self.has_crossed(rule, &occurrence, local.at);
                    Fires { occurrence, cause: Cause::Other, at: local.at, has_begun }
                };
                crossed.map(fires).into_iter().collect()
            }
        }
    }

    /// What the rule's condition is asked with: the event, if one starts it.
    pub(super) fn entry(&self, rule: &Rule) -> crate::domain::Entry {
        let named = |event: &&Event| matches!(&rule.trigger, Trigger::Event { name, .. } if event.name == *name);
        crate::domain::Entry { event: self.events.iter().find(named).cloned(), ..Default::default() }
    }

    /// The latest of the events for which the condition holds, such as nothing has begun by before others, or the latest at all.
    fn event(&self, rule: &Rule, name: &str, zone: &TimeZone, local: &Local<'_>) -> Option<Fires<'_>> {
        let (at, arrived) = (local.at, self.stored.customer.arrived_at);
        let starts = |event: &&Event| local.news.is_none_or(|news| news.starts(event, arrived));
        let mut events = self.events.iter().filter(|event| event.name == name).filter(starts);
        let holds = |event: &&Event| {
            let entry = crate::domain::Entry { event: Some((*event).clone()), ..Default::default() };
            let facts = Facts { customer: &self.stored.customer, now: at, zone, entry: Some(&entry) };
            rule.when.evaluate(&facts) == Truth::True
        };
        let Trigger::Event { once_per, .. } = &rule.trigger else { return None };
        let occurrence = |event: &Event| occurrence(event, once_per.as_ref(), &self.stored.customer.id);
        let is_news = |event: &&Event| !self.has_begun(rule, &occurrence(event));
        let mut holding = events.clone().filter(holds);
        let event = holding.clone().find(is_news).or_else(|| holding.next()).or_else(|| events.next())?;
        let has_begun = !is_news(&event);
        Some(Fires { occurrence: occurrence(event).into(), cause: Cause::Event(event), at, has_begun })
    }

    fn crosses(&self, segment: &Segment, direction: Direction, zone: &TimeZone, at: Time) -> bool {
        let inside = |customer: &Customer, now| {
            segment.when.evaluate(&Facts { customer, now, zone, entry: None }) == Truth::True
        };
        if let Some(crossed) = self.crossed {
            return crossed;
        }
        let is = inside(&self.stored.customer, at);
        let watch = &self.stored.customer.watch;
        let kept = watch.segments.get(&segment.name).filter(|kept| kept.meaning == segment.meaning);
        match kept {
            // To be noticed at the next look.
            Some(kept) if kept.inside != is => return !watch.quiet && is == (direction == Direction::Enters),
            // It came to be inside or outside silently, by an import or a new rule.
            Some(kept) if kept.crossings == 0 => return false,
            _ => {}
        }
        let was = self.earlier.as_ref().is_some_and(|earlier| inside(earlier, at.minus(BACK)));
        match direction {
            Direction::Enters => !was && is,
            Direction::Leaves => was && !is,
        }
    }
}

/// What makes an enrollment by the event unique.
pub(in crate::app::operations) fn occurrence(event: &Event, once_per: Option<&Text>, customer: &str) -> String {
    let value = once_per.and_then(|property| event.properties.get(property)).map(ToString::to_string);
    let id = event.message_id.as_deref().map(str::to_owned);
    value
        .filter(|value| !value.is_empty())
        .or(id)
        .unwrap_or_else(|| format!("{:032x}", u128::from_be_bytes(event.fingerprint(customer))))
}

/// The instant on a customer's clock.
pub(super) struct Local<'a> {
    pub(super) at: Time,
    pub(super) occurrence: &'a str,
    /// Where it matters what was past when the rule went live.
    pub(super) news: Option<News>,
}

/// By what it goes whether something was past for a rule, and so starts nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct News {
    /// When the rule went live.
    pub(super) live: Time,
    /// How late an event may become known.
    pub(super) within: Span,
    /// What the clock shows.
    pub(super) now: Time,
}

impl News {
    /// Whether an event may start the rule for a customer who arrived then.
    fn starts(self, event: &Event, arrived: Time) -> bool {
        engine::past(event, self.live, arrived, self.within).is_none()
    }

    /// Whether something of a day that falls due on the local day of an instant may start the rule.
    fn comes(self, rule: &Rule, (customer, zone): (&Customer, &TimeZone), day: &Day, at: Time) -> bool {
        let past = engine::past_until(rule, customer, zone, (self.live, self.now));
        let today = calendar::day_of(zone, at);
        day.instants(rule, zone).iter().any(|due| *due > past && calendar::day_of(zone, *due) == today)
    }
}

/// A rule that fires.
pub(super) struct Fires<'a> {
    pub(super) occurrence: Text,
    pub(super) cause: Cause<'a>,
    /// When it is judged.
    pub(super) at: Time,
    /// Whether it has fired for that already.
    pub(super) has_begun: bool,
}

/// What the triggers of some rules ask for beside the customers as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    crossings: bool,
    /// Names of events.
    events: Vec<Text>,
    /// Enrollments of everybody: of the past, what has begun is not kept with the customer.
    enrollments: bool,
}

impl Wanted {
    pub(super) fn by(rules: &[Arc<Rule>], then: Then) -> Self {
        let mut wanted = Self::default();
        for rule in rules {
            match &rule.trigger {
                Trigger::Event { name, .. } => wanted.events.push(name.clone()),
                Trigger::Crossing { .. } => {
                    (wanted.crossings, wanted.enrollments) = (true, wanted.enrollments || then.is_past);
                }
                Trigger::Date { .. } => wanted.enrollments |= then.is_past,
                Trigger::Schedule { .. } => {}
            }
        }
        wanted
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Judges every customer with what is wanted of them, page by page.
pub(super) fn judge_seen<T, F>(
    store: Arc<dyn Store>,
    view: View,
    wanted: Wanted,
    judge: F,
) -> impl Stream<Item = Result<T>>
where
    T: Send + 'static,
    F: Fn(&mut dyn Iterator<Item = Seen>) -> T + Send + Sync + 'static,
{
    let last = store.last_customer().0;
    let (judge, wanted) = (Arc::new(judge), Arc::new(wanted));
    let starts = (0..last).step_by(usize::try_from(PAGE).unwrap_or(usize::MAX));
    stream::iter(starts)
        .map(move |start| {
            let (after, end) = (CustomerNumber(start), CustomerNumber((start + PAGE).min(last)));
            let (store, view) = (Arc::clone(&store), view.clone());
            let (judge, wanted) = (Arc::clone(&judge), Arc::clone(&wanted));
            let task = tokio::spawn(async move {
                let page = read(store.as_ref(), &view, &wanted, (after, end)).await?;
                Ok(judge(&mut page.into_iter()))
            });
            async move { task.await.unwrap_or(Err(StoreError::Closed)) }
        })
        .buffered(AT_ONCE)
}

async fn read(
    store: &dyn Store,
    view: &View,
    wanted: &Wanted,
    (after, end): (CustomerNumber, CustomerNumber),
) -> Result<Vec<Seen>> {
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let customers = store.customers(Some(after), end, limit, view).await?;
    let mut earlier = BTreeMap::new();
    if wanted.crossings {
        let before = View { now: view.now.minus(BACK), backtest: true, ..view.clone() };
        let page = store.customers(Some(after), end, limit, &before).await?;
        earlier.extend(page.into_iter().map(|stored| (stored.number, stored.customer)));
    }
    let mut seen = Vec::with_capacity(customers.len());
    for stored in customers {
        let events = latest(store, &stored, view, wanted).await?;
        let mut begun = Vec::new();
        if wanted.enrollments || !events.is_empty() {
            let most = if view.backtest { RECALLED } else { READ };
            begun = store.enrollments(stored.number, most).await?;
            begun.retain(|one| one.entered_at <= view.now);
        }
        let (earlier, is_past) = (earlier.remove(&stored.number), view.backtest);
        seen.push(Seen { earlier, events, begun, is_past, ..Seen::now(stored) });
    }
    Ok(seen)
}

/// The wanted events since [`BACK`] before the view's instant, newest first.
async fn latest(store: &dyn Store, stored: &StoredCustomer, view: &View, wanted: &Wanted) -> Result<Vec<Event>> {
    let from = view.now.minus(BACK);
    let activity = &stored.customer.activity;
    // Of events that are counted anyhow the totals tell that there is none to be read.
    let known_past = |name: &Text| {
        view.interest.events.contains_key(name) && activity.totals(name).is_none_or(|totals| totals.last_at <= from)
    };
    if wanted.events.iter().all(known_past) {
        return Ok(Vec::new());
    }
    let (mut found, mut before) = (Vec::new(), view.now.plus(Span(1)));
    loop {
        let batch = store.events(stored.number, Some(before), READ).await?;
        let ended = batch.len() < READ;
        let oldest = batch.last().map_or(from, |event| event.at);
        found.extend(batch.into_iter().filter(|event| event.at > from && wanted.events.contains(&event.name)));
        if ended || oldest <= from {
            return Ok(found);
        }
        before = oldest;
    }
}
