//! Enrollments whose next step is days away, and what they cost a daemon that has nothing else to do; and how late steps
//! are that fall due at one instant.

use crate::admin::Admin;
use crate::memory::Daemon;
use crate::project::{NOBODY, Project, Rules};
use crate::schedule::{self, Timed};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, scratch};
use anyhow::Context;
use retaind::clock::{Clock, SystemClock};
use retaind::domain::{Span, Time};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Decision, DecisionBatch, Store, StoredCustomer, Urgency, View, WakeChange};
use std::sync::Arc;
use std::time::Duration;

/// Steps that fall due at once, unless there are fewer customers.
const AT_ONCE: u64 = 10_000;
/// How far away the step is, in hours: twenty days.
const AWAY: i64 = 480;
/// How long it is from now until steps fall due that are made to: longer than a daemon takes to start.
const SOON: Span = Span::seconds(15);
/// Seconds for which the daemon is watched doing nothing.
const IDLE: u64 = 10;
const RULE: &str = "waiting";

pub(crate) fn run() -> anyhow::Result<()> {
    let waiting = scratch::size("RETAIND_BENCH_QUEUED", 100_000)?;
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::One, NOBODY)?;
    let rule = Timed {
        name: RULE.to_owned(),
        rest: format!("when: everyone\nsteps:\n  - {{hour: {AWAY}, email: win-back}}\n"),
    };
    schedule::write_far(folder.path(), std::slice::from_ref(&rule))?;
    fill::store(&project.store(), waiting, &project.load()?.rules.interest)?;
    let daemon = Daemon::start(&project)?;
    daemon.wait_for("everybody was looked at")?;
    let admin = Admin::of(folder.path());
    // Nobody is there to send to.
    admin.post("/v1/pause")?;
    schedule::bring_near(folder.path(), &[rule], 1)?;
    daemon.wait_for("tick complete")?;
    admin.wait_until_looked()?;
    let idle = idle(&daemon)?;
    daemon.stop()?;

    let due = AT_ONCE.min(waiting);
    let at = bring_forward(&project, waiting, due)?;
    let daemon = Daemon::start(&project)?;
    anyhow::ensure!(SystemClock.now() < at, "the steps fell due before the daemon was there");
    let queued = "retaind_deliveries{state=\"queued\"}";
    admin.wait(|metrics| Ok(scratch::whole(metrics.value(queued)?) as u64 >= due))?;
    let late = admin.metrics()?.times("retaind_look_lateness_seconds");
    daemon.stop()?;
    anyhow::ensure!(late.count() >= due, "{} of {due} were looked at", late.count());
    let row = |what: String, figure, unit, most| Row { what, figure, ceiling: None, unit, limit: Limit::AtMost(most) };
    show(
        &format!("{waiting} enrollments that wait"),
        &[
            row("processor time of a second with nothing to do".to_owned(), idle, Unit::Milliseconds, 10.0),
            row(format!("{due} steps due at once: p99 until durable, at most"), late.within(0.99)?, Unit::Seconds, 2.0),
        ],
    );
    Ok(())
}

/// Milliseconds of processor time that a second takes.
fn idle(daemon: &Daemon) -> anyhow::Result<f64> {
    let pid = daemon.process.0.id().to_string();
    let before = machine::cpu_seconds(&pid)?;
    std::thread::sleep(Duration::from_secs(IDLE));
    Ok((machine::cpu_seconds(&pid)? - before) / IDLE as f64 * 1000.0)
}

/// Makes the step of the first customers fall due soon, all at one instant, as if they had entered so long ago; answers
/// when. Only their records are changed, while no daemon runs.
fn bring_forward(project: &Project, customers: u64, due: u64) -> anyhow::Result<Time> {
    let view = View { interest: Arc::new(project.load()?.rules.interest), now: SystemClock.now(), backtest: false };
    scratch::runtime()?.block_on(async {
        let store = SledStore::open(&project.store(), OpenMode::MustExist)?;
        anyhow::ensure!(store.last_customer().0 == customers, "not all customers are there");
        let at = SystemClock.now().plus(SOON);
        let (mut after, mut changed) = (None, 0);
        while changed < due {
            let limit = usize::try_from(due - changed)?.min(500);
            let page = store.customers(after, store.last_customer(), limit, &view).await?;
            after = Some(page.last().context("the customers ran out")?.number);
            changed += page.len() as u64;
            let decisions = page.into_iter().map(|stored| entered_before(stored, at)).collect::<anyhow::Result<_>>()?;
            let batch = DecisionBatch { tick: None, rules: Vec::new(), decisions, urgency: Urgency::Interactive };
            store.decide(batch).await?;
        }
        store.close().await?;
        Ok(at)
    })
}

fn entered_before(stored: StoredCustomer, at: Time) -> anyhow::Result<Decision> {
    let mut watch = stored.customer.watch;
    let active = watch.active.iter_mut().find(|active| active.rule == RULE).context("somebody was not enrolled")?;
    active.entered_at = at.minus(Span::hours(AWAY));
    let none = Decision::none(stored.number, stored.version);
    Ok(Decision { watch: Some(watch), wake: WakeChange::Set(Some(at)), ..none })
}
