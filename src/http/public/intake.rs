//! What the public listener hands over, as the composition root takes it.

use async_trait::async_trait;
use axum::body::Bytes;
use serde::Serialize;
use std::net::IpAddr;

/// What is called: the last part of `/v1/CALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// One message: who somebody is.
    Identify,
    /// One message: what somebody did.
    Track,
    /// One message: a page that somebody looked at.
    Page,
    /// One message: the same in an app.
    Screen,
    /// One message: what somebody belongs to.
    Group,
    /// One message: two ids of one customer.
    Alias,
    /// Messages of all kinds.
    Batch,
    /// The same, of what is past.
    Import,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 8] =
        [Self::Identify, Self::Track, Self::Page, Self::Screen, Self::Group, Self::Alias, Self::Batch, Self::Import];

    /// The word for it in the path.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
            Self::Batch => "batch",
            Self::Import => "import",
        }
    }

    /// Whether it carries several messages, each with its own verdict.
    #[must_use]
    pub const fn is_batch(self) -> bool {
        matches!(self, Self::Batch | Self::Import)
    }
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What became of it.
    pub result: VerdictResult,
    /// The sender's id of the message, if there is a usable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Why it was refused, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a message, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictResult {
    /// It is on disk.
    Stored,
    /// It was on disk already; nothing changed.
    Duplicate,
    /// It cannot be stored, now or ever.
    Refused,
}

/// Why nothing of a body was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It is no JSON of the form, or a batch of too many messages. 400.
    #[error("{0}")]
    Malformed(String),
    /// Not now; the same body may be sent again. 503.
    #[error("{message}")]
    Unavailable {
        /// Why, in plain words.
        message: String,
        /// After how many seconds to try again.
        retry_after: u64,
    },
}

/// Takes in what is sent.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// Stores the messages of a body that came from that address, a verdict for each in their order, once all that are stored are durable. It runs
    /// to its end even when whoever sent the body has gone away.
    async fn take(&self, call: Call, body: Bytes, caller: Option<IpAddr>) -> Result<Vec<Verdict>, NotTaken>;
}
