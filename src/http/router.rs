//! The routes of the administration.

use super::asked::Asked;
use super::wire::{
    CustomerQuery, DeliveryQuery, DeliverySelection, EmitRequest, ExplainRequest, PlanRequest, SimulateRequest,
    SuppressionQuery, SuppressionRequest,
};
use super::{Failure, FailureKind, Operations, backup, gate, import, request};
use crate::domain::DeliveryId;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use std::sync::Arc;

/// How many bytes of a question are read, imports apart: some 30,000 delivery ids.
const BODY_LIMIT: usize = 1024 * 1024;

/// The same for a plan, with which a folder of rules may come.
const PLAN_LIMIT: usize = 64 * 1024 * 1024;

/// The operations, as handlers get them.
pub(super) type Shared = State<Arc<dyn Operations>>;
type Queried<T> = Result<Query<T>, QueryRejection>;
type Answer<T> = Result<Json<T>, Failure>;

/// Who gets an answer.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever can reach the router: it is in process, or behind a socket that only its owner may open.
    Open,
    /// Who sends this token as `Authorization: Bearer TOKEN`; only `/livez` and `/readyz` go without.
    Bearer(SecretString),
}

/// The routes over `operations`.
pub fn router(operations: Arc<dyn Operations>, access: Access) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/simulate", post(simulate))
        .route("/v1/plan", post(plan).layer(DefaultBodyLimit::max(PLAN_LIMIT)))
        .route("/v1/explain", post(explain))
        .route("/v1/emit", post(emit))
        .route("/v1/emit/plan", post(plan_event))
        .route("/v1/schema/infer", post(infer))
        .route("/v1/status", get(status))
        .route("/v1/reload", post(reload))
        .route("/v1/pause", post(pause))
        .route("/v1/resume", post(resume))
        .route("/v1/import/{kind}", post(import::import))
        .route("/v1/backup", post(backup::backup))
        .route("/v1/customers", get(customers))
        .route("/v1/customers/{id}", get(customer).delete(erase_customer))
        .route("/v1/customers/{id}/export", get(export_customer))
        .route("/v1/deliveries", get(deliveries))
        .route("/v1/deliveries/{id}", get(delivery))
        .route("/v1/deliveries/retry", post(retry))
        .route("/v1/deliveries/cancel", post(cancel))
        .route("/v1/suppressions", get(suppressions).post(suppress))
        .route("/v1/suppressions/{address}", delete(unsuppress))
        .route("/v1/rules", get(rules))
        .route("/v1/rules/{rule}/pause", post(pause_rule))
        .route("/v1/rules/{rule}/resume", post(resume_rule))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let guarded = match access {
        Access::Open => guarded,
        Access::Bearer(token) => {
            guarded.layer(middleware::from_fn_with_state(gate::Gate::new(&token), gate::let_through))
        }
    };
    let all = guarded.route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(operations);
    all.layer(middleware::from_fn(request::noted))
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(operations): Shared) -> Response {
    let readiness = operations.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(State(operations): Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], operations.metrics().await)
}

async fn nowhere() -> Failure {
    Failure::new(FailureKind::NotFound, "there is no such operation; the versions of command and daemon may differ")
}

async fn plan(State(operations): Shared, Asked(request): Asked<PlanRequest>) -> Answer<super::PlanReport> {
    operations.plan(request).await.map(Json)
}

async fn simulate(State(operations): Shared, Asked(request): Asked<SimulateRequest>) -> Answer<super::SimulateReport> {
    operations.simulate(request).await.map(Json)
}

async fn explain(State(operations): Shared, Asked(request): Asked<ExplainRequest>) -> Answer<super::ExplainReport> {
    operations.explain(request).await.map(Json)
}

async fn emit(State(operations): Shared, Asked(request): Asked<EmitRequest>) -> Answer<super::Emitted> {
    operations.emit(request).await.map(Json)
}

async fn plan_event(State(operations): Shared, Asked(request): Asked<EmitRequest>) -> Answer<super::EventPlan> {
    operations.plan_event(request).await.map(Json)
}

async fn infer(State(operations): Shared) -> Answer<super::InferReport> {
    operations.infer().await.map(Json)
}

async fn status(State(operations): Shared) -> Answer<super::Status> {
    operations.status().await.map(Json)
}

async fn reload(State(operations): Shared) -> Answer<super::ReloadReport> {
    operations.reload().await.map(Json)
}

async fn pause(State(operations): Shared) -> Answer<super::Paused> {
    operations.pause().await.map(Json)
}

async fn resume(State(operations): Shared) -> Answer<super::Paused> {
    operations.resume().await.map(Json)
}

async fn customers(
    State(operations): Shared,
    query: Queried<CustomerQuery>,
) -> Answer<super::Page<super::CustomerLine>> {
    operations.customers(query?.0).await.map(Json)
}

async fn customer(State(operations): Shared, Path(id): Path<String>) -> Answer<super::CustomerDetail> {
    operations.customer(&id).await.map(Json)
}

async fn export_customer(State(operations): Shared, Path(id): Path<String>) -> Answer<super::CustomerExport> {
    operations.export_customer(&id).await.map(Json)
}

async fn erase_customer(State(operations): Shared, Path(id): Path<String>) -> Answer<super::ErasedView> {
    operations.erase_customer(&id).await.map(Json)
}

async fn deliveries(
    State(operations): Shared,
    query: Queried<DeliveryQuery>,
) -> Answer<super::Page<super::DeliveryView>> {
    operations.deliveries(query?.0).await.map(Json)
}

async fn delivery(State(operations): Shared, Path(id): Path<String>) -> Answer<super::DeliveryDetail> {
    let id: DeliveryId = id.parse().map_err(|error| Failure::from_error(FailureKind::Invalid, &error))?;
    operations.delivery(id).await.map(Json)
}

async fn retry(State(operations): Shared, Asked(selection): Asked<DeliverySelection>) -> Answer<super::Changed> {
    operations.retry(selection).await.map(Json)
}

async fn cancel(State(operations): Shared, Asked(selection): Asked<DeliverySelection>) -> Answer<super::Changed> {
    operations.cancel(selection).await.map(Json)
}

async fn suppressions(
    State(operations): Shared,
    query: Queried<SuppressionQuery>,
) -> Answer<super::Page<crate::domain::Suppression>> {
    operations.suppressions(query?.0).await.map(Json)
}

async fn suppress(
    State(operations): Shared,
    Asked(request): Asked<SuppressionRequest>,
) -> Answer<super::SuppressionAdded> {
    operations.suppress(request).await.map(Json)
}

async fn unsuppress(State(operations): Shared, Path(address): Path<String>) -> Result<StatusCode, Failure> {
    operations.unsuppress(&address).await.map(|()| StatusCode::NO_CONTENT)
}

async fn rules(State(operations): Shared) -> Answer<Vec<super::RuleView>> {
    operations.rules().await.map(Json)
}

async fn pause_rule(State(operations): Shared, Path(rule): Path<String>) -> Answer<super::RuleView> {
    operations.pause_rule(&rule).await.map(Json)
}

async fn resume_rule(State(operations): Shared, Path(rule): Path<String>) -> Answer<super::RuleResumed> {
    operations.resume_rule(&rule).await.map(Json)
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let too_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let kind = if too_large { FailureKind::TooLarge } else { FailureKind::Invalid };
        Self::new(kind, rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(FailureKind::Invalid, rejection.body_text())
    }
}
