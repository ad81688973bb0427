//! From durable outbox to recorded outcome: mail against Postfix's `smtp-sink`, webhooks against a receiver that says 200
//! to everything; beside them what `smtp-source` and a bare HTTP client reach against the same receivers.

use crate::project::{NOBODY, Project, Receivers, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{decide, fill, machine, people, process, scratch};
use arc_swap::ArcSwap;
use retaind::app;
use retaind::channels::email::{Mail, compose};
use retaind::channels::webhook::{Poster, PosterSettings};
use retaind::clock::ManualClock;
use retaind::delivery::{Pauses, Worker};
use retaind::domain::{Payload, State, Time};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Decision, DecisionBatch, Store, Urgency, View};
use retaind::templates::Message;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections to the mail server, as the settings have them if they say nothing.
const CONNECTIONS: usize = 8;
/// Webhook calls under way at once, as the worker has them.
const CALLS: usize = 16;
/// Longer than any run takes.
const PATIENCE: Duration = Duration::from_mins(5);
/// What a webhook carries.
const BODY: &str = r#"{"type":"customer.at_risk","timestamp":"2026-11-20T12:00:00Z","data":{"id":"c-0123456789ab","orders":3,"revenue":"318.20","last_order_at":"2026-09-01T08:15:00Z"}}"#;

pub(crate) fn mail() -> anyhow::Result<()> {
    let count = scratch::size("RETAIND_BENCH_DELIVERIES", 20_000)?;
    let Some((_sink, smtp)) = process::smtp_sink()? else {
        println!("\nmail: SKIPPED, for Postfix's smtp-sink is not installed");
        return Ok(());
    };
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::One, Receivers { smtp, ..NOBODY })?;
    let run = prepare(&project, count, |_| Payload::Email { template: "win-back".into() })?;
    let bytes = mail_bytes(&project)?;
    let source = smtp_source(smtp, count, bytes)?;
    let rows = [
        Row {
            what: format!("mails of {bytes} bytes, {CONNECTIONS} connections"),
            figure: run.rate(),
            ceiling: Some(source.rate()),
            unit: Unit::PerSecond,
            limit: Limit::AtLeast(2500.0),
        },
        run.cpu_row(&source, Limit::None),
    ];
    show(&format!("{count} mails from durable outbox to recorded outcome"), &rows);
    Ok(())
}

pub(crate) fn webhooks() -> anyhow::Result<()> {
    let count = scratch::size("RETAIND_BENCH_DELIVERIES", 20_000)?;
    let (_receiver, http) = process::receiver()?;
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::One, Receivers { http, ..NOBODY })?;
    let run = prepare(&project, count, |_| Payload::Webhook { endpoint: "crm".into(), body: BODY.to_owned() })?;
    let bare = bare_client(http, count)?;
    let rows = [
        Row {
            what: format!("webhooks of {} bytes, {CALLS} at once", BODY.len()),
            figure: run.rate(),
            ceiling: Some(bare.rate()),
            unit: Unit::PerSecond,
            limit: Limit::AtLeast(3000.0),
        },
        run.cpu_row(&bare, Limit::AtMost(0.5)),
    ];
    show(&format!("{count} webhooks from durable outbox to recorded outcome"), &rows);
    Ok(())
}

/// So many messages, in so much time, for so much processor time.
struct Run {
    count: u64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    fn cpu_milliseconds(&self) -> f64 {
        self.cpu_seconds * 1e3 / self.count as f64
    }

    fn cpu_row(&self, ceiling: &Self, limit: Limit) -> Row {
        Row {
            what: "processor time of each".to_owned(),
            figure: self.cpu_milliseconds(),
            ceiling: Some(ceiling.cpu_milliseconds()),
            unit: Unit::Milliseconds,
            limit,
        }
    }
}

/// Fills a store, queues deliveries, and lets the worker send them all.
fn prepare(project: &Project, count: u64, payload: impl Fn(u64) -> Payload) -> anyhow::Result<Run> {
    let loaded = project.load()?;
    // One customer in ten has not consented.
    fill::store(&project.store(), count * 5 / 4, &loaded.rules.interest)?;
    let world = app::world(&loaded)?;
    scratch::runtime()?.block_on(async {
        let store = Arc::new(SledStore::open(&project.store(), OpenMode::MustExist)?);
        let view = View { interest: Arc::clone(&world.interest), now: people::NOW, backtest: false };
        queue(&store, &view, count, &payload).await?;
        let clock = Arc::new(ManualClock::new(people::NOW));
        let world = Arc::new(ArcSwap::from_pointee(world));
        let poster = Poster::new(PosterSettings::default())?;
        let worker = Worker::new(store.clone(), world, Arc::new(Pauses::default()), clock, poster);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (begin, cpu) = (Instant::now(), machine::cpu_seconds("self")?);
        let working = tokio::spawn(async move { worker.run(stopped, Duration::from_secs(5)).await });
        wait_for(store.as_ref(), count).await?;
        let run =
            Run { count, seconds: begin.elapsed().as_secs_f64(), cpu_seconds: machine::cpu_seconds("self")? - cpu };
        stop.send_replace(true);
        working.await??;
        store.close().await?;
        Ok(run)
    })
}

