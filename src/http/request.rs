//! A name for each call, so that an answer and the lines of the log about it can be brought together.

use crate::telemetry::fields;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;

/// The header that gives it: of the answer, and of a request by which a proxy has given it a name already.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken over from a caller.
const LONGEST: usize = 64;

/// Names a call: the lines about it bear the name, and its answer does.
pub(super) async fn named(request: Request, next: Next) -> Response {
    answered(request, |request| next.run(request)).await
}

/// As [`named`], for the administration, of which every call that may change something is a line of the log. What is
/// logged is the route and never the path, in which an address may stand.
pub(super) async fn noted(request: Request, next: Next) -> Response {
    answered(request, |request| async move {
        let begun = Instant::now();
        let method = request.method().clone();
        let route = request.extensions().get::<MatchedPath>().cloned();
        let response = next.run(request).await;
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        let status = response.status().as_u16();
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if method.is_safe() {
            tracing::debug!(%method, route, status, { fields::ELAPSED_MS } = elapsed, "asked");
        } else {
            tracing::info!(%method, route, status, { fields::ELAPSED_MS } = elapsed, "administration");
        }
        response
    })
    .await
}

async fn answered<A: Future<Output = Response>>(request: Request, answer: impl FnOnce(Request) -> A) -> Response {
    let id = id_of(request.headers());
    let span = tracing::error_span!("call", { fields::REQUEST } = %id);
    let mut response = answer(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The caller's own name for it, if it is one that can stand in a log, or a new one of 16 hexadecimal digits.
fn id_of(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.filter(|id| is_name(id)).map_or_else(new_id, str::to_owned)
}

/// No address is one, and nothing that could be taken for anything else in a line.
fn is_name(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn new_id() -> String {
    // Without randomness calls have the same name, and are answered all the same.
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{REQUEST_ID, id_of};
    use axum::http::{HeaderMap, HeaderValue};

    fn given(id: &'static str) -> String {
        id_of(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]))
    }

    #[test]
    fn a_callers_own_name_is_kept_if_it_can_stand_in_a_log() {
        for id in ["0af3", "3f1c-9a_b.2", "a"] {
            assert_eq!(given(id), id);
        }
        let long = "a234567890123456789012345678901234567890123456789012345678901234x";
        for id in ["", "ana@example.com", "a b", "a=\"b\"", "a;b", long] {
            let id = given(id);
            assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
    }

    #[test]
    fn every_call_has_a_name_of_its_own() {
        assert_ne!(id_of(&HeaderMap::new()), id_of(&HeaderMap::new()));
    }
}
