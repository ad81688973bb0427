//! The forms of questions and answers on the wire, and in the output of commands with `--format json`.

mod customers;
mod deliveries;
mod emit;
mod explain;
mod import;
mod infer;
mod plan;
mod rules;
mod simulate;
mod status;
mod when;

pub use customers::{
    ActiveView, ConsentEntryView, ConsentView, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery,
    EnrollmentView, ErasedView, EventView, GoalView, MemoryView, OrdersView, ProfileRowView, StandingView, TracesView,
};
pub use deliveries::{Changed, DeliveryDetail, DeliveryQuery, DeliverySelection, DeliveryView, Unchanged};
pub use emit::{EmitRequest, EmitResult, Emitted, EventPlan, EventRule, Given, PlannedDelivery, RuleDecision};
pub use explain::{
    ConditionView, ExplainReport, ExplainRequest, GateView, HistoryView, PastDelivery, PastEnrollment, RuleExplanation,
};
pub use import::{ImportKind, ImportLine, ImportProgress, ImportReport, ImportRequest, RefusedRow};
pub use infer::InferReport;
pub use plan::{
    BrakeView, Caveat, ChangeKind, ChannelCounts, Compared, LiveCounts, PlanFile, PlanFiles, PlanReport, PlanRequest,
    RuleChange, RulePlan, UnderWay,
};
pub use rules::{RuleResumed, RuleStanding, RuleView, TickView};
pub use simulate::{BrakedDay, DeliveriesOfDay, SimulateReport, SimulateRequest};
pub use status::{
    Attention, BackupStatus, LaneView, Late, NextTick, Paused, Readiness, RecentStatus, ReloadBy, ReloadReport,
    ReloadStatus, RulesStatus, Status, StoreStatus, take_a_restart,
};
pub use when::{NotAWhen, When};

use serde::{Deserialize, Serialize};

/// Part of a list that may be too long for one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What there is.
    pub items: Vec<T>,
    /// What to pass as `after` to get the next page; `None` at the end.
    pub next: Option<String>,
}

/// Which suppressions to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuppressionQuery {
    /// Only addresses after this one.
    pub after: Option<String>,
    /// At most so many; the implementation has a bound of its own.
    pub limit: Option<usize>,
}

/// An address to be suppressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuppressionRequest {
    /// The address, in any form.
    pub address: String,
    /// Why, in a few words; `manual` when not given.
    pub reason: Option<String>,
}

/// What became of a suppression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionAdded {
    /// The suppression as it stands now.
    #[serde(flatten)]
    pub suppression: crate::domain::Suppression,
    /// Whether it is new.
    pub added: bool,
}

/// Delivery ids as text on the wire.
pub(super) mod id {
    use crate::domain::DeliveryId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &DeliveryId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeliveryId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
}

/// The same for several.
pub(super) mod ids {
    use crate::domain::DeliveryId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(ids: &[DeliveryId], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ids.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DeliveryId>, D::Error> {
        Vec::<String>::deserialize(deserializer)?.iter().map(|id| id.parse().map_err(Error::custom)).collect()
    }
}

/// The same for one that may be missing.
pub(super) mod optional_id {
    use crate::domain::DeliveryId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(id: &Option<DeliveryId>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.collect_str(id),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DeliveryId>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|id| id.parse().map_err(Error::custom)).transpose()
    }
}
