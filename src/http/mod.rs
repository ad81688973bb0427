//! What the daemon answers over HTTP.
//!
//! What it is for: the operations of the administration ([`Operations`]) as one trait that this room declares and the
//! composition root implements, the form of every question and answer on the wire, the router over them, and the
//! listener that serves it on a unix socket or on loopback. The command line drives the very same router, over the
//! socket of a running daemon or in its own process. And the public listener, where senders with a write key call
//! [`Intake`], a trait of the same sort.
//! Invariants: an answer is JSON in `snake_case`, a problem is always a [`Failure`] or has its form; nothing but an import
//! is read without a bound; an import of any size passes in bounded memory; only the owner of the socket, or who has
//! the token, gets an answer from the administration. The public listener reads nothing of a body before it knows
//! the key, bounds connections, bodies and the time for both, and answers success only for what is durable.
//! Deliberately not here: what an operation does and what a message means (the composition root), how a person sees it
//! (`cli`), the pages that customers see.

mod asked;
mod backup;
mod failure;
mod gate;
mod import;
mod listener;
mod operations;
mod public;
mod request;
mod router;
mod socket;
mod wire;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use failure::{Failure, FailureKind, OtherPlace, Problem};
pub use listener::{AdminAddress, AdminListener, ListenError};
pub use operations::{BackupSink, BlockingReader, Gone, ImportSink, ImportSource, Operations, Result};
pub use public::{
    Call, Intake, KeyRate, NotTaken, PublicLimits, PublicListenError, PublicListener, Senders, Verdict, VerdictResult,
    public_router,
};
pub use router::{Access, router};
pub use socket::connect_socket;
pub use wire::InferReport;
pub use wire::{
    ActiveView, Attention, BackupStatus, BrakeView, BrakedDay, Caveat, ChangeKind, Changed, ChannelCounts, Compared,
    ConditionView, ConsentEntryView, ConsentView, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery,
    DeliveriesOfDay, DeliveryDetail, DeliveryQuery, DeliverySelection, DeliveryView, EmitRequest, EmitResult, Emitted,
    EnrollmentView, ErasedView, EventPlan, EventRule, EventView, ExplainReport, ExplainRequest, GateView, Given,
    GoalView, HistoryView, ImportKind, ImportLine, ImportProgress, ImportReport, ImportRequest, LaneView, Late,
    LiveCounts, MemoryView, NextTick, NotAWhen, OrdersView, Page, PastDelivery, PastEnrollment, Paused, PlanFile,
    PlanFiles, PlanReport, PlanRequest, PlannedDelivery, ProfileRowView, Readiness, RecentStatus, RefusedRow, ReloadBy,
    ReloadReport, ReloadStatus, RuleChange, RuleDecision, RuleExplanation, RulePlan, RuleResumed, RuleStanding,
    RuleView, RulesStatus, SimulateReport, SimulateRequest, StandingView, Status, StoreStatus, SuppressionAdded,
    SuppressionQuery, SuppressionRequest, TickView, TracesView, Unchanged, UnderWay, When, take_a_restart,
};
