//! `retaind demo`: the whole of it on made-up customers, a mail catcher and a webhook receiver on loopback.
//!
//! Between the two catchers runs the daemon's own code. Only the clock is the demo's: it is turned on from tick to tick and
//! hour to hour, and after each turn the demo waits until everything due was worked off. A person's own project is played in the same
//! way, from a copy: its store is not touched, and nothing of it leaves the machine.

mod borrowed;
mod count;
mod files;
mod invented;
mod people;
mod report;

pub use report::{DemoReport, MailReport, RuleReport};

use super::daemon::{self, Daemon};
use super::project::Project;
use super::{StartError, project};
use crate::catcher::{CaughtMail, HookCatcher, HookFaults, MailCatcher, MailFaults};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::domain::{Arrival, Reason, Span, State, Time};
use crate::store::sled::{Cache, OpenMode, SledSettings};
use crate::store::{DeliveryFilter, Marking, Store, Urgency};
use anyhow::{Context, ensure};
use borrowed::Catchers;
use invented::Inventor;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many hours pass.
const HOURS: i64 = 22;

/// How many hours pass for a person's own project: every time of the day comes once.
const HOURS_OF_A_DAY: i64 = 24;

/// The clock starts so long before the full hour.
const BEFORE_THE_HOUR: Span = Span::seconds(30);

/// So many ticks between two full hours are stopped at; where there are more, the rest is missed.
const TICKS_AN_HOUR: u32 = 60;

/// So many mails are shown, and looked at to find some of every kind.
const SHOWN: usize = 6;
const LOOKED_AT: usize = 2000;

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
    /// A project of a person's own to play instead of the demo's: its folder. It is only read.
    pub project: Option<PathBuf>,
}

/// Runs the demo to its end.
///
/// # Errors
/// What kept it from starting, or from working off an hour within two minutes.
pub async fn demo(request: &DemoRequest) -> anyhow::Result<DemoReport> {
    let began = Instant::now();
    let (mails, hooks) = set_up(request).await?;
    let settings = request.folder.join("retaind.yaml");
    let project = daemon::require(project::load(&settings))?;
    let mut play = Play::of(request, &project, SystemClock.now());
    let start = play.start;
    let clock = Arc::new(ManualClock::new(start));
    let kept = SledSettings { cache: Cache::OfStore, ..SledSettings::default() };
    let store: Arc<dyn Store> = Arc::new(super::open_store(&project.settings, OpenMode::Create, kept).await?);
    let purchases = play.enter(store.as_ref()).await?;
    let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let played = sound(project::load(&settings))?;
    let daemon = daemon::start(played, &settings, Arc::clone(&store), shown, None).await?;
    let mut report = DemoReport {
        customers: store.last_customer().0,
        purchases,
        span: (start, start.plus(Span::hours(play.hours))),
        took: Duration::ZERO,
        rules: BTreeMap::new(),
        mails: 0,
        hooks: (0, 0),
        waited_for_morning: 0,
        unfinished: 0,
        examples: Vec::new(),
        silent: Vec::new(),
        folder: request.folder.clone(),
    };
    let mut ticks = Ticks::default();
    // The schedules go live just before the hour, and then each hour strikes.
    settle(&daemon, start).await?;
    for hour in 0..=play.hours {
        let mark = start.plus(BEFORE_THE_HOUR).plus(Span::hours(hour));
        for _ in 0..TICKS_AN_HOUR {
            let Some(at) = next_tick(&daemon).await?.filter(|at| *at < mark) else { break };
            clock.set(at.max(clock.now()));
            settle(&daemon, clock.now()).await?;
            ticks.add(store.as_ref(), &mut report).await?;
        }
        clock.set(mark);
        play.events_of_hour(hour, &daemon, clock.now()).await?;
        settle(&daemon, clock.now()).await?;
        ticks.add(store.as_ref(), &mut report).await?;
    }
    read_deliveries(store.as_ref(), &mut report).await?;
    count::enrollments(&daemon, &project, &mut report).await?;
    report.examples = examples(store.as_ref(), mails.mails()).await?;
    daemon.drain().await?;
    report.mails = mails.count();
    let calls = hooks.calls();
    report.hooks = (hooks.count(), calls.iter().filter(|call| call.verified).count() as u64);
    report.took = began.elapsed();
    Ok(report)
}

/// When the next schedule fires, if one does.
async fn next_tick(daemon: &Daemon) -> anyhow::Result<Option<Time>> {
    let status = daemon.operations().status().await.context("asking for the next tick")?;
    Ok(status.next_tick.map(|next| next.at))
}

/// The catchers, and a project in the folder that sends everything to them.
async fn set_up(request: &DemoRequest) -> anyhow::Result<(MailCatcher, HookCatcher)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let folder = &request.folder;
    ensure!(is_free(folder), "{} is there and not empty; name another folder", folder.display());
    if let Some(own) = &request.project {
        // Its problems are told with its own places, before anything is copied.
        sound(project::load(&own.join("retaind.yaml")))?;
    }
    let secret = secret()?;
    let mails = MailCatcher::start_in(&folder.join("mails"), any, MailFaults::none()).await?;
    let hooks = HookCatcher::start(any, &secret, HookFaults::none()).await?;
    let (mail, hook) = (mails.address(), hooks.url());
    match &request.project {
        Some(own) => borrowed::copy(own, folder, &Catchers { mail, hook: &hook, secret: &secret })?,
        None => files::write(folder, mail, &hook, &secret).context("the demo's files cannot be written")?,
    }
    Ok((mails, hooks))
}

