//! Commands against a made-up program behind them.

mod arguments;
mod commands;
mod emit;
mod explain;
mod imports;
mod papers;

use super::composition::{Checked, Composition, Offline, ProjectNames, Refusal, StoreAccess};
use super::console::Console;
use super::execute;
use crate::app::{DemoReport, DemoRequest, MailReport, Tested};
use crate::cli::args::Arguments;
use crate::domain::{Diagnostic, Place, Reason, Span};
use crate::http::fake::{AT, Fake};
use crate::http::{AdminAddress, AdminListener, Failure, FailureKind, Operations};
use crate::stories::Report;
use async_trait::async_trait;
use clap::Parser;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A program with made-up answers, in a folder of its own.
pub(super) struct Shop {
    pub(super) folder: tempfile::TempDir,
    store: Option<FailureKind>,
}

/// What a command came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) code: u8,
    pub(super) out: String,
    pub(super) err: String,
}

/// A daemon of the shop.
pub(super) struct Daemon {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Shop {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("retaind.yaml"), "").unwrap();
        Self { folder, store: None }
    }

    /// One whose store cannot be opened.
    pub(super) fn without_store() -> Self {
        Self { store: Some(FailureKind::Store), ..Self::new() }
    }

    pub(super) async fn daemon(&self) -> Daemon {
        let listener = AdminListener::bind(&self.address()).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(listener.serve(Arc::new(Fake::default()), stopped, Duration::from_secs(10)));
        Daemon { stop, task }
    }

    fn address(&self) -> AdminAddress {
        AdminAddress::Unix(self.folder.path().join("admin.sock"))
    }

    /// Runs `retaind` with those arguments.
    pub(super) async fn run(&self, args: &[&str]) -> Ran {
        let (out, err) = (Shared::default(), Shared::default());
        let mut console = Console::captured(Box::new(out.clone()), Box::new(err.clone()));
        let code = self.execute(args, &mut console).await;
        Ran { code, out: out.text(), err: err.text() }
    }

    pub(super) async fn execute(&self, args: &[&str], console: &mut Console) -> u8 {
        let config = self.folder.path().join("retaind.yaml");
        let start = ["retaind", "--config", config.to_str().unwrap()];
        let arguments = Arguments::try_parse_from(start.iter().chain(args)).unwrap();
        execute(arguments, self, console).await
    }
}

impl Daemon {
    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// A buffer that can be read while a console writes to it.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that nobody reads any more.
pub(super) struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

struct Opened;

#[async_trait]
impl Offline for Opened {
    fn operations(&self) -> Arc<dyn Operations> {
        Arc::new(Fake::default())
    }

    async fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

/// An error, or a warning if the text says so, at the start of `text`.
fn problem(file: &str, text: &str) -> Diagnostic {
    let place = Place { file: file.into(), text: text.into(), span: 0..text.len().min(4) };
    let diagnostic = Diagnostic::error("unknown-key", place, format!("no key `{text}`"));
    if text.contains("warn") {
        Diagnostic { severity: crate::domain::Severity::Warning, ..diagnostic }
    } else {
        diagnostic
    }
}

#[async_trait]
impl Composition for Shop {
    /// Each line of `retaind.yaml` is a problem of the settings, each line of `rules` one of the rules.
    fn check(&self, settings: &Path) -> Checked {
        let problems = |path: &Path, name: &str| -> Vec<Diagnostic> {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().map(|line| problem(name, line)).collect()
        };
        let mut diagnostics = problems(settings, "retaind.yaml");
        let bad_settings = !diagnostics.is_empty();
        diagnostics.extend(problems(&settings.with_file_name("rules"), "rules/a.yaml"));
        Checked { diagnostics, bad_settings, rules: 2, templates: 1 }
    }

    fn names(&self, _: &Path) -> Option<ProjectNames> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Some(ProjectNames { topics: texts(&["offers"]), templates: texts(&["come-back"]), ..ProjectNames::default() })
    }

    fn test(&self, settings: &Path, _: &[PathBuf]) -> Tested {
        let Checked { diagnostics, bad_settings, .. } = self.check(settings);
        let report = diagnostics.is_empty().then(Report::default);
        Tested { diagnostics, bad_settings, files: 1, report }
    }

    fn rules(&self, _: &Path) -> Result<crate::rules::RuleSet, Refusal> {
        Ok(crate::rules::RuleSet::default())
    }

    fn admin(&self, settings: &Path) -> Result<AdminAddress, Refusal> {
        let Checked { diagnostics, bad_settings, .. } = self.check(settings);
        if bad_settings { Err(Refusal::Files { kind: FailureKind::Settings, diagnostics }) } else { Ok(self.address()) }
    }

    async fn offline(&self, _: &Path, _: StoreAccess) -> Result<Box<dyn Offline>, Refusal> {
        match self.store {
            Some(kind) => Err(Failure::new(kind, "the store at data is in use by retaind run (pid 4711)").into()),
            None => Ok(Box::new(Opened)),
        }
    }

    async fn run(&self, settings: &Path) -> Result<(), Refusal> {
        self.admin(settings).map(drop)
    }

    async fn verify_backup(&self, file: &Path) -> Result<crate::app::BackupContents, Refusal> {
        crate::cli::Live.verify_backup(file).await
    }

    async fn restore(
        &self,
        settings: &Path,
        from: crate::app::RestoreFrom,
        journal: Option<&Path>,
    ) -> Result<crate::app::RestoreReport, Refusal> {
        crate::cli::Live.restore(settings, from, journal).await
    }

    async fn compact(&self, settings: &Path) -> Result<crate::app::CompactReport, Refusal> {
        crate::cli::Live.compact(settings).await
    }

    async fn demo(&self, request: &DemoRequest) -> Result<DemoReport, Refusal> {
        let mail = MailReport {
            to: "zoe@example.com".into(),
            subject: "We miss you".into(),
            file: request.folder.join("mails/1.eml"),
        };
        Ok(DemoReport {
            customers: request.customers.into(),
            purchases: 2000,
            span: (AT, AT.plus(Span::hours(26))),
            took: Duration::from_secs(2),
            rules: BTreeMap::new(),
            mails: 0,
            hooks: (request.seed, 0),
            waited_for_morning: 0,
            unfinished: 0,
            examples: vec![mail],
            silent: vec![("9".into(), "win-back".into(), Reason::NoConsent)],
            folder: request.folder.clone(),
        })
    }
}
