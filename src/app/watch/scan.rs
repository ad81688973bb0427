//! Looking at everybody, because rules, segments or what they rest on changed.
//!
//! Customers are marked page by page, and looked at as any who changed. How far that is stands in two flags of the store,
//! so that a restart goes on with it; what was not changed is not looked at again.

use super::Bell;
use super::meaning::{self, Meanings};
use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{CustomerNumber, Time};
use crate::store::Result;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The flag that says under which meanings everybody was looked at.
const SCANNED: &str = "scanned";

/// The flag that says how far the scan is that goes on.
const SCANNING: &str = "scanning";

/// Customers marked at once: few, for what happens meanwhile waits behind them.
const PAGE: usize = 60;

/// How many pages are marked until it is written down; after a crash these are marked again.
const WRITE_DOWN: u32 = 50;

/// How far a scan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Scanning {
    /// What it is for, as one number.
    set: u64,
    /// When it began: the wake of those whom it marks.
    at: i64,
    /// The last customer marked.
    after: Option<u64>,
    /// Whether all are marked.
    marked: bool,
}

/// The scan of a watcher.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What it was last made for.
    world: Option<Arc<World>>,
    wanted: Meanings,
    going_on: Option<Scanning>,
    pages: u32,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do at once.
    More,
    /// Those who are marked must be looked at first.
    Waits,
    /// Everybody was looked at.
    Done,
}

impl Scan {
    /// Goes a step further. To be called when nobody waits to be looked at.
    pub(super) async fn step(&mut self, core: &Shared, bell: &Bell, now: Time) -> Result<Step> {
        let world = core.world.load_full();
        if !self.world.as_ref().is_some_and(|known| Arc::ptr_eq(known, &world)) {
            self.begin(core, bell, &world, now).await?;
            self.world = Some(world);
        }
        let Some(scanning) = &mut self.going_on else { return Ok(Step::Done) };
        if scanning.marked {
            return self.finish(core, bell).await;
        }
        let after = core.store.mark_dirty(scanning.after.map(CustomerNumber), PAGE, Time(scanning.at)).await?;
        scanning.marked = after.is_none();
        scanning.after = after.map(|number| number.0);
        self.pages += 1;
        if scanning.marked || self.pages.is_multiple_of(WRITE_DOWN) {
            write_down(core, SCANNING, scanning).await?;
        }
        Ok(Step::More)
    }

    /// Compares what is in use with what everybody was looked at under.
    async fn begin(&mut self, core: &Shared, bell: &Bell, world: &World, now: Time) -> Result<()> {
        self.wanted = meaning::of_all(world);
        self.going_on = None;
        self.pages = 0;
        let scanned: Meanings = read(core, SCANNED).await?.unwrap_or_default();
        let begun: Option<Scanning> = read(core, SCANNING).await?;
        if self.wanted.iter().all(|(name, meaning)| scanned.get(name) == Some(meaning)) {
            if scanned.len() != self.wanted.len() {
                // What is gone is forgotten: if it comes back, customers may have changed without it.
                write_down(core, SCANNED, &self.wanted).await?;
            }
            if begun.is_some() {
                core.store.set_flag(SCANNING, None).await?;
            }
            bell.set_covered(self.wanted.clone());
            return Ok(());
        }
        let set = meaning::of_set(&self.wanted);
        // Of what changed or is gone it is forgotten at once that everybody was looked at.
        let still: Meanings =
            scanned.into_iter().filter(|(name, meaning)| self.wanted.get(name) == Some(meaning)).collect();
        bell.set_covered(still.clone());
        let scanning = match begun {
            Some(begun) if begun.set == set => begun,
            _ => {
                write_down(core, SCANNED, &still).await?;
                let begun = Scanning { set, at: now.0, after: None, marked: core.store.last_customer().0 == 0 };
                write_down(core, SCANNING, &begun).await?;
                begun
            }
        };
        if !scanning.marked {
            tracing::info!("rules or segments changed; everybody is looked at in the background");
        }
        self.going_on = Some(scanning);
        Ok(())
    }

    /// All are marked: it is done when they were looked at.
    async fn finish(&mut self, core: &Shared, bell: &Bell) -> Result<Step> {
        let Some(scanning) = &self.going_on else { return Ok(Step::Done) };
        if core.store.next_wake().await?.is_some_and(|wake| wake <= Time(scanning.at)) {
            return Ok(Step::Waits);
        }
        write_down(core, SCANNED, &self.wanted).await?;
        core.store.set_flag(SCANNING, None).await?;
        bell.set_covered(self.wanted.clone());
        self.going_on = None;
        if self.pages > 0 {
            tracing::info!("everybody was looked at under the rules in use");
        }
        Ok(Step::Done)
    }
}

/// A flag that cannot be read says nothing: everybody is looked at once more.
async fn read<T: serde::de::DeserializeOwned>(core: &Shared, flag: &str) -> Result<Option<T>> {
    Ok(core.store.flag(flag).await?.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn write_down<T: Serialize>(core: &Shared, flag: &str, value: &T) -> Result<()> {
    // Maps of texts and numbers can always be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    core.store.set_flag(flag, Some(&text)).await
}
