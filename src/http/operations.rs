//! The operations of the administration, as the composition root implements them.

use super::wire::InferReport;
use super::wire::{
    Changed, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery, DeliveryDetail, DeliveryQuery,
    DeliverySelection, DeliveryView, EmitRequest, Emitted, ErasedView, EventPlan, ExplainReport, ExplainRequest,
    ImportLine, ImportProgress, ImportReport, ImportRequest, Page, Paused, PlanReport, PlanRequest, Readiness,
    RefusedRow, ReloadReport, RuleResumed, RuleView, SimulateReport, SimulateRequest, Status, SuppressionAdded,
    SuppressionQuery, SuppressionRequest,
};
use super::{Failure, FailureKind};
use crate::domain::{DeliveryId, Suppression};
use async_trait::async_trait;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// What an operation comes to.
pub type Result<T> = std::result::Result<T, Failure>;

/// The rows of an import, as they arrive.
pub type ImportSource = Pin<Box<dyn AsyncRead + Send>>;

/// Where a backup is written to; it may make the writer wait.
pub type BackupSink = Box<dyn io::Write + Send>;

/// An [`ImportSource`] for a thread outside the runtime (`spawn_blocking`), where parsers of files read.
pub struct BlockingReader {
    source: ImportSource,
    runtime: Handle,
}

impl BlockingReader {
    /// To be called within the runtime that feeds the source.
    #[must_use]
    pub fn new(source: ImportSource) -> Self {
        Self { source, runtime: Handle::current() }
    }
}

impl io::Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.source.read(buffer))
    }
}

/// Everything that an administrator can ask of a daemon, or of a store that no daemon holds.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// Whom each rule would reach if its trigger fired at the instant asked for. Changes nothing.
    async fn plan(&self, request: PlanRequest) -> Result<PlanReport>;

    /// Every delivery of a time on a simulated clock. Changes nothing; stops when nobody waits for it any more.
    /// [`FailureKind::Invalid`] for a time that ends before it begins, or is longer than can be led.
    async fn simulate(&self, request: SimulateRequest) -> Result<SimulateReport>;
    /// Why a customer gets something of the rules, or why not, and when next. Changes nothing. [`FailureKind::NotFound`] for
    /// a customer or a rule that is not there.
    async fn explain(&self, request: ExplainRequest) -> Result<ExplainReport>;

    /// Stores one event, and answers when it is durable. [`FailureKind::NotFound`] for an event that the schema does not
    /// know, unless forced; [`FailureKind::Invalid`] for a value that it cannot have.
    async fn emit(&self, request: EmitRequest) -> Result<Emitted>;

    /// What an event would start. Changes nothing; refuses what [`Operations::emit`] refuses.
    async fn plan_event(&self, request: EmitRequest) -> Result<EventPlan>;

    /// What the store holds, as a `schema.yaml`. Changes nothing.
    async fn infer(&self) -> Result<InferReport>;

    /// The state of the daemon and of its store.
    async fn status(&self) -> Result<Status>;

    /// Reads all files again and swaps the rules, or keeps the old ones and answers [`FailureKind::Rules`] or
    /// [`FailureKind::Settings`] with the diagnostics. Without a daemon: [`FailureKind::Conflict`].
    async fn reload(&self) -> Result<ReloadReport>;

    /// Stops all sending, over restarts too.
    async fn pause(&self) -> Result<Paused>;

    /// Lets sending go on.
    async fn resume(&self) -> Result<Paused>;

    /// Takes in rows until the source ends; tells `sink` of refused rows and of how far it is. Rows that were
    /// stored stay stored when it fails half-way; to do it again is harmless.
    async fn import(&self, request: ImportRequest, source: ImportSource, sink: ImportSink) -> Result<ImportReport>;

    /// A page of customers in the order of their arrival.
    async fn customers(&self, query: CustomerQuery) -> Result<Page<CustomerLine>>;

    /// One customer by the outside's id, or [`FailureKind::NotFound`].
    async fn customer(&self, id: &str) -> Result<CustomerDetail>;

    /// All that is held about one customer, or [`FailureKind::NotFound`].
    async fn export_customer(&self, id: &str) -> Result<CustomerExport>;

    /// Erases a customer, in effect when it answers, or [`FailureKind::NotFound`].
    async fn erase_customer(&self, id: &str) -> Result<ErasedView>;

    /// A page of deliveries in the order of their ids.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryView>>;

    /// One delivery, or [`FailureKind::NotFound`].
    async fn delivery(&self, id: DeliveryId) -> Result<DeliveryDetail>;

    /// Queues deliveries again, under their old ids: held, failed, suppressed and cancelled ones that are named by id or
    /// by a filter with that state; of a filter without a state the held and the failed ones.
    async fn retry(&self, selection: DeliverySelection) -> Result<Changed>;

    /// Cancels deliveries that wait or are held.
    async fn cancel(&self, selection: DeliverySelection) -> Result<Changed>;

    /// A page of suppressed addresses in alphabetical order.
    async fn suppressions(&self, query: SuppressionQuery) -> Result<Page<Suppression>>;

    /// Suppresses an address. One that is suppressed already is left as it is.
    async fn suppress(&self, request: SuppressionRequest) -> Result<SuppressionAdded>;

    /// Lets an address get mail again, or answers [`FailureKind::NotFound`].
    async fn unsuppress(&self, address: &str) -> Result<()>;

    /// All rules in the order of (priority descending, name).
    async fn rules(&self) -> Result<Vec<RuleView>>;

    /// Pauses a rule, over restarts too; [`FailureKind::NotFound`] if there is none of that name.
    async fn pause_rule(&self, rule: &str) -> Result<RuleView>;

    /// Lets a rule go on, whether a person or the brake had paused it, and queues what was held for it.
    async fn resume_rule(&self, rule: &str) -> Result<RuleResumed>;

    /// Writes a backup while the store is in use; see [`crate::http`] for what a failure half-way means to who reads it.
    async fn backup(&self, into: BackupSink) -> Result<()>;

    /// All metrics in the Prometheus text form.
    async fn metrics(&self) -> String;

    /// Whether it does its work.
    async fn readiness(&self) -> Readiness;
}

