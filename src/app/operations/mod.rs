//! The operations that the admin interface and the command line share.

mod attention;
mod backup;
mod customers;
mod deliveries;
mod emit;
mod erase;
mod explain;
mod import;
mod infer;
pub(crate) mod metrics;
mod plan;
mod rules;
mod simulate;
mod status;
mod suppressions;
mod then;

use super::shared::Shared;
use crate::calendar;
use crate::domain::{DeliveryId, Suppression, Time};
use crate::http::{
    BackupSink, Changed, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery, DeliveryDetail, DeliveryQuery,
    DeliverySelection, DeliveryView, EmitRequest, Emitted, ErasedView, EventPlan, ExplainReport, ExplainRequest,
    Failure, FailureKind, ImportReport, ImportRequest, ImportSink, ImportSource, InferReport, Operations, Page, Paused,
    PlanReport, PlanRequest, Readiness, ReloadBy, ReloadReport, Result, RuleResumed, RuleView, SimulateReport,
    SimulateRequest, Status, SuppressionAdded, SuppressionQuery, SuppressionRequest, When,
};
use crate::store::StoreError;
use async_trait::async_trait;
use jiff::tz::TimeZone;
use std::sync::Arc;

pub(super) use backup::backup;
pub(super) use deliveries::cancel_removed;

/// Most rows of one page of a list.
const LONGEST_PAGE: usize = 1000;

/// The operations over a store and a project.
#[derive(Clone)]
pub(crate) struct Ops(pub(crate) Arc<Shared>);

#[async_trait]
impl Operations for Ops {
    async fn plan(&self, request: PlanRequest) -> Result<PlanReport> {
        self.0.sound_rules()?;
        plan::plan(&self.0, request).await
    }

    async fn simulate(&self, request: SimulateRequest) -> Result<SimulateReport> {
        self.0.sound_rules()?;
        simulate::simulate(&self.0, request).await
    }

    async fn explain(&self, request: ExplainRequest) -> Result<ExplainReport> {
        self.0.sound_rules()?;
        explain::explain(&self.0, request).await
    }

    async fn emit(&self, request: EmitRequest) -> Result<Emitted> {
        // What starts rules is kept only if all of them are known.
        self.0.sound_rules()?;
        emit::emit(&self.0, request).await
    }

    async fn plan_event(&self, request: EmitRequest) -> Result<EventPlan> {
        self.0.sound_rules()?;
        emit::plan(&self.0, request).await
    }

    async fn infer(&self) -> Result<InferReport> {
        infer::infer(&self.0).await
    }

    async fn status(&self) -> Result<Status> {
        status::status(&self.0).await
    }

    async fn reload(&self) -> Result<ReloadReport> {
        // On its own: whoever asked may go away, and a reload is done whole or not at all.
        let core = Arc::clone(&self.0);
        let done = tokio::spawn(async move { crate::app::reload::reload(&core, ReloadBy::Command).await }).await;
        done.map_err(|error| Failure::from_error(FailureKind::Internal, &error))?
    }

    async fn pause(&self) -> Result<Paused> {
        status::set_paused(&self.0, true).await
    }

    async fn resume(&self) -> Result<Paused> {
        status::set_paused(&self.0, false).await
    }

    async fn import(&self, request: ImportRequest, source: ImportSource, sink: ImportSink) -> Result<ImportReport> {
        import::import(&self.0, request, source, sink).await
    }

    async fn customers(&self, query: CustomerQuery) -> Result<Page<CustomerLine>> {
        customers::list(&self.0, &query).await
    }

    async fn customer(&self, id: &str) -> Result<CustomerDetail> {
        customers::show(&self.0, id).await
    }

    async fn export_customer(&self, id: &str) -> Result<CustomerExport> {
        customers::export(&self.0, id).await
    }

    async fn erase_customer(&self, id: &str) -> Result<ErasedView> {
        erase::erase(&self.0, id).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryView>> {
        deliveries::list(&self.0, &query).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<DeliveryDetail> {
        let found = self.0.store.delivery(id).await.map_err(failure)?;
        found.as_ref().map(DeliveryDetail::from).ok_or_else(|| Failure::not_found("delivery", &id.to_string()))
    }

    async fn retry(&self, selection: DeliverySelection) -> Result<Changed> {
        deliveries::change(&self.0, selection, deliveries::Change::Retry).await
    }

    async fn cancel(&self, selection: DeliverySelection) -> Result<Changed> {
        deliveries::change(&self.0, selection, deliveries::Change::Cancel).await
    }

    async fn suppressions(&self, query: SuppressionQuery) -> Result<Page<Suppression>> {
        suppressions::list(&self.0, &query).await
    }

    async fn suppress(&self, request: SuppressionRequest) -> Result<SuppressionAdded> {
        suppressions::add(&self.0, request).await
    }

    async fn unsuppress(&self, address: &str) -> Result<()> {
        let removed = self.0.store.unsuppress(address).await.map_err(failure)?;
        if removed { Ok(()) } else { Err(Failure::not_found("suppression of", address)) }
    }

    async fn rules(&self) -> Result<Vec<RuleView>> {
        self.0.sound_rules()?;
        rules::list(&self.0).await
    }

    async fn pause_rule(&self, rule: &str) -> Result<RuleView> {
        self.0.sound_rules()?;
        rules::pause(&self.0, rule).await
    }

    async fn resume_rule(&self, rule: &str) -> Result<RuleResumed> {
        self.0.sound_rules()?;
        rules::resume(&self.0, rule).await
    }

    async fn backup(&self, into: BackupSink) -> Result<()> {
        backup(&self.0, into).await.map(drop)
    }

    async fn metrics(&self) -> String {
        metrics::metrics(&self.0).await
    }

    async fn readiness(&self) -> Readiness {
        status::readiness(&self.0)
    }
}

/// The instant that is meant, of a day its start in the time zone of the business.
fn start_of(when: When, business: &TimeZone) -> Time {
    match when {
        When::At(time) => time,
        When::Day(day) => calendar::day_start(business, day),
    }
}

/// A store's error as an operation answers it.
#[expect(clippy::needless_pass_by_value, reason = "it is used by map_err")]
pub(crate) fn failure(error: StoreError) -> Failure {
    let kind = match &error {
        StoreError::NoSpace(_) => FailureKind::Unavailable,
        StoreError::Conflict | StoreError::Duplicate(_) => FailureKind::Conflict,
        _ => FailureKind::Store,
    };
    Failure::from_error(kind, &error)
}

/// How many rows a page has when that many are asked for.
fn page_size(limit: Option<usize>) -> usize {
    limit.unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE)
}
