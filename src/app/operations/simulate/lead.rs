//! Leading the life of one customer after the other.

use super::counts::{Counts, Sent};
use super::{Stretch, brake};
use crate::calendar;
use crate::delivery::World;
use crate::domain::{
    Customer, Delivery, DeliveryKey, Event, ProfileRow, Reason, RuleState, State, Text, Time, normalized_address,
};
use crate::engine::{Detail, Happened, Life, Scene, Terms, Timetable};
use crate::store::{History, StoredCustomer};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that all lives share.
pub(super) struct Course {
    world: Arc<World>,
    stretch: Stretch,
    live: BTreeMap<Text, Time>,
    paused: BTreeMap<Text, Reason>,
    /// Addresses that get no mail.
    suppressed: HashSet<String>,
    key: DeliveryKey,
    /// By the zone's name; each is worked out when the first customer of it comes.
    timetables: Mutex<HashMap<String, Arc<Timetable>>>,
    /// Whether anybody still waits for the answer.
    asked: Arc<AtomicBool>,
}

/// What arrives at one instant.
#[derive(Default)]
struct Arriving {
    row: Option<ProfileRow>,
    events: Vec<Event>,
}

impl Course {
    pub(super) fn new(
        world: Arc<World>,
        stretch: Stretch,
        states: &BTreeMap<Text, RuleState>,
        (suppressed, key): (HashSet<String>, DeliveryKey),
        asked: Arc<AtomicBool>,
    ) -> Self {
        let backtest = stretch.is_backtest();
        let live = world.rules.rules.iter().map(|rule| {
            let state = states.get(&rule.id).filter(|state| state.trigger == rule.trigger.text());
            let since = state.and_then(|state| state.live_since).unwrap_or(stretch.now);
            (rule.id.clone(), if backtest { Time::MIN } else { since })
        });
        let is_paused_then = |state: &&RuleState| !backtest || state.paused_at.is_some_and(|at| at <= stretch.from);
        let paused = world.rules.rules.iter().filter_map(|rule| {
            let state = states.get(&rule.id).filter(is_paused_then)?;
            Some((rule.id.clone(), state.paused?))
        });
        let (live, paused) = (live.collect(), paused.collect());
        Self { live, paused, world, stretch, suppressed, key, timetables: Mutex::default(), asked }
    }

    /// The rules that are paused, or this one if it is.
    pub(super) fn paused_rules(&self, only: Option<&str>) -> Vec<String> {
        let told = self.paused.keys().filter(|rule| only.is_none_or(|only| only == rule.as_str()));
        told.map(ToString::to_string).collect()
    }

