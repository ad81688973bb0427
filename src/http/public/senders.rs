//! Who may send, and how fast.

use super::refusal::{Refusal, RefusalKind};
use crate::http::gate::Gate;
use arc_swap::ArcSwap;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use secrecy::SecretString;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How many calls a write key may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRate {
    /// So many.
    pub calls: NonZeroU32,
    /// In such a span. As many may come at once after a rest.
    pub per: Duration,
}

/// Who may send: the write keys, each with a limit of its own. They can be exchanged while calls are answered.
#[derive(Default)]
pub struct Senders(ArcSwap<Vec<Arc<Sender>>>);

struct Sender {
    gate: Gate,
    rate: KeyRate,
    limiter: DefaultDirectRateLimiter,
}

impl Senders {
    /// Senders with these keys.
    #[must_use]
    pub fn new(keys: &[SecretString], rate: KeyRate) -> Self {
        let senders = Self(ArcSwap::default());
        senders.replace(keys, rate);
        senders
    }

    /// From now on it is these keys. A key that stays, under the rate that it had, goes on with what it has left of it.
    pub fn replace(&self, keys: &[SecretString], rate: KeyRate) {
        let before = self.0.load_full();
        let kept = |gate: &Gate| before.iter().find(|old| old.gate == *gate && old.rate == rate).cloned();
        let senders = keys.iter().map(Gate::new).map(|gate| {
            let limiter = || DefaultDirectRateLimiter::direct(quota(rate));
            kept(&gate).unwrap_or_else(|| Arc::new(Sender { gate, rate, limiter: limiter() }))
        });
        self.0.store(Arc::new(senders.collect()));
    }

    /// Lets a call through, or says why not.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let senders = self.0.load();
        let unauthorized = |message: &str| Refusal::new(RefusalKind::Unauthorized, message);
        if senders.is_empty() {
            return Err(unauthorized("no write key is set (`http.write_keys`), so nobody may send"));
        }
        let key = write_key(headers).ok_or_else(|| {
            unauthorized("a write key is needed, as the user name of Basic authentication with an empty password")
        })?;
        // Each one is looked at, so that the time says nothing of which is right.
        let mut found = None;
        for sender in senders.iter() {
            if sender.gate.opens_for(&key) {
                found = Some(sender);
            }
        }
        let sender = found.ok_or_else(|| unauthorized("the write key is wrong (`http.write_keys`)"))?;
        sender.limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Refusal::later(RefusalKind::TooMany, "more calls than this write key may make (`http.rate`)", seconds)
        })
    }
}

/// As many at once as may come in the span, then one after the other.
fn quota(rate: KeyRate) -> Quota {
    let each = rate.per / rate.calls.get();
    Quota::with_period(each).map_or_else(|| Quota::per_second(rate.calls), |quota| quota.allow_burst(rate.calls))
}

/// The user name of `Authorization: Basic`; the password is not looked at.
fn write_key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let key = text.split_once(':').map_or(text.as_str(), |(key, _)| key);
    (!key.is_empty()).then(|| key.to_owned())
}
