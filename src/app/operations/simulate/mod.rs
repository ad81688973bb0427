//! `simulate`: every delivery of a time on a simulated clock. Changes nothing.
//!
//! Each customer's life is led alone, page by page on threads for work that takes long; only the brake asks for all of
//! them together, and that is reckoned afterwards. A time that begins in the past begins with what was known then, and
//! what came since arrives in its time; one that begins later begins with what is known now. It is one life in either case:
//! past now nothing new arrives.

mod brake;
mod counts;
mod lead;

use super::plan::{no_rule, suppressed};
use super::{failure, start_of};
use crate::app::shared::Shared;
use crate::calendar;
use crate::domain::{CustomerNumber, RuleState, Span, Text, Time};
use crate::http::{DeliveriesOfDay, Failure, FailureKind, Result, SimulateReport, SimulateRequest, When};
use crate::store::{History, Store, StoreError, View};
use counts::Counts;
use futures_util::{StreamExt, stream};
use jiff::tz::TimeZone;
use lead::Course;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Customers whose lives are led one after the other by one thread: a page of them is a moment's work.
const PAGE: u64 = 128;

/// What lies so little before now is the present.
const NEARLY: Span = Span::minutes(1);

/// The longest time that is led: all ticks of the schedules in it are worked out beforehand.
const LONGEST: Span = Span::days(20 * 366);

/// What is led.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Time,
    to: Time,
    now: Time,
}

impl Stretch {
    fn of(request: &SimulateRequest, zone: &TimeZone, now: Time) -> Result<Self> {
        let from = start_of(request.from, zone);
        let to = match request.to {
            When::At(time) => time,
            When::Day(day) => calendar::day_start(zone, calendar::days_after(day, 1)).minus(Span(1)),
        };
        let wrong = |message: String| Failure::new(FailureKind::Invalid, message);
        if to < from {
            return Err(wrong(format!("the end, {}, lies before the beginning, {}", request.to, request.from)));
        }
        let stretch = Self { from, to, now };
        if to.since(stretch.begin()) > LONGEST {
            let years = LONGEST.0 / Span::days(366).0;
            return Err(wrong(format!("that is more than {years} years; ask for a shorter time")));
        }
        Ok(stretch)
    }

    /// Whether it begins with what was known then, and not with what is known now.
    fn is_backtest(&self) -> bool {
        self.from < self.now.minus(NEARLY)
    }

    /// As of when lives begin: what is later happens in them.
    fn begin(&self) -> Time {
        if self.is_backtest() { self.from.minus(Span(1)) } else { self.now }
    }
}

pub(super) async fn simulate(core: &Shared, request: SimulateRequest) -> Result<SimulateReport> {
    let world = core.world.load_full();
    if let Some(name) = request.rule.as_ref().filter(|name| world.rules.get(name).is_none()) {
        return Err(no_rule(&world, name));
    }
    let stretch = Stretch::of(&request, &world.zone, core.clock.now())?;
    let states: BTreeMap<Text, RuleState> = core.store.rule_states().await.map_err(failure)?.into_iter().collect();
    let suppressed = suppressed(core, stretch.begin(), stretch.is_backtest()).await?;
    let key = core.store.delivery_key();
    let view = View { interest: Arc::clone(&world.interest), now: stretch.begin(), backtest: stretch.is_backtest() };
    let asked = Arc::new(AtomicBool::new(true));
    let course = Arc::new(Course::new(Arc::clone(&world), stretch, &states, (suppressed, key), Arc::clone(&asked)));
    let _asker = Asker(asked);
    let mut all = Counts::default();
    let last = core.store.last_customer().0;
    let starts = (0..last).step_by(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let pages = stream::iter(starts).map(|start| {
        let (after, end) = (CustomerNumber(start), CustomerNumber((start + PAGE).min(last)));
        page(Arc::clone(&core.store), view.clone(), (after, end), Arc::clone(&course))
    });
    let mut pages = pages.buffer_unordered(at_once(core.daemon.is_some()));
    while let Some(page) = pages.next().await {
        all.add(page.map_err(failure)?);
        if let Some(id) = &all.stumbled {
            let message =
                format!("the rules stumble over customer {id:?}: a fault of retaind, of which its log tells more");
            return Err(Failure::new(FailureKind::Internal, message));
        }
    }
    let customers = core.store.stats().await.map_err(failure)?.customers;
    let mut brakes = brake::days(&world, &all, states, customers, stretch);
    brakes.retain(|braked| request.rule.as_ref().is_none_or(|rule| *rule == braked.rule));
    let days = told(&all, &world, request.rule.as_deref());
    let only = request.rule.as_ref().and_then(|name| world.rules.rules.iter().position(|rule| rule.id == **name));
    Ok(SimulateReport {
        from: stretch.from,
        to: stretch.to,
        timezone: world.zone_name.clone(),
        total: days.iter().map(|day| day.deliveries).sum(),
        days,
        brakes,
        paused: course.paused_rules(request.rule.as_deref()),
        sending_paused: core.pauses.all(),
        marketing_paused: core.pauses.marketing(),
        customers: all.customers,
        reached: all.reached(only),
    })
}

/// How many pages are led at once. A daemon that runs keeps a core for what it is there for.
fn at_once(beside_a_daemon: bool) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    if beside_a_daemon { cores.saturating_sub(1).max(1) } else { cores }
}

/// Leads the lives of a page of customers.
async fn page(
    store: Arc<dyn Store>,
    view: View,
    (after, end): (CustomerNumber, CustomerNumber),
    course: Arc<Course>,
) -> crate::store::Result<Counts> {
    let (made, counts) = tokio::sync::oneshot::channel();
    let work = Box::new(move |histories: &mut dyn Iterator<Item = History>| {
        // Nobody waits for it any more when the asker has gone.
        drop(made.send(course.lead_all(histories)));
    });
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let read = tokio::spawn(async move { store.with_histories(Some(after), end, limit, &view, work).await });
    read.await.unwrap_or(Err(StoreError::Closed))?;
    counts.await.map_err(|_| StoreError::Closed)
}

/// Who waits for the answer; gone, it says so.
struct Asker(Arc<AtomicBool>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What goes out, as it is told.
fn told(all: &Counts, world: &crate::delivery::World, only: Option<&str>) -> Vec<DeliveriesOfDay> {
    let mut days: Vec<DeliveriesOfDay> = all
        .sent
        .iter()
        .filter_map(|(sent, deliveries)| {
            let rule = world.rules.rules.get(sent.rule)?;
            let (rule, channel) = (rule.id.to_string(), sent.channel.to_owned());
            Some(DeliveriesOfDay { day: sent.day.to_string(), rule, channel, deliveries: *deliveries })
        })
        .filter(|day| only.is_none_or(|rule| rule == day.rule))
        .collect();
    days.sort_by(|a, b| (&a.day, &a.rule, &a.channel).cmp(&(&b.day, &b.rule, &b.channel)));
    days
}