/// Whoever asked for the import is gone; it should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the command that began the import has gone away")]
pub struct Gone;

impl From<Gone> for Failure {
    fn from(gone: Gone) -> Self {
        Self::from_error(FailureKind::Unavailable, &gone)
    }
}

/// Where an import tells what happens. It waits when the asker is slow to listen, so memory stays bounded.
#[derive(Debug, Clone)]
pub struct ImportSink(mpsc::Sender<ImportLine>);

impl ImportSink {
    /// A sink, and the end that its lines come out of.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<ImportLine>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// A row was not taken.
    pub async fn refused(&self, row: RefusedRow) -> std::result::Result<(), Gone> {
        self.send(ImportLine::Refused(row)).await
    }

    /// How far it is.
    pub async fn progress(&self, progress: ImportProgress) -> std::result::Result<(), Gone> {
        self.send(ImportLine::Progress(progress)).await
    }

    /// As [`Self::refused`], for a thread outside the runtime.
    pub fn refused_blocking(&self, row: RefusedRow) -> std::result::Result<(), Gone> {
        self.0.blocking_send(ImportLine::Refused(row)).map_err(|_| Gone)
    }

    /// As [`Self::progress`], for a thread outside the runtime.
    pub fn progress_blocking(&self, progress: ImportProgress) -> std::result::Result<(), Gone> {
        self.0.blocking_send(ImportLine::Progress(progress)).map_err(|_| Gone)
    }

    pub(super) async fn send(&self, line: ImportLine) -> std::result::Result<(), Gone> {
        self.0.send(line).await.map_err(|_| Gone)
    }
}
