//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod calendar;
pub mod clock;
pub mod condition;
pub mod config;
pub mod domain;
pub mod rules;
pub mod store;
pub mod yaml;
