//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod cli;
pub mod clock;
pub mod domain;
pub mod http;
pub mod schedule;
pub mod store;
pub mod telemetry;
