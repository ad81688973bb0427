//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod calendar;
pub mod catcher;
pub mod channels;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod ingest;
pub mod schedule;
pub mod store;
pub mod telemetry;
pub mod yaml;
