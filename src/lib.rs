//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod app;
pub mod calendar;
pub mod catcher;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod condition;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod engine;
pub mod files;
pub mod http;
pub mod ingest;
pub mod rules;
pub mod schedule;
pub mod store;
pub mod stories;
pub mod telemetry;
pub mod templates;
pub mod yaml;
