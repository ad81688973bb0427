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
use ipnet::IpNet;
use secrecy::SecretString;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where proxies say who called them.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// How many calls a write key may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRate {
    /// So many.
    pub calls: NonZeroU32,
    /// In such a span. As many may come at once after a rest.
    pub per: Duration,
}

/// Who may send: the write keys, each with a limit of its own, and who calls for others. They can be exchanged while calls are
/// answered.
#[derive(Default)]
pub struct Senders {
    keys: ArcSwap<Vec<Arc<Sender>>>,
    proxies: ArcSwap<Vec<IpNet>>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

struct Sender {
    gate: Gate,
    rate: KeyRate,
    limiter: DefaultDirectRateLimiter,
}

impl Senders {
    /// Senders with these keys.
    #[must_use]
    pub fn new(keys: &[SecretString], rate: KeyRate) -> Self {
        let senders = Self::default();
        senders.replace(keys, rate);
        senders
    }

    /// From now on it is these keys. A key that stays, under the rate that it had, goes on with what it has left of it.
    pub fn replace(&self, keys: &[SecretString], rate: KeyRate) {
        let before = self.keys.load_full();
        let kept = |gate: &Gate| before.iter().find(|old| old.gate == *gate && old.rate == rate).cloned();
        let senders = keys.iter().map(Gate::new).map(|gate| {
            let limiter = || DefaultDirectRateLimiter::direct(quota(rate));
            kept(&gate).unwrap_or_else(|| Arc::new(Sender { gate, rate, limiter: limiter() }))
        });
        self.keys.store(Arc::new(senders.collect()));
    }

    /// From now on it is these whose word is taken for who called them.
    pub fn trust(&self, proxies: Vec<IpNet>) {
        self.proxies.store(Arc::new(proxies));
    }

    /// Who called: the other end of the connection, or whom a proxy that is trusted says that it was called by. Of several
    /// proxies in a row the last one's word is taken first, for what stands before it anybody can have written.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let proxies = self.proxies.load();
        let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
        let mut caller = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let told: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        for text in told.into_iter().rev() {
            let Some(before) = address(text.trim()).filter(|_| is_proxy(caller)) else { break };
            caller = before;
        }
        caller
    }

    /// Lets a call through, or says why not.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let senders = self.keys.load();
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

/// An address as proxies write it, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    bare.or_else(|_| with_port()).ok().map(|address| address.to_canonical())
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

#[cfg(test)]
mod tests {
    use super::{HeaderMap, Senders};

    fn caller(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let senders = Senders::default();
        senders.trust(proxies.iter().map(|net| net.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        senders.caller(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_word_of_a_proxy_is_taken_only_if_the_settings_trust_it() {
        assert_eq!(caller(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(caller(&["192.0.2.1/32"], "192.0.2.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller(&["192.0.2.0/24"], "::ffff:192.0.2.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(caller(&["192.0.2.0/24"], "192.0.2.1", &["[2001:db8::1]:80"]), "2001:db8::1");
    }

    #[test]
    fn what_a_caller_writes_before_the_proxy_is_not_believed() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(caller(&proxies, "10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(caller(&proxies, "10.0.0.1", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller(&proxies, "10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1");
        assert_eq!(caller(&proxies, "10.0.0.1", &[]), "10.0.0.1");
    }
}
