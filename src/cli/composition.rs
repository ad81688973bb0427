//! What the command line needs from the program that it is the face of.

use crate::app::{BackupContents, CompactReport, DemoReport, DemoRequest, RestoreFrom, RestoreReport, Tested};
use crate::domain::{Diagnostic, Schema};
use crate::http::{AdminAddress, Failure, FailureKind, Operations};
use crate::rules::RuleSet;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The program behind the commands: [`super::Live`], or a made-up one in tests.
#[async_trait]
pub trait Composition: Send + Sync {
    /// Reads settings, schema, rules and templates, and answers every problem of them.
    fn check(&self, settings: &Path) -> Checked;

    /// The names that the project of those settings has, errors or not; `None` when nothing of it can be read.
    fn names(&self, settings: &Path) -> Option<ProjectNames>;

    /// Runs the tests of those files, or all of the project if there is none. Needs no store and no daemon.
    fn test(&self, settings: &Path, files: &[PathBuf]) -> Tested;

    /// Reads the same, and answers the rules if nothing of it has an error.
    fn rules(&self, settings: &Path) -> Result<RuleSet, Refusal>;

    /// Where the daemon of those settings would answer.
    fn admin(&self, settings: &Path) -> Result<AdminAddress, Refusal>;

    /// Opens the store in this process, for the time of one command, when no daemon answers.
    async fn offline(&self, settings: &Path, access: StoreAccess) -> Result<Box<dyn Offline>, Refusal>;

    /// Is the daemon, until it is told to stop (SIGTERM, SIGINT) and has drained.
    async fn run(&self, settings: &Path) -> Result<(), Refusal>;

    /// Reads a backup as a whole, and answers what it holds.
    async fn verify_backup(&self, file: &Path) -> Result<BackupContents, Refusal>;

    /// Makes the store of those settings from that, with the journal in that folder or the one beside the store.
    async fn restore(
        &self,
        settings: &Path,
        from: RestoreFrom,
        journal: Option<&Path>,
    ) -> Result<RestoreReport, Refusal>;

    /// Writes the store of those settings anew, without what is no more of use in its files.
    async fn compact(&self, settings: &Path) -> Result<CompactReport, Refusal>;

    /// The whole of it on made-up customers, in the folder of the request.
    async fn demo(&self, request: &DemoRequest) -> Result<DemoReport, Refusal>;
}

/// What files of a project may name.
#[derive(Debug, Clone, Default)]
pub struct ProjectNames {
    /// Attributes and events.
    pub schema: Schema,
    /// Topics of the settings.
    pub topics: BTreeSet<String>,
    /// Endpoints of the settings.
    pub endpoints: BTreeSet<String>,
    /// Folders under `templates/`.
    pub templates: BTreeSet<String>,
    /// Segments without an error.
    pub segments: BTreeSet<String>,
    /// Rules without an error.
    pub rules: BTreeSet<String>,
    /// Their steps.
    pub steps: BTreeSet<String>,
}

/// A store that this process has opened.
#[async_trait]
pub trait Offline: Send + Sync {
    /// The operations over it.
    fn operations(&self) -> Arc<dyn Operations>;

    /// Makes everything durable and lets the store go.
    async fn close(self: Box<Self>) -> Result<(), Failure>;
}

/// Whether a command may make the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAccess {
    /// It must be there.
    Existing,
    /// It is made if it is not there.
    Create,
}

/// Why something could not be done.
#[derive(Debug)]
pub enum Refusal {
    /// The files that a person wrote have errors.
    Files {
        /// [`FailureKind::Settings`] or [`FailureKind::Rules`].
        kind: FailureKind,
        /// All of the problems, warnings too.
        diagnostics: Vec<Diagnostic>,
    },
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// All problems.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the settings have errors (exit 78), and not only schema, rules or templates (exit 65).
    pub bad_settings: bool,
    /// Rule files looked at.
    pub rules: usize,
    /// Template files looked at.
    pub templates: usize,
}
