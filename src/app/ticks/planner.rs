//! From schedules and the clock to durable ticks.

use crate::app::live::go_live;
use crate::calendar::{self, Cron, Occurrence};
use crate::delivery::{Pauses, World};
use crate::domain::{Planned, Span, Text, Tick, TickCounts, TickMember, Time};
use crate::rules::{Rule, Trigger, TriggerZone};
use crate::store::{Result, Store};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// A schedule in one zone.
type Key = (Text, String);

/// Plans the ticks of all rules.
///
/// Up to when each (rule, zone) is planned is durable; the next occurrence of each is remembered, so that a look with
/// nothing due costs no more than a comparison each.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    planned: BTreeMap<Key, Time>,
    next: BTreeMap<Key, Time>,
    loaded: bool,
}

/// One schedule as it is now.
struct Schedule<'w> {
    rule: &'w Rule,
    cron: &'w Cron,
    zone_name: String,
    zone: TimeZone,
    of_customers: bool,
}

impl Planner {
    /// Forgets what was remembered, after a reload.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Makes the ticks that are due at `now` and answers how many members they have.
    pub(crate) async fn plan(&mut self, store: &dyn Store, world: &World, pauses: &Pauses, now: Time) -> Result<usize> {
        if !self.loaded {
            let _editing = pauses.editing().await;
            self.load(store, world, now).await?;
        }
        let (mut ticks, mut moved): (BTreeMap<Time, Vec<TickMember>>, Vec<Planned>) = (BTreeMap::new(), Vec::new());
        for schedule in schedules(world, &store.zones()) {
            let key = (schedule.rule.id.clone(), schedule.zone_name.clone());
            let Some(last) = self.planned.get(&key).copied() else {
                // Nothing fires for what was already past when the schedule first went live.
                moved.push(Planned { rule: key.0.clone(), zone: key.1.clone(), until: now });
                self.planned.insert(key, now);
                continue;
            };
            let turned_back = last > now.plus(Span::hours(1));
            if !turned_back && self.next.get(&key).is_some_and(|next| *next > now) {
                continue;
            }
            let plan = calendar::plan(schedule.cron, &schedule.zone, last, now, world.policy.misfire);
            let next = schedule.cron.next(&schedule.zone, plan.until.max(now.min(plan.until.plus(Span(1)))));
            self.next.insert(key.clone(), next.map_or(Time::MAX, |occurrence| occurrence.at));
            if plan.fire.is_empty() && plan.passed_over == 0 && !turned_back {
                continue;
            }
            if plan.passed_over > 0 {
                tracing::warn!(
                    rule = key.0.as_str(),
                    zone = key.1,
                    ticks = plan.passed_over,
                    "missed ticks passed over"
                );
            }
            // A paused rule's ticks pass; its planning moves on.
            if pauses.rule(&key.0).is_none() {
                for occurrence in plan.fire {
                    let at = occurrence.at;
                    ticks.entry(at).or_default().push(member(&schedule, occurrence));
                }
            }
            moved.push(Planned { rule: key.0.clone(), zone: key.1.clone(), until: plan.until });
            self.planned.insert(key, plan.until);
        }
        let members = ticks.values().map(Vec::len).sum();
        if !moved.is_empty() || members > 0 {
            let ticks =
                ticks.into_iter().map(|(at, members)| Tick { at, members, cursor: None, complete: false }).collect();
            if let Err(error) = store.plan(ticks, moved).await {
                // What was remembered may be ahead of what is durable now.
                self.forget();
                return Err(error);
            }
        }
        Ok(members)
    }

    /// Reads what is planned; a rule whose trigger is new or changed goes live now.
    async fn load(&mut self, store: &dyn Store, world: &World, now: Time) -> Result<()> {
        go_live(store, world, now).await?;
        let planned = store.planned().await?.into_iter();
        self.planned = planned.map(|planned| ((planned.rule, planned.zone), planned.until)).collect();
        self.loaded = true;
        Ok(())
    }
}

fn member(schedule: &Schedule<'_>, occurrence: Occurrence) -> TickMember {
    TickMember {
        rule: schedule.rule.id.clone(),
        zone: schedule.zone_name.clone(),
        of_customers: schedule.of_customers,
        occurrence: occurrence.local,
        counts: TickCounts::default(),
    }
}

/// Every (rule, zone) that can fire: one a rule, or one for each zone of the customers and the business's for those
/// who have none.
fn schedules<'w>(world: &'w World, zones: &[String]) -> Vec<Schedule<'w>> {
    let mut schedules = Vec::new();
    for rule in &world.rules.rules {
        let Trigger::Schedule { cron, zone } = &rule.trigger else { continue };
        let one = |zone_name: &str, zone: TimeZone, of_customers| Schedule {
            rule,
            cron,
            zone_name: zone_name.to_owned(),
            zone,
            of_customers,
        };
        match zone {
            TriggerZone::Business => schedules.push(one(&world.zone_name, world.zone.clone(), false)),
            TriggerZone::Named(name, zone) => schedules.push(one(name, zone.clone(), false)),
            TriggerZone::Customer => {
                schedules.push(one(&world.zone_name, world.zone.clone(), true));
                for name in zones.iter().filter(|name| **name != world.zone_name) {
                    if let Some(zone) = calendar::zone(name) {
                        schedules.push(one(name, zone, true));
                    }
                }
            }
        }
    }
    schedules
}
