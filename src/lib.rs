//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod calendar;
pub mod clock;
pub mod domain;
pub mod ingest;
pub mod store;
pub mod templates;
pub mod yaml;
