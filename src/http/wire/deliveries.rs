//! The outbox and the dead letters.

use crate::domain::{Class, Delivery, DeliveryId, Payload, Reason, State, Time};
use serde::{Deserialize, Serialize};

/// Which deliveries to list, all conditions together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Only in this state.
    #[serde(default)]
    pub state: Option<State>,
    /// Only of this rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Only to this customer, by the outside's id.
    #[serde(default)]
    pub customer: Option<String>,
    /// Only ids above this one.
    #[serde(default, with = "super::optional_id", skip_serializing_if = "Option::is_none")]
    pub after: Option<DeliveryId>,
    /// At most so many; the implementation has a bound of its own.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Which deliveries to retry or to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeliverySelection {
    /// These.
    #[serde(with = "super::ids")]
    Ids(Vec<DeliveryId>),
    /// All that pass; `after` and `limit` are not looked at.
    Filter(DeliveryQuery),
}

/// One delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// Its id.
    #[serde(with = "super::id")]
    pub id: DeliveryId,
    /// The rule that asked for it.
    pub rule: String,
    /// The step of the rule.
    pub step: String,
    /// To whom, by the outside's id.
    pub customer: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// Where it stands.
    pub state: State,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When it was decided.
    pub created_at: Time,
    /// When it is, or was, due.
    pub due_at: Time,
    /// When the receiver accepted it.
    pub sent_at: Option<Time>,
    /// Why it is held, put off, suppressed or cancelled.
    pub reason: Option<Reason>,
    /// What was last said of a failure.
    pub last_error: Option<String>,
    /// Which passage through the rule.
    pub occurrence: String,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id,
            rule: delivery.rule.to_string(),
            step: delivery.step.to_string(),
            customer: delivery.customer_id.to_string(),
            channel: delivery.payload.channel().into(),
            state: delivery.state,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            sent_at: delivery.sent_at,
            reason: delivery.reason,
            last_error: delivery.last_error.clone(),
            occurrence: delivery.occurrence.to_string(),
        }
    }
}

/// All that is known of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    /// What a list shows of it.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// Class of the rule when it was decided.
    pub class: Class,
    /// Topic of the rule when it was decided.
    pub topic: Option<String>,
    /// The lane it waits in.
    pub lane: String,
    /// When it is too late.
    pub expires_at: Time,
    /// When the last attempt began.
    pub attempted_at: Option<Time>,
    /// How many attempts ended uncertain.
    pub uncertain: u32,
    /// The template of an e-mail.
    pub template: Option<String>,
    /// The endpoint of a webhook.
    pub endpoint: Option<String>,
    /// The body of a webhook.
    pub body: Option<String>,
}

impl From<&Delivery> for DeliveryDetail {
    fn from(delivery: &Delivery) -> Self {
        let (template, endpoint, body) = match &delivery.payload {
            Payload::Email { template } => (Some(template.clone()), None, None),
            Payload::Webhook { endpoint, body } => (None, Some(endpoint.clone()), Some(body.clone())),
        };
        Self {
            delivery: delivery.into(),
            class: delivery.class,
            topic: delivery.topic.as_deref().map(str::to_owned),
            lane: delivery.lane().to_string(),
            expires_at: delivery.expires_at,
            attempted_at: delivery.attempted_at,
            uncertain: delivery.uncertain,
            template: template.map(Into::into),
            endpoint: endpoint.map(Into::into),
            body,
        }
    }
}

/// What retrying or cancelling came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// How many were changed.
    pub changed: u64,
    /// Those named by id that were not.
    pub unchanged: Vec<Unchanged>,
}

/// A delivery that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchanged {
    /// Its id.
    #[serde(with = "super::id")]
    pub id: DeliveryId,
    /// Why, in plain words.
    pub message: String,
}
