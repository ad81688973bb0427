//! Signed calls to other tools.
//!
//! What it is for: one POST per attempt, signed as Standard Webhooks 1.0.0 says, and what it came to.
//! Invariants: the bytes signed are the bytes sent; the id is the same on every attempt, the timestamp is new; a
//! connection goes only to an address that the guard let through, and that very address is dialled; redirects, proxies
//! and clear text (unless allowed) are refused; a secret or a URL appears in no text.
//! Deliberately not here: what the body says, when to try again, when to give an endpoint up.

mod endpoint;
mod guard;
mod poster;
mod probe;
mod resolver;
mod retry_after;
mod sign;
#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, EndpointSettings};
pub use guard::is_public;
pub use poster::{Poster, PosterSettings};
pub use probe::probe;
pub use resolver::{Lookup, SystemLookup};
pub use sign::BadSecret;

/// Why a poster or an endpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is none.
    #[error("the URL cannot be read")]
    Url(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The URL is neither https nor http.
    #[error("the URL must begin with https://")]
    Scheme,
    /// The URL is http, which `allow_http` does not permit.
    #[error("the URL is not https; `allow_http: true` permits clear text to a receiver on your own network")]
    ClearText,
    /// The URL holds a user name or a password.
    #[error("the URL holds a user name or password; the signature is what proves who calls")]
    UserInfo,
    /// The URL's host is an address that the guard refuses.
    #[error("the URL names a private address; `allow_addresses` can exempt it")]
    PrivateAddress,
    /// There is no secret, or there are more than two.
    #[error("an endpoint needs one secret, or two while one is being rotated; there are {0}")]
    SecretCount(usize),
    /// A secret is none.
    #[error("the secret is not usable")]
    Secret(#[from] BadSecret),
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The client could not be built.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}
