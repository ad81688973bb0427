//! Retention rules as code: customers, rules and time go in, the right e-mails and webhooks come out, once.

pub mod catcher;
pub mod channels;
pub mod clock;
pub mod domain;
pub mod store;