/// Who plays, and from when to when.
struct Play<'p> {
    start: Time,
    hours: i64,
    request: &'p DemoRequest,
    project: &'p Project,
    /// What a person's own project needs to have made up for it.
    inventor: Option<Inventor<'p>>,
}

impl<'p> Play<'p> {
    fn of(request: &'p DemoRequest, project: &'p Project, now: Time) -> Self {
        if request.project.is_none() {
            return Self { start: morning(now), hours: HOURS, request, project, inventor: None };
        }
        let inventor = Inventor::new(project, request.customers, request.seed, now);
        let start = inventor.midnight().minus(BEFORE_THE_HOUR);
        Self { start, hours: HOURS_OF_A_DAY, request, project, inventor: Some(inventor) }
    }

    /// Takes in the customers with all that is past, and answers how many purchases that is.
    async fn enter(&mut self, store: &dyn Store) -> anyhow::Result<u64> {
        let (count, seed) = (self.request.customers, self.request.seed);
        let arrivals = match &mut self.inventor {
            Some(inventor) => inventor.people(seed, self.start),
            None => people::make_up(count, seed, self.start),
        };
        let purchase = &self.project.schema.purchase.event;
        let is_purchase =
            |arrival: &&Arrival| matches!(arrival, Arrival::Event { event, .. } if event.name == *purchase);
        let purchases = arrivals.iter().filter(is_purchase).count() as u64;
        let interest = &self.project.rules.interest;
        for part in arrivals.chunks(500) {
            let stored = store.ingest(part.to_vec(), interest, Urgency::Background, Marking::Quiet).await;
            stored.map_err(StartError::Store)?;
        }
        Ok(purchases)
    }

    /// Takes in what happens to customers in that hour.
    async fn events_of_hour(&mut self, hour: i64, daemon: &Daemon, now: Time) -> anyhow::Result<()> {
        let Some(inventor) = &mut self.inventor else { return Ok(()) };
        let arrivals = inventor.events_of_hour(hour, now);
        if arrivals.is_empty() {
            return Ok(());
        }
        let interest = Arc::clone(&daemon.shared().world.load().interest);
        let stored = daemon.shared().store.ingest(arrivals, &interest, Urgency::Interactive, Marking::Dirty).await;
        stored.map_err(StartError::Store)?;
        daemon.shared().ring();
        Ok(())
    }
}

/// The project, or its errors.
fn sound(loaded: project::Loaded) -> Result<Project, StartError> {
    let has_errors = loaded.has_errors();
    let (diagnostics, bad_settings) = (loaded.diagnostics, loaded.bad_settings);
    loaded.project.filter(|_| !has_errors).ok_or(StartError::BadProject { diagnostics, bad_settings })
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

/// The ticks that were counted, by rule.
#[derive(Default)]
struct Ticks(BTreeMap<String, Time>);

impl Ticks {
    /// Adds what the last tick of each rule counted, unless that was added before.
    async fn add(&mut self, store: &dyn Store, report: &mut DemoReport) -> anyhow::Result<()> {
        for (name, state) in store.rule_states().await.map_err(StartError::Store)? {
            let rule = report.rules.entry(name.to_string()).or_default();
            let Some((at, counts)) = state.last_tick else { continue };
            if self.0.insert(name.to_string(), at) == Some(at) {
                continue;
            }
            tracing::debug!(%at, "tick counted");
            rule.ticks += 1;
            rule.matched += counts.matched;
            for (reason, count) in counts.held {
                *rule.held.entry(reason).or_default() += count;
            }
        }
        Ok(())
    }
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
            let is_late = delivery.state.is_waiting() && delivery.due_at <= report.span.1;
            report.unfinished += u64::from(is_late || delivery.state == State::Sending);
            if let Some(reason) = delivery.reason
                && told.insert((delivery.rule.to_string(), reason))
            {
                report.silent.push((delivery.customer_id.into(), delivery.rule.into(), reason));
            }
        }
    }
}

/// A few of the mails, first one of each step of each rule.
async fn examples(store: &dyn Store, mails: Vec<CaughtMail>) -> anyhow::Result<Vec<MailReport>> {
    let (mut seen, mut first, mut others) = (BTreeSet::new(), Vec::new(), Vec::new());
    for mail in mails.into_iter().take(LOOKED_AT) {
        let id = mail.message_id.trim_start_matches('<').split('@').next().and_then(|id| id.parse().ok());
        let delivery = match id {
            Some(id) => store.delivery(id).await.map_err(StartError::Store)?,
            None => None,
        };
        let is_new = delivery.is_some_and(|delivery| seen.insert((delivery.rule, delivery.step)));
        if is_new { first.push(mail) } else { others.push(mail) }
    }
    Ok(first.into_iter().chain(others).take(SHOWN).filter_map(example).collect())
}

fn example(mail: CaughtMail) -> Option<MailReport> {
    Some(MailReport { to: mail.to.first()?.clone(), subject: mail.subject, file: mail.file? })
}
