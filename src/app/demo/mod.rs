//! `retaind demo`: the whole of it on made-up customers, a mail catcher and a webhook receiver on loopback.
//!
//! Between the two catchers runs the daemon's own code. Only the clock is the demo's: it is turned on hour by hour, and
//! after each turn the demo waits until everything due was worked off.

mod files;
mod people;
mod report;

pub use report::{DemoReport, MailReport, RuleReport};

use super::daemon::{self, Daemon};
use super::{StartError, project};
use crate::catcher::{HookCatcher, HookFaults, MailCatcher, MailFaults};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::domain::{Arrival, Reason, Span, State, Time};
use crate::store::sled::{Cache, OpenMode};
use crate::store::{DeliveryFilter, Marking, Store, Urgency};
use anyhow::{Context, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many hours pass.
const HOURS: i64 = 22;

/// The clock starts so long before the full hour.
const BEFORE_THE_HOUR: Span = Span::seconds(30);

/// How long one hour's work may really take.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the demo is asked for.
#[derive(Debug, Clone)]
pub struct DemoRequest {
    /// How many customers to make up.
    pub customers: u32,
    /// The same seed makes the same customers.
    pub seed: u64,
    /// Where the project and the mails go; it must not exist, or be empty.
    pub folder: PathBuf,
}

/// Runs the demo to its end.
///
/// # Errors
/// What kept it from starting, or from working off an hour within two minutes.
pub async fn demo(request: &DemoRequest) -> anyhow::Result<DemoReport> {
    let began = Instant::now();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let folder = &request.folder;
    ensure!(is_free(folder), "{} is there and not empty; name another folder", folder.display());
    let secret = secret()?;
    let mails = MailCatcher::start_in(&folder.join("mails"), any, MailFaults::none()).await?;
    let hooks = HookCatcher::start(any, &secret, HookFaults::none()).await?;
    files::write(folder, mails.address(), &hooks.url(), &secret).context("the demo's files cannot be written")?;
    let settings = folder.join("retaind.yaml");
    let project = daemon::require(project::load(&settings))?;
    let start = morning(SystemClock.now());
    let clock = Arc::new(ManualClock::new(start));
    let store: Arc<dyn Store> = Arc::new(super::open_store(&project.settings, OpenMode::Create, Cache::OfStore).await?);
    let arrivals = people::make_up(request.customers, request.seed, start);
    let purchases = arrivals.iter().filter(|arrival| matches!(arrival, Arrival::Event { .. })).count() as u64;
    for part in arrivals.chunks(500) {
        let stored = store.ingest(part.to_vec(), &project.rules.interest, Urgency::Background, Marking::Quiet).await;
        stored.map_err(StartError::Store)?;
    }
    let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let daemon = daemon::start(project, &settings, Arc::clone(&store), shown, None).await?;
    let mut report = DemoReport {
        customers: store.last_customer().0,
        purchases,
        span: (start, start.plus(Span::hours(HOURS))),
        took: Duration::ZERO,
        rules: BTreeMap::new(),
        mails: 0,
        hooks: (0, 0),
        waited_for_morning: 0,
        examples: Vec::new(),
        silent: Vec::new(),
        folder: folder.clone(),
    };
    // The schedules go live just before the hour, and then each hour strikes.
    settle(&daemon, start).await?;
    for hour in 0..=HOURS {
        clock.set(start.plus(BEFORE_THE_HOUR).plus(Span::hours(hour)));
        settle(&daemon, clock.now()).await?;
        add_ticks(&daemon, &mut report).await?;
    }
    read_deliveries(store.as_ref(), &mut report).await?;
    daemon.drain().await?;
    report.mails = mails.count();
    let calls = hooks.calls();
    report.hooks = (hooks.count(), calls.iter().filter(|call| call.verified).count() as u64);
    report.examples = mails.mails().into_iter().take(5).filter_map(example).collect();
    report.took = began.elapsed();
    Ok(report)
}

fn is_free(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// A fresh `whsec_` secret.
fn secret() -> anyhow::Result<String> {
    use base64::Engine;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no random bytes")?;
    Ok(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// Just before 10 in Nairobi today, where Amani Coffee is.
fn morning(now: Time) -> Time {
    let day = now.0.div_euclid(Span::days(1).0);
    Time(day * Span::days(1).0).plus(Span::hours(7)).minus(BEFORE_THE_HOUR)
}

/// Waits until everything that is due at `now` was worked off.
async fn settle(daemon: &Daemon, now: Time) -> anyhow::Result<()> {
    let settled = tokio::time::timeout(PATIENCE, daemon.shared().settled(now)).await;
    settled.context("the work of one hour was not done within two minutes")?.map_err(StartError::Store)?;
    Ok(())
}

/// Adds what the ticks since the last look counted.
async fn add_ticks(daemon: &Daemon, report: &mut DemoReport) -> anyhow::Result<()> {
    let now = daemon.shared().clock.now();
    for (name, state) in daemon.shared().store.rule_states().await.map_err(StartError::Store)? {
        let rule = report.rules.entry(name.into()).or_default();
        let Some((at, counts)) = state.last_tick.filter(|(at, _)| now.since(*at) < Span::minutes(5)) else { continue };
        tracing::debug!(%at, "tick counted");
        rule.matched += counts.matched;
        rule.enrolled += counts.enrolled;
        rule.held_out += counts.held_out;
        for (reason, count) in counts.held {
            *rule.held.entry(reason).or_default() += count;
        }
    }
    Ok(())
}

/// Counts all deliveries, and picks a few that did not go out.
async fn read_deliveries(store: &dyn Store, report: &mut DemoReport) -> anyhow::Result<()> {
    let mut after = None;
    let mut told: BTreeSet<(String, Reason)> = BTreeSet::new();
    loop {
        let page = store.deliveries(&DeliveryFilter::default(), after, 1000).await.map_err(StartError::Store)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for delivery in page {
            let rule = report.rules.entry(delivery.rule.to_string()).or_default();
            *rule.deliveries.entry((delivery.state, delivery.reason)).or_default() += 1;
            let waited = delivery.sent_at.is_some_and(|sent| sent.since(delivery.created_at) > Span::hours(1));
            if delivery.state == State::Sent && waited {
                report.waited_for_morning += 1;
            }
            if let Some(reason) = delivery.reason
                && told.insert((delivery.rule.to_string(), reason))
            {
                report.silent.push((delivery.customer_id.into(), delivery.rule.into(), reason));
            }
        }
    }
}

fn example(mail: crate::catcher::CaughtMail) -> Option<MailReport> {
    Some(MailReport { to: mail.to.first()?.clone(), subject: mail.subject, file: mail.file? })
}