/// Queues a delivery for each of the first customers who consent.
pub(crate) async fn queue(
    store: &SledStore,
    view: &View,
    count: u64,
    payload: &impl Fn(u64) -> Payload,
) -> anyhow::Result<()> {
    let (mut after, mut queued, key) = (None, 0, store.delivery_key());
    while queued < count {
        let page = store.customers(after, store.last_customer(), 500, view).await?;
        after = Some(page.last().ok_or_else(|| anyhow::anyhow!("the customers ran out"))?.number);
        let mut decisions: Vec<Decision> = Vec::new();
        for stored in page.iter().filter(|stored| stored.customer.consents_to("marketing")) {
            if queued == count {
                break;
            }
            let mut decision = decide::decision(stored, &key);
            for delivery in &mut decision.deliveries {
                delivery.payload = payload(queued);
                delivery.tick = None;
                if delivery.payload.channel() == "webhook" {
                    delivery.step = "crm".into();
                }
            }
            decisions.push(decision);
            queued += 1;
        }
        let batch = DecisionBatch { tick: None, rules: Vec::new(), decisions, urgency: Urgency::Interactive };
        store.decide(batch).await?;
    }
    Ok(())
}

async fn wait_for(store: &SledStore, count: u64) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let deliveries = store.stats().await?.deliveries;
        let of = |wanted: State| deliveries.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
        if of(State::Sent) == count {
            return Ok(());
        }
        let open = of(State::Queued) + of(State::Sending);
        anyhow::ensure!(open > 0 && begin.elapsed() < PATIENCE, "not all were sent: {deliveries:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How long one of the mails is.
fn mail_bytes(project: &Project) -> anyhow::Result<usize> {
    let loaded = project.load()?;
    let world = app::world(&loaded)?;
    let mut customer = retaind::domain::Customer::new("c-0123456789ab", Time(0));
    customer.attributes.insert("first_name".into(), retaind::domain::Value::Text("First123".into()));
    let message = Message {
        customer: &customer,
        event: None,
        schema: &world.schema,
        words: &world.words,
        business: &world.business,
        zone: &world.zone,
        locale: "en",
    };
    let rendered = world.templates.render("win-back", &message)?;
    let mail = Mail {
        id: retaind::domain::DeliveryId([7; 16]),
        from: "Amani Coffee <hello@amani.example>".to_owned(),
        reply_to: None,
        to: "p12345@example.org".to_owned(),
        subject: rendered.subject,
        preheader: rendered.preheader,
        text: rendered.text,
        html: rendered.html,
        date: people::NOW,
        headers: Vec::new(),
    };
    Ok(compose(&mail)?.message.len())
}

/// Postfix's own load generator, with connections kept as ours are.
fn smtp_source(port: u16, count: u64, bytes: usize) -> anyhow::Result<Run> {
    let program = Path::new("/usr/sbin/smtp-source");
    let begin = Instant::now();
    let mut child = Command::new(program)
        .args(["-d", "-s", &CONNECTIONS.to_string(), "-m", &count.to_string(), "-l", &bytes.to_string()])
        .args(["-f", "a@example.org", "-t", "b@example.org", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::null())
        .spawn()?;
    let id = child.id().to_string();
    let mut cpu_seconds = 0.0;
    // The account of a process is gone once it is waited for.
    while child.try_wait()?.is_none() {
        cpu_seconds = machine::cpu_seconds(&id).unwrap_or(cpu_seconds);
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Run { count, seconds: begin.elapsed().as_secs_f64(), cpu_seconds })
}

/// The HTTP client that webhooks go out by, and nothing else.
fn bare_client(port: u16, count: u64) -> anyhow::Result<Run> {
    // Another part of the process may have installed it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(32).build()?;
    let url = format!("http://127.0.0.1:{port}/hook");
    scratch::runtime()?.block_on(async {
        let (begin, cpu) = (Instant::now(), machine::cpu_seconds("self")?);
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..CALLS as u64 {
            let (client, url) = (client.clone(), url.clone());
            callers.spawn(async move {
                for _ in (caller..count).step_by(CALLS) {
                    client
                        .post(&url)
                        .header("content-type", "application/json")
                        .body(BODY)
                        .send()
                        .await?
                        .bytes()
                        .await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(Run { count, seconds: begin.elapsed().as_secs_f64(), cpu_seconds: machine::cpu_seconds("self")? - cpu })
    })
}
