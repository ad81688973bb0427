//! Why a call was not taken.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a call was not taken. On the wire `{"error": {"kind", "message"}}`, as for the administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: RefusalKind,
    pub(super) message: String,
    /// After how many seconds to try again; said where trying again helps.
    pub(super) retry_after: Option<u64>,
}

/// The sort of refusal. Senders drop what is answered 4xx, but for 408 and 429: the others are only for what will be no
/// better the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefusalKind {
    /// 400
    Invalid,
    /// 401
    Unauthorized,
    /// 404
    NotFound,
    /// 405
    WrongMethod,
    /// 408
    TooSlow,
    /// 413
    TooLarge,
    /// 415
    WrongType,
    /// 429
    TooMany,
    /// 503
    Unavailable,
}

impl RefusalKind {
    pub(super) const ALL: [Self; 9] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::NotFound,
        Self::WrongMethod,
        Self::TooSlow,
        Self::TooLarge,
        Self::WrongType,
        Self::TooMany,
        Self::Unavailable,
    ];

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    pub(super) fn later(kind: RefusalKind, message: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after.max(1)), ..Self::new(kind, message) }
    }
}

#[derive(Serialize)]
struct Envelope {
    error: Told,
}

#[derive(Serialize)]
struct Told {
    kind: RefusalKind,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(Envelope { error: Told { kind: self.kind, message: self.message } });
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self.kind {
            RefusalKind::Unauthorized => {
                let asked = HeaderValue::from_static("Basic realm=\"retaind\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, asked);
            }
            RefusalKind::TooSlow => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}
