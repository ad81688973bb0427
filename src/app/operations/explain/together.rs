//! What rules take from each other when they are decided together, and what the brake makes of all their mails at once.

use super::subject::Subject;
use crate::app::operations::failure;
use crate::app::operations::plan::{self, Judge, Wanted, see, to_decide};
use crate::app::operations::then::Then;
use crate::domain::{CapSlot, DeliveryId, Text};
use crate::http::{BrakeView, Result};
use std::collections::{BTreeMap, BTreeSet};

/// How the rules stand to each other at the instant.
#[derive(Default)]
pub(super) struct Together {
    /// By rule, the places under the caps as it finds them: with those that rules before it take.
    pub(super) slots: BTreeMap<Text, Vec<CapSlot>>,
    /// By delivery that would be made, its rule.
    pub(super) rules: BTreeMap<DeliveryId, Text>,
    /// By rule, its brake; `None` where nobody has to ask, or where there are too many customers for it.
    pub(super) brakes: Option<BTreeMap<Text, BrakeView>>,
    /// Rules with a schedule of which something would go out, were it not for the brake.
    pub(super) reach: BTreeSet<Text>,
}

impl Subject<'_> {
    /// Decides all rules together as a plan does, for the places under the caps.
    pub(super) async fn decide_together(&mut self, only: Option<&str>) -> Result<()> {
        let is_capped = self.world.policy.caps.values().any(|caps| !caps.is_empty());
        let rules = to_decide(&self.world, only);
        if !is_capped || rules.len() < 2 {
            return Ok(());
        }
        let wanted = Wanted::by(&rules, self.then());
        let found = see(self.core.store.as_ref(), &self.view, &wanted, self.stored.number).await.map_err(failure)?;
        let Some(seen) = found else { return Ok(()) };
        let (backtest, live) = (self.view.backtest, self.live.clone());
        let live = if backtest { BTreeMap::new() } else { live };
        let places = Judge { live, backtest, ..self.judging(rules.clone()) }.places(&seen);
        let mut known: Vec<DeliveryId> = self.stored.customer.slots.iter().map(|slot| slot.delivery).collect();
        let mut before: Option<&Text> = None;
        for (rule, slots) in rules.iter().zip(places) {
            for slot in slots.iter().filter(|slot| !known.contains(&slot.delivery)) {
                self.together.rules.extend(before.map(|before| (slot.delivery, before.clone())));
            }
            known = slots.iter().map(|slot| slot.delivery).collect();
            self.together.slots.insert(rule.id.clone(), slots);
            before = Some(&rule.id);
        }
        Ok(())
    }

    /// Asks about everybody, so that it is known whether a brake goes off that would stop something.
    pub(super) async fn ask_about_brakes(&mut self, reach: BTreeSet<Text>, only: Option<&str>) -> Result<()> {
        if !reach.is_empty() {
            self.together.brakes = plan::brakes(self.core, &self.world, only, (self.then(), self.now)).await?;
        }
        self.together.reach = reach;
        Ok(())
    }

    fn then(&self) -> Then {
        Then { at: self.at(), is_past: self.view.backtest }
    }
}
