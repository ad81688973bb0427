//! The token that opens the administration where the file system does not guard it; the same way of knowing a token
//! serves for write keys.

use super::{Failure, FailureKind};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What is tagged with each token, so that tags of equal length are compared and not tokens.
const TAGGED: &[u8] = b"retaind token";

/// Knows the token without keeping it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Gate([u8; 32]);

impl Gate {
    /// The gate that opens for that token.
    pub(super) fn new(token: &SecretString) -> Self {
        Self(tagged(token.expose_secret()).finalize().into_bytes().into())
    }

    /// Whether the token is the right one; takes the same time however much of it is right.
    pub(super) fn opens_for(&self, token: &str) -> bool {
        tagged(token).verify_slice(&self.0).is_ok()
    }
}

/// Answers 401 unless the request carries the token.
pub(super) async fn let_through(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = sent.and_then(|value| value.strip_prefix("Bearer "));
    if token.is_some_and(|token| gate.opens_for(token.trim())) {
        return next.run(request).await;
    }
    let failure = Failure::new(FailureKind::Unauthorized, "the token is missing or wrong (`http.admin_token`)");
    ([(header::WWW_AUTHENTICATE, "Bearer")], failure).into_response()
}

fn tagged(token: &str) -> Hmac<Sha256> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(TAGGED);
    mac
}
