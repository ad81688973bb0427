//! What the rest of the daemon and the watcher know of each other.

use super::meaning::Meanings;
use crate::app::live::Live;
use crate::domain::{CustomerNumber, Text, Time};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// So many customers who ceased to be members are remembered; more than that, and ticks look at everybody.
const REMEMBERED: usize = 100_000;

/// So many ids of customers who wait before others are remembered; where more wait than that, nobody is before others.
const HURRIED: usize = 1_000;

/// What the watcher is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// When it last looked for somebody to look at, and was done with all it had found.
    pub(crate) last_pass: Time,
    /// When it last began to look.
    pub(crate) alive_at: Time,
    /// Whether it has customers in hand.
    pub(crate) busy: bool,
    /// Grows with every look for them.
    pub(crate) passes: u64,
    /// Grows whenever it takes customers.
    pub(crate) rounds: u64,
    /// Whether every customer was looked at under the rules in use.
    pub(crate) scanned: bool,
}

/// Rings for the watcher, and tells what it does.
#[derive(Debug)]
pub(crate) struct Bell {
    ring: Notify,
    progress: watch::Sender<Progress>,
    live: ArcSwap<Live>,
    covered: ArcSwap<Meanings>,
    ceased: Mutex<Ceased>,
    hurried: Mutex<Vec<String>>,
}

/// Who ceased to be a member of which rule lately.
#[derive(Debug)]
struct Ceased {
    /// By rule, who it was and when.
    by_rule: BTreeMap<Text, BTreeMap<CustomerNumber, Time>>,
    count: usize,
    /// All of them since this instant are here.
    since: Time,
}

impl Bell {
    /// For a watcher that begins at `now`.
    pub(crate) fn new(now: Time, live: Live) -> Self {
        let ceased = Ceased { by_rule: BTreeMap::new(), count: 0, since: now };
        Self {
            ring: Notify::new(),
            progress: watch::Sender::new(Progress {
                last_pass: now,
                alive_at: now,
                busy: false,
                passes: 0,
                rounds: 0,
                scanned: false,
            }),
            live: ArcSwap::from_pointee(live),
            covered: ArcSwap::default(),
            ceased: Mutex::new(ceased),
            hurried: Mutex::default(),
        }
    }

    /// Says that there may be somebody to look at.
    pub(crate) fn ring(&self) {
        self.ring.notify_one();
    }

    /// Says whose turn comes before that of others who wait longer, such as those of an import: something happened to them
    /// just now. It is a hint; whoever is not among them is looked at in turn.
    pub(crate) fn hurry(&self, ids: impl IntoIterator<Item = String>) {
        let mut hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HURRIED.saturating_sub(hurried.len());
        hurried.extend(ids.into_iter().take(room));
    }

    /// Up to `limit` of them, those who were named first, each once; none is remembered any more.
    pub(super) fn take_hurried(&self, limit: usize) -> Vec<String> {
        let mut hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        let count = limit.min(hurried.len());
        let rest = hurried.split_off(count);
        let mut taken = std::mem::replace(&mut *hurried, rest);
        drop(hurried);
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    /// Nobody is before others any more.
    pub(super) fn forget_hurried(&self) {
        self.hurried.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Comes back when somebody rang, also if that was before.
    pub(super) async fn rung(&self) {
        self.ring.notified().await;
    }

    /// What the watcher is doing.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The same, as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn note(&self, edit: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(edit);
    }

    /// Since when rules are live.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Rules went live, or are gone.
    pub(crate) fn set_live(&self, live: Live) {
        self.live.store(Arc::new(live));
    }

    /// Under which meanings everybody was looked at.
    pub(super) fn covered(&self) -> Arc<Meanings> {
        self.covered.load_full()
    }

    pub(super) fn set_covered(&self, covered: Meanings) {
        self.covered.store(Arc::new(covered));
    }

    /// The rules were replaced: whether everybody was looked at under them is not known yet.
    pub(crate) fn world_changed(&self) {
        self.note(|progress| progress.scanned = false);
        self.ring();
    }

    /// Notes members who ceased to be, as of a look at `at`.
    pub(super) fn ceased(&self, number: CustomerNumber, members: &[(Text, bool)], at: Time) {
        if members.iter().all(|(_, holds)| *holds) {
            return;
        }
        let mut ceased = self.ceased.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, _) in members.iter().filter(|(_, holds)| !holds) {
            let new = ceased.by_rule.entry(rule.clone()).or_default().insert(number, at).is_none();
            ceased.count += usize::from(new);
        }
        if ceased.count > REMEMBERED {
            ceased.by_rule.clear();
            ceased.count = 0;
            ceased.since = at;
        }
    }

    /// Forgets who ceased to be a member before `before`.
    pub(super) fn forget_ceased(&self, before: Time) {
        let mut ceased = self.ceased.lock().unwrap_or_else(PoisonError::into_inner);
        if ceased.since >= before {
            return;
        }
        ceased.since = before;
        for customers in ceased.by_rule.values_mut() {
            customers.retain(|_, at| *at >= before);
        }
        ceased.by_rule.retain(|_, customers| !customers.is_empty());
        ceased.count = ceased.by_rule.values().map(BTreeMap::len).sum();
    }

    /// Who ceased to be a member of these rules at `since` or later; `None` when that is not known any more. A tick of that
    /// instant looks at them besides the members, for they may have been members at its instant.
    pub(crate) fn ceased_since(&self, rules: &BTreeSet<Text>, since: Time) -> Option<BTreeSet<CustomerNumber>> {
        let ceased = self.ceased.lock().unwrap_or_else(PoisonError::into_inner);
        if since < ceased.since {
            return None;
        }
        let of = |rule: &Text| ceased.by_rule.get(rule).into_iter().flatten().map(|(number, _)| *number);
        Some(rules.iter().flat_map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Live};
    use crate::domain::{CustomerNumber, Time};
    use std::collections::BTreeSet;

    fn since(bell: &Bell, rule: &str, at: i64) -> Option<Vec<u64>> {
        let ceased = bell.ceased_since(&BTreeSet::from([rule.into()]), Time(at))?;
        Some(ceased.into_iter().map(|number| number.0).collect())
    }

    fn with_ceased() -> Bell {
        let bell = Bell::new(Time(100), Live::new());
        for (number, rule, holds, at) in [(1, "a", false, 110), (2, "a", true, 120), (3, "b", false, 130)] {
            bell.ceased(CustomerNumber(number), &[(rule.into(), holds)], Time(at));
        }
        bell
    }

    #[test]
    fn who_ceased_to_be_a_member_is_known_since_the_start_and_for_a_while() {
        let bell = with_ceased();
        assert_eq!((since(&bell, "a", 105), since(&bell, "b", 105)), (Some(vec![1]), Some(vec![3])));
        assert_eq!(since(&bell, "a", 99), None, "before the start nobody noted it");
        bell.forget_ceased(Time(120));
        assert_eq!((since(&bell, "a", 119), since(&bell, "a", 120)), (None, Some(vec![])));
        assert_eq!(since(&bell, "b", 120), Some(vec![3]));
    }

    #[test]
    fn when_too_many_ceased_what_was_before_is_not_known_any_more() {
        let bell = with_ceased();
        for number in 0..=super::REMEMBERED as u64 {
            bell.ceased(CustomerNumber(number), &[("a".into(), false)], Time(200));
        }
        assert_eq!(since(&bell, "a", 105), None);
        assert!(since(&bell, "a", 201).is_some());
    }
}
