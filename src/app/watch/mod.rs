//! The watcher: whoever changed, or whose time has come, is looked at, at once.
//!
//! What it is for: taking customers whose wake has come, looking at each by the rules in use, and committing what comes
//! of it with the customer's next wake, in one commit; and looking at everybody once when the rules change.
//! Invariants: what was stored before a customer was read counts for the look, what is stored after makes it be made again;
//! a customer stays to be looked at until a look is committed, so a crash loses none; a decision that exists is not made
//! twice; who is told of by an event does not wait for all whom an import marked; nothing is waited for by asking again
//! and again: it is rung for, or sleeps until the next wake, at most a second.
//! Deliberately not here: what a look decides (`engine/`), who is marked by what arrives (`store/`), ticks.

mod bell;
mod brake;
mod meaning;
mod round;
mod scan;

pub(super) use bell::Bell;

use super::shared::Shared;
use crate::delivery::World;
use crate::domain::{CustomerNumber, Span, Text, Time};
use crate::store::{Result, StoreError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use round::Round;
use scan::{Scan, Step};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Customers taken at a time.
const TAKEN: usize = 120;

/// How often those to whom something happens are looked at side by side, while others are.
const HURRIED_AT_ONCE: usize = 4;

/// How long they are ours; far longer than a round takes.
const LEASE: Span = Span::minutes(1);

/// How often it looks even when nobody rang: a clock that was set is noticed by this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long it sleeps at least, so that a wake that nobody can take is no busy loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long members who ceased to be are remembered: a tick that is later than this looks at everybody.
const REMEMBER: Span = Span::minutes(15);

/// Works until `stop` turns true; what is in hand then is finished.
///
/// # Errors
/// The first error of the store that makes going on pointless.
pub(super) async fn run(core: Arc<Shared>, mut stop: watch::Receiver<bool>) -> Result<()> {
    let Some(daemon) = &core.daemon else { return Ok(()) };
    let bell = &daemon.bell;
    let mut remembered = daemon.worker.remembered();
    let mut scan = Scan::default();
    while !*stop.borrow() {
        let passed = pass(&core, bell, &mut scan).await;
        let sleep = match passed {
            Ok(None) => continue,
            Ok(Some(sleep)) => sleep,
            Err(error) if error.may_pass() || matches!(error, StoreError::Conflict) => {
                tracing::debug!(%error, "the watcher waits; trying again");
                bell.note(|progress| progress.busy = false);
                LOOK_EVERY
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            _ = stop.changed() => {}
            () = bell.rung() => {}
            // Its sender is the worker's, which lives as long as we do.
            _ = remembered.changed() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    Ok(())
}

/// Whether everybody was looked at under what these rules mean now, so that their members are known.
pub(super) fn covers(bell: &Bell, world: &World, rules: &BTreeSet<Text>) -> bool {
    let (covered, wanted) = (bell.covered(), meaning::of_all(world));
    let mut names = rules.iter().map(|rule| meaning::name_of(rule));
    names.all(|name| wanted.contains_key(&name) && covered.get(&name) == wanted.get(&name))
}

/// Looks at those whose time has come, or goes a step further with the scan. `None` when there may be more to do at once,
/// else how long there is nothing.
async fn pass(core: &Shared, bell: &Bell, scan: &mut Scan) -> Result<Option<Duration>> {
    let now = core.clock.now();
    // Said before anybody is taken, so that at no instant those in hand show nowhere.
    bell.note(|progress| {
        progress.busy = true;
        progress.alive_at = now;
        progress.passes += 1;
    });
    let taken = core.store.take_dirty(now, TAKEN, LEASE).await?;
    if !taken.is_empty() {
        bell.note(|progress| progress.rounds += 1);
        return work_off(core, bell, &taken).await.map(|()| None);
    }
    let step = scan.step(core, bell, now).await?;
    if step == Step::More {
        return Ok(None);
    }
    bell.forget_ceased(now.minus(REMEMBER));
    bell.note(|progress| {
        progress.busy = false;
        progress.last_pass = now;
        progress.scanned = step == Step::Done;
    });
    let next = core.store.next_wake().await?;
    Ok(Some(sleep_until(next, now)))
}

/// Works a round off. A full one means that more wait than can be taken at once, perhaps all that an import marked: then
/// those to whom something happened just now are looked at meanwhile, and do not wait for its end.
async fn work_off(core: &Shared, bell: &Bell, taken: &[CustomerNumber]) -> Result<()> {
    let round = Round::of(core, bell, taken.len());
    if taken.len() < TAKEN {
        bell.forget_hurried();
        return round.work_off(taken).await;
    }
    let (end, ended) = oneshot::channel();
    let others = async {
        let done = round.work_off(taken).await;
        // Told apart from the bell, which would have us look again at once where the disk is full.
        drop(end);
        done
    };
    let (others, hurried) = tokio::join!(others, look_at_hurried(core, bell, taken, ended));
    others.and(hurried)
}

/// Looks at those to whom something happens, besides those who are `taken`, until these are `ended`. Who comes while others
/// are in hand does not wait for them, but where a rule counts for its brake. Who is among the taken has their turn
/// behind them: what happened may have come after the look.
async fn look_at_hurried(
    core: &Shared,
    bell: &Bell,
    taken: &[CustomerNumber],
    mut ended: oneshot::Receiver<()>,
) -> Result<()> {
    let (mut in_hand, mut left_out) = (FuturesUnordered::new(), Vec::new());
    let (mut result, mut over) = (Ok(()), false);
    loop {
        let more = result.is_ok() && !over && in_hand.len() < HURRIED_AT_ONCE;
        let ids = if more { bell.take_hurried(TAKEN) } else { Vec::new() };
        if !ids.is_empty() {
            in_hand.push(async move {
                let done = Round::of(core, bell, ids.len()).look_at_others(&ids, taken).await;
                done.inspect_err(|_| bell.hurry(ids))
            });
        } else if in_hand.is_empty() && (over || result.is_err()) {
            bell.hurry(left_out);
            return result;
        }
        tokio::select! {
            Some(done) = in_hand.next() => result = result.and(done.map(|others| left_out.extend(others))),
            () = bell.rung(), if more => {}
            _ = &mut ended, if !over => over = true,
        }
    }
}

fn sleep_until(next: Option<Time>, now: Time) -> Duration {
    let Some(next) = next else { return LOOK_EVERY };
    let wait = u64::try_from(next.since(now).0).unwrap_or(0);
    Duration::from_millis(wait).clamp(SHORTEST, LOOK_EVERY)
}
