//! A daemon's admin socket: what it counts, and what it is told to do.

use anyhow::Context;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The socket of a project's daemon.
#[derive(Debug, Clone)]
pub(crate) struct Admin(PathBuf);

impl Admin {
    /// Of the daemon whose project is in that folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.join("admin.sock"))
    }

    /// A connection.
    pub(crate) fn connect(&self) -> anyhow::Result<UnixStream> {
        UnixStream::connect(&self.0).with_context(|| self.0.display().to_string())
    }

    /// The whole answer to a request without a body.
    fn answer(&self, method: &str, path: &str) -> anyhow::Result<String> {
        let mut stream = self.connect()?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        anyhow::ensure!(text.starts_with("HTTP/1.1 2"), "{method} {path} was answered {text}");
        Ok(text)
    }

    /// Has something done.
    pub(crate) fn post(&self, path: &str) -> anyhow::Result<()> {
        self.answer("POST", path).map(drop)
    }

    /// What is counted now.
    pub(crate) fn metrics(&self) -> anyhow::Result<Metrics> {
        Ok(Metrics(self.answer("GET", "/metrics")?))
    }

    /// Waits until everybody whose time has come is looked at, or in hand.
    pub(crate) fn wait_until_looked(&self) -> anyhow::Result<()> {
        self.wait(|metrics| Ok(metrics.value("retaind_look_lag_seconds")? <= 0.0))
    }

    /// Waits until what is counted is as wanted.
    pub(crate) fn wait(&self, wanted: impl Fn(&Metrics) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !wanted(&self.metrics()?)? {
            anyhow::ensure!(begin.elapsed() < Duration::from_mins(5), "the daemon does not get that far");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// Metrics as text.
#[derive(Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// A value by its name and labels as they stand there.
    pub(crate) fn value(&self, name: &str) -> anyhow::Result<f64> {
        let find = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        self.0.lines().find_map(find).with_context(|| format!("the metrics have no {name}"))
    }

    /// The same, and 0 where nothing was counted yet.
    pub(crate) fn value_or_0(&self, name: &str) -> f64 {
        self.value(name).unwrap_or_default()
    }

    /// Times of that name; nothing was counted yet where it is not there.
    pub(crate) fn times(&self, name: &str) -> Times {
        let bucket = |line: &str| {
            let (bound, count) = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, count.trim().parse().ok()?))
        };
        Times(self.0.lines().filter_map(bucket).collect())
    }
}

/// What was counted up to each bound, in seconds; ascending.
#[derive(Debug, Clone)]
pub(crate) struct Times(Vec<(f64, u64)>);

impl Times {
    pub(crate) fn since(&self, before: &Self) -> Self {
        let then = |at: usize| before.0.get(at).map_or(0, |(_, count)| *count);
        Self(self.0.iter().enumerate().map(|(at, (bound, now))| (*bound, now - then(at))).collect())
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// The bound within which that share lies.
    pub(crate) fn within(&self, share: f64) -> anyhow::Result<f64> {
        let wanted = self.count() as f64 * share;
        let bound = self.0.iter().find(|(_, count)| *count as f64 >= wanted);
        Ok(bound.context("nothing was counted")?.0)
    }
}
