//! A daemon of its own: when it is ready, and how much memory it holds.

use crate::process::Process;
use crate::project::{NOBODY, Project, Rules};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, machine, people, scratch, sending};
use anyhow::Context;
use retaind::domain::{Payload, Tick, TickCounts, TickMember};
use retaind::store::sled::{OpenMode, SledStore};
use retaind::store::{Store, View};
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let large = customers > 300_000;
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::FiveWindowed, NOBODY)?;
    let interest = Arc::new(project.load()?.rules.interest);
    fill::store(&project.store(), customers, &interest)?;
    let filled = folder.path().join("filled");
    scratch::copy(&project.store(), &filled)?;
    let most = if large { 1200.0 } else { 150.0 };
    let mut rows = Vec::new();

    for members in [2, 20] {
        fs::remove_dir_all(project.store())?;
        scratch::copy(&filled, &project.store())?;
        open_tick(&project, members)?;
        let daemon = Daemon::start(&project)?;
        if rows.is_empty() {
            rows.push(seconds("ready after a clean stop", daemon.ready_seconds, 3.0));
        }
        daemon.wait_for("tick complete")?;
        let resident = daemon.resident()?;
        daemon.kill();
        let made = deliveries(&project)?;
        rows.push(megabytes(
            &format!("resident after a tick of {members} rules and {made} deliveries"),
            resident,
            most,
        ));
    }
    Daemon::start(&project)?.kill();
    let daemon = Daemon::start(&project)?;
    rows.push(seconds("ready after kill -9", daemon.ready_seconds, 15.0));
    rows.push(megabytes("resident then", daemon.resident()?, most));
    daemon.kill();

    let queued = scratch::size("RETAIND_BENCH_QUEUED", 100_000)?;
    rows.extend(with_queue(queued)?);
    show(&format!("a daemon with {customers} customers and {} events", customers * people::EVENTS_EACH), &rows);
    Ok(())
}

fn seconds(what: &str, figure: f64, most: f64) -> Row {
    Row { what: what.to_owned(), figure, ceiling: None, unit: Unit::Seconds, limit: Limit::AtMost(most) }
}

fn megabytes(what: &str, figure: f64, most: f64) -> Row {
    Row { what: what.to_owned(), figure, ceiling: None, unit: Unit::Megabytes, limit: Limit::AtMost(most) }
}

/// The same customers without and with deliveries that wait for a mail server that is down.
fn with_queue(queued: u64) -> anyhow::Result<[Row; 2]> {
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::One, NOBODY)?;
    let interest = Arc::new(project.load()?.rules.interest);
    fill::store(&project.store(), queued * 5 / 4, &interest)?;
    let idle = Daemon::start(&project)?;
    let before = idle.resident_settled()?;
    drop(idle);
    scratch::runtime()?.block_on(async {
        let store = SledStore::open(&project.store(), OpenMode::MustExist)?;
        let view = View { interest, now: people::NOW, backtest: false };
        let payload = |_| Payload::Email { template: "win-back".into() };
        sending::queue(&store, &view, queued, &payload).await?;
        anyhow::Ok(store.close().await?)
    })?;
    let busy = Daemon::start(&project)?;
    let after = busy.resident_settled()?;
    let row = |what: String, figure| Row { what, figure, ceiling: None, unit: Unit::Megabytes, limit: Limit::None };
    Ok([
        row(format!("resident with {} customers, nothing queued", queued * 5 / 4), before),
        row(format!("resident with {queued} deliveries queued besides"), after),
    ])
}

/// Leaves a tick of the first rules in the store, so that the daemon has one to work off when it starts.
fn open_tick(project: &Project, members: usize) -> anyhow::Result<()> {
    let at = people::NOW.plus(retaind::domain::Span::minutes(1));
    let rules = project.load()?.rules.rules;
    let members = rules.iter().take(members).map(|rule| TickMember {
        rule: rule.id.clone(),
        zone: "Europe/Zagreb".to_owned(),
        of_customers: false,
        occurrence: "2026-11-20T13:01".to_owned(),
        counts: TickCounts::default(),
    });
    let tick = Tick { at, members: members.collect(), cursor: None, complete: false };
    scratch::runtime()?.block_on(async {
        let store = SledStore::open(&project.store(), OpenMode::MustExist)?;
        store.plan(vec![tick], Vec::new()).await?;
        Ok(store.close().await?)
    })
}

/// How many deliveries the store of a project holds, sent or not.
fn deliveries(project: &Project) -> anyhow::Result<u64> {
    scratch::runtime()?.block_on(async {
        let store = SledStore::open(&project.store(), OpenMode::MustExist)?;
        let stats = store.stats().await?;
        store.close().await?;
        Ok(stats.deliveries.iter().map(|(_, count)| count).sum())
    })
}

pub(crate) struct Daemon {
    pub(crate) process: Process,
    log: std::path::PathBuf,
    pub(crate) ready_seconds: f64,
}

impl Daemon {
    /// Starts one and waits until it tells systemd that it is ready.
    pub(crate) fn start(project: &Project) -> anyhow::Result<Self> {
        let settings = project.settings();
        let folder = settings.parent().context("the project's folder")?;
        let (socket, log) = (folder.join("notify"), folder.join("daemon.log"));
        if socket.exists() {
            fs::remove_file(&socket)?;
        }
        let notices = UnixDatagram::bind(&socket)?;
        notices.set_read_timeout(Some(PATIENCE))?;
        let begin = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .arg(format!("--daemon={}", settings.display()))
            .env("NOTIFY_SOCKET", &socket)
            // As the unit has it.
            .envs([
                ("MALLOC_ARENA_MAX", "2"),
                ("MALLOC_MMAP_THRESHOLD_", "131072"),
                ("MALLOC_TRIM_THRESHOLD_", "131072"),
            ])
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let process = Process(child);
        wait_ready(&notices).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Self { process, log, ready_seconds: begin.elapsed().as_secs_f64() })
    }

    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        machine::resident_megabytes(&self.process.0.id().to_string())
    }

    /// After a few looks into the outbox.
    fn resident_settled(&self) -> anyhow::Result<f64> {
        std::thread::sleep(Duration::from_secs(5));
        self.resident()
    }

    pub(crate) fn wait_for(&self, text: &str) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !log_has(&self.log, text)? {
            anyhow::ensure!(begin.elapsed() < PATIENCE, "the daemon never said {text:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops it as systemd does, and waits until it is gone.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = rustix::process::Pid::from_child(&self.process.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = self.process.0.wait()?;
        anyhow::ensure!(status.success(), "the daemon ended with {status}: {}", fs::read_to_string(&self.log)?);
        Ok(())
    }

    /// As `kill -9` does.
    fn kill(self) {
        drop(self.process);
    }
}

fn log_has(log: &Path, text: &str) -> anyhow::Result<bool> {
    Ok(fs::read_to_string(log)?.contains(text))
}

fn wait_ready(notices: &UnixDatagram) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = notices.recv(&mut buffer)?;
        if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == "READY=1") {
            return Ok(());
        }
    }
}
