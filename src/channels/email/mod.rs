//! Mail: composing and handing over.
//!
//! What it is for: [`compose`] makes the message, [`Mailer`] hands it to an SMTP server over connections of its own, or
//! writes it into a folder.
//! Invariants: what a customer wrote cannot start a header line, a second recipient or a command, nor
//! come out of decoding as anything but itself; one message has one
//! recipient and one Message-ID, made of the delivery id; nothing is tried twice once a word of it was said; silence after
//! the final dot is `uncertain`, any earlier silence is `transient`; at most `connections` are open; a password goes over
//! clear text to the machine itself only; addresses that a server echoes are masked.
//! Deliberately not here: templates, gates, retries, DKIM, bounces that come back as mail.
//!
//! Why not lettre's own pool: its sockets lack `TCP_NODELAY`, which costs a delayed acknowledgement per message, and it
//! asks NOOP before each use.

mod address;
mod compose;
mod dial;
mod folder;
mod pool;
mod probe;
mod reply;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod wire;
mod words;

pub use address::{AddressError, check_address, check_mailbox};
pub use compose::{ComposeError, Composed, Mail, compose};
pub use pool::{Connection, Mailer};
pub use probe::{Encryption, Probe, probe};
pub use settings::{Credentials, MailerSettings, NotATransport, Rate, Timeouts, TlsPolicy, Transport};

/// Why a mailer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The server's name can stand in no certificate.
    #[error("{0:?} is no name of a server")]
    ServerName(String),
    /// The name for EHLO would break the command.
    #[error("{0:?} is no name to greet with")]
    HelloName(String),
    /// Not a single connection is permitted.
    #[error("at least one connection is needed")]
    NoConnections,
    /// A rate without messages or time.
    #[error("a rate must permit something in some time")]
    NoRate,
}
