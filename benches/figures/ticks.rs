//! Ticks: what one costs at which nobody is due, whatever the number of customers, and how long it takes to read and
//! decide for one customer in a hundred; what is decided is committed apart.

use crate::admin::Admin;
use crate::bare::{self, Bare};
use crate::memory::Daemon;
use crate::project::{NOBODY, Project, Rules};
use crate::schedule::{self, Timed};
use crate::table::{Limit, Row, Unit, show};
use crate::{fill, scratch};
use anyhow::Context;
use std::ops::Range;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Ticks of each sort; what is told is the median.
const SAMPLES: usize = 5;
/// Seconds from one tick to the next.
const APART: i64 = 2;
/// First names of one customer in a hundred (`people.rs`).
const NAMES: usize = 10;
/// The two parts of a tick's time.
const PARTS: [&str; 2] = ["decide", "commit"];

pub(crate) fn run() -> anyhow::Result<()> {
    let customers = scratch::customers()?;
    let mut nobody = Vec::new();
    for size in [customers / 100, customers / 10].into_iter().filter(|size| *size >= 1000) {
        nobody.push((size, Ticking::of(size)?.medians(&rules_for_nobody())?));
    }
    let ticking = Ticking::of(customers)?;
    nobody.push((customers, ticking.medians(&rules_for_nobody())?));
    let [decide, commit] = ticking.medians(&rules_for_some())?;
    let (members, ceiling) = ticking.read_members()?;
    let row = |what: String, figure, limit| Row { what, figure, ceiling: None, unit: Unit::Milliseconds, limit };
    let most = Limit::AtMost(100.0 * customers as f64 / 1e6);
    let due = row(format!("a tick with {members} due: reading and deciding"), decide, most);
    let mut rows = vec![Row { ceiling: Some(ceiling), ..due }, row("its commits".to_owned(), commit, Limit::None)];
    let smallest = nobody[0].1[0];
    for (size, [decide, commit]) in nobody {
        let what = format!("a tick with nobody due, {size} customers");
        rows.push(row(what, decide, Limit::AtMost(smallest * 2.0 + 1.0)));
        rows.push(row("its commit".to_owned(), commit, Limit::None));
    }
    show(&format!("ticks with {customers} customers"), &rows);
    Ok(())
}

/// A daemon whose ticks are measured.
struct Ticking {
    folder: TempDir,
    project: Project,
    daemon: Daemon,
}

impl Ticking {
    /// Starts one with so many customers, and waits until it knows the members of its rules.
    fn of(customers: u64) -> anyhow::Result<Self> {
        let folder = scratch::folder()?;
        let project = Project::write(folder.path(), Rules::FiveWindowed, NOBODY)?;
        schedule::write_far(folder.path(), &[rules_for_nobody(), rules_for_some()].concat())?;
        fill::store(&project.store(), customers, &project.load()?.rules.interest)?;
        let daemon = Daemon::start(&project)?;
        daemon.wait_for("everybody was looked at")?;
        // Else what is decided is sent while the next tick is measured.
        Admin::of(folder.path()).post("/v1/pause")?;
        Ok(Self { folder, project, daemon })
    }

    /// Lets each of the rules have one tick; answers the median of each part, in milliseconds.
    fn medians(&self, rules: &[Timed]) -> anyhow::Result<[f64; 2]> {
        let admin = Admin::of(self.folder.path());
        let mut before = Sums::read(&admin)?;
        // Those whose turn was before have no second one.
        schedule::write_far(self.folder.path(), &[rules_for_nobody(), rules_for_some()].concat())?;
        schedule::bring_near(self.folder.path(), rules, APART)?;
        let mut samples = [Vec::new(), Vec::new()];
        let begin = Instant::now();
        while samples[0].len() < rules.len() {
            anyhow::ensure!(begin.elapsed() < Duration::from_mins(2), "the ticks do not come");
            std::thread::sleep(Duration::from_millis(50));
            let now = Sums::read(&admin)?;
            // Where two came since the last look, each is half of both.
            let ticks = scratch::whole(now.ticks - before.ticks);
            for ((samples, now), before) in samples.iter_mut().zip(now.seconds).zip(before.seconds) {
                samples.extend((0..ticks).map(|_| (now - before) / ticks as f64 * 1000.0));
            }
            before = now;
        }
        Ok(samples.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        }))
    }

    /// Stops it; answers how many members the first rule has, and in how many milliseconds bare sled reads their records
    /// when it does so again.
    fn read_members(self) -> anyhow::Result<(usize, f64)> {
        let rule = &rules_for_some()[0].name;
        let matched = Admin::of(self.folder.path()).metrics()?;
        let matched = scratch::whole(matched.value(&format!("retaind_matches_total{{rule=\"{rule}\"}}"))?);
        self.daemon.stop()?;
        let bare = Bare::open(&self.project.store())?;
        let length = u32::try_from(rule.len())?.to_be_bytes();
        let mut members = Vec::new();
        for row in bare.prefix(&[b"h", &length[..], rule.as_bytes()].concat()) {
            let key = row?.0;
            let number = key.len().checked_sub(8).context("a member row's key is cut")?;
            members.push(u64::from_be_bytes(key[number..].try_into()?));
        }
        anyhow::ensure!(members.len() == matched, "{matched} were due, and {} are members", members.len());
        let read = || members.iter().try_for_each(|number| bare.row(bare::key(b'c', *number)).map(drop));
        read()?;
        let ((), seconds) = scratch::timed(read)?;
        Ok((members.len(), seconds * 1000.0))
    }
}

fn rules_for_nobody() -> Vec<Timed> {
    rules("nobody", |_| "orders.count > 1000000".to_owned())
}

/// Each for other customers.
fn rules_for_some() -> Vec<Timed> {
    rules("due", |n| {
        let names = |names: Range<usize>| names.map(|name| format!("\"First{name}\"")).collect::<Vec<_>>().join(", ");
        format!("customer.first_name in [{}]", names(n * NAMES..(n + 1) * NAMES))
    })
}

fn rules(name: &str, when: impl Fn(usize) -> String) -> Vec<Timed> {
    let rest = |n| format!("when: '{}'\nsteps:\n  - email: win-back\n", when(n));
    (0..SAMPLES).map(|n| Timed { name: format!("{name}-{n}"), rest: rest(n) }).collect()
}

/// What ticks took in all so far.
#[derive(Clone, Copy)]
struct Sums {
    ticks: f64,
    seconds: [f64; 2],
}

impl Sums {
    fn read(admin: &Admin) -> anyhow::Result<Self> {
        let metrics = admin.metrics()?;
        let of =
            |what: &str, part: &str| metrics.value_or_0(&format!("retaind_tick_seconds_{what}{{part=\"{part}\"}}"));
        // The second of the two is counted last.
        Ok(Self { ticks: of("count", PARTS[1]), seconds: PARTS.map(|part| of("sum", part)) })
    }
}