    /// Leads lives until they end, or nobody waits for it any more.
    pub(super) fn lead_all(&self, histories: &mut dyn Iterator<Item = History>) -> Counts {
        let mut counts = Counts::default();
        let paused = |rule: &str| self.paused.get(rule).copied();
        let zone_of = |customer: &Customer| self.world.zone_of(customer);
        let timetable = |zone: &TimeZone| self.timetable(zone);
        let terms = Terms {
            rules: &self.world.rules,
            live: &self.live,
            paused: &paused,
            policy: &self.world.policy,
            key: &self.key,
            interest: &self.world.interest,
            zone_of: &zone_of,
            timetable: &timetable,
            only_to: &self.world.only_to,
            detail: Detail::Effects,
        };
        for history in histories.take_while(|_| self.is_asked()) {
            let id = history.stored.customer.id.clone();
            // Within the store a panic would be taken for damage.
            if catch_unwind(AssertUnwindSafe(|| self.lead(history, &terms, &mut counts))).is_err() {
                counts.stumbled = Some(id);
                break;
            }
            counts.customers += 1;
        }
        counts
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn lead(&self, history: History, terms: &Terms<'_>, counts: &mut Counts) {
        let begin = self.stretch.begin();
        let mut rules = Vec::new();
        let observer = &mut |happened: Happened<'_>, scene: &Scene<'_>| self.note(happened, scene, counts, &mut rules);
        let History { stored: StoredCustomer { number, mut customer, .. }, rows, mut events, enrollments, deliveries } =
            history;
        if !self.stretch.is_backtest() {
            let mut life = Life::new(number, customer, events, begin, terms);
            for enrollment in &enrollments {
                life.enrolled(&enrollment.rule, &enrollment.occurrence);
            }
            deliveries.into_iter().filter(|delivery| delivery.state.is_waiting()).for_each(|one| life.queue(one));
            life.suppress(self.is_suppressed(life.customer()));
            life.look(observer);
            life.run_until(self.stretch.to, observer);
            return;
        }
        customer.arrived_at = Time::MIN;
        let later = events.split_off(events.partition_point(|event| event.at <= begin));
        let mut life = Life::new(number, customer, events, begin, terms);
        life.recall(&enrollments, deliveries);
        life.suppress(self.is_suppressed(life.customer()));
        life.look(observer);
        for (at, arriving) in self.arrivals(rows, later) {
            if !self.is_asked() {
                return;
            }
            life.receive(at, arriving.row.as_ref(), arriving.events, observer);
            if arriving.row.is_some() {
                life.suppress(self.is_suppressed(life.customer()));
            }
        }
        life.run_until(self.stretch.to, observer);
    }

    /// What arrives in the time, by instant.
    fn arrivals(&self, rows: Vec<ProfileRow>, events: Vec<Event>) -> BTreeMap<Time, Arriving> {
        let mut arrivals: BTreeMap<Time, Arriving> = BTreeMap::new();
        let to = self.stretch.to;
        for row in rows.into_iter().filter(|row| row.effective_at <= to) {
            let arriving = arrivals.entry(row.effective_at).or_default();
            match &mut arriving.row {
                Some(together) => join(together, row),
                first => *first = Some(row),
            }
        }
        for event in events.into_iter().filter(|event| event.at <= to) {
            arrivals.entry(event.at).or_default().events.push(event);
        }
        arrivals
    }

    fn is_suppressed(&self, customer: &Customer) -> bool {
        !self.suppressed.is_empty()
            && customer.email().is_some_and(|address| self.suppressed.contains(&normalized_address(address)))
    }

    fn timetable(&self, zone: &TimeZone) -> Arc<Timetable> {
        let (rules, begin, to) = (&self.world.rules, self.stretch.begin(), self.stretch.to);
        let business = self.world.zone_name.as_str();
        // Made under the lock: whoever wants the same one waits for it.
        let mut known = self.timetables.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::clone(
            known
                .entry(business.to_owned())
                .or_insert_with(|| Arc::new(Timetable::over(rules, (&self.world.zone, &self.world.zone), begin, to))),
        );
        let name = zone.iana_name().unwrap_or_default();
        if name == business {
            return own;
        }
        let here = known.entry(name.to_owned());
        Arc::clone(here.or_insert_with(|| Arc::new(own.elsewhere(rules, zone, begin, to))))
    }

    /// Counts what goes out, and what the brake counts.
    fn note(&self, happened: Happened<'_>, scene: &Scene<'_>, counts: &mut Counts, of_life: &mut Vec<usize>) {
        match happened {
            Happened::Sent(delivery) if scene.now >= self.stretch.from => {
                let Some(rule) = self.place(delivery) else { return };
                let (day, channel) = (calendar::day_of(&self.world.zone, scene.now), delivery.payload.channel());
                counts.goes_out(Sent { day, rule, channel }, of_life);
            }
            Happened::Asked(delivery) if delivery.state == State::Queued => {
                let Some(place) = self.place(delivery) else { return };
                let rule = self.world.rules.rules.get(place);
                if let Some(at) = rule.and_then(|rule| brake::counted_at(rule, delivery, self.stretch)) {
                    *counts.asked.entry((place, at)).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    fn place(&self, delivery: &Delivery) -> Option<usize> {
        self.world.rules.rules.iter().position(|rule| rule.id == delivery.rule)
    }
}

/// Takes in a row that takes effect at the same instant: the last says what an attribute is, and consent is withdrawn if
/// one of them withdraws it.
fn join(row: &mut ProfileRow, other: ProfileRow) {
    row.attributes.extend(other.attributes);
    for (name, granted) in other.consent {
        row.consent.entry(name).and_modify(|before| *before &= granted).or_insert(granted);
    }
}

#[cfg(test)]
mod tests {
    use super::join;
    use crate::domain::{ProfileRow, Time, Value};

    #[test]
    fn of_rows_of_one_instant_the_last_says_what_an_attribute_is_and_a_withdrawal_stands() {
        let row = |plan: &str, consent: &[(&str, bool)]| ProfileRow {
            effective_at: Time(5),
            attributes: [("plan".into(), Some(Value::Text(plan.into())))].into(),
            consent: consent.iter().map(|(name, granted)| ((*name).into(), *granted)).collect(),
            source: "test".into(),
            received_at: Time(9),
            proof: None,
        };
        let mut first = row("free", &[("marketing", false), ("offers", true)]);
        join(&mut first, row("pro", &[("marketing", true), ("offers", true), ("events", true)]));
        assert_eq!(first, row("pro", &[("marketing", false), ("offers", true), ("events", true)]));
    }
}
