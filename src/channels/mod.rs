//! What carries a delivery out of the house.
//!
//! What it is for: [`email`] composes mails and speaks SMTP, or writes them into a folder; [`webhook`] signs and posts;
//! [`dns`] looks at what the sender's domain says of itself.
//! Invariants: a channel only classifies what an attempt came to ([`Outcome`](crate::domain::Outcome)) and never tries a
//! message twice by itself; every step on the network has a time limit; no outcome's text holds an address, a secret or
//! an endpoint's URL; TLS is 1.2 or later, on ring.
//! Deliberately not here: when to send, whether to send, when to try again, and what is remembered of it.

pub mod dns;
pub mod email;
pub mod webhook;

mod tls;

/// Makes ring the process's provider of cryptography for every part of TLS that asks for a default. May be called any
/// number of times; a provider that is already there stays.
pub fn install_crypto() {
    // An error says that another call was first.
    drop(rustls::crypto::ring::default_provider().install_default());
}
