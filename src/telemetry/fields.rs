//! Names of the fields of log lines. A line names what it is about by these and no other words.

/// Name of a rule.
pub const RULE: &str = "rule";
/// Id of a step of a rule.
pub const STEP: &str = "step";
/// The outside's id of a customer. Never an address.
pub const CUSTOMER: &str = "customer";
/// Id of a delivery: 32 hexadecimal digits.
pub const DELIVERY: &str = "delivery";
/// `email` or `webhook`.
pub const CHANNEL: &str = "channel";
/// Id of a call over HTTP, as its answer's header `x-request-id` gives it.
pub const REQUEST: &str = "request";
/// A queue of the outbox: `mail:CLASS` or `endpoint:NAME`.
pub const LANE: &str = "lane";
/// Name of an endpoint of the settings.
pub const ENDPOINT: &str = "endpoint";
/// What an attempt came to: `accepted`, `transient`, `permanent`, `uncertain`.
pub const OUTCOME: &str = "outcome";
/// Why something was not done, in the words of `Reason`.
pub const REASON: &str = "reason";
/// The instant of a tick.
pub const TICK: &str = "tick";
/// How many attempts were begun.
pub const ATTEMPT: &str = "attempt";
/// How many of whatever the line speaks of.
pub const COUNT: &str = "count";
/// A file or a folder.
pub const PATH: &str = "path";
/// What went wrong, with its causes.
pub const ERROR: &str = "error";
/// How long it took, in milliseconds.
pub const ELAPSED_MS: &str = "elapsed_ms";
