//! The figures that `docs/PERFORMANCE.md` tells, each beside the raw ceiling measured in the same run.
//!
//! `cargo bench --bench figures` runs all of them, `cargo bench --bench figures -- import mail` some. Sizes come from the
//! environment: `RETAIND_BENCH_CUSTOMERS`, `RETAIND_BENCH_DELIVERIES`, `RETAIND_BENCH_QUEUED`,
//! `RETAIND_BENCH_EVENTS`; `RETAIND_BENCH_DIR` says on which disk,
//! `RETAIND_BENCH_STORES` where filled stores are kept for the next run.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::cast_precision_loss, reason = "counts and bytes of a benchmark are far below 2^52")]

mod admin;
mod at_once;
mod bare;
mod batches;
mod calls;
mod decide;
mod evaluate;
mod fill;
mod import;
mod importing;
mod machine;
mod memory;
mod people;
mod process;
mod project;
mod schedule;
mod scratch;
mod sending;
mod simulate;
mod stories;
mod table;
mod ticks;
mod waiting;

use std::path::Path;
use std::process::ExitCode;

type Figure = (&'static str, fn() -> anyhow::Result<()>);

/// Every figure, in the order in which all of them run.
const FIGURES: &[Figure] = &[
    ("import", import::run),
    ("decide", decide::run),
    ("evaluate", evaluate::run),
    ("mail", sending::mail),
    ("webhooks", sending::webhooks),
    ("memory", memory::run),
    ("at_once", at_once::run),
    ("batches", batches::run),
    ("ticks", ticks::run),
    ("waiting", waiting::run),
    ("stories", stories::run),
    ("simulate", simulate::run),
];

fn main() -> ExitCode {
    match part().and_then(|part| if part == Part::Another { Ok(()) } else { run() }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What this process is.
#[derive(PartialEq, Eq)]
enum Part {
    /// The benchmark.
    Benchmark,
    /// A receiver or a daemon that the benchmark needs; it has ended.
    Another,
}

fn part() -> anyhow::Result<Part> {
    match std::env::args().nth(1).as_deref().and_then(|argument| argument.strip_prefix("--")) {
        Some("receiver") => process::receive()?,
        Some(daemon) if daemon.starts_with("daemon=") => process::run_daemon(Path::new(&daemon["daemon=".len()..]))?,
        _ => return Ok(Part::Benchmark),
    }
    Ok(Part::Another)
}

fn run() -> anyhow::Result<()> {
    chosen()?.iter().try_for_each(|(_, run)| run())
}

/// The figures named on the command line, or all. `--bench` and the like are cargo's own.
fn chosen() -> anyhow::Result<Vec<&'static Figure>> {
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let known = |name: &String| FIGURES.iter().find(|figure| figure.0 == name);
    if let Some(unknown) = names.iter().find(|name| known(name).is_none()) {
        let all: Vec<&str> = FIGURES.iter().map(|figure| figure.0).collect();
        anyhow::bail!("there is no figure {unknown:?}; there are {}", all.join(", "));
    }
    Ok(if names.is_empty() { FIGURES.iter().collect() } else { names.iter().filter_map(known).collect() })
}
