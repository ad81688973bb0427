//! What the command line needs from the program that it is the face of.

use crate::domain::{Diagnostic, Reason};
use crate::http::{AdminAddress, Failure, FailureKind, Operations};
use async_trait::async_trait;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The program behind the commands. The composition root implements it, `main` passes it in.
#[async_trait]
pub trait Composition: Send + Sync {
    /// Reads settings, schema, rules and templates, and answers every problem of them.
    fn check(&self, settings: &Path) -> Checked;

    /// Where the daemon of those settings would answer.
    fn admin(&self, settings: &Path) -> Result<AdminAddress, Refusal>;

    /// Opens the store in this process, for the time of one command, when no daemon answers.
    async fn offline(&self, settings: &Path, access: StoreAccess) -> Result<Box<dyn Offline>, Refusal>;

    /// Is the daemon, until it is told to stop (SIGTERM, SIGINT) and has drained.
    async fn run(&self, settings: &Path) -> Result<(), Refusal>;

    /// The whole of it on made-up customers, in a folder of its own. `tell` gets a line for a person as each part of
    /// it begins.
    async fn demo(&self, request: DemoRequest, tell: &(dyn Fn(&str) + Sync)) -> Result<DemoReport, Refusal>;
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
    /// Problems of the settings and the schema.
    pub settings: Vec<Diagnostic>,
    /// Problems of rules and templates.
    pub rules: Vec<Diagnostic>,
    /// Rules looked at.
    pub rule_count: usize,
    /// Templates looked at.
    pub template_count: usize,
}

/// What the demo is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoRequest {
    /// How many customers to make up.
    pub customers: u32,
    /// What their purchases are drawn with; equal seeds give equal customers.
    pub seed: u64,
}

/// What came of the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoReport {
    /// The folder that everything is in.
    pub folder: PathBuf,
    /// The seed.
    pub seed: u64,
    /// Customers made up.
    pub customers: u64,
    /// Events made up.
    pub events: u64,
    /// Mails that arrived at the catcher.
    pub mails: Vec<DemoMail>,
    /// Webhook calls that arrived at the receiver.
    pub webhooks: Vec<DemoCall>,
    /// Who was held and why.
    pub held: Vec<DemoHeld>,
}

/// A mail that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoMail {
    /// The rule.
    pub rule: String,
    /// The customer.
    pub customer: String,
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// Where it can be looked at.
    pub file: PathBuf,
}

/// A webhook call that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoCall {
    /// The rule.
    pub rule: String,
    /// The customer.
    pub customer: String,
    /// The `type` of the call.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether its signature is right.
    pub verified: bool,
}

/// Customers of a rule who got nothing for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoHeld {
    /// The rule.
    pub rule: String,
    /// The reason.
    pub reason: Reason,
    /// How many.
    pub customers: u64,
    /// One of them, to ask about.
    pub example: Option<String>,
}
